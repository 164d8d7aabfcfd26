/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests in other languages drive the document layer with: one JSON object a line on standard
 * input, one answer a line on standard output.  Files of identities are given as arguments.
 *
 *	{"op":"parse","text":BASE64}            -> document, digest, format, claims, in_list
 *	{"op":"seal","document":{..},"parts":[{"name":..,"recipients":{NAME:AGE1},"data":{KEY:BASE64},
 *	  "facts":{..}}],"now":TIME}            -> text, digest
 *	{"op":"open","text":BASE64,"now":TIME}  -> type, data, facts, key_ids
 *	{"op":"inner","text":BASE64,"part":..,"plain":BASE64} -> data, facts
 *	{"op":"build","kind":..,"fields":{..:BASE64},"aliases":{NEW:KEY},"extra":{..},"type":..,
 *	  "now":TIME}                            -> type, data, facts
 *	{"op":"kinds"} -> kinds
 *	{"op":"select","text":BASE64,"path":..,"namespace":..,"kind":..} -> recipients of a config
 *	{"op":"ambiguous","value":STRING} -> ambiguous        {"op":"quote","value":STRING} -> text
 *
 * An answer has "ok":true, or "ok":false with "class" and "error".
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "document/quote.h"
#include "document/seal.h"
#include "keys/config.h"

static struct keyring keyring = KEYRING_INIT;

static const char *string(const json_t *v, const char *name)
{
	return json_string_value(json_object_get(v, name));
}

static int bytes(const json_t *v, const char *name, struct buf *out, struct err *err)
{
	const json_t *text = json_object_get(v, name);

	if (!json_is_string(text) ||
	    b64_decode(out, json_string_value(text), json_string_length(text)) != 0)
		return err_set(err, ERR_USAGE, "request: %s is no base64", name);
	return 0;
}

static int64_t now(const json_t *request)
{
	const char *text = string(request, "now");
	int64_t t = 0;

	return text != NULL && clock_parse(text, &t) ? t : clock_now();
}

static void take_strings(const json_t *v, struct kv *out)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)v, key, value)
	    kv_set(out, key, json_string_value(value), json_string_length(value));
}

static int take_bytes(const json_t *v, struct kv *out, struct err *err)
{
	struct buf value = BUF_INIT;
	const char *key;
	json_t *child;
	int rc = 0;

	json_object_foreach((json_t *)(uintptr_t)v, key, child)
	{
		buf_reset(&value);
		rc |= bytes(v, key, &value, err);
		kv_set(out, key, value.data, value.len);
	}
	buf_clear(&value);
	return rc;
}

static json_t *give_strings(const struct kv *kv)
{
	json_t *v = json_object();

	for (size_t i = 0; i < kv->n; i++)
		json_object_set_new(
		    v, kv->items[i].name,
		    json_stringn((const char *)kv->items[i].data, kv->items[i].len));
	return v;
}

static json_t *give_bytes(const struct kv *kv)
{
	json_t *v = json_object();
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < kv->n; i++) {
		buf_reset(&text);
		b64_encode(&text, kv->items[i].data, kv->items[i].len);
		json_object_set_new(v, kv->items[i].name, json_string(buf_str(&text)));
	}
	buf_clear(&text);
	return v;
}

static void give_secret(json_t *answer, const struct kind_secret *s)
{
	json_object_set_new(answer, "type", json_string(s->type));
	json_object_set_new(answer, "data", give_bytes(&s->data));
	json_object_set_new(answer, "facts", give_strings(&s->facts));
}

static json_t *give_parts(const struct document *d)
{
	json_t *parts = json_array();

	for (size_t i = 0; i < d->n; i++) {
		struct document_part *p = &d->parts[i];

		json_array_append_new(parts,
				      json_pack("{s:s, s:o, s:o, s:i}", "name", p->name,
						"recipients", give_strings(&p->recipients), "facts",
						give_strings(&p->facts), "line", (int)p->line));
	}
	return parts;
}

static json_t *give_document(const struct document *d)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:b}", "name", d->name,
			 "namespace", d->namespace, "kind", d->kind->name, "deletionPolicy",
			 document_policy_name(d->policy), "type", d->type, "labels",
			 give_strings(&d->labels), "annotations", give_strings(&d->annotations),
			 "parts", give_parts(d), "signatures", (int)d->n_signatures, "substitute",
			 d->substitute_disabled);
}

static int parse_first(const json_t *request, struct yaml_stream *yaml, struct document *d,
		       struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = -1;

	if (bytes(request, "text", &text, err) == 0 &&
	    yaml_parse("test.yaml", text.data, text.len, yaml, err) == 0) {
		if (yaml->n == 0)
			err_set(err, ERR_INVALID, "test.yaml:1: document: is empty");
		else
			rc = document_parse("test.yaml", &yaml->docs[0], d, err);
	}
	buf_clear(&text);
	return rc;
}

