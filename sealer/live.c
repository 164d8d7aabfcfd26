/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/live.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/curl.h"
#include "base/mem.h"
#include "base/out.h"
#include "github/imageref.h"
#include "github/served.h"
#include "kinds/kinds.h"
#include "sealer/live_one.h"
#include "sealer/report.h"

#define SAYS_MAX 600 /* bytes of one text */

/* What each kind is asked about; a kind without a row has nobody to ask. */
static const struct row {
	const struct kind *kind;
	live_fn *ask;
	unsigned takes; /* it cannot be asked without an image, or without an address */
} rows[] = {
	{ &kind_registry, live_registry, LIVE_IMAGE | LIVE_API | LIVE_CA },
	{ &kind_git_https, live_git_https, LIVE_API | LIVE_CA },
	{ &kind_deploy_key, live_deploy_key, 0 },
	{ &kind_github_app, live_github_app, LIVE_API | LIVE_CA },
	{ &kind_tls, live_tls, LIVE_CONNECT | LIVE_CA },
	{ &kind_opaque, live_opaque, LIVE_API | LIVE_CA },
};

static const struct row *row_of(const struct kind *k)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].kind == k)
			return &rows[i];
	return NULL;
}

unsigned live_takes(const struct kind *k)
{
	const struct row *row = row_of(k);

	if (k == NULL)
		return LIVE_IMAGE | LIVE_CONNECT | LIVE_API | LIVE_CA;
	return row != NULL ? row->takes : 0;
}

/* --- the command line ------------------------------------------------------------------------- */

static int check_forms(const struct live_options *o, struct err *err)
{
	for (size_t i = 0; i < o->images.n; i++) {
		struct imageref image = IMAGEREF_INIT;
		struct err why = ERR_INIT;
		int r = imageref_parse(o->images.items[i], &image, &why);

		imageref_clear(&image);
		if (r != 0)
			return err_set(err, ERR_USAGE, "--%s", why.text);
	}
	for (size_t i = 0; i < o->connects.n; i++) {
		char *host = NULL, *port = NULL;
		struct err why = ERR_INIT;
		int r = served_address(o->connects.items[i], &host, &port, &why);

		mem_free(host);
		mem_free(port);
		if (r != 0)
			return err_set(err, ERR_USAGE, "--connect: %s", why.text);
	}
	return 0;
}

static int check_kind(const struct live_options *o, const struct kind *k, struct err *err)
{
	unsigned takes = live_takes(k);

	if (o->images.n > 0 && (takes & LIVE_IMAGE) == 0)
		return err_set(err, ERR_USAGE, "--image: kind %s pulls no image", k->name);
	if (o->connects.n > 0 && (takes & LIVE_CONNECT) == 0)
		return err_set(err, ERR_USAGE, "--connect: kind %s is no certificate", k->name);
	if (o->live && o->images.n == 0 && (takes & LIVE_IMAGE) != 0)
		return err_set(err, ERR_USAGE,
			       "--live: say which image the login must pull: --image IMAGE");
	if (o->live && o->connects.n == 0 && (takes & LIVE_CONNECT) != 0)
		return err_set(err, ERR_USAGE,
			       "--live: say where the certificate is served: --connect HOST:PORT");
	return 0;
}

int live_check(const struct live_options *o, const struct kind *k, struct err *err)
{
	const struct {
		const char *option;
		bool given;
	} needing[] = {
		{ "image", o->images.n > 0 },
		{ "connect", o->connects.n > 0 },
		{ "api-url", o->api_url != NULL },
		{ "ca-file", o->ca_file != NULL },
	};

	for (size_t i = 0; !o->live && i < sizeof(needing) / sizeof(needing[0]); i++)
		if (needing[i].given)
			return err_set(err, ERR_USAGE, "--%s goes with --live", needing[i].option);
	if (check_forms(o, err) != 0)
		return -1;
	return k == NULL ? 0 : check_kind(o, k, err);
}

/* --- answers ---------------------------------------------------------------------------------- */

const char *live_state_name(enum live_state state)
{
	static const char *const names[] = {
		[LIVE_WORKS] = "works",
		[LIVE_REFUSED] = "refused",
		[LIVE_UNTOLD] = "untold",
		[LIVE_NOTHING] = "nothing",
	};

	return names[state];
}

