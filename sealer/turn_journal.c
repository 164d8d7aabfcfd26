/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/turn_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "git/run.h"
#include "sealer/report.h"

#define WHAT "rotate deploy-key"
#define FORMAT 1
#define TRIES 10
#define HEX_BYTES 16

/* --- the contents ----------------------------------------------------------------------------- */

/* Texts of a record, by their names in the file. */
static const struct {
	const char *name;
	size_t at;
	bool needed;
} texts[] = {
	{ "file", offsetof(struct turn_record, file), true },
	{ "document", offsetof(struct turn_record, document), true },
	{ "url", offsetof(struct turn_record, url), true },
	{ "oldPublicKey", offsetof(struct turn_record, old_public), false },
	{ "newPublicKey", offsetof(struct turn_record, new_public), true },
	{ "oldDocument", offsetof(struct turn_record, old_text), true },
	{ "newDocument", offsetof(struct turn_record, new_text), true },
	{ "pullBranch", offsetof(struct turn_record, pull.branch), false },
	{ "pullBase", offsetof(struct turn_record, pull.base), false },
	{ "pullUrl", offsetof(struct turn_record, pull.url), false },
	{ "backBranch", offsetof(struct turn_record, back.branch), false },
	{ "backBase", offsetof(struct turn_record, back.base), false },
	{ "backUrl", offsetof(struct turn_record, back.url), false },
};
static const struct {
	const char *name;
	size_t at;
} flags[] = {
	{ "tried", offsetof(struct turn_record, tried) },
	{ "written", offsetof(struct turn_record, written) },
	{ "aborted", offsetof(struct turn_record, aborted) },
};
static const struct {
	const char *name;
	size_t at;
} times[] = {
	{ "started", offsetof(struct turn_record, started) },
	{ "appliedAt", offsetof(struct turn_record, applied_at) },
};
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void *at(const void *r, size_t offset)
{
	return (char *)(uintptr_t)r + offset;
}

void turn_record_clear(struct turn_record *r)
{
	for (size_t i = 0; i < COUNT(texts); i++)
		mem_free(*(char **)at(r, texts[i].at));
	kv_clear(&r->applied);
	*r = (struct turn_record){ 0 };
}

static int take_texts(const json_t *v, struct turn_record *out, struct err *err)
{
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *s;

		if (json_opt_string(v, "journal", texts[i].name, &s, err) != 0)
			return -1;
		if (s == NULL && texts[i].needed)
			return err_set(err, ERR_INVALID, "journal.%s: missing", texts[i].name);
		*(char **)at(out, texts[i].at) = mem_str(s);
	}
	return 0;
}

static int take_all(const json_t *v, struct turn_record *out, struct err *err)
{
	json_t *applied = json_object_get(v, "applied"), *digest;
	const char *s, *name;

	if (json_opt_string(v, "journal", "bulla", &s, err) != 0)
		return -1;
	if (s == NULL || strcmp(s, WHAT) != 0 ||
	    json_integer_value(json_object_get(v, "format")) != FORMAT)
		return err_set(err, ERR_INVALID,
			       "not the journal of a rotation, or of another version of bulla");
	if (take_texts(v, out, err) != 0)
		return -1;
	for (size_t i = 0; i < COUNT(flags); i++)
		*(bool *)at(out, flags[i].at) = json_is_true(json_object_get(v, flags[i].name));
	for (size_t i = 0; i < COUNT(times); i++) {
		s = json_string_value(json_object_get(v, times[i].name));
		if (s != NULL && !clock_parse(s, at(out, times[i].at)))
			return err_set(err, ERR_INVALID, "journal.%s: not a time", times[i].name);
	}
	json_object_foreach(applied, name, digest)
	{
		if (json_is_string(digest))
			kv_set_str(&out->applied, name, json_string_value(digest));
	}
	return 0;
}

/* As GitHub has it at the end of the address. */
static void number(struct turn_pull *p)
{
	const char *last = p->url != NULL ? strrchr(p->url, '/') : NULL;

	p->number = last != NULL ? strtoll(last + 1, NULL, 10) : 0;
}

int turn_record_parse(const char *name, const void *text, size_t len, struct turn_record *out,
		      struct err *err)
{
	json_t *v = json_parse(text, len, "journal", err);
	int r = v != NULL ? take_all(v, out, err) : -1;

	json_decref(v);
	if (r != 0)
		turn_record_clear(out);
	number(&out->pull);
	number(&out->back);
	return r == 0 ? 0 : err_wrap(err, "%s", name);
}

