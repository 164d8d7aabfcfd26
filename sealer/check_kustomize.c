/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_kustomize.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/kustomize.h"

#define KUSTOMIZATION_MAX ((size_t)1 << 20)

/* The path of a file beside another one; a new string or NULL. */
static char *beside(const char *path, const char *name)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');

	if (path == NULL)
		return NULL;
	return mem_printf("%.*s%s", slash == NULL ? 0 : (int)(slash - path) + 1, path, name);
}

static void judge(struct findings *findings, struct finding at, const struct kustomize_input *in)
{
	struct kustomize_findings found = KUSTOMIZE_FINDINGS_INIT;
	struct err why = ERR_INIT;

	if (kustomize_check(in, &found, &why) != 0)
		findings_add(findings, &at, "%s", why.text);
	for (size_t i = 0; i < found.n; i++) {
		at.line = found.items[i].line;
		at.warning = found.items[i].warning;
		findings_add(findings, &at, "%s", found.items[i].text);
	}
	kustomize_clear(&found);
}

void check_kustomize(struct findings *findings, const struct check_base *base,
		     const struct finding *where, const struct document *documents, size_t n)
{
	const char *slash = strrchr(where->file, '/');
	int folder = slash == NULL ? 0 : (int)(slash - where->file) + 1;

	for (size_t i = 0; kustomize_names[i] != NULL; i++) {
		char *name = mem_printf("%.*s%s", folder, where->file, kustomize_names[i]);
		char *below = beside(where->below, kustomize_names[i]);
		struct finding at = { .file = name,
				      .below = below,
				      .commit = where->commit,
				      .rule = RULE_KUSTOMIZATION };
		struct buf text = BUF_INIT;
		struct err why = ERR_INIT;
		bool there = true;

		if (base->read(base->ctx, name, KUSTOMIZATION_MAX, &text, &there, &why) != 0)
			findings_add(findings, &at, "%s", why.text);
		else if (there)
			judge(findings, at,
			      &(struct kustomize_input){
				  .name = name,
				  .text = text.data,
				  .len = text.len,
				  .file = where->file + folder,
				  .documents = documents,
				  .n = n,
			      });
		buf_clear(&text);
		mem_free(name);
		mem_free(below);
		if (there)
			return;
	}
}
