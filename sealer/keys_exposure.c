/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cmd_keys.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/exposure_report.h"
#include "sealer/repo.h"
#include "sealer/report.h"
#include "sealer/ring.h"
#include "sealer/target.h"

#define UNREAD_SHOWN 10

struct exposure_command {
	struct ring_options ring;
	const char *output;
};

static const struct option_spec specs[] = {
	RING_OPTIONS(exposure_command),
	{ 'o', "output", "table|json", "how to print it", offsetof(struct exposure_command, output),
	  0 },
	{ 0 },
};

struct job {
	const struct exposure_command *o;
	char *top;
	struct git *git;
	struct config config;
	struct keyring keys;
	struct kv ids; /* ID -> name, where one is known */
};

/* --- which keys ------------------------------------------------------------------------------- */

/* What the files of its backups say: of the name, or for NULL of the key id alone. */
static int add_backups(struct job *j, const char *name, const char *id, struct err *err)
{
	const char *wanted = name != NULL ? name : id;
	struct kv files = KV_INIT;
	int r = repo_list_keys(j->top, &files, err);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		char *whose = NULL, kid[AGE_KEY_ID_TEXT];

		if (repo_key_parse(files.items[i].name, &whose, kid) && kid[0] != '\0' &&
		    whose != NULL && wanted != NULL &&
		    strcmp(name != NULL ? whose : kid, wanted) == 0)
			kv_set_str(&j->ids, kid, whose);
		mem_free(whose);
	}
	kv_clear(&files);
	return r;
}

static int add_id(struct job *j, const char *id, struct err *err)
{
	const struct recipient *now = recipients_find_id(&j->config.recipients, id);

	kv_set_str(&j->ids, id, now != NULL ? now->name : "");
	return kv_get(&j->ids, id)->len > 0 ? 0 : add_backups(j, NULL, id, err);
}

/* Every key that it ever had: whoever had its machine may have had all of them. */
static int add_name(struct job *j, const char *name, struct err *err)
{
	const struct recipient *now = recipients_find(&j->config.recipients, name);

	if (now != NULL)
		kv_set_str(&j->ids, now->id, name);
	if (add_backups(j, name, NULL, err) != 0 || exposure_names(j->git, name, &j->ids, err) != 0)
		return -1;
	if (j->ids.n == 0)
		return err_set(err, ERR_RECIPIENT,
			       "%s: no recipient of that name, neither in %s nor in its history",
			       name, CONFIG_PATH);
	return 0;
}

static int find_ids(struct job *j, const char *given, struct err *err)
{
	struct age_recipient key;
	char id[AGE_KEY_ID_TEXT];

	if (name_is_key_id(given))
		return add_id(j, given, err);
	if (strncmp(given, "age1", 4) != 0)
		return name_is_label(given)
			   ? add_name(j, given, err)
			   : err_set(err, ERR_USAGE, "KEY: neither a key id, age1... nor a name");
	if (age_recipient_parse(given, &key, err) != 0)
		return -1;
	age_recipient_id(&key, id);
	return add_id(j, id, err);
}

/* --- telling ---------------------------------------------------------------------------------- */

static void tell_unread(const struct exposure *e)
{
	for (size_t i = 0; i < e->n_unread && i < UNREAD_SHOWN; i++)
		out_warn("%s at commit %.12s: %s", e->unread[i].path,
			 e->unread[i].commit != NULL ? e->unread[i].commit : "none",
			 e->unread[i].why);
	if (e->n_unread > UNREAD_SHOWN)
		out_warn("and %zu more that cannot be read", e->n_unread - UNREAD_SHOWN);
}

/* Does a recipient have one of the keys still, so that new values would be sealed to it? */
static bool has_current(const struct job *j)
{
	for (size_t i = 0; i < j->ids.n; i++)
		if (recipients_find_id(&j->config.recipients, j->ids.items[i].name) != NULL)
			return true;
	return false;
}

static int finish(const struct job *j, const struct exposure *e, struct err *err)
{
	size_t used = 0;
	int r = 0;

	for (size_t i = 0; i < e->n; i++)
		used += e->items[i].state == EXPOSURE_USED ? 1 : 0;
	if (j->o->output != NULL && strcmp(j->o->output, "json") == 0)
		r = report_json(exposure_json(e, &j->ids), err);
	else
		exposure_print(e, &j->ids);
	if (r != 0)
		return -1;
	tell_unread(e);
	out_note("%zu credential%s in %zu files of all branches and tags, %zu in use", e->n,
		 e->n == 1 ? "" : "s", e->blobs, used);
	if (e->n > 0)
		out_note(
		    has_current(j)
			? "give the recipient a new key and retire this one before new values "
			  "are sealed; then revoke from the top"
			: "no recipient has it any more: replace what is in use, and revoke from "
			  "the top");
	if (e->shallow)
		out_warn("this clone has not got all of the history: 'git fetch --unshallow'");
	if (e->shallow || e->n_unread > 0)
		return err_set(err, ERR_FINDINGS, "the list may not be whole");
	return 0;
}

static int load(struct job *j, struct err *err)
{
	bool found;

	j->top = target_top(err);
	if (j->top == NULL || target_config(j->top, &j->config, &found, err) != 0)
		return -1;
	j->git = git_open(j->top, err);
	return j->git != NULL ? 0 : -1;
}

/* A key at hand proves what the documents claim; without one it is told as claimed. */
static int load_keys(struct job *j, struct err *err)
{
	struct err none = ERR_INIT;
	int r = ring_load(&j->o->ring, &j->keys, &none);

	if (r == 0 || (none.class == ERR_NOKEY && !ring_given(&j->o->ring)))
		return 0;
	if (err != NULL)
		*err = none;
	return -1;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .o = in->options, .config = CONFIG_INIT };
	struct exposure e = { 0 };
	int r = load(&j, err);

	if (r == 0)
		r = find_ids(&j, in->args[0], err);
	if (r == 0)
		r = load_keys(&j, err);
	if (r == 0) {
		const struct exposure_options o = { j.git, &j.ids, &j.keys, clock_now() };

		r = exposure_find(&o, &e, err);
	}
	if (r == 0)
		r = finish(&j, &e, err);
	exposure_clear(&e);
	git_close(j.git);
	mem_free(j.top);
	config_clear(&j.config);
	keyring_clear(&j.keys);
	kv_clear(&j.ids);
	return r;
}

const struct command keys_exposure = {
	.name = "exposure",
	.summary = "list all that a key could ever open, and what to revoke first",
	.arguments = "KEY",
	.about = "Look through the history of all branches and tags for every credential that a "
		 "key, by its id or age1..., could open, or by a name any key that a recipient "
		 "ever had: what it is, where it is now, whether another value has taken its "
		 "place since, and how to revoke it, the most dangerous first.",
	.options = specs,
	.options_size = sizeof(struct exposure_command),
	.run = run,
};
