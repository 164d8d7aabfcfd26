/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/target.h"

#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/repo.h"

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *file_in(const char *write, const char *name)
{
	size_t len = strlen(write);

	if (name == NULL || (write[len - 1] != '/' && !is_dir(write)))
		return mem_str(write);
	return mem_printf("%s%s%s.yaml", write, write[len - 1] == '/' ? "" : "/", name);
}

static bool exists_in(const char *dir, const char *name)
{
	char *path = mem_printf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
	struct stat st;
	bool found = lstat(path, &st) == 0;

	mem_free(path);
	return found;
}

/* Cut the last component off; false when there is none left. */
static bool up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || strcmp(path, "/") == 0)
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* Tell of every .bulla/ between the file (or folder) at real and the top level. */
static void report_misplaced(const char *real, const char *top)
{
	char *at = mem_str(real);

	do {
		if (top != NULL && strcmp(at, top) == 0)
			break;
		if (!exists_in(at, REPO_DIR))
			continue;
		if (top != NULL)
			out_warn("%s/%s is not at the Git top level (%s) and is not read", at,
				 REPO_DIR, top);
		else
			out_warn("%s/%s is in no Git work tree and is not read", at, REPO_DIR);
	} while (up(at));
	mem_free(at);
}

int target_config(const char *top, struct config *out, bool *found, struct err *err)
{
	struct buf text = BUF_INIT;
	int r = repo_read(top, CONFIG_PATH, CONFIG_MAX, &text, NULL, found, err);

	if (r == 0 && *found)
		r = config_parse(CONFIG_PATH, text.data, text.len, out, err);
	buf_clear(&text);
	return r;
}

/* No line of pins, no rule and no message could name such a path unmistakably. */
static int check_path(const char *path, struct err *err)
{
	for (const char *s = path; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(err, ERR_INVALID,
				       "-w: a path with control characters is not written to");
	return 0;
}

/* The path as it was typed, made absolute without following a link; NULL when it climbs ("..") */
static char *lexical(const char *path, struct err *err)
{
	char *here, *joined;

	for (const char *s = path; *s != '\0'; s += strspn(s, "/")) {
		size_t len = strcspn(s, "/");

		if (len == 2 && memcmp(s, "..", 2) == 0)
			return NULL;
		s += len;
	}
	if (path[0] == '/')
		return mem_str(path);
	here = file_absolute(".", err);
	joined = here != NULL ? mem_printf("%s/%s", here, path) : NULL;
	mem_free(here);
	return joined;
}

/* A link in a repository must not make us write outside of it. */
static int check_inside(const char *path, const char *real, struct err *err)
{
	char *at = lexical(path, err), *top = NULL;
	int r = 0;

	while (at != NULL && up(at) && !exists_in(at, ".git"))
		;
	if (at != NULL && exists_in(at, ".git"))
		top = file_absolute(at, err);
	if (top != NULL && strcmp(top, "/") != 0) {
		size_t n = strlen(top);

		if (strncmp(real, top, n) != 0 || real[n] != '/')
			r = err_set(err, ERR_INVALID,
				    "%s: a symbolic link leads out of the Git work tree (to %s)",
				    path, real);
	}
	mem_free(at);
	mem_free(top);
	return r;
}

/* The path without empty and "." components, which a rule would take for folders. */
static char *tidy(const char *path)
{
	struct buf out = BUF_INIT;
	char *text;

	if (path[0] == '/')
		buf_putc(&out, '/');
	while (*path != '\0') {
		size_t len = strcspn(path, "/");

		if (len > 1 || (len == 1 && path[0] != '.')) {
			if (out.len > 0 && out.data[out.len - 1] != '/')
				buf_putc(&out, '/');
			buf_put(&out, path, len);
		}
		path += len;
		path += strspn(path, "/");
	}
	text = mem_str(out.len > 0 ? buf_str(&out) : ".");
	buf_clear(&out);
	return text;
}

/* What does not exist yet is not resolved, and a ".." in it would lead past the rules. */
static int check_below(const char *path, const char *below, struct err *err)
{
	for (const char *s = below; s != NULL && *s != '\0'; s += strspn(s, "/")) {
		size_t len = strcspn(s, "/");

		if (len == 2 && memcmp(s, "..", 2) == 0)
			return err_set(err, ERR_INVALID,
				       "%s: \"..\" out of a folder that does not exist", path);
		s += len;
	}
	return 0;
}

static int resolve(const char *write, const char *name, struct target *t, struct err *err)
{
	if (write != NULL && write[0] == '\0')
		return err_set(err, ERR_USAGE, "-w: the path is empty");
	if (write != NULL && strcmp(write, "-") != 0) {
		char *path = file_in(write, name);

		t->path = tidy(path);
		mem_free(path);
		if (check_path(t->path, err) != 0)
			return -1;
		t->real = file_absolute(t->path, err);
		if (t->real == NULL || check_inside(t->path, t->real, err) != 0)
			return -1;
		if (is_dir(t->real))
			return err_set(err, ERR_INVALID, "%s: a folder, not a file", t->path);
	}
	t->top = file_git_top(t->real != NULL ? t->real : ".");
	if (t->top != NULL && t->real != NULL)
		t->below = t->real + strlen(t->top) + (strcmp(t->top, "/") != 0);
	if (t->below != NULL && (strncmp(t->below, REPO_DIR "/", sizeof(REPO_DIR)) == 0 ||
				 strncmp(t->below, ".git/", 5) == 0))
		return err_set(err, ERR_INVALID,
			       "%s: no document goes into " REPO_DIR
			       " or .git, where nothing reads it",
			       t->path);
	return check_below(t->path, t->real, err);
}

int target_open(const char *write, const char *name, struct target *out, struct err *err)
{
	char *from = NULL;

	if (resolve(write, name, out, err) != 0)
		goto fail;
	from = out->real != NULL ? mem_str(out->real) : file_absolute(".", err);
	if (from == NULL)
		goto fail;
	report_misplaced(from, out->top);
	if (out->top != NULL && target_config(out->top, &out->config, &out->configured, err) != 0)
		goto fail;
	mem_free(from);
	return 0;
fail:
	mem_free(from);
	target_clear(out);
	return -1;
}

void target_clear(struct target *t)
{
	mem_free(t->path);
	mem_free(t->real);
	mem_free(t->top);
	config_clear(&t->config);
	*t = (struct target)TARGET_INIT;
}

char *target_top(struct err *err)
{
	char *top = file_git_top(".");

	if (top == NULL)
		err_set(err, ERR_INVALID,
			"this folder is in no Git work tree; 'git init' makes one");
	return top;
}
