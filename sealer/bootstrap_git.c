/* SPDX-License-Identifier: Apache-2.0 */
/* The commit, of exactly the files that bootstrap makes, and the push. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "git/tree.h"
#include "git/user.h"
#include "keys/config_edit.h"
#include "sealer/bootstrap.h"
#include "sealer/driver.h"
#include "sealer/repo.h"

#define FILE_MAX ((size_t)16 << 20)

/* --- which files ------------------------------------------------------------------------------ */

/* Every file that a run may write, below top (path -> ""). */
static void own_files(const struct bootstrap *b, struct kv *out)
{
	static const char *const below[] = { BOOTSTRAP_AGENT_FILE, BOOTSTRAP_KEY_FILE,
					     BOOTSTRAP_COMPONENTS_FILE };
	char *backup = repo_key_path(b->o->cluster, NULL);

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		char *path = mem_printf("%s/%s", b->path, below[i]);

		kv_set_str(out, path, "");
		mem_free(path);
	}
	for (enum bootstrap_file i = 0; i < BOOTSTRAP_FILES; i++) {
		char *path = bootstrap_file_path(&b->names, i);

		kv_set_str(out, path, "");
		mem_free(path);
	}
	kv_set_str(out, CONFIG_PATH, "");
	kv_set_str(out, DRIVER_ATTRIBUTES, "");
	kv_set_str(out, backup, "");
	mem_free(backup);
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* What a run makes of the config that is committed. */
static void own_config(const struct bootstrap *b, struct buf *text)
{
	const struct recipient *is = recipients_find(&b->config.recipients, b->o->cluster);
	struct config config = CONFIG_INIT;
	char *rule = bootstrap_rule(b);

	if (is != NULL && config_edit_add(CONFIG_PATH, text, is->name, &is->key, NULL) == 0 &&
	    config_parse(CONFIG_PATH, text->data, text->len, &config, NULL) == 0 &&
	    !bootstrap_is_ruled(b, &config))
		config_edit_rule(CONFIG_PATH, text, rule, is->name, NULL);
	config_clear(&config);
	mem_free(rule);
}

/* What a run makes of a file as it is committed; text is that, before and after. */
static void make_own(const struct bootstrap *b, const char *path, struct buf *text)
{
	if (strcmp(path, CONFIG_PATH) == 0)
		own_config(b, text);
	else if (strcmp(path, DRIVER_ATTRIBUTES) == 0)
		driver_attributes(text);
	for (enum bootstrap_file i = 0; i < BOOTSTRAP_FILES; i++) {
		char *name = bootstrap_file_path(&b->names, i);
		struct buf merged = BUF_INIT;
		bool changed;

		if (strcmp(name, path) == 0 &&
		    bootstrap_file_merge(&b->names, i, text, &merged, &changed, NULL) == 0)
			buf_move(text, &merged);
		buf_clear(&merged);
		mem_free(name);
	}
}

/*
 * Is there something of ours to commit in a file?  A file that is committed and was changed by
 * somebody else too is his to commit: *foreign.
 */
static int look_at(const struct bootstrap *b, const char *path, bool *ours, bool *foreign,
		   struct err *err)
{
	struct buf now = { .max = FILE_MAX }, committed = { .max = FILE_MAX };
	const struct git_tree_file in_head = { b->head, path, FILE_MAX };
	bool exists, known = false;
	int r = repo_read(b->top, path, FILE_MAX, &now, NULL, &exists, err);

	*ours = *foreign = false;
	if (r == 0 && exists && b->head[0] != '\0')
		r = git_tree_read(b->git, &in_head, &committed, &known, err);
	if (r == 0 && exists && !known) {
		*ours = true;
	} else if (r == 0 && exists && !same(&now, &committed)) {
		make_own(b, path, &committed);
		*ours = same(&now, &committed) || (kv_has(&b->wrote, path) && b->o->upgrade);
		*foreign = !*ours;
	}
	buf_clear(&now);
	buf_clear(&committed);
	return r;
}

static int find_files(const struct bootstrap *b, struct kv *ours, struct buf *foreign,
		      struct err *err)
{
	struct kv all = KV_INIT;
	int r = 0;

	own_files(b, &all);
	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const char *path = all.items[i].name;
		bool own, other;

