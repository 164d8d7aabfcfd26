/* SPDX-License-Identifier: Apache-2.0 */
/* The deploy key at its server, before anything hangs on it: with what is sealed, as Flux will. */
#include "base/err.h"
#include "base/out.h"
#include "kinds/kind.h"
#include "sealer/bootstrap.h"
#include "sealer/ssh_try.h"

static int look(struct bootstrap *b, struct step_look *l, struct err *err)
{
	bool applied = false;

	if (b->o->no_try) {
		step_found(l, false, "left to Flux (--no-try)");
		return 0;
	}
	if (bootstrap_is_by_hand(b) && bootstrap_is_new(b)) {
		step_found(l, false, "nobody has registered it yet");
		return 0;
	}
	if (!bootstrap_is_new(b) && bootstrap_is_applied(b, &applied, err) != 0)
		return -1;
	if (applied)
		step_found(l, false, "the deploy key is applied already");
	else
		step_found(l, true, "the deploy key is tried at %s", b->o->url);
	return 0;
}

static int refuse(const struct bootstrap *b, const struct err *why, struct err *err)
{
	if (b->at.rest == NULL)
		return err_set(
		    err, why->class,
		    "%s; its document is neither applied nor committed: --app FILE or --token-file "
		    "FILE registers it",
		    why->text);
	return err_set(
	    err, why->class,
	    "%s; it is registered at %s, its document neither applied nor committed: see that "
	    "this is the repository of --url, or wait a minute",
	    why->text, b->at.repository);
}

static int conclude(const struct bootstrap *b, enum ssh_try tried, const struct err *why,
		    struct err *err)
{
	if (bootstrap_is_by_hand(b) && (tried == SSH_TRY_REFUSED || tried == SSH_TRY_UNKNOWN)) {
		out_warn("the deploy key, which you register, is not proven: %s", why->text);
		return 0;
	}
	switch (tried) {
	case SSH_TRY_REFUSED:
		return refuse(b, why, err);
	case SSH_TRY_HOST:
		return err_set(
		    err, why->class,
		    "%s; its document is neither applied nor committed: 'bulla edit %s/%s -i "
		    "RECOVERY-KEY' changes known_hosts and keeps the key",
		    why->text, b->path, BOOTSTRAP_KEY_FILE);
	case SSH_TRY_UNKNOWN:
		return err_set(err, why->class,
			       "%s; its document is neither applied nor committed: HTTPS_PROXY or "
			       "ALL_PROXY says "
			       "which proxy leads there, and --no-try leaves it to Flux to tell",
			       why->text);
	default:
		return err_set(err, why->class, "%s; its document is neither applied nor committed",
			       why->text);
	}
}

static int act(struct bootstrap *b, struct err *err)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	struct err why = ERR_INIT;
	const struct ssh_try_options o = {
		.url = b->o->url,
		.data = &secret.data,
		.fresh = b->at.rest != NULL,
		.every_host_key = true,
	};
	enum ssh_try tried = SSH_TRY_UNKNOWN;
	int r = bootstrap_open_key(b, &secret, err);

	if (r == 0)
		tried = ssh_try(&o, &why);
	kind_secret_clear(&secret);
	if (r != 0 || tried == SSH_TRY_WORKS)
		return r;
	return conclude(b, tried, &why, err);
}

const struct bootstrap_step bootstrap_try = { "try", look, act };
