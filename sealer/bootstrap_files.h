/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of one cluster in the repository that Flux follows, below one folder PATH:
 *
 *	kustomization.yaml             what Flux applies of PATH: the rest of this list
 *	flux-system/kustomization.yaml gotk-sync.yaml, and gotk-components.yaml where there is one
 *	flux-system/gotk-sync.yaml     GitRepository and Kustomization flux-system
 *	bulla.yaml                     Kustomization bulla: CRD and agent
 *	bulla/kustomization.yaml       agent.yaml
 *	bulla/agent.yaml               the agent's manifest (bootstrap_manifest.h)
 *	credentials.yaml               Kustomization credentials: depends on bulla, waits
 *	credentials/kustomization.yaml flux-ssh.yaml
 *	credentials/flux-ssh.yaml      the sealed deploy key (bootstrap_key.h)
 *
 * Documents stand in a Kustomization of their own, because one that brings its own CRD is never
 * applied (DESIGN 6.1).  Pure.
 *
 * A file that is there stays as it is: of a kustomization.yaml it is asked that it lists what it
 * must, and lines that are missing are put before the others; of the rest that it says what the way
 * needs (URL, paths, order), whatever else a person has made of it.
 */
#ifndef BULLA_SEALER_BOOTSTRAP_FILES_H
#define BULLA_SEALER_BOOTSTRAP_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

#define BOOTSTRAP_NAMESPACE "flux-system"
#define BOOTSTRAP_SOURCE "flux-system" /* GitRepository and Kustomization */
#define BOOTSTRAP_DOCUMENT "flux-ssh"  /* the deploy key */
#define BOOTSTRAP_FILE_MAX 1048576     /* bytes of one of them */

struct bootstrap_names {
	const char *path;   /* below the top level, "kubernetes/production/eu-west9" */
	const char *url;    /* ssh://... */
	const char *branch; /* NULL: it is not known, and no new file can be made */
	bool components;    /* there is a flux-system/gotk-components.yaml */
};

enum bootstrap_file {
	BOOTSTRAP_ROOT,
	BOOTSTRAP_FLUX,
	BOOTSTRAP_SYNC,
	BOOTSTRAP_BULLA,
	BOOTSTRAP_BULLA_FOLDER,
	BOOTSTRAP_CREDENTIALS,
	BOOTSTRAP_CREDENTIALS_FOLDER,
	BOOTSTRAP_FILES /* how many */
};

/* Other files of the list above, below PATH. */
#define BOOTSTRAP_AGENT_FILE "bulla/agent.yaml"
#define BOOTSTRAP_KEY_FILE "credentials/" BOOTSTRAP_DOCUMENT ".yaml"
#define BOOTSTRAP_COMPONENTS_FILE "flux-system/gotk-components.yaml"

/* "PATH/bulla.yaml", a new string. */
char *bootstrap_file_path(const struct bootstrap_names *n, enum bootstrap_file file);

/* The text of a new file, appended. */
void bootstrap_file_text(const struct bootstrap_names *n, enum bootstrap_file file,
			 struct buf *out);

/*
 * What is there as it must be: out (empty before) gets the text, and *changed says whether it is
 * another one.  ERR_CONFLICT, "PATH/FILE: Kustomization credentials: spec.path: ...", when it says
 * something else than what the way needs; ERR_INVALID when it cannot be read.
 */
int bootstrap_file_merge(const struct bootstrap_names *n, enum bootstrap_file file,
			 const struct buf *had, struct buf *out, bool *changed, struct err *err);

#endif
