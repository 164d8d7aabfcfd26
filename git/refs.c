/* SPDX-License-Identifier: Apache-2.0 */
#include "git/refs.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

struct listing {
	const struct git *g;
	git_ref_visit *visit;
	void *ctx;
};

/* A tag of a tag: git peels one of them only, and rev-parse says where they end. */
static int follow(const struct listing *l, const char *name, struct err *err)
{
	static const char *const types[] = { "commit", "tree", "blob" };
	char id[GIT_ID_TEXT];
	bool found;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (git_resolve(l->g, name, types[i], id, &found, err) != 0)
			return -1;
		if (found)
			return l->visit(l->ctx, &(struct git_ref){ name, id, types[i] }, err);
	}
	return err_set(err, ERR_IO, "%s: leads to no object of this repository", name);
}

/* "NAME ID TYPE PEELED-ID PEELED-TYPE", the last two empty when it is no tag */
static int list_one(void *ctx, const char *token, size_t len, struct err *err)
{
	const struct listing *l = ctx;
	char *copy = mem_str(token);
	char *fields[5] = { copy };
	int r;

	(void)len;
	for (size_t i = 1; i < 5; i++) {
		fields[i] = strchr(fields[i - 1], ' ');
		if (fields[i] == NULL) {
			r = err_set(err, ERR_IO, "git for-each-ref: a line that cannot be read");
			goto out;
		}
		*fields[i]++ = '\0';
	}
	if (strcmp(fields[2], "tag") != 0)
		r = l->visit(l->ctx, &(struct git_ref){ fields[0], fields[1], fields[2] }, err);
	else if (strcmp(fields[4], "tag") != 0 && fields[4][0] != '\0')
		r = l->visit(l->ctx, &(struct git_ref){ fields[0], fields[3], fields[4] }, err);
	else
		r = follow(l, fields[0], err);
out:
	mem_free(copy);
	return r;
}

int git_refs_each(const struct git *g, git_ref_visit *visit, void *ctx, struct err *err)
{
	static const char *const args[] = { "for-each-ref",
					    "--format=%(refname) %(objectname) %(objecttype) "
					    "%(*objectname) %(*objecttype)",
					    NULL };
	static const char *const symbolic[] = { "symbolic-ref", "--quiet", "HEAD", NULL };
	struct listing l = { g, visit, ctx };
	char id[GIT_ID_TEXT];
	bool found;
	int r = git_tokens(
	    g,
	    &(struct git_tokens){ .args = args, .separator = '\n', .visit = list_one, .ctx = &l },
	    err);

	if (r != 0 || git_output(g, symbolic, NULL, NULL) == 0)
		return r;
	if (git_resolve(g, "HEAD", "commit", id, &found, err) != 0)
		return -1;
	return found ? visit(ctx, &(struct git_ref){ "HEAD", id, "commit" }, err) : 0;
}

char *git_refs_branch(const struct git *g)
{
	static const char heads[] = "refs/heads/";
	const char *const args[] = { "symbolic-ref", "--quiet", "HEAD", NULL };
	struct buf out = BUF_INIT;
	const char *ref;
	char *name = NULL;

	if (git_output(g, args, &out, NULL) == 0) {
		ref = buf_str(&out);
		if (strncmp(ref, heads, strlen(heads)) == 0)
			name = mem_strn(ref + strlen(heads), strcspn(ref + strlen(heads), "\n"));
	}
	buf_clear(&out);
	return name;
}
