/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/agree.h"
#include "sealer/newcomer.h"
#include "sealer/reseal_lost.h"
#include "sealer/reseal_report.h"
#include "sealer/reseal_work.h"
#include "sealer/ring.h"
#include "sealer/roster.h"
#include "sealer/target.h"

struct reseal_options {
	struct option_list add, keys, accept;
	bool all, dry_run;
	const char *output;
	struct ring_options ring;
};

/* One command, from its options to its end. */
struct job {
	const struct invocation *in;
	const struct reseal_options *o;
	char *top, *here;
	struct config config;
	struct reseal_want want;
	struct reseal_run run;
	struct reseal_journal *journal;
	struct recipients to;
	struct keyring ring;
	struct kv keys, counts; /* that are to be needed no more; parts that list them */
	json_t *lost;		/* sorted */
	char id[65];		/* of the run */
	bool resumed;
};

static void job_clear(struct job *j)
{
	mem_free(j->top);
	mem_free(j->here);
	config_clear(&j->config);
	kv_clear(&j->want.add);
	kv_clear(&j->want.keys);
	reseal_run_clear(&j->run);
	reseal_journal_free(j->journal);
	recipients_clear(&j->to);
	keyring_clear(&j->ring);
	kv_clear(&j->keys);
	kv_clear(&j->counts);
	json_decref(j->lost);
}

/* --- what the user wants ---------------------------------------------------------------------- */

static int take_added(struct job *j, struct err *err)
{
	const struct newcomer_given given = { .add = &j->o->add, .known = &j->config.recipients };

	return newcomer_take(&given, &j->want.add, err);
}

/* A key id, a public key, or the name of a recipient, whom the config need not have any more. */
static int take_keys(struct job *j, struct err *err)
{
	for (size_t i = 0; i < j->o->keys.n; i++) {
		const char *text = j->o->keys.items[i];
		char id[AGE_KEY_ID_TEXT];
		struct age_recipient key;

		if (strncmp(text, "age1", 4) == 0) {
			if (age_recipient_parse(text, &key, err) != 0)
				return err_wrap(err, "--key");
			age_recipient_id(&key, id);
			kv_set_str(&j->want.keys, id, "");
		} else if (name_is_key_id(text) || name_is_label(text)) {
			kv_set_str(&j->want.keys, text, "");
		} else {
			return err_set(err, ERR_USAGE,
				       "--key: neither a key id of 32 hex digits, nor age1..., "
				       "nor the name of a recipient");
		}
	}
	return 0;
}

static void hash_text(crypto_hash_sha256_state *s, const char *text)
{
	crypto_hash_sha256_update(s, (const unsigned char *)text, strlen(text) + 1);
}

static void hash_names(crypto_hash_sha256_state *s, const char *what, const struct kv *names)
{
	hash_text(s, what);
	for (size_t i = 0; i < names->n; i++)
		hash_text(s, names->items[i].name);
}

static void hash_rules(crypto_hash_sha256_state *s, const struct config *c)
{
	for (size_t i = 0; i < c->recipients.n; i++) {
		hash_text(s, c->recipients.items[i].name);
		hash_text(s, c->recipients.items[i].id);
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct config_rule *rule = &c->rules[i];

		hash_text(s, rule->path);
		hash_text(s, rule->namespace != NULL ? rule->namespace : "*");
		hash_text(s, rule->kind != NULL ? rule->kind : "*");
		for (size_t k = 0; k < rule->n; k++)
			hash_text(s, rule->to[k]);
	}
}

/* What makes two runs the same one: a run that goes on must have the same aim. */
static int make_id(struct job *j, struct err *err)
{
	crypto_hash_sha256_state s;
	unsigned char sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_init(&s);
	hash_text(&s, j->o->all ? "all" : "changes");
	hash_names(&s, "add", &j->want.add);
	hash_names(&s, "keys", &j->want.keys);
	hash_rules(&s, &j->config);
	for (size_t i = 0; i < j->in->n; i++) {
		char *real = file_absolute(j->in->args[i], err);

		if (real == NULL)
			return -1;
		hash_text(&s, real);
		mem_free(real);
	}
	crypto_hash_sha256_final(&s, sum);
	sodium_bin2hex(j->id, sizeof(j->id), sum, sizeof(sum));
	return 0;
}

