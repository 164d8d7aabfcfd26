/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/locate.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/documents.h"

#define LISTED_MAX 500 /* bytes of what an error lists */

struct search {
	char *namespace; /* NULL: any */
	const char *name;
	struct located *out;
	size_t found;
	struct buf list; /* "NAMESPACE/NAME in FILE, ..." */
};

static bool is_folder(const char *given)
{
	struct stat st;

	return stat(given, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *given)
{
	const char *dot = strrchr(given, '.');
	struct stat st;

	if (stat(given, &st) == 0 && !S_ISDIR(st.st_mode))
		return true;
	return dot != NULL &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static void take(void *ctx, const char *path, const struct document *d)
{
	struct search *s = ctx;

	if (strcmp(d->name, s->name) != 0 ||
	    (s->namespace != NULL && strcmp(d->namespace, s->namespace) != 0))
		return;
	if (s->found++ == 0) {
		s->out->path = mem_str(path);
		s->out->which = mem_printf("%s/%s", d->namespace, d->name);
	}
	if (s->list.len < LISTED_MAX)
		buf_printf(&s->list, "%s%s/%s in %s", s->list.len > 0 ? ", " : "", d->namespace,
			   d->name, path);
}

static void warn(void *ctx, const char *path, const struct err *why)
{
	(void)ctx;
	(void)path;
	out_warn("%s", why->text);
}

static int look(struct search *s, struct err *err)
{
	const struct documents_visit v = { take, warn, s };

	if (documents_walk(".", &v, err) != 0)
		return -1;
	if (s->found == 0)
		return err_set(err, ERR_INVALID,
			       "NAME: no file below this folder holds a document called so; 'bulla "
			       "show' lists them");
	if (s->found > 1)
		return err_set(err, ERR_USAGE,
			       "NAME: %zu documents are called so; say NAMESPACE/NAME, or which "
			       "FILE: %s",
			       s->found, buf_str(&s->list));
	return 0;
}

int locate(const char *given, struct located *out, struct err *err)
{
	const char *slash = strchr(given, '/');
	struct search s = { .name = slash != NULL ? slash + 1 : given, .out = out };
	bool file = is_file(given);
	int r;

	*out = (struct located){ NULL, NULL };
	if (!file && slash != NULL)
		s.namespace = mem_strn(given, (size_t)(slash - given));
	if (file || !name_is_subdomain(s.name) ||
	    (s.namespace != NULL && !name_is_label(s.namespace))) {
		out->path = mem_str(given);
		mem_free(s.namespace);
		return 0;
	}
	r = look(&s, err);
	if (r != 0 && s.found == 0 && is_folder(given))
		err_wrap(err, "%s is a folder", given);
	if (r != 0)
		located_clear(out);
	mem_free(s.namespace);
	buf_clear(&s.list);
	return r;
}

void located_clear(struct located *l)
{
	mem_free(l->path);
	mem_free(l->which);
	*l = (struct located){ NULL, NULL };
}
