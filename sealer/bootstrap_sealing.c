/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's sealing key, and the recipient that the repository has for it. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/document.h"
#include "keys/config_edit.h"
#include "sealer/agree.h"
#include "sealer/backup.h"
#include "sealer/bootstrap.h"
#include "sealer/driver.h"
#include "sealer/input.h"
#include "sealer/install.h"
#include "sealer/keygen.h"
#include "sealer/recovery.h"
#include "sealer/repo.h"
#include "sealer/roster.h"
#include "sealer/rules.h"

/* --- what there is ---------------------------------------------------------------------------- */

/* The recipient of the repository, or NULL. */
static const struct recipient *recipient_of(const struct bootstrap *b)
{
	return recipients_find(&b->config.recipients, b->o->cluster);
}

/* The keys that the cluster has now. */
static int read_keys(struct bootstrap *b, struct err *err)
{
	char *version = NULL;
	int r;

	kv_clear(&b->keys);
	keyring_clear(&b->ring);
	r = install_read(&b->cluster, CLUSTER_NAMESPACE, &b->keys, &version, err);
	for (size_t i = 0; r == 0 && i < b->keys.n; i++)
		r = keyring_add_bytes(&b->ring, b->keys.items[i].name, b->keys.items[i].data,
				      b->keys.items[i].len, NULL, NULL, err);
	mem_free(version);
	return r;
}

static const struct age_identity *active_key(const struct bootstrap *b)
{
	return b->ring.n > 0 ? b->ring.ids[b->ring.n - 1] : NULL;
}

/* A command that was meant for one region must not change the other. */
static int refuse_other(const struct bootstrap *b, struct err *err)
{
	const struct recipient *other = NULL;

	for (size_t i = 0; i < b->ring.n; i++) {
		const struct recipient *r =
		    recipients_find_id(&b->config.recipients, age_identity_id(b->ring.ids[i]));

		if (r != NULL && strcmp(r->name, b->o->cluster) == 0)
			return 0;
		if (r != NULL)
			other = r;
	}
	if (other == NULL)
		return 0;
	return err_set(err, ERR_RECIPIENT,
		       "context %s is the cluster of %s, not of %s: it has that one's sealing key; "
		       "nothing was done there",
		       b->o->context, other->name, b->o->cluster);
}

/* --- the key in the cluster ------------------------------------------------------------------- */

static int look_key(struct bootstrap *b, struct step_look *l, struct err *err)
{
	const struct recipient *is = recipient_of(b);

	if (read_keys(b, err) != 0 || refuse_other(b, err) != 0)
		return -1;
	if (is != NULL && keyring_find(&b->ring, is->id) != NULL)
		step_found(l, false, "the cluster has key %s", is->id);
	else if (is != NULL)
		step_found(l, true, "key %s comes back from its backup in %s", is->id, REPO_KEYS);
	else if (b->ring.n > 0)
		step_found(l, false, "the cluster has key %s", age_identity_id(active_key(b)));
	else
		step_found(l, true, "a new key is made in the cluster");
	return 0;
}

static int restore(struct bootstrap *b, struct kv *files, struct err *err)
{
	struct keyring recovery = KEYRING_INIT;
	struct notes notes = NOTES_INIT;
	int r = recovery_load(b->o->identity, b->o->passphrase_file, &recovery, err);

	if (r != 0)
		err_wrap(err, "the recovery key, which opens the backup of %s's key (-i FILE)",
			 b->o->cluster);
	if (r == 0)
		r = keygen_open(b->top, b->o->cluster, &recovery, files, &notes, err);
	if (r == 0)
		r = install_check(b->o->cluster, &b->config, files, false, err);
	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s", notes.text[i]);
	notes_clear(&notes);
	keyring_clear(&recovery);
	return r;
}

static void make(struct kv *files)
{
	struct age_identity *id = age_identity_generate();
	int64_t now = clock_now();
	char *name = keyring_file_name(id, now);
	struct buf text = BUF_INIT;

	keyring_file_format(id, now, &text);
	kv_set(files, name, text.data, text.len);
	buf_clear(&text);
	mem_free(name);
	age_identity_free(id);
}

/*
 * A new key is in the cluster before the repository hears of it: a run that ends in between is
 * ended by the next one, which finds it there and needs no recovery key for it.
 */
static int act_key(struct bootstrap *b, struct err *err)
{
	struct install_result result;
	struct kv files = KV_INIT;
	int r = 0;

	if (recipient_of(b) != NULL)
		r = restore(b, &files, err);
	else
		make(&files);
	if (r == 0)
		r = install_keys(&b->cluster, CLUSTER_NAMESPACE, &files, &result, err);
	kv_clear(&files);
	return r == 0 ? read_keys(b, err) : -1;
}

const struct bootstrap_step bootstrap_sealing_key = { "sealing-key", look_key, act_key };

/* --- the recipient ---------------------------------------------------------------------------- */

char *bootstrap_rule(const struct bootstrap *b)
{
	return mem_printf("%s/**", b->path);
}

