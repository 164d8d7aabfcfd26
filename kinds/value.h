/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of single values.  what names the field or data key, and begins the error: "token".
 * ERR_INVALID, with the position (the first byte is 1) and never the value.
 */
#ifndef BULLA_KINDS_VALUE_H
#define BULLA_KINDS_VALUE_H

#include <stddef.h>

#include "base/kv.h"

struct err;

/* Copy a value, when it is there, from one set of names to another. */
void value_copy(const struct kv *from, const char *name, struct kv *to, const char *as);

/* Not empty, no NUL, no line break, no other control character but the tab. */
int value_line(const char *what, const void *data, size_t len, struct err *err);

/* A line of printable ASCII without blanks, not in quotes: tokens, addresses. */
int value_word(const char *what, const void *data, size_t len, struct err *err);

/* A user name of HTTP Basic authentication: printable ASCII, no ":", no blank at either end. */
int value_user(const char *what, const void *data, size_t len, struct err *err);

/* A password of HTTP Basic authentication: a line without a blank at either end. */
int value_password(const char *what, const void *data, size_t len, struct err *err);

#endif
