/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "document/conflict.h"
#include "document/edit.h"
#include "document/seal.h"
#include "git/idset.h"
#include "sealer/check_kustomize.h"
#include "sealer/check_whom.h"
#include "sealer/repo.h"
#include "sealer/write.h"

/* Where a document was found, for what needs all of them. */
struct place {
	char *namespace, *name, *file;
	unsigned line;
};

/* What of a file is held against the rules. */
enum scope {
	SCOPE_ALL,
	SCOPE_EXPOSURE, /* who may open it and should not */
	SCOPE_PAST,	/* check_past */
};

struct check {
	struct findings *findings;
	const struct keyring *keys;
	struct live_run *live; /* NULL: nobody is asked */
	int64_t now;
	struct check_base base;
	enum scope scope;     /* of the file at hand */
	struct idset *judged; /* age files of the history, by digest; made when needed */
	char *misplaced;      /* the last one told */
	struct place *places;
	size_t n, cap;
};

struct check *check_new(struct findings *findings, const struct keyring *keys, int64_t now)
{
	struct check *c = mem_alloc(sizeof(*c));

	c->findings = findings;
	c->keys = keys;
	c->now = now;
	return c;
}

void check_live(struct check *c, struct live_run *live)
{
	c->live = live;
}

void check_against(struct check *c, const struct check_base *base)
{
	c->base = *base;
}

void check_free(struct check *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		mem_free(c->places[i].namespace);
		mem_free(c->places[i].name);
		mem_free(c->places[i].file);
	}
	mem_free(c->places);
	mem_free(c->misplaced);
	idset_free(c->judged);
	mem_free(c);
}

/* What of the recipients counts in this scope. */
static struct check_whom whom_of(const struct check *c)
{
	return (struct check_whom){ .findings = c->findings,
				    .config = c->base.config,
				    .judged = c->judged,
				    .exposed = c->scope != SCOPE_ALL };
}

/* --- one document ----------------------------------------------------------------------------- */

static void check_expiry(struct check *c, struct finding at, const struct document *d)
{
	at.rule = RULE_EXPIRY;
	for (size_t i = 0; i < d->n; i++) {
		const struct document_part *part = &d->parts[i];
		const char *text = kv_get_str(&part->facts, "not-after");
		int64_t t, days;

		if (text == NULL || !clock_parse(text, &t))
			continue;
		days = clock_days(c->now, t);
		at.line = part->line;
		at.warning = t >= c->now;
		if (t < c->now)
			findings_add(c->findings, &at, "spec.parts.%s: expired %s", part->name,
				     text);
		else if (days < CHECK_EXPIRY_WARN)
			findings_add(c->findings, &at, "spec.parts.%s: expires in %lld days, %s",
				     part->name, (long long)days, text);
	}
}

static void check_opening(struct check *c, struct finding at, const struct document *d)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	struct err why = ERR_INIT;
	int r;

	if (c->keys == NULL)
		return;
	r = open_document(d, c->keys, c->now, &secret, NULL, &notes, &why);
	at.rule = RULE_OPEN;
	if (r == 0)
		c->findings->opened++;
	else if (why.class != ERR_NOKEY) /* what is sealed to others only is theirs to check */
		findings_add(c->findings, &at, "%s", why.text);
	if (c->live != NULL && c->scope == SCOPE_ALL && (r == 0 || why.class == ERR_NOKEY))
		live_run_add(c->live, &at, d, r == 0 ? &secret : NULL);
	at.rule = RULE_READER;
	at.warning = true;
	for (size_t i = 0; i < notes.n && c->scope == SCOPE_ALL; i++)
		findings_add(c->findings, &at, "%s", notes.text[i]);
	notes_clear(&notes);
	kind_secret_clear(&secret);
}

static void remember(struct check *c, struct finding at, const struct document *d)
{
	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 64 : c->cap * 2;
		c->places = mem_grow(c->places, c->cap, sizeof(*c->places));
	}
	c->places[c->n++] = (struct place){ .namespace = mem_str(d->namespace),
					    .name = mem_str(d->name),
					    .file = mem_str(at.file),
					    .line = at.line };
}

