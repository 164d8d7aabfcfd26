/* SPDX-License-Identifier: Apache-2.0 */
/* SealedSecrets as a source of `bulla import`. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "foreign/sealed_secret.h"
#include "sealer/import.h"
#include "sealer/input.h"

struct state {
	struct unseal_keys keys;
	size_t first; /* the key that fit last: files beside each other were sealed with one key */
};

static int begin(struct import *im, struct err *err)
{
	const struct option_list *files = &im->o->private_keys;
	struct state *s = mem_alloc(sizeof(*s));

	im->state = s;
	for (size_t i = 0; i < files->n; i++) {
		const char *path = files->items[i];
		const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
		struct buf text = BUF_INIT;
		int r =
		    input_read(path, "the controller's private keys", UNSEAL_FILE_MAX, &text, err);

		if (r == 0)
			r = unseal_keys_add(&s->keys, name, text.data, text.len, err);
		buf_clear(&text);
		if (r != 0)
			return -1;
	}
	return 0;
}

static void end(struct import *im)
{
	struct state *s = im->state;

	if (s != NULL)
		unseal_keys_clear(&s->keys);
	mem_free(s);
}

/* The Secret that the controller would make, held to the rules of any Secret that is sealed. */
static int take(struct import *im, const char *where, const struct sealed_secret *s,
		struct manifest *m, struct err *err)
{
	struct buf text = BUF_INIT;
	int r = -1;

	if (sealed_secret_format(s, &text) != 0)
		err_set(err, ERR_INVALID, "%s: too large for a Secret", where);
	else
		r = manifest_parse(where, text.data, text.len, m, &im->notes, err);
	buf_clear(&text);
	return r;
}

static int read_object(struct import *im, const char *path, const struct yaml_node *root,
		       struct manifest *m, struct err *err)
{
	struct state *state = im->state;
	struct sealed_secret_open o = { &state->keys, im->o->namespace, state->first };
	struct sealed_secret s = SEALED_SECRET_INIT;
	char *where;
	int r = sealed_secret_open(path, root, &o, &s, &im->notes, err);

	state->first = o.first;
	if (r != 0)
		return -1;
	where = mem_printf("%s:%u", path, root->line);
	r = take(im, where, &s, m, err);
	mem_free(where);
	sealed_secret_clear(&s);
	return r;
}

const struct import_source import_sealed_secrets = {
	.suffixes = (const char *const[]){ ".yaml", ".yml", ".json", NULL },
	.comments = true,
	.word = "bitnami.com/",
	.begin = begin,
	.end = end,
	.claims = sealed_secret_claims,
	.read = read_object,
};
