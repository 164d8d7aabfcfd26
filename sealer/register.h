/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deploy keys at GitHub, for the commands that register them: as whom, in which repository, and
 * this public key, for reading only.
 *
 * As whom: a GitHub App whose key is a sealed document (kind github-app), of which a token for one
 * repository is minted, or a personal token.  An App is to be preferred: what a personal token
 * registered goes with that token.
 */
#ifndef BULLA_SEALER_REGISTER_H
#define BULLA_SEALER_REGISTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "github/deploy_keys.h"
#include "sealer/ring.h"

struct err;
struct rest;

struct register_options {
	const char *token_file;	       /* FILE or "-" */
	const char *app;	       /* the file of a sealed github-app document */
	struct ring_options ring;      /* what opens it */
	const struct keyring *at_hand; /* or these, when they are loaded already */
	const char *api_url;	       /* NULL: that of github.com */
	const char *ca_file;	       /* its authority, in place of the system's; or NULL */
	const char *repository;	       /* "OWNER/NAME", before what a URL says; or NULL */
	bool look;		       /* nothing is changed: the right to read will do */
};

/* clang-format off */
#define REGISTER_ROW_(type, name, arg, help, member)                                               \
	{ 0, name, arg, help, offsetof(struct type, at.member), 0 }
/* Where to ask. */
#define REGISTER_ROWS_(type)                                                                       \
	REGISTER_ROW_(type, "api-url", "URL", "GitHub Enterprise Server: https://HOST/api/v3",     \
		      api_url),                                                                    \
	REGISTER_ROW_(type, "ca-file", "FILE",                                                     \
		      "the authority that signs its certificate, as PEM", ca_file)

/* Their rows in the table of a command, for the member `at` of its struct `type`. */
#define REGISTER_OPTIONS(type)                                                                     \
	REGISTER_ROW_(type, "app", "FILE",                                                         \
		      "register as this GitHub App: a sealed document of kind github-app", app),   \
	REGISTER_ROW_(type, "keys", "DIR",                                                         \
		      "open it with the keys of a folder (default: ~/.config/bulla/keys)",         \
		      ring.keys),                                                                  \
	REGISTER_ROW_(type, "token-file", "FILE|-",                                                \
		      "register with a personal token, which is not kept", token_file),            \
	REGISTER_ROWS_(type)

/* For a command that has RING_OPTIONS, and takes the repository. */
#define REGISTER_AS_OPTIONS(type)                                                                  \
	REGISTER_ROW_(type, "repo", "OWNER/NAME",                                                  \
		      "the repository at GitHub (default: that of the document's URL)",            \
		      repository),                                                                 \
	REGISTER_ROW_(type, "app", "FILE",                                                         \
		      "ask as this GitHub App: a sealed document of kind github-app", app),        \
	REGISTER_ROW_(type, "token-file", "FILE|-",                                                \
		      "ask with a personal token, which is not kept", token_file),                 \
	REGISTER_ROWS_(type)
/* clang-format on */

/* ERR_USAGE: two ways at once, or a folder of keys without --app. */
int register_check(const struct register_options *o, struct err *err);
enum register_way {
	REGISTER_BY_HAND, /* the host is not GitHub, as far as is known */
	REGISTER_ASKED,	  /* GitHub, and a person can be asked for a token */
	REGISTER_GIVEN,	  /* GitHub, and the options say as whom */
	REGISTER_NOBODY,  /* GitHub, and nobody to be asked */
};
enum register_way register_way(const struct register_options *o, const char *url);

struct register_at {
	struct rest *rest;
	char *repository; /* "owner/name" */
	bool app;	  /* the token is an App's, minted here and given back by register_close */
	struct deploy_keys keys; /* those that there are, after register_look */
};

/* As whom, for a command that cannot do without: ERR_USAGE unless somebody is given or can be
 * asked.
 */
int register_need(const struct register_options *o, const char *url, struct err *err);

/*
 * Get ready to ask: read and mint the token, or ask for it at the terminal.  url is that of the
 * repository; NULL where o->repository says it.  Errors as app_token, rest_new, open_document;
 * ERR_USAGE when o->api_url is the API of another server than the URL's or the App's.
 * register_close in every case.
 */
int register_open(const struct register_options *o, const char *url, struct register_at *out,
		  struct err *err);
/*
 * The same to open pull requests in a repository ("owner/name"), which need not be that of the
 * keys: an App's token then has only the permissions for that.
 */
int register_open_pulls(const struct register_options *o, const char *repository,
			struct register_at *out, struct err *err);
void register_close(struct register_at *at);

/* List what there is.  ERR_REFUSED and others as deploy_keys_list. */
int register_look(struct register_at *at, struct err *err);
/*
 * The key with these bytes, of those listed, or NULL.  ERR_CONFLICT in err (and NULL) when it may
 * write; ERR_REFUSED when the organisation has deploy keys switched off.
 */
const struct deploy_key *register_find(const struct register_at *at, const char *public,
				       struct err *err);

/* Register it for reading only.  Done already is success (*added false). */
int register_key(struct register_at *at, const char *title, const char *public, bool *added,
		 struct err *err);

/* Warn of a key that was added just now by a personal token: it goes with that token. */
void register_tell(const struct register_at *at, bool added);

/*
 * "bulla eu-west9 flux-ssh SHA256:AbCdEfGhIjKl": one for each repository (which has it), cluster
 * and key.  A new string; NULL when public is no public key.
 */
char *register_title(const char *cluster, const char *document, const char *public);

#endif
