/* SPDX-License-Identifier: Apache-2.0 */
/* Registry logins: what a GitHub token may do, then the pull of an image. */
#include "sealer/live_one.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "github/apihost.h"
#include "github/registry.h"
#include "github/rest.h"
#include "kinds/dockerconfig.h"
#include "kinds/token.h"

/* --- GitHub's tokens -------------------------------------------------------------------------- */

const char *live_api(const struct live_question *q, const char *host)
{
	const char *api = q->options->api_url;

	if (host == NULL)
		return api != NULL ? api : REST_API_URL;
	if (apihost_of(NULL, host) != APIHOST_OWN)
		return api;
	return api != NULL && apihost_of(api, host) != APIHOST_OTHER ? api : REST_API_URL;
}

static void tell(const struct pat_facts *f, struct live_answer *a)
{
	char when[CLOCK_TEXT_SIZE];

	live_says(a, "the token is %s%s", f->user != NULL ? f->user : "good",
		  f->user != NULL ? "'s" : "");
	if (f->scopes != NULL)
		live_says(a, "scopes: %s", f->scopes[0] == '\0' ? "none" : f->scopes);
	if (!f->expires)
		return;
	clock_format(f->not_after, when);
	live_says(a, "it ends %s", when);
	a->not_after =
	    a->not_after == 0 || f->not_after < a->not_after ? f->not_after : a->not_after;
}

bool live_token(const struct live_question *q, const struct live_token *t, struct live_answer *a,
		bool *asked)
{
	const struct token_form *form = token_find(t->data, t->len);
	const char *api = live_api(q, t->host);
	struct buf token = BUF_INIT;
	const struct rest_options options = { .api_url = api,
					      .ca_file = q->options->ca_file,
					      .token = &token };
	struct pat_facts facts = PAT_FACTS_INIT;
	struct err why = ERR_INIT;
	struct rest *rest;
	bool ok = false;

	*asked = form != NULL && form->service == TOKEN_GITHUB && api != NULL;
	if (!*asked)
		return true;
	buf_put(&token, t->data, t->len);
	rest = rest_new(&options, &why);
	if (rest != NULL && pat_ask(rest, pat_kind(t->data, t->len), &facts, &why) == 0) {
		tell(&facts, a);
		if (t->judge)
			pat_judge(&facts, t->use, q->now, &a->notes);
		ok = true;
	} else {
		live_fail(a, &why);
	}
	pat_facts_clear(&facts);
	rest_free(rest);
	buf_clear(&token);
	return ok;
}

/* --- pulling ---------------------------------------------------------------------------------- */

static bool pull(const struct live_question *q, const struct imageref *image,
		 const struct registry_login *login, struct live_answer *a)
{
	const struct registry_question ask = {
		.image = image, .login = login, .ca_file = q->options->ca_file, .push = true
	};
	struct registry_result result = REGISTRY_RESULT_INIT;
	struct err why = ERR_INIT;
	struct buf name = BUF_INIT;
	bool ok = registry_check(&ask, &result, &a->notes, &why) == 0;

	imageref_format(image, &name);
	if (ok)
		live_says(a, "%s can be pulled", buf_str(&name));
	else
		live_fail(a, &why);
	buf_clear(&name);
	registry_result_clear(&result);
	return ok;
}

/* The images of one login's registry; *n counts them. */
static bool pull_all(const struct live_question *q, const char *host,
		     const struct registry_login *login, struct live_answer *a, size_t *n)
{
	const struct option_list *images = &q->options->images;
	bool ok = true;

	for (size_t i = 0; ok && i < images->n; i++) {
		struct imageref image = IMAGEREF_INIT;

		if (host != NULL && imageref_parse(images->items[i], &image, NULL) == 0 &&
		    dockerconfig_serves(host, image.domain)) {
			(*n)++;
			ok = pull(q, &image, login, a);
		}
		imageref_clear(&image);
	}
	return ok;
}

static bool ask_login(const struct live_question *q, const struct dockerconfig *c, size_t at,
		      struct live_answer *a)
{
	const struct kv_item *user = &c->users.items[at], *password = &c->passwords.items[at];
	const char *host = dockerconfig_name(user->name);
	const struct registry_login login = { (const char *)user->data, password->data,
					      password->len };
	const struct live_token token = { host, password->data, password->len, true, PAT_PULL };
	size_t pulled = 0;
	bool asked;

	if (!live_token(q, &token, a, &asked) || !pull_all(q, host, &login, a, &pulled))
		return false;
	if (pulled == 0)
		note_add(&a->notes,
			 "%s: whether the login pulls was not asked: --image names none of its "
			 "images",
			 host);
	return true;
}

/* An image that no login is for would be pulled without one, or not at all. */
static bool images_match(const struct live_question *q, const struct dockerconfig *c,
			 struct live_answer *a)
{
	const struct option_list *images = &q->options->images;
	bool all = true;

	for (size_t i = 0; all && !q->sealed && i < images->n; i++) {
		struct imageref image = IMAGEREF_INIT;
		bool found = false;

		if (imageref_parse(images->items[i], &image, NULL) == 0)
			for (size_t k = 0; k < c->users.n; k++)
				found = found || dockerconfig_serves(
						     dockerconfig_name(c->users.items[k].name),
						     image.domain);
		if (!found) {
			a->state = LIVE_REFUSED;
			err_set(&a->why, ERR_REFUSED,
				"--image %s is of a registry (%s) that the credential has no login "
				"for",
				images->items[i], image.domain != NULL ? image.domain : "");
		}
		all = found;
		imageref_clear(&image);
	}
	return all;
}

void live_registry(const struct live_question *q, struct live_answer *a)
{
	const struct kv_item *text = kv_get(&q->secret->data, ".dockerconfigjson");
	struct dockerconfig c = DOCKERCONFIG_INIT;
	struct err why = ERR_INIT;

	if (dockerconfig_parse("login", text->data, text->len, &c, NULL, &why) != 0) {
		live_fail(a, &why);
	} else if (images_match(q, &c, a)) {
		for (size_t i = 0; i < c.users.n; i++)
			if (!ask_login(q, &c, i, a))
				break;
		if (a->state == LIVE_WORKS && a->says.len == 0) {
			notes_clear(&a->notes);
			live_nothing(a, "give an image of its registry: --image IMAGE");
		}
	}
	dockerconfig_clear(&c);
}
