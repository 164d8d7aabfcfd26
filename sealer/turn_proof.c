/* SPDX-License-Identifier: Apache-2.0 */
/* That the new key works, that every cluster has it, and again that it works. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "github/deploy_keys.h"
#include "sealer/readers.h"
#include "sealer/ssh_probe.h"
#include "sealer/turn.h"

#define TRIES 5	      /* of a key that was registered just now */
#define PAUSE_MS 2000 /* between them */
#define POLL_MS 15000 /* between two looks at last_used, which GitHub tells late */

/* --- a try over SSH --------------------------------------------------------------------------- */

enum tried {
	TRIED_WORKS,
	TRIED_REFUSED, /* the server, or the repository, does not take the key */
	TRIED_WRONG,   /* it would fail for Flux as well */
	TRIED_UNKNOWN, /* it cannot be told from here */
};

static const enum tried meanings[GITHUB_SSH_OUTCOMES] = {
	[GITHUB_SSH_OK] = TRIED_WORKS,		 [GITHUB_SSH_LIBRARY] = TRIED_UNKNOWN,
	[GITHUB_SSH_KEY] = TRIED_WRONG,		 [GITHUB_SSH_DNS] = TRIED_UNKNOWN,
	[GITHUB_SSH_REFUSED] = TRIED_UNKNOWN,	 [GITHUB_SSH_UNREACHABLE] = TRIED_UNKNOWN,
	[GITHUB_SSH_PROXY] = TRIED_UNKNOWN,	 [GITHUB_SSH_TIMEOUT] = TRIED_UNKNOWN,
	[GITHUB_SSH_NOT_SSH] = TRIED_UNKNOWN,	 [GITHUB_SSH_CLOSED] = TRIED_UNKNOWN,
	[GITHUB_SSH_HANDSHAKE] = TRIED_UNKNOWN,	 [GITHUB_SSH_HOST_UNKNOWN] = TRIED_WRONG,
	[GITHUB_SSH_HOST_CHANGED] = TRIED_WRONG, [GITHUB_SSH_KEY_REFUSED] = TRIED_REFUSED,
	[GITHUB_SSH_REPOSITORY] = TRIED_REFUSED, [GITHUB_SSH_GIT] = TRIED_UNKNOWN,
};

/* With the new key; err says why it is not TRIED_WORKS. */
static enum tried try_once(struct turn *t, struct err *err)
{
	const struct ssh_probe_options o = { .timeout = 0 };
	struct github_ssh_result result;

	if (ssh_probe(t->journal.record.url, &t->secret, &o, &result, err) != 0)
		return meanings[result.outcome] == TRIED_WORKS ? TRIED_UNKNOWN
							       : meanings[result.outcome];
	if (result.access != GITHUB_SSH_READ_WRITE)
		return TRIED_WORKS;
	err_set(err, ERR_REFUSED,
		"the new key may write to the repository, which Flux does not need: register it "
		"for reading only");
	return TRIED_WRONG;
}

/* GitHub has taken the key; its SSH servers may be a moment behind. */
static enum tried try_it(struct turn *t, struct err *err)
{
	enum tried tried = try_once(t, err);

	for (int i = 1; i < TRIES && tried == TRIED_REFUSED && !t->by_hand; i++) {
		clock_sleep(PAUSE_MS);
		tried = try_once(t, err);
	}
	return tried;
}

static int look_try(struct turn *t, struct step_look *l, struct err *err)
{
	const struct turn_record *j = &t->journal.record;

	(void)err;
	if (j->aborted)
		step_found(l, false, "it is to go");
	else if (j->tried)
		step_found(l, false, "the server took the new key");
	else
		step_found(l, true, "the new key is tried at %s",
			   t->journal.there ? j->url : "the server");
	return 0;
}

/* Only who registers it himself can know better than the server. */
static int leave_registering(struct turn *t, const char *why, struct err *err)
{
	return err_set(err, ERR_REFUSED,
		       "%s; register this key at %s, for reading only, and run this again: %s", why,
		       t->journal.record.url, t->journal.record.new_public);
}

