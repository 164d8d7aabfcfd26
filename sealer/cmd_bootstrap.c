/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "git/refs.h"
#include "kinds/url.h"
#include "sealer/bootstrap.h"
#include "sealer/bootstrap_manifest.h"
#include "sealer/keygen.h"
#include "sealer/result.h"
#include "sealer/target.h"
#include "sealer/wait.h"

static const struct option_spec specs[] = {
	{ 0, "cluster", "NAME", "what the repository calls it: the name of its recipient",
	  offsetof(struct bootstrap_options, cluster), OPTION_NEEDED },
	{ 0, "context", "CONTEXT", "the cluster, by its kubeconfig context",
	  offsetof(struct bootstrap_options, context), OPTION_NEEDED },
	{ 0, "url", "URL", "the repository as Flux fetches it: ssh://git@github.com/ORG/REPO",
	  offsetof(struct bootstrap_options, url), OPTION_NEEDED },
	{ 0, "path", "PATH", "the cluster's folder in it, which Flux applies",
	  offsetof(struct bootstrap_options, path), OPTION_NEEDED },
	{ 0, "kubeconfig", "FILE", "instead of $KUBECONFIG or ~/.kube/config",
	  offsetof(struct bootstrap_options, kubeconfig), 0 },
	{ 0, "image", "IMAGE", "the agent's image (needed once: the repository remembers it)",
	  offsetof(struct bootstrap_options, image), 0 },
	{ 0, "upgrade", NULL, "write the agent's manifest anew, as this version has it",
	  offsetof(struct bootstrap_options, upgrade), 0 },
	{ 0, "branch", "BRANCH", "what Flux follows (default: what is checked out)",
	  offsetof(struct bootstrap_options, branch), 0 },
	{ 0, "known-hosts", "FILE",
	  "host keys of the URL's host (those of github.com are built in)",
	  offsetof(struct bootstrap_options, known_hosts), 0 },
	REGISTER_OPTIONS(bootstrap_options),
	{ 0, "no-register", NULL, "leave the registering of the deploy key to you",
	  offsetof(struct bootstrap_options, no_register), 0 },
	{ 0, "no-try", NULL, "do not try the deploy key at its server from here",
	  offsetof(struct bootstrap_options, no_try), 0 },
	{ 0, "recovery", "FILE|age1...", "as for 'bulla init', where it was not run yet",
	  offsetof(struct bootstrap_options, recovery), 0 },
	{ 'i', "identity", "FILE", "the recovery key, to bring a rebuilt cluster its key back",
	  offsetof(struct bootstrap_options, identity), 0 },
	{ 0, "passphrase-file", "FILE|-", "where its passphrase is",
	  offsetof(struct bootstrap_options, passphrase_file), 0 },
	{ 0, "accept", "age1...", "agree to a recipient that is new or changed",
	  offsetof(struct bootstrap_options, accept), OPTION_MANY },
	{ 0, "no-commit", NULL, "leave the commit to you",
	  offsetof(struct bootstrap_options, no_commit), 0 },
	{ 0, "push", NULL, "push the branch with your git",
	  offsetof(struct bootstrap_options, push), 0 },
	{ 0, "wait", NULL, "until Flux fetches with the deploy key",
	  offsetof(struct bootstrap_options, wait), 0 },
	{ 0, "timeout", "10m", "how long to wait (default: " WAIT_DEFAULT ")",
	  offsetof(struct bootstrap_options, timeout), 0 },
	{ 0, "dry-run", NULL, "print the plan, do nothing",
	  offsetof(struct bootstrap_options, dry_run), 0 },
	RESULT_OPTION(bootstrap_options),
	{ 0 },
};

static const struct bootstrap_step *const steps[] = {
	&bootstrap_agent,      &bootstrap_sealing_key, &bootstrap_recipient,
	&bootstrap_deploy_key, &bootstrap_write_files, &bootstrap_registration,
	&bootstrap_try,	       &bootstrap_commit,      &bootstrap_push,
	&bootstrap_document,   &bootstrap_flux,	       &bootstrap_ready,
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* --- the command line ------------------------------------------------------------------------- */

/* Below the top level, in one spelling; a new string, NULL: it is none. */
static char *tidy_path(const char *given)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-_./@+";
	struct buf out = BUF_INIT;
	bool good = given[0] != '/' && strspn(given, plain) == strlen(given);
	char *text = NULL;

	for (const char *s = given; good && *s != '\0'; s += strspn(s, "/")) {
		size_t n = strcspn(s, "/");

		/* no "..", nothing hidden: Flux and the rules pass over those */
		if (s[0] == '.' && n > 1)
			good = false;
		else if (s[0] != '.')
			buf_printf(&out, "%s%.*s", out.len > 0 ? "/" : "", (int)n, s);
		s += n;
	}
	if (good && out.len > 0)
		text = mem_str(buf_str(&out));
	buf_clear(&out);
	return text;
}

