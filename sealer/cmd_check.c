/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "git/run.h"
#include "guard/baseline.h"
#include "sealer/check.h"
#include "sealer/check_files.h"
#include "sealer/check_git.h"
#include "sealer/check_plaintext.h"
#include "sealer/findings.h"
#include "sealer/live.h"
#include "sealer/live_run.h"
#include "sealer/repo.h"
#include "sealer/ring.h"
#include "sealer/target.h"

struct check_options {
	struct ring_options ring;
	const char *output;
	bool staged, pre_receive, pre_push, history;
	const char *range;
	bool accept_changes, update_baseline;
	struct option_list accept;
	struct live_options ask;
};

/* A key that was asked for must be there; the user's own folder may well be empty. */
static int load_keys(const struct check_options *o, struct keyring *keys, struct err *err)
{
	if (ring_load(&o->ring, keys, err) == 0)
		return 0;
	return !ring_given(&o->ring) && !o->ask.live && err->class == ERR_NOKEY ? 0 : -1;
}

/* --- what is checked -------------------------------------------------------------------------- */

static int walk(struct check_git *x, const struct invocation *in, struct err *err)
{
	if (in->n == 0)
		return check_files(x->c, x->plain, ".", err);
	for (size_t i = 0; i < in->n; i++)
		if (check_files(x->c, x->plain, in->args[i], err) != 0)
			return -1;
	return 0;
}

/* git runs hooks at the top level; a person may be anywhere below it. */
static struct git *open_git(struct err *err)
{
	struct git *g = git_open(".", err), *at_top;

	if (g == NULL || git_top(g) == NULL)
		return g;
	at_top = git_open(git_top(g), err);
	git_close(g);
	return at_top;
}

static int run_mode(struct check_git *x, const struct check_options *o, struct err *err)
{
	struct git *g = open_git(err);
	int r = -1;

	if (g == NULL)
		return -1;
	x->g = g;
	if (o->staged)
		r = check_git_staged(x, err);
	else if (o->range != NULL)
		r = check_git_range(x, o->range, err);
	else if (o->pre_receive)
		r = check_git_pre_receive(x, err);
	else if (o->pre_push)
		r = check_git_pre_push(x, err);
	else
		r = check_git_history(x, err);
	x->g = NULL;
	git_close(g);
	return r;
}

static int modes(const struct check_options *o)
{
	return o->staged + (o->range != NULL) + o->pre_receive + o->pre_push + o->history;
}

static int check_usage(const struct check_options *o, const struct invocation *in, struct err *err)
{
	bool range = o->range != NULL || o->pre_receive || o->pre_push;

	if (live_check(&o->ask, NULL, err) != 0)
		return -1;
	if (modes(o) > 1)
		return err_set(err, ERR_USAGE,
			       "--staged, --range, --pre-receive, --pre-push and --history: one of "
			       "them");
	if (modes(o) == 1 && in->n > 0)
		return err_set(err, ERR_USAGE,
			       "a PATH is of files as they are; it goes with none of --staged, "
			       "--range, --pre-receive, --pre-push, --history");
	if ((o->accept_changes || o->accept.n > 0) && !range)
		return err_set(err, ERR_USAGE,
			       "--accept and --accept-changes: with --range, --pre-receive or "
			       "--pre-push only");
	if (o->update_baseline && (range || o->staged))
		return err_set(err, ERR_USAGE,
			       "--update-baseline: with files as they are, or with --history");
	return 0;
}

/* --- known findings --------------------------------------------------------------------------- */

static int read_baseline(const char *top, struct baseline *b, struct stat *st, bool *exists,
			 struct err *err)
{
	struct buf text = BUF_INIT;
	int r = repo_read(top, BASELINE_PATH, BASELINE_MAX, &text, st, exists, err);

	if (r == 0 && *exists)
		r = baseline_parse(BASELINE_PATH, text.data, text.len, b, err);
	buf_clear(&text);
	return r;
}

/* Run with the baseline to add to, then write it when something was added. */
static int update_baseline(struct check_git *x, const struct check_options *o,
			   const struct invocation *in, struct err *err)
{
	struct baseline b = BASELINE_INIT;
	struct buf text = BUF_INIT;
	char *top = target_top(err);
	struct stat st;
	bool exists;
	size_t before;
	int r = -1;

	if (top == NULL || read_baseline(top, &b, &st, &exists, err) != 0)
		goto out;
	before = b.n;
	x->plain->update = &b;
	if ((o->history ? run_mode(x, o, err) : walk(x, in, err)) != 0)
		goto out;
	baseline_format(&b, &text);
	if (text.len > BASELINE_MAX) {
		err_set(err, ERR_INVALID, "%s: would be larger than %zu bytes", BASELINE_PATH,
			BASELINE_MAX);
		goto out;
	}
	if (b.n > before && repo_write(top, BASELINE_PATH, &text, exists ? &st : NULL, err) != 0)
		goto out;
	out_note("%s: %zu added, %zu in all%s", BASELINE_PATH, b.n - before, b.n,
		 b.n > before ? "; look at them, then commit it" : "");
	r = 0;
out:
	x->plain->update = NULL;
	baseline_clear(&b);
	buf_clear(&text);
	mem_free(top);
	return r;
}

