/* SPDX-License-Identifier: Apache-2.0 */
/* The new key: made, sealed and kept in the journal, and at last in its file. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/seal.h"
#include "github/deploy_keys.h"
#include "kinds/github_hosts.h"
#include "kinds/sshkey.h"
#include "kinds/url.h"
#include "sealer/fresh.h"
#include "sealer/turn.h"

static void tell_notes(struct turn *t)
{
	for (size_t i = 0; i < t->r.notes.n; i++)
		out_warn("%s: %s", t->r.in->args[0], t->r.notes.text[i]);
	notes_clear(&t->r.notes);
}

static char *first_line(const struct kv *data, const char *name)
{
	const char *s = kv_get_str(data, name);

	return s != NULL ? mem_strn(s, strcspn(s, "\r\n")) : NULL;
}

/* --- which key a document holds --------------------------------------------------------------- */

/* A record's document, alone in a file. */
static int load(const char *text, struct edit_file *out, struct err *err)
{
	struct buf copy = BUF_INIT;

	buf_puts(&copy, text);
	if (edit_load("journal", &copy, out, err) != 0)
		return -1;
	return out->n == 1 ? 0 : err_set(err, ERR_INVALID, "journal: not one document");
}

static bool is_text(const struct document *d, const char *text)
{
	char now[DOCUMENT_DIGEST_TEXT], then[DOCUMENT_DIGEST_TEXT] = "";
	struct edit_file file = EDIT_FILE_INIT;

	document_digest(d, now);
	if (load(text, &file, NULL) == 0)
		document_digest(&file.documents[0], then);
	edit_clear(&file);
	return strcmp(now, then) == 0;
}

static char *open_public(struct turn *t)
{
	struct kind_secret s = KIND_SECRET_INIT;
	char *line = NULL;

	if (t->r.with_keys &&
	    open_document(t->r.document, &t->r.keys, t->r.now, &s, NULL, NULL, NULL) == 0)
		line = first_line(&s.data, "identity.pub");
	kind_secret_clear(&s);
	return line;
}

/* One that was resealed since has another digest, and the same key. */
enum turn_holds turn_holds(struct turn *t)
{
	const struct turn_record *j = &t->journal.record;
	enum turn_holds holds = TURN_HOLDS_OTHER;
	char *line;

	if (!t->journal.there || is_text(t->r.document, j->old_text))
		return TURN_HOLDS_OLD;
	if (is_text(t->r.document, j->new_text))
		return TURN_HOLDS_NEW;
	line = open_public(t);
	if (line != NULL && deploy_key_same(line, j->new_public))
		holds = TURN_HOLDS_NEW;
	else if (line != NULL && j->old_public != NULL && deploy_key_same(line, j->old_public))
		holds = TURN_HOLDS_OLD;
	mem_free(line);
	return holds;
}

void turn_open_goal(struct turn *t)
{
	const struct turn_record *j = &t->journal.record;
	struct edit_file file = EDIT_FILE_INIT;
	struct kind_secret s = KIND_SECRET_INIT;

	if (t->secret.n == 0 && t->r.with_keys &&
	    load(j->aborted ? j->old_text : j->new_text, &file, NULL) == 0 &&
	    open_document(&file.documents[0], &t->r.keys, t->r.now, &s, NULL, NULL, NULL) == 0)
		kv_copy(&t->secret, &s.data);
	kind_secret_clear(&s);
	edit_clear(&file);
}

/* --- making ----------------------------------------------------------------------------------- */

static int look_make(struct turn *t, struct step_look *l, struct err *err)
{
	(void)err;
	if (t->journal.there)
		step_found(l, false, "%s", t->journal.record.new_public);
	else
		step_found(l, true, "a new key of the old one's type is made and sealed");
	return 0;
}

