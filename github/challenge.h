/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server asks for with its status 401: the field WWW-Authenticate (RFC 9110 section 11.6.1),
 * read strictly, because it decides where a password is sent.  Lists of challenges, parameters as
 * tokens or quoted strings with escapes, any other scheme passed over.
 */
#ifndef BULLA_GITHUB_CHALLENGE_H
#define BULLA_GITHUB_CHALLENGE_H

#include <stdbool.h>

struct err;

#define CHALLENGE_FIELD_MAX 8192 /* bytes of the field */
#define CHALLENGE_VALUE_MAX 2048 /* bytes of one parameter's value */

enum challenge_scheme { CHALLENGE_BASIC, CHALLENGE_BEARER };

/* All that is there are printable ASCII characters; those that are not there are NULL. */
struct challenge {
	enum challenge_scheme scheme;
	char *realm;   /* Bearer: where tokens are had; Basic: only a name */
	char *service; /* the rest: Bearer alone */
	char *scope;
	char *error; /* "insufficient_scope", "invalid_token" */
};

/*
 * The strongest challenge that we can meet: Bearer with a realm, else Basic.  ERR_INVALID,
 * "WWW-Authenticate: reason", when the field is malformed (a parameter twice, a value without its
 * end, a control character, too long), or asks for other schemes alone, which the text names; it
 * quotes nothing else.  out is empty then.
 */
int challenge_parse(const char *field, struct challenge *out, struct err *err);
void challenge_clear(struct challenge *c);

#endif
