/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cmd_keys.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/backup.h"
#include "sealer/cluster.h"
#include "sealer/install.h"
#include "sealer/keygen.h"
#include "sealer/repo.h"
#include "sealer/result.h"
#include "sealer/ring.h"
#include "sealer/roster.h"
#include "sealer/target.h"
#include "sealer/whichcluster.h"

#define STAMP 16 /* "YYYYMMDDThhmmssZ" */

struct backup_options {
	struct ring_options ring;
	const char *context, *output;
	struct cluster_where where;
	struct option_list accept;
	bool all, replace, dry_run;
};

static const struct option_spec specs[] = {
	RING_OPTIONS(backup_options),
	{ 0, "context", "CONTEXT", "back up the keys of the cluster of this kubeconfig context",
	  offsetof(struct backup_options, context), 0 },
	CLUSTER_WHERE_OPTIONS(backup_options),
	{ 0, "all", NULL, "of every recipient whose key is at hand",
	  offsetof(struct backup_options, all), 0 },
	{ 0, "replace", NULL, "also where there is a backup already",
	  offsetof(struct backup_options, replace), 0 },
	{ 0, "accept", "age1...", "agree to a recovery key that is new or changed",
	  offsetof(struct backup_options, accept), OPTION_MANY },
	{ 0, "dry-run", NULL, "check everything, write nothing",
	  offsetof(struct backup_options, dry_run), 0 },
	RESULT_OPTION(backup_options),
	{ 0 },
};

/* A backup to be written. */
struct item {
	char *path; /* below top */
	char id[AGE_KEY_ID_TEXT];
	struct buf text; /* armored */
	struct stat st;	 /* of what it replaces */
	bool exists;
};

struct job {
	const struct invocation *in;
	const struct backup_options *o;
	char *top;
	struct config config;
	const struct recipient *recovery;
	struct keyring keys; /* all that are at hand */
	bool of_cluster;     /* they are a cluster's: those nobody knows are its own too */
	struct kv owners;    /* KEYID -> NAME, of earlier keys, by the names of their backups */
	struct item *items;
	size_t n;
	size_t there; /* backups that are there and stay */
	struct result result;
};

static void job_clear(struct job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		mem_free(j->items[i].path);
		buf_clear(&j->items[i].text);
	}
	mem_free(j->items);
	mem_free(j->top);
	config_clear(&j->config);
	keyring_clear(&j->keys);
	kv_clear(&j->owners);
	result_clear(&j->result);
}

/* --- keys at hand ----------------------------------------------------------------------------- */

static int load_cluster(struct job *j, struct err *err)
{
	const struct whichcluster_options o = {
		.given = j->o->context,
		.kubeconfig = j->o->where.kubeconfig,
		.agent_namespace = j->o->where.agent_namespace,
		.top = j->top,
		.config = &j->config,
	};
	const char *namespace = cluster_where_namespace(&j->o->where);
	struct kv files = KV_INIT;
	struct cluster c;
	char *version = NULL;
	int r = whichcluster_open_as(&o, j->in->n > 0 ? j->in->args[0] : NULL, &c, err);

	if (r == 0)
		r = install_read(&c, namespace, &files, &version, err);
	if (r == 0 && version == NULL)
		r = err_set(err, ERR_NOKEY, "context %s: there is no Secret %s/" BACKUP_SECRET,
			    c.config.context, namespace);
	for (size_t i = 0; r == 0 && i < files.n; i++)
		r = keyring_add_bytes(&j->keys, files.items[i].name, files.items[i].data,
				      files.items[i].len, NULL, NULL, err);
	mem_free(version);
	kv_clear(&files);
	cluster_close(&c);
	return r;
}

/* Backups that a key at hand opens, as that of the recovery key before this one. */
static int load_backups(struct job *j, const struct kv *files, struct err *err)
{
	size_t n = j->keys.n; /* those that open; what comes out of backups does not */
	struct keyring openers = { j->keys.ids, j->keys.names, n };
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->n; i++) {
		char *path = mem_printf("%s/%s", REPO_KEYS, files->items[i].name);
		struct backup b = BACKUP_INIT;
		struct buf text = BUF_INIT;
		bool exists;

		openers.ids = j->keys.ids;
		r = repo_read(j->top, path, REPO_KEY_MAX, &text, NULL, &exists, err);
		if (r == 0 && backup_open(path, &text, &openers, &b, NULL) == 0)
			for (size_t k = 0; r == 0 && k < b.files.n; k++)
				r = keyring_add_bytes(&j->keys, b.files.items[k].name,
						      b.files.items[k].data, b.files.items[k].len,
						      NULL, NULL, err);
		backup_clear(&b);
		buf_clear(&text);
		mem_free(path);
	}
	return r;
}

