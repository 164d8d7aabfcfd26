/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "sealer/import.h"
#include "sealer/progress.h"
#include "sealer/repo.h"

/* The file is as it was when its documents were made of it. */
static int same_as_had(const struct import_file *f, const char *path, struct stat *st,
		       struct err *err)
{
	struct buf now = BUF_INIT;
	int r = file_read(path, f->had.len + 1, 0, &now, st, err);

	if (r == 0 &&
	    (now.len != f->had.len || memcmp(buf_str(&now), buf_str(&f->had), now.len) != 0))
		r = err_set(err, ERR_CONFLICT, "%s: changed meanwhile; run it again", path);
	buf_clear(&now);
	return r;
}

static int replace(const struct import_file *f, struct err *err)
{
	struct stat st;
	struct file_write w = { .path = f->real, .expect = &st };

	if (same_as_had(f, f->real, &st, err) != 0)
		return -1;
	return file_write(&w, f->text.data, f->text.len, err);
}

/* The document first, so that there is always one of the two. */
static int move(const struct import_file *f, struct err *err)
{
	const struct file_write w = { .path = f->real,
				      .mode = repo_file_mode(),
				      .exclusive = true };
	struct stat st;

	if (f->from != NULL && same_as_had(f, f->from, &st, err) != 0)
		return -1;
	if (file_mkdirs_above(f->real, 0777, err) != 0 ||
	    file_write(&w, f->text.data, f->text.len, err) != 0)
		return -1;
	if (f->from != NULL && unlink(f->from) != 0)
		return err_sys(err, "%s: cannot remove it; %s has its document", f->from, f->to);
	return 0;
}

static int write_one(const struct import_file *f, struct err *err)
{
	if (f->same_place || (f->from == NULL && f->had.len > 0))
		return replace(f, err);
	return move(f, err);
}

static void refuse_rows(struct import *im, const struct import_file *f, const struct err *why)
{
	for (size_t i = f->first; i < f->first + f->n; i++)
		if (im->rows[i].verdict == IMPORT_CONVERTED)
			import_row_text(&im->rows[i], IMPORT_REFUSED, "%s", why->text);
}

int import_write(struct import *im, struct err *err)
{
	struct progress progress;
	int r = 0;

	progress_start(&progress, "writing", im->n_files);
	for (size_t i = 0; i < im->n_files; i++) {
		struct err why = ERR_INIT;

		if (write_one(&im->files[i], &why) != 0) {
			refuse_rows(im, &im->files[i], &why);
			if (r == 0)
				err_set(err, why.class, "%s", why.text);
			r = -1;
		}
		progress_step(&progress, 1);
	}
	progress_end(&progress);
	return r;
}
