/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/edit.h"
#include "git/tree.h"
#include "kube/request.h"
#include "sealer/cluster.h"
#include "sealer/diff.h"
#include "sealer/pick.h"
#include "sealer/report.h"
#include "sealer/ring.h"

struct diff_options {
	struct ring_options ring;
	const char *which, *output, *context, *kubeconfig;
	bool values;
};

/* One run: the file as it is, and what it is held against. */
struct run {
	const struct invocation *in;
	const struct diff_options *o;
	struct keyring keys;
	bool keyed;
	struct edit_file new;
	char *label;	       /* of the other side: "HEAD", "context C" */
	struct edit_file *old; /* many files of one document each, of a cluster; or one */
	size_t n_old;
	json_t *status; /* of a cluster: NAMESPACE/NAME -> what its agent says */
	json_t *rows;
	struct buf text;
	bool differs;
	size_t seen;
};

static void run_clear(struct run *r)
{
	keyring_clear(&r->keys);
	edit_clear(&r->new);
	for (size_t i = 0; i < r->n_old; i++)
		edit_clear(&r->old[i]);
	mem_free(r->old);
	mem_free(r->label);
	json_decref(r->status);
	json_decref(r->rows);
	buf_clear(&r->text);
}

static struct edit_file *add_old(struct run *r)
{
	r->old = mem_grow(r->old, r->n_old + 1, sizeof(*r->old));
	return &r->old[r->n_old++];
}

static bool is_wanted(const struct run *r, const struct document *d)
{
	return r->o->which == NULL || pick_is(d, r->o->which);
}

/* --- the file -----------------------------------------------------------------------------------
 */

/* One that was removed is no error: then all of it is gone. */
static int load_new(struct run *r, bool *there, struct err *err)
{
	const char *path = r->in->args[0];
	struct buf text = BUF_INIT;
	struct stat st;
	int rc = 0;

	*there = lstat(path, &st) == 0 || errno != ENOENT;
	if (*there)
		rc = file_read(path, DOCUMENT_FILE_MAX, 0, &text, NULL, err);
	if (rc == 0)
		rc = edit_load(path, &text, &r->new, err);
	buf_clear(&text);
	return rc;
}

/* --- another revision ---------------------------------------------------------------------------
 */

/* The path below the top level, and the repository it is in. */
static char *below(const char *path, struct git **g, struct err *err)
{
	char *real = file_absolute(path, err), *top = real != NULL ? file_git_top(real) : NULL;
	char *rest = NULL;
	size_t n;

	if (real != NULL && top == NULL)
		err_set(err, ERR_INVALID,
			"it is in no Git work tree; '--context C' holds it against a cluster");
	*g = top != NULL ? git_open(top, err) : NULL;
	if (*g != NULL && git_top(*g) != NULL) {
		n = strlen(git_top(*g));
		if (strncmp(real, git_top(*g), n) == 0 && real[n] == '/')
			rest = mem_str(real + n + 1);
		else
			err_set(err, ERR_INVALID, "it is not below %s", git_top(*g));
	}
	mem_free(real);
	mem_free(top);
	return rest;
}

static int load_revision(struct run *r, const char *rev, bool *there, struct err *err)
{
	struct git *g = NULL;
	char *path = below(r->in->args[0], &g, err), id[GIT_ID_TEXT];
	struct git_tree_file f = { id, path, DOCUMENT_FILE_MAX };
	struct buf text = BUF_INIT;
	char *name = NULL;
	int rc = -1;

	*there = false;
	if (path == NULL || git_resolve(g, rev, "commit", id, NULL, err) != 0 ||
	    git_tree_read(g, &f, &text, there, err) != 0)
		goto out;
	name = mem_printf("%s:%s", rev, path);
	rc = edit_load(name, &text, add_old(r), err);
	r->label = mem_str(rev);
out:
	mem_free(name);
	mem_free(path);
	buf_clear(&text);
	git_close(g);
	return rc;
}

/* --- a cluster ----------------------------------------------------------------------------------
 */

/* What of an object is the document: the server and others have added to its metadata. */
static int take_object(struct run *r, const json_t *object, struct err *err)
{
	const json_t *metadata = json_object_get(object, "metadata"), *annotations;
	json_t *own = json_object(), *whole;
	struct buf text = BUF_INIT;
	const char *substitute;
	char *name;
	int rc;

	json_object_set(own, "name", json_object_get(metadata, "name"));
	json_object_set(own, "namespace", json_object_get(metadata, "namespace"));
	annotations = json_object_get(metadata, "annotations");
	substitute = json_string_value(json_object_get(annotations, DOCUMENT_SUBSTITUTE));
	if (substitute != NULL)
		json_object_set_new(own, "annotations",
				    json_pack("{s:s}", DOCUMENT_SUBSTITUTE, substitute));
	whole = json_pack("{s:s, s:s, s:o, s:O?}", "apiVersion", DOCUMENT_API_VERSION, "kind",
			  DOCUMENT_KIND, "metadata", own, "spec", json_object_get(object, "spec"));
	name = mem_printf("%s: %s", r->label, json_string_value(json_object_get(metadata, "name")));
	rc = whole != NULL ? json_format(&text, whole)
			   : err_set(err, ERR_IO, "%s: the answer is no document", name);
	if (rc == 0)
		rc = edit_load(name, &text, add_old(r), err);
	json_decref(whole);
	mem_free(name);
	buf_clear(&text);
	return rc;
}

