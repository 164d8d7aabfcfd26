/* SPDX-License-Identifier: Apache-2.0 */
/* What sealer/live.h is asked, and what it answers. */
#ifndef BULLA_SEALER_LIVE_TYPES_H
#define BULLA_SEALER_LIVE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/notes.h"
#include "kinds/kind.h"
#include "sealer/options.h"

struct live_options {
	bool live;
	struct option_list images;   /* --image: to be pulled */
	struct option_list connects; /* --connect HOST:PORT: where a certificate is served */
	const char *api_url;	     /* of GitHub; NULL: as above */
	const char *ca_file;	     /* PEM, in place of the system's authorities; or NULL */
};

enum live_takes { LIVE_IMAGE = 1, LIVE_CONNECT = 2, LIVE_API = 4, LIVE_CA = 8 };

struct live_question {
	const struct kind *kind;
	const struct kind_secret *secret; /* built, or opened and verified */
	const struct live_options *options;
	int64_t now;
	/* It is sealed already (`check`): --image and --connect are of many documents, those that
	 * match count. */
	bool sealed;
	bool fresh; /* its key was made just now: nobody can know it yet */
};

enum live_state {
	LIVE_WORKS,
	LIVE_REFUSED, /* its system does not take it, or it is not good for its reader */
	LIVE_UNTOLD,  /* there is no telling: no answer, or none that can be made out */
	LIVE_NOTHING, /* there is nobody to ask */
};

struct live_answer {
	enum live_state state;
	struct buf says; /* what was found, in a line: "ghcr.io/org/app:1 is pulled"; may be "" */
	struct notes notes; /* what a person should know */
	int64_t not_after;  /* when it ends, as its system says; 0: not told */
	struct err why;	    /* of all states but LIVE_WORKS; ERR_REFUSED or ERR_IO */
};

#define LIVE_ANSWER_INIT                                                                           \
	{                                                                                          \
		LIVE_NOTHING, BUF_INIT, NOTES_INIT, 0, ERR_INIT                                    \
	}

#endif
