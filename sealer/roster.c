/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/roster.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "keys/config_edit.h"
#include "sealer/agree.h"
#include "sealer/backup.h"
#include "sealer/keygen.h"
#include "sealer/repo.h"
#include "sealer/target.h"

#define CLOCKS_APART 60 /* seconds that a file may seem to come from the future */

static int no_config(const char *top, struct err *err)
{
	return err_set(err, ERR_INVALID, "there is no %s/%s; 'bulla init' makes it", top,
		       CONFIG_PATH);
}

int roster_load(const char *top, struct config *out, struct err *err)
{
	bool found;

	if (target_config(top, out, &found, err) != 0)
		return -1;
	return found ? 0 : no_config(top, err);
}

static int read_config(const char *top, struct buf *text, struct stat *st, struct err *err)
{
	bool exists;

	if (repo_read(top, CONFIG_PATH, CONFIG_MAX, text, st, &exists, err) != 0)
		return -1;
	return exists ? 0 : no_config(top, err);
}

static int edit_add(const char *top, const char *name, const struct age_recipient *key,
		    struct err *err)
{
	struct recipients pinned = RECIPIENTS_INIT;
	struct buf text = BUF_INIT;
	struct stat st;
	int r = -1;

	if (read_config(top, &text, &st, err) == 0 &&
	    config_edit_add(CONFIG_PATH, &text, name, key, err) == 0 &&
	    repo_write(top, CONFIG_PATH, &text, &st, err) == 0 &&
	    recipients_add(&pinned, name, key, err) == 0)
		r = agree_pin(top, &pinned, err);
	recipients_clear(&pinned);
	buf_clear(&text);
	return r;
}

int roster_recovery(const char *top, const struct config *c, const struct roster_user *user,
		    const struct recipient **out, struct err *err)
{
	static const struct option_list none = { NULL, 0 };
	struct recipients asked = RECIPIENTS_INIT;
	struct agree agree = {
		.top = top,
		.asked = &asked,
		.accept = user->accept != NULL ? user->accept : &none,
		.line = user->line,
		.line_n = user->line_n,
	};
	int r;

	*out = recipients_find(&c->recipients, CONFIG_RECOVERY);
	if (*out == NULL)
		return err_set(err, ERR_RECIPIENT, "%s names no recovery key to back a key up to",
			       CONFIG_PATH);
	r = recipients_add(&asked, CONFIG_RECOVERY, &(*out)->key, err);
	if (r == 0)
		r = agree_check(&agree, err);
	recipients_clear(&asked);
	return r;
}

/*
 * When a new key is said to be made: later than the one before it, for by that time in its file's
 * name it becomes the active one, and two may be made in one second.
 */
static int made_at(const char *top, const char *name, int64_t *out, struct err *err)
{
	char *path = repo_key_path(name, NULL);
	struct buf text = BUF_INIT;
	struct stat st;
	bool exists;
	int r = repo_read(top, path, REPO_KEY_MAX, &text, &st, &exists, err);

	*out = clock_now();
	if (r == 0 && exists && st.st_mtime >= *out && st.st_mtime < *out + CLOCKS_APART)
		*out = (int64_t)st.st_mtime + 1;
	buf_clear(&text);
	mem_free(path);
	return r;
}

static int make(const char *top, const struct roster_add *a, const struct config *had,
		struct age_recipient *key, struct err *err)
{
	struct keygen k = { .name = NULL };
	const struct recipient *recovery;
	int64_t now;
	int r = made_at(top, a->name, &now, err);

	if (r == 0)
		r = roster_recovery(top, had, &a->user, &recovery, err);
	if (r == 0)
		r = keygen_make(a->name, &recovery->key, now, &k, err);
	if (r == 0)
		r = keygen_write(&k, top, true, err);
	if (r == 0 && a->to != NULL)
		r = keygen_write_key(&k, a->to, err);
	if (r == 0)
		*key = *age_identity_recipient(k.id);
	keygen_clear(&k);
	return r;
}

