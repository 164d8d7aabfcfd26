/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cmd_keys.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/prove.h"
#include "sealer/recovery.h"
#include "sealer/repo.h"
#include "sealer/report.h"
#include "sealer/ring.h"
#include "sealer/target.h"
#include "sealer/verify.h"

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

struct job {
	const struct verify_options *o;
	struct verify v;
	json_t *documents;
	bool bad;
};

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

		r = verify_key(&j->v, kr.ids[i], file, err);
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
		r = verify_open(&j->v, err);
		if (r == 0)
			r = verify_backup(&j->v, path, &text, err);
	} else if (r == 0) {
		r = recovery_load(path, j->o->passphrase_file, &kr, err);
		for (size_t i = 0; r == 0 && i < kr.n; i++)
			r = verify_key(&j->v, kr.ids[i], path, err);
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
	const struct recipient *is = recipients_find_id(&j->v.config.recipients, id);
	const struct age_identity *found;
	struct keyring kr = KEYRING_INIT;
	struct err none = ERR_INIT;
	int r = ring_load(&j->o->ring, &kr, &none);

	if (r != 0 && none.class != ERR_NOKEY && err != NULL)
		*err = none;
	if (r != 0 && none.class == ERR_NOKEY)
		r = 0;
	j->v.only = id;
	found = r == 0 ? keyring_find(&kr, id) : NULL;
	if (found != NULL)
		r = verify_key(&j->v, found, "key at hand", err);
	else if (r == 0 && j->v.top != NULL)
		r = verify_backups(&j->v, is != NULL ? is->name : NULL, id, err);
	j->v.only = NULL;
	if (r == 0 && keyring_find(&j->v.proven, id) == NULL)
		r = err_set(err, ERR_NOKEY,
			    "key %s is neither at hand nor in a backup that can be opened", id);
	keyring_clear(&kr);
	return r;
}

static int check_name(struct job *j, const char *name, struct err *err)
{
	int r;

	if (j->v.top == NULL)
		return err_set(err, ERR_INVALID, "there is no repository here to look %s up in",
			       name);
	r = verify_backups(&j->v, name, NULL, err);
	if (r == 0 && json_array_size(j->v.rows) == 0)
		r = err_set(err, ERR_NOKEY,
			    "there is no backup %s/%s.age; its key was not made here, and 'bulla "
			    "keys backup' makes one",
			    REPO_KEYS, name);
	return r;
}

/* Who has no backup is told: it may be meant so (a person's own key). */
static int check_all(struct job *j, struct err *err)
{
	if (j->v.top == NULL)
		return err_set(err, ERR_USAGE,
			       "say which key or file; there is no repository here");
	if (verify_backups(&j->v, NULL, NULL, err) != 0)
		return -1;
	for (size_t i = 0; i < j->v.config.recipients.n; i++) {
		const char *name = j->v.config.recipients.items[i].name;
		char *path = repo_key_path(name, NULL);
		struct buf text = BUF_INIT;
		bool exists = true;

		if (strcmp(name, CONFIG_RECOVERY) != 0 &&
		    repo_read(j->v.top, path, REPO_KEY_MAX, &text, NULL, &exists, NULL) == 0 &&
		    !exists)
			out_note("%s has no backup; 'bulla keys backup' makes one where its key is",
				 name);
		buf_clear(&text);
		mem_free(path);
	}
	if (json_array_size(j->v.rows) == 0)
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
	if (name_is_label(what) && recipients_find(&j->v.config.recipients, what) != NULL)
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
	struct prove p = { .keys = &j->v.proven, .rows = j->documents };

	for (size_t i = 1; i < in->n; i++)
		if (prove_path(&p, in->args[i], err) != 0)
			return -1;
	j->bad = p.bad;
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
	json_array_foreach(j->v.rows, i, row)
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
		r = report_json(
		    json_pack("{s:O, s:O}", "keys", j->v.rows, "documents", j->documents), err);
	else
		print_table(j);
	return r == 0 && (j->bad || j->v.bad) ? err_set(err, ERR_FINDINGS, "%s", "") : r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .o = in->options, .v = { .config = CONFIG_INIT } };
	bool found;
	int r = 0;

	j.v.identities = &j.o->ring.identities;
	j.v.passphrase_file = j.o->passphrase_file;
	j.v.rows = json_array();
	j.documents = json_array();
	j.v.top = file_git_top(".");
	if (j.v.top != NULL)
		r = target_config(j.v.top, &j.v.config, &found, err);
	if (r == 0)
		r = in->n > 0 ? check_what(&j, in->args[0], err) : check_all(&j, err);
	if (r == 0)
		r = check_documents(&j, in, err);
	if (r == 0)
		r = finish(&j, err);
	verify_clear(&j.v);
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
