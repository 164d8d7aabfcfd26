/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/wait.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "keys/recipients.h"
#include "sealer/place.h"
#include "sealer/progress.h"
#include "sealer/standing.h"

#define CONTEXTS_MAX 64
#define TIMEOUT_MAX_S ((int64_t)7 * 86400)
#define IDLE_MS 500	  /* the longest rest */
#define JUDGE_MS 100	  /* between two judgements of all documents */
#define RECOGNISE_MS 3000 /* between two questions which cluster it is */
#define EXPLAINED_MAX 8	  /* rows in one text */

/* --- the command line ---------------------------------------------------------------------------
 */

/* "90s", "10m", "1h": what kubectl takes for one, too. */
bool wait_parse_timeout(const char *text, int64_t *ms)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > 7 || text[n] == '\0' || text[n + 1] != '\0')
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		int64_t s = strtol(text, NULL, 10) * units[i].s;

		if (text[n] == units[i].unit && s > 0 && s <= TIMEOUT_MAX_S) {
			*ms = s * 1000;
			return true;
		}
	}
	return false;
}

int wait_check(const struct wait_options *o, struct err *err)
{
	int64_t ms;

	if (o->contexts.n > CONTEXTS_MAX)
		return err_set(err, ERR_USAGE, "--context: more than %d", CONTEXTS_MAX);
	if (o->agent_namespace != NULL && !name_is_label(o->agent_namespace))
		return err_set(err, ERR_USAGE, "--agent-namespace: not a namespace's name");
	if (o->wait && o->contexts.n == 0)
		return err_set(err, ERR_USAGE, "--wait: say for which clusters, with --context");
	if (!o->wait && o->timeout != NULL)
		return err_set(err, ERR_USAGE, "--timeout goes with --wait");
	if (o->timeout != NULL && !wait_parse_timeout(o->timeout, &ms))
		return err_set(err, ERR_USAGE,
			       "--timeout: not a span of time (90s, 10m, 1h; at most 7d)");
	return 0;
}

/* --- one wait -----------------------------------------------------------------------------------
 */

struct waiting {
	const struct wait *w;
	struct place *places;
	size_t n;
	json_t *rows;	      /* as judged last; NULL: never */
	json_t *told;	      /* "LABEL DOCUMENT" -> what was said of it */
	json_t *before;	      /* of wait_is_over; NULL: nothing was seen yet */
	bool changed;	      /* since then */
	int64_t begun, asked; /* monotonic; which clusters they are, last */
	int64_t at, end;      /* when it was judged, and when it is over */
	struct progress progress;
};

static struct whichcluster_options options_of(const struct wait *w, size_t i)
{
	return (struct whichcluster_options){
		.given = w->o->contexts.items[i],
		.kubeconfig = w->o->kubeconfig,
		.agent_namespace = w->o->agent_namespace,
		.top = w->top,
		.config = w->config,
	};
}

static int check_sealed(const struct whichcluster *c, const struct recipients *to, struct err *err)
{
	for (size_t i = 0; c->name != NULL && i < to->n; i++)
		if (strcmp(to->items[i].name, c->name) == 0)
			return 0;
	if (c->name == NULL)
		return 0;
	return err_set(err, ERR_RECIPIENT,
		       "context %s is %s, to whom this is not sealed: it would wait in vain",
		       c->context, c->name);
}

int wait_probe(const struct wait *w, const struct recipients *to, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->o->contexts.n; i++) {
		const struct whichcluster_options o = options_of(w, i);
		struct whichcluster which;
		struct cluster cluster;

		r = whichcluster_open(&o, &cluster, &which, err);
		if (r == 0)
			r = whichcluster_refuse(&which, err);
		if (r == 0)
			r = check_sealed(&which, to, err);
		whichcluster_clear(&which);
		cluster_close(&cluster);
	}
	return r;
}

static int open_places(struct waiting *s, struct err *err)
{
	const struct wait *w = s->w;
	const struct place_filter filter = { w->namespace, w->name };

	s->places = mem_array(w->o->contexts.n, sizeof(*s->places));
	for (size_t i = 0; i < w->o->contexts.n; i++) {
		const struct whichcluster_options which = options_of(w, i);

		s->n = i + 1;
		if (place_open(&s->places[i], &which, &filter, err) != 0 ||
		    whichcluster_refuse(&s->places[i].which, err) != 0)
			return -1;
	}
	return 0;
}

static void judge(struct waiting *s, int64_t now)
{
	json_decref(s->rows);
	s->rows = json_array();
	for (size_t i = 0; i < s->n; i++) {
		const struct place *p = &s->places[i];
		const struct standing_cluster c = { p->which.label, p->which.name, p->objects,
						    clock_now(), s->w->soon };

		standing_rows(s->w->git, &c, s->rows);
	}
	s->changed = false;
	s->at = now;
}

static const char *cell(const json_t *row, const char *name)
{
	const char *s = json_string_value(json_object_get(row, name));

	return s != NULL ? s : "";
}

static void describe(const json_t *row, struct buf *out)
{
	buf_printf(out, "%s: %s is %s", cell(row, "cluster"), cell(row, "document"),
		   cell(row, "state"));
	if (strcmp(cell(row, "state"), "failing") == 0)
		buf_printf(out, ": %s: %.300s", cell(row, "reason"), cell(row, "message"));
}

void wait_explain(const json_t *rows, struct buf *out)
{
	size_t i, bad = 0;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		if (json_is_true(json_object_get(row, "good")) || ++bad > EXPLAINED_MAX)
			continue;
		buf_puts(out, out->len > 0 ? "; " : "");
		describe(row, out);
	}
	if (bad > EXPLAINED_MAX)
		buf_printf(out, "; and %zu more", bad - EXPLAINED_MAX);
}

