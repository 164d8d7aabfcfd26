/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/credentials.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "kube/cert.h"
#include "kube/exec.h"

#define TOKEN_MAX 65536 /* bytes of a token's file */
#define PEM_MAX ((size_t)1 << 20)
#define TOKEN_MS 50000
#define FILES_MS 300000
#define RETRY_MS 10000
#define UNTRUSTED_MS 2000

int credentials_check_token(const char *s, struct err *err)
{
	size_t n = 0;

	while (s[n] > ' ' && s[n] <= '~')
		n++;
	if (n == 0 || s[n] != '\0')
		return err_set(err, ERR_INVALID, "not a token: %s",
			       n == 0 && *s == '\0' ? "empty"
						    : "it has spaces, line breaks or characters "
						      "that are not ASCII");
	return 0;
}

/* --- token ------------------------------------------------------------------------------------ */

static char *trimmed(const struct buf *text)
{
	static const char space[] = " \t\r\n";
	const char *s = buf_str(text);
	size_t n;

	s += strspn(s, space);
	for (n = strlen(s); n > 0 && strchr(space, s[n - 1]) != NULL; n--)
		;
	return mem_strn(s, n);
}

static int read_token(struct credentials *c, struct err *err)
{
	struct buf text = BUF_INIT;
	char *token;

	if (file_read(c->token_file, TOKEN_MAX, 0, &text, NULL, err) != 0)
		return err_wrap(err, "token");
	token = trimmed(&text);
	buf_clear(&text);
	if (credentials_check_token(token, err) != 0) {
		mem_free(token);
		return err_wrap(err, "token: %s", c->token_file);
	}
	mem_free(c->token);
	c->token = token;
	return 0;
}

/* --- certificates ----------------------------------------------------------------------------- */

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* The file's bytes, or a copy of what is there when it comes from no file. */
static int read_pem(const char *file, const struct buf *there, struct buf *out, struct err *err)
{
	if (file != NULL)
		return file_read(file, PEM_MAX, 0, out, NULL, err);
	buf_put(out, there->data, there->len);
	return 0;
}

int credentials_load_ca(struct credentials *c, struct err *err)
{
	struct buf ca = BUF_INIT;
	int r;

	if (c->ca_file == NULL && c->ca.len == 0)
		return 0;
	r = read_pem(c->ca_file, &c->ca, &ca, err);
	if (r == 0 && cert_check_authorities(&ca, err) != 0)
		r = c->ca_file != NULL ? err_wrap(err, "%s", c->ca_file) : -1;
	if (r == 0 && !same(&ca, &c->ca)) {
		buf_move(&c->ca, &ca);
		c->generation++;
	}
	buf_clear(&ca);
	return r == 0 ? 0 : err_wrap(err, "certificate-authority");
}

/* Both are replaced or none: one file may be newer than the other for a moment. */
static int set_pair(struct credentials *c, struct buf *cert, struct buf *key, struct err *err)
{
	if (cert->len == 0 && key->len == 0 && c->cert.len == 0)
		return 0;
	if ((cert->len != 0 || key->len != 0) && cert_check_pair(cert, key, err) != 0)
		return err_wrap(err, "client-certificate");
	if (same(cert, &c->cert) && same(key, &c->key))
		return 0;
	buf_move(&c->cert, cert);
	buf_move(&c->key, key);
	c->generation++;
	return 0;
}

static int read_pair(struct credentials *c, struct err *err)
{
	struct buf cert = BUF_INIT, key = BUF_INIT;
	int r;

	if (read_pem(c->cert_file, &c->cert, &cert, err) != 0)
		r = err_wrap(err, "client-certificate");
	else if (read_pem(c->key_file, &c->key, &key, err) != 0)
		r = err_wrap(err, "client-key");
	else if (c->cert_file != NULL && cert.len == 0)
		r = err_set(err, ERR_INVALID, "client-certificate: %s: empty", c->cert_file);
	else
		r = set_pair(c, &cert, &key, err);
	buf_clear(&cert);
	buf_clear(&key);
	return r;
}

