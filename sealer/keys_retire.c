/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cmd_keys.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "git/refs.h"
#include "keys/keyring.h"
#include "sealer/cluster.h"
#include "sealer/home.h"
#include "sealer/repo.h"
#include "sealer/report.h"
#include "sealer/retire.h"
#include "sealer/roster.h"
#include "sealer/target.h"

struct retire_options {
	struct option_list contexts, branches;
	struct cluster_where where;
	const char *output;
	bool all_branches, keep_backup, dry_run;
};

static const struct option_spec specs[] = {
	{ 0, "context", "[NAME=]CONTEXT",
	  "also out of this cluster, by its kubeconfig context; NAME: the recipient that it is",
	  offsetof(struct retire_options, contexts), OPTION_MANY },
	{ 'N', "agent-namespace", "NAMESPACE", "where the agent is (default: bulla-system)",
	  offsetof(struct retire_options, where.agent_namespace), 0 },
	{ 0, "kubeconfig", "FILE", "instead of $KUBECONFIG or ~/.kube/config",
	  offsetof(struct retire_options, where.kubeconfig), 0 },
	{ 0, "branch", "REV", "not while a document in this revision needs it, as in HEAD",
	  offsetof(struct retire_options, branches), OPTION_MANY },
	{ 0, "all-branches", NULL, "the same for every branch, also those of remotes",
	  offsetof(struct retire_options, all_branches), 0 },
	{ 0, "keep-backup", NULL, "leave its backup in .bulla/keys",
	  offsetof(struct retire_options, keep_backup), 0 },
	{ 0, "dry-run", NULL, "look at everything, change nothing",
	  offsetof(struct retire_options, dry_run), 0 },
	{ 'o', "output", "table|json", "how to print what still needs it",
	  offsetof(struct retire_options, output), 0 },
	{ 0 },
};

struct job {
	const struct retire_options *o;
	char *top;
	struct config config;
	char id[AGE_KEY_ID_TEXT];
	char *owner;	   /* the recipient whose earlier key it is; NULL: not known here */
	struct kv backups; /* paths of its backups, below top -> "" */
	struct kv others;  /* ids of the owner's other keys -> "" */
	json_t *uses;
	struct retire *clusters;
	size_t n;
};

/* --- which key -------------------------------------------------------------------------------- */

/* The one earlier key of a name that has a backup. */
static int find_earlier(struct job *j, const struct kv *files, const char *name, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < files->n; i++) {
		char *whose, id[AGE_KEY_ID_TEXT];

		if (repo_key_parse(files->items[i].name, &whose, id) && id[0] != '\0' &&
		    strcmp(whose, name) == 0 && n++ == 0)
			memcpy(j->id, id, AGE_KEY_ID_TEXT);
		mem_free(whose);
	}
	if (n == 1)
		return 0;
	return err_set(err, ERR_USAGE, "%s has %s in %s; say which by its key id", name,
		       n == 0 ? "no earlier key" : "several earlier keys", REPO_KEYS);
}

static int find_id(struct job *j, const struct kv *files, const char *given, struct err *err)
{
	struct age_recipient key;

	if (strncmp(given, "age1", 4) == 0) {
		if (age_recipient_parse(given, &key, err) != 0)
			return -1;
		age_recipient_id(&key, j->id);
		return 0;
	}
	if (name_is_key_id(given)) {
		memcpy(j->id, given, AGE_KEY_ID_TEXT);
		return 0;
	}
	if (!name_is_label(given))
		return err_set(err, ERR_USAGE, "KEY: neither a key id, age1... nor a name");
	return find_earlier(j, files, given, err);
}

static int check_not_current(const struct job *j, struct err *err)
{
	const struct recipient *r = recipients_find_id(&j->config.recipients, j->id);

	if (r == NULL)
		return 0;
	if (strcmp(r->name, CONFIG_RECOVERY) == 0)
		return err_set(err, ERR_CONFLICT, "it is the recovery key of %s", CONFIG_PATH);
	return err_set(err, ERR_CONFLICT,
		       "it is the key that %s has now; 'bulla keys generate %s' gives it another "
		       "one first, or 'bulla recipients remove %s' takes it away",
		       r->name, r->name, r->name);
}

/* Whose it was, what backs it up, and what its owner has in its place. */
static void find_owner(struct job *j, const struct kv *files)
{
	const struct recipient *now;

	for (size_t i = 0; i < files->n; i++) {
		char *whose, id[AGE_KEY_ID_TEXT];
		bool is =
		    repo_key_parse(files->items[i].name, &whose, id) && strcmp(id, j->id) == 0;

		if (is) {
			kv_set_fmt(&j->backups, files->items[i].name, "%s", whose);
			mem_replace(&j->owner, whose);
		}
		mem_free(whose);
	}
	now = j->owner != NULL ? recipients_find(&j->config.recipients, j->owner) : NULL;
	if (now != NULL)
		kv_set_str(&j->others, now->id, "");
}