/* "old": its Secret is made from what the cluster has; "new": from what the file has. */
static const char *which_digest(const char *digest, const struct document *old,
				const struct document *new)
{
	char hex[DOCUMENT_DIGEST_TEXT];

	document_digest(new, hex);
	if (strcmp(hex, digest) == 0)
		return "new";
	document_digest(old, hex);
	return strcmp(hex, digest) == 0 ? "old" : "other";
}

static void take_status(struct run *r, const json_t *object, const struct document *old,
			const struct document *new)
{
	const json_t *status = json_object_get(object, "status"), *c, *ready = NULL;
	const char *digest = json_string_value(json_object_get(status, "digest"));
	char *key = mem_printf("%s/%s", new->namespace, new->name);
	size_t i;

	json_array_foreach(json_object_get(status, "conditions"), i, c)
	{
		const char *type = json_string_value(json_object_get(c, "type"));

		if (type != NULL && strcmp(type, "Ready") == 0)
			ready = c;
	}
	json_object_set_new(r->status, key,
			    json_pack("{s:O?, s:O?, s:O?, s:s?}", "ready",
				      json_object_get(ready, "status"), "reason",
				      json_object_get(ready, "reason"), "digest",
				      json_object_get(status, "digest"), "version",
				      digest != NULL ? which_digest(digest, old, new) : NULL));
	mem_free(key);
}

static int load_object(struct run *r, struct cluster *c, const struct document *d, struct err *err)
{
	struct buf path = BUF_INIT;
	bool missing = false;
	char *what = mem_printf("read SealedCredential %s/%s", d->namespace, d->name);
	struct cluster_request ask = {
		.request = { .method = "GET", .idempotent = true },
		.what = what,
		.name = d->name,
		.missing = &missing,
	};
	json_t *object = NULL;
	int rc;

	kube_path_object(&path, DOCUMENT_API_PATH, d->namespace, DOCUMENT_PLURAL, d->name);
	ask.request.path = buf_str(&path);
	rc = cluster_ask(c, &ask, &object, err);
	if (rc == 0 && !missing)
		rc = take_object(r, object, err);
	if (rc == 0 && !missing && r->old[r->n_old - 1].n == 1)
		take_status(r, object, &r->old[r->n_old - 1].documents[0], d);
	json_decref(object);
	mem_free(what);
	buf_clear(&path);
	return rc;
}

static int load_cluster(struct run *r, struct err *err)
{
	struct cluster c;
	int rc;

	r->label = mem_printf("context %s", r->o->context);
	r->status = json_object();
	rc = cluster_open(r->o->kubeconfig, r->o->context, &c, err);
	for (size_t i = 0; rc == 0 && i < r->new.n; i++)
		if (is_wanted(r, &r->new.documents[i]))
			rc = load_object(r, &c, &r->new.documents[i], err);
	cluster_close(&c);
	return rc;
}

/* --- the comparison -----------------------------------------------------------------------------
 */

static const struct document *find(const struct edit_file *files, size_t n,
				   const struct document *like)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < files[i].n; k++)
			if (strcmp(files[i].documents[k].name, like->name) == 0 &&
			    strcmp(files[i].documents[k].namespace, like->namespace) == 0)
				return &files[i].documents[k];
	return NULL;
}

static void put_status(struct run *r, const char *key, json_t *row)
{
	static const char *const versions[][2] = { { "new", "the file's" },
						   { "old", "the cluster's" },
						   { "other", "an earlier" } };
	json_t *status = json_object_get(r->status, key);
	const char *ready = json_string_value(json_object_get(status, "ready"));
	const char *reason = json_string_value(json_object_get(status, "reason"));
	const char *version = json_string_value(json_object_get(status, "version"));
	struct buf line = BUF_INIT;

	if (status == NULL)
		return;
	json_object_set(row, "status", status);
	buf_printf(&line, "  its agent: %s%s%s",
		   ready == NULL		? "has not looked at it yet"
		   : strcmp(ready, "True") == 0 ? "ready"
						: "not ready",
		   reason != NULL ? ", " : "", reason != NULL ? reason : "");
	for (size_t i = 0; version != NULL && i < sizeof(versions) / sizeof(*versions); i++)
		if (strcmp(versions[i][0], version) == 0)
			buf_printf(&line, "; it looked at %s version last", versions[i][1]);
	out_escape(&r->text, buf_str(&line), line.len);
	buf_putc(&r->text, '\n');
	buf_clear(&line);
}

