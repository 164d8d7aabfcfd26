/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/documents.h"

#include "base/err.h"
#include "base/walk.h"
#include "document/edit.h"

static int visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	const struct documents_visit *v = ctx;
	struct edit_file f = EDIT_FILE_INIT;
	struct err why = ERR_INIT;

	if (error != NULL)
		v->unread(v->ctx, path, error);
	else if (edit_load(path, text, &f, &why) != 0)
		v->unread(v->ctx, path, &why);
	for (size_t i = 0; i < f.n; i++)
		v->document(v->ctx, path, &f.documents[i]);
	edit_clear(&f);
	return 0;
}

int documents_walk(const char *root, const struct documents_visit *v, struct err *err)
{
	return walk_yaml(root, DOCUMENT_FILE_MAX, visit, (void *)(uintptr_t)v, err);
}
