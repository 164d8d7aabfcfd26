/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/out.h"
#include "document/seal.h"
#include "sealer/pick.h"
#include "sealer/reveal.h"
#include "sealer/ring.h"

struct open_options {
	struct ring_options ring;
	const char *key;
	const char *output;
	const char *which;
	bool reveal;
};

typedef int reveal(const struct document *d, const struct kind_secret *s, struct buf *out,
		   struct err *err);

static const struct {
	const char *name;
	reveal *put;
} outputs[] = {
	{ "yaml", reveal_yaml },
	{ "dotenv", reveal_dotenv },
	{ "tfvars", reveal_tfvars },
};

static reveal *find_output(const char *name)
{
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
		if (strcmp(outputs[i].name, name) == 0)
			return outputs[i].put;
	return reveal_yaml;
}

static int put_value(const struct kind_secret *s, const char *key, struct buf *out, struct err *err)
{
	const struct kv_item *item = kv_get(&s->data, key);

	if (item == NULL)
		return err_set(err, ERR_INVALID,
			       "the Secret has no key of that name; 'bulla open "
			       "FILE -o yaml' has them all");
	buf_put(out, item->data, item->len);
	return 0;
}

static int print(const struct open_options *o, const struct document *d, const struct keyring *keys,
		 struct err *err)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	struct buf text = BUF_INIT;
	int r = -1;

	if (open_document(d, keys, clock_now(), &secret, NULL, &notes, err) != 0)
		goto out;
	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s", notes.text[i]);
	if (o->key != NULL)
		r = put_value(&secret, o->key, &text, err);
	else
		r = find_output(o->output == NULL ? "yaml" : o->output)(d, &secret, &text, err);
	if (r == 0)
		r = file_write_fd(STDOUT_FILENO, text.data, text.len, err);
out:
	buf_clear(&text);
	notes_clear(&notes);
	kind_secret_clear(&secret);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	const struct open_options *o = in->options;
	struct edit_file f = { 0 };
	struct keyring keys = KEYRING_INIT;
	size_t i;
	int r = -1;

	if (o->key != NULL && o->output != NULL)
		return err_set(err, ERR_USAGE, "--key gives one raw value and takes no --output");
	if (isatty(STDOUT_FILENO) && !o->reveal)
		return err_set(
		    err, ERR_USAGE,
		    "standard output is a terminal; give --reveal to show secrets there");
	if (pick_load(in->args[0], o->which, &f, &i, NULL, err) != 0)
		return -1;
	if (ring_load(&o->ring, &keys, err) == 0 && print(o, &f.documents[i], &keys, err) == 0)
		r = 0;
	else
		err_wrap(err, "%s:%u", f.name, f.documents[i].line);
	keyring_clear(&keys);
	edit_clear(&f);
	return r;
}

static const struct option_spec options[] = {
	RING_OPTIONS(open_options),
	{ 0, "key", "NAME", "print one value as it is", offsetof(struct open_options, key), 0 },
	{ 'o', "output", "yaml|dotenv|tfvars",
	  "a Secret manifest, or what shells, docker compose "
	  "or Terraform read",
	  offsetof(struct open_options, output), 0 },
	PICK_OPTION(open_options),
	{ 0, "reveal", NULL, "show secrets on a terminal", offsetof(struct open_options, reveal),
	  0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_open = {
	.name = "open",
	.summary = "print the Secret that a document holds",
	.arguments = "NAME|FILE",
	.about = "Open a sealed document with a private key and print it for another program to "
		 "read. Nothing is written to disk: use a pipe or process substitution, as in "
		 "'terraform apply -var-file=<(bulla open FILE -o tfvars)'.",
	.options = options,
	.options_size = sizeof(struct open_options),
	.run = run,
};
