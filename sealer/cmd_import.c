/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "sealer/import.h"

static int check(const struct invocation *in, struct err *err)
{
	const struct import_options *o = in->options;

	if (o->namespace != NULL && !name_is_label(o->namespace))
		return err_set(err, ERR_USAGE,
			       "-n: not a namespace's name (at most 63 lower-case letters, digits "
			       "and \"-\", alphanumeric at both ends)");
	if (o->write != NULL && (o->write[0] == '\0' || strcmp(o->write, "-") == 0))
		return err_set(err, ERR_USAGE, "-w: not a folder");
	if (o->name != NULL && !name_is_subdomain(o->name))
		return err_set(err, ERR_USAGE, "--name: not an object's name");
	return 0;
}

static int convert(struct import *im, struct err *err)
{
	int r = 0;

	if (im->source->begin != NULL && im->source->begin(im, err) != 0)
		return -1;
	if (im->o->context != NULL)
		r = import_cluster(im, err);
	else
		r = import_plan(im, err);
	if (r != 0)
		return -1;
	if (im->source == &import_secret && im->o->context == NULL && im->n_files > 0)
		note_add(&im->notes,
			 "what was committed in plain text stays in Git's history; give "
			 "those credentials new values");
	if (!im->o->dry_run)
		r = import_write(im, err);
	if (r != 0)
		import_report(im, NULL);
	else
		r = import_report(im, err);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	const struct import_options *o = in->options;
	struct import im = { .in = in, .o = o, .source = in->command->data, .now = clock_now() };
	int r;

	if (check(in, err) != 0)
		return -1;
	for (size_t i = 0; i < o->accept.n; i++) {
		im.accept.items = mem_grow(im.accept.items, i + 1, sizeof(*im.accept.items));
		im.accept.items[im.accept.n++] = o->accept.items[i];
	}
	r = convert(&im, err);
	if (im.source->end != NULL)
		im.source->end(&im);
	import_clear(&im);
	return r;
}

static int run_secret(const struct invocation *in, struct err *err)
{
	const struct import_options *o = in->options;

	if (o->context == NULL && o->kubeconfig != NULL)
		return err_set(err, ERR_USAGE, "--kubeconfig goes with --context");
	if (o->context == NULL && in->n == 0)
		return err_set(err, ERR_USAGE, "PATH is missing, or --context");
	if (o->context != NULL && o->write == NULL)
		return err_set(err, ERR_USAGE, "--context goes with -w DIR, where documents go");
	if (o->context != NULL && in->n > 0 && o->namespace == NULL)
		return err_set(err, ERR_USAGE,
			       "-n is missing: names alone do not say in which namespace");
	return run(in, err);
}

#define AT(member) offsetof(struct import_options, member)
#define END                                                                                        \
	{                                                                                          \
		0, NULL, NULL, NULL, 0, 0                                                          \
	}
/* What all sources have; a macro, as the tables are constant. */
#define COMMON                                                                                     \
	{ 'n', "namespace", "NAMESPACE", "the namespace of what names none", AT(namespace), 0 },   \
	    { 'w',	 "write", "DIR", "write below this folder, and change nothing in place",   \
	      AT(write), 0 },                                                                      \
	    { 'r',                                                                                 \
	      "recipient",                                                                         \
	      "NAME|age1...",                                                                      \
	      "seal to it, not to what the rules say",                                             \
	      AT(recipients),                                                                      \
	      OPTION_MANY },                                                                       \
	    { 'R',                                                                                 \
	      "recipients-file",                                                                   \
	      "FILE",                                                                              \
	      "seal to the recipients of a file",                                                  \
	      AT(recipients_files),                                                                \
	      OPTION_MANY },                                                                       \
	    { 0,	  "accept",   "age1...", "agree to a recipient that is new or changed",    \
	      AT(accept), OPTION_MANY },                                                           \
	    { 0, "dry-run", NULL, "do all but write", AT(dry_run), 0 },                            \
	{                                                                                          \
		'o', "output", "text|json", "how to print the report", AT(output), 0               \
	}

static const struct option_spec sealed_specs[] = {
	{ 0, "private-key", "FILE|-", "exported keys of the controller, PEM or a Secret or List",
	  AT(private_keys), OPTION_MANY | OPTION_NEEDED },
	COMMON,
	END,
};

static const struct option_spec sops_specs[] = {
	RING_OPTIONS(import_options),
	{ 0, "ignore-mac", NULL, "take a file whose MAC is wrong", AT(ignore_mac), 0 },
	{ 0, "name", "NAME", "the name for a file of variables", AT(name), 0 },
	COMMON,
	END,
};

static const struct option_spec secret_specs[] = {
	{ 0, "context", "CONTEXT", "take the Secrets of this cluster instead of files", AT(context),
	  0 },
	{ 0, "kubeconfig", "FILE", "where the context stands", AT(kubeconfig), 0 },
	COMMON,
	END,
};

static const struct command subs[] = {
	{
	    .name = "sealed-secrets",
	    .summary = "open SealedSecrets with the exported keys of their controller",
	    .arguments = "PATH...",
	    .about = "Open the SealedSecrets of files and folders with the private keys of their "
		     "controller, without a cluster, and put a sealed document in the place of "
		     "each.  Everything else in the files stays.",
	    .options = sealed_specs,
	    .options_size = sizeof(struct import_options),
	    .run = run,
	    .data = &import_sealed_secrets,
	},
	{
	    .name = "sops",
	    .summary = "open what SOPS encrypted to age recipients",
	    .arguments = "PATH...",
	    .about = "Open the Secret manifests and files of variables that SOPS encrypted, in "
		     "files and folders, with a private key of age, and put a sealed document in "
		     "the place of each.",
	    .options = sops_specs,
	    .options_size = sizeof(struct import_options),
	    .run = run,
	    .data = &import_sops,
	},
	{
	    .name = "secret",
	    .summary = "take plain Secret manifests, or those of a live cluster",
	    .arguments = "[PATH|NAME...]",
	    .about = "Put a sealed document in the place of each plain Secret manifest of files "
		     "and folders; or, with --context, take the Secrets of a cluster, all or "
		     "those named, and leave out what controllers make.",
	    .options = secret_specs,
	    .options_size = sizeof(struct import_options),
	    .run = run_secret,
	    .data = &import_secret,
	},
	{ 0 },
};

static const struct command *subcommands(void)
{
	return subs;
}

const struct command cmd_import = {
	.name = "import",
	.summary = "make sealed documents of what other tools keep",
	.arguments = "",
	.about = "Convert whole trees: each Secret is opened, checked as its reader would, and "
		 "sealed to those that the rules say, at the same place.  A report says what was "
		 "converted, what was not, and why.  Nothing is written before all is looked at.",
	.sub = subcommands,
};
