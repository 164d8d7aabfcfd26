/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of names: validated, never repaired.  Rules from the Kubernetes API
 * (apimachinery validation: RFC 1123 labels and subdomains, qualified names) and DESIGN 4.1.
 */
#ifndef BULLA_BASE_NAME_H
#define BULLA_BASE_NAME_H

#include <stdbool.h>
#include <stddef.h>

bool name_is_label(const char *s);     /* RFC 1123 label, <= 63: namespaces, recipients */
bool name_is_subdomain(const char *s); /* RFC 1123 subdomain, <= 253: object names */
bool name_is_data_key(const char *s);  /* [-._a-zA-Z0-9]{1,253}, not ".", not beginning ".." */
bool name_is_qualified(const char *s); /* [prefix/]name: label and annotation keys */
bool name_is_label_value(const char *s);
bool name_is_key_id(const char *s); /* exactly 32 lower-case hex digits */
bool name_is_fact(const char *s);   /* a fact's value: printable ASCII, at most 1,024 bytes */

/*
 * May a sealed Secret carry this label or annotation key?  NULL when it may, else the reason as a
 * constant text.  Refused: prefixes that are or end in kubernetes.io or k8s.io (except
 * app.kubernetes.io), keys by which other controllers act on a Secret (replicators, Argo CD, Helm),
 * and bulla.dev, which is Bulla's own.
 */
const char *name_metadata_refused(const char *key);

/* "*" and "?" match within one string; no classes, no escapes.  Rules, fan-out, compose of globs.
 */
bool name_glob(const char *pattern, const char *s);
/* The same for paths: "*" and "?" stop at "/", "**" spans folders ("a/" "**" "/b.yaml"). */
bool name_glob_path(const char *pattern, const char *path);

#endif
