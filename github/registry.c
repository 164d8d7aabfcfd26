/* SPDX-License-Identifier: Apache-2.0 */
#include "github/registry.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/challenge.h"
#include "github/http.h"
#include "github/registry_say.h"

#define MANIFEST_MAX ((size_t)4 << 20) /* OCI distribution specification: what registries take */
#define ANSWER_MAX ((size_t)128 << 10) /* of a token endpoint, and of errors */
#define OPTION "the image's registry"

static const char *const accept[] = {
	"Accept: application/vnd.oci.image.index.v1+json, "
	"application/vnd.docker.distribution.manifest.list.v2+json, "
	"application/vnd.oci.image.manifest.v1+json, "
	"application/vnd.docker.distribution.manifest.v2+json, "
	"application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5",
	NULL
};

struct run {
	const struct registry_question *q;
	struct registry_result *r;
	struct notes *notes;
	struct err *err;
	struct http *http;	 /* the registry */
	struct challenge want;	 /* what it asks for */
	struct buf basic, shown; /* "Basic ...", and what the registry is shown */
	struct grant grant;
	char *manifest; /* "/v2/org/app/manifests/v1" */
};

/* --- saying what failed ----------------------------------------------------------------------- */

static int fail(struct run *run, enum registry_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct run *run, enum registry_verdict verdict, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = mem_vprintf(fmt, ap);
	va_end(ap);
	run->r->verdict = verdict;
	registry_say(run->q->image, run->r, what, run->err);
	mem_free(what);
	return -1;
}

/* "status 403 DENIED" */
static char *status_text(const struct http_answer *a)
{
	char code[REGISTRY_CODE_SIZE];

	registry_code(&a->body, code);
	return mem_printf("status %ld%s%s", a->status, code[0] != '\0' ? " " : "", code);
}

static int fail_status(struct run *run, enum registry_verdict verdict, const struct http_answer *a,
		       const char *who, const char *why)
{
	char *status = status_text(a), *hint = http_clock_hint(run->http, a);

	fail(run, verdict, "%s %s (%s)%s", who, why, status, hint);
	mem_free(status);
	mem_free(hint);
	return -1;
}

/* Where a redirect leads to: its host alone, the rest may hold anything. */
static char *redirect_host(const struct http_answer *a)
{
	const char *to = http_header(a, "location", 0);
	const char *host = to != NULL ? strstr(to, "://") : NULL;

	if (host == NULL)
		return mem_str("another address of its own");
	return mem_strn(host + 3, strcspn(host + 3, "/?#"));
}

/* What means the same whoever was asked for what: 0 when it is none of these. */
static int fail_common(struct run *run, const struct http_answer *a, const char *who)
{
	const char *wait = http_header(a, "retry-after", 0);
	char *to;

	if (a->status == 429)
		return fail(run, REGISTRY_LIMITED,
			    "%s limits how often it is asked (status 429%s%.40s)", who,
			    wait != NULL ? ", Retry-After: " : "", wait != NULL ? wait : "");
	if (a->status >= 500)
		return fail_status(run, REGISTRY_DOWN, a, who, "is in trouble");
	if (a->status < 300 || a->status >= 400)
		return 0;
	to = redirect_host(a);
	fail(run, REGISTRY_STRANGE, "%s sends on to %.200s (status %ld), which no login follows",
	     who, to, a->status);
	mem_free(to);
	return -1;
}

static int no_answer(struct run *run, const struct http_answer *a, const struct err *why)
{
	bool odd = a->fault == HTTP_PAGE || a->fault == HTTP_LARGE;

	return fail(run, odd ? REGISTRY_STRANGE : REGISTRY_DOWN, "%s", why->text);
}

/* --- one request of the registry -------------------------------------------------------------- */

static int send(struct run *run, const char *method, const char *path, struct http_answer *a)
{
	const struct http_request r = {
		.method = method,
		.path = path,
		.headers = accept,
		.authorization = run->shown.len > 0 ? &run->shown : NULL,
		.max = MANIFEST_MAX,
	};
	struct err why = ERR_INIT;

	if (http_send(run->http, &r, a, &why) != 0)
		return no_answer(run, a, &why);
	return fail_common(run, a, http_host(run->http));
}