static int print(const char *output, struct findings *findings, const struct live_run *live,
		 struct err *err)
{
	if (output != NULL && strcmp(output, "json") == 0)
		return findings_print_json(findings, err);
	if (output != NULL && strcmp(output, "sarif") == 0)
		return findings_print_sarif(findings, err);
	if (live != NULL)
		live_run_print(live);
	return findings_print_text(findings, err);
}

/* Ask about what was opened; its findings come beside the others. */
static int ask(const struct check_options *o, struct live_run *live, struct findings *findings,
	       struct err *err)
{
	if (!o->ask.live)
		return 0;
	if (live_run_ask(live, findings, err) != 0)
		return -1;
	findings->live = live_run_json(live);
	return 0;
}

static int run_checks(struct check_git *x, const struct check_options *o,
		      const struct invocation *in, struct err *err)
{
	if (o->update_baseline)
		return update_baseline(x, o, in, err);
	return modes(o) > 0 ? run_mode(x, o, err) : walk(x, in, err);
}

static int run(const struct invocation *in, struct err *err)
{
	const struct check_options *o = in->options;
	struct keyring keys = KEYRING_INIT;
	struct findings findings = { 0 };
	struct plaintext plain = { .findings = &findings };
	struct check_git x = { .plain = &plain,
			       .findings = &findings,
			       .accept = &o->accept,
			       .accept_changes = o->accept_changes };
	struct live_run *live = NULL;
	struct leaks leaks = { 0 };
	int r = -1;

	if (check_usage(o, in, err) != 0 || load_keys(o, &keys, err) != 0)
		goto out;
	x.c = check_new(&findings, keys.n > 0 ? &keys : NULL, clock_now());
	if (o->ask.live) {
		live = live_run_new(&o->ask, clock_now());
		plain.leaks = &leaks;
	}
	check_live(x.c, live);
	if (run_checks(&x, o, in, err) != 0)
		goto out;
	check_finish(x.c);
	if (ask(o, live, &findings, err) != 0 || print(o->output, &findings, live, err) != 0)
		goto out;
	if (leaks_offer(&leaks, &o->ask, err) != 0)
		goto out;
	/* printed already: only the exit status is left to say */
	r = findings.errors == 0 ? 0 : err_set(err, ERR_FINDINGS, "%s", "");
out:
	check_free(x.c);
	live_run_free(live);
	leaks_clear(&leaks);
	plaintext_clear(&plain);
	findings_clear(&findings);
	keyring_clear(&keys);
	return r;
}

static const struct option_spec options[] = {
	{ 0, "staged", NULL, "what git add has put into the index",
	  offsetof(struct check_options, staged), 0 },
	{ 0, "range", "A..B", "what the commits of B bring that are not in A, by the rules of A",
	  offsetof(struct check_options, range), 0 },
	{ 0, "pre-receive", NULL, "what a push brings, from the standard input of git's hook",
	  offsetof(struct check_options, pre_receive), 0 },
	{ 0, "pre-push", NULL, "what a push will send, from the standard input of git's hook",
	  offsetof(struct check_options, pre_push), 0 },
	{ 0, "history", NULL, "every version of every file, documents by the rules of then",
	  offsetof(struct check_options, history), 0 },
	{ 0, "accept", "age1...", "a recipient that a range may add",
	  offsetof(struct check_options, accept), OPTION_MANY },
	{ 0, "accept-changes", NULL, "let a range's own rules, known findings and comments hold",
	  offsetof(struct check_options, accept_changes), 0 },
	{ 0, "update-baseline", NULL, "take what is found for known from now on",
	  offsetof(struct check_options, update_baseline), 0 },
	LIVE_OPTIONS(check_options),
	RING_OPTIONS(check_options),
	{ 'o', "output", "text|json|sarif", "how to print findings",
	  offsetof(struct check_options, output), 0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_check = {
	.name = "check",
	.summary = "verify sealed documents, and find credentials in plain text",
	.arguments = "[PATH...]",
	.about =
	    "Check the sealed documents of files and folders (default: this folder): shape, "
	    "names, armor, stanzas, recipients as the rules of .bulla/config have them, expiry, "
	    "conflict markers, duplicates, kustomizations. With keys (-i, --keys, or in "
	    "~/.config/bulla/keys) each document that they open is opened and held against "
	    "what it says. Every file that git does not ignore is searched for credentials in "
	    "plain text. Exit status 1 on findings; warnings alone are none.",
	.options = options,
	.options_size = sizeof(struct check_options),
	.run = run,
};