void turn_record_format(const struct turn_record *r, struct buf *out)
{
	json_t *v = json_pack("{s:s, s:i}", "bulla", WHAT, "format", FORMAT);
	json_t *applied = json_object();

	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *s = *(char **)at(r, texts[i].at);

		if (s != NULL)
			json_object_set_new(v, texts[i].name, report_text(s));
	}
	for (size_t i = 0; i < COUNT(flags); i++)
		json_object_set_new(v, flags[i].name, json_boolean(*(bool *)at(r, flags[i].at)));
	for (size_t i = 0; i < COUNT(times); i++) {
		int64_t t = *(int64_t *)at(r, times[i].at);
		char text[CLOCK_TEXT_SIZE];

		clock_format(t, text);
		if (t != 0)
			json_object_set_new(v, times[i].name, json_string(text));
	}
	for (size_t i = 0; i < r->applied.n; i++)
		json_object_set_new(applied, r->applied.items[i].name,
				    json_string((const char *)r->applied.items[i].data));
	json_object_set_new(v, "applied", applied);
	json_format(out, v);
	buf_putc(out, '\n');
	json_decref(v);
}

/* --- the file --------------------------------------------------------------------------------- */

/* Two files may hold documents of one name: those of two clusters. */
static char *name_of(const char *file, const struct document *d)
{
	char *text = mem_printf("%s\n%s/%s", file, d->namespace, d->name);
	unsigned char sum[crypto_hash_sha256_BYTES];
	char hex[2 * HEX_BYTES + 1];

	crypto_hash_sha256(sum, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(hex, sizeof(hex), sum, HEX_BYTES);
	mem_free(text);
	return mem_str(hex);
}

static int find(const char *top, const char *file, const struct document *d,
		struct turn_journal *out, struct err *err)
{
	struct git *g = git_open(top, err);
	char *name;

	if (g == NULL)
		return -1;
	name = name_of(file, d);
	out->folder = mem_printf("%s/bulla/rotate/%s", git_common_dir(g), name);
	out->path = mem_printf("%s/journal", out->folder);
	mem_free(name);
	git_close(g);
	return 0;
}

/* The folder is the lock; whoever held it may have removed it while we opened it. */
static int lock(struct turn_journal *j, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		struct stat held, named;

		if (file_mkdirs(j->folder, 0777, err) != 0)
			return -1;
		j->fd = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (j->fd < 0 && errno != ENOENT)
			return err_sys(err, "%s: cannot open", j->folder);
		if (j->fd < 0)
			continue;
		if (flock(j->fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EWOULDBLOCK)
				err_set(err, ERR_CONFLICT,
					"another rotation of this deploy key is at work (%s)",
					j->folder);
			else
				err_sys(err, "%s: cannot lock", j->folder);
			close(j->fd);
			j->fd = -1; /* what is in the folder is its holder's to remove */
			return -1;
		}
		if (fstat(j->fd, &held) == 0 && lstat(j->folder, &named) == 0 &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev)
			return 0;
		close(j->fd);
		j->fd = -1;
	}
	return err_set(err, ERR_CONFLICT, "%s: comes and goes", j->folder);
}

/* Whatever is in the folder of that name: it must be of this document. */
static int check_whose(const struct turn_record *r, const char *file, const struct document *d,
		       struct err *err)
{
	char *name = mem_printf("%s/%s", d->namespace, d->name);
	bool same = strcmp(r->file, file) == 0 && strcmp(r->document, name) == 0;

	mem_free(name);
	return same ? 0 : err_set(err, ERR_INVALID, "it is of another document");
}

static int read_it(struct turn_journal *j, const char *file, const struct document *d,
		   struct err *err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int r;

	if (lstat(j->path, &st) != 0 && errno == ENOENT)
		return 0;
	r = file_read(j->path, TURN_JOURNAL_MAX, FILE_NOFOLLOW, &text, NULL, err);
	if (r == 0)
		r = turn_record_parse(j->path, text.data, text.len, &j->record, err);
	j->there = r == 0;
	if (r == 0 && check_whose(&j->record, file, d, err) != 0)
		r = err_wrap(err, "%s", j->path);
	buf_clear(&text);
	return r;
}

int turn_journal_open(const char *top, const char *file, const struct document *d,
		      struct turn_journal *out, struct err *err)
{
	*out = (struct turn_journal){ .fd = -1 };
	if (find(top, file, d, out, err) != 0 || lock(out, err) != 0)
		return -1;
	return read_it(out, file, d, err);
}

int turn_journal_write(struct turn_journal *j, struct err *err)
{
	struct file_write w = { .path = j->path, .mode = 0600 };
	struct buf text = BUF_INIT;
	int r;

	turn_record_format(&j->record, &text);
	r = file_write(&w, text.data, text.len, err);
	j->there = j->there || r == 0;
	buf_clear(&text);
	return r;
}

void turn_journal_remove(struct turn_journal *j)
{
	unlink(j->path);
	j->there = false;
}

void turn_journal_close(struct turn_journal *j)
{
	/* one that was made for the lock alone, or is at its end */
	if (j->fd >= 0 && !j->there) {
		file_stage_sweep(j->path);
		rmdir(j->folder);
	}
	if (j->fd >= 0)
		close(j->fd);
	mem_free(j->folder);
	mem_free(j->path);
	turn_record_clear(&j->record);
	*j = (struct turn_journal){ .fd = -1 };
}
