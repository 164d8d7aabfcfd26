/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `bulla set`: those that every kind has, and all kinds' own that name a file, each
 * once.
 */
#ifndef BULLA_SEALER_SET_OPTIONS_H
#define BULLA_SEALER_SET_OPTIONS_H

#include "kinds/kind.h"
#include "sealer/live.h"
#include "sealer/options.h"
#include "sealer/who.h"

struct err;

#define SET_FILES_MAX 32 /* options that name a file, of all kinds together */

struct set_options {
	const char *from_file, *env_file;
	struct option_list pick;
	const char *expires;
	const char *which, *output;
	struct who_options who;
	bool dry_run;
	struct live_options ask;
	const char *files[SET_FILES_MAX]; /* the kinds' own, in the order of the table */
};

/* Made once and kept until exit. */
const struct option_spec *set_options_specs(void);

/*
 * What was given for each field of k, in the order of its table; --from-file is whatever the kind's
 * one secret is.  values has SET_FILES_MAX places.  ERR_USAGE for another kind's option.
 */
int set_options_values(const struct set_options *o, const struct kind *k, const char **values,
		       struct err *err);

#endif
