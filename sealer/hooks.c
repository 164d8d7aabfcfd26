/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/repo.h"

#define HOOK_MAX ((size_t)1 << 20)
#define HOOK_NEW ".bulla-new"
#define MARK "# A hook of bulla's (bulla-hooks(1)); 'bulla hooks remove' takes it out.\n"

const struct hook hooks_table[] = {
	{ "pre-commit", "this commit", "check --staged", false },
	/* what one pushes is one's own: rules and comments in it are no attack on oneself */
	{ "pre-push", "this push", "check --pre-push --accept-changes", true },
	{ NULL, NULL, NULL, false },
};

/* --- the folder ------------------------------------------------------------------------------- */

struct setting {
	char *scope, *value; /* of the last one that counts */
	char *pending;	     /* a scope whose value is next */
};

static int take_setting(void *ctx, const char *token, size_t len, struct err *err)
{
	struct setting *s = ctx;

	(void)len;
	(void)err;
	if (s->pending == NULL) {
		s->pending = mem_str(token);
		return 0;
	}
	/* our own on the command line, by which git runs no hook for us, is not meant */
	if (strcmp(s->pending, "command") != 0) {
		mem_replace(&s->scope, s->pending);
		mem_replace(&s->value, token);
	}
	mem_replace(&s->pending, NULL);
	return 0;
}

static int refuse_folder(const struct setting *s, struct err *err)
{
	size_t n = strlen(s->value);

	if (strcmp(s->scope, "local") != 0 && strcmp(s->scope, "worktree") != 0)
		return err_set(
		    err, ERR_CONFLICT,
		    "core.hooksPath is %s in the %s configuration, for all repositories; "
		    "add 'bulla check --staged' to its pre-commit yourself, or set "
		    "core.hooksPath for this repository",
		    s->value, s->scope);
	if (n >= 8 && strcmp(s->value + n - 8, ".husky/_") == 0)
		return err_set(err, ERR_CONFLICT,
			       "husky writes the hooks of this repository; add the line 'bulla "
			       "check --staged' to .husky/pre-commit");
	return 0;
}

/* A path in the configuration is taken from where hooks run. */
static char *absolute(const struct git *g, const char *path)
{
	if (path[0] == '/')
		return mem_str(path);
	return mem_printf("%s/%s", git_top(g) != NULL ? git_top(g) : git_dir(g), path);
}

char *hooks_folder(const struct git *g, struct err *err)
{
	static const char *const args[] = { "config",	   "-z",	"--show-scope",
					    "--type=path", "--get-all", "core.hooksPath",
					    NULL };
	struct setting s = { 0 };
	char *folder = NULL;
	int r = git_tokens(
	    g, &(struct git_tokens){ .args = args, .visit = take_setting, .ctx = &s }, err);

	if (r == 0 && s.value == NULL)
		folder = mem_printf("%s/hooks", git_common_dir(g));
	else if (r == 0 && refuse_folder(&s, err) == 0)
		folder = absolute(g, s.value);
	mem_free(s.scope);
	mem_free(s.value);
	mem_free(s.pending);
	return folder;
}

/* --- one hook --------------------------------------------------------------------------------- */

static void put_script(struct buf *out, const struct hook *hook, const char *bulla)
{
	const char *feed = hook->input ? "feed | " : "";

	buf_puts(out, "#!/bin/sh\n" MARK "bulla=");
	out_shell(out, bulla);
	buf_printf(out,
		   "\n"
		   "[ -x \"$bulla\" ] || bulla=$(command -v bulla) || {\n"
		   "\techo \"bulla is not there, so nothing has looked for credentials: %s is "
		   "refused.\" >&2\n"
		   "\techo \"Install bulla, or remove the hook: rm '$0'\" >&2\n"
		   "\texit 1\n"
		   "}\n",
		   hook->what);
	if (hook->input)
		buf_puts(out, "lines=$(cat)\n"
			      "feed() { [ -z \"$lines\" ] || printf '%s\\n' \"$lines\"; }\n");
	buf_printf(out,
		   "before=$0" HOOKS_BEFORE "\n"
		   "if [ -x \"$before\" ]; then\n"
		   "\t%s\"$before\" \"$@\" || exit\n"
		   "fi\n"
		   "%s\"$bulla\" %s\n",
		   feed, feed, hook->run);
}

enum kind { NONE, OURS, OTHER };