static bool is_type(const struct http_answer *a, const char *begin)
{
	const char *type = http_header(a, "content-type", 0);

	return type != NULL && strncasecmp(type, begin, strlen(begin)) == 0;
}

static bool is_manifest(const struct http_answer *a)
{
	return a->status == 200 && (is_type(a, "application/vnd.oci.image.") ||
				    is_type(a, "application/vnd.docker.distribution.manifest."));
}

static bool is_registry(const struct http_answer *a)
{
	const char *version = http_header(a, "docker-distribution-api-version", 0);

	return (version != NULL && strncmp(version, "registry/2.", 11) == 0) ||
	       is_type(a, "application/json");
}

/* --- what does the registry want? ------------------------------------------------------------- */

static int read_challenge(struct run *run, const struct http_answer *a)
{
	struct buf all = BUF_INIT;
	struct err why = ERR_INIT;
	const char *field;
	int ret = 0;

	all.max = CHALLENGE_FIELD_MAX;
	for (size_t i = 0; (field = http_header(a, "www-authenticate", i)) != NULL; i++)
		buf_printf(&all, "%s%s", i > 0 ? ", " : "", field);
	challenge_clear(&run->want);
	if (all.truncated)
		ret = fail(run, REGISTRY_STRANGE, "%s asks for a login in more than %d bytes",
			   http_host(run->http), CHALLENGE_FIELD_MAX);
	else if (all.len == 0)
		ret = fail(run, REGISTRY_STRANGE,
			   "%s says status 401, but not what login it wants (WWW-Authenticate)",
			   http_host(run->http));
	else if (challenge_parse(buf_str(&all), &run->want, &why) != 0)
		ret = fail(run, REGISTRY_STRANGE, "%s: %s", http_host(run->http), why.text);
	buf_clear(&all);
	return ret;
}

/* The image needs no login, or is not shown without one: does anything there need one? */
static int ask_root(struct run *run, bool *asks)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	int ret = -1;

	if (send(run, "GET", "/v2/", &a) != 0)
		goto out;
	*asks = a.status == 401;
	if (*asks)
		ret = read_challenge(run, &a);
	else if (a.status == 200 && is_registry(&a))
		ret = 0;
	else
		fail_status(run, REGISTRY_STRANGE, &a, http_host(run->http),
			    "does not answer as a registry");
out:
	http_answer_clear(&a);
	return ret;
}

static int ask(struct run *run, bool *asks)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	int ret = -1;

	if (send(run, "HEAD", run->manifest, &a) != 0)
		goto out;
	*asks = a.status == 401;
	run->r->open = is_manifest(&a);
	ret = *asks ? read_challenge(run, &a) : ask_root(run, asks);
out:
	http_answer_clear(&a);
	return ret;
}

/* --- step 1: the login ------------------------------------------------------------------------ */

static void make_basic(struct run *run)
{
	const struct registry_login *login = run->q->login;
	struct buf plain = BUF_INIT;

	buf_printf(&plain, "%s:", login->user);
	buf_put(&plain, login->password, login->len);
	buf_puts(&run->basic, "Basic ");
	b64_encode(&run->basic, plain.data, plain.len);
	buf_clear(&plain);
}

/* A value of a query: what RFC 3986 lets stand, and what registries want to see unchanged. */
static void put_query(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%c%s=", strchr(buf_str(out), '?') != NULL ? '&' : '?', name);
	for (; *value != '\0'; value++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/,",
			   *value) != NULL)
			buf_putc(out, (unsigned char)*value);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*value);
}

