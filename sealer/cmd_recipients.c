/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "keys/pins.h"
#include "sealer/agree.h"
#include "sealer/report.h"
#include "sealer/roster.h"
#include "sealer/target.h"

/* --- list ------------------------------------------------------------------------------------- */

struct list_options {
	const char *output;
};

static const struct option_spec list_specs[] = {
	{ 'o', "output", "table|json", "how to print them", offsetof(struct list_options, output),
	  0 },
	{ 0 },
};

static const char *const state_words[] = {
	[PINS_KNOWN] = "agreed",
	[PINS_NEW] = "new",
	[PINS_CHANGED] = "CHANGED",
};

static void print_table(const struct recipients *r, const enum pins_state *states)
{
	struct out_table *t = out_table_new(4);
	char key[AGE_RECIPIENT_TEXT];

	out_table_cell(t, "NAME");
	out_table_cell(t, "KEY ID");
	out_table_cell(t, "STATE");
	out_table_cell(t, "RECIPIENT");
	for (size_t i = 0; i < r->n; i++) {
		age_recipient_format(&r->items[i].key, key);
		out_table_cell(t, r->items[i].name);
		out_table_cell(t, r->items[i].id);
		out_table_cell(t, state_words[states[i]]);
		out_table_cell(t, key);
	}
	out_table_print(t, stdout);
	out_table_free(t);
}

static int print_json(const struct recipients *r, const enum pins_state *states, struct err *err)
{
	json_t *list = json_array();
	char key[AGE_RECIPIENT_TEXT];

	for (size_t i = 0; i < r->n; i++) {
		age_recipient_format(&r->items[i].key, key);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "name", r->items[i].name,
						"keyId", r->items[i].id, "recipient", key, "state",
						state_words[states[i]]));
	}
	return report_json(json_pack("{s:o}", "recipients", list), err);
}

static int run_list(const struct invocation *in, struct err *err)
{
	const struct list_options *o = in->options;
	struct config config = CONFIG_INIT;
	enum pins_state *states = NULL;
	char *top = target_top(err);
	int r = -1;

	if (top == NULL || roster_load(top, &config, err) != 0)
		goto out;
	states = mem_array(config.recipients.n, sizeof(*states));
	if (agree_states(top, &config.recipients, states, err) != 0)
		goto out;
	if (o->output != NULL && strcmp(o->output, "json") == 0) {
		r = print_json(&config.recipients, states, err);
	} else {
		print_table(&config.recipients, states);
		r = 0;
	}
out:
	mem_free(states);
	mem_free(top);
	config_clear(&config);
	return r;
}

/* --- add and remove --------------------------------------------------------------------------- */

struct add_options {
	bool replace;
};

static const struct option_spec add_specs[] = {
	{ 0, "replace", NULL, "give a name that is there another key",
	  offsetof(struct add_options, replace), 0 },
	{ 0 },
};

static int run_add(const struct invocation *in, struct err *err)
{
	const struct add_options *o = in->options;
	struct roster_add add = { .name = in->args[0], .replace = o->replace };
	struct age_recipient key;
	char *top;
	int r = -1;

	if (in->n > 1 && age_recipient_parse(in->args[1], &key, err) != 0)
		return -1;
	add.key = in->n > 1 ? &key : NULL;
	top = target_top(err);
	if (top != NULL)
		r = roster_add(top, &add, err);
	mem_free(top);
	return r;
}

static int run_remove(const struct invocation *in, struct err *err)
{
	char *top = target_top(err);
	int r = top != NULL ? roster_remove(top, in->args[0], err) : -1;

	mem_free(top);
	return r;
}

/* --- the rows --------------------------------------------------------------------------------- */

static const struct command subs[] = {
	{
	    .name = "list",
	    .summary = "list recipients, and whether you have agreed to them",
	    .arguments = "",
	    .options = list_specs,
	    .options_size = sizeof(struct list_options),
	    .run = run_list,
	},
	{
	    .name = "add",
	    .summary = "add a recipient; without age1... a key is made",
	    .arguments = "NAME [RECIPIENT]",
	    .about = "Add a recipient to .bulla/config.  Without age1... a key is made for it, "
		     "and its backup, encrypted to recovery, is written to .bulla/keys.  Rules "
		     "are not changed.",
	    .options = add_specs,
	    .options_size = sizeof(struct add_options),
	    .run = run_add,
	},
	{
	    .name = "remove",
	    .summary = "remove a recipient that no rule names",
	    .arguments = "NAME",
	    .run = run_remove,
	},
	{ 0 },
};

static const struct command *subcommands(void)
{
	return subs;
}

const struct command cmd_recipients = {
	.name = "recipients",
	.summary = "list, add and remove recipients",
	.arguments = "",
	.about =
	    "Recipients are the public keys that documents are sealed to: clusters, people, CI.",
	.sub = subcommands,
};
