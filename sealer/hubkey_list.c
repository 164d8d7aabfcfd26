/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/hubkey_list.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "kinds/url.h"
#include "github/rest.h"
#include "sealer/hubkey.h"
#include "sealer/report.h"

void hubkey_list_used(int64_t last_used, char text[static HUBKEY_SPAN])
{
	static const char never[] = "never, as far as GitHub says";
	char span[24];
	int64_t ago = clock_now() - last_used;

	_Static_assert(sizeof(never) <= HUBKEY_SPAN, "has room");
	if (last_used == 0) {
		memcpy(text, never, sizeof(never));
		return;
	}
	report_span(ago > 0 ? ago : 0, span);
	snprintf(text, HUBKEY_SPAN, "%s ago", span);
}

/* --- which repository ------------------------------------------------------------------------- */

/* OWNER/NAME of a document's URL, a new string; NULL: it is none of GitHub's. */
static char *repository_of(const char *url)
{
	struct url u;

	return url != NULL && url_parse("url", url, URL_SSH, &u, NULL) == 0
		   ? rest_repository(u.path, NULL)
		   : NULL;
}

/* Without --repo it is the one that all deploy keys here are for.  Only looked at. */
static int choose(const struct holders *all, const char **url, struct err *err)
{
	char *first = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		char *name = repository_of(all->items[i].url);

		if (name != NULL && first != NULL && strcmp(name, first) != 0)
			r = err_set(err, ERR_USAGE,
				    "the documents here have deploy keys of several repositories; "
				    "say which with --repo OWNER/NAME");
		if (name != NULL && first == NULL) {
			*url = all->items[i].url;
			first = mem_str(name);
		}
		mem_free(name);
	}
	if (r == 0 && first == NULL)
		r = err_set(err, ERR_USAGE,
			    "no document here has a deploy key that says which repository it is "
			    "for; say it with --repo OWNER/NAME");
	mem_free(first);
	return r;
}

/* --- printing --------------------------------------------------------------------------------- */

static const char *access_of(const struct deploy_key *key)
{
	if (key->disabled)
		return "disabled";
	return key->read_only ? "read" : "WRITE";
}

static void held_by(const struct holders *all, const char *public, struct buf *out)
{
	for (size_t i = 0; i < all->n; i++)
		if (holder_has(&all->items[i], public))
			buf_printf(out, "%s%s (%s)", out->len > 0 ? ", " : "", all->items[i].file,
				   all->items[i].proven ? "proven" : "claimed");
	if (out->len == 0)
		buf_puts(out, "-");
}

static void print_row(struct out_table *t, const struct holders *all, const struct deploy_key *key)
{
	char id[24], used[HUBKEY_SPAN] = "never";
	char *fingerprint = holders_fingerprint(key->key);
	struct buf held = BUF_INIT;

	snprintf(id, sizeof(id), "%lld", (long long)key->id);
	if (key->last_used != 0)
		hubkey_list_used(key->last_used, used);
	held_by(all, key->key, &held);
	out_table_cell(t, id);
	out_table_cell(t, key->title);
	out_table_cell(t, access_of(key));
	out_table_style(t, key->read_only && !key->disabled ? OUT_PLAIN : OUT_CARE);
	out_table_cell(t, used);
	out_table_cell(t, key->added_by != NULL ? key->added_by : "-");
	out_table_cell(t, fingerprint != NULL ? fingerprint : "-");
	out_table_cell(t, buf_str(&held));
	buf_clear(&held);
	mem_free(fingerprint);
}

static bool is_registered(const struct register_at *hub, const struct holder *h)
{
	for (size_t i = 0; i < hub->keys.n; i++)
		if (holder_has(h, hub->keys.items[i].key))
			return true;
	return false;
}

/* Of this repository, by its URL, and not among its keys. */
static bool is_missing(const struct register_at *hub, const struct holder *h)
{
	char *name = repository_of(h->url);
	bool here = name != NULL && strcmp(name, hub->repository) == 0;

	mem_free(name);
	return here && !is_registered(hub, h);
}

