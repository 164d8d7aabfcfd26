/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cmd_keys.h"

#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/report.h"
#include "sealer/result.h"
#include "sealer/ring.h"
#include "sealer/roster.h"
#include "sealer/target.h"

/* --- generate --------------------------------------------------------------------------------- */

struct generate_options {
	const char *to, *output;
	struct option_list accept;
};

static const struct option_spec generate_specs[] = {
	{ 0, "to", "DIR", "write the key there as well, outside of any Git tree",
	  offsetof(struct generate_options, to), 0 },
	{ 0, "accept", "age1...", "agree to a recovery key that is new or changed",
	  offsetof(struct generate_options, accept), OPTION_MANY },
	RESULT_OPTION(generate_options),
	{ 0 },
};

static int run_generate(const struct invocation *in, struct err *err)
{
	const struct generate_options *o = in->options;
	struct roster_add add = {
		.name = in->args[0],
		.replace = true,
		.to = o->to,
		.user = { &o->accept, in->line, in->line_n },
		.output = o->output,
	};
	char *top = target_top(err);
	int r = top != NULL ? roster_add(top, &add, err) : -1;

	mem_free(top);
	return r;
}

/* --- list and id ------------------------------------------------------------------------------ */

struct list_options {
	struct ring_options ring;
	const char *output;
};

static const struct option_spec list_specs[] = {
	RING_OPTIONS(list_options),
	{ 'o', "output", "table|json", "how to print them", offsetof(struct list_options, output),
	  0 },
	{ 0 },
};

/* The names that the repository we are in, if any, has for keys. */
static const char *name_of(const struct config *c, const char *id)
{
	const struct recipient *r = recipients_find_id(&c->recipients, id);

	return r != NULL ? r->name : "";
}

static int load_here(struct config *out, struct err *err)
{
	char *top = file_git_top(".");
	bool found;
	int r = top != NULL ? target_config(top, out, &found, err) : 0;

	mem_free(top);
	return r;
}

static void print_keys(const struct keyring *kr, const struct config *c)
{
	struct out_table *t = out_table_new(4);
	char key[AGE_RECIPIENT_TEXT];

	out_table_cell(t, "KEY ID");
	out_table_cell(t, "RECIPIENT");
	out_table_cell(t, "NAME");
	out_table_cell(t, "FILE");
	for (size_t i = 0; i < kr->n; i++) {
		const char *id = age_identity_id(kr->ids[i]);

		age_recipient_format(age_identity_recipient(kr->ids[i]), key);
		out_table_cell(t, id);
		out_table_cell(t, key);
		out_table_cell(t, name_of(c, id));
		out_table_cell(t, kr->names[i]);
	}
	out_table_print(t, stdout);
	out_table_free(t);
}

static int print_keys_json(const struct keyring *kr, const struct config *c, struct err *err)
{
	json_t *list = json_array();
	char key[AGE_RECIPIENT_TEXT];

	for (size_t i = 0; i < kr->n; i++) {
		const char *id = age_identity_id(kr->ids[i]);

		age_recipient_format(age_identity_recipient(kr->ids[i]), key);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s}", "keyId", id, "recipient",
						key, "name", name_of(c, id), "file", kr->names[i]));
	}
	return report_json(json_pack("{s:o}", "keys", list), err);
}

static int run_list(const struct invocation *in, struct err *err)
{
	const struct list_options *o = in->options;
	struct config config = CONFIG_INIT;
	struct keyring kr = KEYRING_INIT;
	int r = -1;

	if (ring_load(&o->ring, &kr, err) != 0 || load_here(&config, err) != 0)
		goto out;
	if (o->output != NULL && strcmp(o->output, "json") == 0) {
		r = print_keys_json(&kr, &config, err);
	} else {
		print_keys(&kr, &config);
		r = 0;
	}
out:
	keyring_clear(&kr);
	config_clear(&config);
	return r;
}

struct id_options {
	struct ring_options ring;
};

static const struct option_spec id_specs[] = { RING_OPTIONS(id_options), { 0 } };

static int print_id(const struct config *c, const char *arg, struct err *err)
{
	char id[AGE_KEY_ID_TEXT];
	const struct recipient *r = recipients_find(&c->recipients, arg);
	struct age_recipient key;

	if (r != NULL) {
		printf("%s\n", r->id);
		return 0;
	}
	if (name_is_label(arg) && strncmp(arg, "age1", 4) != 0)
		return err_set(err, ERR_RECIPIENT, "%s: no recipient of that name here", arg);
	if (age_recipient_parse(arg, &key, err) != 0)
		return -1;
	age_recipient_id(&key, id);
	printf("%s\n", id);
	return 0;
}

static int print_own_ids(const struct id_options *o, struct err *err)
{
	struct keyring kr = KEYRING_INIT;
	int r = ring_load(&o->ring, &kr, err);

	for (size_t i = 0; r == 0 && i < kr.n; i++)
		printf("%s\n", age_identity_id(kr.ids[i]));
	keyring_clear(&kr);
	return r;
}

static int run_id(const struct invocation *in, struct err *err)
{
	struct config config = CONFIG_INIT;
	int r = 0;

	if (in->n == 0)
		return print_own_ids(in->options, err);
	r = load_here(&config, err);
	for (size_t i = 0; r == 0 && i < in->n; i++)
		r = print_id(&config, in->args[i], err);
	config_clear(&config);
	return r;
}

/* --- the rows --------------------------------------------------------------------------------- */

static const struct command own[] = {
	{
	    .name = "generate",
	    .summary = "give a recipient a new sealing key",
	    .arguments = "NAME",
	    .about = "Make a sealing key for a recipient, put its public half into "
		     ".bulla/config and its backup, encrypted to recovery alone, into "
		     ".bulla/keys.  The backup of an earlier key stays.",
	    .options = generate_specs,
	    .options_size = sizeof(struct generate_options),
	    .run = run_generate,
	},
	{
	    .name = "list",
	    .summary = "list the private keys at hand",
	    .arguments = "",
	    .options = list_specs,
	    .options_size = sizeof(struct list_options),
	    .run = run_list,
	},
	{
	    .name = "id",
	    .summary = "print key ids: of recipients, or of the private keys at hand",
	    .arguments = "[RECIPIENT...]",
	    .options = id_specs,
	    .options_size = sizeof(struct id_options),
	    .run = run_id,
	},
	{ 0 },
};

static const struct command *const others[] = { &keys_install, &keys_backup, &keys_verify,
						&keys_retire, &keys_exposure };

#define ROWS (sizeof(own) / sizeof(own[0]) - 1)
#define OTHERS (sizeof(others) / sizeof(others[0]))

/* Made once: generate, what comes from other files, list and id. */
static const struct command *subcommands(void)
{
	static struct command subs[ROWS + OTHERS + 1];

	if (subs[0].name != NULL)
		return subs;
	subs[0] = own[0];
	for (size_t i = 0; i < OTHERS; i++)
		subs[1 + i] = *others[i];
	for (size_t i = 1; i < ROWS; i++)
		subs[OTHERS + i] = own[i];
	return subs;
}

const struct command cmd_keys = {
	.name = "keys",
	.summary = "make, install, back up, prove, retire and list sealing keys",
	.arguments = "",
	.about =
	    "A sealing key is the private half of a recipient.  It lives in one cluster, on one "
	    "machine, or offline for recovery.",
	.sub = subcommands,
};