static int check_options(struct bootstrap *b, struct err *err)
{
	const struct bootstrap_options *o = b->o;
	struct url url;

	if (keygen_check_name(o->cluster, err) != 0)
		return err_wrap(err, "--cluster");
	if (url_parse("--url", o->url, URL_SSH, &url, err) != 0)
		return -1;
	if (register_check(&o->at, err) != 0)
		return -1;
	if (o->image != NULL && bootstrap_manifest_check_image(o->image, err) != 0)
		return -1;
	b->path = tidy_path(o->path);
	if (b->path == NULL)
		return err_set(
		    err, ERR_USAGE,
		    "--path: not a folder below the top level of the repository (letters, "
		    "digits and \"-_./@+\", none of them hidden)");
	if (o->timeout != NULL && !o->wait)
		return err_set(err, ERR_USAGE, "--timeout goes with --wait");
	if (!wait_parse_timeout(o->timeout != NULL ? o->timeout : WAIT_DEFAULT, &b->timeout_ms))
		return err_set(err, ERR_USAGE, "--timeout: not a span like 90s, 10m or 1h");
	if (o->push && o->no_commit)
		return err_set(err, ERR_USAGE,
			       "--push pushes what is committed, and --no-commit "
			       "leaves that to you");
	return 0;
}

/* --- what there is ---------------------------------------------------------------------------- */

static bool is_there(const char *top, const char *path, const char *below)
{
	char *full = mem_printf("%s/%s/%s", top, path, below);
	struct stat st;
	bool there = lstat(full, &st) == 0;

	mem_free(full);
	return there;
}

static int open_repository(struct bootstrap *b, struct err *err)
{
	bool found;

	b->top = target_top(err);
	if (b->top == NULL || target_config(b->top, &b->config, &b->configured, err) != 0)
		return -1;
	b->git = git_open(b->top, err);
	if (b->git == NULL || git_resolve(b->git, "HEAD", "commit", b->head, &found, err) != 0)
		return -1;
	if (!found)
		b->head[0] = '\0';
	b->branch = git_refs_branch(b->git);
	b->names = (struct bootstrap_names){
		.path = b->path,
		.url = b->o->url,
		.branch = b->o->branch,
		.components = is_there(b->top, b->path, BOOTSTRAP_COMPONENTS_FILE),
	};
	if (b->o->branch == NULL && !is_there(b->top, b->path, "flux-system/gotk-sync.yaml"))
		b->names.branch = b->branch;
	return bootstrap_load_agent(b, err);
}

static void clear(struct bootstrap *b)
{
	register_close(&b->at);
	objects_clear(&b->objects);
	cluster_close(&b->cluster);
	git_close(b->git);
	mem_free(b->top);
	mem_free(b->path);
	mem_free(b->branch);
	config_clear(&b->config);
	buf_clear(&b->agent);
	kv_clear(&b->keys);
	keyring_clear(&b->ring);
	buf_clear(&b->public);
	kv_clear(&b->wrote);
	buf_clear(&b->left);
}

/* --- the steps -------------------------------------------------------------------------------- */

static int look(struct bootstrap *b, size_t i, struct step_outcome *out, struct err *err)
{
	buf_reset(&out->look.left);
	if (steps[i]->look(b, &out->look, err) == 0)
		return 0;
	return err_wrap(err, "%s", steps[i]->name);
}

/* All of them before anything is done: what cannot be is said while nothing has changed. */
static int make_plan(struct bootstrap *b, struct step_outcome *out, size_t *todo, struct err *err)
{
	*todo = 0;
	for (size_t i = 0; i < STEPS; i++) {
		if (look(b, i, &out[i], err) != 0)
			return -1;
		*todo += out[i].look.todo;
		b->planned = *todo;
	}
	b->planned = 0;
	return 0;
}

