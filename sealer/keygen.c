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
#include "sealer/backup.h"
#include "sealer/repo.h"

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

static void put_file(const struct keygen *k, struct kv *out)
{
	char *name = keyring_file_name(k->id, k->now);
	struct buf text = BUF_INIT;

	keyring_file_format(k->id, k->now, &text);
	kv_set(out, name, text.data, text.len);
	buf_clear(&text);
	mem_free(name);
}

static int make_backup(struct keygen *k, const struct age_recipient *recovery, struct err *err)
{
	struct kv files = KV_INIT;
	int r;

	put_file(k, &files);
	r = backup_seal(&files, recovery, &k->backup, err);
	kv_clear(&files);
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

int keygen_write(const struct keygen *k, const char *top, bool pending, struct err *err)
{
	char *path = repo_key_path(k->name, pending ? age_identity_id(k->id) : NULL);
	int r = repo_write(top, path, &k->backup, NULL, err);

	mem_free(path);
	return r;
}

int keygen_write_key(const struct keygen *k, const char *dir, struct err *err)
{
	struct kv files = KV_INIT;
	int r;

	put_file(k, &files);
	r = keygen_install(&files, dir, NULL, err);
	kv_clear(&files);
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

static int open_one(const char *top, const char *path, const struct keyring *recovery,
		    struct backup *out, struct err *err)
{
	struct buf text = BUF_INIT;
	bool exists;
	int r = repo_read(top, path, REPO_KEY_MAX, &text, NULL, &exists, err);

	if (r == 0)
		r = backup_open(path, &text, recovery, out, err);
	buf_clear(&text);
	return r;
}

static void take(const char *path, const struct backup *b, struct kv *out, struct notes *notes)
{
	for (size_t i = 0; i < b->files.n; i++)
		kv_set(out, b->files.items[i].name, b->files.items[i].data, b->files.items[i].len);
	if (b->readers > 1)
		note_add(notes,
			 "%s is encrypted to %zu keys: others than recovery can have this key, so "
			 "it is to be replaced",
			 path, b->readers);
}

int keygen_open(const char *top, const char *name, const struct keyring *recovery, struct kv *out,
		struct notes *notes, struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(top, &files, err);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		struct backup b = BACKUP_INIT;
		char *path;

		if (!is_backup_of(files.items[i].name, name))
			continue;
		path = mem_printf("%s/%s", REPO_KEYS, files.items[i].name);
		r = open_one(top, path, recovery, &b, err);
		if (r == 0)
			take(path, &b, out, notes);
		backup_clear(&b);
		mem_free(path);
	}
	if (r == 0 && out->n == 0)
		r = err_set(err, ERR_NOKEY,
			    "there is no backup %s/%s.age; its key was not made here", REPO_KEYS,
			    name);
	kv_clear(&files);
	return r;
}

static int install_one(const struct kv_item *item, const char *dir, size_t *added, struct err *err)
{
	char *path = mem_printf("%s/%s", dir, item->name);
	struct file_write w = { .path = path, .mode = 0600, .exclusive = true };
	struct buf had = BUF_INIT;
	struct kv_item there;
	struct stat st;
	int r;

	if (lstat(path, &st) != 0) {
		r = file_write(&w, item->data, item->len, err);
		*added += r == 0;
	} else {
		r = file_read(path, KEYRING_FILE_MAX, FILE_NOFOLLOW, &had, NULL, err);
		there = (struct kv_item){ item->name, had.data, had.len };
		if (r == 0 && !backup_same_key(&there, item))
			r = err_set(err, ERR_CONFLICT, "%s: another file of that name is there",
				    path);
	}
	buf_clear(&had);
	mem_free(path);
	return r;
}

int keygen_install(const struct kv *files, const char *dir, size_t *added, struct err *err)
{
	size_t n = 0;

	if (repo_refuse_path(dir, "--to", err) != 0 || file_mkdirs(dir, 0700, err) != 0)
		return -1;
	for (size_t i = 0; i < files->n; i++)
		if (install_one(&files->items[i], dir, &n, err) != 0)
			return -1;
	repo_sweep(dir);
	if (added != NULL)
		*added = n;
	return 0;
}