static void find_owners(struct job *j, const struct kv *files)
{
	for (size_t i = 0; i < files->n; i++) {
		char *name, id[AGE_KEY_ID_TEXT];

		if (repo_key_parse(files->items[i].name, &name, id) && id[0] != '\0')
			kv_set_str(&j->owners, id, name);
		mem_free(name);
	}
}

static int load_keys(struct job *j, struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(j->top, &files, err);

	j->of_cluster = j->o->context != NULL;
	find_owners(j, &files);
	if (r == 0 && j->of_cluster)
		r = load_cluster(j, err);
	else if (r == 0)
		r = ring_load(&j->o->ring, &j->keys, err);
	if (r == 0 && !j->of_cluster)
		r = load_backups(j, &files, err);
	kv_clear(&files);
	return r;
}

/* --- the plan --------------------------------------------------------------------------------- */

static const char *owner(const struct job *j, const char *id)
{
	const struct recipient *r = recipients_find_id(&j->config.recipients, id);

	return r != NULL ? r->name : kv_get_str(&j->owners, id);
}

static bool is_standard(const char *file, const char *id)
{
	return strlen(file) == STAMP + 1 + (AGE_KEY_ID_TEXT - 1) + strlen(".key") &&
	       file[STAMP] == '-' && strncmp(file + STAMP + 1, id, AGE_KEY_ID_TEXT - 1) == 0 &&
	       strspn(file, "0123456789TZ") == STAMP;
}

/*
 * The name of its file says when it was made, and the greatest is the active key: one whose time is
 * not known goes before all others unless it is the one that is sealed to.
 */
static char *file_name(const struct job *j, size_t key, bool current)
{
	const char *name = j->keys.names[key], *slash = strrchr(name, '/');
	const struct age_identity *id = j->keys.ids[key];

	if (slash != NULL)
		name = slash + 1;
	/* a cluster's own names are in the order that its agent takes them in */
	if (j->of_cluster || is_standard(name, age_identity_id(id)))
		return mem_str(name);
	return keyring_file_name(id, current ? clock_now() : 0);
}

static void put_row(struct job *j, const char *name, const struct item *item, const char *word)
{
	result_row(&j->result, "backups",
		   json_pack("{s:s, s:s, s:s, s:s}", "file", item->path, "name", name, "keyId",
			     item->id, "result", word));
}

static int add_item(struct job *j, const char *name, size_t key, bool current, struct err *err)
{
	const struct age_identity *id = j->keys.ids[key];
	struct item item = { .path = repo_key_path(name, current ? NULL : age_identity_id(id)) };
	struct kv files = KV_INIT;
	struct buf text = BUF_INIT, had = BUF_INIT;
	char *file = file_name(j, key, current);
	int r = repo_read(j->top, item.path, REPO_KEY_MAX, &had, &item.st, &item.exists, err);

	memcpy(item.id, age_identity_id(id), AGE_KEY_ID_TEXT);
	if (r == 0 && item.exists && !j->o->replace) {
		out_note("%s is there and stays; --replace makes it anew", item.path);
		put_row(j, name, &item, "there");
		j->there++;
		mem_free(item.path);
	} else if (r == 0) {
		keyring_file_format(id, clock_now(), &text);
		kv_set(&files, file, text.data, text.len);
		r = backup_seal(&files, &j->recovery->key, &item.text, err);
		j->items = mem_grow(j->items, j->n + 1, sizeof(*j->items));
		j->items[j->n++] = item;
		put_row(j, name, &item, "written");
	} else {
		mem_free(item.path);
	}
	mem_free(file);
	kv_clear(&files);
	buf_clear(&text);
	buf_clear(&had);
	return r;
}

