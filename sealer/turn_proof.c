/* SPDX-License-Identifier: Apache-2.0 */
/* That the new key works, that every cluster has it, and again that it works. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "github/deploy_keys.h"
#include "sealer/readers.h"
#include "sealer/ssh_try.h"
#include "sealer/turn.h"

/* --- a try over SSH --------------------------------------------------------------------------- */

/* With the key that is to serve; an old one may do more than Flux needs. */
static enum ssh_try try_it(struct turn *t, struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	const struct ssh_try_options o = {
		.url = j->url,
		.data = &t->secret,
		.fresh = !j->aborted && !t->by_hand,
		.may_write = j->aborted,
	};

	turn_open_goal(t);
	if (t->secret.n > 0)
		return ssh_try(&o, err);
	err_set(err, ERR_NOKEY, "no key at hand opens the document that holds it, to try it");
	return SSH_TRY_UNKNOWN;
}

static int look_try(struct turn *t, struct step_look *l, struct err *err)
{
	const struct turn_record *j = &t->journal.record;

	(void)err;
	if (t->to_abort)
		step_found(l, true, "the old key is tried at %s", j->url);
	else if (j->aborted)
		step_found(l, false, "it is to go");
	else if (j->tried)
		step_found(l, false, "the server took the new key");
	else
		step_found(l, true, "the new key is tried at %s",
			   t->journal.there ? j->url : "the server");
	return 0;
}

/* Only who registers it himself can know better than the server, and nothing else tells us. */
static int leave_registering(struct turn *t, enum ssh_try tried, const char *why, struct err *err)
{
	return err_set(err, ERR_REFUSED,
		       "%s; register this key at %s, for reading only, and run this again%s: %s",
		       why, t->journal.record.url,
		       tried == SSH_TRY_UNKNOWN ? " from where the server is reached" : "",
		       t->journal.record.new_public);
}

static int act_try_new(struct turn *t, struct err *err)
{
	struct err why = ERR_INIT;
	enum ssh_try tried = try_it(t, &why);

	if (tried == SSH_TRY_WORKS) {
		t->journal.record.tried = true;
		return turn_journal_write(&t->journal, err);
	}
	if (t->by_hand)
		return leave_registering(t, tried, why.text, err);
	if (tried == SSH_TRY_UNKNOWN) {
		out_warn("the new key could not be tried from here, and is proven by its use: %s",
			 why.text);
		return 0;
	}
	return err_set(err, why.class,
		       "%s; the old key serves on, and --abort takes the new one back", why.text);
}

/* The new key serves by now: nothing goes back to one that does not. */
static int check_old(struct turn *t, struct err *err)
{
	struct err why = ERR_INIT;
	enum ssh_try tried;

	if (!t->by_hand && (turn_hub_look(t, err) != 0 || turn_hub_goal(t, err) == NULL))
		return -1;
	tried = try_it(t, &why);
	if (tried == SSH_TRY_WORKS)
		return 0;
	if (tried == SSH_TRY_UNKNOWN && !t->by_hand) {
		out_warn("the old key could not be tried from here, and is to be proven by its "
			 "use: %s",
			 why.text);
		return 0;
	}
	return err_set(err, why.class, "the old key: %s", why.text);
}

static int act_try_old(struct turn *t, struct err *err)
{
	if (check_old(t, err) != 0)
		return err_wrap(err, "nothing goes back (without --abort it goes on with the new "
				     "key)");
	t->to_abort = false;
	return turn_journal_write(&t->journal, err);
}

static int act_try(struct turn *t, struct err *err)
{
	return t->to_abort ? act_try_old(t, err) : act_try_new(t, err);
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

	if (turn_is_unseen(t)) {
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
		t->journal.record.applied_at = 0; /* the proof says since when */
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

	if (t->proven || turn_is_unseen(t)) {
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

/* Every cluster has the key that is to serve, and our clock is GitHub's. */
static int note_applied(struct turn *t, struct err *err)
{
	if (t->journal.record.applied_at != 0)
		return 0;
	t->journal.record.applied_at = clock_now();
	return turn_journal_write(&t->journal, err);
}

/* The old key was used before, and the new one by our own try: uses since then tell. */
static int64_t uses_since(const struct turn_record *j)
{
	return j->aborted || j->tried ? j->applied_at : 0;
}

/* Has GitHub seen it used? */
static int look_used(struct turn *t, bool *used, struct err *err)
{
	const struct deploy_key *key;

	*used = false;
	if (t->by_hand)
		return 0;
	key = turn_hub_look(t, err) == 0 ? turn_hub_goal(t, err) : NULL;
	if (key == NULL)
		return err_wrap(err, "nothing is deleted");
	if (note_applied(t, err) != 0)
		return -1;
	*used = turn_hub_used(t, key) > uses_since(&t->journal.record);
	if (*used)
		out_note("%s: \"%s\" was used, says GitHub", t->hub.repository, key->title);
	return 0;
}

static int unproven(const struct turn *t, enum ssh_try tried, const struct err *why,
		    struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	const char *key = j->aborted ? "old" : "new";

	if (tried != SSH_TRY_UNKNOWN)
		return err_set(err, why->class,
			       "the %s key does not work, so nothing is deleted: %s; once it is "
			       "registered at %s, for reading only, run this again: %s",
			       key, why->text, j->url, turn_goal(t));
	return err_set(err, ERR_FINDINGS,
		       "the %s key is not proven yet (%s)%s: nothing is deleted; run this again "
		       "%s",
		       key, why->text, t->by_hand ? "" : ", and GitHub tells of no use",
		       t->by_hand ? "with a key that opens it, from where its server is reached"
				  : "later");
}

static int act_prove(struct turn *t, struct err *err)
{
	struct err why = ERR_INIT;
	enum ssh_try tried;
	int64_t timeout = 0, end;
	bool used;

	if (look_used(t, &used, err) != 0)
		return -1;
	/* what its server says now is worth more than a use some time ago */
	tried = try_it(t, &why);
	t->proven = tried == SSH_TRY_WORKS || (tried == SSH_TRY_UNKNOWN && used);
	if (t->proven)
		return 0;
	if (tried == SSH_TRY_UNKNOWN && t->o->base.wait.wait && !t->by_hand)
		wait_parse_timeout(t->o->base.wait.timeout != NULL ? t->o->base.wait.timeout
								   : WAIT_DEFAULT,
				   &timeout);
	end = clock_monotonic_ms() + timeout;
	if (timeout > 0)
		out_note("waiting until GitHub tells that the key was used: %s", why.text);
	while (!t->proven && clock_monotonic_ms() < end) {
		clock_sleep(clock_sooner(TURN_POLL_MS, end - clock_monotonic_ms()));
		if (look_used(t, &t->proven, err) != 0)
			return -1;
	}
	if (t->proven)
		return 0;
	return unproven(t, tried, &why, err);
}

const struct turn_step turn_prove = { "proof", look_prove, act_prove };
