/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/locate.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "base/walk.h"
#include "document/edit.h"

#define LISTED_MAX 500 /* bytes of what an error lists */

struct search {
	char *namespace; /* NULL: any */
	const char *name;
	struct located *out;
	size_t found;
	struct buf list; /* "NAMESPACE/NAME in FILE, ..." */
};

static bool is_file(const char *given)
{
	const char *dot = strrchr(given, '.');
	struct stat st;

	if (stat(given, &st) == 0 && !S_ISDIR(st.st_mode))
		return true;
	return dot != NULL &&
	       (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static void take(struct search *s, const char *path, const struct document *d)
{
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

static int visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	struct search *s = ctx;
	struct edit_file f = { 0 };
	struct err why = ERR_INIT;

	if (error != NULL) {
		out_warn("%s", error->text);
		return 0;
	}
	if (edit_load(path, text, &f, &why) != 0) {
		out_warn("%s", why.text);
		return 0;
	}
	for (size_t i = 0; i < f.n; i++)
		take(s, path, &f.documents[i]);
	edit_clear(&f);
	return 0;
}

static int look(struct search *s, struct err *err)
{
	if (walk_yaml(".", DOCUMENT_FILE_MAX, visit, s, err) != 0)
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
	int r;

	*out = (struct located){ NULL, NULL };
	if (!is_file(given) && slash != NULL)
		s.namespace = mem_strn(given, (size_t)(slash - given));
	if (is_file(given) || !name_is_subdomain(s.name) ||
	    (s.namespace != NULL && !name_is_label(s.namespace))) {
		out->path = mem_str(given);
		mem_free(s.namespace);
		return 0;
	}
	r = look(&s, err);
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
