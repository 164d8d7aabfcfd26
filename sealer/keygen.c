/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/keygen.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "keys/config.h"
#include "sealer/manifest.h"
#include "sealer/repo.h"

#define KEY_SUFFIX ".key"

int keygen_check_name(const char *s, struct err *err)
{
	if (!name_is_label(s))
		return err_set(
		    err, ERR_RECIPIENT,
		    "NAME: not a recipient's name (at most 63 lower-case letters, digits "
		    "and \"-\", alphanumeric at both ends)");
	if (strcmp(s, CONFIG_RECOVERY) == 0)
		return err_set(err, ERR_RECIPIENT,
			       "NAME: \"%s\" is the name of the recovery key and no other's; "
			       "'bulla init --recovery' takes it, and .bulla/config has it",
			       CONFIG_RECOVERY);
	if (strncmp(s, "age1", 4) == 0 || name_is_key_id(s))
		return err_set(err, ERR_RECIPIENT, "NAME: it looks like a key or a key id");
	return 0;
}

/* --- making ----------------------------------------------------------------------------------- */

static int make_backup(struct keygen *k, const struct age_recipient *recovery, struct err *err)
{
	struct buf text = BUF_INIT, manifest = BUF_INIT, file = BUF_INIT;
	char *name = keyring_file_name(k->id, k->now);
	struct kv data = KV_INIT;
	int r = -1;

	keyring_file_format(k->id, k->now, &text);
	kv_set(&data, name, text.data, text.len);
	manifest_format(KEYGEN_SECRET, NULL, &data, &manifest);
	if (age_encrypt(recovery, 1, manifest.data, manifest.len, &file, err) == 0 &&
	    age_armor(file.data, file.len, &k->backup, err) == 0)
		r = 0;
	mem_free(name);
	kv_clear(&data);
	buf_clear(&text);
	buf_clear(&manifest);
	buf_clear(&file);
	return r;
}

int keygen_make(const char *name, const struct age_recipient *recovery, int64_t now,
		struct keygen *out, struct err *err)
{
	if (keygen_check_name(name, err) != 0)
		return -1;
	*out = (struct keygen){ .name = mem_str(name), .now = now };
	out->id = age_identity_generate();
	if (make_backup(out, recovery, err) == 0)
		return 0;
	keygen_clear(out);
	return -1;
}

int keygen_keep_earlier(const char *top, const char *name, const struct age_recipient *earlier,
			struct err *err)
{
	char id[AGE_KEY_ID_TEXT];
	struct buf text = BUF_INIT;
	char *from = repo_key_path(name, NULL), *to, *full = NULL;
	bool exists;
	int r;

	age_recipient_id(earlier, id);
	to = repo_key_path(name, id);
	r = repo_read(top, from, REPO_KEY_MAX, &text, NULL, &exists, err);
	if (r == 0 && exists) {
		r = repo_write(top, to, &text, NULL, err);
		full = mem_printf("%s/%s", top, from);
		if (r == 0 && unlink(full) != 0)
			r = err_sys(err, "%s: cannot remove", full);
	}
	mem_free(full);
	mem_free(from);
	mem_free(to);
	buf_clear(&text);
	return r;
}

int keygen_write(const struct keygen *k, const char *top, struct err *err)
{
	char *path = repo_key_path(k->name, NULL);
	int r = repo_write(top, path, &k->backup, NULL, err);

	mem_free(path);
	return r;
}

int keygen_write_key(const struct keygen *k, const char *dir, struct err *err)
{
	char *name = keyring_file_name(k->id, k->now);
	struct buf text = BUF_INIT;
	struct kv files = KV_INIT;
	int r;

	keyring_file_format(k->id, k->now, &text);
	kv_set(&files, name, text.data, text.len);
	r = keygen_install(&files, dir, err);
	kv_clear(&files);
	buf_clear(&text);
	mem_free(name);
	return r;
}

