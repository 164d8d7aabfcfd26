/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the system that will read a credential whether it works, before or after it is sealed
 * (`--live`): one check for each kind that has such a system.  Nothing is changed there: a
 * repository is only listed, an image only looked up, a token of an App minted and given back.
 *
 * The credential goes to the one it is for, over verified TLS or SSH with the host keys sealed
 * beside it, and a GitHub token to GitHub's API: api.github.com for what is for github.com and
 * ghcr.io, for others that of --api-url.
 */
#ifndef BULLA_SEALER_LIVE_H
#define BULLA_SEALER_LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "sealer/live_types.h"

/* Their rows in the table of a command, for the member `ask` of its struct `type`. */
#define LIVE_OPTION(type)                                                                          \
	{                                                                                          \
		0, "live", NULL, "ask the system that will read it whether it works",              \
		    offsetof(struct type, ask.live), 0                                             \
	}
#define LIVE_OPTION_IMAGE(type)                                                                    \
	{                                                                                          \
		0, "image", "IMAGE", "with --live: an image that a registry login must pull",      \
		    offsetof(struct type, ask.images), OPTION_MANY                                 \
	}
#define LIVE_OPTION_CONNECT(type)                                                                  \
	{                                                                                          \
		0, "connect", "HOST:PORT", "with --live: where a certificate is served",           \
		    offsetof(struct type, ask.connects), OPTION_MANY                               \
	}
#define LIVE_OPTION_API(type)                                                                      \
	{                                                                                          \
		0, "api-url", "URL", "GitHub Enterprise Server: https://HOST/api/v3",              \
		    offsetof(struct type, ask.api_url), 0                                          \
	}
#define LIVE_OPTION_CA(type)                                                                       \
	{                                                                                          \
		0, "ca-file", "FILE", "with --live: authorities in place of the system's",         \
		    offsetof(struct type, ask.ca_file), 0                                          \
	}
#define LIVE_OPTIONS(type)                                                                         \
	LIVE_OPTION(type), LIVE_OPTION_IMAGE(type), LIVE_OPTION_CONNECT(type),                     \
	    LIVE_OPTION_API(type), LIVE_OPTION_CA(type)

/* The same for tables that are made for a kind: which of them it takes beside --live. */
unsigned live_takes(const struct kind *k); /* NULL: all */
struct live_row {
	unsigned takes; /* 0: every kind does */
	struct option_spec spec;
};
#define LIVE_ROWS 5
/* clang-format off */
#define LIVE_ROWS_OF(type)                                                                         \
	{                                                                                          \
		{ 0, LIVE_OPTION(type) },                                                          \
		{ LIVE_IMAGE, LIVE_OPTION_IMAGE(type) },                                           \
		{ LIVE_CONNECT, LIVE_OPTION_CONNECT(type) },                                       \
		{ LIVE_API, LIVE_OPTION_API(type) },                                               \
		{ LIVE_CA, LIVE_OPTION_CA(type) },                                                 \
	}
/* clang-format on */

/*
 * ERR_USAGE: an option that goes with --live without it, --image or --connect of a wrong form, or
 * (k not NULL: what is to be sealed) one that k needs and that is missing, or is another kind's.
 */
int live_check(const struct live_options *o, const struct kind *k, struct err *err);

/* Is that so of a Secret that was built from these fields? */
bool live_is_fresh(const struct kind_secret *secret, const struct kv *fields);

/* "works", "refused", "untold", "nothing": as in tables and JSON. */
const char *live_state_name(enum live_state state);

/*
 * Ask; the answer is LIVE_ANSWER_INIT before, and live_answer_clear frees it.  It holds no secret.
 * What a system says in it may be anything: it is escaped where it is printed.  Several threads
 * may ask at a time, after live_load.
 */
void live_ask(const struct live_question *q, struct live_answer *a);
void live_answer_clear(struct live_answer *a);
/* state, and where there is any: says, notes, notAfter, reason.  A new reference. */
json_t *live_json(const struct live_answer *a);
/* Load what asking takes, before threads are started.  ERR_IO. */
int live_load(struct err *err);

/*
 * For a command that is about to seal secret, whose --live asks for it: ask, print what is to be
 * said, add the fact not-after.  *v becomes live_json's, or stays NULL without --live.  -1: nothing
 * may be written; ERR_REFUSED when the credential is refused, ERR_IO when nobody could be asked.
 */
int live_before(const struct live_question *q, struct kind_secret *secret, json_t **v,
		struct err *err);

#endif
