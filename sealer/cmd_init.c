/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "keys/config.h"
#include "sealer/agree.h"
#include "sealer/driver.h"
#include "sealer/keygen.h"
#include "sealer/recovery.h"
#include "sealer/repo.h"
#include "sealer/report.h"
#include "sealer/result.h"
#include "sealer/rules.h"
#include "sealer/target.h"

struct init_options {
	struct option_list recipients;
	const char *recovery;
	const char *output;
};

static const struct option_spec specs[] = {
	{ 'r', "recipient", "NAME[=age1...]",
	  "a cluster, person or CI; without age1... a key is made for it",
	  offsetof(struct init_options, recipients), OPTION_MANY },
	{ 0, "recovery", "FILE|age1...",
	  "the recovery key, or where a new one is written (default: ~/.config/bulla/recovery.age)",
	  offsetof(struct init_options, recovery), 0 },
	{ 'o', "output", "table|json", "how to print the recipients",
	  offsetof(struct init_options, output), 0 },
	{ 0 },
};

/* All that is to be written, made before anything is. */
struct plan {
	char *top;
	int64_t now;
	struct kv names; /* of recipients -> "age1..." or "" */
	struct recovery recovery;
	struct recipients recipients;
	struct keygen *keys; /* for those without one */
	size_t n_keys;
	struct buf config; /* its text */
};

static void plan_clear(struct plan *p)
{
	for (size_t i = 0; i < p->n_keys; i++)
		keygen_clear(&p->keys[i]);
	mem_free(p->keys);
	mem_free(p->top);
	kv_clear(&p->names);
	recovery_clear(&p->recovery);
	recipients_clear(&p->recipients);
	buf_clear(&p->config);
}

/* --- deciding --------------------------------------------------------------------------------- */

static int take_name(struct plan *p, const char *item, struct err *err)
{
	size_t n = strcspn(item, "=");
	char *name = mem_strn(item, n);
	int r = keygen_check_name(name, err);

	if (r != 0)
		err_wrap(err, "-r");
	else if (kv_has(&p->names, name))
		r = err_set(err, ERR_USAGE, "-r %s: named twice", name);
	else if (item[n] == '=' && item[n + 1] == '\0')
		r = err_set(err, ERR_USAGE, "-r %s=: no key behind \"=\"", name);
	else
		kv_set_str(&p->names, name, item[n] == '=' ? item + n + 1 : "");
	mem_free(name);
	return r;
}

static int take_names(struct plan *p, const struct option_list *given, struct err *err)
{
	for (size_t i = 0; i < given->n; i++)
		if (take_name(p, given->items[i], err) != 0)
			return -1;
	if (given->n == 0 && rules_cluster_names(p->top, &p->names, err) != 0)
		return -1;
	if (p->names.n == 0)
		return err_set(
		    err, ERR_USAGE,
		    "who is there to seal to?  Name them with -r NAME, or make folders %s/NAME",
		    RULES_CLUSTERS);
	return 0;
}

/* Found before anything is written, not halfway. */
static int refuse_leftover(const char *top, const char *name, struct err *err)
{
	char *path = repo_key_path(name, NULL);
	struct buf text = BUF_INIT;
	bool exists;
	int r = repo_read(top, path, REPO_KEY_MAX, &text, NULL, &exists, err);

	if (r == 0 && exists)
		r = err_set(err, ERR_CONFLICT,
			    "%s/%s is there, but no %s; remove it when no cluster has that key",
			    top, path, CONFIG_PATH);
	buf_clear(&text);
	mem_free(path);
	return r;
}

static int add_recipient(struct plan *p, const struct kv_item *item, struct err *err)
{
	const char *text = (const char *)item->data;
	struct keygen *k = &p->keys[p->n_keys];
	struct age_recipient key;

	if (text[0] != '\0') {
		if (age_recipient_parse(text, &key, err) != 0)
			return err_wrap(err, "-r %s", item->name);
		return recipients_add(&p->recipients, item->name, &key, err);
	}
	if (refuse_leftover(p->top, item->name, err) != 0 ||
	    keygen_make(item->name, &p->recovery.key, p->now, k, err) != 0)
		return -1;
	p->n_keys++;
	return recipients_add(&p->recipients, k->name, age_identity_recipient(k->id), err);
}

/* Made, and read back as everyone else will read it. */
static int make_config(struct plan *p, struct err *err)
{
	struct config again = CONFIG_INIT;
	struct config_rule *rules = NULL;
	size_t n = 0;
	int r = rules_make(p->top, &p->recipients, &rules, &n, err);

	if (r == 0) {
		config_format(&p->recipients, rules, n, &p->config);
		r = config_parse(CONFIG_PATH, p->config.data, p->config.len, &again, err);
	}
	rules_free(rules, n);
	config_clear(&again);
	return r;
}

static int decide(struct plan *p, const struct init_options *o, struct err *err)
{
	if (take_names(p, &o->recipients, err) != 0 ||
	    recovery_take(o->recovery, p->now, &p->recovery, err) != 0 ||
	    recipients_add(&p->recipients, CONFIG_RECOVERY, &p->recovery.key, err) != 0)
		return -1;
	p->keys = mem_array(p->names.n, sizeof(*p->keys));
	for (size_t i = 0; i < p->names.n; i++)
		if (add_recipient(p, &p->names.items[i], err) != 0)
			return -1;
	return make_config(p, err);
}

/* --- writing ---------------------------------------------------------------------------------- */

/*
 * The config comes last: with it the repository is set up, without it nothing refers to the rest.
 */