static int do_parse(const json_t *request, json_t *answer, struct err *err)
{
	struct yaml_stream yaml = { 0 };
	struct document d = DOCUMENT_INIT;
	struct buf text = BUF_INIT;
	char digest[DOCUMENT_DIGEST_TEXT];
	int rc = parse_first(request, &yaml, &d, err);

	if (yaml.n != 0) {
		json_object_set_new(answer, "claims", json_boolean(document_claims(yaml.docs)));
		json_object_set_new(answer, "in_list", json_boolean(document_in_list(yaml.docs)));
	}
	if (rc == 0)
		rc = document_format(&d, &text, err);
	if (rc == 0) {
		document_digest(&d, digest);
		json_object_set_new(answer, "document", give_document(&d));
		json_object_set_new(answer, "digest", json_string(digest));
		json_object_set_new(answer, "format", json_string(buf_str(&text)));
	}
	yaml_clear(&yaml);
	document_clear(&d);
	buf_clear(&text);
	return rc;
}

static const char *type_of(const struct kind *kind, const char *type)
{
	for (const char *const *t = kind->types; *t != NULL; t++)
		if (strcmp(*t, type) == 0)
			return *t;
	return NULL;
}

static int take_head(const json_t *v, struct document *d, struct err *err)
{
	const char *policy = string(v, "deletionPolicy");

	d->name = mem_str(string(v, "name"));
	d->namespace = mem_str(string(v, "namespace"));
	d->kind = kind_find(string(v, "kind"));
	if (d->kind == NULL)
		return err_set(err, ERR_INVALID, "spec.kind: unknown");
	d->type = type_of(d->kind, string(v, "type"));
	for (enum document_policy p = POLICY_DELETE; policy != NULL && p <= POLICY_RETAIN; p++)
		if (strcmp(document_policy_name(p), policy) == 0)
			d->policy = p;
	take_strings(json_object_get(v, "labels"), &d->labels);
	take_strings(json_object_get(v, "annotations"), &d->annotations);
	return 0;
}

static int take_recipients(const json_t *v, struct recipients *out, struct err *err)
{
	struct age_recipient key;
	const char *name;
	json_t *text;

	json_object_foreach(
	    (json_t *)(uintptr_t)v, name,
	    text) if (age_recipient_parse(json_string_value(text), &key, err) != 0 ||
		      recipients_add(out, *name == '\0' ? NULL : name, &key, err) != 0) return -1;
	return 0;
}

static int seal_one(struct document *d, const json_t *part, int64_t at, struct err *err)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	struct recipients to = RECIPIENTS_INIT;
	int rc = -1;

	secret.type = d->type;
	take_strings(json_object_get(part, "facts"), &secret.facts);
	if (take_bytes(json_object_get(part, "data"), &secret.data, err) == 0 &&
	    take_recipients(json_object_get(part, "recipients"), &to, err) == 0)
		rc = seal_part(d, string(part, "name"), &secret, &to, at, err);
	kind_secret_clear(&secret);
	recipients_clear(&to);
	return rc;
}

static int do_seal(const json_t *request, json_t *answer, struct err *err)
{
	struct document d = DOCUMENT_INIT;
	struct buf text = BUF_INIT;
	char digest[DOCUMENT_DIGEST_TEXT];
	json_t *part;
	size_t i;
	int rc = take_head(json_object_get(request, "document"), &d, err);

	json_array_foreach(json_object_get(request, "parts"), i, part) if (rc == 0) rc =
	    seal_one(&d, part, now(request), err);
	if (rc == 0)
		rc = document_format(&d, &text, err);
	if (rc == 0) {
		document_digest(&d, digest);
		json_object_set_new(answer, "text", json_string(buf_str(&text)));
		json_object_set_new(answer, "digest", json_string(digest));
	}
	document_clear(&d);
	buf_clear(&text);
	return rc;
}

static int do_open(const json_t *request, json_t *answer, struct err *err)
{
	struct yaml_stream yaml = { 0 };
	struct document d = DOCUMENT_INIT;
	struct kind_secret secret = KIND_SECRET_INIT;
	struct kv ids = KV_INIT;
	int rc = parse_first(request, &yaml, &d, err);

	if (rc == 0)
		rc = open_document(&d, &keyring, now(request), &secret, &ids, NULL, err);
	if (rc == 0) {
		give_secret(answer, &secret);
		json_object_set_new(answer, "key_ids", give_strings(&ids));
	}
	yaml_clear(&yaml);
	document_clear(&d);
	kind_secret_clear(&secret);
	kv_clear(&ids);
	return rc;
}

static int do_inner(const json_t *request, json_t *answer, struct err *err)
{
	struct yaml_stream yaml = { 0 };
	struct document d = DOCUMENT_INIT;
	struct kind_secret secret = KIND_SECRET_INIT;
	struct buf plain = BUF_INIT;
	struct document_part *part = NULL;
	int rc = parse_first(request, &yaml, &d, err);

	if (rc == 0)
		rc = bytes(request, "plain", &plain, err);
	if (rc == 0) {
		part = document_part(&d, string(request, "part"));
		rc = part == NULL ? err_set(err, ERR_USAGE, "request: no such part")
				  : inner_parse(&d, part, plain.data, plain.len, &secret, err);
	}
	if (rc == 0)
		give_secret(answer, &secret);
	yaml_clear(&yaml);
	document_clear(&d);
	kind_secret_clear(&secret);
	buf_clear(&plain);
	return rc;
}

