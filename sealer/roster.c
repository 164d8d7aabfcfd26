/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/roster.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/out.h"
#include "keys/config_edit.h"
#include "sealer/agree.h"
#include "sealer/keygen.h"
#include "sealer/repo.h"
#include "sealer/target.h"

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

static int make(const char *top, const struct roster_add *a, const struct recipient *recovery,
		struct age_recipient *key, struct err *err)
{
	struct keygen k = { .name = NULL };
	int r = -1;

	if (recovery == NULL)
		return err_set(err, ERR_RECIPIENT,
			       "%s names no recovery key to back a new key up to; give age1...",
			       CONFIG_PATH);
	if (keygen_make(a->name, &recovery->key, clock_now(), &k, err) == 0 &&
	    keygen_write(&k, top, err) == 0 &&
	    (a->to == NULL || keygen_write_key(&k, a->to, err) == 0)) {
		*key = *age_identity_recipient(k.id);
		r = 0;
	}
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

static void tell(const struct roster_add *a, const struct age_recipient *key,
		 const struct config *had, bool replaced)
{
	char text[AGE_RECIPIENT_TEXT];

	age_recipient_format(key, text);
	printf("%s\n", text);
	if (!is_named(had, a->name))
		out_note("no rule of %s names %s yet: add it where it is to receive something",
			 CONFIG_PATH, a->name);
	if (replaced)
		out_note(
		    "what was sealed to %s before stays with its earlier key until it is sealed "
		    "anew",
		    a->name);
	if (a->key == NULL && a->to == NULL)
		out_note("'bulla keys install %s' gives the key to whoever is to open with it",
			 a->name);
}

static int add(const char *top, const struct roster_add *a, const struct config *had,
	       struct err *err)
{
	const struct recipient *earlier = recipients_find(&had->recipients, a->name);
	const struct recipient *recovery = recipients_find(&had->recipients, CONFIG_RECOVERY);
	struct age_recipient key;

	if (earlier != NULL && !a->replace)
		return err_set(err, ERR_CONFLICT,
			       "%s has a recipient %s; --replace gives it another key", CONFIG_PATH,
			       a->name);
	if (earlier != NULL && keygen_keep_earlier(top, a->name, &earlier->key, err) != 0)
		return -1;
	if (a->key != NULL)
		key = *a->key;
	else if (make(top, a, recovery, &key, err) != 0)
		return -1;
	if (edit_add(top, a->name, &key, err) != 0)
		return -1;
	tell(a, &key, had, earlier != NULL);
	return 0;
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

int roster_remove(const char *top, const char *name, struct err *err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int r = -1;

	if (keygen_check_name(name, err) == 0 && read_config(top, &text, &st, err) == 0 &&
	    config_edit_remove(CONFIG_PATH, &text, name, err) == 0 &&
	    repo_write(top, CONFIG_PATH, &text, &st, err) == 0) {
		out_note("what was sealed to %s before, it can still read, here and in Git's "
			 "history: replace those credentials",
			 name);
		r = 0;
	}
	buf_clear(&text);
	return r;
}
