/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/cluster.h"
#include "sealer/install.h"
#include "sealer/keygen.h"
#include "sealer/manifest.h"
#include "sealer/recovery.h"
#include "sealer/report.h"
#include "sealer/repo.h"
#include "sealer/ring.h"
#include "sealer/roster.h"
#include "sealer/target.h"

/* --- generate --------------------------------------------------------------------------------- */

struct generate_options {
	const char *to;
};

static const struct option_spec generate_specs[] = {
	{ 0, "to", "DIR", "write the key there as well, outside of any Git tree",
	  offsetof(struct generate_options, to), 0 },
	{ 0 },
};

static int run_generate(const struct invocation *in, struct err *err)
{
	const struct generate_options *o = in->options;
	struct roster_add add = { .name = in->args[0], .replace = true, .to = o->to };
	char *top = target_top(err);
	int r = top != NULL ? roster_add(top, &add, err) : -1;

	mem_free(top);
	return r;
}

/* --- install ---------------------------------------------------------------------------------- */

struct install_options {
	const char *identity, *passphrase_file, *to, *namespace;
	const char *context, *kubeconfig, *agent_namespace;
};

static const struct option_spec install_specs[] = {
	{ 'i', "identity", "FILE",
	  "the recovery key (default ~/.config/bulla/recovery.age); asks for its passphrase",
	  offsetof(struct install_options, identity), 0 },
	{ 0, "passphrase-file", "FILE|-", "where its passphrase is",
	  offsetof(struct install_options, passphrase_file), 0 },
	{ 0, "to", "DIR", "write key files there instead of printing a manifest",
	  offsetof(struct install_options, to), 0 },
	{ 'n', "namespace", "NAMESPACE", "the namespace of the manifest",
	  offsetof(struct install_options, namespace), 0 },
	{ 0, "context", "CONTEXT", "add the keys to the cluster of this kubeconfig context",
	  offsetof(struct install_options, context), 0 },
	{ 'N', "agent-namespace", "NAMESPACE", "where the agent is in it (default bulla-system)",
	  offsetof(struct install_options, agent_namespace), 0 },
	{ 0, "kubeconfig", "FILE", "instead of $KUBECONFIG or ~/.kube/config",
	  offsetof(struct install_options, kubeconfig), 0 },
	{ 0 },
};

/* A private key is for another program, not for a screen, a log of it, or a Git tree. */
static int check_output(const struct install_options *o, struct err *err)
{
	if (o->namespace != NULL && !name_is_label(o->namespace))
		return err_set(err, ERR_USAGE, "-n: not a namespace's name");
	if (o->agent_namespace != NULL && !name_is_label(o->agent_namespace))
		return err_set(err, ERR_USAGE, "-N: not a namespace's name");
	if (o->context == NULL && (o->kubeconfig != NULL || o->agent_namespace != NULL))
		return err_set(err, ERR_USAGE, "%s goes with --context, which says which cluster",
			       o->kubeconfig != NULL ? "--kubeconfig" : "-N");
	if (o->context != NULL && (o->to != NULL || o->namespace != NULL))
		return err_set(err, ERR_USAGE,
			       "--context puts the keys into a cluster: %s does not go with it%s",
			       o->to != NULL ? "--to" : "-n",
			       o->to != NULL ? "" : "; -N says in which namespace");
	if (o->context != NULL)
		return 0;
	if (o->to != NULL)
		return repo_refuse_path(o->to, "--to", err);
	if (isatty(STDOUT_FILENO))
		return err_set(err, ERR_USAGE,
			       "the keys would be shown here; pipe them to 'kubectl apply "
			       "--server-side -f -', or write them with --to DIR");
	return repo_refuse_fd(STDOUT_FILENO, "standard output", err);
}

static int print_manifest(const struct kv *files, const char *namespace, struct err *err)
{
	struct buf text = BUF_INIT;
	int r;

	manifest_format(KEYGEN_SECRET, namespace, files, &text);
	r = file_write_fd(STDOUT_FILENO, text.data, text.len, err);
	if (r != 0)
		err_wrap(err, "standard output");
	buf_clear(&text);
	return r;
}

