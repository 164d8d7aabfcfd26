/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "sealer/check.h"
#include "sealer/check_files.h"
#include "sealer/check_plaintext.h"
#include "sealer/findings.h"
#include "sealer/ring.h"

struct check_options {
	struct ring_options ring;
	const char *output;
};

/* A key that was asked for must be there; the user's own folder may well be empty. */
static int load_keys(const struct check_options *o, struct keyring *keys, struct err *err)
{
	if (ring_load(&o->ring, keys, err) == 0)
		return 0;
	return !ring_given(&o->ring) && err->class == ERR_NOKEY ? 0 : -1;
}

static int walk(struct check *c, struct plaintext *plain, const struct invocation *in,
		struct err *err)
{
	if (in->n == 0)
		return check_files(c, plain, ".", err);
	for (size_t i = 0; i < in->n; i++)
		if (check_files(c, plain, in->args[i], err) != 0)
			return -1;
	return 0;
}

static int print(const char *output, struct findings *findings, struct err *err)
{
	if (output != NULL && strcmp(output, "json") == 0)
		return findings_print_json(findings, err);
	if (output != NULL && strcmp(output, "sarif") == 0)
		return findings_print_sarif(findings, err);
	return findings_print_text(findings, err);
}

static int run(const struct invocation *in, struct err *err)
{
	const struct check_options *o = in->options;
	struct keyring keys = KEYRING_INIT;
	struct findings findings = { 0 };
	struct plaintext plain = { .findings = &findings };
	struct check *c = NULL;
	int r = -1;

	if (load_keys(o, &keys, err) != 0)
		goto out;
	c = check_new(&findings, keys.n > 0 ? &keys : NULL, clock_now());
	if (walk(c, &plain, in, err) != 0)
		goto out;
	check_finish(c);
	if (print(o->output, &findings, err) != 0)
		goto out;
	/* printed already: only the exit status is left to say */
	r = findings.errors == 0 ? 0 : err_set(err, ERR_FINDINGS, "%s", "");
out:
	check_free(c);
	plaintext_clear(&plain);
	findings_clear(&findings);
	keyring_clear(&keys);
	return r;
}

static const struct option_spec options[] = {
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
	    "what it says. Exit status 1 on findings; warnings alone are none.",
	.options = options,
	.options_size = sizeof(struct check_options),
	.run = run,
};
