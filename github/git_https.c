/* SPDX-License-Identifier: Apache-2.0 */
#include "github/git_https.h"

#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/http.h"

#define READ "git-upload-pack"
#define WRITE "git-receive-pack"
#define PREFIX "001e# service=" READ "\n0000"
#define ANSWER_TYPE "application/x-" READ "-advertisement"

static const struct {
	const char *name;
	enum err_class class;
	const char *what, *todo;
} verdicts[] = {
	[GIT_HTTPS_READS] = { "reads", ERR_NONE, "", "" },
	[GIT_HTTPS_LOGIN_REFUSED] = { "login-refused", ERR_REFUSED,
				      "refuses the user name or the token",
				      "check that the token has not expired or been revoked" },
	[GIT_HTTPS_NO_RIGHT] = { "no-right", ERR_REFUSED,
				 "knows the login, and denies it this repository",
				 "give it the right to read the repository's contents" },
	[GIT_HTTPS_NO_REPOSITORY] = { "no-repository", ERR_REFUSED,
				      "has no such repository, or hides it from this login",
				      "check the URL, and give the login the right to read it" },
	[GIT_HTTPS_MOVED] = { "moved", ERR_INVALID, "sends on to another address",
			      "use the address of today; no login follows there" },
	[GIT_HTTPS_LIMITED] = { "rate-limited", ERR_IO, "limits how often it is asked",
				"try again later" },
	[GIT_HTTPS_DOWN] = { "down", ERR_IO, "does not answer well", "try again later" },
	[GIT_HTTPS_STRANGE] = { "not-git", ERR_INVALID, "does not answer as a Git server",
				"check the URL, and that no sign-in page of the network answers "
				"for it" },
};

static const struct {
	long status;
	enum git_https_verdict verdict;
} statuses[] = {
	{ 401, GIT_HTTPS_LOGIN_REFUSED }, { 403, GIT_HTTPS_NO_RIGHT },
	{ 404, GIT_HTTPS_NO_REPOSITORY }, { 410, GIT_HTTPS_NO_REPOSITORY },
	{ 429, GIT_HTTPS_LIMITED },
};

struct run {
	const struct git_https_question *q;
	struct git_https_result *r;
	struct http *http;
	const char *path; /* of the repository, behind host and port */
	struct buf basic; /* "Basic ..." */
	struct err *err;
};

const char *git_https_verdict_name(enum git_https_verdict v)
{
	return verdicts[v].name;
}

/* --- saying what failed ----------------------------------------------------------------------- */

static int fail(struct run *run, enum git_https_verdict v, const char *why)
{
	run->r->verdict = v;
	return err_set(run->err, verdicts[v].class,
		       "%s%.200s: %s%s%.400s%s; Flux could not fetch it; %s", http_host(run->http),
		       run->path, verdicts[v].what, why[0] != '\0' ? " (" : "", why,
		       why[0] != '\0' ? ")" : "", verdicts[v].todo);
}

/* The host and path of a redirect, without what may be secret in it. */
static void describe(const struct http_answer *a, struct buf *out)
{
	const char *to = http_header(a, "location", 0);

	buf_printf(out, "status %ld", a->status);
	if (a->status >= 300 && a->status < 400 && to != NULL && strchr(to, '@') == NULL) {
		size_t n = strcspn(to, "?#");
		const char *end = strstr(to, "/info/refs");

		if (end != NULL && (size_t)(end - to) < n)
			n = (size_t)(end - to);
		buf_printf(out, ", to %.*s", (int)(n < 200 ? n : 200), to);
	}
}

