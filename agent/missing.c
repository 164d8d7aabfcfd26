/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/missing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/store_state.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static bool is_missing(const struct entry *x)
{
	return x->s.documents == 0 && x->s.recorded && !x->s.retained;
}

static void __attribute__((format(printf, 2, 3))) set_unknown(struct entry *x, const char *fmt, ...)
{
	char why[ERR_TEXT_MAX];
	va_list ap;

	if (x->s.unknown)
		return;
	x->s.unknown = true;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	mem_replace(&x->why, why);
}

static struct entry **missing_of(const struct store_dir *st, size_t *n)
{
	size_t all = st->entries.table.n;
	struct entry **missing = mem_array(all, sizeof(struct entry *));
	size_t i;

	*n = 0;
	for (i = 0; i < all; i++) {
		struct entry *x = st->entries.list[i];

		x->s.unknown = false;
		if (is_missing(x))
			missing[(*n)++] = x;
	}
	return missing;
}

/* A document about which something is left to do or to mend. */
static bool unwell(const struct scan_doc *d)
{
	const struct entry *x = d->owner;

	return d->invalid || (x != NULL && !status_table[x->s.reason].fine);
}

/* A document that nobody has seen the inside of may be one that was moved here from elsewhere. */
static bool misplaced(const struct scan_doc *d)
{
	const struct entry *x = d->owner;

	return x != NULL && unwell(d) && x->s.reason != REASON_WRITE_FAILED &&
	       x->s.reason != REASON_CONTESTED;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * Marks the files in which not all is well, and gives the names of documents that are misplaced,
 * sorted.
 */
static const char **judge_files(const struct store_dir *st, size_t *n)
{
	struct table_node **nodes = table_nodes(&st->scan.files);
	const char **names = mem_array(st->scan.documents, sizeof(*names));
	size_t i, k;

	*n = 0;
	for (i = 0; i < st->scan.files.n; i++) {
		struct scan_file *f = (struct scan_file *)nodes[i];

		f->suspect = f->state != SCAN_FINE || f->list;
		for (k = 0; k < f->n; k++) {
			f->suspect = f->suspect || unwell(&f->docs[k]);
			if (misplaced(&f->docs[k]))
				names[(*n)++] = f->docs[k].name;
		}
	}
	mem_free(nodes);
	qsort(names, *n, sizeof(*names), by_name);
	return names;
}

static void judge_by_files(const struct store_dir *st, struct entry **missing, size_t n)
{
	size_t misplaced_n;
	const char **names = judge_files(st, &misplaced_n);
	size_t i;

	for (i = 0; i < n; i++) {
		struct entry *x = missing[i];
		const struct scan_file *f = scan_file(&st->scan, x->source);
		const char *name = x->s.name;

		if (f != NULL && f->suspect)
			set_unknown(x, "%s, which held its document, is not in order", f->path);
		if (bsearch(&name, names, misplaced_n, sizeof(*names), by_name) != NULL)
			set_unknown(
			    x, "a document named %s that is not in order may be this one, moved",
			    name);
	}
	mem_free(names);
}

/* A file that no reader understands may still hold a document, if the name stands in it. */
static void judge_by_text(const struct store_dir *st, const struct scan_file *f,
			  struct entry **missing, size_t n)
{
	struct buf text = BUF_INIT;
	size_t i;

	if (file_read_beneath(st->scan.fd, f->path, DOCUMENT_FILE_MAX, &text, NULL, NULL) < 0)
		return; /* no regular file, or too large to be one of ours */
	for (i = 0; i < n && text.len != 0; i++)
		if (memmem(text.data, text.len, missing[i]->s.name, strlen(missing[i]->s.name)) !=
		    NULL)
			set_unknown(missing[i], "%s, which cannot be read as YAML, mentions it",
				    f->path);
	buf_clear(&text);
}

static void judge_by_texts(const struct store_dir *st, struct entry **missing, size_t n)
{
	struct table_node **nodes = table_nodes(&st->scan.files);
	size_t i;

	for (i = 0; i < st->scan.files.n; i++) {
		const struct scan_file *f = (struct scan_file *)nodes[i];

		if (f->state == SCAN_BROKEN || f->list)
			judge_by_text(st, f, missing, n);
	}
	mem_free(nodes);
}

static const char *blind_of(struct store_dir *st)
{
	struct stat lock;

	if (st->scan.look == 0)
		return "DOCUMENTS has not been looked at yet";
	if (st->scan.blind != NULL)
		return st->scan.blind;
	if (ledger_damaged(&st->apply.ledger))
		return "the ledger was damaged; look at the Secrets and remove " PLACE_OWN
		       "/" LEDGER_DAMAGED;
	st->git_at_work = st->git_lock != NULL && lstat(st->git_lock, &lock) == 0;
	if (st->git_at_work)
		return "Git is at work in DOCUMENTS (.git/index.lock is there)";
	return NULL;
}

const char *missing_judge(struct store_dir *st)
{
	size_t n;
	struct entry **missing = missing_of(st, &n);
	const char *blind = NULL;
	size_t i;

	st->git_at_work = false;
	if (n != 0) {
		blind = blind_of(st);
		judge_by_files(st, missing, n);
		judge_by_texts(st, missing, n);
	}
	for (i = 0; i < n && blind != NULL; i++) {
		missing[i]->s.unknown = false;
		set_unknown(missing[i], "%s", blind);
	}
	mem_free(missing);
	return blind;
}
