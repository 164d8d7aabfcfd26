/* SPDX-License-Identifier: Apache-2.0 */
/* Plain Secret manifests as a source of `bulla import`. */
#include <string.h>

#include "base/err.h"
#include "sealer/import.h"

static bool text_is(const struct yaml_node *map, const char *name, const char *want)
{
	const struct yaml_node *v = yaml_get(map, name);
	const char *s = v != NULL ? yaml_string(v) : NULL;

	return s != NULL && strcmp(s, want) == 0;
}

static bool claims(const struct yaml_node *root)
{
	return root->type == YAML_MAP && text_is(root, "kind", "Secret") &&
	       text_is(root, "apiVersion", "v1");
}

static int read_object(struct import *im, const char *path, const struct yaml_node *root,
		       struct manifest *m, struct err *err)
{
	if (yaml_get(root, "sops") != NULL)
		return err_set(err, ERR_INVALID,
			       "%s:%u: SOPS encrypted it; use 'bulla import sops'", path,
			       root->line);
	return manifest_read(path, root, m, &im->notes, err);
}

const struct import_source import_secret = {
	.suffixes = (const char *const[]){ ".yaml", ".yml", ".json", NULL },
	.word = "Secret",
	.claims = claims,
	.read = read_object,
};
