/* SPDX-License-Identifier: Apache-2.0 */
/* The keys at GitHub: the new one is registered first, the old one deleted last. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/document.h"
#include "github/deploy_keys.h"
#include "sealer/holders.h"
#include "sealer/readers.h"
#include "sealer/turn.h"

#define TITLE "bulla " /* how register_title begins */

/*
 * A fetch that began with the old key just before its Secret changed may still be on its way to
 * the server, and what GitHub says of last_used may be a minute old.
 */
#define SETTLE_S 10
#define LATE_S 60

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

int turn_hub_open(struct turn *t, struct err *err)
{
	if (t->asked)
		return 0;
	if (turn_hub_check(t, t->journal.record.old_public != NULL, err) != 0 ||
	    register_need(&t->at, url_of(t), err) != 0 ||
	    register_open(&t->at, url_of(t), &t->hub, err) != 0)
		return -1;
	t->asked = true;
	return 0;
}

int turn_hub_look(struct turn *t, struct err *err)
{
	return turn_hub_open(t, err) == 0 ? register_look(&t->hub, err) : -1;
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
	return j->aborted ? "give it the old one, and run this again a minute later"
			  : "and end with --keep-old";
}

static int check_use(const struct turn *t, const struct deploy_key *key, struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	char used[CLOCK_TEXT_SIZE];

	if (is_titled_for_others(t, key->title))
		return err_set(
		    err, ERR_CONFLICT,
		    "the key that is to be deleted has the title \"%.200s\", of a cluster "
		    "that this document is not for; it stays: look whose it is, %s",
		    key->title, way_out(j));
	if (j->applied_at == 0 || key->last_used <= j->applied_at + LATE_S)
		return 0;
	clock_format(key->last_used, used);
	return err_set(err, ERR_CONFLICT,
		       "deploy key %lld \"%.200s\" was used at %s, after every cluster had applied "
		       "the other one: something else fetches with it; it stays: look what, %s",
		       (long long)key->id, key->title, used, way_out(j));
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
	return check_use(t, key, err);
}

static void settle(const struct turn *t)
{
	int64_t until = t->journal.record.applied_at + SETTLE_S, now = clock_now();

	if (now < until && until - now <= SETTLE_S)
		clock_sleep((until - now) * 1000);
}

/* What was listed before the wait may have been used since. */
static int delete_it(struct turn *t, struct err *err)
{
	const struct deploy_key *key;
	bool deleted = false;

	settle(t);
	if (turn_hub_look(t, err) != 0)
		return -1;
	key = deploy_keys_find(&t->hub.keys, turn_other(t));
	if (key == NULL)
		return 0;
	if (check(t, key, err) != 0 ||
	    deploy_keys_delete(t->hub.rest, t->hub.repository, key, &deleted, err) != 0)
		return -1;
	if (deleted)
		out_note("%s: deploy key %lld \"%s\" is deleted", t->hub.repository,
			 (long long)key->id, key->title);
	return 0;
}

static int act_remove(struct turn *t, struct err *err)
{
	char *holder;

	if (find_holder(t, turn_other(t), &holder, err) != 0)
		return -1;
	if (holder == NULL)
		return delete_it(t, err);
	/* one line, whatever the file is called */
	out_escape(&t->left, holder, strlen(holder));
	buf_puts(&t->left,
		 " holds the old key as well, which therefore stays: rotate that one too\n");
	mem_free(holder);
	return 0;
}

const struct turn_step turn_remove = { "deletion", look_remove, act_remove };