static int act_try(struct turn *t, struct err *err)
{
	struct err why = ERR_INIT;

	turn_open_new(t);
	if (t->secret.n == 0 && t->by_hand)
		return leave_registering(t, "no key at hand opens the new document to try it", err);
	if (t->secret.n == 0) {
		out_note("not tried: no key at hand opens the new document; it is proven by its "
			 "use");
		return 0;
	}
	switch (try_it(t, &why)) {
	case TRIED_WORKS:
		t->journal.record.tried = true;
		return turn_journal_write(&t->journal, err);
	case TRIED_UNKNOWN:
		if (t->by_hand)
			return leave_registering(t, why.text, err);
		out_warn("the new key could not be tried from here, and is proven by its use: %s",
			 why.text);
		return 0;
	default:
		if (t->by_hand)
			return leave_registering(t, why.text, err);
		return err_set(err, why.class,
			       "%s; the old key serves on, and --abort takes the "
			       "new one back",
			       why.text);
	}
}

const struct turn_step turn_try = { "try", look_try, act_try };

/* --- every cluster has it --------------------------------------------------------------------- */

static bool is_person(const struct turn *t, const char *name)
{
	for (size_t i = 0; i < t->o->people.n; i++)
		if (strcmp(t->o->people.items[i], name) == 0)
			return true;
	return false;
}

int turn_missing(struct turn *t, struct buf *names, struct err *err)
{
	const struct document_part *part = document_part(t->r.document, KIND_PART);
	char digest[DOCUMENT_DIGEST_TEXT];
	struct kv readers = KV_INIT;
	int r = readers_of(t->r.target.top, part, &readers, err);

	document_digest(t->r.document, digest);
	for (size_t i = 0; r == 0 && i < readers.n; i++) {
		const char *name = readers.items[i].name;
		const char *has = kv_get_str(&t->journal.record.applied, name);

		if (is_person(t, name) && readers.items[i].len > 0)
			r = err_set(
			    err, ERR_USAGE,
			    "--person %s: it is a cluster: .bulla/keys has the backup of its "
			    "sealing key",
			    name);
		else if (!is_person(t, name) && (has == NULL || strcmp(has, digest) != 0))
			buf_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
	}
	kv_clear(&readers);
	return r;
}

/* Given up before anybody could have got it. */
static bool is_unseen(const struct turn *t)
{
	return t->journal.record.aborted && !t->journal.record.written;
}

static void say_missing(struct step_look *l, const char *missing)
{
	step_leave(l,
		   "once it is pushed, run this again with --wait and a --context for each of: %s "
		   "(--person NAME for one that is no cluster)",
		   missing);
}

static int look_applied(struct turn *t, struct step_look *l, struct err *err)
{
	struct buf missing = BUF_INIT;
	int r = 0;

	if (is_unseen(t)) {
		step_found(l, false, "it was never written");
		return 0;
	}
	r = turn_missing(t, &missing, err);
	if (r == 0 && !t->journal.there)
		step_found(l, true, "applied by %s",
			   missing.len > 0 ? buf_str(&missing) : "every cluster");
	else if (r == 0 && missing.len == 0)
		step_found(l, false, "every cluster has applied it");
	else if (r == 0 && t->o->base.wait.wait)
		step_found(l, true, "waiting for %s", buf_str(&missing));
	else if (r == 0)
		say_missing(l, buf_str(&missing));
	buf_clear(&missing);
	return r;
}

static void take_rows(struct turn *t, const json_t *rows)
{
	char digest[DOCUMENT_DIGEST_TEXT];
	const json_t *row;
	size_t i;

	document_digest(t->r.document, digest);
	json_array_foreach(rows, i, row)
	{
		const char *cluster = json_string_value(json_object_get(row, "cluster"));
		const char *has = json_string_value(json_object_get(row, "appliedDigest"));

		if (cluster != NULL && has != NULL && strcmp(has, digest) == 0 &&
		    json_is_true(json_object_get(row, "good")))
			kv_set_str(&t->journal.record.applied, cluster, digest);
	}
}

