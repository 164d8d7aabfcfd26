/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kv.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/search.h"

static int compare(const void *name, const void *item)
{
	return strcmp(name, ((const struct kv_item *)item)->name);
}

static size_t position(const struct kv *kv, const char *name, bool *found)
{
	const struct search items = { kv->items, kv->n, sizeof(*kv->items), compare };

	return search_sorted(&items, name, found);
}

void kv_set(struct kv *kv, const char *name, const void *data, size_t len)
{
	unsigned char *copy = mem_dup(data, len);
	bool found;
	size_t i = position(kv, name, &found);

	if (found) {
		mem_free(kv->items[i].data);
	} else {
		if (kv->n == kv->cap) {
			kv->cap = kv->cap == 0 ? 8 : kv->cap * 2;
			kv->items = mem_grow(kv->items, kv->cap, sizeof(*kv->items));
		}
		memmove(kv->items + i + 1, kv->items + i, (kv->n - i) * sizeof(*kv->items));
		kv->items[i].name = mem_str(name);
		kv->n++;
	}
	kv->items[i].data = copy;
	kv->items[i].len = len;
}

void kv_set_str(struct kv *kv, const char *name, const char *value)
{
	kv_set(kv, name, value, strlen(value));
}

void kv_set_fmt(struct kv *kv, const char *name, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	kv_set_str(kv, name, text);
	mem_free(text);
}

const struct kv_item *kv_get(const struct kv *kv, const char *name)
{
	bool found;
	size_t i = position(kv, name, &found);

	return found ? &kv->items[i] : NULL;
}

const char *kv_get_str(const struct kv *kv, const char *name)
{
	const struct kv_item *item = kv_get(kv, name);

	if (item == NULL || memchr(item->data, '\0', item->len) != NULL)
		return NULL;
	return (const char *)item->data;
}

bool kv_has(const struct kv *kv, const char *name)
{
	return kv_get(kv, name) != NULL;
}

bool kv_del(struct kv *kv, const char *name)
{
	bool found;
	size_t i = position(kv, name, &found);

	if (!found)
		return false;
	mem_free(kv->items[i].name);
	mem_free(kv->items[i].data);
	kv->n--;
	memmove(kv->items + i, kv->items + i + 1, (kv->n - i) * sizeof(*kv->items));
	return true;
}

bool kv_equal(const struct kv *a, const struct kv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
		    a->items[i].len != b->items[i].len ||
		    memcmp(a->items[i].data, b->items[i].data, a->items[i].len) != 0)
			return false;
	return true;
}

void kv_copy(struct kv *dst, const struct kv *src)
{
	kv_clear(dst);
	for (size_t i = 0; i < src->n; i++)
		kv_set(dst, src->items[i].name, src->items[i].data, src->items[i].len);
}

void kv_add_names(struct kv *dst, const struct kv *src)
{
	for (size_t i = 0; i < src->n; i++)
		if (!kv_has(dst, src->items[i].name))
			kv_set_str(dst, src->items[i].name, "");
}

size_t kv_bytes(const struct kv *kv)
{
	size_t sum = 0;

	for (size_t i = 0; i < kv->n; i++)
		sum += kv->items[i].len;
	return sum;
}

void kv_clear(struct kv *kv)
{
	for (size_t i = 0; i < kv->n; i++) {
		mem_free(kv->items[i].name);
		mem_free(kv->items[i].data);
	}
	mem_free(kv->items);
	*kv = (struct kv)KV_INIT;
}