/* Proven, or with --keep-old the word of the facts, as `set` takes it. */
static int open_old(struct turn *t, struct kind_secret *old, struct err *err)
{
	struct err why = { .class = ERR_NOKEY };

	if (t->r.with_keys &&
	    open_document(t->r.document, &t->r.keys, t->r.now, old, NULL, NULL, &why) == 0)
		return 0;
	if (t->o->keep_old && why.class == ERR_NOKEY)
		return turn_hub_check(t, false, err);
	if (why.class != ERR_NOKEY)
		return err_set(err, why.class, "%s", why.text);
	return err_set(err, ERR_NOKEY,
		       "only the key that the document holds is deleted in the end, so it has to "
		       "be opened: give a key with -i FILE or --keys DIR; --keep-old rotates "
		       "without, and leaves the old key registered");
}

static int choose_type(const struct turn *t, const struct kind_secret *old, enum pkey_type *type,
		       struct err *err)
{
	char *line = first_line(&old->data, "identity.pub");
	struct buf blob = BUF_INIT;
	struct sshpub pub;

	*type = PKEY_ED25519;
	if (t->o->type != NULL) {
		mem_free(line);
		return sshkey_type("--type", t->o->type, type, err);
	}
	if (line != NULL && sshpub_parse_line("old", line, strlen(line), &blob, NULL) == 0 &&
	    sshpub_check(blob.data, blob.len, &pub) == NULL)
		*type = pub.type;
	buf_clear(&blob);
	mem_free(line);
	return 0;
}

/* What seals them, too, when the old document was not opened: GitHub's keys are built in. */
static void take_built_in(struct turn *t)
{
	const struct document_part *part = document_part(t->r.document, KIND_PART);
	const char *text = kv_get_str(&part->facts, "url");
	struct buf lines = BUF_INIT;
	struct url url;

	if (text != NULL && url_parse("url", text, URL_SSH, &url, NULL) == 0 &&
	    github_hosts_is(url.host)) {
		github_hosts_format(&url, &lines);
		kv_set(&t->secret, "known_hosts", lines.data, lines.len);
	}
	buf_clear(&lines);
}

/* The input of the new document: a key made here, all else as it was. */
static int make_fields(struct turn *t, const struct kind_secret *old, struct err *err)
{
	const struct kv_item *hosts = kv_get(&old->data, "known_hosts");
	struct sshkey key = SSHKEY_INIT;
	struct buf pem = BUF_INIT;
	enum pkey_type type;
	int r = choose_type(t, old, &type, err);

	if (r == 0)
		r = sshkey_generate(type, &pem, &key, err);
	if (r == 0) {
		kv_set(&t->r.fields, "private-key", pem.data, pem.len);
		kv_set(&t->secret, "identity", pem.data, pem.len);
	}
	if (hosts != NULL) {
		kv_set(&t->r.fields, "known-hosts", hosts->data, hosts->len);
		kv_set(&t->secret, "known_hosts", hosts->data, hosts->len);
	} else if (r == 0) {
		take_built_in(t);
	}
	if (kv_has(&old->data, "password"))
		out_note("%s: the old key is encrypted with a password; the new one is not, as its "
			 "document is",
			 t->r.in->args[0]);
	buf_clear(&pem);
	sshkey_clear(&key);
	return r;
}

static void tell_added(const struct turn *t)
{
	struct kv parts = KV_INIT;

	kv_set_str(&parts, KIND_PART, "");
	fresh_tell_added(t->r.document, &parts, &t->r.to, t->r.in->args[0]);
	kv_clear(&parts);
}

static int remember(struct turn *t, const struct kind_secret *old, struct err *err)
{
	struct turn_record *j = &t->journal.record;
	const struct document_part *new = document_part(&t->r.fresh, KIND_PART);
	struct buf was = BUF_INIT, is = BUF_INIT;
	const char *public = kv_get_str(&new->facts, "public-key");
	int r = document_format(t->r.document, &was, err);

	if (r == 0)
		r = document_format(&t->r.fresh, &is, err);
	if (r == 0 && public == NULL)
		r = err_set(err, ERR_INTERNAL, "the new key has no public half");
	if (r == 0) {
		*j = (struct turn_record){
			.file = mem_str(t->r.target.below),
			.document =
			    mem_printf("%s/%s", t->r.document->namespace, t->r.document->name),
			.url = mem_str(kv_get_str(&new->facts, "url")),
			.old_public = first_line(&old->data, "identity.pub"),
			.new_public = mem_str(public),
			.old_text = mem_str(buf_str(&was)),
			.new_text = mem_str(buf_str(&is)),
			.started = t->r.now,
		};
		r = turn_journal_write(&t->journal, err);
	}
	buf_clear(&was);
	buf_clear(&is);
	return r;
}

