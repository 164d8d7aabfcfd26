/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include "base/err.h"
#include "kinds/kinds.h"
#include "sealer/rotate.h"
#include "sealer/rotate_key.h"
#include "sealer/rotate_kinds.h"
#include "sealer/turn.h"

static int replace(struct rotation *r, struct err *err)
{
	int rc;

	if (rotate_input(r, err) != 0 || rotate_key_take(r, err) != 0 || rotate_seal(r, err) != 0 ||
	    rotate_write(r, err) != 0)
		return -1;
	rotate_key_done(r);
	rc = rotate_wait(r, err);
	/* what was written is told of, also when no cluster takes it */
	return result_print(&r->result, rc == 0 ? err : NULL) == 0 ? rc : -1;
}

static int run(const struct invocation *in, struct err *err)
{
	struct rotation r;
	bool first;
	int rc = -1;

	if (rotate_key_asked(in->options, &first, err) != 0)
		return -1;
	if (rotate_open(in, in->command->data, &r, err) == 0)
		rc = first ? rotate_key_request(&r, err) : replace(&r, err);
	rotate_clear(&r);
	return rc;
}

static struct command row_of(const struct kind *kind)
{
	return (struct command){
		.name = kind->name,
		.summary = kind->summary,
		.arguments = "NAME|FILE",
		.options = rotate_options_specs(kind),
		.options_size = sizeof(struct rotate_options),
		.run = run,
		.data = kind,
	};
}

static struct command deploy_key_row(void)
{
	return (struct command){
		.name = kind_deploy_key.name,
		.summary = kind_deploy_key.summary,
		.arguments = "NAME|FILE",
		.about =
		    "Make a new deploy key, register it at GitHub for reading only, seal it in "
		    "place of the old one, wait until every cluster has applied it and it is "
		    "proven to work, and delete the old one.  Ended anywhere, it goes on when "
		    "run again.",
		.options = turn_options_specs(),
		.options_size = sizeof(struct turn_options),
		.run = turn_run,
	};
}

static const struct command *subcommands(void)
{
	static struct command rows[16]; /* the last stays empty */

	for (size_t i = 0; rotate_kinds[i] != NULL && i + 1 < sizeof(rows) / sizeof(rows[0]); i++)
		rows[i] = rotate_kinds[i] == &kind_deploy_key ? deploy_key_row()
							      : row_of(rotate_kinds[i]);
	return rows;
}

const struct command cmd_rotate = {
	.name = "rotate",
	.summary = "give a document a new secret in place of the old one",
	.arguments = "",
	.about = "Seal a new secret into a document that is there, held against the old one: it "
		 "must be another, and a certificate must serve the same names for as long.  "
		 "Everything else of the document stays.  No private key is needed, but for a "
		 "deploy key.  Other kinds take a new secret with 'bulla set'.",
	.sub = subcommands,
};
