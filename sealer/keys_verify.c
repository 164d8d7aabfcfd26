/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cmd_keys.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/backup.h"
#include "sealer/prove.h"
#include "sealer/recovery.h"
#include "sealer/repo.h"
#include "sealer/report.h"
#include "sealer/ring.h"
#include "sealer/target.h"

#define ENVELOPE 64 /* bytes sealed and opened again */

struct verify_options {
	struct ring_options ring;
	const char *passphrase_file, *output;
};

static const struct option_spec specs[] = {
	{ 'i', "identity", "FILE",
	  "the recovery key, which opens backups (default: ~/.config/bulla/recovery.age), or the "
	  "key",
	  offsetof(struct verify_options, ring.identities), OPTION_MANY },
	{ 0, "keys", "DIR", "the keys of a folder (default: ~/.config/bulla/keys)",
	  offsetof(struct verify_options, ring.keys), 0 },
	{ 0, "passphrase-file", "FILE|-", "where the passphrase of the recovery key is",
	  offsetof(struct verify_options, passphrase_file), 0 },
	{ 'o', "output", "table|json", "how to print it", offsetof(struct verify_options, output),
	  0 },
	{ 0 },
};

/* One line of what is found: of a key, or of a document. */
struct job {
	const struct verify_options *o;
	char *top; /* NULL: in no repository */
	struct config config;
	struct keyring openers; /* of backups */
	struct keyring proven;	/* the keys in question, for documents */
	const char *only;	/* a key id: the one in question; NULL: all that are met */
	json_t *keys, *documents;
	bool bad;
};

/* --- rows ------------------------------------------------------------------------------------- */

struct row {
	const char *file, *id, *name;
	bool good;
};