void keygen_clear(struct keygen *k)
{
	mem_free(k->name);
	age_identity_free(k->id);
	buf_clear(&k->backup);
	*k = (struct keygen){ .name = NULL };
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool is_backup_of(const char *file, const char *name)
{
	char *whose, id[AGE_KEY_ID_TEXT];
	bool is = repo_key_parse(file, &whose, id) && strcmp(whose, name) == 0;

	mem_free(whose);
	return is;
}

/* One entry of the Secret: a key file with a name that is nothing but a file's. */
static int take_file(const char *path, const struct kv_item *item, struct kv *out, struct err *err)
{
	size_t n = strlen(item->name);
	struct keyring kr = KEYRING_INIT;
	int r;

	if (n <= 4 || strcmp(item->name + n - 4, KEY_SUFFIX) != 0 || item->name[0] == '.')
		return err_set(err, ERR_INVALID, "%s: holds an entry that is no key file", path);
	r = keyring_add_bytes(&kr, item->name, item->data, item->len, NULL, NULL, err);
	if (r == 0 && kr.n != 1)
		r = err_set(err, ERR_INVALID, "%s: %s holds not exactly one key", path, item->name);
	if (r == 0)
		kv_set(out, item->name, item->data, item->len);
	keyring_clear(&kr);
	return r;
}

static int take_manifest(const char *path, const struct buf *text, struct kv *out, struct err *err)
{
	struct manifest m = MANIFEST_INIT;
	struct notes notes = NOTES_INIT;
	int r = manifest_parse(path, text->data, text->len, &m, &notes, err);

	if (r == 0 && (strcmp(m.name, KEYGEN_SECRET) != 0 || m.data.n == 0))
		r = err_set(err, ERR_INVALID, "%s: not a backup of sealing keys", path);
	for (size_t i = 0; r == 0 && i < m.data.n; i++)
		r = take_file(path, &m.data.items[i], out, err);
	manifest_clear(&m);
	notes_clear(&notes);
	return r;
}

static int open_one(const char *top, const char *path, const struct keyring *recovery,
		    struct kv *out, struct err *err)
{
	struct buf text = BUF_INIT, file = BUF_INIT, plain = BUF_INIT;
	const struct age_identity *const *ids = (const struct age_identity *const *)recovery->ids;
	bool exists;
	int r = -1;

	if (repo_read(top, path, REPO_KEY_MAX, &text, NULL, &exists, err) != 0)
		goto out;
	if (age_dearmor(text.data, text.len, &file, err) != 0 ||
	    age_decrypt(ids, recovery->n, 0, file.data, file.len, &plain, NULL, err) != 0) {
		err_wrap(err, "%s", path);
		goto out;
	}
	r = take_manifest(path, &plain, out, err);
out:
	buf_clear(&text);
	buf_clear(&file);
	buf_clear(&plain);
	return r;
}

int keygen_open(const char *top, const char *name, const struct keyring *recovery, struct kv *out,
		struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(top, &files, err);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		char *path;

		if (!is_backup_of(files.items[i].name, name))
			continue;
		path = mem_printf("%s/%s", REPO_KEYS, files.items[i].name);
		r = open_one(top, path, recovery, out, err);
		mem_free(path);
	}
	if (r == 0 && out->n == 0)
		r = err_set(err, ERR_NOKEY,
			    "there is no backup %s/%s.age; its key was not made here", REPO_KEYS,
			    name);
	kv_clear(&files);
	return r;
}

static int install_one(const struct kv_item *item, const char *dir, struct err *err)
{
	char *path = mem_printf("%s/%s", dir, item->name);
	struct file_write w = { .path = path, .mode = 0600, .exclusive = true };
	struct buf had = BUF_INIT;
	struct stat st;
	int r;

	if (lstat(path, &st) != 0) {
		r = file_write(&w, item->data, item->len, err);
	} else {
		r = file_read(path, KEYRING_FILE_MAX, FILE_NOFOLLOW, &had, NULL, err);
		if (r == 0 && (had.len != item->len || memcmp(had.data, item->data, had.len) != 0))
			r = err_set(err, ERR_CONFLICT, "%s: another file of that name is there",
				    path);
	}
	buf_clear(&had);
	mem_free(path);
	return r;
}

int keygen_install(const struct kv *files, const char *dir, struct err *err)
{
	if (repo_refuse_path(dir, "--to", err) != 0 || file_mkdirs(dir, 0700, err) != 0)
		return -1;
	for (size_t i = 0; i < files->n; i++)
		if (install_one(&files->items[i], dir, err) != 0)
			return -1;
	return 0;
}
