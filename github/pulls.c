/* SPDX-License-Identifier: Apache-2.0 */
#include "github/pulls.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/rest.h"

#define READ "Pull requests (read)"
#define WRITE "Pull requests (write), and in a private repository Contents (read)"
#define MERGE_MAX 64 /* hex digits */

/* --- one -------------------------------------------------------------------------------------- */

static const char *text_at(const json_t *v, const char *name, const char *member)
{
	return json_string_value(json_object_get(json_object_get(v, name), member));
}

/* It stands in lines that are read line by line. */
static bool is_url(const char *s)
{
	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return false;
	return strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0;
}

static bool is_commit(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n >= 40 && n <= MERGE_MAX && s[n] == '\0';
}

int pull_read(const json_t *v, struct pull *out, struct err *err)
{
	const json_t *number = json_object_get(v, "number");
	const char *url = json_string_value(json_object_get(v, "html_url"));
	const char *state = json_string_value(json_object_get(v, "state"));
	const char *merge = json_string_value(json_object_get(v, "merge_commit_sha"));
	const char *head = text_at(v, "head", "ref"), *base = text_at(v, "base", "ref");

	memset(out, 0, sizeof(*out));
	if (!json_is_integer(number) || json_integer_value(number) <= 0 || url == NULL ||
	    !is_url(url) || state == NULL || head == NULL || base == NULL)
		return err_set(err, ERR_IO,
			       "GitHub's answer is not a pull request: number, html_url, state, "
			       "head or base is missing or of another type");
	/* of one that is not merged it is a test of GitHub's own */
	if (!json_is_string(json_object_get(v, "merged_at")))
		merge = NULL;
	else if (merge == NULL || !is_commit(merge))
		return err_set(err, ERR_IO,
			       "GitHub's answer has a pull request that is merged, and not the "
			       "commit by which it was");
	*out = (struct pull){
		.number = json_integer_value(number),
		.url = mem_str(url),
		.head = mem_str(head),
		.base = mem_str(base),
		.merge = mem_str(merge),
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

void pulls_encode(struct buf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~/";

	for (size_t i = 0; text[i] != '\0'; i++)
		buf_printf(out, strchr(plain, text[i]) != NULL ? "%c" : "%%%02X",
			   (unsigned char)text[i]);
}

char *pulls_default(struct rest *r, const char *repository, struct err *err)
{
	char *path = mem_printf("/repos/%s", repository);
	char *what = mem_printf("read the default branch of %s", repository), *branch = NULL;
	const struct rest_request q = { .path = path, .what = what, .needs = "Metadata (read)" };
	struct rest_answer a = REST_ANSWER_INIT;
	const char *name;

	if (rest_call(r, &q, &a, err) == 0) {
		name = json_string_value(json_object_get(a.body, "default_branch"));
		if (name != NULL)
			branch = mem_str(name);
		else
			err_set(err, ERR_IO, "%s: GitHub's answer does not have it", what);
	}
	rest_answer_clear(&a);
	mem_free(what);
	mem_free(path);
	return branch;
}

int pulls_get(struct rest *r, const char *repository, int64_t number, struct pull *out,
	      struct err *err)
{
	char *path = mem_printf("/repos/%s/pulls/%lld", repository, (long long)number);
	char *what = mem_printf("read pull request %lld of %s", (long long)number, repository);
	const struct rest_request q = { .path = path, .what = what, .needs = READ };
	struct rest_answer a = REST_ANSWER_INIT;
	int result;

	memset(out, 0, sizeof(*out));
	result = rest_call(r, &q, &a, err);
	if (result == 0) {
		result = pull_read(a.body, out, err);
		if (result == 0 && out->number != number) {
			pull_clear(out);
			result = err_set(err, ERR_IO, "GitHub's answer is another one");
		}
		if (result != 0)
			err_wrap(err, "%s", what);
	}
	rest_answer_clear(&a);
	mem_free(what);
	mem_free(path);
	return result;
}

static int rank(const struct pull *p)
{
	if (p->open)
		return 3;
	return p->merge != NULL ? 2 : 1;
}

/* What GitHub makes of a filter it does not understand is a list of all. */
static int choose(const json_t *list, const struct pull_new *what, bool ended, struct pull *out,
		  struct err *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct pull p, swap;

		if (pull_read(json_array_get(list, i), &p, err) != 0) {
			pull_clear(out);
			return -1;
		}
		if ((p.open || ended) && strcmp(p.head, what->head) == 0 &&
		    strcmp(p.base, what->base) == 0 && (out->number == 0 || rank(&p) > rank(out))) {
			swap = *out;
			*out = p;
			p = swap;
		}
		pull_clear(&p);
	}
	return 0;
}

int pulls_find(struct rest *r, const struct pull_new *what, bool ended, struct pull *out,
	       bool *found, struct err *err)
{
	char *title = mem_printf("list the pull requests of %s", what->repository);
	struct buf path = BUF_INIT;
	struct rest_request q = { .what = title, .needs = READ };
	json_t *list;
	int result = -1;

	memset(out, 0, sizeof(*out));
	buf_printf(&path, "/repos/%s/pulls?per_page=100&state=%s&head=%.*s:", what->repository,
		   ended ? "all" : "open", (int)strcspn(what->repository, "/"), what->repository);
	pulls_encode(&path, what->head);
	buf_puts(&path, "&base=");
	pulls_encode(&path, what->base);
	q.path = buf_str(&path);
	list = rest_list(r, &q, err);
	if (list != NULL) {
		result = choose(list, what, ended, out, err);
		if (result != 0)
			err_wrap(err, "%s", title);
	}
	*found = out->number != 0;
	json_decref(list);
	buf_clear(&path);
	mem_free(title);
	return result;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int post(struct rest *r, const struct pull_new *new, struct rest_answer *a, struct err *err)
{
	char *path = mem_printf("/repos/%s/pulls", new->repository);
	char *what = mem_printf("open a pull request at %s", new->repository);
	json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "title", new->title, "head", new->head,
				 "base", new->base, "body", new->body);
	/* sent twice it would be refused the second time, and found in the list */
	const struct rest_request q = { .method = "POST",
					.path = path,
					.body = body,
					.what = what,
					.needs = WRITE,
					.idempotent = true };
	int result = body == NULL ? err_set(err, ERR_INVALID, "%s: a branch is not UTF-8", what)
				  : rest_call(r, &q, a, err);

	json_decref(body);
	mem_free(what);
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
			err_set(err, known[i].class, "open a pull request at %s, from %s to %s: %s",
				new->repository, new->head, new->base, known[i].text);
}

int pulls_open(struct rest *r, const struct pull_new *new, struct pull *out, bool *opened,
	       struct err *err)
{
	struct rest_answer a = REST_ANSWER_INIT;
	struct err first = ERR_INIT;
	bool found = false;
	int result;

	memset(out, 0, sizeof(*out));
	result = post(r, new, &a, &first);
	if (result == 0)
		result = pull_read(a.body, out, &first);
	*opened = result == 0;
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