static int prepare(struct job *j, struct err *err)
{
	j->top = target_top(err);
	j->here = j->top != NULL ? file_absolute(".", err) : NULL;
	if (j->here == NULL || roster_load(j->top, &j->config, err) != 0 ||
	    take_added(j, err) != 0 || take_keys(j, err) != 0 || make_id(j, err) != 0)
		return -1;
	j->want.config = &j->config;
	j->want.all = j->o->all;
	j->run = (struct reseal_run){
		.top = j->top, .here = j->here, .want = &j->want, .now = clock_now()
	};
	return 0;
}

/* --- the run before --------------------------------------------------------------------------- */

/* What a kill has left beside the files that were being written. */
static void sweep(const struct job *j, const struct kv *files)
{
	for (size_t i = 0; i < files->n; i++) {
		char *path = mem_printf("%s/%s", strcmp(j->top, "/") == 0 ? "" : j->top,
					files->items[i].name);

		file_stage_sweep(path);
		mem_free(path);
	}
}

static int open_journal(struct job *j, struct err *err)
{
	const struct reseal_record *record;

	j->journal = reseal_journal_open(j->top, err);
	if (j->journal == NULL)
		return -1;
	record = reseal_journal_record(j->journal);
	sweep(j, &record->files);
	j->resumed = reseal_journal_resumes(j->journal, j->id, j->run.now);
	if (j->resumed) {
		char started[CLOCK_TEXT_SIZE];

		clock_format(record->started, started);
		out_note("going on with the run of %s", started);
		j->run.before = record;
	} else if (record->run != NULL) {
		out_note("a run with another aim, or of more than a day ago, did not come to its "
			 "end; this one begins anew");
	}
	return 0;
}

/* --- the steps -------------------------------------------------------------------------------- */

static int plan(struct job *j, struct err *err)
{
	int r = 0;

	if (j->in->n == 0)
		r = reseal_run_plan(&j->run, j->top, err);
	for (size_t i = 0; r == 0 && i < j->in->n; i++)
		r = reseal_run_plan(&j->run, j->in->args[i], err);
	return r == 0 ? reseal_run_recipients(&j->run, &j->to, err) : r;
}

static int agree(struct job *j, struct err *err)
{
	const struct agree a = {
		.top = j->top,
		.asked = &j->to,
		.accept = &j->o->accept,
		.dry_run = j->o->dry_run,
		.line = j->in->line,
		.line_n = j->in->line_n,
	};

	return agree_check(&a, err);
}

/* Said before anything is given to anybody. */
static void tell_copies(struct job *j)
{
	struct kv copies = KV_INIT;

	reseal_run_copies(&j->run, &copies);
	for (size_t i = 0; i < copies.n; i++)
		out_warn(
		    "%s: receives a new recipient, and is a copy of what is at %s: see who put "
		    "it there",
		    copies.items[i].name, (const char *)copies.items[i].data);
	kv_clear(&copies);
}

/* What was dropped: by files as they are now known, and by the run that was gone on with. */
static void gather_lost(struct job *j)
{
	json_t *all = json_array();

	for (size_t i = 0; i < j->run.n; i++)
		json_array_extend(all, j->run.files[i].lost);
	if (j->journal != NULL)
		json_array_extend(all, reseal_journal_record(j->journal)->lost);
	j->lost = reseal_lost_sorted(all);
	json_decref(all);
}

static int work(struct job *j, struct err *err)
{
	struct reseal_tools tools = { &j->ring, &j->to, j->run.now };
	json_t *keys;
	int r;

	if (ring_load(&j->o->ring, &j->ring, err) != 0 ||
	    reseal_journal_begin(j->journal, j->id, j->run.now, err) != 0)
		return -1;
	keys = json_pack("[o]", reseal_journal_keys(&j->keys));
	r = reseal_journal_add(j->journal, keys, err);
	json_decref(keys);
	return r == 0 ? reseal_work(&j->run, &tools, j->journal, err) : r;
}

static int prove(struct job *j, struct err *err)
{
	int r = 0;

	if (j->keys.n == 0)
		return 0;
	if (j->in->n == 0)
		r = reseal_run_count(&j->run, j->top, &j->keys, &j->counts, err);
	for (size_t i = 0; r == 0 && i < j->in->n; i++)
		r = reseal_run_count(&j->run, j->in->args[i], &j->keys, &j->counts, err);
	return r;
}

