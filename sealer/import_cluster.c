/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "document/edit.h"
#include "sealer/import.h"
#include "sealer/import_list.h"

#define OBJECT_MAX 8388608 /* bytes of one Secret as JSON */

/* --- what becomes of one ---------------------------------------------------------------------- */

static const char *string(const json_t *object, const char *name)
{
	const char *s =
	    json_string_value(json_object_get(json_object_get(object, "metadata"), name));

	return s != NULL ? s : "";
}

static const char *system_namespace(const char *namespace)
{
	if (strncmp(namespace, "kube-", 5) == 0)
		return "a namespace of Kubernetes itself, where Bulla makes nothing";
	if (strcmp(namespace, CLUSTER_NAMESPACE) == 0)
		return "the namespace of Bulla's agent, where it makes nothing";
	return NULL;
}

static void put_word(struct buf *out, const char *word)
{
	buf_putc(out, ' ');
	out_shell(out, word);
}

/* The command that lets the agent take the Secret that is there. */
static char *adopt(const struct import *im, const struct manifest *m)
{
	char *mark = mem_printf("bulla.dev/adopt=%s/%s", m->namespace, m->name);
	struct buf line = BUF_INIT;
	char *text;

	buf_puts(&line, "kubectl");
	if (im->o->kubeconfig != NULL) {
		buf_puts(&line, " --kubeconfig");
		put_word(&line, im->o->kubeconfig);
	}
	buf_puts(&line, " --context");
	put_word(&line, im->o->context);
	buf_puts(&line, " -n");
	put_word(&line, m->namespace);
	buf_puts(&line, " annotate secret");
	put_word(&line, m->name);
	put_word(&line, mark);
	text = mem_str(buf_str(&line));
	buf_clear(&line);
	mem_free(mark);
	return text;
}

/* 1: its document is there; 0: the file can be made; -1: something else is there. */
static int look(const struct target *t, const struct manifest *m, struct err *err)
{
	struct edit_file f = EDIT_FILE_INIT;
	struct buf text = BUF_INIT;
	struct stat st;
	int r = 0;

	if (lstat(t->real, &st) != 0)
		return 0;
	if (file_read(t->real, DOCUMENT_FILE_MAX, FILE_NOFOLLOW, &text, NULL, err) != 0 ||
	    edit_load(t->path, &text, &f, err) != 0)
		r = -1;
	for (size_t i = 0; r == 0 && i < f.n; i++)
		if (strcmp(f.documents[i].name, m->name) == 0 &&
		    strcmp(f.documents[i].namespace, m->namespace) == 0)
			r = 1;
	if (r == 0)
		r = err_set(err, ERR_CONFLICT, "%s is there, and holds something else", t->path);
	edit_clear(&f);
	buf_clear(&text);
	return r;
}

static int seal(struct import *im, const struct target *t, const struct manifest *m,
		struct import_row *row, struct err *err)
{
	struct buf text = BUF_INIT;
	int there = look(t, m, err);

	if (there > 0)
		import_row_text(row, IMPORT_THERE, "%s has it already", t->path);
	if (there == 0 && import_one(im, t, m, row, &text, err) == 0) {
		struct import_file *f = import_file(im, t);

		f->first = im->n_rows - 1;
		f->n = 1;
		row->adopt = adopt(im, m);
		im->held += text.len;
		buf_move(&f->text, &text);
	}
	buf_clear(&text);
	return row->verdict == IMPORT_REFUSED ? -1 : 0;
}

static int place(struct import *im, const struct manifest *m, struct import_row *row,
		 struct err *err)
{
	const char *dir = im->o->write;
	struct target t = TARGET_INIT;
	char *path = mem_printf("%s%s%s/%s.yaml", dir, dir[strlen(dir) - 1] == '/' ? "" : "/",
				m->namespace, m->name);
	int r = target_open(path, NULL, &t, err);

	if (r == 0)
		r = seal(im, &t, m, row, err);
	target_clear(&t);
	mem_free(path);
	return r;
}

/* --- one object ------------------------------------------------------------------------------- */

