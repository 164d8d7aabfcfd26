/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/prove.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "document/seal.h"
#include "sealer/documents.h"
#include "sealer/report.h"

/* d NULL: a file that cannot be read.  result is freed. */
static void put(struct prove *p, const char *path, const struct document *d, size_t opened,
		char *result)
{
	char *name = d != NULL ? mem_printf("%s/%s", d->namespace, d->name) : mem_str("");
	bool good = d != NULL && opened == d->n;

	json_array_append_new(p->rows, json_pack("{s:o, s:s, s:i, s:i, s:b, s:o}", "file",
						 report_text(path), "document", name, "parts",
						 d != NULL ? (int)d->n : 0, "opened", (int)opened,
						 "good", good, "result", report_text(result)));
	p->bad = p->bad || !good;
	mem_free(name);
	mem_free(result);
}

static void open_parts(void *ctx, const char *path, const struct document *d)
{
	struct prove *p = ctx;
	struct err first = ERR_INIT;
	size_t opened = 0;

	for (size_t i = 0; i < d->n; i++) {
		struct kind_secret s = KIND_SECRET_INIT;
		struct notes notes = NOTES_INIT;
		struct err why = ERR_INIT;

		if (open_part(d, &d->parts[i], p->keys, clock_now(), &s, NULL, &notes, &why) == 0)
			opened++;
		else if (first.class == ERR_NONE)
			first = why;
		kind_secret_clear(&s);
		notes_clear(&notes);
	}
	put(p, path, d, opened,
	    opened == d->n ? mem_printf("%zu part%s opened", opened, opened == 1 ? "" : "s")
			   : mem_printf("%zu of %zu parts opened; %s", opened, d->n, first.text));
}

static void unread(void *ctx, const char *path, const struct err *why)
{
	put(ctx, path, NULL, 0, mem_str(why->text));
}

int prove_path(struct prove *p, const char *path, struct err *err)
{
	const struct documents_visit v = { open_parts, unread, p };
	size_t had = json_array_size(p->rows);

	if (documents_walk(path, &v, err) != 0)
		return -1;
	if (json_array_size(p->rows) == had)
		return err_set(err, ERR_INVALID, "%s: there is no sealed document", path);
	return 0;
}
