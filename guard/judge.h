/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a name mean a credential, and could a value be one?  Tried on some gigabytes of published
 * code; tests/unit/guard/test_assign.c has what is to be kept apart.  Within guard/ only.
 */
#ifndef BULLA_GUARD_JUDGE_H
#define BULLA_GUARD_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

/* "DB_PASSWORD", "apiKey", "client-secret"; not "passwordFile", "secretName", "tokenTtl". */
bool judge_name(const char *name, size_t len);

/* Can such a name end with these two letters?  Keeps most of a text from being looked at. */
bool judge_may_end(char a, char b);

/* "SESSION_KEY", "HMAC_KEY": a credential only when judge_is_key_value says so of the value. */
bool judge_is_key(const char *name, size_t len);

/* Random, or 32 digits of hexadecimal and more, also behind "base64:"; in base64's alphabets. */
bool judge_is_key_value(const char *value, size_t len);

/* Of these names those that mean a password, which people choose. */
bool judge_is_password(const char *name, size_t len);

/* AWS's secret access key, by its name and the length of its value. */
bool judge_is_aws(const char *name, size_t len, size_t value_len);

/*
 * May a value under such a name be one?  No placeholder, path, short number; words joined by dashes
 * only when the name means a password, because under "secret" they name a Secret.
 */
bool judge_value(const char *name, size_t name_len, const char *value, size_t len);

/* Random: ten characters at least, of several kinds, in no order that can be said or counted. */
bool judge_is_random(const char *value, size_t len);

/* Not random, but more than a word: letters and digits, eight characters at least. */
bool judge_is_weak(const char *value, size_t len);

/* Without quotes, is it more likely an expression: a call, an index, a member, a type? */
bool judge_is_expression(const char *value, size_t len);

/* What has a rule of its own, or is public, is none when that rule did not find it. */
bool judge_is_known(const char *value, size_t len);

/* Base64 of a placeholder: "changeme" in a Secret's data. */
bool judge_is_wrapped(const char *value, size_t len);

#endif