bool bootstrap_is_ruled(const struct bootstrap *b, const struct config *config)
{
	char *file = mem_printf("%s/%s", b->path, BOOTSTRAP_KEY_FILE);
	struct recipients to = RECIPIENTS_INIT;
	bool is = config_select(config, file, BOOTSTRAP_NAMESPACE, "deploy-key", &to, NULL) == 0 &&
		  recipients_find(&to, b->o->cluster) != NULL;

	recipients_clear(&to);
	mem_free(file);
	return is;
}

static int has_backup(const struct bootstrap *b, bool *has, struct err *err)
{
	char *path = repo_key_path(b->o->cluster, NULL);
	struct buf text = BUF_INIT;
	int r = repo_read(b->top, path, REPO_KEY_MAX, &text, NULL, has, err);

	buf_clear(&text);
	mem_free(path);
	return r;
}

/* Has this user agreed to the key that the cluster itself has? */
static int is_pinned(const struct bootstrap *b, const struct recipient *is, bool *pinned,
		     struct err *err)
{
	struct recipients one = RECIPIENTS_INIT;
	enum pins_state state = PINS_NEW;
	int r = recipients_add(&one, is->name, &is->key, err);

	if (r == 0)
		r = agree_states(b->top, &one, &state, err);
	*pinned = state == PINS_KNOWN;
	recipients_clear(&one);
	return r;
}

static int look_recipient(struct bootstrap *b, struct step_look *l, struct err *err)
{
	const struct recipient *is = recipient_of(b);
	bool backup = false, pinned = false, pending = false, driver = false;

	if (!b->configured) {
		/* what runs us without one prints and logs what we say (Terraform does) */
		if (recovery_is_new(b->o->recovery) && !input_terminal())
			return err_set(err, ERR_USAGE,
				       "no terminal to show a new recovery key's passphrase at: "
				       "'bulla init' at one first, or name a key with --recovery");
		step_found(l, true, "%s is made, with %s and a recovery key", CONFIG_PATH,
			   b->o->cluster);
		return 0;
	}
	if (is == NULL) {
		step_found(l, true, "%s gets %s and a rule for %s/", CONFIG_PATH, b->o->cluster,
			   b->path);
		return 0;
	}
	if (has_backup(b, &backup, err) != 0 || is_pinned(b, is, &pinned, err) != 0 ||
	    backup_pending(b->top, is->name, is->id, &pending, err) != 0 ||
	    driver_is_set_up(b->top, &driver, err) != 0)
		return -1;
	if (!bootstrap_is_ruled(b, &b->config))
		step_found(l, true, "%s gets a rule for %s/", CONFIG_PATH, b->path);
	else if (!backup || pending)
		step_found(l, true, "the backup of key %s is written", is->id);
	else if (!pinned)
		step_found(l, true, "the cluster has the key of %s: it is agreed to", is->name);
	else if (!driver)
		step_found(l, true, DRIVER_ATTRIBUTES " gets the lines for sealed documents");
	else
		step_found(l, false, "%s has %s for %s", CONFIG_PATH, is->id, is->name);
	return 0;
}

/* As sealer/backup.h has it: the new key's backup under its id, to be settled in the end. */
static int write_backup(struct bootstrap *b, const struct age_identity *id,
			const struct age_recipient *recovery, struct err *err)
{
	const struct kv_item *item = NULL;
	struct buf text = BUF_INIT;
	struct kv files = KV_INIT;
	bool backup = false, pending = false;
	char *path;
	int r = has_backup(b, &backup, err);

	if (r == 0)
		r = backup_pending(b->top, b->o->cluster, age_identity_id(id), &pending, err);
	if (r == 0 && backup && recipient_of(b) == NULL)
		r = err_set(err, ERR_CONFLICT,
			    "%s/%s.age is there, and %s has no recipient %s: 'bulla keys verify' "
			    "says whose key is in it; give the file that key's id, "
			    "%s/%s.KEYID.age",
			    REPO_KEYS, b->o->cluster, CONFIG_PATH, b->o->cluster, REPO_KEYS,
			    b->o->cluster);
	if (r != 0 || backup || pending)
		return r;
	for (size_t i = 0; i < b->keys.n; i++)
		if (strstr(b->keys.items[i].name, age_identity_id(id)) != NULL)
			item = &b->keys.items[i];
	if (item == NULL) /* a key of another file name is the last */
		item = &b->keys.items[b->keys.n - 1];
	kv_set(&files, item->name, item->data, item->len);
	path = repo_key_path(b->o->cluster, age_identity_id(id));
	r = backup_seal(&files, recovery, &text, err);
	if (r == 0)
		r = repo_write(b->top, path, &text, NULL, err);
	mem_free(path);
	kv_clear(&files);
	buf_clear(&text);
	return r;
}

