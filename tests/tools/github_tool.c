/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives github/ for tests/e2e/test_github.py: what came as one JSON line, an error on standard
 * error with its class as exit status.
 *
 *	github_tool [--api-url U] [--ca-file F] [--token-file F] [--patience MS] COMMAND ...
 *	    pat pull|read            keys-list REPO             keys-get REPO ID
 *	    keys-add REPO TITLE KEY read|write                  keys-delete REPO ID KEY
 *	    app-token ID KEY-FILE REPO NAME=VALUE...            revoke
 *	    meta HOST                list PATH                  http METHOD PATH [follow] [json]
 *	    revoke-found             (the token of --token-file, as one that was found)
 *
 * With BULLA_HOLD in the environment (tests/tools/hold.h) nothing is printed of what came.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "github/app.h"
#include "github/deploy_keys.h"
#include "github/meta.h"
#include "github/pat.h"
#include "github/rest.h"
#include "github/revoke.h"
#include "tests/tools/hold.h"

struct job {
	struct rest_options options;
	struct buf token;
	struct rest *rest;
	char **args;
	int n;
};

static void say(json_t *line)
{
	if (getenv("BULLA_HOLD") == NULL) {
		json_dumpf(line, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		putchar('\n');
	}
	json_decref(line);
}

static json_t *told(const struct deploy_key *k)
{
	return json_pack("{s:I, s:s, s:s, s:s?, s:I, s:I, s:b, s:b}", "id", (json_int_t)k->id,
			 "title", k->title, "key", k->key, "added_by", k->added_by, "created",
			 (json_int_t)k->created, "last_used", (json_int_t)k->last_used, "read_only",
			 (int)k->read_only, "disabled", (int)k->disabled);
}

static int do_pat(struct job *j, struct err *err)
{
	struct pat_facts f = PAT_FACTS_INIT;
	struct notes notes = NOTES_INIT;
	json_t *said = json_array();
	int r = pat_ask(j->rest, pat_kind(j->token.data, j->token.len), &f, err);

	if (r == 0) {
		pat_judge(&f, strcmp(j->args[0], "pull") == 0 ? PAT_PULL : PAT_READ, clock_now(),
			  &notes);
		for (size_t i = 0; i < notes.n; i++)
			json_array_append_new(said, json_string(notes.text[i]));
		say(json_pack("{s:i, s:s?, s:s?, s:b, s:I, s:O}", "kind", (int)f.kind, "user",
			      f.user, "scopes", f.scopes, "expires", (int)f.expires, "not_after",
			      (json_int_t)f.not_after, "notes", said));
	}
	json_decref(said);
	notes_clear(&notes);
	pat_facts_clear(&f);
	return r;
}

static int do_keys_list(struct job *j, struct err *err)
{
	struct deploy_keys keys = DEPLOY_KEYS_INIT;
	int r = deploy_keys_list(j->rest, j->args[0], &keys, err);
	json_t *list = json_array();

	for (size_t i = 0; i < keys.n; i++)
		json_array_append_new(list, told(&keys.items[i]));
	if (r == 0)
		say(json_incref(list));
	json_decref(list);
	deploy_keys_clear(&keys);
	return r;
}

static int do_keys_get(struct job *j, struct err *err)
{
	struct deploy_key key = { 0 };
	bool found;
	int r = deploy_keys_get(j->rest, j->args[0], atoll(j->args[1]), &key, &found, err);

	if (r == 0)
		say(found ? told(&key) : json_null());
	deploy_key_clear(&key);
	return r;
}

static int do_keys_add(struct job *j, struct err *err)
{
	const struct deploy_key_new new = { j->args[0], j->args[1], j->args[2],
					    strcmp(j->args[3], "read") == 0 };
	struct deploy_key key = { 0 };
	bool added;
	int r = deploy_keys_add(j->rest, &new, &key, &added, err);

	if (r == 0)
		say(json_pack("{s:b, s:o, s:i}", "added", (int)added, "key", told(&key), "calls",
			      (int)rest_calls(j->rest)));
	deploy_key_clear(&key);
	return r;
}

static int do_keys_delete(struct job *j, struct err *err)
{
	struct deploy_key key = { .id = atoll(j->args[1]), .key = j->args[2] };
	bool deleted;
	int r = deploy_keys_delete(j->rest, j->args[0], &key, &deleted, err);

	if (r == 0)
		say(json_pack("{s:b}", "deleted", (int)deleted));
	return r;
}

static int do_app_token(struct job *j, struct err *err)
{
	struct app_token token = APP_TOKEN_INIT;
	struct kv permissions = KV_INIT;
	struct buf key = BUF_INIT;
	struct app_options o = { .api_url = j->options.api_url,
				 .ca_file = j->options.ca_file,
				 .id = j->args[0],
				 .key = &key,
				 .repository = j->args[2],
				 .permissions = &permissions,
				 .patience_ms = j->options.patience_ms };
	int r = file_read(j->args[1], 65536, 0, &key, NULL, err);

	for (int i = 3; i < j->n; i++) {
		char *name = mem_strn(j->args[i], strcspn(j->args[i], "="));

		kv_set_str(&permissions, name, strchr(j->args[i], '=') + 1);
		mem_free(name);
	}
	if (r == 0)
		r = app_token(&o, &token, err);
	if (r == 0)
		say(json_pack("{s:s, s:I, s:I, s:b}", "token", buf_str(&token.token), "expires",
			      (json_int_t)token.expires, "installation",
			      (json_int_t)token.installation, "all", (int)token.all_repositories));
	app_token_clear(&token);
	kv_clear(&permissions);
	buf_clear(&key);
	return r;
}

static int do_revoke(struct job *j, struct err *err)
{
	return app_revoke(j->rest, err);
}

static int do_revoke_found(struct job *j, struct err *err)
{
	struct kv tokens = KV_INIT;
	const struct revoke_options o = { j->options.api_url, j->options.ca_file, &tokens };
	int r;

	kv_set_str(&tokens, buf_str(&j->token), "");
	r = revoke_send(&o, err);
	kv_clear(&tokens);
	return r;
}

static int do_meta(struct job *j, struct err *err)
{
	struct buf out = BUF_INIT;
	int r = meta_known_hosts(j->rest, j->args[0], &out, err);

	fputs(buf_str(&out), stdout);
	buf_clear(&out);
	return r;
}

static int do_list(struct job *j, struct err *err)
{
	const struct rest_request q = { .path = j->args[0], .what = "list it" };
	json_t *list = rest_list(j->rest, &q, err);

	if (list != NULL)
		say(list);
	return list == NULL ? -1 : 0;
}

static int do_http(struct job *j, struct err *err)
{
	const struct http_options o = { .base = j->options.api_url,
					.ca_file = j->options.ca_file,
					.total_ms = j->options.patience_ms };
	struct http_request q = { .method = j->args[0],
				  .path = j->args[1],
				  .authorization = j->token.len > 0 ? &j->token : NULL };
	struct http_answer a = HTTP_ANSWER_INIT;
	struct http *h = http_new(&o, err);
	int r = -1;

	for (int i = 2; i < j->n; i++) {
		q.follow = q.follow || strcmp(j->args[i], "follow") == 0;
		q.json = q.json || strcmp(j->args[i], "json") == 0;
	}
	if (h != NULL) {
		r = http_send(h, &q, &a, err);
		say(json_pack("{s:i, s:i, s:b, s:i, s:s?, s:s}", "fault", (int)a.fault, "status",
			      (int)a.status, "unsent", (int)a.unsent, "tries", (int)a.tries, "url",
			      a.url, "body", buf_str(&a.body)));
	}
	http_answer_clear(&a);
	http_free(h);
	return r;
}

static const struct {
	const char *name;
	int args;
	int (*run)(struct job *j, struct err *err);
} commands[] = {
	{ "pat", 1, do_pat },
	{ "keys-list", 1, do_keys_list },
	{ "keys-get", 2, do_keys_get },
	{ "keys-add", 4, do_keys_add },
	{ "keys-delete", 3, do_keys_delete },
	{ "app-token", 3, do_app_token },
	{ "revoke", 0, do_revoke },
	{ "revoke-found", 0, do_revoke_found },
	{ "meta", 1, do_meta },
	{ "list", 1, do_list },
	{ "http", 2, do_http },
};

static const struct option options[] = {
	{ "api-url", required_argument, NULL, 'u' },
	{ "ca-file", required_argument, NULL, 'c' },
	{ "token-file", required_argument, NULL, 't' },
	{ "patience", required_argument, NULL, 'p' },
	{ NULL, 0, NULL, 0 },
};

static int set(struct job *j, int c, struct err *err)
{
	switch (c) {
	case 'u':
		j->options.api_url = optarg;
		return 0;
	case 'c':
		j->options.ca_file = optarg;
		return 0;
	case 'p':
		j->options.patience_ms = atoll(optarg);
		return 0;
	case 't':
		j->options.token = &j->token;
		return file_read(optarg, 8192, 0, &j->token, NULL, err);
	default:
		return err_set(err, ERR_USAGE, "unknown option");
	}
}

static int run(struct job *j, const char *name, struct err *err)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) != 0 || j->n < commands[i].args)
			continue;
		if (commands[i].run == do_http || commands[i].run == do_app_token)
			return commands[i].run(j, err);
		j->rest = rest_new(&j->options, err);
		return j->rest == NULL ? -1 : commands[i].run(j, err);
	}
	return err_set(err, ERR_USAGE, "unknown command");
}

int main(int argc, char **argv)
{
	struct job j = { .token = BUF_INIT };
	struct err err = ERR_INIT;
	int c, r = 0;

	mem_init();
	while (r == 0 && (c = getopt_long(argc, argv, "+", options, NULL)) != -1)
		r = set(&j, c, &err);
	if (r == 0 && optind == argc)
		r = err_set(&err, ERR_USAGE, "no command");
	if (r == 0) {
		j.args = argv + optind + 1;
		j.n = argc - optind - 1;
		r = run(&j, argv[optind], &err);
	}
	hold("before");
	rest_free(j.rest);
	buf_clear(&j.token);
	hold("end");
	if (r != 0)
		out_warn("%s", err.text);
	return r == 0 ? 0 : (int)err.class;
}
