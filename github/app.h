/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GitHub App: from its private key to a token for one repository with the fewest permissions.
 * Source: docs.github.com/apps (JWT RS256: issued a minute ago, at most ten minutes long),
 * flux-kubelet-github section 6.8.
 */
#ifndef BULLA_GITHUB_APP_H
#define BULLA_GITHUB_APP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/kv.h"
#include "github/http.h"

struct err;
struct rest;

/*
 * The App's own token, valid until nine minutes from now, appended to out (wiped by the caller).
 * id: the App id or client id; pem: RSA private key, PKCS#1 or #8, not encrypted, 2,048 bits and
 * more.  ERR_INVALID.
 */
int app_jwt(const char *id, const struct buf *pem, int64_t now, struct buf *out, struct err *err);

struct app_options {
	const char *api_url; /* as struct rest_options */
	const char *ca_file;
	const struct buf *ca;
	const char *id;
	const struct buf *key;	      /* PEM */
	const char *repository;	      /* "owner/name" (rest_repository) */
	int64_t installation;	      /* 0: asked for */
	const char *owner;	      /* whose that must be, else ERR_REFUSED; may be NULL */
	const struct kv *permissions; /* "administration" = "write", "contents" = "read" */
	int64_t patience_ms;
	http_pause_fn *pausing; /* as struct rest_options */
};

struct app_token {
	struct buf token; /* up to some 600 bytes; no shape is promised */
	int64_t expires;  /* Unix seconds: an hour from now */
	int64_t installation;
	bool all_repositories; /* GitHub gave it for more than the one asked for */
};

#define APP_TOKEN_INIT                                                                             \
	{                                                                                          \
		BUF_INIT, 0, 0, false                                                              \
	}

/*
 * Mint one.  ERR_REFUSED: GitHub does not take the signature (key or id wrong, clock off), the App
 * is suspended or lacks a permission (it names them); ERR_IO: not installed on the repository.
 */
int app_token(const struct app_options *o, struct app_token *out, struct err *err);
void app_token_clear(struct app_token *t);
/* GitHub's object of a token; the installation stays.  ERR_IO: there is none in it. */
int app_token_read(const json_t *body, struct app_token *out, struct err *err);

/* Give back the installation token that rest was made with, by one try.  One that is gone already
 * is fine. */
int app_revoke(struct rest *r, struct err *err);

#endif
