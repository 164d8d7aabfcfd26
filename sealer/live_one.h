/* SPDX-License-Identifier: Apache-2.0 */
/* The checks that sealer/live.c has a row for, and what they share. */
#ifndef BULLA_SEALER_LIVE_ONE_H
#define BULLA_SEALER_LIVE_ONE_H

#include "github/pat.h"
#include "sealer/live_types.h"

/* Ask, and fill the answer, whose state is LIVE_WORKS before. */
typedef void live_fn(const struct live_question *q, struct live_answer *a);

live_fn live_registry, live_git_https, live_deploy_key, live_github_app, live_tls, live_opaque;

/* More of what was found: appended, with "; " between.  Texts are kept to a line's length. */
void live_says(struct live_answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The state by the class of why: LIVE_REFUSED for ERR_REFUSED, else LIVE_UNTOLD. */
void live_fail(struct live_answer *a, const struct err *why);
/* Nobody is asked, because; only where nothing else came before. */
void live_nothing(struct live_answer *a, const char *why);

/*
 * The API to ask about a credential for host (NULL: not known): --api-url, or GitHub's own for what
 * is of github.com.  NULL: nobody, what is for one GitHub is not shown to another.
 */
const char *live_api(const struct live_question *q, const char *host);

/* A token that may be GitHub's, and the host it is for ("ghcr.io", NULL: not known). */
struct live_token {
	const char *host;
	const void *data;
	size_t len;
	bool judge; /* hold what it can do against use */
	enum pat_use use;
};

/*
 * When it is a GitHub token and there is an API to ask (live.h): ask whose it is and when it ends.
 * False: it was refused or could not be asked, which a says.  *asked: whether anyone was.
 */
bool live_token(const struct live_question *q, const struct live_token *t, struct live_answer *a,
		bool *asked);

#endif