static void tell_plan(const struct bootstrap *b, const struct step_outcome *out, size_t todo)
{
	out_note("%s: %zu of %zu steps to do", b->o->cluster, todo, STEPS);
	for (size_t i = 0; i < STEPS; i++)
		if (out[i].look.todo)
			out_note("  %s: %s", steps[i]->name, out[i].look.text);
}

/* What the plan saw is as it was until something has been done. */
static int run_steps(struct bootstrap *b, struct step_outcome *out, struct err *err)
{
	bool done = false;

	for (size_t i = 0; i < STEPS; i++) {
		if (done && look(b, i, &out[i], err) != 0)
			return -1;
		if (!out[i].look.todo)
			continue;
		done = true;
		if (steps[i]->act(b, err) != 0)
			return err_wrap(err, "%s", steps[i]->name);
		out[i].done = true;
		out_note("%s: done", steps[i]->name);
	}
	return 0;
}

/* --- what was done ---------------------------------------------------------------------------- */

static int print_json(const struct bootstrap *b, const struct step_outcome *out, size_t todo,
		      struct err *err)
{
	const struct recipient *is = recipients_find(&b->config.recipients, b->o->cluster);
	struct kv_item public = { NULL, b->public.data, b->public.len };
	struct result result = { NULL };
	int r;

	result_begin(&result, b->o->output);
	result_flag(&result, "changed", todo > 0);
	result_flag(&result, "dryRun", b->o->dry_run);
	result_text(&result, "cluster", b->o->cluster);
	result_text(&result, "path", b->path);
	result_text(&result, "keyId", is != NULL ? is->id : NULL);
	if (public.len > 0)
		result_line(&result, "publicKey", &public);
	steps_result(out, STEPS, &b->left, &result);
	if (b->to_push && !b->o->dry_run)
		result_next(&result, "git push");
	r = result_print(&result, err);
	result_clear(&result);
	return r;
}

static int finish(struct bootstrap *b, const struct step_outcome *out, size_t todo, struct err *err)
{
	steps_left(out, STEPS, &b->left);
	if (result_asked(b->o->output))
		return print_json(b, out, todo, err);
	if (b->o->dry_run) {
		steps_print(out, STEPS);
		return 0;
	}
	if (todo == 0)
		out_note("%s: nothing to do", b->o->cluster);
	steps_tell_left("", &b->left);
	if (b->to_push)
		out_note("push %s: from then on Flux applies %s",
			 b->branch != NULL ? b->branch : "it", b->path);
	return 0;
}

/* --- the command ------------------------------------------------------------------------------ */

static int run_in(struct bootstrap *b, struct step_outcome *out, struct err *err)
{
	size_t todo;

	if (check_options(b, err) != 0 || open_repository(b, err) != 0 ||
	    cluster_open(b->o->kubeconfig, b->o->context, &b->cluster, err) != 0)
		return -1;
	objects_init(&b->objects, &b->cluster);
	if (make_plan(b, out, &todo, err) != 0)
		return -1;
	if (!b->o->dry_run && todo > 0)
		tell_plan(b, out, todo);
	if (!b->o->dry_run)
		bootstrap_sweep(b);
	if (!b->o->dry_run && run_steps(b, out, err) != 0)
		return err_wrap(err, "not finished, run it again to go on");
	return finish(b, out, todo, err);
}

static int run(const struct invocation *in, struct err *err)
{
	struct bootstrap b = { .in = in, .o = in->options, .config = CONFIG_INIT };
	struct step_outcome out[STEPS] = { { .done = false } };
	int r;

	for (size_t i = 0; i < STEPS; i++)
		out[i].name = steps[i]->name;
	r = run_in(&b, out, err);
	steps_clear(out, STEPS);
	clear(&b);
	return r;
}

const struct command cmd_bootstrap = {
	.name = "bootstrap",
	.summary = "bring a cluster up: agent, keys, deploy key and Flux",
	.arguments = "",
	.about =
	    "From nothing, or from whatever is there: install the CRD and the agent, make or "
	    "restore the cluster's sealing key, record its recipient, make a deploy key of "
	    "its own, seal it and try it, write what Flux follows into the repository, commit, and "
	    "apply what Flux needs to start.  Run again it does what is missing, and nothing "
	    "when nothing is.",
	.options = specs,
	.options_size = sizeof(struct bootstrap_options),
	.run = run,
};
