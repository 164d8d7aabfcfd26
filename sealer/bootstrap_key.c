/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's own deploy key: made and sealed here, or opened with the cluster's keys. */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/edit.h"
#include "document/seal.h"
#include "sealer/bootstrap.h"
#include "sealer/fresh.h"
#include "sealer/repo.h"
#include "sealer/target.h"
#include "sealer/who.h"
#include "sealer/write.h"

#define KNOWN_HOSTS_MAX 65536

static char *key_path(const struct bootstrap *b)
{
	return mem_printf("%s/%s", b->path, BOOTSTRAP_KEY_FILE);
}

/* --- what there is ---------------------------------------------------------------------------- */

static const struct document *find(const struct edit_file *file)
{
	for (size_t i = 0; i < file->n; i++)
		if (strcmp(file->documents[i].namespace, BOOTSTRAP_NAMESPACE) == 0 &&
		    strcmp(file->documents[i].name, BOOTSTRAP_DOCUMENT) == 0)
			return &file->documents[i];
	return NULL;
}

/* What only who opens it can say: the facts outside are anybody's words. */
static int take_public(struct bootstrap *b, const char *path, const struct kind_secret *s,
		       struct err *err)
{
	const char *url = kv_get_str(&s->facts, "url");
	const struct kv_item *public = kv_get(&s->data, "identity.pub");

	if (url == NULL || strcmp(url, b->o->url) != 0)
		return err_set(err, ERR_CONFLICT,
			       "%s: its deploy key is for another repository than --url: %s", path,
			       url != NULL ? url : "none that it names");
	if (public == NULL)
		return err_set(err, ERR_INVALID, "%s: it holds no public key", path);
	buf_reset(&b->public);
	buf_put(&b->public, public->data, public->len);
	return 0;
}

static int open_with_ring(struct bootstrap *b, const char *path, const struct document *d,
			  struct kind_secret *secret, struct err *err)
{
	struct notes notes = NOTES_INIT;
	int r = open_document(d, &b->ring, clock_now(), secret, NULL, &notes, err);

	notes_clear(&notes);
	if (r == 0)
		return 0;
	if (err->class != ERR_NOKEY)
		return err_wrap(err, "%s", path);
	return err_wrap(err,
			"%s: the cluster's keys do not open it; 'bulla reseal -i RECOVERY-KEY' "
			"seals it for them",
			path);
}

/* The document of a file; errors when it is not what it must be. */
static const struct document *load(const char *path, struct buf *text, struct edit_file *file,
				   struct err *err)
{
	const struct document *d;

	if (edit_load(path, text, file, err) != 0)
		return NULL;
	d = find(file);
	if (d == NULL) {
		err_set(err, ERR_CONFLICT,
			"%s: it has no document " BOOTSTRAP_NAMESPACE "/" BOOTSTRAP_DOCUMENT, path);
	} else if (strcmp(d->kind->name, "deploy-key") != 0) {
		err_set(err, ERR_CONFLICT, "%s: it is of kind %s, not deploy-key", path,
			d->kind->name);
		d = NULL;
	}
	return d;
}

static int look_in(struct bootstrap *b, const char *path, struct buf *text, struct err *err)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	struct edit_file file = EDIT_FILE_INIT;
	const struct document *d = load(path, text, &file, err);
	int r = d != NULL ? 0 : -1;

	if (r == 0 && b->ring.n > 0) {
		r = open_with_ring(b, path, d, &secret, err);
		if (r == 0)
			r = take_public(b, path, &secret, err);
	}
	kind_secret_clear(&secret);
	edit_clear(&file);
	return r;
}

int bootstrap_open_key(struct bootstrap *b, struct kind_secret *out, struct err *err)
{
	struct edit_file file = EDIT_FILE_INIT;
	const struct document *d = NULL;
	char *path = key_path(b);
	struct buf text = BUF_INIT;
	bool exists;
	int r = repo_read(b->top, path, DOCUMENT_FILE_MAX, &text, NULL, &exists, err);

	if (r == 0)
		d = load(path, &text, &file, err);
	r = d != NULL ? open_with_ring(b, path, d, out, err) : -1;
	edit_clear(&file);
	buf_clear(&text);
	mem_free(path);
	return r;
}

