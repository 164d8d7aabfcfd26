/* SPDX-License-Identifier: Apache-2.0 */
#include "github/pat.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/rest.h"

#define SOON_DAYS 14

static const struct {
	const char *prefix;
	enum pat_kind kind;
} prefixes[] = {
	{ "ghp_", PAT_CLASSIC },  { "github_pat_", PAT_FINE_GRAINED }, { "gho_", PAT_OAUTH },
	{ "ghu_", PAT_APP_USER }, { "ghs_", PAT_INSTALLATION },
};

enum pat_kind pat_kind(const void *token, size_t len)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i].prefix);

		if (len > n && memcmp(token, prefixes[i].prefix, n) == 0)
			return prefixes[i].kind;
	}
	return PAT_UNKNOWN;
}

/* --- the expiry ------------------------------------------------------------------------------- */

static bool two(const char *text, int max, int *out)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*out = (text[0] - '0') * 10 + (text[1] - '0');
	return *out <= max;
}

bool pat_expiry(const char *text, int64_t *t)
{
	int hours = 0, minutes = 0;
	int64_t seconds, parsed;
	char *spelled;
	bool ok;

	if (strlen(text) < 23 || text[10] != ' ' || text[19] != ' ')
		return false;
	if (strcmp(text + 20, "UTC") != 0 &&
	    (strlen(text) != 25 || (text[20] != '+' && text[20] != '-') ||
	     !two(text + 21, 23, &hours) || !two(text + 23, 59, &minutes)))
		return false;
	spelled = mem_printf("%.10sT%.8sZ", text, text + 11);
	ok = clock_parse(spelled, &parsed);
	mem_free(spelled);
	if (!ok)
		return false;
	seconds = hours * 3600 + minutes * 60;
	*t = text[20] == '-' ? parsed + seconds : parsed - seconds;
	return true;
}

/* --- asking ----------------------------------------------------------------------------------- */

int pat_read(const struct rest_answer *a, enum pat_kind kind, struct pat_facts *out,
	     struct err *err)
{
	const char *expiry = http_header(&a->http, "github-authentication-token-expiration", 0);
	const char *scopes = http_header(&a->http, "x-oauth-scopes", 0);
	const char *login = json_string_value(json_object_get(a->body, "login"));

	*out = (struct pat_facts)PAT_FACTS_INIT;
	if (expiry != NULL && !pat_expiry(expiry, &out->not_after))
		return err_set(err, ERR_IO,
			       "GitHub says when the token expires in a form that is not known: "
			       "\"%.40s\"; give it with --expires",
			       expiry);
	out->kind = kind;
	out->expires = expiry != NULL;
	/* the header comes empty for those that know no scopes */
	if (scopes != NULL && (kind == PAT_CLASSIC || kind == PAT_OAUTH || kind == PAT_UNKNOWN))
		out->scopes = mem_str(scopes);
	if (login != NULL && strlen(login) <= 100)
		out->user = mem_str(login);
	return 0;
}

int pat_ask(struct rest *r, enum pat_kind kind, struct pat_facts *out, struct err *err)
{
	/* an installation is no user; the limits cost nothing and take no permission */
	const struct rest_request q = {
		.path = kind == PAT_INSTALLATION ? "/rate_limit" : "/user",
		.what = "ask GitHub about the token",
	};
	struct rest_answer a = REST_ANSWER_INIT;
	int result = rest_call(r, &q, &a, err);

	pat_facts_clear(out);
	out->kind = kind;
	if (result == 0)
		result = pat_read(&a, kind, out, err);
	rest_answer_clear(&a);
	return result;
}

void pat_facts_clear(struct pat_facts *f)
{
	mem_free(f->user);
	mem_free(f->scopes);
	memset(f, 0, sizeof(*f));
}

/* --- judging ---------------------------------------------------------------------------------- */

