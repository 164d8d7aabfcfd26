/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `bulla seal`: one subcommand for each kind, its options from the kind's own table
 * of fields, and those that every seal has.
 */
#ifndef BULLA_SEALER_SEAL_OPTIONS_H
#define BULLA_SEALER_SEAL_OPTIONS_H

#include "base/kv.h"
#include "kinds/kind.h"
#include "sealer/live.h"
#include "sealer/options.h"
#include "sealer/who.h"

struct err;

#define SEAL_FIELDS_MAX 16 /* of one kind; held by a unit test */

struct seal_options {
	const char *namespace;
	const char *write;
	const char *filename;
	struct who_options who;
	struct option_list aliases, labels, annotations;
	const char *expires, *policy;
	const char *namespaces, *service_accounts;
	const char *secret_type, *url;
	const char *output;
	bool dry_run;
	struct live_options ask;
	/* opaque */
	const char *env_file, *stdin_key;
	struct option_list pick, from_file;
	bool together;
	/* the kind's own: an argument for each of its fields, in their order */
	const char *fields[SEAL_FIELDS_MAX];
};

/*
 * The table of a kind; of the head of all kinds (-f) for NULL.  Made once and kept until exit.
 * Kinds whose values come under any key (no keys of their own) get the sources of opaque.
 */
const struct option_spec *seal_options_specs(const struct kind *k);

/*
 * Split "NAME=VALUE" items into out.  option names them in errors.  ERR_USAGE when there is no "=",
 * the name is empty or stands twice; no item is quoted.
 */
int seal_options_pairs(const char *option, const struct option_list *items, struct kv *out,
		       struct err *err);

#endif
