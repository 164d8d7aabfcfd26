/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands where a credential would, and is none: nothing at all, something that another program
 * fills in (${NAME}, {{ .Values.x }}, $(cmd), <token>, %s), the name of a place (vault:...,
 * op://...), what SOPS or age encrypted, "changeme" and its like, one character again and
 * again.  Within guard/ only.
 */
#ifndef BULLA_GUARD_PLACEHOLDER_H
#define BULLA_GUARD_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>

bool placeholder_is(const char *value, size_t len);

/* Of these a word that says so by itself: "changeme", "null", "TODO", "your-token", "__NAME__". */
bool placeholder_is_said(const char *value, size_t len);

/* A whole file of age or SOPS. */
bool placeholder_is_encrypted(const char *value, size_t len);

/* A word that documentation uses for a password, beside the above: "password", "secret", "pass". */
bool placeholder_is_word(const char *value, size_t len);

/* How many different bytes there are. */
unsigned placeholder_variety(const char *value, size_t len);

/*
 * Is most of it steps of one ("abcdef", "123456") or the same twice ("aaaa")?  Random text has such
 * pairs once in thirty.
 */
bool placeholder_is_counted(const char *value, size_t len);

#endif
