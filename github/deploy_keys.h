/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deploy keys of one repository.  They cannot be changed, only added and deleted; a public key can
 * be attached once in all of GitHub; titles are free text and prove nothing.  Those that a personal
 * token added go with it, those that an App added stay (flux-kubelet-github sections 6.1, 6.2).
 */
#ifndef BULLA_GITHUB_DEPLOY_KEYS_H
#define BULLA_GITHUB_DEPLOY_KEYS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct rest;

struct deploy_key {
	int64_t id;
	char *title;	/* whatever someone wrote; escape it */
	char *key;	/* "ssh-ed25519 AAAA...", no comment */
	char *added_by; /* a login; NULL: not told (an App, or the user is gone) */
	int64_t created,
	    last_used; /* Unix seconds; last_used 0: never, or not yet told (it lags) */
	bool read_only;
	bool verified;
	bool disabled; /* "enabled": false: a policy of the organisation stops all deploy keys */
};

struct deploy_keys {
	struct deploy_key *items;
	size_t n;
};

#define DEPLOY_KEYS_INIT                                                                           \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/* One of GitHub's objects.  out is overwritten, and empty on failure: ERR_IO. */
int deploy_key_read(const json_t *v, struct deploy_key *out, struct err *err);
/* A list of them; one that stands in it twice is taken once.  out is empty on failure: ERR_IO. */
int deploy_keys_read(const json_t *list, struct deploy_keys *out, struct err *err);

/* All of them, in GitHub's order.  repository: "owner/name" (rest_repository). */
int deploy_keys_list(struct rest *r, const char *repository, struct deploy_keys *out,
		     struct err *err);
void deploy_keys_clear(struct deploy_keys *keys);
/* The one with this public key (type and base64; a comment is passed over), or NULL. */
const struct deploy_key *deploy_keys_find(const struct deploy_keys *keys, const char *key);
/* Is it the same public key, comments aside? */
bool deploy_key_same(const char *a, const char *b);

/* One by its id.  *found false (and 0) when the repository has none with that id and can be read.
 */
int deploy_keys_get(struct rest *r, const char *repository, int64_t id, struct deploy_key *out,
		    bool *found, struct err *err);
void deploy_key_clear(struct deploy_key *key);

struct deploy_key_new {
	const char *repository;
	const char *title;
	const char *key; /* OpenSSH public key, one line */
	bool read_only;
};

/*
 * Add one; may be run again: one that is there already with the same right is taken for done
 * (*added false), also when the answer to an earlier try was lost.  ERR_CONFLICT: the key is there
 * with the other right, or is in use in another repository or account, which GitHub does not name.
 * ERR_REFUSED: no right, or a policy forbids deploy keys.
 */
int deploy_keys_add(struct rest *r, const struct deploy_key_new *new, struct deploy_key *out,
		    bool *added, struct err *err);

/*
 * Delete by id, if it still is this public key (type and base64), which is asked for just before:
 * ERR_CONFLICT when it is another.  *deleted false when there is none.
 */
int deploy_keys_delete(struct rest *r, const char *repository, const struct deploy_key *key,
		       bool *deleted, struct err *err);

#endif
