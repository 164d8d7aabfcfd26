/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/live_run.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/live.h"
#include "sealer/progress.h"
#include "sealer/report.h"

struct item {
	struct finding at; /* its strings are owned */
	char *document;	   /* NAMESPACE/NAME */
	const struct kind *kind;
	bool opened;
	struct kind_secret secret;
	struct live_answer answer;
};

struct live_run {
	const struct live_options *options;
	int64_t now;
	struct item *items;
	size_t n, cap;
	/* while it is asked */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t next, done; /* items taken by a thread, and finished */
};

struct live_run *live_run_new(const struct live_options *options, int64_t now)
{
	struct live_run *r = mem_alloc(sizeof(*r));

	r->options = options;
	r->now = now;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->moved, NULL);
	return r;
}

void live_run_free(struct live_run *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		mem_free(r->items[i].at.file);
		mem_free(r->items[i].at.below);
		mem_free(r->items[i].document);
		kind_secret_clear(&r->items[i].secret);
		live_answer_clear(&r->items[i].answer);
	}
	mem_free(r->items);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->moved);
	mem_free(r);
}

void live_run_add(struct live_run *r, const struct finding *at, const struct document *d,
		  struct kind_secret *opened)
{
	struct item *item;

	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 32 : r->cap * 2;
		r->items = mem_grow(r->items, r->cap, sizeof(*r->items));
	}
	item = &r->items[r->n++];
	*item = (struct item){ .at = { .file = mem_str(at->file),
				       .below = mem_str(at->below),
				       .line = at->line,
				       .rule = RULE_LIVE },
			       .document = mem_printf("%s/%s", d->namespace, d->name),
			       .kind = d->kind,
			       .opened = opened != NULL,
			       .answer = LIVE_ANSWER_INIT };
	if (opened == NULL)
		return;
	item->secret = *opened;
	*opened = (struct kind_secret)KIND_SECRET_INIT;
	/* it outlives what opened it by long, and the threads that ask begin with our registers */
	mem_wipe_stack();
}

/* --- asking ----------------------------------------------------------------------------------- */

static void ask(const struct live_run *r, struct item *item)
{
	const struct live_question q = { .kind = item->kind,
					 .secret = &item->secret,
					 .options = r->options,
					 .now = r->now,
					 .sealed = true };

	if (!item->opened)
		return;
	live_ask(&q, &item->answer);
}

static void *work(void *ctx)
{
	struct live_run *r = ctx;

	pthread_mutex_lock(&r->lock);
	while (r->next < r->n) {
		struct item *item = &r->items[r->next++];

		pthread_mutex_unlock(&r->lock);
		ask(r, item);
		pthread_mutex_lock(&r->lock);
		r->done++;
		pthread_cond_signal(&r->moved);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* The one thread that prints. */
static void watch(struct live_run *r)
{
	struct progress p;
	size_t told = 0;

	progress_start(&p, "asking", r->n);
	pthread_mutex_lock(&r->lock);
	while (told < r->n) {
		while (r->done == told)
			pthread_cond_wait(&r->moved, &r->lock);
		progress_step(&p, r->done - told);
		told = r->done;
	}
	pthread_mutex_unlock(&r->lock);
	progress_end(&p);
}

/* What its system says of its end, and what the document says. */
static void judge_expiry(const struct item *item, struct findings *findings)
{
	const char *fact = kv_get_str(&item->secret.facts, "not-after");
	struct finding at = item->at;
	char when[CLOCK_TEXT_SIZE];
	int64_t t = 0;

	if (item->answer.not_after == 0)
		return;
	if (fact != NULL && clock_parse(fact, &t) && t <= item->answer.not_after)
		return;
	clock_format(item->answer.not_after, when);
	at.warning = true;
	findings_add(findings, &at,
		     "%s: ends %s, and the document says %s; seal it again with "
		     "--live, or --expires",
		     item->document, when, fact != NULL ? fact : "nothing of that");
}

static void judge(const struct item *item, struct findings *findings)
{
	const struct live_answer *a = &item->answer;
	struct finding at = item->at;

	if (a->state == LIVE_REFUSED)
		findings_add(findings, &at, "%s: %s", item->document, a->why.text);
	else if (a->state == LIVE_UNTOLD)
		findings_add(findings, &at, "%s: could not be asked: %s", item->document,
			     a->why.text);
	at.warning = true;
	for (size_t i = 0; i < a->notes.n; i++)
		findings_add(findings, &at, "%s: %s", item->document, a->notes.text[i]);
	judge_expiry(item, findings);
}

int live_run_ask(struct live_run *r, struct findings *findings, struct err *err)
{
	pthread_t threads[LIVE_RUN_THREADS];
	size_t n = 0;

	if (r->n > 0 && live_load(err) != 0)
		return -1;
	while (n < LIVE_RUN_THREADS && n < r->n && pthread_create(&threads[n], NULL, work, r) == 0)
		n++;
	if (n == 0)
		work(r); /* no thread to be had: one after another, without progress */
	else
		watch(r);
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < r->n; i++)
		judge(&r->items[i], findings);
	return 0;
}

/* --- printing --------------------------------------------------------------------------------- */

#define UNOPENED "unopened"

static const char *state_of(const struct item *item)
{
	return item->opened ? live_state_name(item->answer.state) : UNOPENED;
}

static enum out_style style_of(const struct item *item)
{
	if (!item->opened || item->answer.state == LIVE_NOTHING)
		return OUT_PLAIN;
	return item->answer.state == LIVE_WORKS ? OUT_GOOD : OUT_BAD;
}

static void print_row(struct out_table *t, const struct item *item)
{
	const struct live_answer *a = &item->answer;
	const char *text = a->state == LIVE_WORKS ? buf_str(&a->says) : a->why.text;

	out_table_cell(t, item->document);
	out_table_cell(t, item->kind->name);
	out_table_cell(t, state_of(item));
	out_table_style(t, style_of(item));
	out_table_cell(t, item->opened ? text : "no key at hand opens it: not asked");
}

void live_run_print(const struct live_run *r)
{
	static const char *const heads[] = { "DOCUMENT", "KIND", "LIVE", "WHAT" };
	struct out_table *t = out_table_new(sizeof(heads) / sizeof(heads[0]));
	size_t counts[LIVE_NOTHING + 1] = { 0 }, unopened = 0;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		out_table_cell(t, heads[i]);
	for (size_t i = 0; i < r->n; i++) {
		print_row(t, &r->items[i]);
		if (r->items[i].opened)
			counts[r->items[i].answer.state]++;
		else
			unopened++;
	}
	if (r->n > 0)
		out_table_print(t, stdout);
	out_table_free(t);
	out_note("asked at the source: %zu work, %zu refused, %zu could not be asked; not asked: "
		 "%zu that no key opens, %zu with nobody to ask",
		 counts[LIVE_WORKS], counts[LIVE_REFUSED], counts[LIVE_UNTOLD], unopened,
		 counts[LIVE_NOTHING]);
}

json_t *live_run_json(const struct live_run *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n; i++) {
		const struct item *item = &r->items[i];
		json_t *v = item->opened ? live_json(&item->answer) : json_object();

		json_object_set_new(v, "file", report_text(item->at.file));
		json_object_set_new(v, "line", json_integer(item->at.line));
		json_object_set_new(v, "document", report_text(item->document));
		json_object_set_new(v, "kind", json_string(item->kind->name));
		json_object_set_new(v, "state", json_string(state_of(item)));
		json_array_append_new(list, v);
	}
	return list;
}
