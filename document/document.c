/* SPDX-License-Identifier: Apache-2.0 */
#include "document/document.h"

#include <sodium.h>
#include <string.h>

#include "base/mem.h"
#include "base/search.h"

#define DIGEST_DOMAIN "bulla.dev/v1 digest\n"

void document_part_clear(struct document_part *part)
{
	mem_free(part->name);
	kv_clear(&part->recipients);
	kv_clear(&part->facts);
	buf_clear(&part->age);
	*part = (struct document_part){ 0 };
}

bool document_part_equal(const struct document_part *a, const struct document_part *b)
{
	return strcmp(a->name, b->name) == 0 && kv_equal(&a->recipients, &b->recipients) &&
	       kv_equal(&a->facts, &b->facts) && a->age.len == b->age.len &&
	       (a->age.len == 0 || memcmp(a->age.data, b->age.data, a->age.len) == 0);
}

void document_clear(struct document *d)
{
	mem_free(d->name);
	mem_free(d->namespace);
	kv_clear(&d->labels);
	kv_clear(&d->annotations);
	for (size_t i = 0; i < d->n; i++)
		document_part_clear(&d->parts[i]);
	mem_free(d->parts);
	for (size_t i = 0; i < d->n_signatures; i++)
		mem_free(d->signatures[i]);
	mem_free(d->signatures);
	*d = (struct document)DOCUMENT_INIT;
}

static int compare(const void *name, const void *part)
{
	return strcmp(name, ((const struct document_part *)part)->name);
}

static size_t position(const struct document *d, const char *name, bool *found)
{
	const struct search parts = { d->parts, d->n, sizeof(*d->parts), compare };

	return search_sorted(&parts, name, found);
}

struct document_part *document_part(const struct document *d, const char *name)
{
	bool found;
	size_t i = position(d, name, &found);

	return found ? &d->parts[i] : NULL;
}

struct document_part *document_part_add(struct document *d, const char *name)
{
	bool found;
	size_t i = position(d, name, &found);

	if (found)
		return &d->parts[i];
	d->parts = mem_grow(d->parts, d->n + 1, sizeof(*d->parts));
	memmove(d->parts + i + 1, d->parts + i, (d->n - i) * sizeof(*d->parts));
	d->parts[i] = (struct document_part){ .name = mem_str(name) };
	d->n++;
	return &d->parts[i];
}

void document_part_remove(struct document *d, const char *name)
{
	bool found;
	size_t i = position(d, name, &found);

	if (!found)
		return;
	document_part_clear(&d->parts[i]);
	d->n--;
	memmove(d->parts + i, d->parts + i + 1, (d->n - i) * sizeof(*d->parts));
	d->parts[d->n] = (struct document_part){ 0 };
}

enum document_policy document_policy(const struct document *d)
{
	if (d->policy != POLICY_UNSET)
		return d->policy;
	return d->kind->retain ? POLICY_RETAIN : POLICY_DELETE;
}

const char *document_policy_name(enum document_policy p)
{
	static const char *const names[] = {
		[POLICY_UNSET] = "",
		[POLICY_DELETE] = "Delete",
		[POLICY_RETAIN] = "Retain",
	};

	return names[p];
}

static void hash_number(crypto_hash_sha256_state *st, size_t n)
{
	unsigned char be[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
				(unsigned char)(n >> 8), (unsigned char)n };

	crypto_hash_sha256_update(st, be, sizeof(be));
}

static void hash_bytes(crypto_hash_sha256_state *st, const void *data, size_t len)
{
	hash_number(st, len);
	crypto_hash_sha256_update(st, data, len);
}

static void hash_string(crypto_hash_sha256_state *st, const char *s)
{
	hash_bytes(st, s, strlen(s));
}

static void hash_kv(crypto_hash_sha256_state *st, const struct kv *kv)
{
	hash_number(st, kv->n);
	for (size_t i = 0; i < kv->n; i++) {
		hash_string(st, kv->items[i].name);
		hash_bytes(st, kv->items[i].data, kv->items[i].len);
	}
}

void document_digest(const struct document *d, char hex[static DOCUMENT_DIGEST_TEXT])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, (const unsigned char *)DIGEST_DOMAIN, strlen(DIGEST_DOMAIN));
	hash_string(&st, d->namespace);
	hash_string(&st, d->name);
	hash_string(&st, d->kind->name);
	hash_string(&st, document_policy_name(d->policy));
	hash_string(&st, d->type);
	hash_kv(&st, &d->labels);
	hash_kv(&st, &d->annotations);
	hash_number(&st, d->n);
	for (size_t i = 0; i < d->n; i++) {
		hash_string(&st, d->parts[i].name);
		crypto_hash_sha256(hash, d->parts[i].age.data, d->parts[i].age.len);
		crypto_hash_sha256_update(&st, hash, sizeof(hash));
	}
	crypto_hash_sha256_final(&st, hash);
	sodium_bin2hex(hex, DOCUMENT_DIGEST_TEXT, hash, sizeof(hash));
}
