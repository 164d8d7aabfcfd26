/* SPDX-License-Identifier: Apache-2.0 */
#include "git/run.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "git/proc.h"

struct git {
	char *program;
	char *at; /* where it is run */
	char *dir, *common, *top;
	size_t id_len; /* hex digits: 40 or 64 */
};

/* The ids of a tree without entries, which git knows without storing it. */
#define EMPTY_SHA1 "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
#define EMPTY_SHA256 "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"

static char *find_program(struct err *err)
{
	char *program = file_program("git");

	if (program == NULL)
		err_set(err, ERR_IO,
			"there is no git program in the absolute folders of PATH; install git");
	return program;
}

/* --- whole answers ---------------------------------------------------------------------------- */

static int collect(struct git_proc *p, struct buf *out, struct err *err)
{
	const unsigned char *data;
	size_t len;
	int r;

	if (p == NULL)
		return -1;
	git_proc_feed_end(p);
	while ((r = git_proc_peek(p, &data, &len, err)) > 0) {
		if (out != NULL && buf_put(out, data, len) != 0) {
			git_proc_stop(p);
			return err_set(err, ERR_INVALID, "git's answer is too long");
		}
		git_proc_took(p, len);
	}
	if (r == 0)
		return git_proc_end(p, err);
	git_proc_stop(p);
	return -1;
}

int git_run(const char *top, const char *const args[], struct err *err)
{
	char *program = find_program(err);
	int r;

	if (program == NULL)
		return -1;
	r = collect(git_proc_start(program, top, args, err), NULL, err);
	mem_free(program);
	return r;
}

struct git_proc *git_start(const struct git *g, const char *const args[], struct err *err)
{
	return git_proc_start(g->program, g->at, args, err);
}

int git_output(const struct git *g, const char *const args[], struct buf *out, struct err *err)
{
	return collect(git_start(g, args, err), out, err);
}

/* --- the repository --------------------------------------------------------------------------- */