/* As YAML, which JSON is, so that the same rules hold as for files; NULL and err. */
static const struct yaml_node *parse(const json_t *object, const char *where, struct yaml_stream *s,
				     struct err *err)
{
	struct buf text = { .max = OBJECT_MAX };
	const struct yaml_node *root = NULL;

	if (json_format(&text, object) != 0)
		err_set(err, ERR_INVALID, "more than %d bytes", OBJECT_MAX);
	else if (yaml_parse(where, text.data, text.len, s, err) == 0 && s->docs != NULL)
		root = s->docs[0].root;
	buf_clear(&text);
	return root;
}

static int put_root(struct import *im, const struct yaml_node *root, const char *where,
		    struct import_row *row, struct err *err)
{
	struct manifest m = MANIFEST_INIT;
	const char *owner = import_owned(root);
	int r = 0;

	if (owner != NULL) {
		import_row_text(row, IMPORT_LEFT, "%s", owner);
		return 0;
	}
	r = manifest_read(where, root, &m, &im->notes, err);
	if (r == 0)
		r = place(im, &m, row, err);
	manifest_clear(&m);
	return r;
}

/* The line of what is one line says nothing. */
static const char *bare(const char *text, const char *where)
{
	size_t n = strlen(where);

	if (strncmp(text, where, n) == 0)
		text += n + strspn(text + n, ":0123456789 ");
	return text;
}

static int put_object(struct import *im, const json_t *object, struct err *err)
{
	const char *namespace = string(object, "namespace"), *name = string(object, "name");
	const char *system = system_namespace(namespace);
	char *where = mem_printf("%s/%s", namespace, name);
	struct import_row *row = import_row(im, IMPORT_REFUSED, im->o->context, 0);
	const struct yaml_node *root = NULL;
	struct yaml_stream s = YAML_STREAM_INIT;
	struct err why = ERR_INIT;
	int r = 0;

	row->document = mem_str(where);
	if (system != NULL)
		import_row_text(row, IMPORT_LEFT, "%s", system);
	else if ((root = parse(object, where, &s, &why)) == NULL ||
		 put_root(im, root, where, row, &why) != 0)
		import_row_text(row, IMPORT_REFUSED, "%s", bare(why.text, where));
	if (why.class == ERR_RECIPIENT)
		r = err_set(err, why.class, "%s: %s", where, why.text);
	yaml_clear(&s);
	mem_free(where);
	return r;
}

/* --- which ------------------------------------------------------------------------------------ */

static int put_named(struct import *im, struct cluster *c, const char *name, struct err *err)
{
	json_t *object;
	int r;

	if (!name_is_subdomain(name))
		return err_set(err, ERR_USAGE, "NAME: not an object's name");
	if (import_list_one(c, im->o->namespace, name, &object, err) != 0)
		return err_wrap(err, "%s/%s", im->o->namespace, name);
	if (object == NULL) {
		struct import_row *row = import_row(im, IMPORT_REFUSED, im->o->context, 0);

		row->document = mem_printf("%s/%s", im->o->namespace, name);
		import_row_text(row, IMPORT_REFUSED, "there is no such Secret");
		return 0;
	}
	r = put_object(im, object, err);
	json_decref(object);
	return r;
}

static int put_all(struct import *im, struct cluster *c, struct err *err)
{
	json_t *list = import_list(c, im->o->namespace, err);
	json_t *item;
	size_t i;
	int r = list != NULL ? 0 : -1;

	json_array_foreach(list, i, item)
	{
		if (r == 0)
			r = put_object(im, item, err);
	}
	json_decref(list);
	return r;
}

int import_cluster(struct import *im, struct err *err)
{
	struct cluster c;
	int r = cluster_open(im->o->kubeconfig, im->o->context, &c, err);

	if (r == 0 && im->in->n == 0)
		r = put_all(im, &c, err);
	for (size_t i = 0; r == 0 && i < im->in->n; i++)
		r = put_named(im, &c, im->in->args[i], err);
	cluster_close(&c);
	return r;
}
