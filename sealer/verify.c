/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/verify.h"

#include <sodium.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/backup.h"
#include "sealer/recovery.h"
#include "sealer/repo.h"
#include "sealer/report.h"

#define ENVELOPE 64 /* bytes sealed and opened again */

/* --- rows ------------------------------------------------------------------------------------- */

struct row {
	const char *file, *id, *name;
	bool good;
};

/* result is freed. */
static void add_row(struct verify *v, const struct row *r, char *result)
{
	json_array_append_new(v->rows,
			      json_pack("{s:o, s:s, s:s, s:b, s:o}", "file", report_text(r->file),
					"keyId", r->id, "name", r->name, "good", r->good, "result",
					report_text(result)));
	v->bad = v->bad || !r->good;
	mem_free(result);
}

/* What is sealed to the public half of an id is opened by the private one, and says what it said.
 */
static bool opens_envelope(const struct age_identity *id)
{
	const struct recipient fallback = { .key = *age_identity_recipient(id) };
	const struct age_identity *ids[] = { id };
	struct buf plain = BUF_INIT, file = BUF_INIT, back = BUF_INIT;
	bool good;

	randombytes_buf(buf_reserve(&plain, ENVELOPE), ENVELOPE);
	good = age_encrypt(&fallback.key, 1, plain.data, plain.len, &file, NULL) == 0 &&
	       age_decrypt(ids, 1, 0, file.data, file.len, &back, NULL, NULL) == 0 &&
	       back.len == plain.len && memcmp(back.data, plain.data, plain.len) == 0;
	buf_clear(&plain);
	buf_clear(&file);
	buf_clear(&back);
	return good;
}

/* Keep a key for the documents; each once. */
static int keep(struct verify *v, const struct age_identity *id, const char *name, struct err *err)
{
	struct buf text = BUF_INIT;
	int r;

	keyring_file_format(id, 0, &text);
	r = keyring_add_bytes(&v->proven, name, text.data, text.len, NULL, NULL, err);
	buf_clear(&text);
	return r;
}

int verify_key(struct verify *v, const struct age_identity *id, const char *file, struct err *err)
{
	const struct recipient *is = recipients_find_id(&v->config.recipients, age_identity_id(id));
	struct row row = { file, age_identity_id(id), is != NULL ? is->name : "",
			   opens_envelope(id) };

	if (!row.good)
		add_row(v, &row, mem_str("does not open what is sealed to its public half"));
	else if (is != NULL)
		add_row(v, &row, mem_printf("the key that %s has now", is->name));
	else
		add_row(v, &row, mem_str("opens; " CONFIG_PATH " has no such key now"));
	return keep(v, id, file, err);
}

/* --- backups ---------------------------------------------------------------------------------- */

/* What is wrong with a backup as a whole, or NULL. */
static char *fault_of(const struct verify *v, const struct backup *b)
{
	const struct recipient *recovery = recipients_find(&v->config.recipients, CONFIG_RECOVERY);
	const char *opener = age_identity_id(v->openers.ids[b->opened_by]);

	if (b->readers > 1)
		return mem_printf("is encrypted to %zu keys, not to recovery alone: whoever has "
				  "another of them has this key",
				  b->readers);
	if (recovery != NULL && strcmp(recovery->id, opener) != 0)
		return mem_printf("is encrypted to %s, which is not the recovery key of "
				  "%s; 'bulla keys backup --replace' makes it anew",
				  opener, CONFIG_PATH);
	return NULL;
}

