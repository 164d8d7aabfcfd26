/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define SUFFIX ".key"
#define AGE_FILE_BEGIN "age-encryption.org/"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define DIR_NAMES_MAX 10000

/* Take the identity over; a key that is there already is let go. */
static int take(struct keyring *kr, struct age_identity *id, const char *name, struct err *err)
{
	if (keyring_find(kr, age_identity_id(id)) != NULL) {
		age_identity_free(id);
		return 0;
	}
	if (kr->n == KEYRING_MAX) {
		age_identity_free(id);
		return err_set(err, ERR_INVALID, "more than %d private keys", KEYRING_MAX);
	}
	kr->ids = mem_grow(kr->ids, kr->n + 1, sizeof(struct age_identity *));
	kr->names = mem_grow(kr->names, kr->n + 1, sizeof(*kr->names));
	kr->ids[kr->n] = id;
	kr->names[kr->n] = mem_str(name);
	kr->n++;
	return 0;
}

/* Move all of src, which is empty then, behind dst. */
static int take_all(struct keyring *dst, struct keyring *src, const char *name, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < src->n; i++) {
		if (r == 0)
			r = take(dst, src->ids[i], name, err);
		else
			age_identity_free(src->ids[i]);
		src->ids[i] = NULL; /* transferred */
	}
	keyring_clear(src);
	return r;
}

static int take_line(struct keyring *kr, const char *line, size_t len, const char *name,
		     struct err *err)
{
	struct age_identity *id;

	if (len == 0 || line[0] == '#')
		return 0;
	id = age_identity_parse(line, len, err);
	return id == NULL ? -1 : take(kr, id, name, err);
}

/* The text of an identity file; kr must be empty. */
static int parse_text(struct keyring *kr, const char *name, const char *text, size_t len,
		      struct err *err)
{
	const char *at = text;
	size_t left = len;

	if (len >= strlen(BYTE_ORDER_MARK) &&
	    memcmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		return err_set(err, ERR_INVALID,
			       "%s: begins with a byte order mark; save it without one", name);
	for (unsigned number = 1; left != 0; number++) {
		const char *end = memchr(at, '\n', left);
		size_t whole = end == NULL ? left : (size_t)(end - at) + 1;
		size_t line = end == NULL ? left : whole - 1;

		if (line != 0 && at[line - 1] == '\r')
			line--;
		if (take_line(kr, at, line, name, err) != 0)
			return err_wrap(err, "%s:%u", name, number);
		at += whole;
		left -= whole;
	}
	if (kr->n == 0)
		return err_set(err, ERR_INVALID, "%s: holds no private key", name);
	return 0;
}

/* file: a binary age file.  Asks only when a passphrase can open it. */
static int decrypt(const char *name, const struct buf *file, keyring_ask *ask, void *ctx,
		   struct buf *plain, struct err *err)
{
	struct buf passphrase = BUF_INIT;
	struct age_info info;
	int r = -1;

	if (age_inspect(file->data, file->len, &info, err) != 0)
		return err_wrap(err, "%s", name);
	if (info.scrypt == 0)
		return err_set(
		    err, ERR_NOKEY,
		    "%s: an age file encrypted to keys, not with a passphrase, cannot be "
		    "used as an identity file",
		    name);
	if (ask == NULL)
		return err_set(err, ERR_NOKEY,
			       "%s: encrypted with a passphrase, which cannot be asked for here",
			       name);
	if (ask(ctx, name, &passphrase, err) != 0)
		goto out;
	r = age_decrypt_passphrase(buf_str(&passphrase), passphrase.len, file->data, file->len,
				   plain, err);
	if (r != 0)
		err_wrap(err, "%s", name);
out:
	buf_clear(&passphrase);
	return r;
}

static bool is_age_file(const void *data, size_t len)
{
	return len >= strlen(AGE_FILE_BEGIN) &&
	       memcmp(data, AGE_FILE_BEGIN, strlen(AGE_FILE_BEGIN)) == 0;
}

/* Identities of a file's bytes into an empty keyring. */
static int parse(struct keyring *kr, const char *name, const void *data, size_t len,
		 keyring_ask *ask, void *ctx, struct err *err)
{
	struct buf file = BUF_INIT, plain = { .max = KEYRING_FILE_MAX };
	bool armored = age_is_armored(data, len);
	int r = -1;

	if (!armored && !is_age_file(data, len))
		return parse_text(kr, name, data, len, err);
	if (armored) {
		if (age_dearmor(data, len, &file, err) != 0) {
			err_wrap(err, "%s", name);
			goto out;
		}
	} else {
		buf_put(&file, data, len);
	}
	if (decrypt(name, &file, ask, ctx, &plain, err) != 0)
		goto out;
	r = parse_text(kr, name, buf_str(&plain), plain.len, err);
out:
	buf_clear(&file);
	buf_clear(&plain);
	return r;
}

int keyring_add_bytes(struct keyring *kr, const char *name, const void *data, size_t len,
		      keyring_ask *ask, void *ctx, struct err *err)
{
	struct keyring fresh = KEYRING_INIT;
	int r = -1;

	if (len > KEYRING_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s: larger than %d bytes", name,
			       KEYRING_FILE_MAX);
	if (parse(&fresh, name, data, len, ask, ctx, err) == 0)
		r = take_all(kr, &fresh, name, err);
	keyring_clear(&fresh);
	return r;
}

int keyring_add_file(struct keyring *kr, const char *path, keyring_ask *ask, void *ctx,
		     struct err *err)
{
	struct buf data = BUF_INIT;
	int r = file_read(path, KEYRING_FILE_MAX, 0, &data, NULL, err);