		r = look_at(b, path, &own, &other, err);
		if (r == 0 && own)
			kv_set_str(ours, path, "");
		if (r == 0 && other)
			buf_printf(foreign, "%s%s", foreign->len > 0 ? ", " : "", path);
	}
	kv_clear(&all);
	return r;
}

/* --- the commit ------------------------------------------------------------------------------- */

static int refresh_head(struct bootstrap *b, struct err *err)
{
	bool found;

	if (git_resolve(b->git, "HEAD", "commit", b->head, &found, err) != 0)
		return -1;
	if (!found)
		b->head[0] = '\0';
	return 0;
}

static int look_commit(struct bootstrap *b, struct step_look *l, struct err *err)
{
	struct buf foreign = BUF_INIT;
	struct kv ours = KV_INIT;
	int r = refresh_head(b, err);

	if (r == 0)
		r = find_files(b, &ours, &foreign, err);
	if (r == 0 && foreign.len > 0)
		buf_printf(&l->left, "commit %s: changed by you as well, so that is left to you\n",
			   buf_str(&foreign));
	if (r == 0 && b->o->no_commit)
		step_found(l, false, "left to you (--no-commit)");
	else if (r == 0 && b->planned > 0)
		step_found(l, true, "what is written is committed, and nothing else");
	else if (r == 0 && ours.n > 0)
		step_found(l, true, "%zu file%s committed", ours.n, ours.n == 1 ? " is" : "s are");
	else if (r == 0)
		step_found(l, false, "what is here is committed");
	kv_clear(&ours);
	buf_clear(&foreign);
	return r;
}

static int act_commit(struct bootstrap *b, struct err *err)
{
	struct buf foreign = BUF_INIT;
	struct kv ours = KV_INIT;
	char **paths = NULL, *message = NULL;
	int r = find_files(b, &ours, &foreign, err);

	if (r == 0 && ours.n > 0) {
		paths = mem_array(ours.n, sizeof(*paths));
		for (size_t i = 0; i < ours.n; i++)
			paths[i] = ours.items[i].name;
		message = mem_printf("Bootstrap %s\n\nIts agent, its deploy key and what Flux "
				     "follows, below %s.",
				     b->o->cluster, b->path);
		r = git_user_commit(b->top, message, paths, ours.n, err);
	}
	if (r == 0)
		r = refresh_head(b, err);
	mem_free(paths);
	mem_free(message);
	kv_clear(&ours);
	buf_clear(&foreign);
	return r;
}

const struct bootstrap_step bootstrap_commit = { "commit", look_commit, act_commit };

/* --- the push --------------------------------------------------------------------------------- */

/* Commits that the branch's upstream lacks; *upstream false: it has none. */
static int count_ahead(const struct bootstrap *b, bool *upstream, bool *ahead, struct err *err)
{
	const char *const args[] = { "rev-list", "--count", "@{upstream}..HEAD", "--", NULL };
	char id[GIT_ID_TEXT];
	struct buf out = BUF_INIT;
	int r;

	*upstream = *ahead = false;
	if (b->head[0] == '\0')
		return 0;
	if (git_resolve(b->git, "@{upstream}", "commit", id, upstream, err) != 0)
		return -1;
	if (!*upstream) {
		*ahead = true;
		return 0;
	}
	r = git_output(b->git, args, &out, err);
	*ahead = r == 0 && strcmp(buf_str(&out), "0\n") != 0;
	buf_clear(&out);
	return r;
}

static int look_push(struct bootstrap *b, struct step_look *l, struct err *err)
{
	bool upstream, ahead;

	if (count_ahead(b, &upstream, &ahead, err) != 0)
		return -1;
	b->to_push = ahead && !b->o->push;
	if (b->o->push && (ahead || b->planned > 0))
		step_found(l, true, "branch %s is pushed", b->branch != NULL ? b->branch : "");
	else if (ahead)
		step_found(l, false, "left to you");
	else
		step_found(l, false, "what is committed is pushed");
	return 0;
}

static int act_push(struct bootstrap *b, struct err *err)
{
	const char *const known[] = { "push", "-q", NULL };
	const char *const first[] = { "push", "-q", "-u", "origin", "HEAD", NULL };
	bool upstream, ahead;

	if (count_ahead(b, &upstream, &ahead, err) != 0)
		return -1;
	return git_user(b->top, upstream ? known : first, err);
}

const struct bootstrap_step bootstrap_push = { "push", look_push, act_push };
