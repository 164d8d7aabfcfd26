/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/pick.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"

bool pick_is(const struct document *d, const char *which)
{
	const char *slash = strchr(which, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - which);

	if (slash == NULL)
		return strcmp(d->name, which) == 0;
	return strlen(d->namespace) == n && strncmp(d->namespace, which, n) == 0 &&
	       strcmp(d->name, slash + 1) == 0;
}

static int choose(const struct edit_file *f, const char *which, size_t *index, struct err *err)
{
	size_t found = 0;

	if (f->n == 0)
		return err_set(err, ERR_INVALID, "%s: holds no sealed document", f->name);
	if (which == NULL && f->n > 1)
		return err_set(err, ERR_USAGE,
			       "%s: holds %zu sealed documents; say which with --document "
			       "NAMESPACE/NAME",
			       f->name, f->n);
	for (size_t i = 0; i < f->n; i++) {
		if (which != NULL && !pick_is(&f->documents[i], which))
			continue;
		*index = i;
		found++;
	}
	if (found == 0)
		return err_set(err, ERR_INVALID, "%s: holds no sealed document of that name",
			       f->name);
	if (found > 1)
		return err_set(err, ERR_USAGE,
			       "%s: holds %zu documents of that name; say which with --document "
			       "NAMESPACE/NAME",
			       f->name, found);
	return 0;
}

int pick_load(const char *path, const char *which, struct edit_file *out, size_t *index,
	      struct stat *st, struct err *err)
{
	struct buf text = BUF_INIT;

	/* what is to be written back cannot come from standard input */
	if (file_read(path, DOCUMENT_FILE_MAX, st == NULL ? FILE_STDIN : 0, &text, st, err) != 0)
		return -1;
	if (edit_load(path, &text, out, err) != 0) {
		buf_clear(&text);
		return -1;
	}
	if (choose(out, which, index, err) != 0) {
		edit_clear(out);
		return -1;
	}
	return 0;
}