static int act_applied(struct turn *t, struct err *err)
{
	struct buf missing = BUF_INIT;
	struct err why = ERR_INIT;
	json_t *rows = NULL;
	int r;

	turn_hub_rest(t);
	r = rotate_wait_rows(&t->r, &rows, &why);
	if (rows != NULL) {
		take_rows(t, rows);
		result_value(&t->r.result, "clusters", json_incref(rows));
	}
	json_decref(rows);
	if (turn_missing(t, &missing, err) != 0) {
		r = -1;
	} else {
		if (missing.len == 0)
			t->journal.record.applied_at = clock_now();
		if (turn_journal_write(&t->journal, err) != 0)
			r = -1;
		else if (r != 0)
			err_set(err, why.class, "%s", why.text);
	}
	buf_clear(&missing);
	return r;
}

const struct turn_step turn_applied = { "clusters", look_applied, act_applied };

/* --- it works, now ---------------------------------------------------------------------------- */

static int look_prove(struct turn *t, struct step_look *l, struct err *err)
{
	struct buf missing = BUF_INIT;
	int r = 0;

	if (t->proven || is_unseen(t)) {
		t->proven = true;
		step_found(l, false, t->journal.record.aborted ? "nothing has changed" : "proven");
		return 0;
	}
	/* what was waited for may not have been everyone */
	if (t->journal.there)
		r = turn_missing(t, &missing, err);
	if (r == 0 && missing.len > 0)
		say_missing(l, buf_str(&missing));
	else if (r == 0)
		step_found(l, true, "the key is proven once more");
	buf_clear(&missing);
	return r;
}

/* Has GitHub seen it used?  The old key was before; of the new one any use tells. */
static int look_used(struct turn *t, bool *used, struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	const struct deploy_key *key;

	*used = false;
	if (t->by_hand)
		return 0;
	if (turn_hub_look(t, err) != 0)
		return -1;
	key = deploy_keys_find(&t->hub.keys, turn_goal(t));
	if (key == NULL || key->disabled)
		return err_set(err, ERR_REFUSED, "%s: the key that is to serve is %s",
			       t->hub.repository,
			       key == NULL ? "not registered" : "disabled by a policy");
	*used = key->last_used > (j->aborted ? j->applied_at : 0);
	if (*used)
		out_note("%s: \"%s\" was used, says GitHub", t->hub.repository, key->title);
	return 0;
}

static bool try_again(struct turn *t, struct err *why)
{
	if (!t->journal.record.aborted)
		turn_open_new(t);
	if (t->journal.record.aborted || t->secret.n == 0) {
		err_set(why, ERR_NOKEY, "no key at hand opens its document to try it");
		return false;
	}
	return try_it(t, why) == TRIED_WORKS;
}

static int act_prove(struct turn *t, struct err *err)
{
	struct err why = ERR_INIT;
	int64_t timeout = 0, end;
	bool used;

	if (look_used(t, &used, err) != 0)
		return -1;
	t->proven = used || try_again(t, &why);
	if (t->proven)
		return 0;
	if (t->o->base.wait.wait && !t->by_hand)
		wait_parse_timeout(t->o->base.wait.timeout != NULL ? t->o->base.wait.timeout
								   : WAIT_DEFAULT,
				   &timeout);
	end = clock_monotonic_ms() + timeout;
	if (timeout > 0)
		out_note("waiting until GitHub tells that the key was used: %s", why.text);
	while (!t->proven && clock_monotonic_ms() < end) {
		clock_sleep(clock_sooner(POLL_MS, end - clock_monotonic_ms()));
		if (look_used(t, &t->proven, err) != 0)
			return -1;
	}
	if (t->proven)
		return 0;
	return err_set(err, ERR_FINDINGS,
		       "the key is not proven yet (%s), and GitHub tells of no use: nothing is "
		       "deleted; run this again later",
		       why.text);
}

const struct turn_step turn_prove = { "proof", look_prove, act_prove };
