/* SPDX-License-Identifier: Apache-2.0 */
#include "github/registry.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/registry_run.h"
#include "github/registry_say.h"
#include "github/registry_token.h"

#define MANIFEST_MAX ((size_t)4 << 20) /* OCI distribution specification: what registries take */
#define OPTION "the image's registry"

static const char *const accept[] = {
	"Accept: application/vnd.oci.image.index.v1+json, "
	"application/vnd.docker.distribution.manifest.list.v2+json, "
	"application/vnd.oci.image.manifest.v1+json, "
	"application/vnd.docker.distribution.manifest.v2+json, "
	"application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.5",
	NULL
};

/* --- one request of the registry -------------------------------------------------------------- */

static int send(struct registry_run *run, const char *method, const char *path,
		struct http_answer *a)
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
		return registry_run_no_answer(run, a, &why);
	return registry_run_fail_common(run, a, http_host(run->http));
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

static int read_challenge(struct registry_run *run, const struct http_answer *a)
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
		ret = registry_run_fail(run, REGISTRY_STRANGE,
					"%s asks for a login in more than %d bytes",
					http_host(run->http), CHALLENGE_FIELD_MAX);
	else if (all.len == 0)
		ret = registry_run_fail(
		    run, REGISTRY_STRANGE,
		    "%s says status 401, but not what login it wants (WWW-Authenticate)",
		    http_host(run->http));
	else if (challenge_parse(buf_str(&all), &run->want, &why) != 0)
		ret = registry_run_fail(run, REGISTRY_STRANGE, "%s: %s", http_host(run->http),
					why.text);
	buf_clear(&all);
	return ret;
}

/* The image needs no login, or is not shown without one: does anything there need one? */
static int ask_root(struct registry_run *run, bool *asks)
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
		registry_run_fail_status(run, REGISTRY_STRANGE, &a, http_host(run->http),
					 "does not answer as a registry");
out:
	http_answer_clear(&a);
	return ret;
}

static int ask(struct registry_run *run, bool *asks)
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

/* --- step 2: the image ------------------------------------------------------------------------ */

/* Basic has no step of its own for the login: is it the login or the right? */
static int refused_basic(struct registry_run *run, const struct http_answer *refusal)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	int ret = send(run, "GET", "/v2/", &a);

	if (ret == 0 && a.status == 200 && is_registry(&a)) {
		ret =
		    registry_run_fail_status(run, REGISTRY_NO_RIGHT, refusal, http_host(run->http),
					     "takes the login, but not for this image");
	} else if (ret == 0) {
		run->r->step = REGISTRY_LOGIN;
		ret =
		    registry_run_fail_status(run, REGISTRY_LOGIN_REFUSED, &a, http_host(run->http),
					     "refuses the user name or the password");
	}
	http_answer_clear(&a);
	return ret;
}

static int refused_bearer(struct registry_run *run, const struct http_answer *a)
{
	const char *error;

	if (a->status == 403)
		return registry_run_fail_status(
		    run, REGISTRY_NO_RIGHT, a, http_host(run->http),
		    "gave a token, and denies the pull of this image with it");
	if (read_challenge(run, a) != 0)
		return -1;
	error = run->want.error;
	if (error != NULL && strcmp(error, "invalid_token") == 0)
		return registry_run_fail_status(
		    run, REGISTRY_STRANGE, a, http_host(run->http),
		    "does not take the token of its own token endpoint");
	return registry_run_fail_status(
	    run, REGISTRY_NO_RIGHT, a, http_host(run->http),
	    grant_allows(&run->grant, run->q->image->path, "pull") == GRANT_NO
		? "gave the login a token that does not allow to pull this image"
		: "gave a token, and does not let it pull this image");
}

static int no_image(struct registry_run *run, const struct http_answer *a)
{
	char code[REGISTRY_CODE_SIZE];

	registry_code(&a->body, code);
	return registry_run_fail_status(
	    run, REGISTRY_NO_IMAGE, a, http_host(run->http),
	    strcmp(code, "NAME_UNKNOWN") == 0
		? "has no such repository, or does not show it to this login"
	    : run->q->image->digest != NULL
		? "takes the login, but has no such digest in this repository"
		: "takes the login, but has no such tag in this repository");
}

static int refused(struct registry_run *run, const struct http_answer *a)
{
	if (a->status == 404)
		return no_image(run, a);
	if (a->status != 401 && a->status != 403)
		return registry_run_fail_status(run, REGISTRY_STRANGE, a, http_host(run->http),
						"does not answer with a manifest");
	return run->want.scheme == CHALLENGE_BASIC ? refused_basic(run, a) : refused_bearer(run, a);
}

static int take_manifest(struct registry_run *run, const struct http_answer *a)
{
	const char *digest = http_header(a, "docker-content-digest", 0);
	const char *asked = run->q->image->digest;

	if (asked != NULL && digest != NULL && strcmp(asked, digest) != 0)
		return registry_run_fail(
		    run, REGISTRY_STRANGE,
		    "%s answers with another digest than the one it was asked for",
		    http_host(run->http));
	run->r->digest = mem_str(digest);
	run->r->verdict = REGISTRY_PULLS;
	return 0;
}

/* HEAD is not counted as a pull; only GET says why it is refused. */
static int find_image(struct registry_run *run)
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
static void ask_push(struct registry_run *run)
{
	struct registry_result kept = *run->r;
	struct http_answer a = HTTP_ANSWER_INIT;
	struct grant grant = GRANT_INIT;
	struct err *err = run->err;

	run->err = NULL;
	if (registry_token_ask(run, "pull,push", &a) == 0 && a.status == 200 &&
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

static void note_open(struct registry_run *run)
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

static int check(struct registry_run *run)
{
	bool asks = false;

	if (check_login(run->q->login, run->err) != 0 || ask(run, &asks) != 0)
		return -1;
	run->r->unasked = !asks;
	if (asks && registry_token_log_in(run) != 0)
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
	struct registry_run run = { .q = q, .r = r, .notes = notes, .err = err };
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
