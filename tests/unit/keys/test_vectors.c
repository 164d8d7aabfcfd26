/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public age test vectors (tests/vectors/cctv-age), all 143: each must end as its file says,
 * with the right kind of failure, and a failure must give out nothing.
 */
#include "tests/unit/test.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "keys/age.h"

#define DIR_NAME "tests/vectors/cctv-age/testdata"
#define VECTORS 143
#define NEED_HYBRID 9 /* only ML-KEM-768 could tell how they end: 5 open, 4 match nothing */
#define VECTOR_MAX (32 << 20)
#define KEYS_MAX 4

struct vector {
	const char *name;
	struct buf text;
	char expect[32];
	char payload[65]; /* hex, of what was given out before a failure too */
	struct age_identity *ids[KEYS_MAX];
	size_t n_ids, n_hybrid;
	char *passphrases[KEYS_MAX];
	size_t n_passphrases;
	bool armored, compressed;
	struct buf file;
};

struct kind {
	const char *expect;
	enum err_class classes[2];
	const char *text; /* the error begins with it */
};

static const struct kind kinds[] = {
	{ "success", { ERR_NONE, ERR_NONE }, "" },
	{ "no match", { ERR_NOKEY, ERR_NOKEY }, "" },
	{ "HMAC failure", { ERR_REFUSED, ERR_REFUSED }, "age header: its MAC is wrong" },
	{ "header failure", { ERR_INVALID, ERR_INVALID }, "age header: " },
	{ "payload failure", { ERR_REFUSED, ERR_INVALID }, "age payload: " },
	{ "armor failure", { ERR_INVALID, ERR_INVALID }, "age armor: " },
};

static const struct kind *kind_of(const char *expect)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i].expect, expect) == 0)
			return &kinds[i];
	fail_msg("unknown expectation: %s", expect);
	return NULL;
}

static void add_identity(struct vector *v, const char *text)
{
	struct err err = ERR_INIT;
	struct age_identity *id = age_identity_parse(text, strlen(text), &err);

	if (id == NULL) { /* a hybrid one, and it says so */
		assert_int_equal(err.class, ERR_INVALID);
		assert_non_null(strstr(err.text, "needs mlkem768x25519"));
		v->n_hybrid++;
		return;
	}
	assert_true(v->n_ids < KEYS_MAX);
	v->ids[v->n_ids++] = id;
}

static void take_line(struct vector *v, const char *key, const char *value)
{
	if (strcmp(key, "expect") == 0)
		snprintf(v->expect, sizeof(v->expect), "%s", value);
	else if (strcmp(key, "payload") == 0)
		snprintf(v->payload, sizeof(v->payload), "%s", value);
	else if (strcmp(key, "identity") == 0)
		add_identity(v, value);
	else if (strcmp(key, "passphrase") == 0)
		v->passphrases[v->n_passphrases++] = mem_str(value);
	else if (strcmp(key, "armored") == 0)
		v->armored = strcmp(value, "yes") == 0;
	else if (strcmp(key, "compressed") == 0)
		v->compressed = strcmp(value, "zlib") == 0;
	else if (strcmp(key, "file key") != 0 && strcmp(key, "comment") != 0)
		fail_msg("%s: unknown key %s", v->name, key);
}

static void inflate_all(const unsigned char *data, size_t len, struct buf *out)
{
	z_stream z = { 0 };
	unsigned char chunk[65536];
	int r;

	assert_int_equal(inflateInit(&z), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		r = inflate(&z, Z_NO_FLUSH);
		assert_true(r == Z_OK || r == Z_STREAM_END);
		assert_int_equal(buf_put(out, chunk, sizeof(chunk) - z.avail_out), 0);
	} while (r != Z_STREAM_END);
	inflateEnd(&z);
}

static void load(struct vector *v)
{
	char *path = mem_printf("%s/%s", DIR_NAME, v->name);
	struct err err = ERR_INIT;
	char *line, *end;

	assert_int_equal(file_read(path, VECTOR_MAX, 0, &v->text, NULL, &err), 0);
	mem_free(path);
	for (line = (char *)v->text.data; *line != '\n'; line = end + 1) {
		char *colon = strstr(line, ": ");

		end = strchr(line, '\n');
		assert_true(end != NULL && colon != NULL && colon < end);
		*colon = *end = '\0';
		take_line(v, line, colon + 2);
	}
	line++;
	if (v->compressed)
		inflate_all((unsigned char *)line,
			    v->text.len - (size_t)(line - (char *)v->text.data), &v->file);
	else
		buf_put(&v->file, line, v->text.len - (size_t)(line - (char *)v->text.data));
}

