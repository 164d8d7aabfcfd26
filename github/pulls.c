/* SPDX-License-Identifier: Apache-2.0 */
#include "github/pulls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "github/rest.h"

#define READ "Pull requests (read)"
#define WRITE "Pull requests (write), and in a private repository Contents (read)"

/* --- one -------------------------------------------------------------------------------------- */

/* It stands in lines that are read line by line, and is remembered in place of the number. */
static bool is_url(const char *s, json_int_t number)
{
	const char *last = strrchr(s, '/');

	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return false;
	return strncmp(s, "http", 4) == 0 && last != NULL && strtoll(last + 1, NULL, 10) == number;
}

static bool is_commit(const char *s)
{
	return strlen(s) >= 40 && s[strspn(s, "0123456789abcdef")] == '\0';
}

int pull_read(const json_t *v, struct pull *out, struct err *err)
{
	const char *merged = json_string_value(json_object_get(v, "merged_at"));
	const char *merge = json_string_value(json_object_get(v, "merge_commit_sha"));
	const char *url, *state, *head, *base;
	json_int_t number;

	memset(out, 0, sizeof(*out));
	if (json_unpack((json_t *)(uintptr_t)v, "{s:I, s:s, s:s, s:{s:s}, s:{s:s}}", "number",
			&number, "html_url", &url, "state", &state, "head", "ref", &head, "base",
			"ref", &base) != 0 ||
	    number <= 0 || !is_url(url, number) ||
	    (merged != NULL && (merge == NULL || !is_commit(merge))))
		return err_set(err, ERR_IO,
			       "GitHub's answer is not a pull request: number, html_url, state, "
			       "head, base or the commit of a merge is missing or of another type");
	*out = (struct pull){
		.number = number,
		.url = mem_str(url),
		.head = mem_str(head),
		.base = mem_str(base),
		/* of one that is not merged it is a test of GitHub's own */
		.merge = mem_str(merged != NULL ? merge : NULL),
		.open = strcmp(state, "open") == 0,
	};
	return 0;
}

void pull_clear(struct pull *p)
{
	mem_free(p->url);
	mem_free(p->head);
	mem_free(p->base);
	mem_free(p->merge);
	memset(p, 0, sizeof(*p));
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Append a branch as a value of a query. */
static void put_branch(struct buf *out, const char *branch)
{
	text_percent(out, branch, "-._~/");
}

/* What it answers, or NULL. */
static json_t *get(struct rest *r, const char *path, const char *what, const char *needs,
		   struct err *err)
{
	const struct rest_request q = { .path = path, .what = what, .needs = needs };
	struct rest_answer a = REST_ANSWER_INIT;
	json_t *v = rest_call(r, &q, &a, err) == 0 ? json_incref(a.body) : NULL;

	rest_answer_clear(&a);
	return v;
}

char *pulls_default(struct rest *r, const char *repository, struct err *err)
{
	char *path = mem_printf("/repos/%s", repository);
	json_t *v = get(r, path, "read the default branch of origin", "Metadata (read)", err);
	char *branch = mem_str(json_string_value(json_object_get(v, "default_branch")));

	if (v != NULL && branch == NULL)
		err_set(err, ERR_IO, "GitHub's answer has no default branch; give it with --base");
	json_decref(v);
	mem_free(path);
	return branch;
}

int pulls_get(struct rest *r, const char *repository, int64_t number, struct pull *out,
	      struct err *err)
{
	char *path = mem_printf("/repos/%s/pulls/%lld", repository, (long long)number);
	json_t *v = get(r, path, "read a pull request", READ, err);
	int result = -1;

	memset(out, 0, sizeof(*out));
	if (v != NULL)
		result = pull_read(v, out, err);
	json_decref(v);
	mem_free(path);
	return result;
}

/* What GitHub makes of a filter it does not understand is a list of all. */
static int choose(const json_t *list, const struct pull_new *what, struct pull *out,
		  struct err *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (pull_read(json_array_get(list, i), out, err) != 0)
			return -1;
		if (strcmp(out->head, what->head) == 0 && strcmp(out->base, what->base) == 0)
			return 0;
		pull_clear(out);
	}
	return 0;
}

int pulls_find(struct rest *r, const struct pull_new *what, bool ended, struct pull *out,
	       bool *found, struct err *err)
{
	struct buf path = BUF_INIT;
	json_t *list;
	int result = -1;

	memset(out, 0, sizeof(*out));
	buf_printf(&path, "/repos/%s/pulls?state=%s&head=%.*s:", what->repository,
		   ended ? "all" : "open", (int)strcspn(what->repository, "/"), what->repository);
	put_branch(&path, what->head);
	buf_puts(&path, "&base=");
	put_branch(&path, what->base);
	list = get(r, buf_str(&path), "list pull requests", READ, err);
	if (json_is_array(list))
		result = choose(list, what, out, err);
	else if (list != NULL)
		err_set(err, ERR_IO, "list pull requests: GitHub's answer is not a list");
	*found = out->number != 0;
	json_decref(list);
	buf_clear(&path);
	return result;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int post(struct rest *r, const struct pull_new *new, struct rest_answer *a, struct err *err)
{
	char *path = mem_printf("/repos/%s/pulls", new->repository);
	json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "title", new->title, "head", new->head,
				 "base", new->base, "body", new->body);
	/* sent twice it would be refused the second time, and found in the list */
	const struct rest_request q = { .method = "POST",
					.path = path,
					.body = body,
					.what = "open a pull request",
					.needs = WRITE,
					.idempotent = true };
	int result = body == NULL ? err_set(err, ERR_INVALID, "the name of a branch is not UTF-8")
				  : rest_call(r, &q, a, err);

	json_decref(body);
	mem_free(path);
	return result;
}

/* What GitHub's words mean here, where they are known. */
static void explain(const struct pull_new *new, const struct rest_answer *a, struct err *err)
{
	static const struct {
		const char *words;
		enum err_class class;
		const char *text;
	} known[] = {
		{ "no commits between", ERR_CONFLICT,
		  "the base branch has every commit of the branch already (422), so there is "
		  "nothing to merge" },
		{ "not all refs are readable", ERR_REFUSED,
		  "the token may not read the branches (422): it takes Contents (read) too" },
		{ "base: invalid", ERR_INVALID, "there is no such base branch (422)" },
		{ "head: invalid", ERR_INVALID,
		  "the branch is not there (422): it goes where 'git remote get-url --push origin' "
		  "says" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasestr(a->message, known[i].words) != NULL)
			err_set(err, known[i].class, "open a pull request from %s to %s: %s",
				new->head, new->base, known[i].text);
}

int pulls_open(struct rest *r, const struct pull_new *new, struct pull *out, struct err *err)
{
	struct rest_answer a = REST_ANSWER_INIT;
	struct err first = ERR_INIT;
	bool found = false;
	int result;

	memset(out, 0, sizeof(*out));
	result = post(r, new, &a, &first);
	if (result == 0)
		result = pull_read(a.body, out, &first);
	if (result != 0 && (a.http.status == 422 || rest_may_be_done(&a)) &&
	    pulls_find(r, new, false, out, &found, NULL) == 0 && found)
		result = 0;
	if (result != 0 && a.http.status == 422)
		explain(new, &a, &first);
	if (result != 0 && err != NULL)
		*err = first;
	rest_answer_clear(&a);
	return result;
}