static void print_table(const struct register_at *hub, const struct holders *all)
{
	static const char *const heads[] = { "ID", "TITLE",	  "ACCESS", "USED",
					     "BY", "FINGERPRINT", "HELD BY" };
	struct out_table *t = out_table_new(sizeof(heads) / sizeof(heads[0]));

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		out_table_cell(t, heads[i]);
	for (size_t i = 0; i < hub->keys.n; i++)
		print_row(t, all, &hub->keys.items[i]);
	if (hub->keys.n > 0)
		out_table_print(t, stdout);
	else
		out_note("%s: it has no deploy keys", hub->repository);
	out_table_free(t);
	for (size_t i = 0; i < all->n; i++)
		if (is_missing(hub, &all->items[i]))
			out_warn("%s: the key of %s is not registered at %s", all->items[i].file,
				 all->items[i].document, hub->repository);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *document_json(const struct holder *h)
{
	return json_pack("{s:o, s:o, s:b}", "file", report_text(h->file), "document",
			 report_text(h->document), "proven", h->proven);
}

static json_t *time_json(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	if (t == 0)
		return json_null();
	clock_format(t, text);
	return json_string(text);
}

static json_t *text_json(const char *text)
{
	return text != NULL ? report_text(text) : json_null();
}

static json_t *key_json(const struct deploy_key *key, const struct holders *all)
{
	char *fingerprint = holders_fingerprint(key->key);
	json_t *documents = json_array(), *v;

	for (size_t i = 0; i < all->n; i++)
		if (holder_has(&all->items[i], key->key))
			json_array_append_new(documents, document_json(&all->items[i]));
	v = json_pack("{s:I, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o}", "id",
		      (json_int_t)key->id, "title", text_json(key->title), "publicKey",
		      text_json(key->key), "fingerprint", text_json(fingerprint), "readOnly",
		      key->read_only, "enabled", !key->disabled, "created", time_json(key->created),
		      "lastUsed", time_json(key->last_used), "addedBy", text_json(key->added_by),
		      "documents", documents);
	mem_free(fingerprint);
	return v;
}

static int print_json(const struct register_at *hub, const struct holders *all, struct err *err)
{
	json_t *keys = json_array(), *missing = json_array();

	for (size_t i = 0; i < hub->keys.n; i++)
		json_array_append_new(keys, key_json(&hub->keys.items[i], all));
	for (size_t i = 0; i < all->n; i++)
		if (is_missing(hub, &all->items[i]))
			json_array_append_new(missing, document_json(&all->items[i]));
	return report_json(json_pack("{s:s, s:o, s:o}", "repository", hub->repository, "keys", keys,
				     "notRegistered", missing),
			   err);
}

/* --- the command ------------------------------------------------------------------------------ */

static int list(const struct hubkey_options *o, struct hubkey *s, struct holders *all,
		struct err *err)
{
	const char *url = NULL;

	if (s->top != NULL && holders_find(s->top, &s->keys, all, err) != 0)
		return -1;
	if (o->at.repository == NULL && choose(all, &url, err) != 0)
		return -1;
	s->url = mem_str(url);
	if (hubkey_look(s, err) != 0)
		return -1;
	if (o->output != NULL && strcmp(o->output, "json") == 0)
		return print_json(&s->hub, all, err);
	print_table(&s->hub, all);
	return 0;
}

int hubkey_list(const struct invocation *in, struct err *err)
{
	const struct hubkey_options *o = in->options;
	struct hubkey s = HUBKEY_INIT;
	struct holders all = HOLDERS_INIT;
	int r = hubkey_open(o, &s, err);

	s.at.look = true;
	if (r == 0)
		r = list(o, &s, &all, err);
	holders_clear(&all);
	hubkey_clear(&s);
	return r;
}