static char *key_of(const json_t *row)
{
	return mem_printf("%s %s", cell(row, "cluster"), cell(row, "document"));
}

/* Each change once. */
static void tell_row(struct waiting *s, const json_t *row)
{
	char *key = key_of(row);
	struct buf text = BUF_INIT;

	describe(row, &text);
	if (strcmp(cell(s->told, key), buf_str(&text)) != 0) {
		json_object_set_new(s->told, key, json_string(buf_str(&text)));
		out_note("%s", buf_str(&text));
	}
	buf_clear(&text);
	mem_free(key);
}

static bool is_stalled(const json_t *row)
{
	return json_object_get(row, "stalled") != NULL &&
	       (strcmp(cell(row, "state"), "failing") == 0 ||
		strcmp(cell(row, "state"), "paused") == 0);
}

static bool is_settled(const struct waiting *s, const json_t *row)
{
	char *key = key_of(row);
	bool old = is_stalled(row) && json_object_get(s->before, key) != NULL;

	mem_free(key);
	return !old && !standing_may_change(row);
}

static void tell(struct waiting *s)
{
	size_t i, settled = 0;
	json_t *row;

	json_array_foreach(s->rows, i, row)
	{
		settled += is_settled(s, row);
		if (s->w->one)
			tell_row(s, row);
	}
	if (s->w->one)
		return;
	progress_total(&s->progress, json_array_size(s->rows));
	progress_step(&s->progress, settled > s->progress.done ? settled - s->progress.done : 0);
}

/* Stalled, and since the wait began; what was seen otherwise meanwhile is news. */
static bool is_old(const json_t *row, json_t *before)
{
	char *key = key_of(row);
	bool old = json_object_get(before, key) != NULL;

	if (!is_stalled(row))
		json_object_del(before, key);
	mem_free(key);
	return old;
}

bool wait_is_over(const json_t *rows, json_t *before, bool patient, enum wait_end *end)
{
	bool moving = false, stalled = false;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		bool mended = is_old(row, before) && patient;

		moving = moving || standing_may_change(row) || (is_stalled(row) && mended);
		stalled = stalled || (is_stalled(row) && !mended);
	}
	*end = stalled ? WAIT_STALLED : WAIT_APPLIED;
	return stalled || !moving;
}

/* When it began. */
static void remember_stalled(struct waiting *s)
{
	json_t *row;
	size_t i;

	if (s->before != NULL)
		return;
	s->before = json_object();
	json_array_foreach(s->rows, i, row)
	{
		char *key = key_of(row);

		if (is_stalled(row))
			json_object_set_new(s->before, key, json_true());
		mem_free(key);
	}
}

static bool all_listed(const struct waiting *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->places[i].listed)
			return false;
	return true;
}

static int work(struct waiting *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		place_work(&s->places[i]);
		s->changed = s->changed || s->places[i].changed;
		if (s->places[i].fatal.class != ERR_NONE)
			return err_set(err, s->places[i].fatal.class, "%s",
				       s->places[i].fatal.text);
	}
	return 0;
}

static void recognise(struct waiting *s, int64_t now)
{
	if (now - s->asked < RECOGNISE_MS)
		return;
	for (size_t i = 0; i < s->n; i++) {
		const struct whichcluster_options o = options_of(s->w, i);

		place_recognise(&s->places[i], &o);
		s->changed = s->changed || s->places[i].changed;
	}
	s->asked = clock_monotonic_ms();
}

static void rest(struct waiting *s, int64_t now)
{
	int64_t until = clock_sooner(s->end, now + IDLE_MS);

	if (s->changed)
		until = clock_sooner(until, s->at + JUDGE_MS);
	place_wait(s->places, s->n, until > now ? (int)(until - now) : 0);
}

static int watch(struct waiting *s, enum wait_end *end, struct err *err)
{
	int64_t now, idled = 0;

	for (;;) {
		if (work(s, err) != 0)
			return -1;
		now = clock_monotonic_ms();
		recognise(s, now);
		if (all_listed(s) && s->changed && (s->rows == NULL || now - s->at >= JUDGE_MS)) {
			judge(s, now);
			remember_stalled(s);
			tell(s);
		}
		if (s->rows != NULL &&
		    wait_is_over(s->rows, s->before, now < s->begun + WAIT_MENDED_MS, end))
			return 0;
		if (now >= s->end) {
			*end = WAIT_TIMEOUT;
			return 0;
		}
		if (s->w->idle != NULL && s->rows != NULL && now - idled >= IDLE_MS) {
			s->w->idle(s->w->ctx);
			idled = now;
		}
		if (!s->w->one)
			progress_step(&s->progress, 0); /* the bar's clock goes on */
		rest(s, now);
	}
}

int wait_run(const struct wait *w, enum wait_end *end, json_t **rows, struct err *err)
{
	struct waiting s = { .w = w, .told = json_object() };
	int64_t timeout = 0;
	int r;

	wait_parse_timeout(w->o->timeout != NULL ? w->o->timeout : WAIT_DEFAULT, &timeout);
	s.begun = s.asked = clock_monotonic_ms();
	s.end = s.begun + timeout;
	progress_start(&s.progress, "waiting for clusters", 0);
	r = open_places(&s, err);
	if (r == 0)
		r = watch(&s, end, err);
	progress_end(&s.progress);
	if (r == 0 && s.rows == NULL)
		judge(&s, 0);
	*rows = r == 0 ? json_incref(s.rows) : NULL;
	for (size_t i = 0; i < s.n; i++)
		place_close(&s.places[i]);
	mem_free(s.places);
	json_decref(s.rows);
	json_decref(s.told);
	json_decref(s.before);
	return r;
}