/* The realm cut in two: "https://auth.docker.io" and "/token". */
static int split_realm(struct run *run, char **base, struct buf *path)
{
	const char *realm = run->want.realm, *rest;
	bool plain = run->q->plain_http && strncmp(realm, "http://", 7) == 0;

	if (!plain && strncmp(realm, "https://", 8) != 0)
		return fail(run, REGISTRY_UNSAFE,
			    "%s wants the login at a token endpoint without https://",
			    http_host(run->http));
	if (strpbrk(realm, " \t\"<>\\^`{|}#") != NULL)
		return fail(run, REGISTRY_UNSAFE,
			    "%s names a token endpoint that is no address of one (realm)",
			    http_host(run->http));
	rest = realm + (plain ? 7 : 8);
	rest += strcspn(rest, "/?");
	*base = mem_strn(realm, (size_t)(rest - realm));
	buf_printf(path, "%s%s", *rest == '/' ? "" : "/", rest);
	return 0;
}

/* service and scope; the registry's own scope where it gave one, as it may spell names otherwise.
 */
static void put_scope(struct run *run, const char *actions, struct buf *path)
{
	const struct imageref *image = run->q->image;
	const char *scope = run->want.scope;
	char *ours = mem_printf("repository:%s:%s", image->path, actions);

	if (run->want.service != NULL)
		put_query(path, "service", run->want.service);
	if (actions == NULL || strcmp(actions, "pull") != 0)
		scope = NULL;
	if (actions != NULL && scope == NULL)
		put_query(path, "scope", ours);
	while (scope != NULL && *scope != '\0') {
		size_t n = strcspn(scope, " ");
		char *one = mem_strn(scope, n);

		if (n > 0)
			put_query(path, "scope", one);
		mem_free(one);
		scope += n + strspn(scope + n, " ");
	}
	mem_free(ours);
}

static void note_host(struct run *run, const struct http *endpoint)
{
	if (run->r->login_host != NULL || strcmp(http_host(endpoint), http_host(run->http)) == 0)
		return;
	run->r->login_host = mem_str(http_host(endpoint));
	note_add(run->notes, "%s has its logins checked by %s, which got this one",
		 http_host(run->http), run->r->login_host);
}

/* actions: NULL asks for a token that allows nothing.  a is the answer, whatever its status. */
static int ask_token(struct run *run, const char *actions, struct http_answer *a)
{
	struct http_request r = { .authorization = &run->basic, .json = true, .max = ANSWER_MAX };
	struct http_options o = { .ca_file = run->q->ca_file, .option = "the realm" };
	struct buf path = BUF_INIT;
	struct http *endpoint = NULL;
	struct err why = ERR_INIT;
	char *base = NULL;
	int ret = -1;

	path.max = (size_t)2 * CHALLENGE_FIELD_MAX;
	if (split_realm(run, &base, &path) != 0)
		goto out;
	put_scope(run, actions, &path);
	o.base = base;
	endpoint = http_new(&o, &why);
	if (endpoint == NULL || path.truncated) {
		fail(run, REGISTRY_UNSAFE, "the token endpoint that %s names: %s",
		     http_host(run->http), endpoint == NULL ? why.text : "too long");
		goto out;
	}
	note_host(run, endpoint);
	r.path = buf_str(&path);
	if (http_send(endpoint, &r, a, &why) != 0)
		no_answer(run, a, &why);
	else
		ret = fail_common(run, a, http_host(endpoint));
out:
	http_free(endpoint);
	buf_clear(&path);
	mem_free(base);
	return ret;
}

/* 403: GHCR says it of a bad token and of one without a right on the image; without the image? */
static int refused_token(struct run *run, const struct http_answer *refusal, const char *who)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	int ret;

	if (refusal->status == 403 && ask_token(run, NULL, &a) == 0 && a.status == 200)
		ret = fail_status(run, REGISTRY_NO_RIGHT, refusal, who,
				  "knows the login, but gives no token for this image");
	else if (refusal->status == 401 || refusal->status == 403)
		ret = fail_status(run, REGISTRY_LOGIN_REFUSED, refusal, who,
				  "refuses the user name or the password");
	else
		ret = fail_status(run, REGISTRY_STRANGE, refusal, who,
				  "does not answer as a token endpoint");
	http_answer_clear(&a);
	return ret;
}

