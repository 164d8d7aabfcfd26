/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token is, asked of GitHub in one call: whose it is, what it may do, when it ends.
 * Sources: flux-kubelet-github section 6.4: X-OAuth-Scopes (classic and OAuth tokens),
 * github-authentication-token-expiration; permissions of fine-grained tokens cannot be asked for.
 */
#ifndef BULLA_GITHUB_PAT_H
#define BULLA_GITHUB_PAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/notes.h"

struct err;
struct rest;
struct rest_answer;

/* By how it begins; its shape is kinds/token.h's to check. */
enum pat_kind {
	PAT_UNKNOWN,	  /* forty hex digits of old, or not GitHub's */
	PAT_CLASSIC,	  /* ghp_ */
	PAT_FINE_GRAINED, /* github_pat_ */
	PAT_OAUTH,	  /* gho_ */
	PAT_APP_USER,	  /* ghu_ */
	PAT_INSTALLATION, /* ghs_: ends within an hour */
};
enum pat_kind pat_kind(const void *token, size_t len);

struct pat_facts {
	enum pat_kind kind;
	char *user;   /* whose; NULL for PAT_INSTALLATION, which is nobody's */
	char *scopes; /* "read:packages, repo", as GitHub lists them; NULL: it has no scopes */
	bool expires;
	int64_t not_after; /* Unix seconds, when it expires */
};

#define PAT_FACTS_INIT                                                                             \
	{                                                                                          \
		PAT_UNKNOWN, NULL, NULL, false, 0                                                  \
	}

/*
 * Ask with the token that rest was made with.  ERR_REFUSED: GitHub does not know it (401: revoked,
 * expired or mistyped), with the clock's share in it; else as rest_call.
 */
int pat_ask(struct rest *r, enum pat_kind kind, struct pat_facts *out, struct err *err);
void pat_facts_clear(struct pat_facts *f);
/*
 * What an answer to a token of that kind says of it; out is overwritten.  ERR_IO when the expiry is
 * in no form that is known: out is empty then.
 */
int pat_read(const struct rest_answer *a, enum pat_kind kind, struct pat_facts *out,
	     struct err *err);

/* What its reader does with it. */
enum pat_use {
	PAT_PULL, /* pulls images from GHCR */
	PAT_READ, /* fetches a repository over HTTPS */
};

/*
 * What the user should know before it is sealed: it can do more than its reader needs, or cannot do
 * that at all, it ends soon or never.  now: Unix seconds.
 */
void pat_judge(const struct pat_facts *f, enum pat_use use, int64_t now, struct notes *notes);

/* "2027-10-12 09:00:00 UTC" or "2027-10-12 09:00:00 +0900" to Unix seconds, and nothing else. */
bool pat_expiry(const char *text, int64_t *t);

#endif
