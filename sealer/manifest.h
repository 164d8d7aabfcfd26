/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A v1 Secret manifest, YAML or JSON, as "kubectl get secret -o yaml" prints it or a person wrote
 * it: for seal -f and for the backups of sealing keys.  Pure.
 *
 * Metadata is copied by an allow-list: labels and annotations without a prefix or with
 * app.kubernetes.io/.  Others are left out and told in notes; those by which another controller
 * owns the Secret, and ownerReferences, are refused.
 */
#ifndef BULLA_SEALER_MANIFEST_H
#define BULLA_SEALER_MANIFEST_H

#include <stddef.h>

#include "base/buf.h"
#include "base/kv.h"
#include "base/notes.h"
#include "base/yaml.h"

struct err;

struct manifest {
	char *name;
	char *namespace; /* NULL when it names none */
	char *type;	 /* "Opaque" when it names none */
	struct kv data;	 /* data decoded, stringData over it, as the API server merges them */
	struct kv labels, annotations;
};

#define MANIFEST_INIT                                                                              \
	{                                                                                          \
		NULL, NULL, NULL, KV_INIT, KV_INIT, KV_INIT                                        \
	}

/* file is put before errors as "file:line: field: ".  ERR_INVALID.  out: MANIFEST_INIT before. */
int manifest_parse(const char *file, const void *text, size_t len, struct manifest *out,
		   struct notes *notes, struct err *err);
/* The same for one object of a text that is parsed already. */
int manifest_read(const char *file, const struct yaml_node *root, struct manifest *out,
		  struct notes *notes, struct err *err);
void manifest_clear(struct manifest *m); /* wiped */

/* A Secret of type Opaque with this data, as YAML.  namespace may be NULL.  Appended. */
void manifest_format(const char *name, const char *namespace, const struct kv *data,
		     struct buf *out);

#endif