static int log_in(struct run *run)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	struct err why = ERR_INIT;
	const char *who;
	int ret = -1;

	run->r->step = REGISTRY_LOGIN;
	make_basic(run);
	if (run->want.scheme == CHALLENGE_BASIC) {
		buf_put(&run->shown, run->basic.data, run->basic.len);
		return 0;
	}
	if (ask_token(run, "pull", &a) != 0)
		goto out;
	who = run->r->login_host != NULL ? run->r->login_host : http_host(run->http);
	if (a.status != 200) {
		refused_token(run, &a, who);
	} else if (grant_parse(a.body.data, a.body.len, &run->grant, &why) != 0) {
		fail(run, REGISTRY_STRANGE, "%s: %s", who, why.text);
	} else {
		buf_puts(&run->shown, "Bearer ");
		buf_put(&run->shown, run->grant.token.data, run->grant.token.len);
		ret = 0;
	}
out:
	http_answer_clear(&a);
	return ret;
}

/* --- step 2: the image ------------------------------------------------------------------------ */

/* Basic has no step of its own for the login: is it the login or the right? */
static int refused_basic(struct run *run, const struct http_answer *refusal)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	int ret = send(run, "GET", "/v2/", &a);

	if (ret == 0 && a.status == 200 && is_registry(&a)) {
		ret = fail_status(run, REGISTRY_NO_RIGHT, refusal, http_host(run->http),
				  "takes the login, but not for this image");
	} else if (ret == 0) {
		run->r->step = REGISTRY_LOGIN;
		ret = fail_status(run, REGISTRY_LOGIN_REFUSED, &a, http_host(run->http),
				  "refuses the user name or the password");
	}
	http_answer_clear(&a);
	return ret;
}

static int refused_bearer(struct run *run, const struct http_answer *a)
{
	const char *error;

	if (a->status == 403)
		return fail_status(run, REGISTRY_NO_RIGHT, a, http_host(run->http),
				   "gave a token, and denies the pull of this image with it");
	if (read_challenge(run, a) != 0)
		return -1;
	error = run->want.error;
	if (error != NULL && strcmp(error, "invalid_token") == 0)
		return fail_status(run, REGISTRY_STRANGE, a, http_host(run->http),
				   "does not take the token of its own token endpoint");
	return fail_status(run, REGISTRY_NO_RIGHT, a, http_host(run->http),
			   grant_allows(&run->grant, run->q->image->path, "pull") == GRANT_NO
			       ? "gave the login a token that does not allow to pull this image"
			       : "gave a token, and does not let it pull this image");
}

static int no_image(struct run *run, const struct http_answer *a)
{
	char code[REGISTRY_CODE_SIZE];

	registry_code(&a->body, code);
	return fail_status(run, REGISTRY_NO_IMAGE, a, http_host(run->http),
			   strcmp(code, "NAME_UNKNOWN") == 0
			       ? "has no such repository, or does not show it to this login"
			   : run->q->image->digest != NULL
			       ? "takes the login, but has no such digest in this repository"
			       : "takes the login, but has no such tag in this repository");
}

static int refused(struct run *run, const struct http_answer *a)
{
	if (a->status == 404)
		return no_image(run, a);
	if (a->status != 401 && a->status != 403)
		return fail_status(run, REGISTRY_STRANGE, a, http_host(run->http),
				   "does not answer with a manifest");
	return run->want.scheme == CHALLENGE_BASIC ? refused_basic(run, a) : refused_bearer(run, a);
}

static int take_manifest(struct run *run, const struct http_answer *a)
{
	const char *digest = http_header(a, "docker-content-digest", 0);
	const char *asked = run->q->image->digest;

	if (asked != NULL && digest != NULL && strcmp(asked, digest) != 0)
		return fail(run, REGISTRY_STRANGE,
			    "%s answers with another digest than the one it was asked for",
			    http_host(run->http));
	run->r->digest = mem_str(digest);
	run->r->verdict = REGISTRY_PULLS;
	return 0;
}

