/* SPDX-License-Identifier: Apache-2.0 */
#include "github/meta.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/rest.h"

#define KEY_MAX 4096

/* "TYPE BASE64": two words, so that a line made of it is one of known_hosts and no other. */
static bool is_key(const char *text)
{
	static const char type_chars[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-@.";
	static const char key_chars[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
	size_t type = strspn(text, type_chars), n;
	const char *key = text + type + 1;

	if (type == 0 || text[0] == '@' || text[type] != ' ' || strlen(text) > KEY_MAX)
		return false;
	n = strspn(key, key_chars);
	/* the length of the type begins every key */
	return n > 16 && strncmp(key, "AAAA", 4) == 0 && strspn(key + n, "=") <= 2 &&
	       key[n + strspn(key + n, "=")] == '\0';
}

int meta_read(const json_t *body, const char *host, const char *server, struct buf *out,
	      struct err *err)
{
	const json_t *keys = json_object_get(body, "ssh_keys");
	size_t n = json_array_size(keys);

	if (n == 0 || n > META_KEYS_MAX)
		return err_set(err, ERR_IO, "%s names %s SSH host key", server,
			       n == 0 ? "no" : "more than 32 keys as its");
	for (size_t i = 0; i < n; i++) {
		const char *key = json_string_value(json_array_get(keys, i));

		if (key == NULL || !is_key(key))
			return err_set(err, ERR_INVALID,
				       "%s: SSH host key number %zu is not of the form TYPE BASE64",
				       server, i + 1);
	}
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s %s\n", host, json_string_value(json_array_get(keys, i)));
	return 0;
}

int meta_known_hosts(struct rest *r, const char *host, struct buf *out, struct err *err)
{
	const struct rest_request q = { .path = "/meta", .what = "ask for GitHub's host keys" };
	struct rest_answer a = REST_ANSWER_INIT;
	int result = rest_call(r, &q, &a, err);

	if (result == 0)
		result = meta_read(a.body, host, rest_host(r), out, err);
	rest_answer_clear(&a);
	return result;
}