static bool is_named(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->rules[i].n; k++)
			if (strcmp(c->rules[i].to[k], name) == 0)
				return true;
	return false;
}

/* Where a recipient has come to. */
struct outcome {
	const char *name;
	const struct age_recipient *key;
	const struct recipient *earlier; /* that it replaces, or NULL */
	bool named;			 /* in a rule */
	bool changed;
};

static void tell_people(const struct roster_add *a, const struct outcome *is)
{
	if (!is->named)
		out_note("no rule of %s names %s yet: add it where it is to receive something",
			 CONFIG_PATH, a->name);
	if (is->earlier != NULL)
		out_note(
		    "what was sealed to %s before stays with its earlier key until it is sealed "
		    "anew",
		    a->name);
	else
		out_note("%s'bulla reseal --add %s' gives it what is sealed already",
			 is->named ? "" : "then ", a->name);
	if (a->key == NULL && a->to == NULL)
		out_note("'bulla keys install %s' gives the key to whoever is to open with it",
			 a->name);
}

static int tell_programs(const struct roster_add *a, const struct outcome *is, struct err *err)
{
	char text[AGE_RECIPIENT_TEXT], id[AGE_KEY_ID_TEXT];
	char *backup = repo_key_path(a->name, NULL);
	struct result r;

	age_recipient_format(is->key, text);
	age_recipient_id(is->key, id);
	result_begin(&r, a->output);
	result_flag(&r, "changed", is->changed);
	result_text(&r, "name", a->name);
	result_text(&r, "keyId", id);
	result_text(&r, "recipient", text);
	result_flag(&r, "inRules", is->named);
	if (is->earlier != NULL)
		result_text(&r, "replaces", is->earlier->id);
	if (a->key == NULL) {
		result_text(&r, "backup", backup);
		result_text(&r, "folder", a->to);
	}
	if (a->key == NULL && a->to == NULL)
		result_next(&r, "bulla keys install %s", a->name);
	if (is->earlier != NULL)
		result_next(&r, "bulla reseal");
	else
		result_next(&r, "bulla reseal --add %s", a->name);
	mem_free(backup);
	return result_print(&r, err);
}

static int tell(const struct roster_add *a, const struct outcome *is, struct err *err)
{
	char text[AGE_RECIPIENT_TEXT];

	if (!result_asked(a->output)) {
		age_recipient_format(is->key, text);
		printf("%s\n", text);
	}
	tell_people(a, is);
	return tell_programs(a, is, err);
}

/* The backup of a key that the config does not know must not be written over. */
static int check_orphan(const char *top, const struct roster_add *a, struct err *err)
{
	char *path = repo_key_path(a->name, NULL);
	struct buf text = BUF_INIT;
	bool exists;
	int r = repo_read(top, path, REPO_KEY_MAX, &text, NULL, &exists, err);

	if (r == 0 && exists)
		r = err_set(err, ERR_CONFLICT,
			    "%s is there, and %s has no recipient %s: 'bulla keys verify' says "
			    "whose key is in it; give the file that key's id, %s/%s.KEYID.age",
			    path, CONFIG_PATH, a->name, REPO_KEYS, a->name);
	buf_clear(&text);
	mem_free(path);
	return r;
}

/* The name is there, and is not to have another key: is this the end of a run that was ended? */
static int finish(const char *top, const struct roster_add *a, const struct config *had,
		  const struct recipient *is, struct err *err)
{
	struct recipients pinned = RECIPIENTS_INIT;
	bool again = a->key != NULL && memcmp(a->key, &is->key, sizeof(is->key)) == 0;
	int r = 0;

	if (a->key == NULL)
		r = backup_pending(top, a->name, is->id, &again, err);
	if (r == 0 && !again)
		return err_set(err, ERR_CONFLICT,
			       "%s has a recipient %s; --replace gives it another key", CONFIG_PATH,
			       a->name);
	if (r == 0)
		r = recipients_add(&pinned, a->name, &is->key, err);
	if (r == 0)
		r = agree_pin(top, &pinned, err);
	if (r == 0)
		r = backup_settle(top, a->name, is->id, err);
	if (r == 0) {
		out_note("%s: %s has it already", a->name, CONFIG_PATH);
		r = tell(a,
			 &(struct outcome){
			     .name = a->name, .key = &is->key, .named = is_named(had, a->name) },
			 err);
	}
	recipients_clear(&pinned);
	return r;
}

