/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cmd_keys.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/backup.h"
#include "sealer/cluster.h"
#include "sealer/install.h"
#include "sealer/keygen.h"
#include "sealer/manifest.h"
#include "sealer/recovery.h"
#include "sealer/repo.h"
#include "sealer/result.h"
#include "sealer/roster.h"
#include "sealer/target.h"
#include "sealer/whichcluster.h"

struct install_options {
	const char *identity, *passphrase_file, *to, *namespace;
	const char *context, *output;
	struct cluster_where where;
	bool earlier;
};

static const struct option_spec install_specs[] = {
	{ 'i', "identity", "FILE",
	  "the recovery key (default: ~/.config/bulla/recovery.age); asks for its passphrase",
	  offsetof(struct install_options, identity), 0 },
	{ 0, "passphrase-file", "FILE|-", "where its passphrase is",
	  offsetof(struct install_options, passphrase_file), 0 },
	{ 0, "to", "DIR", "write key files there instead of printing a manifest",
	  offsetof(struct install_options, to), 0 },
	{ 'n', "namespace", "NAMESPACE", "the namespace of the manifest",
	  offsetof(struct install_options, namespace), 0 },
	{ 0, "context", "CONTEXT", "add the keys to the cluster of this kubeconfig context",
	  offsetof(struct install_options, context), 0 },
	CLUSTER_WHERE_OPTIONS(install_options),
	{ 0, "earlier", NULL, "also when an earlier key would be the active one",
	  offsetof(struct install_options, earlier), 0 },
	RESULT_OPTION(install_options),
	{ 0 },
};

struct job {
	const struct install_options *o;
	const char *name;
	char *top;
	struct config config;
	struct kv files; /* out of the backups */
	struct result result;
};

/* A private key is for another program, not for a screen, a log of it, or a Git tree. */
static int check_output(const struct install_options *o, struct err *err)
{
	if (o->namespace != NULL && !name_is_label(o->namespace))
		return err_set(err, ERR_USAGE, "-n: not a namespace's name");
	if (cluster_where_check(&o->where, o->context != NULL,
				"--context, which says which cluster", err) != 0)
		return -1;
	if (o->context != NULL && (o->to != NULL || o->namespace != NULL))
		return err_set(err, ERR_USAGE,
			       "--context puts the keys into a cluster: %s does not go with it%s",
			       o->to != NULL ? "--to" : "-n",
			       o->to != NULL ? "" : "; -N says in which namespace");
	if (result_asked(o->output) && o->context == NULL && o->to == NULL)
		return err_set(err, ERR_USAGE,
			       "--output json: without --context and --to the manifest itself goes "
			       "to standard output");
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

	manifest_format(BACKUP_SECRET, namespace, files, &text);
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
		out_note("%s: nothing to do: Secret %s/" BACKUP_SECRET " of context %s has "
			 "all keys",
			 name, namespace, c->config.context);
	else if (r->created)
		out_note("%s: Secret %s/" BACKUP_SECRET " made in context %s (%s) with %zu %s",
			 name, namespace, c->config.context, c->config.server, r->added, keys);
	else
		out_note("%s: %zu %s added to Secret %s/" BACKUP_SECRET " of context %s (%s), "
			 "which had %zu",
			 name, r->added, keys, namespace, c->config.context, c->config.server,
			 r->there);
}

static void put_installed(struct job *j, const struct install_result *r, const char *namespace,
			  const struct cluster *c)
{
	result_flag(&j->result, "changed", r->added > 0);
	result_text(&j->result, "context", c->config.context);
	result_text(&j->result, "server", c->config.server);
	result_value(&j->result, "secret", json_sprintf("%s/" BACKUP_SECRET, namespace));
	result_flag(&j->result, "created", r->created);
	result_value(&j->result, "added", json_integer((json_int_t)r->added));
}

static int install_in_folder(struct job *j, struct err *err)
{
	size_t added = 0;

	if (keygen_install(&j->files, j->o->to, &added, err) != 0)
		return -1;
	out_note("%zu key%s of %s in %s", j->files.n, j->files.n == 1 ? "" : "s", j->name,
		 j->o->to);
	result_flag(&j->result, "changed", added > 0);
	result_text(&j->result, "folder", j->o->to);
	result_value(&j->result, "added", json_integer((json_int_t)added));
	return 0;
}

/* Which keys, by the names of their files; the last one is the active one. */
static int put_keys(struct job *j, struct err *err)
{
	struct keyring kr = KEYRING_INIT;
	int r = 0;

	result_begin(&j->result, j->o->output);
	result_text(&j->result, "name", j->name);
	for (size_t i = 0; r == 0 && i < j->files.n; i++) {
		const struct kv_item *file = &j->files.items[i];

		r = keyring_add_bytes(&kr, file->name, file->data, file->len, NULL, NULL, err);
	}
	for (size_t i = 0; r == 0 && i < kr.n; i++)
		result_row(&j->result, "keys",
			   json_pack("{s:s, s:s, s:b}", "keyId", age_identity_id(kr.ids[i]), "file",
				     kr.names[i], "active", i + 1 == kr.n));
	keyring_clear(&kr);
	return r;
}

/* An agent takes up new keys by itself, once its volume shows them (a minute or so). */
static int install_in_cluster(struct job *j, struct err *err)
{
	const struct whichcluster_options o = {
		.given = j->o->context,
		.kubeconfig = j->o->where.kubeconfig,
		.agent_namespace = j->o->where.agent_namespace,
		.top = j->top,
		.config = &j->config,
	};
	const char *namespace = cluster_where_namespace(&j->o->where);
	struct install_result result;
	struct cluster c;
	int r = whichcluster_open_as(&o, j->name, &c, err);

	if (r == 0)
		r = install_keys(&c, namespace, &j->files, &result, err);
	if (r == 0) {
		tell_installed(&result, j->name, namespace, &c);
		put_installed(j, &result, namespace, &c);
	}
	cluster_close(&c);
	return r;
}

static int open_backups(struct job *j, struct err *err)
{
	struct keyring recovery = KEYRING_INIT;
	struct notes notes = NOTES_INIT;
	int r = recovery_load(j->o->identity, j->o->passphrase_file, &recovery, err);

	if (r == 0)
		r = keygen_open(j->top, j->name, &recovery, &j->files, &notes, err);
	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s", notes.text[i]);
	notes_clear(&notes);
	keyring_clear(&recovery);
	return r;
}

static int install(struct job *j, struct err *err)
{
	const struct install_options *o = j->o;
	int r = -1;

	if (open_backups(j, err) == 0 && roster_load(j->top, &j->config, err) == 0 &&
	    install_check(j->name, &j->config, &j->files, o->earlier, err) == 0 &&
	    put_keys(j, err) == 0)
		r = o->context != NULL ? install_in_cluster(j, err)
		    : o->to != NULL    ? install_in_folder(j, err)
				       : print_manifest(&j->files, o->namespace, err);
	return r == 0 ? result_print(&j->result, err) : -1;
}

static int run_install(const struct invocation *in, struct err *err)
{
	struct job j = {
		.o = in->options,
		.name = in->args[0],
		.config = CONFIG_INIT,
		.files = KV_INIT,
	};
	int r = -1;

	if (keygen_check_name(j.name, err) == 0 && check_output(j.o, err) == 0)
		j.top = target_top(err);
	if (j.top != NULL)
		r = install(&j, err);
	mem_free(j.top);
	config_clear(&j.config);
	kv_clear(&j.files);
	result_clear(&j.result);
	return r;
}

const struct command keys_install = {
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
};