static void tell_installed(const struct install_result *r, const char *name, const char *namespace,
			   const struct cluster *c)
{
	const char *keys = r->added == 1 ? "key" : "keys";

	if (r->added == 0)
		out_note("%s: nothing to do: Secret %s/" KEYGEN_SECRET " of context %s has "
			 "all keys",
			 name, namespace, c->config.context);
	else if (r->created)
		out_note("%s: Secret %s/" KEYGEN_SECRET " made in context %s (%s) with %zu %s",
			 name, namespace, c->config.context, c->config.server, r->added, keys);
	else
		out_note("%s: %zu %s added to Secret %s/" KEYGEN_SECRET " of context %s (%s), "
			 "which had %zu",
			 name, r->added, keys, namespace, c->config.context, c->config.server,
			 r->there);
}

/* An agent takes up new keys by itself, once its volume shows them (a minute or so). */
static int install_in_cluster(const struct install_options *o, const char *name,
			      const struct kv *files, struct err *err)
{
	const char *namespace = o->agent_namespace != NULL ? o->agent_namespace : CLUSTER_NAMESPACE;
	struct install_result result;
	struct cluster c;
	int r = cluster_open(o->kubeconfig, o->context, &c, err);

	if (r == 0)
		r = install_keys(&c, namespace, files, &result, err);
	if (r == 0)
		tell_installed(&result, name, namespace, &c);
	cluster_close(&c);
	return r;
}

/* Backups that do not hold the key that is sealed to now leave the cluster without it. */
static int check_current(const char *top, const char *name, const struct kv *files, struct err *err)
{
	struct config config = CONFIG_INIT;
	struct keyring kr = KEYRING_INIT;
	const struct recipient *current;
	int r = roster_load(top, &config, err);

	for (size_t i = 0; r == 0 && i < files->n; i++)
		r = keyring_add_bytes(&kr, files->items[i].name, files->items[i].data,
				      files->items[i].len, NULL, NULL, err);
	current = r == 0 ? recipients_find(&config.recipients, name) : NULL;
	if (r == 0 && current == NULL)
		out_warn("%s names no recipient %s any more", CONFIG_PATH, name);
	else if (r == 0 && keyring_find(&kr, current->id) == NULL)
		out_warn("the key that %s has now is not among the backups, only earlier ones are",
			 name);
	keyring_clear(&kr);
	config_clear(&config);
	return r;
}

static int install(const char *top, const char *name, const struct install_options *o,
		   struct err *err)
{
	struct keyring recovery = KEYRING_INIT;
	struct kv files = KV_INIT;
	int r = -1;

	if (recovery_load(o->identity, o->passphrase_file, &recovery, err) == 0 &&
	    keygen_open(top, name, &recovery, &files, err) == 0 &&
	    check_current(top, name, &files, err) == 0)
		r = o->context != NULL ? install_in_cluster(o, name, &files, err)
		    : o->to != NULL    ? keygen_install(&files, o->to, err)
				       : print_manifest(&files, o->namespace, err);
	if (r == 0 && o->to != NULL)
		out_note("%zu key%s of %s in %s", files.n, files.n == 1 ? "" : "s", name, o->to);
	keyring_clear(&recovery);
	kv_clear(&files);
	return r;
}

static int run_install(const struct invocation *in, struct err *err)
{
	const struct install_options *o = in->options;
	char *top = NULL;
	int r = -1;

	if (keygen_check_name(in->args[0], err) == 0 && check_output(o, err) == 0)
		top = target_top(err);
	if (top != NULL)
		r = install(top, in->args[0], o, err);
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
	for (size_t i = 0; i < c->recipients.n; i++)
		if (strcmp(c->recipients.items[i].id, id) == 0)
			return c->recipients.items[i].name;
	return "";
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

static const struct command subs[] = {
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
	    .name = "install",
	    .summary = "bring a recipient's keys to its cluster: the Secret bulla-sealing-keys",
	    .arguments = "NAME",
	    .about = "Open the backups of a recipient's keys with the recovery key and print "
		     "them as a Secret manifest for 'kubectl apply --server-side -f -', or "
		     "write them as key files with --to, or add them to a cluster with "
		     "--context, beside those that are there.  Never into a Git tree.",
	    .options = install_specs,
	    .options_size = sizeof(struct install_options),
	    .run = run_install,
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

static const struct command *subcommands(void)
{
	return subs;
}

const struct command cmd_keys = {
	.name = "keys",
	.summary = "make, install and list sealing keys",
	.arguments = "",
	.about =
	    "A sealing key is the private half of a recipient.  It lives in one cluster, on one "
	    "machine, or offline for recovery.",
	.sub = subcommands,
};
