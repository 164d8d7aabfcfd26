/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `bulla rotate`: one subcommand for each kind that is rotated by a new input, its
 * inputs from the kind's own table of fields, and those that every rotation has.
 */
#ifndef BULLA_SEALER_ROTATE_OPTIONS_H
#define BULLA_SEALER_ROTATE_OPTIONS_H

#include "kinds/kind.h"
#include "sealer/live.h"
#include "sealer/options.h"
#include "sealer/ring.h"
#include "sealer/seal_options.h"
#include "sealer/wait.h"
#include "sealer/who.h"

struct rotate_options {
	const char *which, *expires, *output;
	struct who_options who;
	struct ring_options ring;
	struct option_list allow; /* same, names, sooner */
	bool dry_run;
	struct live_options ask;
	struct wait_options wait;
	/* opaque */
	const char *env_file, *stdin_key;
	struct option_list pick, from_file;
	/* tls: a key and a request made here */
	bool new_key, again, forget;
	const char *algorithm, *csr;
	struct option_list names;
	/* the kind's own: an argument for each of its fields that is a file, in their order */
	const char *fields[SEAL_FIELDS_MAX];
};

/* The table of a kind.  Made once and kept until exit. */
const struct option_spec *rotate_options_specs(const struct kind *k);

/* Was --allow WORD given? */
bool rotate_options_allow(const struct rotate_options *o, const char *word);

#endif