static void compare(struct run *r, const struct document *old, const struct document *new)
{
	struct diff d;
	json_t *row;

	diff_make(old, new, r->keyed ? &r->keys : NULL, clock_now(), &d);
	row = diff_json(&d);
	if (d.differs || r->status != NULL)
		diff_text(&d, r->o->values, &r->text);
	if (r->status != NULL && new != NULL)
		put_status(r, json_string_value(json_object_get(row, "document")), row);
	json_array_append_new(r->rows, row);
	r->differs = r->differs || d.differs;
	r->seen++;
	diff_clear(&d);
}

static void compare_all(struct run *r)
{
	for (size_t i = 0; i < r->n_old; i++)
		for (size_t k = 0; k < r->old[i].n; k++) {
			const struct document *old = &r->old[i].documents[k];

			if (is_wanted(r, old) && find(&r->new, 1, old) == NULL)
				compare(r, old, NULL);
		}
	for (size_t i = 0; i < r->new.n; i++) {
		const struct document *new = &r->new.documents[i];

		if (is_wanted(r, new))
			compare(r, find(r->old, r->n_old, new), new);
	}
}

/* --- the command --------------------------------------------------------------------------------
 */

static int check_options(const struct run *r, struct err *err)
{
	if (r->o->context != NULL && r->in->n > 1)
		return err_set(err, ERR_USAGE,
			       "--context and REV: hold it against one of the two at a time");
	if (r->o->values && r->o->output != NULL && strcmp(r->o->output, "json") == 0)
		return err_set(err, ERR_USAGE,
			       "--values is for people; 'bulla open' gives them to programs");
	return 0;
}

/* A key that was not asked for need not be there. */
static int load_keys(struct run *r, struct err *err)
{
	struct err why = ERR_INIT;

	r->keyed = ring_load(&r->o->ring, &r->keys, &why) == 0;
	if (!r->keyed && (ring_given(&r->o->ring) || r->o->values || why.class != ERR_NOKEY))
		return err_set(err, why.class, "%s", why.text);
	return 0;
}

static int load(struct run *r, struct err *err)
{
	bool there, was = true;

	if (load_new(r, &there, err) != 0)
		return -1;
	if (r->o->context != NULL)
		return there ? load_cluster(r, err) : err_set(err, ERR_IO, "is not there");
	if (load_revision(r, r->in->n > 1 ? r->in->args[1] : "HEAD", &was, err) != 0)
		return -1;
	return there || was ? 0 : err_set(err, ERR_IO, "is neither here nor in %s", r->label);
}

static int print(struct run *r, struct err *err)
{
	json_t *v;

	if (r->o->output == NULL || strcmp(r->o->output, "json") != 0)
		return file_write_fd(STDOUT_FILENO, r->text.data, r->text.len, err);
	v = json_pack("{s:o, s:o, s:b, s:O}", "file", report_text(r->in->args[0]), "against",
		      report_text(r->label), "differs", r->differs, "documents", r->rows);
	return report_json(v, err);
}

static int run(const struct invocation *in, struct err *err)
{
	struct run r = { .in = in, .o = in->options, .rows = json_array() };
	int rc = -1;

	if (check_options(&r, err) != 0 || load_keys(&r, err) != 0) {
		run_clear(&r);
		return -1;
	}
	if (load(&r, err) != 0) {
		if (strncmp(err->text, in->args[0], strlen(in->args[0])) != 0)
			err_wrap(err, "%s", in->args[0]);
	} else {
		compare_all(&r);
		if (r.seen == 0)
			rc = err_set(err, ERR_INVALID, "%s: holds no sealed document%s",
				     in->args[0], r.o->which != NULL ? " of that name" : "");
		else
			rc = print(&r, err);
		if (rc == 0 && r.differs)
			rc = err_set(err, ERR_FINDINGS, "%s", "");
	}
	run_clear(&r);
	return rc;
}

static const struct option_spec options[] = {
	{ 0, "context", "CONTEXT", "hold it against a cluster, by its kubeconfig context",
	  offsetof(struct diff_options, context), 0 },
	{ 0, "kubeconfig", "FILE", "instead of $KUBECONFIG or ~/.kube/config",
	  offsetof(struct diff_options, kubeconfig), 0 },
	RING_OPTIONS(diff_options),
	{ 0, "values", NULL, "show the values that differ", offsetof(struct diff_options, values),
	  0 },
	{ 'o', "output", "text|json", "how to print it", offsetof(struct diff_options, output), 0 },
	{ 0, "document", "NAMESPACE/NAME", "only this document of FILE",
	  offsetof(struct diff_options, which), 0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_diff = {
	.name = "diff",
	.summary = "say what is different in a document since a revision, or from a cluster",
	.arguments = "NAME|FILE [REV]",
	.about = "Hold the sealed documents of FILE against those of a revision (default: HEAD) or "
		 "of a cluster: which parts were added, removed or sealed anew, their recipients "
		 "and facts; with a key at hand also whether the value is another one. Values are "
		 "shown with --values alone. Exit status 1 when something is different.",
	.options = options,
	.options_size = sizeof(struct diff_options),
	.run = run,
};