static int look(const char *path, enum kind *kind, struct stat *st, struct err *err)
{
	struct buf text = BUF_INIT;

	*kind = OTHER;
	if (lstat(path, st) != 0) {
		*kind = NONE;
		return errno == ENOENT ? 0 : err_sys(err, "%s: cannot stat", path);
	}
	/* ours is a small regular file; whatever cannot be read as one is another's */
	if (S_ISREG(st->st_mode) &&
	    file_read(path, HOOK_MAX, FILE_NOFOLLOW, &text, NULL, NULL) == 0 &&
	    strstr(buf_str(&text), "\n" MARK) != NULL)
		*kind = OURS;
	buf_clear(&text);
	return 0;
}

/*
 * Give another's hook a second name, so that there is no moment without one.  A link is kept as a
 * link; a file system without hard links gets the name moved.
 */
static int keep(const char *path, const char *before, const struct stat *st, struct err *err)
{
	struct stat kept;

	if (lstat(before, &kept) == 0) {
		if (kept.st_ino == st->st_ino && kept.st_dev == st->st_dev)
			return 0; /* begun before */
		return err_set(err, ERR_CONFLICT,
			       "%s: another hook, and one from before is kept as %s; join the two "
			       "into one of them and remove the other",
			       path, before);
	}
	if (linkat(AT_FDCWD, path, AT_FDCWD, before, 0) == 0)
		return 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
		return err_sys(err, "%s: cannot be kept as %s", path, before);
	if (rename(path, before) != 0)
		return err_sys(err, "%s: cannot be renamed to %s", path, before);
	return 0;
}

/* The new hook under another name, then in place in one step: its mode is not that of the old. */
static int put(const char *path, const struct buf *script, struct err *err)
{
	mode_t mode = repo_file_mode();
	char *new = mem_printf("%s" HOOK_NEW, path);
	struct file_write w = { .path = new, .mode = mode | ((mode & 0444) >> 2) };
	int r = -1;

	unlink(new);
	if (file_write(&w, script->data, script->len, err) != 0)
		goto out;
	if (rename(new, path) != 0) {
		err_sys(err, "%s: cannot be put in place", path);
		unlink(new);
		goto out;
	}
	r = 0;
out:
	mem_free(new);
	return r;
}

/* Is it, to the byte and executable, what we would write? */
static bool is_current(const char *path, const struct stat *st, const struct buf *script)
{
	struct buf text = BUF_INIT;
	bool same = (st->st_mode & 0100) != 0 &&
		    file_read(path, HOOK_MAX, FILE_NOFOLLOW, &text, NULL, NULL) == 0 &&
		    text.len == script->len && memcmp(text.data, script->data, text.len) == 0;

	buf_clear(&text);
	return same;
}

int hooks_install(const char *folder, const struct hook *hook, const char *bulla,
		  enum hooks_done *done, struct err *err)
{
	char *path = mem_printf("%s/%s", folder, hook->name);
	char *before = mem_printf("%s" HOOKS_BEFORE, path);
	struct buf script = BUF_INIT;
	enum kind kind;
	struct stat st;
	int r = -1;

	put_script(&script, hook, bulla);
	if (file_mkdirs(folder, 0777, err) != 0 || look(path, &kind, &st, err) != 0)
		goto out;
	*done = kind == OTHER ? HOOKS_CHAINED : HOOKS_MADE;
	if (kind == OURS && is_current(path, &st, &script))
		*done = HOOKS_SAME;
	else if ((kind == OTHER && keep(path, before, &st, err) != 0) ||
		 put(path, &script, err) != 0)
		goto out;
	r = 0;
out:
	buf_clear(&script);
	mem_free(path);
	mem_free(before);
	return r;
}

int hooks_remove(const char *folder, const struct hook *hook, enum hooks_done *done,
		 struct err *err)
{
	char *path = mem_printf("%s/%s", folder, hook->name);
	char *before = mem_printf("%s" HOOKS_BEFORE, path);
	struct stat st, kept;
	enum kind kind;
	int r = look(path, &kind, &st, err);

	*done = kind == NONE ? HOOKS_SAME : HOOKS_FOREIGN;
	if (r != 0 || kind != OURS)
		goto out;
	*done = lstat(before, &kept) == 0 ? HOOKS_CHAINED : HOOKS_MADE;
	if (*done == HOOKS_CHAINED && rename(before, path) != 0)
		r = err_sys(err, "%s: cannot be put back", before);
	if (*done == HOOKS_MADE && unlink(path) != 0)
		r = err_sys(err, "%s: cannot be removed", path);
out:
	mem_free(path);
	mem_free(before);
	return r;
}