/* The next line of text, cut off with a NUL; NULL when there is none. */
static char *next_line(char **text)
{
	char *line = *text, *end = line == NULL ? NULL : strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

static int ask_top(struct git *g, struct err *err)
{
	static const char *const args[] = { "rev-parse", "--show-toplevel", NULL };
	struct buf out = BUF_INIT;
	int r = git_output(g, args, &out, err);

	if (r == 0 && (out.len < 2 || out.data[0] != '/'))
		r = err_set(err, ERR_IO, "git rev-parse: an answer that is no absolute path");
	if (r == 0)
		g->top = mem_strn((const char *)out.data, out.len - 1);
	buf_clear(&out);
	return r;
}

/*
 * The one failure that everybody meets is told in our words.  git speaks English here (git/proc.c);
 * should its words change, they are shown.  What else it refuses, "dubious ownership" above all, it
 * explains better itself, and where GIT_DIR is wrong 'git init' would be the wrong advice.
 */
static int tell_outside(const struct git *g, struct err *err)
{
	if (err == NULL || strstr(err->text, "not a git repository (or any") == NULL)
		return -1;
	return err_set(err, ERR_IO,
		       "%s is in no Git repository: change into one, or make one with 'git init'",
		       g->at != NULL ? g->at : "this folder");
}

static int ask(struct git *g, struct err *err)
{
	static const char *const args[] = { "rev-parse",
					    "--is-inside-work-tree",
					    "--show-object-format",
					    "--absolute-git-dir",
					    "--path-format=absolute",
					    "--git-common-dir",
					    NULL };
	struct buf out = BUF_INIT;
	char *text, *inside, *format, *dir, *common;
	int r = git_output(g, args, &out, err);

	if (r != 0) {
		r = tell_outside(g, err);
		goto out;
	}
	text = (char *)out.data;
	inside = next_line(&text);
	format = next_line(&text);
	dir = next_line(&text);
	common = next_line(&text);
	if (inside == NULL || format == NULL || dir == NULL || common == NULL || *text != '\0' ||
	    dir[0] != '/' || common[0] != '/') {
		r = err_set(err, ERR_IO,
			    "git rev-parse: its answer cannot be read (a newline in the path of "
			    "the repository, or a git older than 2.31)");
		goto out;
	}
	g->dir = mem_str(dir);
	g->common = mem_str(common);
	g->id_len = strcmp(format, "sha256") == 0 ? 64 : 40;
	if (strcmp(inside, "true") == 0)
		r = ask_top(g, err);
out:
	buf_clear(&out);
	return r;
}

struct git *git_open(const char *dir, struct err *err)
{
	char *program = find_program(err);
	struct git *g;

	if (program == NULL)
		return NULL;
	g = mem_alloc(sizeof(*g));
	g->program = program;
	g->at = strcmp(dir, ".") == 0 ? NULL : mem_str(dir);
	if (ask(g, err) == 0)
		return g;
	git_close(g);
	return NULL;
}

void git_close(struct git *g)
{
	if (g == NULL)
		return;
	mem_free(g->program);
	mem_free(g->at);
	mem_free(g->dir);
	mem_free(g->common);
	mem_free(g->top);
	mem_free(g);
}

const char *git_dir(const struct git *g)
{
	return g->dir;
}

const char *git_common_dir(const struct git *g)
{
	return g->common;
}

const char *git_top(const struct git *g)
{
	return g->top;
}

const char *git_empty(const struct git *g)
{
	return g->id_len == 64 ? EMPTY_SHA256 : EMPTY_SHA1;
}

bool git_is_id(const struct git *g, const char *text)
{
	return strlen(text) == g->id_len && strspn(text, "0123456789abcdef") == g->id_len;
}

bool git_is_zero(const char *id)
{
	return id[strspn(id, "0")] == '\0';
}

int git_resolve(const struct git *g, const char *rev, const char *type, char id[static GIT_ID_TEXT],
		bool *found, struct err *err)
{
	char *what = mem_printf("%s^{%s}", rev, type);
	const char *const args[] = { "rev-parse",	 "--verify", "--quiet",
				     "--end-of-options", what,	     NULL };
	struct buf out = BUF_INIT;
	struct err why = ERR_INIT;
	int r = -1;

	/* an option in place of a revision is none: git is never asked */
	if (rev[0] != '-' && rev[0] != '\0' && git_output(g, args, &out, &why) == 0 &&
	    out.len == g->id_len + 1) {
		buf_truncate(&out, g->id_len);
		if (git_is_id(g, buf_str(&out)))
			r = 0;
	}
	if (r == 0)
		memcpy(id, out.data, g->id_len + 1);
	if (found != NULL)
		*found = r == 0;
	else if (r != 0)
		err_set(err, ERR_INVALID, "%s: there is no such %s in this repository", rev, type);
	buf_clear(&out);
	mem_free(what);
	return found != NULL ? 0 : r;
}

/* --- tokens ----------------------------------------------------------------------------------- */

/* Take what the pieces of output complete; *token keeps the piece of one that is not ended. */
static int cut(const struct git_tokens *t, const unsigned char *data, size_t len, struct buf *token,
	       struct err *err)
{
	while (len > 0) {
		const unsigned char *end = memchr(data, t->separator, len);
		size_t n = end != NULL ? (size_t)(end - data) : len;
		int r;

		if (buf_put(token, data, n) != 0)
			return err_set(err, ERR_INVALID,
				       "git %s: a name of more than %d bytes in its answer",
				       t->args[0], GIT_TOKEN_MAX);
		if (end == NULL)
			return 0;
		r = t->visit(t->ctx, buf_str(token), token->len, err);
		if (r != 0)
			return r;
		buf_truncate(token, 0);
		data += n + 1;
		len -= n + 1;
	}
	return 0;
}

int git_tokens(const struct git *g, const struct git_tokens *t, struct err *err)
{
	struct git_proc *p = git_start(g, t->args, err);
	struct buf token = BUF_INIT;
	const unsigned char *data;
	size_t len;
	int r = p == NULL ? -1 : 0;

	token.max = GIT_TOKEN_MAX;
	if (p != NULL && t->input != NULL)
		git_proc_feed(p, t->input->data, t->input->len);
	if (p != NULL)
		git_proc_feed_end(p);
	while (r == 0) {
		int more = git_proc_peek(p, &data, &len, err);

		if (more <= 0) {
			r = more;
			break;
		}
		r = cut(t, data, len, &token, err);
		git_proc_took(p, len);
	}
	if (r == 0) {
		r = git_proc_end(p, err);
		p = NULL;
	}
	if (r == 0 && token.len > 0)
		r = err_set(err, ERR_IO, "git %s: its answer breaks off", t->args[0]);
	git_proc_stop(p);
	buf_clear(&token);
	return r;
}