static int write_all(const struct plan *p, struct err *err)
{
	int r = recovery_write(&p->recovery, err);

	for (size_t i = 0; r == 0 && i < p->n_keys; i++)
		r = keygen_write(&p->keys[i], p->top, false, err);
	if (r == 0)
		r = repo_write(p->top, CONFIG_PATH, &p->config, NULL, err);
	if (r == 0)
		r = agree_pin(p->top, &p->recipients, err);
	if (r == 0)
		r = driver_set_up(p->top, NULL, err);
	return r;
}

/* Where the private half of a recipient's key was put, or NULL: it is somebody's own. */
static const char *private_half(const struct plan *p, const struct recipient *r)
{
	const char *given = kv_get_str(&p->names, r->name);

	if (given == NULL)
		return p->recovery.path;
	return given[0] == '\0' ? REPO_KEYS : NULL;
}

static void print_table(const struct plan *p)
{
	struct out_table *t = out_table_new(3);
	char key[AGE_RECIPIENT_TEXT];

	for (size_t i = 0; i < p->recipients.n; i++) {
		const struct recipient *r = &p->recipients.items[i];
		const char *where = private_half(p, r);
		bool backup = where != NULL && kv_has(&p->names, r->name);

		age_recipient_format(&r->key, key);
		out_table_cell(t, r->name);
		out_table_cell(t, key);
		out_table_cell(t, backup	  ? "new key, backup in " REPO_KEYS
				  : where != NULL ? where
						  : "");
	}
	out_table_print(t, stdout);
	out_table_free(t);
}

static void put_recipient(struct result *result, const struct recipient *r, const char *where)
{
	char key[AGE_RECIPIENT_TEXT];

	age_recipient_format(&r->key, key);
	result_row(result, "recipients",
		   json_pack("{s:s, s:s, s:s, s:o}", "name", r->name, "keyId", r->id, "recipient",
			     key, "privateKeyIn",
			     where != NULL ? report_text(where) : json_null()));
}

static int print_json(const struct plan *p, const char *output, struct err *err)
{
	struct result result;

	result_begin(&result, output);
	result_flag(&result, "changed", true);
	result_text(&result, "config", CONFIG_PATH);
	for (size_t i = 0; i < p->recipients.n; i++)
		put_recipient(&result, &p->recipients.items[i],
			      private_half(p, &p->recipients.items[i]));
	result_next(&result, "git add " REPO_DIR " " DRIVER_ATTRIBUTES);
	for (size_t i = 0; i < p->n_keys; i++)
		result_next(&result, "bulla keys install %s", p->keys[i].name);
	return result_print(&result, err);
}

static int print_plan(const struct plan *p, const char *output, struct err *err)
{
	if (result_asked(output)) {
		if (print_json(p, output, err) != 0)
			return -1;
	} else {
		print_table(p);
	}
	out_note("commit %s and %s; 'bulla keys install NAME' gives a cluster its key", REPO_DIR,
		 DRIVER_ATTRIBUTES);
	return 0;
}

/* The repository is set up; only this clone was not. */
static int print_clone(const struct config *c, const struct driver_done *done, const char *output,
		       struct err *err)
{
	struct result result;

	result_begin(&result, output);
	result_flag(&result, "changed", done->attributes || done->settings);
	if (done->attributes)
		result_next(&result, "git add " DRIVER_ATTRIBUTES);
	result_text(&result, "config", CONFIG_PATH);
	for (size_t i = 0; i < c->recipients.n; i++)
		put_recipient(&result, &c->recipients.items[i], NULL);
	return result_print(&result, err);
}

/* --- the command ------------------------------------------------------------------------------ */

/* There is a config: merge driver and diffs of this clone are all that is to be done. */
static int set_up_clone(const struct plan *p, const struct config *config,
			const struct init_options *o, struct err *err)
{
	struct driver_done done;

	if (o->recipients.n > 0 || o->recovery != NULL)
		return err_set(err, ERR_CONFLICT,
			       "%s/%s is there already; 'bulla recipients add' adds to it", p->top,
			       CONFIG_PATH);
	if (driver_set_up(p->top, &done, err) != 0)
		return -1;
	out_note("%s is there; merges and diffs are set up here%s", CONFIG_PATH,
		 done.attributes ? "; commit " DRIVER_ATTRIBUTES : "");
	return print_clone(config, &done, o->output, err);
}

static int run_in(struct plan *p, const struct init_options *o, struct err *err)
{
	struct config config = CONFIG_INIT;
	bool found = false;
	int r = target_config(p->top, &config, &found, err);

	if (r == 0 && found)
		r = set_up_clone(p, &config, o, err);
	else if (r == 0)
		r = decide(p, o, err) == 0 && write_all(p, err) == 0 ? print_plan(p, o->output, err)
								     : -1;
	config_clear(&config);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct plan p = { .top = target_top(err), .now = clock_now() };
	int r = p.top != NULL ? run_in(&p, in->options, err) : -1;

	plan_clear(&p);
	return r;
}

const struct command cmd_init = {
	.name = "init",
	.summary = "set up a Git repository for sealed documents",
	.arguments = "",
	.about =
	    "Make .bulla/config with recipients and rules at the top level of the Git work "
	    "tree, a key for each recipient named without one (its backup encrypted to "
	    "recovery), the recovery key outside of the tree, merge driver and diffs.  Without "
	    "-r the folders clusters/NAME are the recipients.  Rules come from the names of "
	    "folders.  In a repository that is set up it only sets up merge driver and diffs of "
	    "this "
	    "clone.",
	.options = specs,
	.options_size = sizeof(struct init_options),
	.run = run,
};
