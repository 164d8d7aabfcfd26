/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The docker config of a pull secret, as all its readers read it (flux-kubelet-github sections 1.2
 * and 2.2): the kubelet, Flux and go-containerregistry use "auths" alone, so anything else in it is
 * refused with the reason; an entry has user name and password, or "auth", or both, the same.
 */
#ifndef BULLA_KINDS_DOCKERCONFIG_H
#define BULLA_KINDS_DOCKERCONFIG_H

#include <stddef.h>

#include "base/buf.h"
#include "base/kv.h"
#include "base/notes.h"

struct err;

#define DOCKERCONFIG_HUB "https://index.docker.io/v1/" /* the key of Docker Hub */
#define DOCKERCONFIG_HUB_NAME "docker.io"

/* The same keys in both, sorted. */
struct dockerconfig {
	struct kv users;
	struct kv passwords;
};

#define DOCKERCONFIG_INIT                                                                          \
	{                                                                                          \
		KV_INIT, KV_INIT                                                                   \
	}

/*
 * Parse; keys are those of "auths" as they stand.  ERR_INVALID: an unknown member, no entry, "auth"
 * that is not the base64 of user:password or disagrees with them, an empty user or password, a user
 * name that HTTP Basic authentication cannot carry.  what begins the error; out is cleared before.
 */
int dockerconfig_parse(const char *what, const void *text, size_t len, struct dockerconfig *out,
		       struct notes *notes, struct err *err);

/* Append {"auths":{KEY:{"username","password","auth"}}}.  ERR_INVALID when it is not UTF-8. */
int dockerconfig_format(const struct dockerconfig *c, struct buf *out, struct err *err);

/* The same in lines and without "auth", for a person to edit.  -1: not UTF-8, or past out's max. */
int dockerconfig_format_bare(const struct dockerconfig *c, struct buf *out);

/*
 * The key in "auths" by which readers find the registry: server itself, when it is spelled as in
 * the names of images (a host in lower case, with its port unless that is 443), or the key of
 * Docker Hub for docker.io.  Tried with docker/cli v29 (Flux's reader) and go-containerregistry's
 * copy of the kubelet's keyring.  Appended to key.  ERR_INVALID for any other spelling, each with
 * its reason; never quotes server.
 */
int dockerconfig_key(const char *what, const char *server, struct buf *key, struct notes *notes,
		     struct err *err);

/* What to call a key to people: itself, or docker.io. */
const char *dockerconfig_name(const char *key);

/*
 * Is the login of this name (dockerconfig_name) for images of domain ("host", "host:port")?  In a
 * name "*" and "?" stand for what has no dot, as the kubelet's keyring matches
 * (pkg/credentialprovider: parts between dots one by one, the port as it is).
 */
bool dockerconfig_serves(const char *name, const char *domain);

/* A key as it came, for errors: itself, unless a login may stand in it
 * ("https://USER:PASSWORD@..."). */
const char *dockerconfig_shown(const char *key);

void dockerconfig_clear(struct dockerconfig *c);

#endif
