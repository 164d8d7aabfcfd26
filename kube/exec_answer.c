/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/exec_answer.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

void exec_answer_clear(struct exec_answer *a)
{
	mem_free(a->token);
	buf_clear(&a->cert);
	buf_clear(&a->key);
	memset(a, 0, sizeof(*a));
}

static int digits(const char *s)
{
	return s[0] >= '0' && s[0] <= '9' && s[1] >= '0' && s[1] <= '9'
		   ? (s[0] - '0') * 10 + s[1] - '0'
		   : -1;
}

/* "+02:00" as seconds; the end of the text. */
static bool parse_offset(const char *s, int64_t *seconds)
{
	int h, m;

	if (strcmp(s, "Z") == 0) {
		*seconds = 0;
		return true;
	}
	if (strlen(s) != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':')
		return false;
	h = digits(s + 1);
	m = digits(s + 4);
	*seconds = ((int64_t)h * 60 + m) * (s[0] == '-' ? -60 : 60);
	return h >= 0 && h < 24 && m >= 0 && m < 60;
}

/* RFC 3339 as Go writes it: with a fraction and with an offset, which clock_parse does not take. */
static bool parse_time(const char *text, int64_t *t)
{
	char whole[CLOCK_TEXT_SIZE];
	int64_t offset;
	const char *s;

	if (strlen(text) < sizeof(whole) - 1)
		return false;
	memcpy(whole, text, sizeof(whole) - 2);
	memcpy(whole + sizeof(whole) - 2, "Z", 2);
	s = text + sizeof(whole) - 2;
	if (*s == '.') {
		size_t n = strspn(s + 1, "0123456789");

		if (n == 0)
			return false;
		s += n + 1;
	}
	if (!clock_parse(whole, t) || !parse_offset(s, &offset))
		return false;
	*t -= offset;
	return true;
}

static int parse_pair(const json_t *status, struct exec_answer *out, struct err *err)
{
	const char *cert, *key;

	if (json_opt_string(status, "status", "clientCertificateData", &cert, err) != 0 ||
	    json_opt_string(status, "status", "clientKeyData", &key, err) != 0)
		return -1;
	if (cert != NULL && *cert != '\0')
		buf_puts(&out->cert, cert);
	if (key != NULL && *key != '\0')
		buf_puts(&out->key, key);
	if ((out->cert.len == 0) != (out->key.len == 0))
		return err_set(err, ERR_INVALID,
			       "status: only one of clientCertificateData and "
			       "clientKeyData, which belong together");
	return 0;
}

static int parse_status(const json_t *status, struct exec_answer *out, struct err *err)
{
	const char *token, *expires;

	if (json_opt_string(status, "status", "token", &token, err) != 0 ||
	    json_opt_string(status, "status", "expirationTimestamp", &expires, err) != 0 ||
	    parse_pair(status, out, err) != 0)
		return -1;
	if (token != NULL && *token != '\0')
		out->token = mem_str(token);
	if (out->token == NULL && out->cert.len == 0)
		return err_set(err, ERR_INVALID,
			       "status: neither a token nor a certificate with its key");
	if (expires != NULL && !parse_time(expires, &out->expires))
		return err_set(err, ERR_INVALID,
			       "status.expirationTimestamp: not a time like "
			       "\"2026-11-23T08:00:00Z\"");
	return 0;
}

/* Go's decoder takes null for absent. */
static void drop_nulls(json_t *object)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, name, value)
	{
		if (json_is_null(value))
			json_object_del(object, name);
	}
}

static int parse(json_t *root, const char *api_version, struct exec_answer *out, struct err *err)
{
	const json_t *status;
	const char *kind, *version;

	if (!json_is_object(root))
		return err_set(err, ERR_INVALID, "not a JSON object");
	drop_nulls(root);
	drop_nulls(json_object_get(root, "status"));
	kind = json_need_string(root, "answer", "kind", err);
	version = kind != NULL ? json_need_string(root, "answer", "apiVersion", err) : NULL;
	if (version == NULL)
		return -1;
	if (strcmp(kind, "ExecCredential") != 0)
		return err_set(err, ERR_INVALID, "kind: not \"ExecCredential\"");
	if (strcmp(version, api_version) != 0)
		return err_set(err, ERR_INVALID,
			       "apiVersion: not the \"%s\" that the kubeconfig asks for",
			       api_version);
	status = json_need_object(root, "answer", "status", err);
	return status != NULL ? parse_status(status, out, err) : -1;
}

int exec_answer_parse(const void *text, size_t len, const char *api_version,
		      struct exec_answer *out, struct err *err)
{
	json_t *root;
	int r;

	memset(out, 0, sizeof(*out));
	out->expires = INT64_MAX;
	root = json_parse(text, len, "answer", err);
	if (root == NULL)
		return -1;
	r = parse(root, api_version, out, err);
	json_decref(root);
	if (r != 0)
		exec_answer_clear(out);
	return r;
}