/* HEAD is not counted as a pull; only GET says why it is refused. */
static int find_image(struct run *run)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	int ret;

	run->r->step = REGISTRY_IMAGE;
	ret = send(run, "HEAD", run->manifest, &a);
	if (ret == 0 && !is_manifest(&a))
		ret = send(run, "GET", run->manifest, &a);
	if (ret == 0)
		ret = is_manifest(&a) ? take_manifest(run, &a) : refused(run, &a);
	http_answer_clear(&a);
	return ret;
}

/* --- could it push? --------------------------------------------------------------------------- */

/* Of interest only when it pulls, and then no reason to fail. */
static void ask_push(struct run *run)
{
	struct registry_result kept = *run->r;
	struct http_answer a = HTTP_ANSWER_INIT;
	struct grant grant = GRANT_INIT;
	struct err *err = run->err;

	run->err = NULL;
	if (ask_token(run, "pull,push", &a) == 0 && a.status == 200 &&
	    grant_parse(a.body.data, a.body.len, &grant, NULL) == 0)
		kept.push = grant_allows(&grant, run->q->image->path, "push");
	run->err = err;
	*run->r = kept;
	if (kept.push == GRANT_YES)
		note_add(run->notes,
			 "the login may also push to %s/%s; to pull, one that only reads is enough",
			 run->q->image->domain, run->q->image->path);
	grant_clear(&grant);
	http_answer_clear(&a);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void note_open(struct run *run)
{
	if (run->r->unasked)
		note_add(run->notes,
			 "%s asks nobody for a login: whether this one is good cannot be told",
			 http_host(run->http));
	else if (run->r->open)
		note_add(run->notes, "%s/%s can be pulled without any login", run->q->image->domain,
			 run->q->image->path);
}

/* HTTP Basic (RFC 7617): the name ends at the first ":". */
static int check_login(const struct registry_login *login, struct err *err)
{
	bool fits = login->user[0] != '\0' && login->len > 0;

	for (const char *c = login->user; *c != '\0'; c++)
		fits = fits && *c != ':' && (unsigned char)*c >= ' ' && *c != '\x7f';
	return fits ? 0
		    : err_set(err, ERR_INVALID,
			      "login: user name or password is empty, or the user name has a \":\" "
			      "or a control character, which HTTP Basic cannot carry");
}

static int check(struct run *run)
{
	bool asks = false;

	if (check_login(run->q->login, run->err) != 0 || ask(run, &asks) != 0)
		return -1;
	run->r->unasked = !asks;
	if (asks && log_in(run) != 0)
		return -1;
	if (find_image(run) != 0)
		return -1;
	note_open(run);
	if (run->q->push && asks && run->want.scheme == CHALLENGE_BEARER)
		ask_push(run);
	return 0;
}

int registry_check(const struct registry_question *q, struct registry_result *r,
		   struct notes *notes, struct err *err)
{
	const struct imageref *image = q->image;
	char *base = mem_printf("http%s://%s", q->plain_http ? "" : "s", imageref_api_host(image));
	const struct http_options o = { .base = base, .ca_file = q->ca_file, .option = OPTION };
	struct run run = { .q = q, .r = r, .notes = notes, .err = err };
	int ret = -1;

	*r = (struct registry_result)REGISTRY_RESULT_INIT;
	run.manifest = mem_printf("/v2/%s/manifests/%s", image->path, imageref_reference(image));
	run.http = http_new(&o, err);
	if (run.http != NULL)
		ret = check(&run);
	http_free(run.http);
	challenge_clear(&run.want);
	grant_clear(&run.grant);
	buf_clear(&run.basic);
	buf_clear(&run.shown);
	mem_free(run.manifest);
	mem_free(base);
	return ret;
}

void registry_result_clear(struct registry_result *r)
{
	mem_free(r->login_host);
	mem_free(r->digest);
	*r = (struct registry_result)REGISTRY_RESULT_INIT;
}