static void check_document(struct check *c, struct finding at, const struct yaml_doc *yaml,
			   const struct document *d)
{
	const struct check_whom whom = whom_of(c);

	at.line = d->line;
	if (!d->substitute_disabled) {
		at.rule = RULE_SUBSTITUTE;
		findings_add(c->findings, &at,
			     "metadata.annotations: lacks %s: disabled; Flux's postBuild could "
			     "rewrite the facts",
			     DOCUMENT_SUBSTITUTE);
	}
	if (yaml->end - yaml->begin > WRITE_APPLY_MAX) {
		at.rule = RULE_SIZE;
		at.warning = true;
		findings_add(c->findings, &at,
			     "larger than 240 KiB: kubectl apply fails, it needs --server-side");
		at.warning = false;
	}
	check_whom(&whom, at, d);
	check_expiry(c, at, d);
	check_opening(c, at, d);
	remember(c, at, d);
}

static void check_past_document(struct check *c, struct finding at, const struct document *d)
{
	const struct check_whom whom = whom_of(c);
	char digest[DOCUMENT_DIGEST_TEXT];

	at.line = d->line;
	check_whom_past(&whom, at, d);
	document_digest(d, digest);
	snprintf(at.print, sizeof(at.print), "%.8s", digest);
	check_opening(c, at, d);
}

/* --- one file --------------------------------------------------------------------------------- */

/* 1 when it is a sealed document that could be read into out. */
static size_t read_document(struct check *c, struct finding at, const struct yaml_doc *yaml,
			    struct document *out)
{
	struct err why = ERR_INIT;

	at.line = yaml->line;
	if (!document_claims(yaml)) {
		at.rule = RULE_LIST;
		if (document_in_list(yaml))
			findings_add(c->findings, &at,
				     "a sealed document inside a List is read neither by bulla nor "
				     "by an agent; make it a document of its own");
		return 0;
	}
	c->findings->documents++;
	if (document_parse(at.file, yaml, out, &why) == 0)
		return 1;
	at.rule = RULE_SHAPE;
	findings_add(c->findings, &at, "%s", why.text);
	return 0;
}

static void check_stream(struct check *c, struct finding at, const struct check_text *t)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;
	struct document *documents;
	struct err why = ERR_INIT;
	size_t n = 0;

	if (yaml_parse(at.file, t->text, t->len, &yaml, &why) != 0) {
		at.rule = RULE_SHAPE;
		findings_add(c->findings, &at, "%s", why.text);
		return;
	}
	documents = mem_array(yaml.n, sizeof(*documents));
	for (size_t i = 0; i < yaml.n; i++) {
		if (read_document(c, at, &yaml.docs[i], &documents[n]) == 0)
			continue;
		if (c->scope == SCOPE_PAST)
			check_past_document(c, at, &documents[n++]);
		else
			check_document(c, at, &yaml.docs[i], &documents[n++]);
	}
	if (n > 0 && c->scope == SCOPE_ALL)
		check_kustomize(c->findings, &c->base, &at, documents, n);
	for (size_t i = 0; i < n; i++)
		document_clear(&documents[i]);
	mem_free(documents);
	yaml_clear(&yaml);
}

/* The struct that findings are made from; the strings are the caller's. */
static struct finding place_of(const struct check_text *t)
{
	return (struct finding){ .file = (char *)(uintptr_t)t->name,
				 .below = (char *)(uintptr_t)t->below,
				 .commit = (char *)(uintptr_t)t->commit };
}

