/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a registry's token endpoint gave (distribution: spec/auth/token, spec/auth/jwt): a token to
 * be shown to the registry, and, where it is a JWT, what it allows.  Nobody's signature is checked:
 * it came over TLS from whom we asked, and is only shown back and reported on.
 */
#ifndef BULLA_GITHUB_GRANT_H
#define BULLA_GITHUB_GRANT_H

#include "base/buf.h"

struct err;

#define GRANT_TOKEN_MAX ((size_t)64 << 10) /* bytes */

struct grant {
	struct buf token; /* visible ASCII; secret */
	char *scope;	  /* what OAuth 2 servers say they granted; or NULL */
};

#define GRANT_INIT                                                                                 \
	{                                                                                          \
		BUF_INIT, NULL                                                                     \
	}

/*
 * Read an answer {"token" or "access_token", "scope"}.  ERR_INVALID: not such an object, no token,
 * one that no header can carry; quotes nothing.  out is empty then.
 */
int grant_parse(const void *text, size_t len, struct grant *out, struct err *err);
void grant_clear(struct grant *g); /* wipes */

enum grant_word { GRANT_UNTOLD, GRANT_NO, GRANT_YES };

/*
 * Does it allow the action ("pull", "push") on the repository ("org/app")?  By the claim "access"
 * of a JWT, else by scope; GRANT_UNTOLD where neither says.
 */
enum grant_word grant_allows(const struct grant *g, const char *repository, const char *action);

#endif
