/* SPDX-License-Identifier: Apache-2.0 */
/* What github/registry.h asks and answers with. */
#ifndef BULLA_GITHUB_REGISTRY_TYPES_H
#define BULLA_GITHUB_REGISTRY_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "github/grant.h"
#include "github/imageref.h"

struct registry_login {
	const char *user; /* no ":" in it */
	const void *password;
	size_t len;
};

struct registry_question {
	const struct imageref *image;
	const struct registry_login *login;
	const char *ca_file; /* as struct http_options */
	bool plain_http;     /* to a literal loopback address alone (github/http.h): for tests */
	bool push;	     /* ask too whether the login could push */
};

enum registry_step {
	REGISTRY_ASK,	/* what does the registry want?  No login was sent */
	REGISTRY_LOGIN, /* step 1 */
	REGISTRY_IMAGE, /* step 2 */
};

enum registry_verdict {
	REGISTRY_PULLS,
	REGISTRY_LOGIN_REFUSED,
	REGISTRY_NO_RIGHT, /* the login is good, but not for this image */
	REGISTRY_NO_IMAGE, /* the tag, digest or repository is not there, or hidden from this login
			    */
	REGISTRY_LIMITED,
	REGISTRY_DOWN,	  /* no answer, or status 500 and above */
	REGISTRY_STRANGE, /* what answers is no registry, or breaks its rules */
	REGISTRY_UNSAFE,  /* the login would have to go where it must not */
};

/* A constant lower-case word: "pulls", "login-refused". */
const char *registry_verdict_name(enum registry_verdict v);

struct registry_result {
	enum registry_step step; /* the last one taken */
	enum registry_verdict verdict;
	char
	    *login_host; /* who got the login, when it is another host than the registry; or NULL */
	char *digest;	 /* of what the tag names now, as the registry says; or NULL */
	bool open;	 /* it pulls without any login too */
	bool unasked;	 /* the registry asks nobody for a login: nothing is proven of this one */
	enum grant_word push; /* GRANT_YES: it could; with question.push */
};

#define REGISTRY_RESULT_INIT                                                                       \
	{                                                                                          \
		REGISTRY_ASK, REGISTRY_STRANGE, NULL, NULL, false, false, GRANT_UNTOLD             \
	}

#endif
