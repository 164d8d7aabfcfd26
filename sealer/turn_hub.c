/* SPDX-License-Identifier: Apache-2.0 */
/* The keys at GitHub: the new one is registered first, the old one deleted last. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/document.h"
#include "github/deploy_keys.h"
#include "github/rest.h"
#include "sealer/holders.h"
#include "sealer/readers.h"
#include "sealer/turn.h"
#include "sealer/wait.h"

#define TITLE "bulla " /* how register_title begins */

/*
 * A fetch that began with the old key just before its Secret changed may still be on its way to
 * the server: so long the key stays there, and so late its use may be, and be GitHub's first word
 * of it.
 */
#define FETCH_S ((int64_t)10)
#define LATE_S ((int64_t)60)
#define TOKEN_MS 2700000 /* an App's lasts an hour */

/* --- asking ----------------------------------------------------------------------------------- */

static const char *url_of(const struct turn *t)
{
	return t->at.repository == NULL ? t->journal.record.url : NULL;
}

int turn_hub_check(const struct turn *t, bool opened, struct err *err)
{
	if (opened || t->by_hand || t->at.repository != NULL)
		return 0;
	return err_set(err, ERR_USAGE,
		       "the old document is not opened, so its URL is not proven, and nothing is "
		       "registered because of it: say which repository with --repo OWNER/NAME");
}

bool turn_hub_settle(const struct turn_options *o, int64_t *s)
{
	const char *text = o->settle != NULL ? o->settle : TURN_SETTLE;
	int64_t ms = 0;
	bool is = strcmp(text, "0s") == 0 || wait_parse_timeout(text, &ms);

	*s = ms / 1000;
	return is;
}

int turn_hub_open(struct turn *t, struct err *err)
{
	if (t->asked && clock_monotonic_ms() - t->asked_ms > TOKEN_MS)
		turn_hub_rest(t);
	if (t->asked)
		return 0;
	if (turn_hub_check(t, t->journal.record.old_public != NULL, err) != 0 ||
	    register_need(&t->at, url_of(t), err) != 0 ||
	    register_open(&t->at, url_of(t), &t->hub, err) != 0)
		return -1;
	t->asked = true;
	t->asked_ms = clock_monotonic_ms();
	return 0;
}

/* When a key was used is held against our clock, now and in a later run. */
static int check_clock(const struct turn *t, struct err *err)
{
	char *hint = rest_clock_hint(t->hub.rest);
	int r = 0;

	if (hint[0] != '\0')
		r = err_set(err, ERR_IO,
			    "when a key was used cannot be told, so nothing is deleted%s", hint);
	mem_free(hint);
	return r;
}

int turn_hub_look(struct turn *t, struct err *err)
{
	if (turn_hub_open(t, err) != 0 || register_look(&t->hub, err) != 0)
		return -1;
	return check_clock(t, err);
}

int64_t turn_hub_used(const struct turn *t, const struct deploy_key *key)
{
	return key->last_used != 0 ? key->last_used - rest_skew(t->hub.rest) : 0;
}

const struct deploy_key *turn_hub_goal(struct turn *t, struct err *err)
{
	const struct deploy_key *key = deploy_keys_find(&t->hub.keys, turn_goal(t));
	bool back = t->journal.record.aborted;

	if (key != NULL && !key->disabled)
		return key;
	if (key != NULL)
		err_set(err, ERR_REFUSED,
			"%s: the %s key is disabled by a policy of the organisation; an owner "
			"allows deploy keys in its settings",
			t->hub.repository, back ? "old" : "new");
	else if (back)
		err_set(err, ERR_REFUSED,
			"%s: the old key is not registered any more; register it there, for "
			"reading only: %s",
			t->hub.repository, turn_goal(t));
	else
		err_set(err, ERR_REFUSED,
			"%s: the new key is not registered any more; run this again, which "
			"registers it",
			t->hub.repository);
	return NULL;
}

/* Standard input and a person are asked once; an App can be again. */
void turn_hub_rest(struct turn *t)
{
	if (t->at.app == NULL)
		return;
	register_close(&t->hub);
	register_close(&t->pulls);
	t->asked = false;
}

/* --- the new key ------------------------------------------------------------------------------ */

static int look_register(struct turn *t, struct step_look *l, struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	const struct deploy_key *key;
	struct err why = ERR_INIT;

	if (t->by_hand) {
		step_found(l, false, "left to you");
		return 0;
	}
	if (!t->journal.there) {
		step_found(l, true, "the new key is registered at GitHub, for reading only");
		return 0;
	}
	if (j->aborted) {
		step_found(l, false, "it is to go");
		return 0;
	}
	if (turn_hub_look(t, err) != 0)
		return -1;
	key = register_find(&t->hub, j->new_public, &why);
	if (why.class != ERR_NONE)
		return err_set(err, why.class, "%s", why.text);
	if (key != NULL)
		step_found(l, false, "registered at %s: \"%s\"", t->hub.repository, key->title);
	else
		step_found(l, true, "the new key is registered at %s, for reading only",
			   t->hub.repository);
	return 0;
}

