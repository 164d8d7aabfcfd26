/* SPDX-License-Identifier: Apache-2.0 */
/* Files of SOPS as a source of `bulla import`. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "foreign/sops.h"
#include "kinds/dotenv.h"
#include "kinds/kind.h"
#include "sealer/import.h"

struct state {
	struct keyring keys;
	bool named; /* --name was used */
};

static int begin(struct import *im, struct err *err)
{
	struct state *s = mem_alloc(sizeof(*s));

	im->state = s;
	return ring_load(&im->o->ring, &s->keys, err);
}

static void end(struct import *im)
{
	struct state *s = im->state;

	if (s != NULL)
		keyring_clear(&s->keys);
	mem_free(s);
}

static struct sops_open how(const struct import *im)
{
	const struct state *s = im->state;

	return (struct sops_open){ &s->keys, im->o->ignore_mac };
}

/* --- manifests -------------------------------------------------------------------------------- */

static int prepare(struct import *im, const char *path, struct yaml_stream *s, struct err *err)
{
	const struct sops_open o = how(im);

	return sops_decrypt(path, s, &o, err);
}

/* The object without the metadata of SOPS, which are no field of a Secret. */
static int read_object(struct import *im, const char *path, const struct yaml_node *root,
		       struct manifest *m, struct err *err)
{
	struct yaml_node bare = *root;
	int r;

	bare.keys = mem_dup(root->keys, root->n * sizeof(void *));
	bare.values = mem_dup(root->values, root->n * sizeof(void *));
	bare.n = 0;
	for (size_t i = 0; i < root->n; i++) {
		if (strcmp(root->keys[i]->text, "sops") == 0)
			continue;
		bare.keys[bare.n] = root->keys[i];
		bare.values[bare.n++] = root->values[i];
	}
	r = manifest_read(path, &bare, m, &im->notes, err);
	mem_free(bare.keys);
	mem_free(bare.values);
	return r;
}

/* --- dotenv files ----------------------------------------------------------------------------- */

/* "web/app.enc.env" is called "app"; new, or NULL when nothing is left. */
static char *name_of(const char *path)
{
	static const char *const endings[] = { ".env", ".enc", ".sops", ".secret", ".encrypted" };
	const char *slash = strrchr(path, '/');
	char *name = mem_str(slash != NULL ? slash + 1 : path);

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t n = strlen(name), m = strlen(endings[i]);

		if (n >= m && strcmp(name + n - m, endings[i]) == 0)
			name[n - m] = '\0';
	}
	if (name_is_subdomain(name))
		return name;
	mem_free(name);
	return NULL;
}

static int find_name(struct import *im, const char *path, struct manifest *m, struct err *err)
{
	struct state *s = im->state;

	if (im->o->name != NULL && s->named)
		return err_set(err, ERR_USAGE,
			       "%s: --name is for one file alone, and there was one before", path);
	s->named = im->o->name != NULL;
	m->name = im->o->name != NULL ? mem_str(im->o->name) : name_of(path);
	if (m->name != NULL)
		return 0;
	return err_set(err, ERR_INVALID,
		       "%s: a file of variables has no name that a Secret could take; give --name",
		       path);
}

static int read_file(struct import *im, const char *path, const struct buf *text,
		     struct manifest *m, struct err *err)
{
	const struct sops_open o = how(im);
	struct buf plain = BUF_INIT;
	int r = -1;

	if (!sops_env_claims(text))
		return 0;
	if (find_name(im, path, m, err) != 0)
		return -1;
	if (sops_env_decrypt(path, text, &o, &plain, err) == 0 &&
	    dotenv_parse(path, plain.data, plain.len, &m->data, &im->notes, err) == 0) {
		m->type = mem_str(TYPE_OPAQUE);
		r = 1;
	}
	buf_clear(&plain);
	return r;
}

const struct import_source import_sops = {
	.suffixes = (const char *const[]){ ".yaml", ".yml", ".json", ".env", NULL },
	.whole = true,
	.word = "sops",
	.begin = begin,
	.end = end,
	.read_file = read_file,
	.claims = sops_claims,
	.prepare = prepare,
	.read = read_object,
};