/* The text of a config that has the recipient and a rule for its folder, from what there is. */
static int edit_config(const struct bootstrap *b, const struct age_recipient *key, struct buf *text,
		       struct err *err)
{
	char *rule = bootstrap_rule(b);
	int r = 0;

	if (recipient_of(b) == NULL)
		r = config_edit_add(CONFIG_PATH, text, b->o->cluster, key, err);
	if (r == 0 && !bootstrap_is_ruled(b, &b->config))
		r = config_edit_rule(CONFIG_PATH, text, rule, b->o->cluster, err);
	mem_free(rule);
	return r;
}

static int change_config(struct bootstrap *b, const struct age_recipient *key, struct err *err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	bool exists;
	size_t had;
	int r = repo_read(b->top, CONFIG_PATH, CONFIG_MAX, &text, &st, &exists, err);

	had = text.len;
	if (r == 0)
		r = edit_config(b, key, &text, err);
	if (r == 0 && text.len != had)
		r = bootstrap_write(b, CONFIG_PATH, &text, &st, err);
	buf_clear(&text);
	return r;
}

static int new_config(struct bootstrap *b, const struct age_recipient *key,
		      const struct age_recipient *recovery, struct err *err)
{
	char *names[] = { mem_str(b->o->cluster) };
	struct config_rule rules[] = {
		{ .path = bootstrap_rule(b), .to = names, .n = 1 },
		{ .path = mem_str("**"), .to = names, .n = 1 },
	};
	struct recipients r = RECIPIENTS_INIT;
	struct buf text = BUF_INIT;
	int rc = -1;

	/* agreed to before anybody can read it: a run that ends in between must not ask again */
	if (recipients_add(&r, b->o->cluster, key, err) == 0 &&
	    recipients_add(&r, CONFIG_RECOVERY, recovery, err) == 0 &&
	    agree_pin(b->top, &r, err) == 0) {
		config_format(&r, rules, 2, &text);
		rc = bootstrap_write(b, CONFIG_PATH, &text, NULL, err);
	}
	recipients_clear(&r);
	buf_clear(&text);
	mem_free(rules[0].path);
	mem_free(rules[1].path);
	mem_free(names[0]);
	return rc;
}

static int begin_repository(struct bootstrap *b, const struct age_identity *id, struct err *err)
{
	struct recovery recovery;
	int r = recovery_take(b->o->recovery, clock_now(), &recovery, err);

	if (r != 0)
		return -1;
	r = recovery_write(&recovery, err);
	if (r == 0)
		r = write_backup(b, id, &recovery.key, err);
	if (r == 0)
		r = new_config(b, age_identity_recipient(id), &recovery.key, err);
	recovery_clear(&recovery);
	return r;
}

static int add_recipient(struct bootstrap *b, const struct age_identity *id, struct err *err)
{
	const struct roster_user user = { &b->o->accept, b->in->line, b->in->line_n };
	const struct recipient *recovery;
	int r = roster_recovery(b->top, &b->config, &user, &recovery, err);

	if (r == 0)
		r = write_backup(b, id, &recovery->key, err);
	if (r == 0)
		r = change_config(b, age_identity_recipient(id), err);
	return r;
}

/* The key that the repository has for it, or is to have. */
static const struct age_identity *own_key(const struct bootstrap *b)
{
	const struct recipient *is = recipient_of(b);

	return is != NULL ? keyring_find(&b->ring, is->id) : active_key(b);
}

static int pin(const struct bootstrap *b, const struct age_identity *id, struct err *err)
{
	struct recipients one = RECIPIENTS_INIT;
	int r = recipients_add(&one, b->o->cluster, age_identity_recipient(id), err);

	if (r == 0)
		r = agree_pin(b->top, &one, err);
	recipients_clear(&one);
	return r;
}

/* What the others share is not given to a new one without being asked for. */
static void leave_shared(struct bootstrap *b)
{
	buf_printf(
	    &b->left,
	    "what several clusters share is not sealed to %s yet: name it in the rules of %s "
	    "for that, then 'bulla reseal --add %s'\n",
	    b->o->cluster, CONFIG_PATH, b->o->cluster);
}

static int act_recipient(struct bootstrap *b, struct err *err)
{
	const struct age_identity *id = own_key(b);
	bool another = b->configured && recipient_of(b) == NULL && b->config.recipients.n > 1;
	int r;

	if (id == NULL)
		return err_set(err, ERR_NOKEY, "the cluster has no sealing key");
	r = b->configured ? add_recipient(b, id, err) : begin_repository(b, id, err);
	if (r == 0)
		r = pin(b, id, err);
	if (r == 0)
		r = backup_settle(b->top, b->o->cluster, age_identity_id(id), err);
	if (r == 0)
		r = driver_set_up(b->top, NULL, err);
	if (r != 0)
		return -1;
	if (another)
		leave_shared(b);
	config_clear(&b->config);
	r = roster_load(b->top, &b->config, err);
	b->configured = r == 0;
	return r;
}

const struct bootstrap_step bootstrap_recipient = { "recipient", look_recipient, act_recipient };
