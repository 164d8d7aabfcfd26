/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/opener.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/frame.h"
#include "agent/opener_link.h"
#include "agent/quarantine.h"
#include "agent/wire.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define KEEP_MAX 65536 /* of the message buffer between openings */

struct opener {
	struct opener_link link;
	int timeout_ms;
	size_t openings[ERR_CLASSES]; /* by how they ended */
	struct kv opened_with;	      /* key id -> a size_t, documents */
	struct buf io;
	struct quarantine quarantine;
};

/* The opener did not get through this document. */
static int blame(struct opener *o, const struct document *d, enum frame_result got, struct err *err)
{
	struct opener_link *l = &o->link;
	uint32_t generation = l->generation;
	char how[100];

	opener_link_drop(l);
	if (got == FRAME_CUT) {
		opener_link_death(l, generation, how, sizeof(how));
	} else {
		opener_link_kill(l, generation);
		snprintf(how, sizeof(how), "%s",
			 got == FRAME_TIMEOUT ? "did not answer in time"
					      : "gave an answer that cannot be read");
	}
	/* ended together with its supervisor: not by this document, unless it happens again */
	if (l->lost || (l->control < 0 && !quarantine_suspect(&o->quarantine, d)))
		return opener_link_none(l, err);
	if (l->control >= 0)
		quarantine_add(&o->quarantine, d);
	return err_set(err, ERR_CONFLICT,
		       "the opener %s on this document, which is quarantined: it is not opened "
		       "again until it changes or the agent is restarted",
		       how);
}

/* Take what was opened out of the answer. */
static int deliver(struct wire_answer *a, struct kind_secret *out, struct kv *key_ids,
		   struct err *err)
{
	if (a->err.class != ERR_NONE)
		return err_set(err, a->err.class, "%s", a->err.text);
	*out = a->secret;
	a->secret = (struct kind_secret)KIND_SECRET_INIT; /* transferred */
	for (size_t i = 0; key_ids != NULL && i < a->key_ids.n; i++)
		kv_set_str(key_ids, a->key_ids.items[i].name, "");
	return 0;
}

/* Ask the opener at hand.  FRAME_CLOSED: it was gone before it saw anything of this. */
static enum frame_result ask(struct opener *o)
{
	int64_t deadline = clock_monotonic_ms() + o->timeout_ms;
	enum frame_result r = frame_send(o->link.fd, &o->io, deadline);

	if (r != FRAME_OK)
		return r;
	r = frame_recv(o->link.fd, &o->io, WIRE_ANSWER_MAX, deadline);
	return r == FRAME_CLOSED ? FRAME_CUT : r;
}

/* The same for whatever opener there is: one that died idle is not this document's fault. */
static int ask_any(struct opener *o, const struct document *d, enum frame_result *got,
		   struct err *err)
{
	for (int tries = 0; tries < 2; tries++) {
		if (opener_link_need(&o->link, err) < 0)
			return -1;
		frame_begin(&o->io);
		if (wire_put_document(&o->io, d, err) < 0)
			return -1;
		*got = ask(o);
		if (*got != FRAME_CLOSED)
			return 0;
		opener_link_drop(&o->link);
	}
	return opener_link_none(&o->link, err);
}

static void keep_little(struct opener *o)
{
	if (o->io.cap > KEEP_MAX)
		buf_clear(&o->io);
	else
		buf_reset(&o->io);
}

static int open_with(struct opener *o, const struct document *d, struct kind_secret *out,
		     struct kv *key_ids, struct notes *notes, struct err *err)
{
	struct wire_answer a = WIRE_ANSWER_INIT;
	enum frame_result got;
	int r = -1;

	if (quarantine_has(&o->quarantine, d))
		return err_set(err, ERR_CONFLICT,
			       "quarantined: an opener died on this document before; it is not "
			       "opened again until it changes or the agent is restarted");
	if (ask_any(o, d, &got, err) < 0)
		goto out;
	if (got == FRAME_OK &&
	    wire_get_answer(o->io.data + FRAME_HEAD, o->io.len - FRAME_HEAD, &a, err) < 0)
		got = FRAME_BROKEN;
	if (got != FRAME_OK) {
		r = blame(o, d, got, err);
		goto out;
	}
	quarantine_clear_of(&o->quarantine, d);
	for (size_t i = 0; i < a.notes.n; i++)
		note_add(notes, "%s", a.notes.text[i]);
	r = deliver(&a, out, key_ids, err);
out:
	wire_answer_clear(&a);
	keep_little(o);
	return r;
}

static void count_keys(struct opener *o, const struct kv *ids)
{
	for (size_t i = 0; i < ids->n; i++) {
		size_t n = opener_opened_with(o, ids->items[i].name) + 1;

		kv_set(&o->opened_with, ids->items[i].name, &n, sizeof(n));
	}
}

int opener_open(struct opener *o, const struct document *d, struct kind_secret *out,
		struct kv *key_ids, struct notes *notes, struct err *err)
{
	struct kv ids = KV_INIT;
	int r = open_with(o, d, out, &ids, notes, err);

	o->openings[r == 0 ? ERR_NONE : err->class]++;
	if (r == 0)
		count_keys(o, &ids);
	if (r == 0 && key_ids != NULL)
		kv_copy(key_ids, &ids);
	kv_clear(&ids);
	return r;
}

static struct opener *opener_new(int timeout_ms)
{
	struct opener *o = mem_alloc(sizeof(*o));

	signal(SIGPIPE, SIG_IGN); /* writing to an opener that died must be an error, not an end */
	o->link = (struct opener_link)OPENER_LINK_INIT;
	o->timeout_ms = timeout_ms > 0 ? timeout_ms : OPENER_TIMEOUT_MS;
	return o;
}

struct opener *opener_start(const struct opener_options *options, struct err *err)
{
	struct opener *o = opener_new(options->timeout_ms);

	if (opener_link_start(&o->link, options->keys_dir, options->audit_fd, err) == 0)
		return o;
	opener_stop(o);
	return NULL;
}

struct opener *opener_connect(const struct opener_connect_options *options, struct err *err)
{
	struct opener *o = opener_new(options->timeout_ms);

	if (opener_link_connect(&o->link, options->path, options->uid, options->wait_ms, err) == 0)
		return o;
	opener_stop(o);
	return NULL;
}

int opener_fd(const struct opener *o)
{
	return o->link.epoll;
}

bool opener_poll(struct opener *o)
{
	return opener_link_poll(&o->link);
}

bool opener_alive(const struct opener *o)
{
	return !o->link.lost;
}

const struct kv *opener_keys(const struct opener *o)
{
	return &o->link.keys;
}

const struct kv *opener_recipients(const struct opener *o)
{
	return &o->link.recipients;
}

size_t opener_bad_keys(const struct opener *o)
{
	return o->link.bad;
}

size_t opener_restarts(const struct opener *o)
{
	return o->link.adopted > 1 ? o->link.adopted - 1 : 0;
}

size_t opener_opened_with(const struct opener *o, const char *key_id)
{
	const struct kv_item *item = kv_get(&o->opened_with, key_id);
	size_t n = 0;

	if (item != NULL)
		memcpy(&n, item->data, sizeof(n));
	return n;
}

size_t opener_openings(const struct opener *o, enum err_class result)
{
	return o->openings[result];
}

pid_t opener_pid(const struct opener *o)
{
	return o->link.pid;
}

void opener_stop(struct opener *o)
{
	if (o == NULL)
		return;
	opener_link_clear(&o->link);
	kv_clear(&o->opened_with);
	buf_clear(&o->io);
	quarantine_clear(&o->quarantine);
	mem_free(o);
}