static int report(struct job *j, struct err *err)
{
	const struct reseal_report r = { &j->run, &j->keys,	 &j->counts,
					 j->lost, j->o->dry_run, j->resumed };

	if (j->o->output != NULL && strcmp(j->o->output, "json") == 0)
		return reseal_report_json(&r, err);
	reseal_report_end(&r);
	return 0;
}

static void tell_waiting(const struct job *j)
{
	struct kv names = KV_INIT;

	for (size_t i = 0; i < j->run.n; i++)
		kv_add_names(&names, &j->run.files[i].waiting);
	for (size_t i = 0; i < names.n; i++)
		out_warn("%s is new to parts of the documents and was left out; --add %s seals to "
			 "it too",
			 names.items[i].name, names.items[i].name);
	kv_clear(&names);
}

/* The last word, and with what status it ends. */
static int close_up(const struct job *j, struct err *err)
{
	struct reseal_sum sum;

	reseal_run_sum(&j->run, &sum);
	reseal_report_left(&j->run);
	tell_waiting(j);
	if (sum.work == 0)
		out_note("%zu part%s of %zu document%s looked at; nothing is to be sealed again",
			 j->run.parts, j->run.parts == 1 ? "" : "s", j->run.documents,
			 j->run.documents == 1 ? "" : "s");
	else if (j->o->dry_run)
		out_note("%zu of %zu parts would be sealed again, in %zu document%s", sum.work,
			 j->run.parts, sum.documents, sum.documents == 1 ? "" : "s");
	else
		out_note("%zu of %zu parts sealed again", sum.done, j->run.parts);
	if (sum.worst != ERR_NONE)
		return err_set(err, sum.worst, "%zu document%s left as %s", sum.left,
			       sum.left == 1 ? " is" : "s are",
			       sum.left == 1 ? "it is" : "they are");
	return sum.waiting > 0 ? err_set(err, ERR_FINDINGS, "%s", "") : 0;
}

static int do_all(struct job *j, struct err *err)
{
	bool json = j->o->output != NULL && strcmp(j->o->output, "json") == 0;
	struct reseal_sum sum;

	if (plan(j, err) != 0)
		return -1;
	reseal_run_sum(&j->run, &sum);
	reseal_run_keys(&j->run, &j->keys);
	if (!json)
		reseal_report_plan(&j->run, !j->o->dry_run);
	tell_copies(j);
	if (sum.work > 0 && agree(j, err) != 0)
		return -1;
	if (sum.work > 0 && !j->o->dry_run && work(j, err) != 0)
		return -1;
	gather_lost(j);
	if (prove(j, err) != 0 || report(j, err) != 0)
		return -1;
	/* from here on nothing of it is needed: what must be told is told */
	if (j->journal != NULL)
		reseal_journal_remove(j->journal);
	return close_up(j, err);
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options };
	int r = prepare(&j, err);

	if (r == 0 && !j.o->dry_run)
		r = open_journal(&j, err);
	if (r == 0)
		r = do_all(&j, err);
	job_clear(&j);
	return r;
}

static const struct option_spec options[] = {
	NEWCOMER_OPTION(reseal_options),
	{ 0, "key", "KEY", "only what this key (id, age1... or name) can open",
	  offsetof(struct reseal_options, keys), OPTION_MANY },
	{ 0, "all", NULL, "fresh keys for every part, also where nothing changes",
	  offsetof(struct reseal_options, all), 0 },
	{ 0, "accept", "age1...", "agree to a recipient that is new or changed",
	  offsetof(struct reseal_options, accept), OPTION_MANY },
	RING_OPTIONS(reseal_options),
	{ 0, "dry-run", NULL, "print the plan, change nothing",
	  offsetof(struct reseal_options, dry_run), 0 },
	{ 'o', "output", "table|json", "how to print it", offsetof(struct reseal_options, output),
	  0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_reseal = {
	.name = "reseal",
	.summary = "seal documents again for whom the rules name now",
	.arguments = "[PATH...]",
	.about = "Hold the recipients of every part below files and folders (default: the whole "
		 "repository) against the rules, and seal again what differs: keys that were "
		 "replaced, recipients that were dropped. A recipient that is new to a part "
		 "receives it only with --add. What needs nothing keeps every byte. A private key "
		 "is needed; a run that was killed is gone on with by the same command.",
	.options = options,
	.options_size = sizeof(struct reseal_options),
	.run = run,
};
