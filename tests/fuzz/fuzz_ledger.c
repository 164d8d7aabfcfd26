/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's ledger.  With an odd first byte the rest is the file as it stands; with an even one
 * it is lines without their sums, which are added, so that what is behind the sums is reached too.
 *
 * What is told must be usable as names and paths without further checks, and written again it must
 * be told again in the same words.
 */
static void set_up(void);
#define FUZZ_SET_UP set_up
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/folder.h"
#include "agent/ledger.h"
#include "base/err.h"
#include "base/file.h"
#include "base/name.h"

static char top[64];
static int folder = -1;

static void clean_up(void)
{
	folder_empty(folder, NULL);
	rmdir(top);
}

/* What a ledger tells, in words, and written into another one. */
struct told {
	struct buf words;
	struct ledger *again; /* or NULL */
	bool lost;
};

static void secret(void *ctx, const struct ledger_secret *s)
{
	struct told *t = ctx;

	must(name_is_label(s->namespace) && name_is_subdomain(s->name));
	must(strncmp(s->mark.stamp, "..2", 3) == 0 && strchr(s->mark.stamp, '/') == NULL);
	must(strlen(s->mark.stamp) < FOLDER_STAMP_TEXT);
	buf_printf(&t->words, "S %s %s %d%d%d %llu %lld %s %s\n", s->namespace, s->name, s->retain,
		   s->retained, s->adopted, (unsigned long long)s->mark.ino,
		   (long long)s->mark.born, s->mark.stamp, s->source);
	buf_put(&t->words, s->made, sizeof(s->made));
	buf_put(&t->words, s->mark.print, sizeof(s->mark.print));
	if (t->again != NULL)
		ledger_put_secret(t->again, s);
}

static void secret_gone(void *ctx, const char *namespace, const char *name)
{
	struct told *t = ctx;

	must(name_is_label(namespace) && name_is_subdomain(name));
	buf_printf(&t->words, "s %s %s\n", namespace, name);
	if (t->again != NULL)
		ledger_put_secret_gone(t->again, namespace, name);
}

static void removed(void *ctx, const char *namespace, int64_t at)
{
	struct told *t = ctx;

	must(name_is_label(namespace));
	buf_printf(&t->words, "R %s %lld\n", namespace, (long long)at);
	if (t->again != NULL)
		ledger_put_removed(t->again, namespace, at);
}

static void namespace_made(void *ctx, const char *namespace)
{
	struct told *t = ctx;

	must(name_is_label(namespace));
	buf_printf(&t->words, "N %s\n", namespace);
	if (t->again != NULL)
		ledger_put_namespace(t->again, namespace, true);
}

static void doc(void *ctx, const struct scan_doc *d, const char *recipients)
{
	struct told *t = ctx;

	must(name_is_label(d->namespace) && name_is_subdomain(d->name));
	must(strpbrk(recipients, " \n") == NULL);
	(void)t;
}

static void file_gone(void *ctx, const char *path)
{
	struct told *t = ctx;

	buf_printf(&t->words, "f %s\n", path);
	if (t->again != NULL)
		ledger_put_file_gone(t->again, path);
}

static void files_lost(void *ctx)
{
	((struct told *)ctx)->lost = true;
}

static int tell(struct ledger *l, struct told *t)
{
	const struct ledger_reader reader = { .ctx = t,
					      .secret = secret,
					      .secret_gone = secret_gone,
					      .removed = removed,
					      .namespace_made = namespace_made,
					      .doc = doc,
					      .file_gone = file_gone,
					      .files_lost = files_lost };
	struct err err = ERR_INIT;

	return ledger_open(l, folder, &reader, &err);
}

static void write_raw(const uint8_t *data, size_t size)
{
	int fd = openat(folder, LEDGER_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && file_write_fd(fd, data, size, NULL) == 0);
	close(fd);
}

static void write_lines(const uint8_t *data, size_t size)
{
	struct told none = { .words = BUF_INIT };
	struct ledger l;

	must(tell(&l, &none) == 0);
	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end == NULL ? size : (size_t)(end - data);

		if (len > 2 && data[1] == ' ')
			journal_put(&l.journal, (char)data[0], "%.*s", (int)(len - 2),
				    (const char *)data + 2);
		size -= end == NULL ? len : len + 1;
		data += len + 1;
	}
	must(ledger_flush(&l, false, NULL) == 0);
	ledger_close(&l);
}

static void dump(void *ctx, struct ledger *l)
{
	(void)ctx;
	(void)l;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told first = { .words = BUF_INIT }, second = { .words = BUF_INIT };
	struct ledger l, again;
	struct err err = ERR_INIT;

	if (size == 0 || size > 100000)
		return 0;
	folder_empty(folder, NULL);
	if (data[0] % 2 == 1)
		write_raw(data + 1, size - 1);
	else
		write_lines(data + 1, size - 1);
	/* what is told goes into a second ledger, which takes the place of the first */
	again = (struct ledger){ .journal = { .fd = -1, .pending = BUF_INIT } };
	journal_put(&again.journal, 'V', "1");
	first.again = &again;
	if (tell(&l, &first) == 0) {
		must(l.journal.bad == 0 || ledger_damaged(&l));
		must(l.journal.bad == 0 || first.lost);
		must(ledger_rewrite(&l, dump, NULL, &err) == 0);
		ledger_close(&l);
		write_raw(again.journal.pending.data, again.journal.pending.len);
		must(tell(&l, &second) == 0);
		must(l.journal.bad == 0 && !l.journal.torn && !second.lost);
		must(first.words.len == second.words.len);
		must(first.words.len == 0 ||
		     memcmp(first.words.data, second.words.data, first.words.len) == 0);
		ledger_close(&l);
	}
	journal_close(&again.journal);
	buf_clear(&first.words);
	buf_clear(&second.words);
	return 0;
}

static void set_up(void)
{
	snprintf(top, sizeof(top), "%s/bulla-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(top) != NULL);
	folder = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(folder >= 0);
	must(atexit(clean_up) == 0);
}