static int find_key(struct job *j, const char *given, struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(j->top, &files, err);

	if (r == 0)
		r = find_id(j, &files, given, err);
	if (r == 0)
		r = check_not_current(j, err);
	if (r == 0)
		find_owner(j, &files);
	kv_clear(&files);
	return r;
}

/* --- who needs it ----------------------------------------------------------------------------- */

struct branches {
	struct job *j;
	const struct git *git;
	struct kv seen; /* trees that were looked at */
};

static int look_at(struct branches *b, const char *name, const char *id, struct err *err)
{
	const struct keyuse u = { b->j->id, &b->j->others };

	if (kv_has(&b->seen, id))
		return 0;
	kv_set_str(&b->seen, id, "");
	return keyuse_in_tree(&u, &(struct keyuse_tree){ b->git, id, name }, b->j->uses, err);
}

static int visit_ref(void *ctx, const struct git_ref *ref, struct err *err)
{
	static const char *const of[] = { "refs/heads/", "refs/remotes/" };

	if (strcmp(ref->type, "commit") != 0)
		return 0;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (strncmp(ref->name, of[i], strlen(of[i])) == 0)
			return look_at(ctx, ref->name + strlen("refs/"), ref->id, err);
	return 0;
}

static int look_at_git(struct job *j, struct err *err)
{
	struct git *git = git_open(j->top, err);
	struct branches b = { .j = j, .git = git };
	char id[GIT_ID_TEXT];
	bool born;
	int r = git != NULL ? git_resolve(git, "HEAD", "commit", id, &born, err) : -1;

	if (r == 0 && born)
		r = look_at(&b, "HEAD", id, err);
	for (size_t i = 0; r == 0 && i < j->o->branches.n; i++) {
		r = git_resolve(git, j->o->branches.items[i], "commit", id, NULL, err);
		if (r == 0)
			r = look_at(&b, j->o->branches.items[i], id, err);
	}
	if (r == 0 && j->o->all_branches)
		r = git_refs_each(git, visit_ref, &b, err);
	kv_clear(&b.seen);
	git_close(git);
	return r;
}

static int look_at_clusters(struct job *j, struct err *err)
{
	j->clusters = mem_array(j->o->contexts.n, sizeof(*j->clusters));
	for (size_t i = 0; i < j->o->contexts.n; i++) {
		const struct whichcluster_options o = {
			.given = j->o->contexts.items[i],
			.kubeconfig = j->o->where.kubeconfig,
			.agent_namespace = j->o->where.agent_namespace,
			.top = j->top,
			.config = &j->config,
		};

		j->n++;
		if (retire_look(&o, j->id, j->owner, &j->clusters[i], j->uses, err) != 0)
			return -1;
	}
	return 0;
}

/* --- telling ---------------------------------------------------------------------------------- */

static const char *cell(const json_t *row, const char *name)
{
	const char *s = json_string_value(json_object_get(row, name));

	return s != NULL ? s : "-";
}

