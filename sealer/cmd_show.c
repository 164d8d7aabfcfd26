/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/documents.h"
#include "sealer/locate.h"
#include "sealer/pick.h"
#include "sealer/report.h"

struct show_options {
	const char *fact;
	const char *output;
};

/* What one walk collects. */
struct show {
	const struct show_options *options;
	const char *which; /* only this document, or NULL */
	bool wide;
	struct out_table *table; /* or */
	json_t *documents;	 /* or neither: facts are printed at once */
	int64_t now;
	size_t found;
	enum err_class worst; /* class of the first file that could not be read */
};

/* --- words for a table ------------------------------------------------------------------------ */

static void put_names(struct buf *out, const struct kv *kv)
{
	for (size_t i = 0; i < kv->n; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : ",", kv->items[i].name);
}

static bool fact_time(const struct document_part *part, const char *fact, int64_t *t)
{
	const char *text = kv_get_str(&part->facts, fact);

	return text != NULL && clock_parse(text, t);
}

/* The oldest sealing and the soonest expiry of all parts (or of one). */
struct times {
	bool sealed_known, expiry_known;
	int64_t sealed, expiry;
};

static void times_add(struct times *t, const struct document_part *part)
{
	int64_t v;

	if (fact_time(part, "sealed-at", &v) && (!t->sealed_known || v < t->sealed)) {
		t->sealed_known = true;
		t->sealed = v;
	}
	if (fact_time(part, "not-after", &v) && (!t->expiry_known || v < t->expiry)) {
		t->expiry_known = true;
		t->expiry = v;
	}
}

static void age_cell(struct out_table *table, const struct times *t, int64_t now)
{
	char span[24] = "-";

	if (t->sealed_known)
		report_span(now > t->sealed ? now - t->sealed : 0, span);
	out_table_cell(table, span);
}

static void expiry_cell(struct out_table *table, const struct times *t, int64_t now)
{
	char span[24], text[64] = "-";

	if (t->expiry_known) {
		report_span(t->expiry - now, span);
		snprintf(text, sizeof(text), t->expiry >= now ? "in %s" : "EXPIRED %s ago", span);
	}
	out_table_cell(table, text);
}

