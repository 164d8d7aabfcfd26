/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which recipient of the repository a cluster is, for every command that takes
 * --context [NAME=]CONTEXT: it is recognised by the keys that its agent publishes
 * (sealer/published.h).  A name that is given goes before what is recognised, and is held against
 * it: a command that was meant for one region must not change the other.
 *
 * What is published is a cluster's word, and nothing is sealed to a key because of it.
 */
#ifndef BULLA_SEALER_WHICHCLUSTER_H
#define BULLA_SEALER_WHICHCLUSTER_H

#include "keys/config.h"
#include "sealer/published.h"

struct err;

enum whichcluster_state {
	WHICHCLUSTER_UNKNOWN, /* it publishes nothing, or nothing that the repository knows */
	WHICHCLUSTER_CURRENT, /* its active key is the one that .bulla/config has for name */
	WHICHCLUSTER_BEHIND,  /* it is name, but its active key is another one of name's */
	WHICHCLUSTER_OTHER,   /* NAME= was given, and it publishes the keys of others alone */
};

struct whichcluster_options {
	const char *given;	     /* "[NAME=]CONTEXT" */
	const char *kubeconfig;	     /* --kubeconfig, or NULL */
	const char *agent_namespace; /* -N, or NULL: CLUSTER_NAMESPACE */
	const char *top;	     /* the repository, for the ids of earlier keys; NULL: none */
	const struct config *config; /* of it; NULL: none */
};

struct whichcluster {
	char *context; /* of the kubeconfig */
	char *name;    /* the recipient that it is; NULL: not known */
	char *label;   /* what to call it: name, or context */
	enum whichcluster_state state;
	char *why; /* a clause for a person, unless the state is CURRENT; else NULL */
	struct published published;
};

/*
 * "[NAME=]CONTEXT": a context may have a "=" in it, but only a recipient's name counts before one.
 * The context, within given; *name is a new string or NULL.
 */
const char *whichcluster_split(const char *given, char **name);

/*
 * Open the cluster and say which one it is.  Errors are those of cluster_open and published_read,
 * wrapped with the label; that it publishes nothing, or not to who asks, is none.  OTHER is none
 * either: whoever changes something refuses it (whichcluster_refuse).  c and out are for
 * cluster_close and whichcluster_clear in every case.
 */
int whichcluster_open(const struct whichcluster_options *o, struct cluster *c,
		      struct whichcluster *out, struct err *err);
/* ERR_RECIPIENT when the cluster is OTHER. */
int whichcluster_refuse(const struct whichcluster *w, struct err *err);
void whichcluster_clear(struct whichcluster *w);

/*
 * The same for a command that is about the keys of the recipient name (NULL: of any): one key in
 * the cluster of another would be one more to lose.  ERR_RECIPIENT when it is another's cluster.
 */
int whichcluster_open_as(const struct whichcluster_options *o, const char *name, struct cluster *c,
			 struct err *err);

/*
 * The pure part: fill name (when it is NULL), state and why from out->published.  earlier: KEYID ->
 * name of recipients that had it before.
 */
void whichcluster_judge(const struct recipients *known, const struct kv *earlier, bool there,
			struct whichcluster *out);

#endif
