/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/backup.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/manifest.h"
#include "sealer/repo.h"

#define KEY_SUFFIX ".key"

int backup_seal(const struct kv *files, const struct age_recipient *recovery, struct buf *out,
		struct err *err)
{
	struct buf manifest = BUF_INIT, file = BUF_INIT;
	int r = -1;

	manifest_format(BACKUP_SECRET, NULL, files, &manifest);
	if (age_encrypt(recovery, 1, manifest.data, manifest.len, &file, err) == 0)
		r = age_armor(file.data, file.len, out, err);
	buf_clear(&manifest);
	buf_clear(&file);
	return r;
}

/* The one key of a file, or "": it holds another number of them. */
static void key_of(const struct kv_item *file, char id[static AGE_KEY_ID_TEXT])
{
	struct keyring kr = KEYRING_INIT;

	id[0] = '\0';
	if (keyring_add_bytes(&kr, file->name, file->data, file->len, NULL, NULL, NULL) == 0 &&
	    kr.n == 1)
		memcpy(id, age_identity_id(kr.ids[0]), AGE_KEY_ID_TEXT);
	keyring_clear(&kr);
}

bool backup_same_key(const struct kv_item *a, const struct kv_item *b)
{
	char x[AGE_KEY_ID_TEXT], y[AGE_KEY_ID_TEXT];

	if (a->len == b->len && memcmp(a->data, b->data, a->len) == 0)
		return true;
	key_of(a, x);
	key_of(b, y);
	return x[0] != '\0' && strcmp(x, y) == 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* One entry of the Secret: a key file with a name that is nothing but a file's. */
static int take_file(const char *path, const struct kv_item *item, struct backup *out,
		     struct err *err)
{
	size_t n = strlen(item->name), had = out->keys.n;

	if (n <= 4 || strcmp(item->name + n - 4, KEY_SUFFIX) != 0 || item->name[0] == '.')
		return err_set(err, ERR_INVALID, "%s: holds an entry that is no key file", path);
	if (keyring_add_bytes(&out->keys, item->name, item->data, item->len, NULL, NULL, err) != 0)
		return -1;
	if (out->keys.n != had + 1)
		return err_set(err, ERR_INVALID, "%s: %s holds not exactly one key, or one again",
			       path, item->name);
	kv_set(&out->files, item->name, item->data, item->len);
	return 0;
}

static int take_manifest(const char *path, const struct buf *text, struct backup *out,
			 struct err *err)
{
	struct manifest m = MANIFEST_INIT;
	struct notes notes = NOTES_INIT;
	int r = manifest_parse(path, text->data, text->len, &m, &notes, err);

	if (r == 0 && (strcmp(m.name, BACKUP_SECRET) != 0 || m.data.n == 0))
		r = err_set(err, ERR_INVALID, "%s: not a backup of sealing keys", path);
	for (size_t i = 0; r == 0 && i < m.data.n; i++)
		r = take_file(path, &m.data.items[i], out, err);
	manifest_clear(&m);
	notes_clear(&notes);
	return r;
}

int backup_open(const char *path, const struct buf *text, const struct keyring *recovery,
		struct backup *out, struct err *err)
{
	const struct age_identity *const *ids = (const struct age_identity *const *)recovery->ids;
	struct buf file = BUF_INIT, plain = BUF_INIT;
	struct age_info info;
	int r = -1;

	if (age_dearmor(text->data, text->len, &file, err) != 0 ||
	    age_inspect(file.data, file.len, &info, err) != 0 ||
	    age_decrypt(ids, recovery->n, 0, file.data, file.len, &plain, &out->opened_by, err) !=
		0) {
		err_wrap(err, "%s", path);
	} else {
		out->readers = info.stanzas;
		r = take_manifest(path, &plain, out, err);
	}
	buf_clear(&file);
	buf_clear(&plain);
	return r;
}

void backup_clear(struct backup *b)
{
	kv_clear(&b->files);
	keyring_clear(&b->keys);
}

/* --- names ------------------------------------------------------------------------------------ */

struct file {
	char *path; /* below top */
	struct buf text;
	bool exists;
};

static int load(const char *top, const char *name, const char *id, struct file *f, struct err *err)
{
	f->path = repo_key_path(name, id);
	return repo_read(top, f->path, REPO_KEY_MAX, &f->text, NULL, &f->exists, err);
}

static void unload(struct file *f)
{
	mem_free(f->path);
	buf_clear(&f->text);
}

static bool same(const struct file *a, const struct file *b)
{
	return a->exists && b->exists && a->text.len == b->text.len &&
	       memcmp(a->text.data, b->text.data, a->text.len) == 0;
}

int backup_keep(const char *top, const char *name, const char *old_id, struct err *err)
{
	struct file main = { NULL, BUF_INIT, false }, kept = { NULL, BUF_INIT, false };
	int r = -1;

	if (load(top, name, NULL, &main, err) != 0 || load(top, name, old_id, &kept, err) != 0)
		goto out;
	if (main.exists && !kept.exists)
		r = repo_write(top, kept.path, &main.text, NULL, err);
	else if (main.exists && !same(&main, &kept))
		r = err_set(err, ERR_CONFLICT,
			    "%s and %s are two different backups; keep the right one ('bulla keys "
			    "verify' says what is in each)",
			    main.path, kept.path);
	else
		r = 0;
out:
	unload(&main);
	unload(&kept);
	return r;
}

/* Is there a copy of main under the id of another key? */
static int has_copy(const char *top, const char *name, const char *id, const struct file *main,
		    bool *copy, struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(top, &files, err);

	*copy = false;
	for (size_t i = 0; r == 0 && i < files.n && !*copy; i++) {
		struct file other = { NULL, BUF_INIT, false };
		char *whose, other_id[AGE_KEY_ID_TEXT];

		if (repo_key_parse(files.items[i].name, &whose, other_id) &&
		    strcmp(whose, name) == 0 && other_id[0] != '\0' && strcmp(other_id, id) != 0) {
			r = load(top, name, other_id, &other, err);
			*copy = r == 0 && same(main, &other);
		}
		unload(&other);
		mem_free(whose);
	}
	kv_clear(&files);
	return r;
}

static int move(const char *top, const char *from, const char *to, struct err *err)
{
	char *a = mem_printf("%s/%s", top, from), *b = mem_printf("%s/%s", top, to);
	int r = rename(a, b) == 0 ? 0 : err_sys(err, "%s: cannot become %s", a, b);

	mem_free(a);
	mem_free(b);
	return r;
}

static int take_away(const char *top, const char *path, struct err *err)
{
	char *full = mem_printf("%s/%s", top, path);
	int r = unlink(full) == 0 ? 0 : err_sys(err, "%s: cannot remove", full);

	mem_free(full);
	return r;
}

/* Not before the folder is known to be no link out of the repository. */
static int sweep(const char *top, struct err *err)
{
	char *folder = mem_printf("%s/%s", top, REPO_KEYS);
	struct kv files = KV_INIT;
	int r = repo_list_keys(top, &files, err);

	if (r == 0)
		repo_sweep(folder);
	kv_clear(&files);
	mem_free(folder);
	return r;
}

int backup_settle(const char *top, const char *name, const char *id, struct err *err)
{
	struct file main = { NULL, BUF_INIT, false }, pending = { NULL, BUF_INIT, false };
	bool copy = false;
	int r = -1;

	if (load(top, name, NULL, &main, err) != 0 ||
	    (id[0] != '\0' && load(top, name, id, &pending, err) != 0) ||
	    (main.exists && has_copy(top, name, id, &main, &copy, err) != 0))
		goto out;
	if (pending.exists && (!main.exists || copy || same(&main, &pending)))
		r = move(top, pending.path, main.path, err);
	else if (main.exists && !pending.exists && copy)
		r = take_away(top, main.path, err);
	else
		r = 0;
	if (r == 0)
		r = sweep(top, err);
out:
	unload(&main);
	unload(&pending);
	return r;
}

int backup_pending(const char *top, const char *name, const char *id, bool *pending,
		   struct err *err)
{
	struct file f = { NULL, BUF_INIT, false };
	int r = load(top, name, id, &f, err);

	*pending = r == 0 && f.exists;
	unload(&f);
	return r;
}
