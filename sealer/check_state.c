/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/kustomize.h"
#include "git/index.h"
#include "git/tree.h"
#include "sealer/repo.h"

static bool is_of_interest(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	if (strncmp(path, REPO_DIR "/", strlen(REPO_DIR "/")) == 0)
		return true;
	for (size_t i = 0; kustomize_names[i] != NULL; i++)
		if (strcmp(name, kustomize_names[i]) == 0)
			return true;
	return false;
}

static int keep(void *ctx, const struct git_entry *e, struct err *err)
{
	struct check_state *s = ctx;

	(void)err;
	/* a link in place of the folder would hide the config as well */
	if (is_of_interest(e->path) || strcmp(e->path, REPO_DIR) == 0)
		kv_set_fmt(&s->files, e->path, "%06o %s", e->mode, e->id);
	return 0;
}

int check_state_read(void *ctx, const char *path, size_t max, struct buf *out, bool *exists,
		     struct err *err)
{
	struct check_state *s = ctx;
	const char *entry = kv_get_str(&s->files, path);

	buf_clear(out);
	*exists = entry != NULL;
	if (entry == NULL)
		return 0;
	if ((strtoul(entry, NULL, 8) & GIT_MODE_TYPE) != GIT_MODE_FILE)
		return err_set(err, ERR_INVALID,
			       "%s: not a regular file (a symbolic link or a submodule)", path);
	if (git_blobs_read(s->blobs, strchr(entry, ' ') + 1, max, out, err) != 0)
		return err_wrap(err, "%s", path);
	return 0;
}

static void tell(const struct check_state *s, struct findings *findings, const char *path,
		 const struct err *why)
{
	struct finding at = { .file = (char *)(uintptr_t)path,
			      .below = (char *)(uintptr_t)path,
			      .commit = s->commit[0] != '\0' ? (char *)(uintptr_t)s->commit : NULL,
			      .rule = RULE_CONFIG };

	findings_add(findings, &at, "%s", why->text);
}

static void load_config(struct check_state *s, struct findings *findings)
{
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	bool there;

	if (kv_has(&s->files, REPO_DIR))
		err_set(&why, ERR_INVALID,
			REPO_DIR ": not a folder (a symbolic link or a file), so no rule holds");
	else if (check_state_read(s, CONFIG_PATH, CONFIG_MAX, &text, &there, &why) == 0 && there &&
		 config_parse(CONFIG_PATH, text.data, text.len, &s->config, &why) == 0)
		s->configured = true;
	if (why.class != ERR_NONE)
		tell(s, findings, CONFIG_PATH, &why);
	buf_clear(&text);
}

static void load_baseline(struct check_state *s, struct findings *findings)
{
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	bool there;

	if (check_state_read(s, BASELINE_PATH, BASELINE_MAX, &text, &there, &why) != 0 ||
	    (there && baseline_parse(BASELINE_PATH, text.data, text.len, &s->baseline, &why) != 0))
		tell(s, findings, BASELINE_PATH, &why);
	buf_clear(&text);
}

int check_state_load(struct check_state *s, const struct git *g, const char *id,
		     struct findings *findings, struct err *err)
{
	int r;

	*s = (struct check_state){ .g = g };
	snprintf(s->commit, sizeof(s->commit), "%.*s", (int)sizeof(s->commit) - 1,
		 id != NULL ? id : "");
	r = id != NULL ? git_tree_each(g, id, NULL, keep, s, err) : git_index_each(g, keep, s, err);
	if (r != 0)
		return -1;
	s->blobs = git_blobs_open(g, err);
	if (s->blobs == NULL)
		return -1;
	load_config(s, findings);
	load_baseline(s, findings);
	return 0;
}

bool check_state_same(const struct check_state *a, const struct check_state *b, const char *path)
{
	const char *x = kv_get_str(&a->files, path), *y = kv_get_str(&b->files, path);

	return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

struct check_base check_state_base(struct check_state *rules, struct check_state *files)
{
	return (struct check_base){ .config = rules->configured ? &rules->config : NULL,
				    .baseline = &rules->baseline,
				    .read = check_state_read,
				    .ctx = files };
}

void check_state_clear(struct check_state *s)
{
	kv_clear(&s->files);
	git_blobs_close(s->blobs);
	config_clear(&s->config);
	baseline_clear(&s->baseline);
	*s = (struct check_state){ 0 };
}
