/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/rename_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/locate.h"
#include "sealer/pick.h"

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* What of the name of a file comes behind that of its document, or NULL. */
static const char *ending(const char *file)
{
	static const char *const endings[] = { ".yaml", ".yml", ".json" };
	size_t n = strlen(file);

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t len = strlen(endings[i]);

		if (n > len && strcmp(file + n - len, endings[i]) == 0)
			return file + n - len;
	}
	return NULL;
}

/* Is the file called as the document of this name? */
static bool is_called(const char *path, const char *name)
{
	const char *file = base_of(path), *end = ending(file);

	return end != NULL && strlen(name) == (size_t)(end - file) &&
	       strncmp(file, name, strlen(name)) == 0;
}

/* The same folder and ending, another name. */
static char *path_of(const char *path, const char *name)
{
	const char *file = base_of(path);

	return mem_printf("%.*s%s%s", (int)(file - path), path, name, ending(file));
}

static bool is_alone(const struct edit_file *f)
{
	return f->n == 1 && f->yaml.n == 1;
}

/* --- going on --------------------------------------------------------------------------------- */

static int look(const char *given, const char *moved, const char *new, bool *going_on,
		struct err *err)
{
	struct edit_file f = EDIT_FILE_INIT;
	struct stat st;
	size_t i;
	int r = 0;

	*going_on = false;
	if (lstat(moved, &st) != 0 || !S_ISREG(st.st_mode) ||
	    pick_load(moved, NULL, &f, &i, &st, NULL) != 0)
		return 0;
	*going_on = is_alone(&f) && is_called(given, f.documents[0].name);
	if (is_alone(&f) && strcmp(f.documents[0].name, new) == 0)
		r = err_set(err, ERR_CONFLICT,
			    "%s: is not there, and %s holds %s/%s already: a run that was ended "
			    "here had done its work, and nothing is left to do",
			    given, moved, f.documents[0].namespace, new);
	edit_clear(&f);
	return r;
}

int rename_file_find(const char *given, const char *new, struct rename_file *out, struct err *err)
{
	char *moved;
	struct stat st;
	bool going_on;
	int r;

	*out = (struct rename_file){ .from = mem_str(given) };
	if (!name_is_subdomain(new) || ending(base_of(given)) == NULL || lstat(given, &st) == 0 ||
	    errno != ENOENT)
		return 0;
	moved = path_of(given, new);
	r = look(given, moved, new, &going_on, err);
	if (r == 0 && going_on) {
		out_note("%s: is %s already, by a run that was ended; going on", given, moved);
		mem_replace(&out->from, moved);
	}
	mem_free(moved);
	return r;
}

void rename_file_done(const char *name, const char *new, struct err *err)
{
	const char *slash = strchr(name, '/');
	char *full = slash != NULL && strchr(new, '/') == NULL
			 ? mem_printf("%.*s%s", (int)(slash - name) + 1, name, new)
			 : mem_str(new);
	struct located at = { NULL, NULL };

	if (locate(full, &at, NULL) == 0 && at.which != NULL)
		err_set(err, ERR_CONFLICT,
			"NAME: no document is called so any more, and %s is there, in %s: when "
			"that is the one, an earlier run had done its work, and nothing is left to "
			"do",
			at.which, at.path);
	located_clear(&at);
	mem_free(full);
}

/* --- the plan and the work -------------------------------------------------------------------- */

int rename_file_plan(struct rename_file *r, const struct edit_file *f, const struct document *d,
		     const char *new, struct err *err)
{
	struct stat st;

	r->moves = is_called(r->from, d->name) && is_alone(f) && strcmp(new, d->name) != 0 &&
		   lstat(r->from, &st) == 0 && !S_ISLNK(st.st_mode);
	r->path = r->moves ? path_of(r->from, new) : mem_str(r->from);
	if (!r->moves)
		return 0;
	if (lstat(r->path, &st) == 0)
		return err_set(err, ERR_CONFLICT,
			       "%s is there already, and the file would be named so", r->path);
	return errno == ENOENT ? 0 : err_sys(err, "%s: cannot look at it", r->path);
}

static int move(const struct rename_file *r, struct err *err)
{
	struct stat st;

	if (lstat(r->path, &st) == 0)
		return err_set(err, ERR_CONFLICT, "%s was made meanwhile; nothing was changed",
			       r->path);
	if (rename(r->from, r->path) != 0)
		return err_sys(err, "the file cannot be named %s", r->path);
	return 0;
}

static void move_back(const struct rename_file *r, struct err *err)
{
	struct stat st;

	if ((lstat(r->from, &st) == 0 || rename(r->path, r->from) != 0) && err != NULL)
		err_set(err, err->class, "%s; the file is %s now, and the same command goes on",
			err->text, r->path);
}

int rename_file_write(const struct rename_file *r, const char *real, const struct edit_file *f,
		      const struct stat *st, struct err *err)
{
	const struct file_write w = {
		.path = real, .mode = 0600, .expect = st, .renamed = r->moves
	};

	if (r->moves && move(r, err) != 0)
		return -1;
	if (file_write(&w, f->text.data, f->text.len, err) == 0)
		return 0;
	if (r->moves)
		move_back(r, err);
	return -1;
}

void rename_file_clear(struct rename_file *r)
{
	mem_free(r->from);
	mem_free(r->path);
	*r = (struct rename_file){ NULL, NULL, false };
}
