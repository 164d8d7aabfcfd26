/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kubeconfig files say, merged, before any other file is read or a program run.
 *
 * The rules are those of client-go (tools/clientcmd): of two entries with one name the first file's
 * counts, whole; the first current-context counts; paths are relative to the file they stand in;
 * unknown fields are passed over; "" and null are as if not written.  Stricter than client-go: a
 * key given twice in one map, anchors, tags and a second YAML document are refused.
 */
#ifndef BULLA_KUBE_KUBECONFIG_H
#define BULLA_KUBE_KUBECONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/kv.h"

struct err;

#define KUBECONFIG_MAX ((size_t)8 << 20) /* bytes of one file */

/* Where an entry stands. */
struct kubeconfig_place {
	char *name; /* of the entry */
	char *file;
	unsigned line;
};

struct kubeconfig_cluster {
	struct kubeconfig_place at;
	char *server, *tls_server_name, *proxy;
	char *ca_file;
	struct buf ca; /* decoded certificate-authority-data */
	bool insecure, no_compression;
	json_t *exec_config; /* extension client.authentication.k8s.io/exec; or NULL */
};

enum kubeconfig_mode { KUBECONFIG_NEVER, KUBECONFIG_IF_AVAILABLE, KUBECONFIG_ALWAYS };

struct kubeconfig_exec {
	char *command; /* absolute when it was written with a "/" */
	char **args;   /* ended by NULL; or NULL */
	struct kv env;
	char *api_version; /* one of the two that are supported */
	char *install_hint;
	bool cluster_info;
	enum kubeconfig_mode mode;
	bool mode_given;
};

/* Secret: token, password, key; wiped. */
struct kubeconfig_user {
	struct kubeconfig_place at;
	char *token, *token_file;
	char *username, *password;
	char *cert_file, *key_file;
	struct buf cert, key;	      /* decoded *-data */
	char *as, *as_uid;	      /* impersonation */
	char **as_groups;	      /* ended by NULL; or NULL */
	char **as_extra;	      /* key, value, key, value, ..., NULL; or NULL */
	char *auth_provider;	      /* its name: there is one, which is not supported */
	struct kubeconfig_exec *exec; /* or NULL */
};

struct kubeconfig_context {
	struct kubeconfig_place at;
	char *cluster, *user, *namespace;
};

struct kubeconfig {
	char *current; /* current-context, or NULL */
	struct kubeconfig_cluster *clusters;
	struct kubeconfig_user *users;
	struct kubeconfig_context *contexts;
	size_t n_clusters, n_users, n_contexts;
};

#define KUBECONFIG_INIT                                                                            \
	{                                                                                          \
		NULL, NULL, NULL, NULL, 0, 0, 0                                                    \
	}

/*
 * Add what a file says to k, where it was not said before.  file is its path, absolute, and names
 * the errors ("FILE:LINE: token: ...").  ERR_INVALID; k is then good for
 * kubeconfig_clear only.
 */
int kubeconfig_add(struct kubeconfig *k, const char *file, const void *text, size_t len,
		   struct err *err);

/* One context and what it names; borrowed. */
struct kubeconfig_choice {
	const struct kubeconfig_context *context;
	const struct kubeconfig_cluster *cluster;
	const struct kubeconfig_user *user;
};

/*
 * The context of that name (NULL: the current one), and whether it can be used: all that can be
 * said without reading another file.  ERR_USAGE there is no such context; ERR_INVALID.
 */
int kubeconfig_choose(const struct kubeconfig *k, const char *context,
		      struct kubeconfig_choice *out, struct err *err);

void kubeconfig_clear(struct kubeconfig *k);

/* "FILE:LINE: KIND \"NAME\": " before the text; returns -1. */
int kubeconfig_wrap(const struct kubeconfig_place *at, const char *kind, struct err *err);

struct kubeconfig_exec *kubeconfig_exec_copy(const struct kubeconfig_exec *e);
void kubeconfig_exec_free(struct kubeconfig_exec *e);

#endif