/* The same for one key in it, by what its file's name promises. */
static char *fault_of_key(const struct verify *v, const char *name, const char *promised,
			  const struct age_identity *id)
{
	const struct recipient *is = recipients_find(&v->config.recipients, name);
	const struct recipient *whose =
	    recipients_find_id(&v->config.recipients, age_identity_id(id));
	const char *want = promised[0] != '\0' ? promised : is != NULL ? is->id : NULL;

	if (!opens_envelope(id))
		return mem_str("does not open what is sealed to its public half");
	if (whose != NULL && strcmp(whose->name, name) != 0)
		return mem_printf("holds the key of %s", whose->name);
	if (want == NULL)
		return mem_printf("%s has no recipient %s now; the file has no key id in its name",
				  CONFIG_PATH, name);
	if (strcmp(want, age_identity_id(id)) != 0)
		return mem_printf("holds another key than %s, %s",
				  promised[0] != '\0' ? "its name says" : "that recipient has",
				  want);
	return NULL;
}

static void check_backup_key(struct verify *v, const char *path, const struct backup *b, size_t i)
{
	const struct age_identity *id = b->keys.ids[i];
	char *name, promised[AGE_KEY_ID_TEXT];
	const char *slash = strrchr(path, '/');
	const char *file = slash != NULL ? slash + 1 : path;
	const struct recipient *is = recipients_find_id(&v->config.recipients, age_identity_id(id));
	struct row row = { path, age_identity_id(id), "", false };
	char *fault = fault_of(v, b);
	bool ours = repo_key_parse(file, &name, promised);

	if (ours)
		row.name = name;
	if (fault == NULL && ours)
		fault = fault_of_key(v, name, promised, id);
	row.good = fault == NULL;
	if (fault == NULL)
		fault = is != NULL ? mem_printf("the key that %s has now", is->name)
				   : mem_str("an earlier key");
	add_row(v, &row, fault);
	mem_free(name);
}

int verify_backup(struct verify *v, const char *path, const struct buf *text, struct err *err)
{
	struct backup b = BACKUP_INIT;
	struct err why = ERR_INIT;
	int r = 0;

	if (backup_open(path, text, &v->openers, &b, &why) != 0 && v->only == NULL) {
		struct row row = { path, "", "", false };

		add_row(v, &row, mem_str(why.text));
	}
	for (size_t i = 0; r == 0 && i < b.keys.n; i++) {
		if (v->only != NULL && strcmp(v->only, age_identity_id(b.keys.ids[i])) != 0)
			continue;
		check_backup_key(v, path, &b, i);
		r = keep(v, b.keys.ids[i], path, err);
	}
	backup_clear(&b);
	return r;
}

static int check_repo_backup(struct verify *v, const char *file, struct err *err)
{
	char *path = mem_printf("%s/%s", REPO_KEYS, file);
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	bool exists;
	int r = 0;

	if (repo_read(v->top, path, REPO_KEY_MAX, &text, NULL, &exists, &why) != 0) {
		struct row row = { path, "", "", false };

		add_row(v, &row, mem_str(why.text));
	} else if (exists) {
		r = verify_backup(v, path, &text, err);
	}
	buf_clear(&text);
	mem_free(path);
	return r;
}

int verify_open(struct verify *v, struct err *err)
{
	int r = 0;

	if (v->openers.n > 0)
		return 0;
	if (v->identities->n == 0)
		return recovery_load(NULL, v->passphrase_file, &v->openers, err);
	for (size_t i = 0; r == 0 && i < v->identities->n; i++)
		r = recovery_load(v->identities->items[i], v->passphrase_file, &v->openers, err);
	return r;
}

int verify_backups(struct verify *v, const char *name, const char *id, struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(v->top, &files, err);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		char *whose, named[AGE_KEY_ID_TEXT];
		bool is = repo_key_parse(files.items[i].name, &whose, named);

		is = is && (name == NULL || strcmp(whose, name) == 0) &&
		     (id == NULL || named[0] == '\0' || strcmp(named, id) == 0);
		mem_free(whose);
		if (!is)
			continue;
		r = verify_open(v, err);
		if (r == 0)
			r = check_repo_backup(v, files.items[i].name, err);
	}
	kv_clear(&files);
	return r;
}

void verify_clear(struct verify *v)
{
	mem_free(v->top);
	config_clear(&v->config);
	keyring_clear(&v->openers);
	keyring_clear(&v->proven);
	json_decref(v->rows);
}
