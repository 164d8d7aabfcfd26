/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "keys/pins.h"
#include "sealer/agree.h"
#include "sealer/cluster.h"
#include "sealer/input.h"
#include "sealer/keygen.h"
#include "sealer/published.h"
#include "sealer/report.h"
#include "sealer/result.h"
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
	const char *from_context;
	struct cluster_where where;
	struct option_list accept;
	const char *output;
};

static const struct option_spec add_specs[] = {
	{ 0, "replace", NULL, "give a name that is there another key",
	  offsetof(struct add_options, replace), 0 },
	{ 0, "from-context", "CONTEXT",
	  "the key that the agent of this kubeconfig context's cluster publishes",
	  offsetof(struct add_options, from_context), 0 },
	CLUSTER_WHERE_OPTIONS(add_options),
	{ 0, "accept", "age1...", "agree to the key of the cluster, or to a new recovery key",
	  offsetof(struct add_options, accept), OPTION_MANY },
	RESULT_OPTION(add_options),
	{ 0 },
};

struct remove_options {
	const char *output;
};

static const struct option_spec remove_specs[] = { RESULT_OPTION(remove_options), { 0 } };

static bool is_accepted(const struct option_list *accept, const struct age_recipient *key)
{
	struct age_recipient one;

	for (size_t i = 0; i < accept->n; i++)
		if (age_recipient_parse(accept->items[i], &one, NULL) == 0 &&
		    memcmp(one.point, key->point, sizeof(one.point)) == 0)
			return true;
	return false;
}

static void print_command(const struct invocation *in, const char *key)
{
	struct buf line = BUF_INIT;

	for (int i = 0; i < in->line_n; i++) {
		if (i > 0)
			buf_putc(&line, ' ');
		out_shell(&line, in->line[i]);
	}
	out_printf(stderr, "  %s --accept %s\n", buf_str(&line), key);
	buf_clear(&line);
}

/* A cluster's word is no proof of whose key it is: a person says yes to the key itself. */
static int confirm(const struct invocation *in, const struct cluster *c, const struct published *p,
		   const struct recipient *found, struct err *err)
{
	const struct add_options *o = in->options;
	struct buf text = BUF_INIT;
	char key[AGE_RECIPIENT_TEXT];
	bool yes = is_accepted(&o->accept, &found->key);
	int r = 0;

	age_recipient_format(&found->key, key);
	buf_printf(&text, "Context %s (%s) publishes for sealing:\n  %s\n  key id %s%s\n",
		   c->config.context, c->config.server, key, found->id,
		   p->keys.n > 1 ? ", and earlier keys" : "");
	if (!yes && input_terminal()) {
		buf_printf(&text, "Whoever holds it will read what is sealed to %s.  Add it?",
			   in->args[0]);
		r = input_confirm(buf_str(&text), &yes, err);
	} else {
		out_printf(stderr, "%s", buf_str(&text));
	}
	if (r == 0 && !yes && !input_terminal()) {
		out_printf(stderr, "To agree:\n");
		print_command(in, key);
	}
	buf_clear(&text);
	if (r == 0 && !yes)
		r = err_set(err, ERR_RECIPIENT, "the key is not agreed to; nothing was changed");
	return r;
}

/* The key to seal to, or NULL and err. */
static const struct recipient *choose(const struct published *p, const char *namespace,
				      struct err *err)
{
	if (p->active != NULL)
		return p->active;
	if (p->keys.n == 1)
		return &p->keys.items[0];
	if (p->keys.n == 0)
		err_set(err, ERR_RECIPIENT,
			"its agent publishes no keys in ConfigMap %s/" PUBLISHED_NAME
			": it has none yet ('bulla keys install'), or is in another "
			"namespace (-N)",
			namespace);
	else
		err_set(err, ERR_RECIPIENT,
			"ConfigMap %s/" PUBLISHED_NAME " has %zu keys and does not say "
			"which is the active one",
			namespace, p->keys.n);
	return NULL;
}

static int ask_cluster(const struct invocation *in, struct age_recipient *key, struct err *err)
{
	const struct add_options *o = in->options;
	const char *namespace = cluster_where_namespace(&o->where);
	struct published p = PUBLISHED_INIT;
	const struct recipient *found = NULL;
	struct cluster c;
	bool there;
	int r = -1;

	if (cluster_open(o->where.kubeconfig, o->from_context, &c, err) == 0 &&
	    published_read(&c, namespace, &p, &there, err) == 0)
		found = choose(&p, namespace, err);
	if (found == NULL)
		err_wrap(err, "%s", o->from_context);
	else
		r = confirm(in, &c, &p, found, err);
	if (r == 0)
		*key = found->key;
	published_clear(&p);
	cluster_close(&c);
	return r;
}

static int check_add(const struct invocation *in, const struct add_options *o, struct err *err)
{
	if (keygen_check_name(in->args[0], err) != 0)
		return -1;
	if (o->from_context != NULL && in->n > 1)
		return err_set(err, ERR_USAGE, "give either age1... or --from-context");
	return cluster_where_check(&o->where, o->from_context != NULL, "--from-context", err);
}

static int run_add(const struct invocation *in, struct err *err)
{
	const struct add_options *o = in->options;
	struct roster_add add = {
		.name = in->args[0],
		.replace = o->replace,
		.user = { &o->accept, in->line, in->line_n },
		.output = o->output,
	};
	struct age_recipient key;
	char *top = NULL;
	int r = check_add(in, o, err);

	if (r == 0 && in->n > 1)
		r = age_recipient_parse(in->args[1], &key, err);
	if (r == 0) {
		top = target_top(err);
		r = top != NULL ? 0 : -1;
	}
	if (r == 0 && o->from_context != NULL)
		r = ask_cluster(in, &key, err);
	add.key = in->n > 1 || o->from_context != NULL ? &key : NULL;
	if (r == 0)
		r = roster_add(top, &add, err);
	mem_free(top);
	return r;
}

static int run_remove(const struct invocation *in, struct err *err)
{
	const struct remove_options *o = in->options;
	struct result result;
	char *top = target_top(err);
	int r = -1;

	result_begin(&result, o->output);
	if (top != NULL && roster_remove(top, in->args[0], &result, err) == 0)
		r = result_print(&result, err);
	result_clear(&result);
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
	    .about = "Add a recipient to .bulla/config.  Without age1... and --from-context a key "
		     "is made for it, and its backup, encrypted to recovery, is written to "
		     ".bulla/keys.  Rules are not changed.",
	    .options = add_specs,
	    .options_size = sizeof(struct add_options),
	    .run = run_add,
	},
	{
	    .name = "remove",
	    .summary = "remove a recipient that no rule names",
	    .arguments = "NAME",
	    .options = remove_specs,
	    .options_size = sizeof(struct remove_options),
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
