/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/edit_memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

#define SWAPS "/proc/swaps"
#define SWAPS_MAX 65536

#ifdef __linux__
static int make(struct err *err)
{
	char path[48];
	struct stat st;
	int fd = memfd_create("bulla", 0);

	if (fd < 0)
		return err_sys(err, "this kernel gives no file in memory (memfd)");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchmod(fd, 0600) != 0 || stat(path, &st) != 0) {
		err_sys(err, "a file in memory cannot be named (%s)", path);
		close(fd);
		return -1;
	}
	return fd;
}
#else
static int make(struct err *err)
{
	return err_set(err, ERR_IO,
		       "this system has no files that are in memory alone, and plaintext is never "
		       "written to a disk; use 'bulla open FILE --key KEY' and 'bulla set FILE "
		       "KEY --from-file -'");
}
#endif

int edit_memory_open(struct edit_memory *m, struct err *err)
{
	m->fd = make(err);
	return m->fd >= 0 ? 0 : -1;
}

/* The bytes that are there are gone for whoever still has it open. */
static int wipe(int fd)
{
	static const unsigned char zeros[4096];
	struct stat st;

	if (fstat(fd, &st) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	for (off_t left = st.st_size; left > 0; left -= (off_t)sizeof(zeros))
		if (file_write_fd(fd, zeros,
				  left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros),
				  NULL) != 0)
			return -1;
	return ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 ? 0 : -1;
}

int edit_memory_put(const struct edit_memory *m, const struct buf *text, struct err *err)
{
	if (wipe(m->fd) != 0)
		return err_sys(err, "the file in memory cannot be emptied");
	return file_write_fd(m->fd, text->data, text->len, err);
}

int edit_memory_get(const struct edit_memory *m, size_t max, struct buf *out, struct err *err)
{
	if (lseek(m->fd, 0, SEEK_SET) != 0)
		return err_sys(err, "the file in memory cannot be read");
	return file_read_fd(m->fd, "the text", max, out, err);
}

void edit_memory_close(struct edit_memory *m)
{
	if (m->fd < 0)
		return;
	(void)wipe(m->fd); /* it goes with us in any case */
	close(m->fd);
	m->fd = -1;
}

/*
 * Future mappings only where there is no limit at all: below one, a later allocation would fail
 * instead of being swappable.
 */
void edit_memory_lock(void)
{
	struct rlimit limit;
	bool all;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	all = limit.rlim_cur == RLIM_INFINITY || geteuid() == 0;
	(void)mlockall(all ? MCL_CURRENT | MCL_FUTURE : MCL_CURRENT);
}

void edit_memory_lock_buf(const struct buf *b)
{
	if (b->data != NULL)
		(void)mlock(b->data, b->cap);
}

void edit_memory_lock_kv(const struct kv *kv)
{
	for (size_t i = 0; i < kv->n; i++)
		(void)mlock(kv->items[i].data, kv->items[i].len + 1);
}

bool edit_memory_swaps(const char *text)
{
	/* the first line has the heads of the columns */
	for (const char *s = strchr(text, '\n'); s != NULL && s[1] != '\0'; s = strchr(s + 1, '\n'))
		if (strncmp(s + 1, "/dev/zram", strlen("/dev/zram")) != 0)
			return true;
	return false;
}

bool edit_memory_swapped(void)
{
	struct buf text = BUF_INIT;
	bool swapped = file_read(SWAPS, SWAPS_MAX, 0, &text, NULL, NULL) == 0 &&
		       edit_memory_swaps(buf_str(&text));

	buf_clear(&text);
	return swapped;
}
