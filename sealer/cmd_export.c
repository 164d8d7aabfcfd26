/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "sealer/export.h"
#include "sealer/newcomer.h"
#include "sealer/result.h"
#include "sealer/reveal.h"

/* A form that Secrets leave in. */
struct form {
	bool plain; /* to standard output, in plain text */
	int (*put)(struct export *ex, struct err *err);
};

static int print(struct buf *text, struct err *err)
{
	int r = text->truncated
		    ? err_set(err, ERR_INVALID, "more than %zu bytes; name fewer files", BUF_MAX)
		    : file_write_fd(STDOUT_FILENO, text->data, text->len, err);

	buf_clear(text);
	return r;
}

static int put_secrets(struct export *ex, struct err *err)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < ex->n_items; i++) {
		buf_puts(&text, i > 0 ? "---\n" : "");
		if (reveal_yaml(ex->items[i].d, &ex->items[i].secret, &text, err) != 0) {
			buf_clear(&text);
			return -1;
		}
	}
	return print(&text, err);
}

/* A variable that stands in two documents would have the value of the one that is read last. */
static int check_twice(const struct export *ex, struct err *err)
{
	struct kv seen = KV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ex->n_items; i++) {
		const struct export_item *item = &ex->items[i];

		for (size_t j = 0; r == 0 && j < item->secret.data.n; j++) {
			const char *name = item->secret.data.items[j].name;
			const char *other = kv_get_str(&seen, name);

			if (other != NULL)
				r = err_set(err, ERR_INVALID, "%s: stands in %s and in %s/%s", name,
					    other, item->d->namespace, item->d->name);
			kv_set_fmt(&seen, name, "%s/%s", item->d->namespace, item->d->name);
		}
	}
	kv_clear(&seen);
	return r;
}

static int put_env(struct export *ex, struct err *err)
{
	struct buf text = BUF_INIT;
	int r = check_twice(ex, err);

	for (size_t i = 0; r == 0 && i < ex->n_items; i++)
		if (reveal_dotenv(ex->items[i].d, &ex->items[i].secret, &text, err) != 0)
			r = err_wrap(err, "%s/%s", ex->items[i].d->namespace, ex->items[i].d->name);
	if (r == 0)
		return print(&text, err);
	buf_clear(&text);
	return -1;
}

static int check(const struct export_options *o, const struct form *form, struct err *err)
{
	if (form->plain && isatty(STDOUT_FILENO) && !o->reveal)
		return err_set(
		    err, ERR_USAGE,
		    "standard output is a terminal; give --reveal to show secrets there");
	if (o->write != NULL && (o->write[0] == '\0' || strcmp(o->write, "-") == 0))
		return err_set(err, ERR_USAGE, "-w: not a folder");
	if (result_asked(o->output) && o->write == NULL)
		return err_set(err, ERR_USAGE,
			       "--output json: without -w the file itself goes to standard output");
	return 0;
}

static int run(const struct invocation *in, struct err *err)
{
	const struct form *form = in->command->data;
	struct export ex = { .in = in, .o = in->options, .now = clock_now() };
	int r = check(ex.o, form, err);

	result_begin(&ex.result, ex.o->output);
	result_text(&ex.result, "folder", ex.o->write);
	result_flag(&ex.result, "changed", true);
	if (r == 0)
		r = export_load(&ex, err);
	if (r == 0)
		r = form->put(&ex, err);
	if (r == 0)
		r = result_print(&ex.result, err);
	result_clear(&ex.result);
	export_clear(&ex);
	return r;
}

static const struct form secret_form = { true, put_secrets };
static const struct form env_form = { true, put_env };
static const struct form dir_form = { false, export_dir };
static const struct form sops_form = { false, export_sops };

#define AT(member) offsetof(struct export_options, member)
#define END                                                                                        \
	{                                                                                          \
		0, NULL, NULL, NULL, 0, 0                                                          \
	}

static const struct option_spec plain_specs[] = {
	RING_OPTIONS(export_options),
	{ 0, "reveal", NULL, "show secrets on a terminal", AT(reveal), 0 },
	END,
};

static const struct option_spec dir_specs[] = {
	RING_OPTIONS(export_options),
	{ 'w', "write", "DIR", "the folder, outside of any Git tree", AT(write), OPTION_NEEDED },
	RESULT_OPTION(export_options),
	END,
};

static const struct option_spec sops_specs[] = {
	RING_OPTIONS(export_options),
	WHO_OPTIONS(export_options),
	NEWCOMER_OPTION(export_options),
	{ 'w', "write", "DIR", "write a file below this folder for each that is read", AT(write),
	  0 },
	RESULT_OPTION(export_options),
	END,
};

#define ROW(word, text, specs, form_data, long_text)                                               \
	{                                                                                          \
		.name = (word), .summary = (text), .arguments = "PATH...", .about = (long_text),   \
		.options = (specs), .options_size = sizeof(struct export_options), .run = run,     \
		.data = (form_data)                                                                \
	}

static const struct command subs[] = {
	ROW("secret", "print Secret manifests", plain_specs, &secret_form,
	    "Open all documents of files and folders and print them as Secret manifests, for "
	    "'kubectl create -f -' or another program to read."),
	ROW("sops", "write files that SOPS opens", sops_specs, &sops_form,
	    "Open all documents of files and folders and write them as Secret manifests that SOPS "
	    "encrypted, to the recipients named or to those that the rules say."),
	ROW("env", "print a file of variables", plain_specs, &env_form,
	    "Open all documents of files and folders and print their values as NAME='value' "
	    "lines."),
	ROW("dir", "write a folder for each Secret and a file for each key", dir_specs, &dir_form,
	    "Open all documents of files and folders and write DIR/NAMESPACE/NAME/KEY, in plain "
	    "text and readable by you alone, as the kubelet mounts Secrets.  Never into a Git "
	    "tree."),
	{ 0 },
};

static const struct command *subcommands(void)
{
	return subs;
}

const struct command cmd_export = {
	.name = "export",
	.summary = "give all that is sealed to another tool",
	.arguments = "",
	.about = "Open whole trees of sealed documents with a private key, in the form that "
		 "another tool reads.  All come out, or none.",
	.sub = subcommands,
};
