/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens known by how they begin: GitHub's are checked to the last character (flux-kubelet-github
 * section 6.5: prefix, length, base62 CRC32), those of other services are recognised, so that one
 * in the wrong place is told.  A checksum says that a token was copied whole, not that it is valid.
 */
#ifndef BULLA_KINDS_TOKEN_H
#define BULLA_KINDS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/notes.h"

struct err;

enum token_use {
	TOKEN_PULL, /* images, from a registry */
	TOKEN_GIT,  /* fetching over HTTPS */
	TOKEN_USES,
};

enum token_service { TOKEN_OTHER, TOKEN_GITHUB, TOKEN_GITLAB, TOKEN_DOCKER };

struct token_form {
	const char *prefix;
	const char *name;  /* with its article: "a GitHub OAuth token" */
	const char *kinds; /* what to seal it as, or NULL when no kind is for it */
	enum token_service service;
	size_t min, max; /* bytes, all in all */
	/* NULL: the length is enough */
	int (*check)(const char *what, const struct token_form *form, const char *token, size_t len,
		     struct err *err);
	const char *refused[TOKEN_USES]; /* why GitHub itself refuses it there */
	bool useless;			 /* the same everywhere */
	const char *note[TOKEN_USES];
};

/* By the prefix alone, whatever follows; NULL when no prefix is known. */
const struct token_form *token_find(const void *data, size_t len);

/*
 * Anything secret that a value looks like, for the warning of kind opaque: tokens of a likely
 * length, private keys, a docker config, a Google key file.  NULL: nothing known.
 */
const struct token_form *token_guess(const void *data, size_t len);

/* Is this a token of form, whole?  ERR_INVALID; what begins the error. */
int token_check(const char *what, const struct token_form *form, const void *data, size_t len,
		struct err *err);

/*
 * Check what is sent to host as a password for use.  On hosts of GitHub an unknown beginning is
 * noted; everywhere a known one must be whole, and of that host's service.
 */
struct token_place {
	const char *what;
	const char *host; /* "ghcr.io", "github.com:443" */
	enum token_use use;
};
int token_accept(const struct token_place *place, const void *data, size_t len, struct notes *notes,
		 struct err *err);

#endif