static int do_build(const json_t *request, json_t *answer, struct err *err)
{
	const struct kind *kind = kind_find(string(request, "kind"));
	struct kind_input in = { .type = string(request, "type"), .now = now(request) };
	struct kind_secret secret = KIND_SECRET_INIT;
	int rc = -1;

	if (kind == NULL)
		return err_set(err, ERR_USAGE, "request: no such kind");
	take_strings(json_object_get(request, "aliases"), &in.aliases);
	take_strings(json_object_get(request, "extra"), &in.extra);
	if (take_bytes(json_object_get(request, "fields"), &in.fields, err) == 0)
		rc = kind_build(kind, &in, &secret, NULL, err);
	if (rc == 0)
		give_secret(answer, &secret);
	kind_secret_clear(&secret);
	kind_input_clear(&in);
	return rc;
}

static int do_select(const json_t *request, json_t *answer, struct err *err)
{
	struct config config = CONFIG_INIT;
	struct recipients to = RECIPIENTS_INIT;
	struct buf text = BUF_INIT;
	struct kv ids = KV_INIT;
	int rc = -1;

	if (bytes(request, "text", &text, err) == 0 &&
	    config_parse("config", text.data, text.len, &config, err) == 0)
		rc = config_select(&config, string(request, "path"), string(request, "namespace"),
				   string(request, "kind"), &to, err);
	if (rc == 0) {
		recipients_ids(&to, &ids);
		json_object_set_new(answer, "recipients", give_strings(&ids));
	}
	config_clear(&config);
	recipients_clear(&to);
	buf_clear(&text);
	kv_clear(&ids);
	return rc;
}

static json_t *give_list(const char *const list[])
{
	json_t *v = json_array();

	for (; *list != NULL; list++)
		json_array_append_new(v, json_string(*list));
	return v;
}

static json_t *give_keys(const struct kind_key *keys)
{
	json_t *v = keys == NULL ? json_null() : json_array();

	for (; keys != NULL && keys->name != NULL; keys++)
		json_array_append_new(v, json_string(keys->name));
	return v;
}

static int do_kinds(const json_t *request, json_t *answer, struct err *err)
{
	json_t *kinds = json_array();

	(void)request;
	(void)err;
	for (const struct kind *const *k = kind_table; *k != NULL; k++)
		json_array_append_new(
		    kinds, json_pack("{s:s, s:o, s:o, s:o, s:b}", "name", (*k)->name, "types",
				     give_list((*k)->types), "keys", give_keys((*k)->keys), "facts",
				     give_list((*k)->facts), "retain", (*k)->retain));
	json_object_set_new(answer, "kinds", kinds);
	return 0;
}

static int do_ambiguous(const json_t *request, json_t *answer, struct err *err)
{
	const char *text = string(request, "value");

	(void)err;
	json_object_set_new(answer, "ambiguous",
			    json_boolean(yaml_plain_ambiguous(text, strlen(text))));
	return 0;
}

static int do_quote(const json_t *request, json_t *answer, struct err *err)
{
	struct buf out = BUF_INIT;
	int rc = 0;

	if (quote_put(&out, string(request, "value"), false) != 0)
		rc = err_set(err, ERR_INVALID, "not a text");
	else
		json_object_set_new(answer, "text", json_string(buf_str(&out)));
	buf_clear(&out);
	return rc;
}

static const struct {
	const char *name;
	int (*run)(const json_t *request, json_t *answer, struct err *err);
} ops[] = {
	{ "parse", do_parse }, { "seal", do_seal },   { "open", do_open },
	{ "inner", do_inner }, { "build", do_build }, { "ambiguous", do_ambiguous },
	{ "quote", do_quote }, { "kinds", do_kinds }, { "select", do_select },
};

static void answer_line(const char *line, size_t len)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	json_t *request = json_parse(line, len, "request", &err), *answer = json_object();
	const char *op = string(request, "op");
	int rc = -1;

	for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strcmp(ops[i].name, op) == 0)
			rc = ops[i].run(request, answer, &err);
	json_object_set_new(answer, "ok", json_boolean(rc == 0));
	if (rc != 0) {
		json_object_set_new(answer, "class", json_string(err_class_name(err.class)));
		json_object_set_new(answer, "error", json_string(err.text));
	}
	json_format(&out, answer);
	puts(buf_str(&out));
	fflush(stdout);
	json_decref(request);
	json_decref(answer);
	buf_clear(&out);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	mem_init();
	for (int i = 1; i < argc; i++)
		if (keyring_add_file(&keyring, argv[i], NULL, NULL, &err) != 0) {
			fprintf(stderr, "document_tool: %s\n", err.text);
			return (int)err.class;
		}
	while ((len = getline(&line, &cap, stdin)) > 0)
		answer_line(line, (size_t)len);
	free(line);
	keyring_clear(&keyring);
	return 0;
}