static bool is_same(const struct roster_add *a, const struct recipient *earlier)
{
	return a->key != NULL && memcmp(a->key, &earlier->key, sizeof(earlier->key)) == 0;
}

/* Steps 1 to 4 of sealer/backup.h. */
static int add(const char *top, const struct roster_add *a, const struct config *had,
	       struct err *err)
{
	const struct recipient *earlier = recipients_find(&had->recipients, a->name);
	struct age_recipient key;
	char id[AGE_KEY_ID_TEXT];

	if (earlier != NULL && (!a->replace || is_same(a, earlier)))
		return finish(top, a, had, earlier, err);
	if (backup_settle(top, a->name, earlier != NULL ? earlier->id : "", err) != 0)
		return -1;
	if (earlier == NULL && check_orphan(top, a, err) != 0)
		return -1;
	if (a->key != NULL)
		key = *a->key;
	else if (make(top, a, had, &key, err) != 0)
		return -1;
	age_recipient_id(&key, id);
	if ((earlier != NULL && backup_keep(top, a->name, earlier->id, err) != 0) ||
	    edit_add(top, a->name, &key, err) != 0 || backup_settle(top, a->name, id, err) != 0)
		return -1;
	return tell(a, &(struct outcome){ a->name, &key, earlier, is_named(had, a->name), true },
		    err);
}

int roster_add(const char *top, const struct roster_add *a, struct err *err)
{
	struct config had = CONFIG_INIT;
	int r = -1;

	if (keygen_check_name(a->name, err) == 0 &&
	    (a->to == NULL || repo_refuse_path(a->to, "--to", err) == 0) &&
	    roster_load(top, &had, err) == 0)
		r = add(top, a, &had, err);
	config_clear(&had);
	return r;
}

static void put_removed(const char *top, const struct recipient *is, struct result *result)
{
	char *backup = repo_key_path(is->name, is->id), *path = mem_printf("%s/%s", top, backup);
	struct stat st;

	result_flag(result, "changed", true);
	result_text(result, "name", is->name);
	result_text(result, "keyId", is->id);
	result_text(result, "backup", lstat(path, &st) == 0 ? backup : NULL);
	result_next(result, "bulla keys exposure %s", is->id);
	mem_free(backup);
	mem_free(path);
}

/* The backup goes under the id before the name is gone, so that its file always says whose it is.
 */
static int take_out(const char *top, const char *name, struct buf *text, const struct stat *st,
		    struct result *result, struct err *err)
{
	struct config had = CONFIG_INIT;
	const struct recipient *is;
	int r = config_parse(CONFIG_PATH, text->data, text->len, &had, err);

	is = r == 0 ? recipients_find(&had.recipients, name) : NULL;
	if (r == 0 && is == NULL) /* also of a run that was ended behind it */
		r = backup_settle(top, name, "", err);
	if (r == 0)
		r = config_edit_remove(CONFIG_PATH, text, name, err);
	if (r == 0 && is != NULL)
		r = backup_keep(top, name, is->id, err);
	if (r == 0)
		r = repo_write(top, CONFIG_PATH, text, st, err);
	if (r == 0)
		r = backup_settle(top, name, "", err);
	if (r == 0 && is != NULL) {
		put_removed(top, is, result);
		out_note("what was sealed to %s before, it can still read, here and in Git's "
			 "history: replace those credentials; 'bulla keys exposure %s' lists them",
			 name, is->id);
	}
	config_clear(&had);
	return r;
}

int roster_remove(const char *top, const char *name, struct result *result, struct err *err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int r = keygen_check_name(name, err);

	if (r == 0)
		r = read_config(top, &text, &st, err);
	if (r == 0)
		r = take_out(top, name, &text, &st, result, err);
	buf_clear(&text);
	return r;
}