/* --- plugin ----------------------------------------------------------------------------------- */

static int take_answer(struct credentials *c, struct exec_answer *a, struct err *err)
{
	if (a->token != NULL && credentials_check_token(a->token, err) != 0)
		return err_wrap(err, "exec: %.200s: status.token", c->exec->command);
	if (set_pair(c, &a->cert, &a->key, err) != 0)
		return err_wrap(err, "exec: %.200s", c->exec->command);
	mem_free(c->token);
	c->token = a->token;
	a->token = NULL; /* transferred */
	c->exec_expires = a->expires;
	return 0;
}

static int run_plugin(struct credentials *c, struct err *err)
{
	const struct kube_exec_run run = { c->exec_info, c->exec_terminal, c->exec_timeout_ms };
	struct exec_answer answer;
	int r;

	if (kube_exec_run(c->exec, &run, &answer, err) != 0)
		return -1;
	r = take_answer(c, &answer, err);
	exec_answer_clear(&answer);
	return r;
}

/* --- when ------------------------------------------------------------------------------------- */

int credentials_load(struct credentials *c, int64_t now_ms, struct err *err)
{
	bool token = c->token == NULL && c->token_file != NULL;

	if (read_pair(c, err) != 0)
		return -1;
	if (token && read_token(c, err) != 0)
		return -1;
	if (c->exec != NULL && run_plugin(c, err) != 0)
		return -1;
	c->token_due = token ? now_ms + TOKEN_MS : now_ms;
	c->files_due = now_ms + FILES_MS;
	c->files_read = now_ms;
	c->exec_due = now_ms; /* not before, from the first refusal on */
	return 0;
}

static int refresh_files(struct credentials *c, struct err *err)
{
	struct err second = ERR_INIT;
	int r = credentials_load_ca(c, err);

	if (read_pair(c, r == 0 ? err : &second) != 0)
		r = -1;
	return r;
}

int credentials_refresh(struct credentials *c, bool rejected, int64_t now_ms, struct err *err)
{
	struct err second = ERR_INIT;
	bool expired = c->exec != NULL && clock_now() >= c->exec_expires;
	int all = 0, r;

	if (c->token_file != NULL && (rejected || now_ms >= c->token_due)) {
		all = read_token(c, err);
		c->token_due = now_ms + (all == 0 ? TOKEN_MS : RETRY_MS);
	}
	if ((c->ca_file != NULL || c->cert_file != NULL || c->key_file != NULL) &&
	    (rejected || now_ms >= c->files_due)) {
		r = refresh_files(c, all == 0 ? err : &second);
		c->files_due = now_ms + (r == 0 ? FILES_MS : RETRY_MS);
		c->files_read = now_ms;
		all = r == 0 ? all : -1;
	}
	if (c->exec != NULL && (rejected || expired) && now_ms >= c->exec_due) {
		c->exec_due = now_ms + RETRY_MS;
		if (run_plugin(c, all == 0 ? err : &second) != 0)
			all = -1;
	}
	return all;
}

void credentials_untrusted(struct credentials *c, int64_t now_ms)
{
	int64_t soonest = c->files_read + UNTRUSTED_MS;

	if (soonest < now_ms)
		soonest = now_ms;
	if (c->files_due > soonest)
		c->files_due = soonest;
}

void credentials_clear(struct credentials *c)
{
	char *const strings[] = { c->token,    c->ca_file,    c->cert_file,
				  c->key_file, c->token_file, c->exec_info };

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		mem_free(strings[i]);
	buf_clear(&c->ca);
	buf_clear(&c->cert);
	buf_clear(&c->key);
	kubeconfig_exec_free(c->exec);
	memset(c, 0, sizeof(*c));
}