/* The one fact that says best what a credential is for. */
static const char *about(const struct document_part *part)
{
	static const char *const best[] = { "url",     "registry",   "dns-names",
					    "project", "public-key", "user" };

	for (size_t i = 0; i < sizeof(best) / sizeof(best[0]); i++) {
		const char *value = kv_get_str(&part->facts, best[i]);

		if (value != NULL)
			return value;
	}
	return part->name;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void buf_cell(struct out_table *table, struct buf *text)
{
	out_table_cell(table, text->len == 0 ? "-" : buf_str(text));
	buf_reset(text);
}

/* Recipients of all parts; a "*" when they are not the same in each. */
static void put_openers(struct buf *out, const struct document *d)
{
	bool same = true;

	for (size_t i = 1; i < d->n; i++)
		same = same && kv_equal(&d->parts[0].recipients, &d->parts[i].recipients);
	put_names(out, &d->parts[0].recipients);
	if (!same)
		buf_puts(out, " *");
}

static void row(struct show *s, const char *path, const struct document *d)
{
	struct times t = { 0 };
	struct buf cell = BUF_INIT;

	for (size_t i = 0; i < d->n; i++)
		times_add(&t, &d->parts[i]);
	buf_printf(&cell, "%s/%s", d->namespace, d->name);
	buf_cell(s->table, &cell);
	out_table_cell(s->table, d->kind->name);
	if (d->n == 1)
		buf_puts(&cell, about(&d->parts[0]));
	else
		buf_printf(&cell, "%zu parts", d->n);
	buf_cell(s->table, &cell);
	put_openers(&cell, d);
	buf_cell(s->table, &cell);
	age_cell(s->table, &t, s->now);
	expiry_cell(s->table, &t, s->now);
	out_table_cell(s->table, path);
	buf_clear(&cell);
}

static void put_facts(struct buf *out, const struct kv *facts)
{
	for (size_t i = 0; i < facts->n; i++)
		if (strcmp(facts->items[i].name, "sealed-at") != 0)
			buf_printf(out, "%s%s=%s", out->len == 0 ? "" : " ", facts->items[i].name,
				   (const char *)facts->items[i].data);
}

static void wide_rows(struct show *s, const char *path, const struct document *d)
{
	struct buf cell = BUF_INIT;

	for (size_t i = 0; i < d->n; i++) {
		const struct document_part *part = &d->parts[i];
		struct times t = { 0 };

		times_add(&t, part);
		buf_printf(&cell, "%s/%s", d->namespace, d->name);
		buf_cell(s->table, &cell);
		out_table_cell(s->table, d->kind->name);
		out_table_cell(s->table, part->name);
		put_names(&cell, &part->recipients);
		buf_cell(s->table, &cell);
		age_cell(s->table, &t, s->now);
		expiry_cell(s->table, &t, s->now);
		put_facts(&cell, &part->facts);
		buf_cell(s->table, &cell);
		buf_printf(&cell, "%s:%u", path, part->line);
		buf_cell(s->table, &cell);
	}
	buf_clear(&cell);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *strings(const struct kv *kv)
{
	json_t *v = json_object();

	for (size_t i = 0; i < kv->n; i++)
		json_object_set_new(
		    v, kv->items[i].name,
		    json_stringn((const char *)kv->items[i].data, kv->items[i].len));
	return v;
}

static json_t *part_json(const struct document_part *part, int64_t now)
{
	json_t *v =
	    json_pack("{s:s, s:i, s:o, s:o}", "name", part->name, "line", (int)part->line,
		      "recipients", strings(&part->recipients), "facts", strings(&part->facts));
	int64_t t;

	if (fact_time(part, "sealed-at", &t))
		json_object_set_new(v, "ageSeconds", json_integer(now > t ? now - t : 0));
	if (fact_time(part, "not-after", &t))
		json_object_set_new(v, "daysToExpiry", json_integer(clock_days(now, t)));
	return v;
}

static json_t *document_json(const char *path, const struct document *d, int64_t now)
{
	char digest[DOCUMENT_DIGEST_TEXT];
	json_t *parts = json_array();

	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(parts, part_json(&d->parts[i], now));
	document_digest(d, digest);
	return json_pack("{s:o, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "file", report_text(path),
			 "line", (int)d->line, "namespace", d->namespace, "name", d->name, "kind",
			 d->kind->name, "type", d->type, "deletionPolicy",
			 document_policy_name(document_policy(d)), "digest", digest, "parts",
			 parts);
}

/* --- the walk --------------------------------------------------------------------------------- */

static void print_fact(const struct document *d, const char *fact)
{
	for (size_t i = 0; i < d->n; i++) {
		const char *value = kv_get_str(&d->parts[i].facts, fact);

		if (value != NULL)
			out_printf(stdout, "%s\n", value);
	}
}

static void add(void *ctx, const char *path, const struct document *d)
{
	struct show *s = ctx;

	if (s->which != NULL && !pick_is(d, s->which))
		return;
	s->found++;
	if (s->options->fact != NULL)
		print_fact(d, s->options->fact);
	else if (s->documents != NULL)
		json_array_append_new(s->documents, document_json(path, d, s->now));
	else if (s->wide)
		wide_rows(s, path, d);
	else
		row(s, path, d);
}

static void fail(void *ctx, const char *path, const struct err *why)
{
	struct show *s = ctx;

	(void)path;
	out_note("%s", why->text);
	if (s->worst == ERR_NONE)
		s->worst = why->class;
}

static int walk(struct show *s, const char *root, struct err *err)
{
	const struct documents_visit v = { add, fail, s };

	return documents_walk(root, &v, err);
}

/* A file or folder that is there is itself; else it may be the name of a document. */
static int show_one(struct show *s, const char *given, struct err *err)
{
	struct located at = { NULL, NULL };
	struct stat st;
	int r = 0;

	if (lstat(given, &st) != 0)
		r = locate(given, &at, err);
	s->which = at.which;
	if (r == 0)
		r = walk(s, at.path != NULL ? at.path : given, err);
	s->which = NULL;
	located_clear(&at);
	return r;
}

static void header(struct show *s)
{
	static const char *const narrow[] = { "DOCUMENT", "KIND",    "ABOUT", "OPENED BY",
					      "AGE",	  "EXPIRES", "FILE" };
	static const char *const wide[] = { "DOCUMENT", "KIND",	   "PART",  "OPENED BY",
					    "AGE",	"EXPIRES", "FACTS", "FILE" };
	const char *const *cells = s->wide ? wide : narrow;
	size_t n = s->wide ? sizeof(wide) / sizeof(*wide) : sizeof(narrow) / sizeof(*narrow);

	s->table = out_table_new(n);
	for (size_t i = 0; i < n; i++)
		out_table_cell(s->table, cells[i]);
}

static int finish(struct show *s, bool yaml, struct err *err)
{
	if (s->table != NULL && s->found > 0)
		out_table_print(s->table, stdout);
	if (s->documents != NULL) {
		json_t *v = json_pack("{s:O}", "documents", s->documents);

		if ((yaml ? report_yaml(v, err) : report_json(v, err)) != 0)
			return -1;
	}
	if (s->worst != ERR_NONE)
		return err_set(err, s->worst, "some files could not be shown");
	if (s->found == 0)
		out_note("no sealed documents here");
	return 0;
}

static int run(const struct invocation *in, struct err *err)
{
	const struct show_options *o = in->options;
	const char *output = o->output == NULL ? "table" : o->output;
	struct show s = { .options = o, .now = clock_now() };
	int r = 0;

	if (o->fact != NULL && o->output != NULL)
		return err_set(err, ERR_USAGE, "--fact prints values alone and takes no --output");
	s.wide = strcmp(output, "wide") == 0;
	if (strcmp(output, "json") == 0 || strcmp(output, "yaml") == 0)
		s.documents = json_array();
	else if (o->fact == NULL)
		header(&s);
	if (in->n == 0)
		r = walk(&s, ".", err);
	for (size_t i = 0; r == 0 && i < in->n; i++)
		r = show_one(&s, in->args[i], err);
	if (r == 0)
		r = finish(&s, strcmp(output, "yaml") == 0, err);
	out_table_free(s.table);
	json_decref(s.documents);
	return r;
}

static const struct option_spec options[] = {
	{ 0, "fact", "NAME", "print this fact of each part, alone",
	  offsetof(struct show_options, fact), 0 },
	{ 'o', "output", "table|wide|json|yaml", "how to show it",
	  offsetof(struct show_options, output), 0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_show = {
	.name = "show",
	.summary = "list sealed documents and what may be known of them without a key",
	.arguments = "[NAME|PATH...]",
	.about = "List the sealed documents of files and folders (default: this folder): kind, "
		 "parts, facts, who can open them, their age and expiry. No key is needed, and "
		 "facts are what the document claims: bulla check with a key proves them.",
	.options = options,
	.options_size = sizeof(struct show_options),
	.run = run,
};
