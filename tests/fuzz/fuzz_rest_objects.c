/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any JSON as what GitHub answers with: deploy keys, its host keys, a token of an App, an error of
 * a registry.  What is taken is taken again when written anew, and can stand where it is used.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "github/app.h"
#include "github/deploy_keys.h"
#include "github/meta.h"
#include "github/registry_say.h"
#include "github/rest.h"

#define HOST "[ssh.github.com]:443"
#define WHITE " \t\r\n"

static json_t *time_json(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	if (t == 0)
		return json_null();
	clock_format(t, text);
	return json_string(text);
}

static json_t *written(const struct deploy_key *k)
{
	return json_pack("{s:I, s:s, s:s, s:s*, s:o, s:o, s:b, s:b, s:b}", "id", (json_int_t)k->id,
			 "title", k->title, "key", k->key, "added_by", k->added_by, "created_at",
			 time_json(k->created), "last_used", time_json(k->last_used), "read_only",
			 (int)k->read_only, "verified", (int)k->verified, "enabled",
			 (int)!k->disabled);
}

static bool in_years(int64_t t)
{
	return t >= INT64_C(-62167219200) && t <= INT64_C(253402300799);
}

static void check_same(const struct deploy_key *k)
{
	struct deploy_key again;
	struct err err = ERR_INIT;
	json_t *v = written(k);

	must(v != NULL && deploy_key_read(v, &again, &err) == 0);
	must(again.id == k->id && strcmp(again.title, k->title) == 0 &&
	     strcmp(again.key, k->key) == 0);
	must(again.read_only == k->read_only && again.verified == k->verified &&
	     again.disabled == k->disabled);
	must((again.added_by == NULL) == (k->added_by == NULL));
	must(!in_years(k->created) || again.created == k->created);
	must(!in_years(k->last_used) || again.last_used == k->last_used);
	deploy_key_clear(&again);
	json_decref(v);
}

static void check_keys(const json_t *v)
{
	struct deploy_keys keys = DEPLOY_KEYS_INIT;
	struct err err = ERR_INIT;

	if (deploy_keys_read(v, &keys, &err) != 0) {
		must(err.class == ERR_IO && keys.n == 0 && keys.items == NULL);
		return;
	}
	must(keys.n <= json_array_size(v));
	for (size_t i = 0; i < keys.n; i++) {
		const struct deploy_key *k = &keys.items[i], *found;
		const char *space = strpbrk(k->key, WHITE);
		char *comment = mem_printf("%s a comment\n", k->key);

		must(k->id > 0 && k->title != NULL);
		/* two words at most, so that no comment is compared */
		must(space == NULL || (*space == ' ' && strpbrk(space + 1, WHITE) == NULL));
		for (size_t j = 0; j < i; j++)
			must(keys.items[j].id != k->id);
		found = deploy_keys_find(&keys, k->key);
		must((found == NULL) == (k->key[0] == '\0'));
		must(found == NULL || (found <= k && strcmp(found->key, k->key) == 0));
		must(space == NULL || deploy_keys_find(&keys, comment) == found);
		check_same(k);
		mem_free(comment);
	}
	deploy_keys_clear(&keys);
}

/* Lines of three words, of which the first is the host: no answer makes a line of its own. */
static void check_meta(const json_t *v)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	size_t lines = 0;

	if (meta_read(v, HOST, "api.github.com", &out, &err) != 0) {
		must((err.class == ERR_IO || err.class == ERR_INVALID) && out.len == 0);
		return;
	}
	for (const char *line = buf_str(&out); *line != '\0'; lines++) {
		size_t n = strcspn(line, "\n"), type, key;
		const char *at = line + strlen(HOST) + 1;

		must(strncmp(line, HOST " ", strlen(HOST) + 1) == 0 && line[n] == '\n');
		type = strcspn(at, " \n");
		key = strcspn(at + type + 1, " \n");
		must(type > 0 && at[type] == ' ' && at[0] != '@' && key > 16);
		must(at + type + 1 + key == line + n && strncmp(at + type + 1, "AAAA", 4) == 0);
		for (size_t i = 0; i < n; i++)
			must(line[i] >= ' ' && line[i] <= '~');
		line += n + 1;
	}
	must(lines == json_array_size(json_object_get(v, "ssh_keys")) && lines <= META_KEYS_MAX);
	buf_clear(&out);
}

static void check_token(const json_t *v)
{
	struct app_token t = APP_TOKEN_INIT;
	struct err err = ERR_INIT;

	t.installation = 7;
	if (app_token_read(v, &t, &err) != 0) {
		must(err.class == ERR_IO && t.token.len == 0);
	} else {
		must(t.token.len > 0 && t.installation == 7);
		must(strcmp(buf_str(&t.token), json_string_value(json_object_get(v, "token"))) ==
		     0);
	}
	app_token_clear(&t);
}

static void check_code(const struct buf *body)
{
	char code[REGISTRY_CODE_SIZE];

	registry_code(body, code);
	must(strlen(code) < REGISTRY_CODE_SIZE);
	must(strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(code));
	must(code[0] == '\0' || strstr(buf_str(body), code) != NULL ||
	     strchr(buf_str(body), '\\') != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *v = json_parse(data, size, "answer", NULL);
	struct buf body = BUF_INIT;

	buf_put(&body, data, size);
	check_code(&body);
	if (v != NULL) {
		check_keys(v);
		check_meta(v);
		check_token(v);
	}
	json_decref(v);
	buf_clear(&body);
	return 0;
}
