/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reseal_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"
#include "document/quote.h"

#define FORMAT 1
#define GIT_FILE_MAX 8192 /* bytes of a ".git" that is a file */
#define TRIES 10

/* --- the contents ----------------------------------------------------------------------------- */

void reseal_record_clear(struct reseal_record *r)
{
	mem_free(r->run);
	kv_clear(&r->files);
	kv_clear(&r->keys);
	json_decref(r->lost);
	*r = (struct reseal_record){ 0 };
}

static bool take_head(const json_t *v, struct reseal_record *out)
{
	const char *what = json_string_value(json_object_get(v, "bulla"));
	const char *run = json_string_value(json_object_get(v, "run"));
	const char *started = json_string_value(json_object_get(v, "started"));

	if (what == NULL || strcmp(what, "reseal") != 0 || run == NULL || started == NULL ||
	    json_integer_value(json_object_get(v, "format")) != FORMAT ||
	    !clock_parse(started, &out->started))
		return false;
	out->run = mem_str(run);
	return true;
}

/* Below the top level, and nowhere else: a temporary file is going to be removed beside it. */
static bool is_below(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (path[n] == '\0')
			return true;
		path += n + 1;
	}
}

/* A path may be any bytes, and JSON is UTF-8. */
static void take_file(const json_t *v, struct reseal_record *out)
{
	const char *file = json_string_value(json_object_get(v, "file"));
	const char *coded = json_string_value(json_object_get(v, "file64"));
	const char *sum = json_string_value(json_object_get(v, "sha256"));
	struct buf path = BUF_INIT;

	if (coded != NULL && b64_decode(&path, coded, strlen(coded)) == 0)
		file = strlen(buf_str(&path)) == path.len ? buf_str(&path) : NULL;
	if (file != NULL && sum != NULL && is_below(file))
		kv_set_str(&out->files, file, sum);
	buf_clear(&path);
}

static void take_line(const json_t *v, struct reseal_record *out)
{
	json_t *lost = json_object_get(v, "lost"), *keys = json_object_get(v, "keys"), *name;
	const char *id;

	take_file(v, out);
	json_object_foreach(keys, id, name)
	{
		if (name_is_key_id(id) && json_is_string(name))
			kv_set_str(&out->keys, id, json_string_value(name));
	}
	if (json_is_object(lost))
		json_array_append(out->lost, lost);
}

void reseal_record_parse(const void *text, size_t len, struct reseal_record *out)
{
	const char *at = text, *end = at + len;

	*out = (struct reseal_record){ .lost = json_array() };
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		json_t *v;

		if (nl == NULL)
			return;
		v = json_parse(at, (size_t)(nl - at), "journal", NULL);
		if (out->run == NULL && !take_head(v, out)) {
			json_decref(v);
			return;
		}
		if (v != NULL)
			take_line(v, out);
		json_decref(v);
		at = nl + 1;
	}
}

void reseal_record_sum(const struct buf *text, char hex[static 65])
{
	unsigned char sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, text->data, text->len);
	sodium_bin2hex(hex, 65, sum, sizeof(sum));
}

/* --- where it is ------------------------------------------------------------------------------ */

/* gitrepository-layout(5): ".git" is the folder, or a file "gitdir: PATH" (git worktree). */
static char *git_folder(const char *top, struct err *err)
{
	char *path = mem_printf("%s/.git", strcmp(top, "/") == 0 ? "" : top), *found = NULL;
	struct buf text = BUF_INIT;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return path;
	if (file_read(path, GIT_FILE_MAX, 0, &text, NULL, err) == 0) {
		const char *line = buf_str(&text);
		size_t n = strcspn(line, "\n");

		if (strlen(line) == text.len && strncmp(line, "gitdir: ", 8) == 0 && n > 8)
			found = mem_printf("%s%s%.*s", line[8] == '/' ? "" : top,
					   line[8] == '/' ? "" : "/", (int)(n - 8), line + 8);
		else
			err_set(err, ERR_INVALID,
				"%s: neither a folder nor a file that says \"gitdir: \"", path);
	}
	buf_clear(&text);
	mem_free(path);
	return found;
}

struct reseal_journal {
	char *path;
	int fd;
	struct reseal_record record;
	bool locked;
	bool written; /* its lines are ours */
};

/* Open and lock; whoever held it may have removed it while we opened it. */
static int lock(struct reseal_journal *j, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		struct stat held, named;

		j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (j->fd < 0)
			return err_sys(err, "%s: cannot open", j->path);
		if (flock(j->fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EWOULDBLOCK)
				return err_set(err, ERR_CONFLICT,
					       "another reseal is at work in this repository (%s)",
					       j->path);
			return err_sys(err, "%s: cannot lock", j->path);
		}
		if (fstat(j->fd, &held) == 0 && lstat(j->path, &named) == 0 &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
			j->locked = true;
			return 0;
		}
		close(j->fd);
		j->fd = -1;
	}
	return err_set(err, ERR_CONFLICT, "%s: comes and goes", j->path);
}