	if (r == 0)
		r = keyring_add_bytes(kr, path, buf_str(&data), data.len, ask, ctx, err);
	buf_clear(&data);
	return r;
}

/* --- directories ------------------------------------------------------------------------------ */

struct names {
	char **items;
	size_t n, cap;
};

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->items[i]);
	mem_free(names->items);
}

static bool is_key_name(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > strlen(SUFFIX) &&
	       strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int later_first(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

static int read_names(const char *dir, struct names *names, struct err *err)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	int r = -1;

	if (d == NULL)
		return err_sys(err, "%s: cannot open the key directory", dir);
	while (errno = 0, (entry = readdir(d)) != NULL) {
		if (!is_key_name(entry->d_name))
			continue;
		if (names->n == DIR_NAMES_MAX) {
			err_set(err, ERR_IO, "%s: more than %d key files", dir, DIR_NAMES_MAX);
			goto out;
		}
		if (names->n == names->cap) {
			names->cap = names->cap == 0 ? 16 : names->cap * 2;
			names->items = mem_grow(names->items, names->cap, sizeof(*names->items));
		}
		names->items[names->n++] = mem_str(entry->d_name);
	}
	if (errno != 0) {
		err_sys(err, "%s: cannot read the key directory", dir);
		goto out;
	}
	if (names->n != 0)
		qsort(names->items, names->n, sizeof(*names->items), later_first);
	r = 0;
out:
	closedir(d);
	return r;
}

static int add_dir_file(struct keyring *kr, const char *path, const char *name, struct err *err)
{
	struct keyring fresh = KEYRING_INIT;
	struct buf data = BUF_INIT;
	int r = -1;

	if (file_read(path, KEYRING_FILE_MAX, 0, &data, NULL, err) != 0 ||
	    parse(&fresh, path, buf_str(&data), data.len, NULL, NULL, err) != 0)
		goto out;
	if (fresh.n != 1) {
		err_set(err, ERR_INVALID,
			"%s: holds %zu private keys; in a key directory each has its own file",
			path, fresh.n);
		goto out;
	}
	r = take_all(kr, &fresh, name, err);
out:
	keyring_clear(&fresh);
	buf_clear(&data);
	return r;
}

int keyring_add_dir(struct keyring *kr, const char *dir, struct notes *notes, struct err *err)
{
	struct names names = { NULL, 0, 0 };
	int r = read_names(dir, &names, err);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		char *path = mem_printf("%s/%s", dir, names.items[i]);
		struct err why = ERR_INIT;

		if (add_dir_file(kr, path, names.items[i], &why) != 0)
			note_add(notes, "%s", why.text);
		mem_free(path);
	}
	names_clear(&names);
	return r;
}

/* --- the rest --------------------------------------------------------------------------------- */

const struct age_identity *keyring_find(const struct keyring *kr, const char *key_id)
{
	for (size_t i = 0; i < kr->n; i++)
		if (strcmp(age_identity_id(kr->ids[i]), key_id) == 0)
			return kr->ids[i];
	return NULL;
}

void keyring_clear(struct keyring *kr)
{
	for (size_t i = 0; i < kr->n; i++) {
		age_identity_free(kr->ids[i]);
		mem_free(kr->names[i]);
	}
	mem_free(kr->ids);
	mem_free(kr->names);
	*kr = (struct keyring)KEYRING_INIT;
}

/* RFC 3339 without its punctuation, so that names sort by time and suit every file system. */
char *keyring_file_name(const struct age_identity *id, long long now)
{
	char text[CLOCK_TEXT_SIZE], compact[CLOCK_TEXT_SIZE];
	size_t n = 0;

	clock_format(now, text);
	for (const char *c = text; *c != '\0'; c++)
		if (*c != '-' && *c != ':')
			compact[n++] = *c;
	compact[n] = '\0';
	return mem_printf("%s-%s" SUFFIX, compact, age_identity_id(id));
}

void keyring_file_format(const struct age_identity *id, long long now, struct buf *out)
{
	char created[CLOCK_TEXT_SIZE], recipient[AGE_RECIPIENT_TEXT];

	clock_format(now, created);
	age_recipient_format(age_identity_recipient(id), recipient);
	buf_printf(out, "# created: %s\n# public key: %s\n", created, recipient);
	age_identity_format(id, out);
	buf_putc(out, '\n');
}
