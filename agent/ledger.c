/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/name.h"

#define VERSION "1"
#define RECIPIENTS_MAX_TEXT 16384 /* longer ones are read from the document again */
#define STALE_LINES 1000

/* --- fields ----------------------------------------------------------------------------------- */

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0'))
		return false;
	for (; *text != '\0'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (digit > 9 || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

static bool read_time(const char *text, int64_t *out)
{
	bool negative = *text == '-';
	uint64_t n;

	if (!read_number(text + negative, INT64_MAX, &n) || (negative && n == 0))
		return false;
	*out = negative ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool read_hex(const char *text, unsigned char *out, size_t len)
{
	size_t got;

	return strlen(text) == len * 2 && strspn(text, "0123456789abcdef") == len * 2 &&
	       sodium_hex2bin(out, len, text, len * 2, NULL, &got, NULL) == 0 && got == len;
}

/* Each letter of flags once and in their order, or "-". */
static bool read_flags(const char *text, const char *letters, bool *const flags[])
{
	size_t i;

	if (strcmp(text, "-") == 0)
		text = "";
	else if (*text == '\0')
		return false;
	for (i = 0; letters[i] != '\0'; i++) {
		*flags[i] = *text == letters[i];
		text += *flags[i];
	}
	return *text == '\0';
}

static bool read_stamp(const char *text, char *out)
{
	size_t len = strlen(text);

	if (len >= FOLDER_STAMP_TEXT || strncmp(text, "..2", 3) != 0 || strchr(text, '/') != NULL)
		return false;
	memcpy(out, text, len + 1);
	return true;
}

static bool read_names(const char *namespace, const char *name)
{
	return name_is_label(namespace) && name_is_subdomain(name);
}

/* --- lines ------------------------------------------------------------------------------------ */

typedef bool read_line(struct ledger *l, char **f);

static bool read_version(struct ledger *l, char **f)
{
	l->versioned = true;
	if (strcmp(f[0], VERSION) != 0)
		l->newer = true;
	return true;
}

static bool read_secret(struct ledger *l, char **f)
{
	struct ledger_secret s = { .namespace = f[1], .name = f[2], .source = f[8] };
	bool *const flags[] = { &s.adopted, &s.retained, &s.retain };

	if (!read_flags(f[0], "agr", flags) || !read_names(f[1], f[2]) ||
	    !read_hex(f[3], s.made, sizeof(s.made)) ||
	    !read_number(f[4], UINT64_MAX, &s.mark.ino) || !read_time(f[5], &s.mark.born) ||
	    !read_stamp(f[6], s.mark.stamp) ||
	    !read_hex(f[7], s.mark.print, sizeof(s.mark.print)) || journal_untext(f[8]) < 0)
		return false;
	if (l->reader->secret != NULL)
		l->reader->secret(l->reader->ctx, &s);
	return true;
}

static bool read_secret_gone(struct ledger *l, char **f)
{
	if (!read_names(f[0], f[1]))
		return false;
	if (l->reader->secret_gone != NULL)
		l->reader->secret_gone(l->reader->ctx, f[0], f[1]);
	return true;
}

static bool read_removed(struct ledger *l, char **f)
{
	int64_t at;

	if (!name_is_label(f[0]) || !read_time(f[1], &at))
		return false;
	if (l->reader->removed != NULL)
		l->reader->removed(l->reader->ctx, f[0], at);
	return true;
}

static bool read_file_mode(struct ledger *l, char **f)
{
	uint64_t mode;

	if (!read_number(f[0], 07777, &mode))
		return false;
	if (l->reader->file_mode != NULL)
		l->reader->file_mode(l->reader->ctx, (mode_t)mode);
	return true;
}

static bool read_namespace(struct ledger *l, char **f)
{
	bool made = false;
	bool *const flags[] = { &made };

	if (!name_is_label(f[0]) || !read_flags(f[1], "m", flags))
		return false;
	if (made && l->reader->namespace_made != NULL)
		l->reader->namespace_made(l->reader->ctx, f[0]);
	if (!made && l->reader->namespace_gone != NULL)
		l->reader->namespace_gone(l->reader->ctx, f[0]);
	return true;
}

static bool read_file(struct ledger *l, char **f)
{
	struct scan_stat st;
	uint64_t n;

	if (!read_number(f[0], UINT64_MAX, &st.dev) || !read_number(f[1], UINT64_MAX, &st.ino) ||
	    !read_number(f[2], UINT64_MAX, &st.size) || !read_time(f[3], &st.mtime) ||
	    !read_time(f[4], &st.ctime) || !read_number(f[5], SCAN_DOCUMENTS, &n) ||
	    journal_untext(f[6]) < 0)
		return false;
	l->docs_to_come = (size_t)n;
	if (l->reader->file != NULL)
		l->reader->file(l->reader->ctx, f[6], &st);
	return true;
}

static bool read_doc(struct ledger *l, char **f)
{
	struct scan_doc d = { .namespace = f[1], .name = f[2] };
	bool *const flags[] = { &d.chosen, &d.retain };
	uint64_t line;

	if (l->docs_to_come == 0 || !read_flags(f[0], "cr", flags) || !read_names(f[1], f[2]) ||
	    !read_hex(f[3], d.id, sizeof(d.id)) || !read_number(f[4], UINT32_MAX, &line) ||
	    !read_time(f[5], &d.not_after))
		return false;
	l->docs_to_come--;
	d.line = (unsigned)line;
	if (l->reader->doc != NULL)
		l->reader->doc(l->reader->ctx, &d, f[6]);
	return true;
}

static bool read_file_gone(struct ledger *l, char **f)
{
	if (journal_untext(f[0]) < 0)
		return false;
	if (l->reader->file_gone != NULL)
		l->reader->file_gone(l->reader->ctx, f[0]);
	return true;
}

static const struct line {
	char type;
	size_t fields;
	read_line *read;
} lines[] = {
	{ 'V', 1, read_version },   { 'S', 9, read_secret },	{ 's', 2, read_secret_gone },
	{ 'R', 2, read_removed },   { 'N', 2, read_namespace }, { 'F', 7, read_file },
	{ 'M', 1, read_file_mode }, { 'D', 7, read_doc },	{ 'f', 1, read_file_gone },
};

static int take_line(void *ctx, char type, char **fields, size_t n)
{
	struct ledger *l = ctx;
	size_t i;

	if (l->newer)
		return 0; /* not ours to judge */
	if (!l->versioned && type != 'V')
		return -1;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (lines[i].type != type || lines[i].fields != n)
			continue;
		/* a file's line says how many documents follow; with fewer it is not whole */
		if (type != 'D' && l->docs_to_come != 0) {
			l->docs_to_come = 0;
			l->journal.bad++;
		}
		return lines[i].read(l, fields) ? 0 : -1;
	}
	return -1;
}

/* --- open ------------------------------------------------------------------------------------- */

bool ledger_damaged(const struct ledger *l)
{
	return faccessat(l->journal.dir, LEDGER_DAMAGED, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int keep_damaged(struct ledger *l, struct err *err)
{
	int dir = l->journal.dir;

	if (linkat(dir, LEDGER_NAME, dir, LEDGER_DAMAGED, 0) < 0 && errno != EEXIST)
		return err_sys(err, "cannot keep a copy of the damaged ledger");
	return 0;
}

int ledger_open(struct ledger *l, int dir, const struct ledger_reader *reader, struct err *err)
{
	*l = (struct ledger){ .reader = reader };
	if (journal_open(&l->journal, dir, LEDGER_NAME, take_line, l, err) < 0)
		return -1;
	l->reader = NULL;
	if (l->newer) {
		ledger_close(l);
		return err_set(err, ERR_CONFLICT,
			       "the ledger was written by a newer bulla-agent; use that one");
	}
	/* a document's line that is missing must not look like a document that is gone */
	if ((l->docs_to_come != 0 || l->journal.bad != 0) && reader->files_lost != NULL)
		reader->files_lost(reader->ctx);
	if (l->journal.bad != 0 && keep_damaged(l, err) < 0) {
		ledger_close(l);
		return -1;
	}
	if (l->journal.lines == 0)
		journal_put(&l->journal, 'V', VERSION);
	return 0;
}

void ledger_close(struct ledger *l)
{
	journal_close(&l->journal);
}

/* --- write ------------------------------------------------------------------------------------ */

static const char *format_flags(char *out, const char *letters, const bool *flags)
{
	char *at = out;

	for (; *letters != '\0'; letters++, flags++)
		if (*flags)
			*at++ = *letters;
	if (at == out)
		*at++ = '-';
	*at = '\0';
	return out;
}

void ledger_put_secret(struct ledger *l, const struct ledger_secret *s)
{
	const bool set[] = { s->adopted, s->retained, s->retain };
	char flags[4];
	char made[SOURCE_ID * 2 + 1];
	char print[FOLDER_PRINT * 2 + 1];
	struct buf source = BUF_INIT;

	sodium_bin2hex(made, sizeof(made), s->made, sizeof(s->made));
	sodium_bin2hex(print, sizeof(print), s->mark.print, sizeof(s->mark.print));
	journal_text(&source, s->source);
	journal_put(&l->journal, 'S', "%s %s %s %s %" PRIu64 " %" PRId64 " %s %s %s",
		    format_flags(flags, "agr", set), s->namespace, s->name, made, s->mark.ino,
		    s->mark.born, s->mark.stamp, print, buf_str(&source));
	buf_clear(&source);
}

void ledger_put_secret_gone(struct ledger *l, const char *namespace, const char *name)
{
	journal_put(&l->journal, 's', "%s %s", namespace, name);
}

void ledger_put_removed(struct ledger *l, const char *namespace, int64_t at)
{
	journal_put(&l->journal, 'R', "%s %" PRId64, namespace, at);
}

void ledger_put_file_mode(struct ledger *l, mode_t mode)
{
	journal_put(&l->journal, 'M', "%u", (unsigned)mode);
}

void ledger_put_namespace(struct ledger *l, const char *namespace, bool made)
{
	journal_put(&l->journal, 'N', "%s %s", namespace, made ? "m" : "-");
}

bool ledger_can_put_file(const struct scan_file *f)
{
	size_t i;

	if (f->state != SCAN_FINE || !f->trusted || f->list)
		return false;
	for (i = 0; i < f->n; i++)
		if (f->docs[i].invalid || strlen(f->docs[i].set->recipients) > RECIPIENTS_MAX_TEXT)
			return false;
	return true;
}

static void put_doc(struct ledger *l, const struct scan_doc *d)
{
	const bool set[] = { d->chosen, d->retain };
	char flags[3];
	char id[SOURCE_ID * 2 + 1];

	sodium_bin2hex(id, sizeof(id), d->id, sizeof(d->id));
	journal_put(&l->journal, 'D', "%s %s %s %s %u %" PRId64 " %s",
		    format_flags(flags, "cr", set), d->namespace, d->name, id, d->line,
		    d->not_after, d->set->recipients);
}

void ledger_put_file(struct ledger *l, const struct scan_file *f)
{
	struct buf path = BUF_INIT;
	size_t i;

	journal_text(&path, f->path);
	journal_put(&l->journal, 'F',
		    "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %zu %s",
		    f->stat.dev, f->stat.ino, f->stat.size, f->stat.mtime, f->stat.ctime, f->n,
		    buf_str(&path));
	buf_clear(&path);
	for (i = 0; i < f->n; i++)
		put_doc(l, &f->docs[i]);
}

void ledger_put_file_gone(struct ledger *l, const char *path)
{
	struct buf text = BUF_INIT;

	journal_text(&text, path);
	journal_put(&l->journal, 'f', "%s", buf_str(&text));
	buf_clear(&text);
}

int ledger_flush(struct ledger *l, bool sync, struct err *err)
{
	return journal_flush(&l->journal, sync, err);
}

bool ledger_is_stale(const struct ledger *l, size_t live)
{
	return l->journal.bad != 0 || l->journal.lost || l->journal.lines > 2 * live + STALE_LINES;
}

struct dump {
	struct ledger *l;
	void (*dump)(void *ctx, struct ledger *l);
	void *ctx;
};

static void dump_lines(void *ctx, struct journal *j)
{
	struct dump *d = ctx;
	struct ledger next = { .journal = *j };

	journal_put(&next.journal, 'V', VERSION);
	d->dump(d->ctx, &next);
	*j = next.journal;
}

int ledger_rewrite(struct ledger *l, void (*dump)(void *ctx, struct ledger *l), void *ctx,
		   struct err *err)
{
	struct dump d = { .l = l, .dump = dump, .ctx = ctx };

	return journal_rewrite(&l->journal, dump_lines, &d, err);
}