/* The backups of one recipient; *found: its key is at hand. */
static int plan(struct job *j, const char *name, bool *found, struct err *err)
{
	const struct recipient *is = recipients_find(&j->config.recipients, name);
	int r = 0;

	*found = false;
	if (is != NULL && !j->o->dry_run)
		r = backup_settle(j->top, name, is->id, err);
	for (size_t i = 0; r == 0 && i < j->keys.n; i++) {
		const char *id = age_identity_id(j->keys.ids[i]), *whose = owner(j, id);
		bool current = is != NULL && strcmp(is->id, id) == 0;

		if (whose == NULL ? !j->of_cluster || j->o->all : strcmp(whose, name) != 0)
			continue;
		*found = *found || current;
		r = add_item(j, name, i, current, err);
	}
	return r;
}

static int plan_one(struct job *j, const char *name, struct err *err)
{
	const struct recipient *is = recipients_find(&j->config.recipients, name);
	bool found;

	if (is == NULL)
		return err_set(err, ERR_RECIPIENT, "%s: no recipient of that name in %s", name,
			       CONFIG_PATH);
	if (plan(j, name, &found, err) != 0)
		return -1;
	if (!found)
		return err_set(err, ERR_NOKEY,
			       "the key that %s has now, %s, is not at hand; give it with -i, "
			       "--keys or --context",
			       name, is->id);
	return 0;
}

static int plan_all(struct job *j, struct err *err)
{
	for (size_t i = 0; i < j->config.recipients.n; i++) {
		const char *name = j->config.recipients.items[i].name;
		bool found;

		if (strcmp(name, CONFIG_RECOVERY) == 0)
			continue;
		if (plan(j, name, &found, err) != 0)
			return -1;
		if (!found)
			out_note("%s: its key is not at hand", name);
	}
	if (j->n + j->there == 0)
		return err_set(err, ERR_NOKEY, "no key at hand is a recipient's of %s",
			       CONFIG_PATH);
	return 0;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_all(struct job *j, struct err *err)
{
	result_flag(&j->result, "changed", j->n > 0);
	result_flag(&j->result, "dryRun", j->o->dry_run);
	result_text(&j->result, "recovery", j->recovery->id);
	for (size_t i = 0; i < j->n; i++) {
		const struct item *item = &j->items[i];

		if (!j->o->dry_run && repo_write(j->top, item->path, &item->text,
						 item->exists ? &item->st : NULL, err) != 0)
			return -1;
		if (!result_asked(j->o->output))
			out_printf(stdout, "%s\n", item->path);
		out_note("%s: key %s, encrypted to recovery (%s)%s", item->path, item->id,
			 j->recovery->id, j->o->dry_run ? "; not written" : "");
	}
	return result_print(&j->result, err);
}

static int check(const struct invocation *in, const struct backup_options *o, struct err *err)
{
	if (o->all == (in->n > 0))
		return err_set(err, ERR_USAGE, "give either a NAME or --all");
	if (o->context != NULL && ring_given(&o->ring))
		return err_set(err, ERR_USAGE, "keys come from --context or from -i and --keys");
	if (cluster_where_check(&o->where, o->context != NULL,
				"--context, which says which cluster", err) != 0)
		return -1;
	return in->n > 0 ? keygen_check_name(in->args[0], err) : 0;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options, .config = CONFIG_INIT };
	const struct roster_user user = { &j.o->accept, in->line, in->line_n };
	int r = check(in, j.o, err);

	result_begin(&j.result, j.o->output);
	if (r == 0) {
		j.top = target_top(err);
		r = j.top != NULL ? roster_load(j.top, &j.config, err) : -1;
	}
	if (r == 0)
		r = roster_recovery(j.top, &j.config, &user, &j.recovery, err);
	if (r == 0)
		r = load_keys(&j, err);
	if (r == 0)
		r = j.o->all ? plan_all(&j, err) : plan_one(&j, in->args[0], err);
	if (r == 0)
		r = write_all(&j, err);
	job_clear(&j);
	return r;
}

const struct command keys_backup = {
	.name = "backup",
	.summary = "back up a recipient's keys, encrypted to recovery",
	.arguments = "[NAME]",
	.about = "Write the backups .bulla/keys/NAME.age of keys that are at hand, or that a "
		 "cluster has: of those that were not made here, and of all when the recovery key "
		 "is another.  Encrypted to the recovery key of .bulla/config alone.",
	.options = specs,
	.options_size = sizeof(struct backup_options),
	.run = run,
};