static int act_make(struct turn *t, struct err *err)
{
	struct kind_secret old = KIND_SECRET_INIT;
	int r = rotate_recipients(&t->r, err);

	if (r == 0)
		r = open_old(t, &old, err);
	if (r == 0)
		tell_added(t);
	if (r == 0)
		r = make_fields(t, &old, err);
	if (r == 0)
		r = rotate_seal(&t->r, err);
	if (r == 0)
		r = remember(t, &old, err);
	tell_notes(t);
	kind_secret_clear(&old);
	return r;
}

const struct turn_step turn_make = { "key", look_make, act_make };

/* --- writing ---------------------------------------------------------------------------------- */

static bool is_goal(const struct turn *t, enum turn_holds holds)
{
	return holds == (t->journal.record.aborted ? TURN_HOLDS_OLD : TURN_HOLDS_NEW);
}

int turn_can_write(struct turn *t, struct err *err)
{
	const struct turn_record *j = &t->journal.record;

	if (is_goal(t, turn_holds(t)) ||
	    is_text(t->r.document, j->aborted ? j->new_text : j->old_text))
		return 0;
	if (j->aborted)
		return err_set(err, ERR_CONFLICT,
			       "the document was changed since the new key was sealed into it, so "
			       "the old one does not take its place; put back the version with the "
			       "new key as it was made, or go on without --abort");
	return err_set(err, ERR_CONFLICT,
		       "the document was changed since the new key was made for it; give this up "
		       "with --abort, and begin anew");
}

static int look_pulls(struct turn *t, bool has, struct step_look *l, struct err *err)
{
	const struct turn_record *j = &t->journal.record;
	struct edit_file file = EDIT_FILE_INIT;
	int r = 0;

	if (j->pull.branch != NULL || j->back.branch != NULL)
		r = load(j->aborted ? j->old_text : j->new_text, &file, err);
	if (r == 0 && file.n > 0)
		r = turn_pull_write(t, &file.documents[0], has, l, err);
	edit_clear(&file);
	return r;
}

static int look_write(struct turn *t, struct step_look *l, struct err *err)
{
	enum turn_holds holds = turn_holds(t);

	if (!t->journal.there) {
		step_found(l, true, "the new document takes the place of the old one in %s",
			   t->r.in->args[0]);
		return 0;
	}
	if (turn_is_unseen(t)) {
		step_found(l, false, "%s never had the new key", t->r.in->args[0]);
		return 0;
	}
	if (look_pulls(t, is_goal(t, holds), l, err) != 0)
		return -1;
	if (l->stop)
		return 0;
	if (is_goal(t, holds)) {
		step_found(l, false, "%s has it", t->r.in->args[0]);
		return 0;
	}
	if (turn_can_write(t, err) != 0)
		return -1;
	step_found(l, true, "%s gets the document with the %s key", t->r.in->args[0],
		   t->journal.record.aborted ? "old" : "new");
	return 0;
}

static int put(struct turn *t, const char *text, struct err *err)
{
	struct file_write w = { .path = t->r.target.real, .mode = 0600, .expect = &t->r.st };
	struct edit_file file = EDIT_FILE_INIT;
	int r = load(text, &file, err);

	if (r == 0)
		r = fresh_put(&t->r.file, t->r.index, &file.documents[0], err);
	if (r == 0)
		r = file_write(&w, t->r.file.text.data, t->r.file.text.len, err);
	t->r.document = &t->r.file.documents[t->r.index];
	edit_clear(&file);
	return r;
}

static int act_write(struct turn *t, struct err *err)
{
	struct turn_record *j = &t->journal.record;

	/* from now on it may be committed, and reach a cluster */
	if (!j->written) {
		j->written = true;
		if (turn_journal_write(&t->journal, err) != 0)
			return -1;
	}
	return put(t, j->aborted ? j->old_text : j->new_text, err);
}

const struct turn_step turn_write = { "document", look_write, act_write };