static char *make_title(struct turn *t, struct err *err)
{
	const struct document_part *part = document_part(t->r.document, KIND_PART);
	struct kv readers = KV_INIT;
	struct buf names = BUF_INIT;
	char *title = NULL;

	if (readers_of(t->r.target.top, part, &readers, err) == 0) {
		readers_names(&readers, &names);
		title = register_title(buf_str(&names), t->r.document->name,
				       t->journal.record.new_public);
	}
	kv_clear(&readers);
	buf_clear(&names);
	return title;
}

static int act_register(struct turn *t, struct err *err)
{
	char *title = make_title(t, err);
	bool added = false;
	int r = title != NULL
		    ? register_key(&t->hub, title, t->journal.record.new_public, &added, err)
		    : -1;

	if (r == 0) {
		out_note("%s: the deploy key \"%s\" %s, for reading only", t->hub.repository, title,
			 added ? "is registered" : "was registered already");
		register_tell(&t->hub, added);
	}
	mem_free(title);
	return r;
}

const struct turn_step turn_register = { "registration", look_register, act_register };

/* --- the old key ------------------------------------------------------------------------------ */

/* "FILE (NAMESPACE/NAME)" of another document that holds the key, a new string; NULL: none. */
static int find_holder(struct turn *t, const char *public, char **found, struct err *err)
{
	struct holders all = HOLDERS_INIT;
	char *own = mem_printf("%s/%s", t->r.document->namespace, t->r.document->name);
	int r = holders_find(t->r.target.top, &t->r.keys, &all, err);

	*found = NULL;
	for (size_t i = 0; r == 0 && i < all.n && *found == NULL; i++) {
		const struct holder *h = &all.items[i];

		if (strcmp(h->file, t->r.target.below) == 0 && strcmp(h->document, own) == 0)
			continue;
		if (holder_has(h, public))
			*found = mem_printf("%s (%s)", h->file, h->document);
	}
	if (r == 0 && *found == NULL && all.unread > 0)
		r = err_set(err, ERR_CONFLICT,
			    "%zu file%s could not be read, and may hold the key that is to be "
			    "deleted; mend them and run this again%s",
			    all.unread, all.unread == 1 ? "" : "s",
			    t->journal.record.aborted ? "" : ", or end with --keep-old");
	holders_clear(&all);
	mem_free(own);
	return r;
}

/* A title that names a cluster which this document is not for, as register_title makes them. */
static bool is_titled_for_others(const struct turn *t, const char *title)
{
	const struct document_part *part = document_part(t->r.document, KIND_PART);
	size_t n = strlen(TITLE);
	bool foreign = false;

	if (strncmp(title, TITLE, n) != 0)
		return false;
	title += n;
	while (*title != ' ' && *title != '\0') {
		char *name = mem_strn(title, strcspn(title, ", "));

		foreign = foreign || !kv_has(&part->recipients, name);
		title += strlen(name);
		title += *title == ',';
		mem_free(name);
	}
	return foreign;
}

static const char *way_out(const struct turn_record *j)
{
	return j->aborted ? "give it the old one, and run this again"
			  : "and run this again when it has another key, or end with --keep-old";
}

/* Seconds; no cluster's fetch is cut off, however short the user would have it. */
static int64_t settle_of(const struct turn *t)
{
	int64_t s = 0;

	turn_hub_settle(t->o, &s);
	return t->journal.record.applied.n > 0 && s < FETCH_S ? FETCH_S : s;
}

/* How late a use may be of those that had it before: of a short watch the first half. */
static int64_t late(const struct turn *t)
{
	int64_t s = 0;

	turn_hub_settle(t->o, &s);
	if (s == 0 || s >= 2 * LATE_S)
		return LATE_S;
	return s > 2 * FETCH_S ? s / 2 : FETCH_S;
}

static int check_title(const struct turn *t, const struct deploy_key *key, struct err *err)
{
	if (!is_titled_for_others(t, key->title))
		return 0;
	return err_set(err, ERR_CONFLICT,
		       "the key that is to be deleted has the title \"%.200s\", of a cluster that "
		       "this document is not for; it stays: look whose it is%s",
		       key->title, t->journal.record.aborted ? "" : ", and end with --keep-old");
}

/* Whoever used it gets another key, and then it is watched anew. */
static int check_use(struct turn *t, const struct deploy_key *key, struct err *err)
{
	struct turn_record *j = &t->journal.record;
	int64_t used = turn_hub_used(t, key);
	char text[CLOCK_TEXT_SIZE];

	if (turn_is_unseen(t) || used <= j->applied_at + late(t))
		return 0;
	j->applied_at = used;
	if (turn_journal_write(&t->journal, err) != 0)
		return -1;
	clock_format(used, text);
	return err_set(err, ERR_CONFLICT,
		       "deploy key %lld \"%.200s\" was used at %s, after every cluster had applied "
		       "the other one: something else fetches with it; it stays: look what, %s",
		       (long long)key->id, key->title, text, way_out(j));
}

