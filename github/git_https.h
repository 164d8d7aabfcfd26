/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a user name and token fetch a repository over HTTPS?  Asked as git and Flux begin a fetch:
 * GET URL/info/refs?service=git-upload-pack with Basic (gitprotocol-http(5)).  Then whether it
 * could push, too: the same for git-receive-pack, which writes nothing.
 */
#ifndef BULLA_GITHUB_GIT_HTTPS_H
#define BULLA_GITHUB_GIT_HTTPS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/notes.h"
#include "github/refs.h"

struct err;

struct git_https_question {
	const char *url;  /* https://HOST[:PORT]/PATH, as Flux has it; no user in it */
	const char *user; /* NULL: none, the repository is asked for without a login */
	const void *password;
	size_t len;
	const char *ca_file; /* as struct http_options */
	const struct buf *ca;
};

enum git_https_verdict {
	GIT_HTTPS_READS,
	GIT_HTTPS_LOGIN_REFUSED, /* 401 */
	GIT_HTTPS_NO_RIGHT,	 /* 403 */
	GIT_HTTPS_NO_REPOSITORY, /* 404: not there, or hidden from this login */
	GIT_HTTPS_MOVED,	 /* a redirect, which no login follows */
	GIT_HTTPS_LIMITED,	 /* 429 */
	GIT_HTTPS_DOWN,
	GIT_HTTPS_STRANGE, /* a web page, or no smart HTTP */
};

/* A constant lower-case word: "reads", "login-refused". */
const char *git_https_verdict_name(enum git_https_verdict v);

enum git_https_push { GIT_HTTPS_PUSH_UNTOLD, GIT_HTTPS_PUSH_NO, GIT_HTTPS_PUSH_YES };

struct git_https_result {
	enum git_https_verdict verdict;
	enum git_https_push push;
	bool open;   /* it can be fetched without a login */
	size_t refs; /* how many references it showed */
	char head[GITHUB_REFS_OID];
};

#define GIT_HTTPS_RESULT_INIT                                                                      \
	{                                                                                          \
		GIT_HTTPS_STRANGE, GIT_HTTPS_PUSH_UNTOLD, false, 0, ""                             \
	}

/*
 * Ask.  0: it reads, and notes say when it can write too or is not needed.  -1: r says why for
 * programs, err what that means for Flux's fetch and what to do: ERR_REFUSED (401, 403, 404),
 * ERR_IO (down, limited), ERR_INVALID (the URL, a redirect, no Git server).
 */
int git_https_check(const struct git_https_question *q, struct git_https_result *r,
		    struct notes *notes, struct err *err);

#endif