/* result is freed. */
static void add_row(struct job *j, const struct row *r, char *result)
{
	json_array_append_new(j->keys,
			      json_pack("{s:o, s:s, s:s, s:b, s:o}", "file", report_text(r->file),
					"keyId", r->id, "name", r->name, "good", r->good, "result",
					report_text(result)));
	j->bad = j->bad || !r->good;
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
static int keep(struct job *j, const struct age_identity *id, const char *name, struct err *err)
{
	struct buf text = BUF_INIT;
	int r;

	keyring_file_format(id, 0, &text);
	r = keyring_add_bytes(&j->proven, name, text.data, text.len, NULL, NULL, err);
	buf_clear(&text);
	return r;
}

/* A key that is at hand as such. */
static int check_key(struct job *j, const struct age_identity *id, const char *file,
		     struct err *err)
{
	const struct recipient *is = recipients_find_id(&j->config.recipients, age_identity_id(id));
	struct row row = { file, age_identity_id(id), is != NULL ? is->name : "",
			   opens_envelope(id) };

	if (!row.good)
		add_row(j, &row, mem_str("does not open what is sealed to its public half"));
	else if (is != NULL)
		add_row(j, &row, mem_printf("the key that %s has now", is->name));
	else
		add_row(j, &row, mem_str("opens; " CONFIG_PATH " has no such key now"));
	return keep(j, id, file, err);
}

/* --- backups ---------------------------------------------------------------------------------- */

/* What is wrong with a backup as a whole, or NULL. */
static char *fault_of(const struct job *j, const struct backup *b)
{
	const struct recipient *recovery = recipients_find(&j->config.recipients, CONFIG_RECOVERY);
	const char *opener = age_identity_id(j->openers.ids[b->opened_by]);

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
static char *fault_of_key(const struct job *j, const char *name, const char *promised,
			  const struct age_identity *id)
{
	const struct recipient *is = recipients_find(&j->config.recipients, name);
	const struct recipient *whose =
	    recipients_find_id(&j->config.recipients, age_identity_id(id));
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

static void check_backup_key(struct job *j, const char *path, const struct backup *b, size_t i)
{
	const struct age_identity *id = b->keys.ids[i];
	char *name, promised[AGE_KEY_ID_TEXT];
	const char *slash = strrchr(path, '/');
	const char *file = slash != NULL ? slash + 1 : path;
	const struct recipient *is = recipients_find_id(&j->config.recipients, age_identity_id(id));
	struct row row = { path, age_identity_id(id), "", false };
	char *fault = fault_of(j, b);
	bool ours = repo_key_parse(file, &name, promised);

	if (ours)
		row.name = name;
	if (fault == NULL && ours)
		fault = fault_of_key(j, name, promised, id);
	row.good = fault == NULL;
	if (fault == NULL)
		fault = is != NULL ? mem_printf("the key that %s has now", is->name)
				   : mem_str("an earlier key");
	add_row(j, &row, fault);
	mem_free(name);
}

static int check_backup(struct job *j, const char *path, const struct buf *text, struct err *err)
{
	struct backup b = BACKUP_INIT;
	struct err why = ERR_INIT;
	int r = 0;

	if (backup_open(path, text, &j->openers, &b, &why) != 0 && j->only == NULL) {
		struct row row = { path, "", "", false };

		add_row(j, &row, mem_str(why.text));
	}
	for (size_t i = 0; r == 0 && i < b.keys.n; i++) {
		if (j->only != NULL && strcmp(j->only, age_identity_id(b.keys.ids[i])) != 0)
			continue;
		check_backup_key(j, path, &b, i);
		r = keep(j, b.keys.ids[i], path, err);
	}
	backup_clear(&b);
	return r;
}

static int check_repo_backup(struct job *j, const char *file, struct err *err)
{
	char *path = mem_printf("%s/%s", REPO_KEYS, file);
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	bool exists;
	int r = 0;

	if (repo_read(j->top, path, REPO_KEY_MAX, &text, NULL, &exists, &why) != 0) {
		struct row row = { path, "", "", false };

		add_row(j, &row, mem_str(why.text));
	} else if (exists) {
		r = check_backup(j, path, &text, err);
	}
	buf_clear(&text);
	mem_free(path);
	return r;
}

/* The keys that open backups; loaded when the first is met. */
static int load_openers(struct job *j, struct err *err)
{
	int r = 0;

	if (j->openers.n > 0)
		return 0;
	if (j->o->ring.identities.n == 0)
		return recovery_load(NULL, j->o->passphrase_file, &j->openers, err);
	for (size_t i = 0; r == 0 && i < j->o->ring.identities.n; i++)
		r = recovery_load(j->o->ring.identities.items[i], j->o->passphrase_file,
				  &j->openers, err);
	return r;
}

/* Of name, or of all for NULL; with id only those whose file can hold that key. */
static int check_backups(struct job *j, const char *name, const char *id, struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(j->top, &files, err);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		char *whose, named[AGE_KEY_ID_TEXT];
		bool is = repo_key_parse(files.items[i].name, &whose, named);

		is = is && (name == NULL || strcmp(whose, name) == 0) &&
		     (id == NULL || named[0] == '\0' || strcmp(named, id) == 0);
		mem_free(whose);
		if (!is)
			continue;
		r = load_openers(j, err);
		if (r == 0)
			r = check_repo_backup(j, files.items[i].name, err);
	}
	kv_clear(&files);
	return r;
}

/* --- what is asked about ---------------------------------------------------------------------- */

static int check_folder(struct job *j, const char *path, struct err *err)
{
	const struct ring_options only = { .keys = path };
	struct keyring kr = KEYRING_INIT;
	int r = ring_load(&only, &kr, err);

	if (r != 0 && err->class == ERR_NOKEY)
		err_set(err, ERR_NOKEY,
			"%s: a folder without a key file; what is to be proven comes first, then "
			"the documents",
			path);
	for (size_t i = 0; r == 0 && i < kr.n; i++) {
		char *file = mem_printf("%s/%s", path, kr.names[i]);

		r = check_key(j, kr.ids[i], file, err);
		mem_free(file);
	}
	keyring_clear(&kr);
	return r;
}

/* A backup is encrypted to a key, an identity file to a passphrase or not at all. */
static bool is_backup(const struct buf *text)
{
	struct buf file = BUF_INIT;
	struct age_info info;
	bool is = age_is_armored(text->data, text->len) &&
		  age_dearmor(text->data, text->len, &file, NULL) == 0 &&
		  age_inspect(file.data, file.len, &info, NULL) == 0 && info.x25519 > 0;

	buf_clear(&file);
	return is;
}

static int check_file(struct job *j, const char *path, struct err *err)
{
	struct keyring kr = KEYRING_INIT;
	struct buf text = BUF_INIT;
	int r = file_read(path, KEYRING_FILE_MAX, 0, &text, NULL, err);

	if (r == 0 && is_backup(&text)) {
		r = load_openers(j, err);
		if (r == 0)
			r = check_backup(j, path, &text, err);
	} else if (r == 0) {
		r = recovery_load(path, j->o->passphrase_file, &kr, err);
		for (size_t i = 0; r == 0 && i < kr.n; i++)
			r = check_key(j, kr.ids[i], path, err);
		if (r == 0 && kr.n == 0)
			r = err_set(err, ERR_INVALID, "%s: there is no key in it", path);
	}
	keyring_clear(&kr);
	buf_clear(&text);
	return r;
}

/* A key by its id: among those at hand, else in the backups of whose it is. */
static int check_id(struct job *j, const char *id, struct err *err)
{
	const struct recipient *is = recipients_find_id(&j->config.recipients, id);
	const struct age_identity *found;
	struct keyring kr = KEYRING_INIT;
	struct err none = ERR_INIT;
	int r = ring_load(&j->o->ring, &kr, &none);

	if (r != 0 && none.class != ERR_NOKEY && err != NULL)
		*err = none;
	if (r != 0 && none.class == ERR_NOKEY)
		r = 0;
	j->only = id;
	found = r == 0 ? keyring_find(&kr, id) : NULL;
	if (found != NULL)
		r = check_key(j, found, "key at hand", err);
	else if (r == 0 && j->top != NULL)
		r = check_backups(j, is != NULL ? is->name : NULL, id, err);
	j->only = NULL;
	if (r == 0 && keyring_find(&j->proven, id) == NULL)
		r = err_set(err, ERR_NOKEY,
			    "key %s is neither at hand nor in a backup that can be opened", id);
	keyring_clear(&kr);
	return r;
}

static int check_name(struct job *j, const char *name, struct err *err)
{
	int r;

	if (j->top == NULL)
		return err_set(err, ERR_INVALID, "there is no repository here to look %s up in",
			       name);
	r = check_backups(j, name, NULL, err);
	if (r == 0 && json_array_size(j->keys) == 0)
		r = err_set(err, ERR_NOKEY,
			    "there is no backup %s/%s.age; its key was not made here, and 'bulla "
			    "keys backup' makes one",
			    REPO_KEYS, name);
	return r;
}

/* Who has no backup is told: it may be meant so (a person's own key). */
static int check_all(struct job *j, struct err *err)
{
	if (j->top == NULL)
		return err_set(err, ERR_USAGE,
			       "say which key or file; there is no repository here");
	if (check_backups(j, NULL, NULL, err) != 0)
		return -1;
	for (size_t i = 0; i < j->config.recipients.n; i++) {
		const char *name = j->config.recipients.items[i].name;
		char *path = repo_key_path(name, NULL);
		struct buf text = BUF_INIT;
		bool exists = true;

		if (strcmp(name, CONFIG_RECOVERY) != 0 &&
		    repo_read(j->top, path, REPO_KEY_MAX, &text, NULL, &exists, NULL) == 0 &&
		    !exists)
			out_note("%s has no backup; 'bulla keys backup' makes one where its key is",
				 name);
		buf_clear(&text);
		mem_free(path);
	}
	if (json_array_size(j->keys) == 0)
		return err_set(err, ERR_NOKEY, "there are no backups in %s", REPO_KEYS);
	return 0;
}

static int check_what(struct job *j, const char *what, struct err *err)
{
	char id[AGE_KEY_ID_TEXT];
	struct age_recipient key;
	struct stat st;

	if (strncmp(what, "age1", 4) == 0) {
		if (age_recipient_parse(what, &key, err) != 0)
			return -1;
		age_recipient_id(&key, id);
		return check_id(j, id, err);
	}
	if (name_is_key_id(what))
		return check_id(j, what, err);
	if (name_is_label(what) && recipients_find(&j->config.recipients, what) != NULL)
		return check_name(j, what, err);
	if (stat(what, &st) == 0 && S_ISDIR(st.st_mode))
		return check_folder(j, what, err);
	if (stat(what, &st) == 0)
		return check_file(j, what, err);
	if (name_is_label(what))
		return check_name(j, what, err);
	return err_sys(err, "%s: cannot open", what);
}

static int check_documents(struct job *j, const struct invocation *in, struct err *err)
{
	struct prove p = { .keys = &j->proven, .rows = j->documents };

	for (size_t i = 1; i < in->n; i++)
		if (prove_path(&p, in->args[i], err) != 0)
			return -1;
	j->bad = j->bad || p.bad;
	return 0;
}

/* --- printing --------------------------------------------------------------------------------- */

static void put_line(struct out_table *t, const char *a, const char *b, const json_t *row)
{
	out_table_cell(t, a);
	out_table_cell(t, b[0] != '\0' ? b : "-");
	out_table_cell(t, json_is_true(json_object_get(row, "good")) ? "ok" : "WRONG");
	out_table_cell(t, json_string_value(json_object_get(row, "result")));
}

static const char *text_of(const json_t *row, const char *name)
{
	const char *s = json_string_value(json_object_get(row, name));

	return s != NULL ? s : "";
}

static void print_table(const struct job *j)
{
	struct out_table *t = out_table_new(4);
	const json_t *row;
	size_t i;

	out_table_cell(t, "FILE");
	out_table_cell(t, "KEY ID OR DOCUMENT");
	out_table_cell(t, "RESULT");
	out_table_cell(t, "ABOUT");
	json_array_foreach(j->keys, i, row)
	{
		put_line(t, text_of(row, "file"), text_of(row, "keyId"), row);
	}
	json_array_foreach(j->documents, i, row)
	{
		put_line(t, text_of(row, "file"), text_of(row, "document"), row);
	}
	out_table_print(t, stdout);
	out_table_free(t);
}

static int finish(const struct job *j, struct err *err)
{
	int r = 0;

	if (j->o->output != NULL && strcmp(j->o->output, "json") == 0)
		r = report_json(json_pack("{s:O, s:O}", "keys", j->keys, "documents", j->documents),
				err);
	else
		print_table(j);
	return r == 0 && j->bad ? err_set(err, ERR_FINDINGS, "%s", "") : r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .o = in->options, .config = CONFIG_INIT };
	bool found;
	int r = 0;

	j.keys = json_array();
	j.documents = json_array();
	j.top = file_git_top(".");
	if (j.top != NULL)
		r = target_config(j.top, &j.config, &found, err);
	if (r == 0)
		r = in->n > 0 ? check_what(&j, in->args[0], err) : check_all(&j, err);
	if (r == 0)
		r = check_documents(&j, in, err);
	if (r == 0)
		r = finish(&j, err);
	mem_free(j.top);
	config_clear(&j.config);
	keyring_clear(&j.openers);
	keyring_clear(&j.proven);
	json_decref(j.keys);
	json_decref(j.documents);
	return r;
}

const struct command keys_verify = {
	.name = "verify",
	.summary = "prove that a key or a backup opens what it should",
	.arguments = "[WHAT] [DOCUMENT...]",
	.about = "Say of a key (a key id or age1...), a recipient's backups (its name), a file or "
		 "folder of keys, or of all backups, whether its private half is that of "
		 "the public one, opens what is sealed to it, and opens the given documents.  "
		 "Nothing secret is shown.  Exit status 1 when something is wrong.",
	.options = specs,
	.options_size = sizeof(struct verify_options),
	.run = run,
};