static void print_uses(const json_t *uses)
{
	static const char *const heads[] = { "WHERE", "DOCUMENT", "PART", "FILE", "" };
	static const char *const names[] = { "where", "document", "part", "file", "why" };
	struct out_table *t = out_table_new(sizeof(heads) / sizeof(heads[0]));
	const json_t *row;
	size_t i, k;

	for (k = 0; k < sizeof(heads) / sizeof(heads[0]); k++)
		out_table_cell(t, heads[k]);
	json_array_foreach(uses, i, row)
	{
		for (k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			out_table_cell(t, k == 4 && json_object_get(row, "why") == NULL
					      ? ""
					      : cell(row, names[k]));
	}
	out_table_print(t, stdout);
	out_table_free(t);
}

/* Needed: where and by what.  Nothing has been changed then. */
static int refuse(const struct job *j, struct err *err)
{
	size_t n = json_array_size(j->uses);

	if (j->o->output == NULL || strcmp(j->o->output, "json") != 0)
		print_uses(j->uses);
	return err_set(err, ERR_CONFLICT,
		       "%zu part%s still need%s key %s, or cannot be read; 'bulla reseal' seals "
		       "anew, then commit it, and wait until each cluster has applied it",
		       n, n == 1 ? "" : "s", n == 1 ? "s" : "", j->id);
}

/* A copy that this command cannot reach, or may not: the person's own. */
static void tell_copies(const struct job *j)
{
	char *dir = home_path(HOME_KEYS, NULL);
	struct keyring kr = KEYRING_INIT;
	struct notes notes = NOTES_INIT;

	if (dir != NULL && access(dir, F_OK) == 0 && keyring_add_dir(&kr, dir, &notes, NULL) == 0)
		for (size_t i = 0; i < kr.n; i++)
			if (strcmp(age_identity_id(kr.ids[i]), j->id) == 0)
				out_note("%s/%s has it too; remove it there", dir, kr.names[i]);
	keyring_clear(&kr);
	notes_clear(&notes);
	mem_free(dir);
}

static void tell_left(const struct job *j)
{
	tell_copies(j);
	if (j->n == 0)
		out_note("no cluster was looked at; with --context the key goes out of one");
	else
		out_note("an agent lets go of it when its volume shows the change, a minute or so");
	out_note("what was sealed to it stays readable with it in Git's history: 'bulla keys "
		 "exposure %s' lists that; key folders and copies elsewhere are yours to remove",
		 j->id);
}

static json_t *report_of(const struct job *j)
{
	json_t *clusters = json_array(), *backups = json_array();

	for (size_t i = 0; i < j->n; i++) {
		const struct retire *r = &j->clusters[i];

		json_array_append_new(
		    clusters, json_pack("{s:s, s:i, s:b}", "cluster", r->which.label, "keyFiles",
					(int)r->files.n, "published", r->published ? 1 : 0));
	}
	for (size_t i = 0; !j->o->keep_backup && i < j->backups.n; i++)
		json_array_append_new(backups,
				      json_sprintf("%s/%s", REPO_KEYS, j->backups.items[i].name));
	return json_pack("{s:s, s:s?, s:O, s:o, s:o, s:b}", "keyId", j->id, "recipient", j->owner,
			 "uses", j->uses, "clusters", clusters, "backups", backups, "dryRun",
			 j->o->dry_run ? 1 : 0);
}

/* --- doing ------------------------------------------------------------------------------------ */

static int retire_clusters(struct job *j, struct err *err)
{
	for (size_t i = 0; i < j->n; i++) {
		struct retire *r = &j->clusters[i];

		if (!retire_any(r)) {
			out_note("%s: nothing to do: it has not got key %s", r->which.label, j->id);
			continue;
		}
		if (!j->o->dry_run && retire_apply(r, j->id, err) != 0)
			return -1;
		out_note("%s: key %s %s out of Secret %s/bulla-sealing-keys and ConfigMap "
			 "bulla-recipients; %zu other key%s stay%s",
			 r->which.label, j->id, j->o->dry_run ? "would be taken" : "taken",
			 r->namespace, r->others.n, r->others.n == 1 ? "" : "s",
			 r->others.n == 1 ? "s" : "");
	}
	return 0;
}

/* Last, so that a run that ends before finds it still there.  Git's history keeps it. */
static int remove_backups(struct job *j, struct err *err)
{
	for (size_t i = 0; !j->o->keep_backup && i < j->backups.n; i++) {
		char *path = mem_printf("%s/%s/%s", j->top, REPO_KEYS, j->backups.items[i].name);
		int r = 0;

		if (!j->o->dry_run && unlink(path) != 0)
			r = err_sys(err, "%s: cannot remove", path);
		else
			out_note("%s/%s %s; commit that", REPO_KEYS, j->backups.items[i].name,
				 j->o->dry_run ? "would be removed" : "removed");
		mem_free(path);
		if (r != 0)
			return -1;
	}
	return 0;
}

static int retire(struct job *j, struct err *err)
{
	bool json = j->o->output != NULL && strcmp(j->o->output, "json") == 0;
	bool needed;

	if (look_at_git(j, err) != 0 || look_at_clusters(j, err) != 0)
		return -1;
	needed = json_array_size(j->uses) > 0;
	if (!needed && (retire_clusters(j, err) != 0 || remove_backups(j, err) != 0))
		return -1;
	if (json && report_json(report_of(j), err) != 0)
		return -1;
	if (needed)
		return refuse(j, err);
	tell_left(j);
	return 0;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .o = in->options, .config = CONFIG_INIT };
	int r = cluster_where_check(&j.o->where, j.o->contexts.n > 0,
				    "--context, which says which cluster", err);

	j.uses = json_array();
	if (r == 0) {
		j.top = target_top(err);
		r = j.top != NULL ? roster_load(j.top, &j.config, err) : -1;
	}
	if (r == 0)
		r = find_key(&j, in->args[0], err);
	if (r == 0)
		r = retire(&j, err);
	for (size_t i = 0; i < j.n; i++)
		retire_clear(&j.clusters[i]);
	mem_free(j.clusters);
	mem_free(j.top);
	mem_free(j.owner);
	config_clear(&j.config);
	kv_clear(&j.backups);
	kv_clear(&j.others);
	json_decref(j.uses);
	return r;
}

const struct command keys_retire = {
	.name = "retire",
	.summary = "take away an earlier key that nothing needs any more",
	.arguments = "KEY",
	.about = "Take a key, by its id, age1... or the name of the recipient whose only earlier "
		 "key it is, out of clusters (--context) and its backup out of .bulla/keys.  It "
		 "refuses while a document in HEAD, in a --branch or in one of the clusters "
		 "still needs it, and while it is a recipient's own.",
	.options = specs,
	.options_size = sizeof(struct retire_options),
	.run = run,
};
