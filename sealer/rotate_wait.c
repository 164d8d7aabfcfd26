/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a rotation (sealer/rotate.h): waiting for the clusters. */
#include "sealer/rotate.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/out.h"
#include "sealer/headstate.h"
#include "sealer/standing.h"
#include "sealer/wait.h"

#define HEAD_MS 2000 /* between two questions to git */

/* How far Git is, told when it changes. */
struct head {
	const struct rotation *r;
	enum headstate state;
	int64_t asked; /* monotonic; 0: never */
};

static void ask_head(void *ctx)
{
	struct head *h = ctx;
	int64_t now = clock_monotonic_ms();
	enum headstate state;

	if (h->asked != 0 && now - h->asked < HEAD_MS)
		return;
	state = headstate_of(h->r->target.top, h->r->target.below, h->r->document);
	if (h->asked == 0 || state != h->state)
		out_note("%s: %s", h->r->in->args[0], headstate_text(state));
	h->state = state;
	h->asked = clock_monotonic_ms();
}

static struct wait make_wait(const struct rotation *r)
{
	return (struct wait){
		.o = &r->o->wait,
		.namespace = r->document->namespace,
		.name = r->document->name,
		.top = r->target.top,
		.config = r->target.configured ? &r->target.config : NULL,
		.one = true,
	};
}

int rotate_wait_probe(const struct rotation *r, struct err *err)
{
	struct wait w = make_wait(r);

	return wait_probe(&w, &r->to, err);
}

static int conclude(const struct rotation *r, enum wait_end end, const json_t *rows,
		    struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = -1;

	wait_explain(rows, &text);
	if (end == WAIT_TIMEOUT)
		err_set(err, ERR_FINDINGS, "not applied in time: %s; %s", buf_str(&text),
			headstate_text(headstate_of(r->target.top, r->target.below, r->document)));
	else if (!standing_good(rows))
		err_set(err, ERR_FINDINGS, "%s", buf_str(&text));
	else
		rc = 0;
	buf_clear(&text);
	return rc;
}

int rotate_wait_rows(struct rotation *r, json_t **rows, struct err *err)
{
	struct head head = { .r = r };
	struct wait w = make_wait(r);
	json_t *git = json_object();
	enum wait_end end;
	int rc;

	standing_add_document(git, r->in->args[0], r->document);
	w.git = git;
	w.idle = ask_head;
	w.ctx = &head;
	*rows = NULL;
	rc = wait_run(&w, &end, rows, err);
	if (rc == 0)
		rc = conclude(r, end, *rows, err);
	json_decref(git);
	return rc;
}

int rotate_wait(struct rotation *r, struct err *err)
{
	json_t *rows = NULL;
	int rc;

	if (!r->o->wait.wait || r->o->dry_run)
		return 0;
	rc = rotate_wait_rows(r, &rows, err);
	if (rows != NULL)
		result_value(&r->result, "clusters", json_incref(rows));
	json_decref(rows);
	return rc == 0 ? 0 : err_wrap(err, "%s: it is rotated here", r->in->args[0]);
}