bool check_is_manifest(const char *path)
{
	const char *dot = strrchr(path, '.');

	if (dot == NULL || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		return false;
	for (const char *s = path; s != NULL; s = strchr(s, '/')) {
		s += *s == '/';
		if (s[0] == '.' && s[1] != '/' && strncmp(s, "../", 3) != 0)
			return false;
	}
	return true;
}

void check_documents(struct check *c, const struct check_text *t)
{
	struct finding at = place_of(t);

	if (!edit_mentions(t->text, t->len))
		return;
	if (t->len > DOCUMENT_FILE_MAX) {
		at.rule = RULE_READ;
		findings_add(c->findings, &at, "larger than %d bytes", DOCUMENT_FILE_MAX);
		return;
	}
	at.line = (unsigned)conflict_line(t->text, t->len);
	if (at.line > 0) {
		at.rule = RULE_CONFLICT;
		findings_add(
		    c->findings, &at,
		    "a conflict marker of git: take one side's whole part (recipients, "
		    "facts and sealed belong together), or take one side and run bulla set");
		return;
	}
	check_stream(c, at, t);
}

void check_exposure(struct check *c, const struct check_text *t)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;
	struct check_whom whom;

	if (!edit_mentions(t->text, t->len) || t->len > DOCUMENT_FILE_MAX ||
	    yaml_parse(t->name, t->text, t->len, &yaml, NULL) != 0)
		return;
	c->scope = SCOPE_EXPOSURE;
	whom = whom_of(c);
	for (size_t i = 0; i < yaml.n; i++) {
		struct document d = DOCUMENT_INIT;

		if (document_claims(&yaml.docs[i]) &&
		    document_parse(t->name, &yaml.docs[i], &d, NULL) == 0)
			check_whom(&whom, place_of(t), &d);
		document_clear(&d);
	}
	c->scope = SCOPE_ALL;
	yaml_clear(&yaml);
}

void check_past(struct check *c, const struct check_text *t, struct findings *out)
{
	struct findings *own = c->findings;
	char print[9];

	if (c->judged == NULL)
		c->judged = idset_new();
	c->findings = out;
	c->scope = SCOPE_PAST;
	check_documents(c, t);
	c->scope = SCOPE_ALL;
	c->findings = own;
	if (out->n > 0)
		findings_fingerprint(t->text, t->len, print);
	for (size_t i = 0; i < out->n; i++)
		if (out->items[i].print[0] == '\0')
			memcpy(out->items[i].print, print, sizeof(print));
}

void check_misplaced(struct check *c, const char *below)
{
	const char *dir = strstr(below, "/" REPO_DIR "/");
	struct finding at = { .rule = RULE_CONFIG };

	if (dir == NULL)
		return;
	at.file = mem_strn(below, (size_t)(dir - below) + strlen("/" REPO_DIR));
	at.below = at.file;
	if (c->misplaced == NULL || strcmp(c->misplaced, at.file) != 0)
		findings_add(c->findings, &at,
			     "only the .bulla/ at the Git top level counts; this one is never read "
			     "and should not be here");
	mem_free(c->misplaced);
	c->misplaced = at.file;
}

/* --- all files -------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int r = strcmp(x->namespace, y->namespace);

	if (r == 0)
		r = strcmp(x->name, y->name);
	if (r == 0)
		r = strcmp(x->file, y->file);
	return r != 0 ? r : (x->line > y->line) - (x->line < y->line);
}

/* Would an agent that reads the folder of one read the other too? */
static bool read_together(const char *a, const char *b)
{
	const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
	size_t n = slash_a == NULL ? 0 : (size_t)(slash_a - a) + 1;
	size_t m = slash_b == NULL ? 0 : (size_t)(slash_b - b) + 1;

	return strncmp(a, b, n < m ? n : m) == 0;
}

/*
 * The same name may well stand in the folders of two clusters, side by side; it is twice the same
 * only where one agent reads both.
 */
static void check_duplicates(struct check *c)
{
	for (size_t i = 1, first = 0; i < c->n; i++) {
		const struct place *b = &c->places[i];
		struct finding at = { .file = b->file, .line = b->line, .rule = RULE_DUPLICATE };

		if (strcmp(c->places[first].namespace, b->namespace) != 0 ||
		    strcmp(c->places[first].name, b->name) != 0)
			first = i;
		for (size_t k = first; k < i; k++) {
			if (!read_together(c->places[k].file, b->file))
				continue;
			findings_add(c->findings, &at,
				     "%s/%s stands in %s:%u too; an agent that reads both takes "
				     "neither",
				     b->namespace, b->name, c->places[k].file, c->places[k].line);
			break;
		}
	}
}

void check_finish(struct check *c)
{
	if (c->n > 1)
		qsort(c->places, c->n, sizeof(*c->places), by_name);
	check_duplicates(c);
}