struct reseal_journal *reseal_journal_open(const char *top, struct err *err)
{
	struct reseal_journal *j = mem_alloc(sizeof(*j));
	char *folder = git_folder(top, err), *own = NULL;
	struct buf text = BUF_INIT;

	j->fd = -1;
	if (folder == NULL)
		goto fail;
	own = mem_printf("%s/bulla", folder);
	j->path = mem_printf("%s/reseal", own);
	if (file_mkdirs(own, 0777, err) != 0 || lock(j, err) != 0 ||
	    file_read_fd(j->fd, j->path, RESEAL_JOURNAL_MAX, &text, err) != 0)
		goto fail;
	reseal_record_parse(text.data, text.len, &j->record);
	buf_clear(&text);
	mem_free(own);
	mem_free(folder);
	return j;
fail:
	mem_free(own);
	mem_free(folder);
	reseal_journal_free(j);
	return NULL;
}

const struct reseal_record *reseal_journal_record(const struct reseal_journal *j)
{
	return &j->record;
}

bool reseal_journal_resumes(const struct reseal_journal *j, const char *run, int64_t now)
{
	const struct reseal_record *r = &j->record;

	return r->run != NULL && strcmp(r->run, run) == 0 && r->started <= now &&
	       now - r->started < RESEAL_JOURNAL_AGE;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_lines(struct reseal_journal *j, const json_t *lines, struct err *err)
{
	struct buf text = BUF_INIT;
	const json_t *v;
	size_t i;
	int r = 0;

	json_array_foreach(lines, i, v)
	{
		if (json_format(&text, v) != 0 || buf_putc(&text, '\n') != 0)
			r = err_set(err, ERR_INTERNAL, "%s: too much for one line", j->path);
	}
	if (r == 0 && file_write_fd(j->fd, text.data, text.len, err) != 0)
		r = err_wrap(err, "%s", j->path);
	buf_clear(&text);
	return r;
}

int reseal_journal_begin(struct reseal_journal *j, const char *run, int64_t now, struct err *err)
{
	char started[CLOCK_TEXT_SIZE];
	json_t *lines, *v;
	size_t i;
	int r;

	j->written = true;
	if (reseal_journal_resumes(j, run, now)) {
		/* behind a line that was cut short */
		return file_write_fd(j->fd, "\n", 1, err);
	}
	if (ftruncate(j->fd, 0) < 0)
		return err_sys(err, "%s: cannot empty", j->path);
	clock_format(now, started);
	lines = json_pack("[{s:s, s:i, s:s, s:s}]", "bulla", "reseal", "format", FORMAT, "run", run,
			  "started", started);
	json_array_foreach(j->record.lost, i, v)
	{
		json_array_append_new(lines, reseal_journal_lost(v));
	}
	json_array_append_new(lines, reseal_journal_keys(&j->record.keys));
	r = write_lines(j, lines, err);
	json_decref(lines);
	return r;
}

json_t *reseal_journal_file(const char *below, const struct buf *text)
{
	struct buf coded = BUF_INIT;
	char sum[65];
	json_t *v;

	reseal_record_sum(text, sum);
	if (quote_is_text(below, strlen(below))) {
		v = json_pack("{s:s, s:s}", "file", below, "sha256", sum);
	} else {
		b64_encode(&coded, below, strlen(below));
		v = json_pack("{s:s, s:s}", "file64", buf_str(&coded), "sha256", sum);
	}
	buf_clear(&coded);
	return v;
}

json_t *reseal_journal_keys(const struct kv *keys)
{
	json_t *names = json_object();

	for (size_t i = 0; i < keys->n; i++)
		json_object_set_new(names, keys->items[i].name,
				    json_string((const char *)keys->items[i].data));
	return json_pack("{s:o}", "keys", names);
}

json_t *reseal_journal_lost(json_t *lost)
{
	return json_pack("{s:O}", "lost", lost);
}

int reseal_journal_add(struct reseal_journal *j, const json_t *lines, struct err *err)
{
	return write_lines(j, lines, err);
}

void reseal_journal_remove(struct reseal_journal *j)
{
	unlink(j->path);
	j->written = false;
}

void reseal_journal_free(struct reseal_journal *j)
{
	struct stat st;

	if (j == NULL)
		return;
	/* one that was made for the lock alone */
	if (j->locked && !j->written && fstat(j->fd, &st) == 0 && st.st_size == 0)
		unlink(j->path);
	if (j->fd >= 0)
		close(j->fd);
	mem_free(j->path);
	reseal_record_clear(&j->record);
	mem_free(j);
}