bool bootstrap_is_new(const struct bootstrap *b)
{
	return b->sealed_now || b->to_seal;
}

static int look(struct bootstrap *b, struct step_look *l, struct err *err)
{
	char *path = key_path(b);
	struct buf text = BUF_INIT;
	bool exists;
	int r = repo_read(b->top, path, DOCUMENT_FILE_MAX, &text, NULL, &exists, err);

	if (r == 0 && exists)
		r = look_in(b, path, &text, err);
	b->to_seal = !exists;
	if (r == 0 && exists)
		step_found(l, false, "%s is there", path);
	else if (r == 0)
		step_found(l, true, "a new ed25519 key is sealed into %s", path);
	buf_clear(&text);
	mem_free(path);
	return r;
}

/* --- making ----------------------------------------------------------------------------------- */

struct making {
	struct target target;
	struct write write;
	struct recipients to;
	struct kind_input input;
	struct kind_secret secret;
	struct notes notes;
	struct document document;
};

static void making_clear(struct making *m)
{
	target_clear(&m->target);
	write_clear(&m->write);
	recipients_clear(&m->to);
	kind_input_clear(&m->input);
	kind_secret_clear(&m->secret);
	notes_clear(&m->notes);
	document_clear(&m->document);
}

static int read_input(struct bootstrap *b, struct making *m, struct err *err)
{
	struct buf hosts = BUF_INIT;
	int r = 0;

	m->input.now = clock_now();
	kv_set_str(&m->input.fields, "url", b->o->url);
	if (b->o->known_hosts != NULL) {
		r = file_read(b->o->known_hosts, KNOWN_HOSTS_MAX, 0, &hosts, NULL, err);
		if (r == 0)
			kv_set(&m->input.fields, "known-hosts", hosts.data, hosts.len);
		else
			err_wrap(err, "--known-hosts");
	}
	buf_clear(&hosts);
	return r;
}

static int find_recipients(struct bootstrap *b, struct making *m, struct err *err)
{
	static const struct option_list none = { NULL, 0 };
	const struct who who = {
		.names = &none,
		.files = &none,
		.accept = &b->o->accept,
		.namespace = BOOTSTRAP_NAMESPACE,
		.kind = "deploy-key",
		.line = b->in->line,
		.line_n = b->in->line_n,
	};

	return who_select(&m->target, &who, &m->to, err);
}

static int seal(struct bootstrap *b, struct making *m, struct err *err)
{
	struct document *d = &m->document;
	const struct kind *kind = kind_find("deploy-key");
	int r = kind_build(kind, &m->input, &m->secret, &m->notes, err);

	for (size_t i = 0; i < m->notes.n; i++)
		out_warn("%s", m->notes.text[i]);
	if (r != 0)
		return -1;
	d->name = mem_str(BOOTSTRAP_DOCUMENT);
	d->namespace = mem_str(BOOTSTRAP_NAMESPACE);
	d->kind = kind;
	d->type = m->secret.type;
	if (fresh_seal(d, &m->secret, &m->to, m->input.now, err) != 0 ||
	    write_document(&m->write, d, false, err) != 0)
		return -1;
	return take_public(b, m->target.path, &m->secret, err);
}

static int act(struct bootstrap *b, struct err *err)
{
	struct making m = { .target = TARGET_INIT, .to = RECIPIENTS_INIT };
	char *path = key_path(b), *full = mem_printf("%s/%s", b->top, path);
	int r = -1;

	if (read_input(b, &m, err) == 0 &&
	    target_open(full, BOOTSTRAP_DOCUMENT, &m.target, err) == 0 &&
	    write_begin(&m.target, BOOTSTRAP_NAMESPACE, BOOTSTRAP_DOCUMENT, &m.write, err) == 0 &&
	    find_recipients(b, &m, err) == 0)
		r = seal(b, &m, err);
	if (r == 0) {
		kv_set_str(&b->wrote, path, "");
		b->sealed_now = true;
		b->to_seal = false;
	}
	making_clear(&m);
	mem_free(path);
	mem_free(full);
	return r;
}

const struct bootstrap_step bootstrap_deploy_key = { "deploy-key", look, act };