/* Scopes of a list "a, b" beyond the wanted ones, as such a list: a new string. */
static char *scopes_beyond(const char *scopes, const char *const wanted[], bool *has)
{
	struct buf out = BUF_INIT;
	char *text;

	*has = false;
	while (*scopes != '\0') {
		size_t n = strcspn(scopes, ", ");
		bool is_wanted = n == 0;

		for (size_t i = 0; n > 0 && wanted[i] != NULL; i++) {
			if (strlen(wanted[i]) == n && memcmp(wanted[i], scopes, n) == 0)
				is_wanted = *has = true;
		}
		if (!is_wanted)
			buf_printf(&out, "%s%.*s", out.len > 0 ? ", " : "", (int)(n < 60 ? n : 60),
				   scopes);
		scopes += n + (scopes[n] != '\0');
	}
	text = mem_str(buf_str(&out));
	buf_clear(&out);
	return text;
}

/* Pulling takes read:packages and nothing else; those that contain it pull too, but can do more. */
static void judge_pull(const struct pat_facts *f, struct notes *notes)
{
	static const char *const enough[] = { "read:packages", NULL };
	static const char *const also[] = { "read:packages", "write:packages", "delete:packages",
					    "repo", NULL };
	bool has, pulls;
	char *more, *unused;

	if (f->kind == PAT_FINE_GRAINED || f->kind == PAT_INSTALLATION)
		note_add(notes,
			 "ghcr.io takes a classic personal access token alone for private "
			 "images; this one is %s",
			 f->kind == PAT_FINE_GRAINED ? "fine-grained" : "an App's");
	if (f->scopes == NULL)
		return;
	more = scopes_beyond(f->scopes, enough, &has);
	unused = scopes_beyond(f->scopes, also, &pulls);
	if (!pulls)
		note_add(notes,
			 "the token cannot pull: it lacks the scope read:packages (it has: "
			 "%s)",
			 f->scopes[0] == '\0' ? "none" : f->scopes);
	if (more[0] != '\0')
		note_add(notes,
			 "the token can do more than pull images: %s; one with read:packages "
			 "alone is enough",
			 more);
	else if (pulls && f->kind == PAT_CLASSIC)
		note_add(notes,
			 "a classic token reads every package that %s may read; give it to "
			 "an account made for that",
			 f->user == NULL ? "its owner" : f->user);
	mem_free(more);
	mem_free(unused);
}

static void judge_read(const struct pat_facts *f, struct notes *notes)
{
	static const char *const enough[] = { "repo", "public_repo", NULL };
	bool has;
	char *more;

	if (f->kind == PAT_INSTALLATION)
		note_add(notes, "an App's token ends within an hour; seal the App's key instead "
				"(kind github-app)");
	if (f->scopes == NULL)
		return;
	more = scopes_beyond(f->scopes, enough, &has);
	if (!has)
		note_add(notes,
			 "the token reads no private repository: it lacks the scope repo (it "
			 "has: %s)",
			 f->scopes[0] == '\0' ? "none" : f->scopes);
	else
		note_add(notes,
			 "a classic token can write to every repository of %s; a "
			 "fine-grained one with Contents: read for one repository is enough",
			 f->user == NULL ? "its owner" : f->user);
	if (more[0] != '\0')
		note_add(notes, "the token can do more than read repositories: %s", more);
	mem_free(more);
}

void pat_judge(const struct pat_facts *f, enum pat_use use, int64_t now, struct notes *notes)
{
	int64_t days = clock_days(now, f->not_after);
	char when[CLOCK_TEXT_SIZE];

	if (use == PAT_PULL)
		judge_pull(f, notes);
	else
		judge_read(f, notes);
	if (f->kind == PAT_INSTALLATION)
		return;
	clock_format(f->not_after, when);
	if (!f->expires)
		note_add(notes, "the token never expires; one with an end is safer, and bulla "
				"status warns ahead of it");
	else if (f->not_after <= now)
		note_add(notes, "the token expired on %s", when);
	else if (days < SOON_DAYS)
		note_add(notes, "the token expires in %lld days, on %s", (long long)days, when);
}