static int fail_status(struct run *run, const struct http_answer *a)
{
	enum git_https_verdict v = GIT_HTTPS_STRANGE;
	struct buf why = BUF_INIT;
	char *hint = http_clock_hint(run->http, a);
	int ret;

	if (a->status >= 500)
		v = GIT_HTTPS_DOWN;
	else if (a->status >= 300 && a->status < 400)
		v = GIT_HTTPS_MOVED;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (statuses[i].status == a->status)
			v = statuses[i].verdict;
	describe(a, &why);
	buf_puts(&why, hint);
	ret = fail(run, v, buf_str(&why));
	buf_clear(&why);
	mem_free(hint);
	return ret;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int send(struct run *run, const char *service, bool login, struct http_answer *a,
		struct err *err)
{
	char *path = mem_printf("%s/info/refs?service=%s", run->path, service);
	const struct http_request r = {
		.path = path,
		.authorization = login ? &run->basic : NULL,
		.max = GITHUB_REFS_BYTES_MAX + 1024,
	};
	int ret = http_send(run->http, &r, a, err);

	mem_free(path);
	return ret;
}

static bool is_smart(const struct http_answer *a)
{
	const char *type = http_header(a, "content-type", 0);

	return a->status == 200 && type != NULL && strcmp(type, ANSWER_TYPE) == 0 &&
	       a->body.len >= strlen(PREFIX) && memcmp(a->body.data, PREFIX, strlen(PREFIX)) == 0;
}

static int read_refs(struct run *run, const struct http_answer *a)
{
	struct github_refs refs = GITHUB_REFS_INIT;
	struct err why = ERR_INIT;
	size_t at = strlen(PREFIX);
	int ret = -1;

	if (!is_smart(a)) {
		fail(run, GIT_HTTPS_STRANGE, "no advertisement of " READ);
	} else if (github_refs_feed(&refs, a->body.data + at, a->body.len - at, &why) != 0) {
		fail(run, GIT_HTTPS_STRANGE, why.text);
	} else if (refs.refusal[0] != '\0') {
		fail(run, GIT_HTTPS_NO_RIGHT, refs.refusal);
	} else if (!refs.done && !refs.more) {
		fail(run, GIT_HTTPS_STRANGE, "the list of references breaks off");
	} else {
		run->r->refs = refs.refs;
		memcpy(run->r->head, refs.head, sizeof(refs.head));
		run->r->verdict = GIT_HTTPS_READS;
		ret = 0;
	}
	github_refs_clear(&refs);
	return ret;
}

static int ask_read(struct run *run)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err why = ERR_INIT;
	int ret;

	if (send(run, READ, run->basic.len > 0, &a, &why) != 0)
		ret =
		    fail(run, a.fault == HTTP_LARGE ? GIT_HTTPS_STRANGE : GIT_HTTPS_DOWN, why.text);
	else
		ret = a.status == 200 ? read_refs(run, &a) : fail_status(run, &a);
	http_answer_clear(&a);
	return ret;
}

/* Of interest only when it reads, and then no reason to fail. */
static void ask_more(struct run *run)
{
	struct http_answer a = HTTP_ANSWER_INIT;

	if (send(run, WRITE, run->basic.len > 0, &a, NULL) == 0 && a.status == 200)
		run->r->push = GIT_HTTPS_PUSH_YES;
	else if (a.status == 401 || a.status == 403 || a.status == 404)
		run->r->push = GIT_HTTPS_PUSH_NO;
	http_answer_clear(&a);
	if (send(run, READ, false, &a, NULL) == 0)
		run->r->open = is_smart(&a);
	http_answer_clear(&a);
}

static void note_more(const struct run *run, struct notes *notes)
{
	if (run->r->push == GIT_HTTPS_PUSH_YES)
		note_add(notes,
			 "%s%s: the login may also push; to fetch, one that only reads is enough",
			 http_host(run->http), run->path);
	if (run->r->open && run->basic.len > 0)
		note_add(notes,
			 "%s%s can be fetched without any login: nothing is proven of this one",
			 http_host(run->http), run->path);
}

/* --- all of it -------------------------------------------------------------------------------- */

static int make_basic(struct run *run)
{
	const struct git_https_question *q = run->q;
	struct buf plain = BUF_INIT;

	if (q->user == NULL)
		return 0;
	if (strchr(q->user, ':') != NULL || strlen(q->user) == 0)
		return err_set(run->err, ERR_INVALID,
			       "login: the user name is empty or has a \":\", which HTTP Basic "
			       "cannot carry");
	buf_printf(&plain, "%s:", q->user);
	buf_put(&plain, q->password, q->len);
	buf_puts(&run->basic, "Basic ");
	b64_encode(&run->basic, plain.data, plain.len);
	buf_clear(&plain);
	return 0;
}

/* Where the path of a URL begins; NULL when it has none. */
static const char *path_of(const char *url)
{
	const char *host = strstr(url, "://");

	return host != NULL ? strchr(host + 3, '/') : NULL;
}

int git_https_check(const struct git_https_question *q, struct git_https_result *r,
		    struct notes *notes, struct err *err)
{
	struct http_options o = { .ca_file = q->ca_file, .ca = q->ca, .option = "url" };
	struct run run = { .q = q, .r = r, .err = err };
	const char *path = path_of(q->url);
	char *base = NULL, *trimmed = NULL;
	int ret = -1;

	*r = (struct git_https_result)GIT_HTTPS_RESULT_INIT;
	if (path == NULL || path[1] == '\0' || strpbrk(path, "?# ") != NULL)
		return err_set(err, ERR_INVALID,
			       "url: not https://HOST/PATH of a repository, without query");
	base = mem_strn(q->url, (size_t)(path - q->url));
	trimmed = mem_strn(path, strlen(path) - (path[strlen(path) - 1] == '/'));
	o.base = base;
	run.path = trimmed;
	run.http = http_new(&o, err);
	if (run.http != NULL && make_basic(&run) == 0)
		ret = ask_read(&run);
	if (ret == 0) {
		ask_more(&run);
		note_more(&run, notes);
	}
	http_free(run.http);
	buf_clear(&run.basic);
	mem_free(base);
	mem_free(trimmed);
	return ret;
}
