/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/whom.h"

int whom_find(const struct whom *w, const struct target *t, struct recipients *to, struct err *err)
{
	const struct who who = {
		.names = &w->who->recipients,
		.files = &w->who->recipients_files,
		.accept = &w->who->accept,
		.namespace = w->namespace,
		.kind = w->kind->name,
		.dry_run = w->dry_run,
		.line = w->in->line,
		.line_n = w->in->line_n,
	};

	return who_select(t, &who, to, err);
}