static int look_at_hub(struct turn *t, struct step_look *l, struct err *err)
{
	const struct deploy_key *key;

	if (turn_hub_look(t, err) != 0)
		return -1;
	key = deploy_keys_find(&t->hub.keys, turn_other(t));
	if (key != NULL)
		step_found(l, true, "deploy key %lld \"%s\" is deleted", (long long)key->id,
			   key->title);
	else
		step_found(l, false, "%s does not have the %s key", t->hub.repository,
			   t->journal.record.aborted ? "new" : "old");
	return 0;
}

static int look_remove(struct turn *t, struct step_look *l, struct err *err)
{
	const char *other = turn_other(t);

	if (turn_pull_settled(t, l, err) != 0)
		return -1;
	if (l->stop)
		return 0;
	if (t->o->keep_old && !t->journal.record.aborted) {
		step_found(l, false, "the old key stays registered (--keep-old)");
	} else if (!t->journal.there) {
		step_found(l, true, "the old key is deleted");
	} else if (other == NULL) {
		step_found(l, false, "the old key was not opened, and stays registered");
	} else if (t->by_hand) {
		char *fingerprint = holders_fingerprint(other);

		step_leave(l, "delete the %s key at %s: %s",
			   t->journal.record.aborted ? "new" : "old", t->journal.record.url,
			   fingerprint != NULL ? fingerprint : other);
		l->stop = false;
		mem_free(fingerprint);
	} else {
		return look_at_hub(t, l, err);
	}
	return 0;
}

/* Everything again, right before what cannot be taken back. */
static int check(struct turn *t, const struct deploy_key *key, struct err *err)
{
	const struct turn_record *j = &t->journal.record;

	if (!turn_is_unseen(t) &&
	    (turn_holds(t) != (j->aborted ? TURN_HOLDS_OLD : TURN_HOLDS_NEW) || !t->proven))
		return err_set(err, ERR_INTERNAL, "the key that is to serve is not proven");
	/* a key that nobody was given serves nobody, whatever became of the other */
	if (!turn_is_unseen(t) && turn_hub_goal(t, err) == NULL)
		return err_wrap(err, "nothing is deleted");
	return check_title(t, key, err) == 0 ? check_use(t, key, err) : -1;
}

/* How long it is to be watched yet, in ms; a clock that was set back makes it no longer. */
static int64_t to_settle(const struct turn *t)
{
	int64_t all = settle_of(t), until = t->journal.record.applied_at + all;
	int64_t left = until - clock_now();
	char text[CLOCK_TEXT_SIZE];

	if (turn_is_unseen(t) || left <= 0)
		return 0;
	if (left > FETCH_S) {
		clock_format(until, text);
		out_note("until %s it is watched whether something else fetches with the %s key "
			 "(--settle); who stops this and runs it again goes on",
			 text, t->journal.record.aborted ? "new" : "old");
	}
	return (left < all ? left : all) * 1000;
}

/* Look until it has settled.  *key: that is to be deleted; NULL: it is gone. */
static int watch(struct turn *t, const struct deploy_key **key, struct err *err)
{
	int64_t end = clock_monotonic_ms() + to_settle(t);

	for (;;) {
		int64_t now = clock_monotonic_ms();

		if (turn_hub_look(t, err) != 0)
			return -1;
		*key = deploy_keys_find(&t->hub.keys, turn_other(t));
		if (*key == NULL)
			return 0;
		if (check(t, *key, err) != 0)
			return -1;
		if (now >= end)
			return 0;
		clock_sleep(clock_sooner(TURN_POLL_MS, end - now));
	}
}

static int delete_it(struct turn *t, const struct deploy_key *key, struct err *err)
{
	bool deleted = false;

	if (deploy_keys_delete(t->hub.rest, t->hub.repository, key, &deleted, err) != 0)
		return -1;
	if (deleted)
		out_note("%s: deploy key %lld \"%s\" is deleted", t->hub.repository,
			 (long long)key->id, key->title);
	return 0;
}

/* Does another document hold it?  Then the user is told. */
static int look_held(struct turn *t, bool *held, struct err *err)
{
	char *holder;

	if (find_holder(t, turn_other(t), &holder, err) != 0)
		return -1;
	*held = holder != NULL;
	if (!*held)
		return 0;
	/* one line, whatever the file is called */
	out_escape(&t->left, holder, strlen(holder));
	buf_puts(&t->left,
		 " holds the old key as well, which therefore stays: rotate that one too\n");
	mem_free(holder);
	return 0;
}

static int act_remove(struct turn *t, struct err *err)
{
	const struct deploy_key *key = NULL;
	bool held;

	if (look_held(t, &held, err) != 0)
		return -1;
	if (held)
		return 0;
	/* what was sealed meanwhile is in the way as well */
	if (watch(t, &key, err) != 0 || (key != NULL && look_held(t, &held, err) != 0))
		return -1;
	return key != NULL && !held ? delete_it(t, key, err) : 0;
}

const struct turn_step turn_remove = { "deletion", look_remove, act_remove };
