/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bulla deploy-key`: the key that a command is about.  It is key material at hand: the document
 * that holds it is opened, or its public half is given.  What a document says without being opened
 * is anybody's word, and nothing is registered or deleted because of it.
 */
#ifndef BULLA_SEALER_HUBKEY_H
#define BULLA_SEALER_HUBKEY_H

#include "base/kv.h"
#include "keys/keyring.h"
#include "sealer/command.h"
#include "sealer/holders.h"
#include "sealer/register.h"
#include "sealer/ring.h"

struct err;

struct hubkey_options {
	struct register_options at;
	struct ring_options ring;
	const char *which, *public_key, *title, *output;
	bool yes, force;
};

struct hubkey {
	char *top; /* the repository we are in; NULL: none */
	struct keyring keys;
	char *public;	   /* "ssh-ed25519 AAAA...", without comment and line break */
	char *fingerprint; /* of it */
	char *url;	   /* out of the opened document; NULL: --repo says which repository */
	char *document;	   /* its name, without namespace; NULL: none was given */
	struct kv readers; /* of it (sealer/readers.h) */
	struct register_options at; /* the command line's, with the keys at hand */
	struct register_at hub;
};

#define HUBKEY_INIT                                                                                \
	{                                                                                          \
		.keys = KEYRING_INIT, .readers = KV_INIT                                           \
	}

/* The repository we are in, and the keys at hand: those asked for must be there. */
int hubkey_open(const struct hubkey_options *o, struct hubkey *out, struct err *err);
/* The key: args of `in`, and --public-key.  ERR_NOKEY, ERR_INVALID, ERR_USAGE, ERR_REFUSED. */
int hubkey_read(const struct invocation *in, struct hubkey *out, struct err *err);
/* Ask GitHub for what there is: out->hub. */
int hubkey_look(struct hubkey *out, struct err *err);
void hubkey_clear(struct hubkey *s);

#endif
