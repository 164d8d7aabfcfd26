/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/hooks.h"
#include "sealer/report.h"
#include "sealer/result.h"

struct hooks_options {
	const char *output;
};

static const struct option_spec specs[] = { RESULT_OPTION(hooks_options), { 0 } };

/* The hooks that the arguments name; without any, all. */
static bool is_meant(const struct invocation *in, const struct hook *hook)
{
	for (size_t i = 0; i < in->n; i++)
		if (strcmp(in->args[i], hook->name) == 0)
			return true;
	return in->n == 0;
}

static const struct hook *find(const char *name)
{
	for (const struct hook *h = hooks_table; h->name != NULL; h++)
		if (strcmp(h->name, name) == 0)
			return h;
	return NULL;
}

static int check_names(const struct invocation *in, struct err *err)
{
	for (size_t i = 0; i < in->n; i++)
		if (find(in->args[i]) == NULL)
			return err_set(err, ERR_USAGE,
				       "the hooks are pre-commit and pre-push; on a server see "
				       "--pre-receive in bulla-check(1)");
	return 0;
}

/* The path that this very program was run by. */
static char *own_path(const struct invocation *in, struct err *err)
{
	char *found = file_program(in->line[0]), *path;

	if (found == NULL) {
		err_set(err, ERR_IO,
			"the path of this program cannot be told; run it by its whole path");
		return NULL;
	}
	path = file_absolute(found, err);
	mem_free(found);
	return path;
}

static char *open_folder(struct err *err)
{
	struct git *g = git_open(".", err);
	char *folder = g != NULL ? hooks_folder(g, err) : NULL;

	git_close(g);
	return folder;
}

static void put_row(struct result *r, const char *folder, const struct hook *h, const char *word)
{
	char *file = mem_printf("%s/%s", folder, h->name);

	result_row(r, "hooks",
		   json_pack("{s:s, s:o, s:s}", "hook", h->name, "file", report_text(file),
			     "result", word));
	mem_free(file);
}

static void tell_installed(const char *folder, const struct hook *h, enum hooks_done done)
{
	if (done == HOOKS_CHAINED)
		out_note("%s/%s: installed; the hook that was there is kept as %s" HOOKS_BEFORE
			 " and runs first",
			 folder, h->name, h->name);
	else
		out_note("%s/%s: %s", folder, h->name,
			 done == HOOKS_SAME ? "is there already" : "installed");
}

static int run_install(const struct invocation *in, struct err *err)
{
	static const char *const words[] = {
		[HOOKS_MADE] = "installed",
		[HOOKS_CHAINED] = "chained",
		[HOOKS_SAME] = "unchanged",
	};
	const struct hooks_options *o = in->options;
	struct result result;
	bool changed = false;
	char *folder = NULL, *bulla = NULL;
	enum hooks_done done;
	int r = check_names(in, err);

	if (r == 0)
		bulla = own_path(in, err);
	if (bulla != NULL)
		folder = open_folder(err);
	if (folder == NULL)
		r = -1;
	result_begin(&result, o->output);
	for (const struct hook *h = hooks_table; r == 0 && h->name != NULL; h++) {
		if (!is_meant(in, h))
			continue;
		r = hooks_install(folder, h, bulla, &done, err);
		if (r != 0)
			break;
		tell_installed(folder, h, done);
		put_row(&result, folder, h, words[done]);
		changed = changed || done != HOOKS_SAME;
	}
	result_flag(&result, "changed", changed);
	if (r == 0)
		r = result_print(&result, err);
	result_clear(&result);
	mem_free(folder);
	mem_free(bulla);
	return r;
}

static int run_remove(const struct invocation *in, struct err *err)
{
	static const char *const texts[] = {
		[HOOKS_MADE] = "removed",
		[HOOKS_CHAINED] = "removed; the hook from before is back",
		[HOOKS_SAME] = "there is none",
		[HOOKS_FOREIGN] = "not one of bulla's; left as it is",
	};
	static const char *const words[] = {
		[HOOKS_MADE] = "removed",
		[HOOKS_CHAINED] = "restored",
		[HOOKS_SAME] = "absent",
		[HOOKS_FOREIGN] = "foreign",
	};
	const struct hooks_options *o = in->options;
	struct result result;
	bool changed = false;
	char *folder = NULL;
	enum hooks_done done;
	int r = check_names(in, err);

	if (r == 0)
		folder = open_folder(err);
	if (folder == NULL)
		r = -1;
	result_begin(&result, o->output);
	for (const struct hook *h = hooks_table; r == 0 && h->name != NULL; h++) {
		if (!is_meant(in, h))
			continue;
		r = hooks_remove(folder, h, &done, err);
		if (r != 0)
			break;
		out_note("%s/%s: %s", folder, h->name, texts[done]);
		put_row(&result, folder, h, words[done]);
		changed = changed || done == HOOKS_MADE || done == HOOKS_CHAINED;
	}
	result_flag(&result, "changed", changed);
	if (r == 0)
		r = result_print(&result, err);
	result_clear(&result);
	mem_free(folder);
	return r;
}

static const struct command subcommands[] = {
	{
	    .name = "install",
	    .summary = "have git check each commit and each push",
	    .arguments = "[HOOK...]",
	    .about = "Write the hooks pre-commit and pre-push (or those named) into the folder "
		     "where git looks for them. A hook that is there already is kept and runs "
		     "first. Without bulla the hooks refuse.",
	    .options = specs,
	    .options_size = sizeof(struct hooks_options),
	    .run = run_install,
	},
	{
	    .name = "remove",
	    .summary = "take the hooks out, and put those from before back",
	    .arguments = "[HOOK...]",
	    .options = specs,
	    .options_size = sizeof(struct hooks_options),
	    .run = run_remove,
	},
	{ .name = NULL },
};

static const struct command *sub(void)
{
	return subcommands;
}

const struct command cmd_hooks = {
	.name = "hooks",
	.summary = "have git run bulla check before commits and pushes",
	.arguments = "",
	.sub = sub,
};
