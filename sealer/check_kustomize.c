/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_kustomize.h"

#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "document/kustomize.h"

#define KUSTOMIZATION_MAX ((size_t)1 << 20)

static void judge(struct findings *findings, const struct kustomize_input *in)
{
	struct kustomize_findings found = KUSTOMIZE_FINDINGS_INIT;
	struct finding at = { .file = (char *)(uintptr_t)in->name, .rule = RULE_KUSTOMIZATION };
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

void check_kustomize(struct findings *findings, const char *path, const struct document *documents,
		     size_t n)
{
	const char *slash = strrchr(path, '/');
	int folder = slash == NULL ? 0 : (int)(slash - path) + 1;

	for (size_t i = 0; kustomize_names[i] != NULL; i++) {
		char *name = mem_printf("%.*s%s", folder, path, kustomize_names[i]);
		struct finding at = { .file = name, .rule = RULE_KUSTOMIZATION };
		struct buf text = BUF_INIT;
		struct err why = ERR_INIT;
		struct stat st;
		bool there = lstat(name, &st) == 0;

		if (there &&
		    file_read(name, KUSTOMIZATION_MAX, FILE_NOFOLLOW, &text, NULL, &why) != 0)
			findings_add(findings, &at, "%s", why.text);
		else if (there)
			judge(findings, &(struct kustomize_input){
					    .name = name,
					    .text = text.data,
					    .len = text.len,
					    .file = path + folder,
					    .documents = documents,
					    .n = n,
					});
		buf_clear(&text);
		mem_free(name);
		if (there)
			return;
	}
}
