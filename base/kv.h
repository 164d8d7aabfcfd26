/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names with bytes, sorted by name (byte order), each name once: the data of a Secret, labels,
 * facts, recipients, the named inputs of a kind.  Values are wiped when they go.
 */
#ifndef BULLA_BASE_KV_H
#define BULLA_BASE_KV_H

#include <stdbool.h>
#include <stddef.h>

struct kv_item {
	char *name;
	unsigned char *data; /* len bytes and a NUL that len does not count */
	size_t len;
};

struct kv {
	struct kv_item *items;
	size_t n;
	size_t cap;
};

#define KV_INIT                                                                                    \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

/* Copy a value in, replacing an earlier one of that name. */
void kv_set(struct kv *kv, const char *name, const void *data, size_t len);
void kv_set_str(struct kv *kv, const char *name, const char *value);
void kv_set_fmt(struct kv *kv, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The item or NULL; owned by kv, valid until the next change. */
const struct kv_item *kv_get(const struct kv *kv, const char *name);
/* The value as a string, or NULL when absent or when it holds a NUL byte. */
const char *kv_get_str(const struct kv *kv, const char *name);
bool kv_has(const struct kv *kv, const char *name);
bool kv_del(struct kv *kv, const char *name); /* false when it was not there */

/* The same names and bytes; not in constant time. */
bool kv_equal(const struct kv *a, const struct kv *b);
void kv_copy(struct kv *dst, const struct kv *src); /* dst is cleared before */
/* Each name of src, with an empty value where dst has it not: the values need not be copied. */
void kv_add_names(struct kv *dst, const struct kv *src);
size_t kv_bytes(const struct kv *kv); /* sum of the values' lengths */
void kv_clear(struct kv *kv);

#endif