static void unload(struct vector *v)
{
	for (size_t i = 0; i < v->n_ids; i++)
		age_identity_free(v->ids[i]);
	for (size_t i = 0; i < v->n_passphrases; i++)
		mem_free(v->passphrases[i]);
	buf_clear(&v->text);
	buf_clear(&v->file);
}

static int decrypt(const struct vector *v, struct buf *out, struct err *err)
{
	struct buf binary = BUF_INIT;
	const struct buf *file = &v->file;
	int r = -1;

	assert_true(v->n_ids == 0 || v->n_passphrases == 0 ||
		    strcmp(v->expect, "header failure") == 0);
	if (v->armored) {
		if (age_dearmor(v->file.data, v->file.len, &binary, err) != 0) {
			assert_int_equal(binary.len, 0);
			goto out;
		}
		file = &binary;
	}
	if (v->n_passphrases == 0)
		r = age_decrypt((const struct age_identity *const *)v->ids, v->n_ids, 0, file->data,
				file->len, out, NULL, err);
	for (size_t i = 0; i < v->n_passphrases && r != 0; i++)
		r = age_decrypt_passphrase(v->passphrases[i], strlen(v->passphrases[i]), file->data,
					   file->len, out, err);
out:
	buf_clear(&binary);
	return r;
}

static void check_payload(const struct vector *v, const struct buf *out)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[65];

	crypto_hash_sha256(hash, out->data, out->len);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	assert_string_equal(hex, v->payload);
}

/* A failure gives out nothing, and leaves nothing of what came before it in the memory of out. */
static void check_empty(const struct buf *out)
{
	assert_int_equal(out->len, 0);
	assert_true(out->cap == 0 || sodium_is_zero(out->data, out->cap));
}

static bool needs_hybrid(const struct vector *v)
{
	return v->n_hybrid != 0 && strcmp(v->name, "hybrid_uppercase") != 0 &&
	       (strcmp(v->expect, "success") == 0 || strcmp(v->expect, "no match") == 0);
}

/* Passes exactly as the vector says, or says what it would need; anything else fails the test. */
static void run_vector(const char *name, size_t *passed, size_t *hybrid)
{
	struct vector v = { .name = name, .text = { .max = VECTOR_MAX }, .file = BUF_INIT };
	const struct kind *kind;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int r;

	load(&v);
	kind = kind_of(v.expect);
	r = decrypt(&v, &out, &err);
	if (needs_hybrid(&v)) {
		if (r == 0 || err.class != ERR_NOKEY || strstr(err.text, "mlkem768x25519") == NULL)
			fail_msg("%s: %d, class %d: %s", name, r, (int)err.class, err.text);
		check_empty(&out);
		(*hybrid)++;
	} else {
		if ((r == 0) != (kind->classes[0] == ERR_NONE) ||
		    (err.class != kind->classes[0] && err.class != kind->classes[1]) ||
		    strncmp(err.text, kind->text, strlen(kind->text)) != 0)
			fail_msg("%s: expected %s, got %d, class %d: %s", name, v.expect, r,
				 (int)err.class, err.text);
		if (r == 0)
			check_payload(&v, &out);
		else
			check_empty(&out);
		(*passed)++;
	}
	if (getenv("VERBOSE") != NULL)
		printf("%-36s %-16s %s\n", name, v.expect, err.text);
	buf_clear(&out);
	unload(&v);
}

static void test_all_vectors(void **state)
{
	DIR *dir = opendir(DIR_NAME);
	size_t passed = 0, hybrid = 0;
	struct dirent *entry;

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			run_vector(entry->d_name, &passed, &hybrid);
	closedir(dir);
	printf("age vectors: %zu pass, %zu need mlkem768x25519\n", passed, hybrid);
	assert_int_equal(hybrid, NEED_HYBRID);
	assert_int_equal(passed, VECTORS - NEED_HYBRID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_vectors),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