void live_says(struct live_answer *a, const char *fmt, ...)
{
	char text[SAYS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_printf(&a->says, "%s%s", a->says.len > 0 ? "; " : "", text);
}

void live_fail(struct live_answer *a, const struct err *why)
{
	a->state = why->class == ERR_REFUSED ? LIVE_REFUSED : LIVE_UNTOLD;
	a->why = *why;
	if (a->state == LIVE_UNTOLD)
		a->why.class = ERR_IO;
}

void live_nothing(struct live_answer *a, const char *why)
{
	a->state = LIVE_NOTHING;
	err_set(&a->why, ERR_IO, "%s", why);
}

void live_answer_clear(struct live_answer *a)
{
	buf_clear(&a->says);
	notes_clear(&a->notes);
}

json_t *live_json(const struct live_answer *a)
{
	json_t *v = json_object(), *notes = json_array();
	char when[CLOCK_TEXT_SIZE];

	json_object_set_new(v, "state", json_string(live_state_name(a->state)));
	if (a->says.len > 0)
		json_object_set_new(v, "says", report_text(buf_str(&a->says)));
	if (a->state != LIVE_WORKS)
		json_object_set_new(v, "reason", report_text(a->why.text));
	for (size_t i = 0; i < a->notes.n; i++)
		json_array_append_new(notes, report_text(a->notes.text[i]));
	json_object_set_new(v, "notes", notes);
	if (a->not_after > 0) {
		clock_format(a->not_after, when);
		json_object_set_new(v, "notAfter", json_string(when));
	}
	return v;
}

/* --- asking ----------------------------------------------------------------------------------- */

int live_load(struct err *err)
{
	return curl_api_load(err) != NULL ? 0 : -1;
}

bool live_is_fresh(const struct kind_secret *secret, const struct kv *fields)
{
	return kv_has(&secret->data, "identity.pub") && !kv_has(fields, "private-key");
}

void live_ask(const struct live_question *q, struct live_answer *a)
{
	const struct row *row = row_of(q->kind);

	if (row == NULL) {
		live_nothing(a, "there is nobody to ask about a credential of this kind");
		return;
	}
	a->state = LIVE_WORKS;
	row->ask(q, a);
	mem_wipe_stack();
}

/*
 * GitHub knows when its token ends.  An earlier end that the user gave stays: it is when he wants
 * to be told.
 */
static void take_expiry(const struct live_answer *a, struct kind_secret *secret)
{
	const char *given = kv_get_str(&secret->facts, "not-after");
	char when[CLOCK_TEXT_SIZE];
	int64_t t;

	if (a->not_after == 0)
		return;
	clock_format(a->not_after, when);
	if (given != NULL && clock_parse(given, &t)) {
		if (t <= a->not_after)
			return;
		out_warn("--expires: the token ends sooner, on %s, which is taken", when);
	}
	kv_set_str(&secret->facts, "not-after", when);
}

int live_before(const struct live_question *q, struct kind_secret *secret, json_t **v,
		struct err *err)
{
	struct live_answer a = LIVE_ANSWER_INIT;
	int r = 0;

	if (!q->options->live)
		return 0;
	if (q->fresh)
		return err_set(err, ERR_USAGE,
			       "--live: a key that is made now is registered nowhere yet; seal it, "
			       "register it, then 'bulla check --live'");
	live_ask(q, &a);
	for (size_t i = 0; i < a.notes.n; i++)
		out_warn("%s", a.notes.text[i]);
	switch (a.state) {
	case LIVE_WORKS:
		out_note("asked: %s", buf_str(&a.says));
		take_expiry(&a, secret);
		break;
	case LIVE_NOTHING:
		out_warn("--live: %s; it is sealed unasked", a.why.text);
		break;
	case LIVE_REFUSED:
		r = err_set(err, ERR_REFUSED, "--live: %s; nothing is sealed", a.why.text);
		break;
	case LIVE_UNTOLD:
		r = err_set(err, ERR_IO,
			    "--live could not ask, and nothing is sealed (without --live it would "
			    "be, unasked): %s",
			    a.why.text);
		break;
	}
	*v = live_json(&a);
	live_answer_clear(&a);
	return r;
}
