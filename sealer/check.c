/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "document/conflict.h"
#include "document/edit.h"
#include "document/seal.h"
#include "sealer/check_kustomize.h"
#include "sealer/target.h"
#include "sealer/write.h"

/* Where a document was found, for what needs all of them. */
struct place {
	char *namespace, *name, *file;
	unsigned line;
};

/* The repository that the file at hand is in; kept while the next file is in the same one. */
struct repository {
	char *top;
	bool configured;
	struct config config;
};

struct check {
	struct findings *findings;
	const struct keyring *keys;
	int64_t now;
	struct repository repository;
	char *folder; /* of the last file */
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

static void repository_clear(struct repository *r)
{
	mem_free(r->top);
	config_clear(&r->config);
	*r = (struct repository){ 0 };
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
	mem_free(c->folder);
	repository_clear(&c->repository);
	mem_free(c);
}

/* --- the repository and its rules ------------------------------------------------------------- */

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_str(".");
	return mem_strn(path, slash == path ? 1 : (size_t)(slash - path));
}

static void load_repository(struct check *c, char *top)
{
	struct repository *r = &c->repository;
	char *file = mem_printf("%s/%s", top, CONFIG_PATH);
	struct finding at = { .file = file, .rule = RULE_CONFIG };
	struct err why = ERR_INIT;

	repository_clear(r);
	r->top = top;
	if (target_config(top, &r->config, &r->configured, &why) != 0)
		findings_add(c->findings, &at, "%s", why.text);
	mem_free(file);
}

/* Called for each file; does something when the folder is another than the last one's. */
static void enter_folder(struct check *c, const char *path)
{
	char *folder = folder_of(path);
	char *top, *real, *misplaced;

	if (c->folder != NULL && strcmp(folder, c->folder) == 0) {
		mem_free(folder);
		return;
	}
	mem_free(c->folder);
	c->folder = folder;
	top = file_git_top(path);
	real = file_absolute(folder, NULL);
	misplaced = mem_printf("%s/.bulla", folder);
	if (top != NULL && real != NULL && strcmp(top, real) != 0 && access(misplaced, F_OK) == 0) {
		struct finding at = { .file = misplaced, .rule = RULE_CONFIG };

		findings_add(c->findings, &at,
			     "only the .bulla/ at the Git top level counts; this one is never read "
			     "and should not be here");
	}
	mem_free(misplaced);
	mem_free(real);
	if (top == NULL)
		repository_clear(&c->repository);
	else if (c->repository.top == NULL || strcmp(top, c->repository.top) != 0)
		load_repository(c, mem_str(top));
	mem_free(top);
}

/* Those of a that b does not name or, if rekeyed, names with another key; NULL when none. */
static char *difference(const struct kv *a, const struct kv *b, bool rekeyed)
{
	struct buf names = BUF_INIT;
	char *text = NULL;

	for (size_t i = 0; i < a->n; i++) {
		const char *other = kv_get_str(b, a->items[i].name);

		if (rekeyed == (other != NULL) &&
		    (other == NULL || strcmp(other, (const char *)a->items[i].data) != 0))
			buf_printf(&names, "%s%s", names.len == 0 ? "" : ", ", a->items[i].name);
	}
	if (names.len > 0)
		text = mem_str(buf_str(&names));
	buf_clear(&names);
	return text;
}

static void check_part_recipients(struct check *c, struct finding at,
				  const struct document_part *part, const struct kv *wanted)
{
	const struct {
		char *names;
		const char *before, *after;
	} found[] = {
		{ difference(wanted, &part->recipients, false), "the rules also name ",
		  "; seal it again (bulla set)" },
		{ difference(wanted, &part->recipients, true), "sealed to another key of ",
		  " than the rules have now; seal it again (bulla set)" },
		{ difference(&part->recipients, wanted, false), "",
		  " may open it, but the rules do not say so; seal it again (bulla set) and "
		  "change the credential" },
	};

	at.line = part->line;
	at.rule = RULE_RECIPIENTS;
	for (size_t i = 0; i < sizeof(found) / sizeof(*found); i++) {
		if (found[i].names != NULL)
			findings_add(c->findings, &at, "spec.parts.%s.recipients: %s%s%s",
				     part->name, found[i].before, found[i].names, found[i].after);
		mem_free(found[i].names);
	}
}

static void check_recipients(struct check *c, struct finding at, const struct document *d)
{
	const struct repository *r = &c->repository;
	struct recipients to = RECIPIENTS_INIT;
	struct kv wanted = KV_INIT;
	struct err why = ERR_INIT;
	char *real = file_absolute(at.file, &why);
	size_t n;

	if (!r->configured || r->top == NULL || real == NULL)
		goto out;
	n = strlen(r->top);
	if (strncmp(real, r->top, n) != 0 || real[n] != '/')
		goto out;
	if (config_select(&r->config, real + n + 1, d->namespace, d->kind->name, &to, &why) != 0) {
		at.rule = RULE_RECIPIENTS;
		findings_add(c->findings, &at, "%s", why.text);
		goto out;
	}
	recipients_ids(&to, &wanted);
	for (size_t i = 0; i < d->n; i++)
		check_part_recipients(c, at, &d->parts[i], &wanted);
out:
	mem_free(real);
	recipients_clear(&to);
	kv_clear(&wanted);
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
	at.rule = RULE_READER;
	at.warning = true;
	for (size_t i = 0; i < notes.n; i++)
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
	check_recipients(c, at, d);
	check_expiry(c, at, d);
	check_opening(c, at, d);
	remember(c, at, d);
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

static void check_text(struct check *c, struct finding at, const struct buf *text)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;
	struct document *documents;
	struct err why = ERR_INIT;
	size_t n = 0;

	if (yaml_parse(at.file, text->data, text->len, &yaml, &why) != 0) {
		at.rule = RULE_SHAPE;
		findings_add(c->findings, &at, "%s", why.text);
		return;
	}
	documents = mem_array(yaml.n, sizeof(*documents));
	for (size_t i = 0; i < yaml.n; i++) {
		if (read_document(c, at, &yaml.docs[i], &documents[n]) == 0)
			continue;
		check_document(c, at, &yaml.docs[i], &documents[n++]);
	}
	if (n > 0)
		check_kustomize(c->findings, at.file, documents, n);
	for (size_t i = 0; i < n; i++)
		document_clear(&documents[i]);
	mem_free(documents);
	yaml_clear(&yaml);
}

int check_file(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	struct check *c = ctx;
	struct finding at = { .file = (char *)(uintptr_t)path, .rule = RULE_READ };

	if (error != NULL) {
		findings_add(c->findings, &at, "%s", error->text);
		return 0;
	}
	enter_folder(c, path);
	if (!edit_mentions(text->data, text->len))
		return 0;
	at.line = (unsigned)conflict_line(text->data, text->len);
	if (at.line > 0) {
		at.rule = RULE_CONFLICT;
		findings_add(
		    c->findings, &at,
		    "a conflict marker of git: take one side's whole part (recipients, "
		    "facts and sealed belong together), or take one side and run bulla set");
		return 0;
	}
	check_text(c, at, text);
	return 0;
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
