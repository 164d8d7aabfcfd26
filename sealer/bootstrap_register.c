/* SPDX-License-Identifier: Apache-2.0 */
/* The deploy key at the host of the repository. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/bootstrap.h"

bool bootstrap_is_by_hand(const struct bootstrap *b)
{
	return b->o->no_register || register_way(&b->o->at, b->o->url) == REGISTER_BY_HAND;
}

/* "ssh-ed25519 AAAA...", for a person to register; or when there will be one. */
static void leave(struct bootstrap *b, struct step_look *l, const char *why)
{
	if (b->public.len > 0) {
		size_t n = strcspn(buf_str(&b->public), "\n");

		buf_printf(&l->left, "register this key at %s, for reading only: %.*s\n", b->o->url,
			   (int)n, buf_str(&b->public));
	}
	step_found(l, false, "left to you%s", why);
}

/* Get ready once: a token is read, asked for or minted before anything is done. */
static int open_at(struct bootstrap *b, struct err *err)
{
	struct register_options at = b->o->at;

	if (b->at.rest != NULL)
		return 0;
	at.look = b->o->dry_run;
	return register_open(&at, b->o->url, &b->at, err);
}

static int look_there(struct bootstrap *b, struct step_look *l, struct err *err)
{
	const struct deploy_key *key = NULL;
	struct err why = ERR_INIT;

	if (open_at(b, err) != 0 || register_look(&b->at, err) != 0)
		return -1;
	if (b->public.len > 0)
		key = register_find(&b->at, buf_str(&b->public), &why);
	if (why.class != ERR_NONE)
		return err_set(err, why.class, "%s", why.text);
	if (key != NULL)
		step_found(l, false, "registered at %s, for reading: %s", b->at.repository,
			   key->title);
	else
		step_found(l, true, "the deploy key is registered at %s, for reading only",
			   b->at.repository);
	return 0;
}

static int look(struct bootstrap *b, struct step_look *l, struct err *err)
{
	enum register_way way = register_way(&b->o->at, b->o->url);
	bool fetches;

	if (bootstrap_fetches(b, &fetches, err) != 0)
		return -1;
	if (fetches && !bootstrap_is_new(b)) {
		step_found(l, false, "Flux fetches with it");
		return 0;
	}
	if (bootstrap_is_by_hand(b)) {
		leave(b, l, b->o->no_register ? " (--no-register)" : ": the host is not GitHub");
		return 0;
	}
	if (way == REGISTER_GIVEN ||
	    (way == REGISTER_ASKED && bootstrap_is_new(b) && !b->o->dry_run))
		return look_there(b, l, err);
	if (!bootstrap_is_new(b) || b->o->dry_run) {
		step_found(l, bootstrap_is_new(b),
			   bootstrap_is_new(b)
			       ? "the deploy key is registered, for reading only"
			       : "GitHub was not asked: neither --app nor --token-file");
		return 0;
	}
	return err_set(err, ERR_USAGE,
		       "say as whom the deploy key is to be registered: --app FILE, the sealed key "
		       "of a GitHub App, or --token-file FILE; or leave it to you with "
		       "--no-register; nothing was done");
}

static int act(struct bootstrap *b, struct err *err)
{
	char *title = register_title(b->o->cluster, BOOTSTRAP_DOCUMENT, buf_str(&b->public));
	bool added;
	int r;

	if (title == NULL)
		return err_set(err, ERR_INTERNAL, "the deploy key has no public half");
	r = register_key(&b->at, title, buf_str(&b->public), &added, err);
	if (r == 0)
		out_note("%s: the deploy key \"%s\" %s, for reading only", b->at.repository, title,
			 added ? "is registered" : "was registered already");
	if (r == 0)
		register_tell(&b->at, added);
	mem_free(title);
	return r;
}

const struct bootstrap_step bootstrap_registration = { "registration", look, act };
