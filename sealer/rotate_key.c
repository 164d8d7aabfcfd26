/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/rotate_key.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "kinds/csr.h"
#include "kinds/kinds.h"
#include "kinds/x509.h"

static const struct {
	const char *name;
	enum pkey_type type;
} algorithms[] = {
	{ "ecdsa-p256", PKEY_P256 }, { "ecdsa-p384", PKEY_P384 }, { "ecdsa-p521", PKEY_P521 },
	{ "rsa", PKEY_RSA },	     { "ed25519", PKEY_ED25519 },
};

/* --- the command line ----------------------------------------------------------------------------
 */

static bool has_input(const struct rotate_options *o)
{
	for (size_t i = 0; i < SEAL_FIELDS_MAX; i++)
		if (o->fields[i] != NULL)
			return true;
	return o->expires != NULL || o->allow.n > 0 || o->ask.live;
}

int rotate_key_asked(const struct rotate_options *o, bool *asked, struct err *err)
{
	int n = o->new_key + o->again + o->forget;

	*asked = n > 0;
	if (n > 1)
		return err_set(err, ERR_USAGE,
			       "--new-key, --again and --forget: one of them at a time");
	if (n > 0 && (has_input(o) || o->wait.wait || o->dry_run))
		return err_set(
		    err, ERR_USAGE,
		    "--%s only makes ready; the certificate, --allow, --expires, --live, "
		    "--wait and --dry-run belong to the step after it",
		    o->new_key ? "new-key"
		    : o->again ? "again"
			       : "forget");
	if (!o->new_key && (o->algorithm != NULL || o->names.n > 0))
		return err_set(err, ERR_USAGE, "--algorithm and --dns-name go with --new-key");
	if (!o->new_key && !o->again && o->csr != NULL)
		return err_set(err, ERR_USAGE, "--csr goes with --new-key or --again");
	return 0;
}

/* --- the first step ------------------------------------------------------------------------------
 */

/* What the old certificate gives to a request. */
struct old {
	struct x509_list chain; /* when it was opened */
	struct buf names;	/* to ask for in its place; empty: none */
	enum pkey_type type;
};

static void old_clear(struct old *o)
{
	x509_clear(&o->chain);
	buf_clear(&o->names);
}

static int read_chain(const struct kind_secret *s, struct old *out, struct err *err)
{
	const struct kv_item *cert = kv_get(&s->data, "tls.crt");
	const struct pem_source src = { "tls.crt", cert->data, cert->len };

	if (x509_parse(&src, X509_CHAIN_MAX, &out->chain, err) != 0)
		return -1;
	return csr_type_of(out->chain.certs[0], &out->type, err);
}

static int open_old(struct rotation *r, const struct document_part *part, struct old *out,
		    struct err *err)
{
	struct kind_secret s = KIND_SECRET_INIT;
	int rc = 0;

	if (rotate_open_old(r, part, &s) == 1)
		rc = read_chain(&s, out, err);
	kind_secret_clear(&s);
	for (size_t i = 0; i < r->notes.n; i++)
		out_warn("%s: %s", r->in->args[0], r->notes.text[i]);
	notes_clear(&r->notes);
	return rc;
}

static int take_names(const struct rotation *r, const struct document_part *part, struct old *out,
		      struct err *err)
{
	const struct option_list *given = &r->o->names;
	const char *facts = kv_get_str(&part->facts, "dns-names");

	for (size_t i = 0; i < given->n; i++)
		buf_printf(&out->names, "%s%s", i > 0 ? "," : "", given->items[i]);
	if (given->n > 0 || out->chain.n > 0)
		return 0;
	if (facts == NULL || strchr(facts, '+') != NULL)
		return err_set(err, ERR_INVALID,
			       "its facts do not list all names of the old certificate; give a key "
			       "that opens it (-i, --keys), or each name with --dns-name");
	out_note("%s: the names are those of the facts, which no key has proven: %s",
		 r->in->args[0], facts);
	buf_puts(&out->names, facts);
	return 0;
}

static void choose_algorithm(const struct rotation *r, struct old *out)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (r->o->algorithm != NULL && strcmp(r->o->algorithm, algorithms[i].name) == 0)
			out->type = algorithms[i].type;
}

static int find_old(struct rotation *r, struct old *out, struct err *err)
{
	const struct document_part *part = document_part(r->document, KIND_PART);

	*out = (struct old){ X509_LIST_INIT, BUF_INIT, PKEY_P256 };
	if (open_old(r, part, out, err) != 0)
		return -1;
	choose_algorithm(r, out);
	return take_names(r, part, out, err);
}

static int put_request(struct rotation *r, const struct buf *request, struct err *err)
{
	const char *path = r->o->csr;
	const struct file_write w = { .path = path, .mode = 0644 };

	result_text(&r->result, "keyFile", r->pending.path);
	if (path == NULL || strcmp(path, "-") == 0) {
		if (result_asked(r->o->output)) {
			result_text(&r->result, "request", buf_str(request));
			return 0;
		}
		return file_write_fd(STDOUT_FILENO, request->data, request->len, err);
	}
	result_text(&r->result, "requestFile", path);
	return file_write(&w, request->data, request->len, err);
}

static void tell_kept(struct rotation *r, const struct pkey *key)
{
	struct buf to = BUF_INIT, file = BUF_INIT;

	out_shell(&file, r->in->args[0]);
	for (size_t i = 0; i < r->keys.n; i++)
		buf_printf(&to, "%s%s", i > 0 ? ", " : "key ", age_identity_id(r->keys.ids[i]));
	out_note("%s: a new %s key waits for its certificate, encrypted to %s, in %s",
		 r->in->args[0], pkey_type_name(key->type),
		 to.len > 0 ? buf_str(&to) : "the passphrase", r->pending.path);
	for (size_t i = 0; i < r->o->ring.identities.n; i++) {
		buf_puts(&file, " -i ");
		out_shell(&file, r->o->ring.identities.items[i]);
	}
	if (r->o->ring.keys != NULL) {
		buf_puts(&file, " --keys ");
		out_shell(&file, r->o->ring.keys);
	}
	out_note("have the request signed, then: bulla rotate tls --cert FILE %s", buf_str(&file));
	result_next(&r->result, "bulla rotate tls --cert FILE %s", buf_str(&file));
	buf_clear(&file);
	buf_clear(&to);
}

static int make_both(const struct old *old, struct pkey *key, struct buf *text, struct buf *request,
		     struct err *err)
{
	const struct csr csr = {
		.key = key,
		.old = old->chain.n > 0 ? old->chain.certs[0] : NULL,
		.names = old->names.len > 0 ? buf_str(&old->names) : NULL,
	};

	if (pkey_generate(old->type, key, err) != 0 || csr_make(&csr, request, err) != 0)
		return -1;
	return pkey_format(key, text, err);
}

static int make_key(struct rotation *r, struct err *err)
{
	struct pkey key = PKEY_INIT;
	struct buf text = BUF_INIT, request = BUF_INIT;
	struct old old;
	int rc = -1;

	if (find_old(r, &old, err) == 0 && make_both(&old, &key, &text, &request, err) == 0 &&
	    pending_keep(&r->pending, &r->keys, &text, &request, err) == 0) {
		tell_kept(r, &key);
		rc = put_request(r, &request, err);
	}
	old_clear(&old);
	pkey_clear(&key);
	buf_clear(&text);
	buf_clear(&request);
	return rc;
}

static int print_again(struct rotation *r, struct err *err)
{
	struct buf text = BUF_INIT, request = BUF_INIT;
	int rc = pending_take(&r->pending, &r->keys, &text, &request, err);

	if (rc == 0)
		rc = put_request(r, &request, err);
	buf_clear(&text);
	buf_clear(&request);
	return rc;
}

static int forget(struct rotation *r, struct err *err)
{
	if (pending_remove(&r->pending, err) != 0)
		return -1;
	out_note("%s: the key that waited is gone; a certificate for it is of no use",
		 r->in->args[0]);
	return 0;
}

static int refuse_second(const struct rotation *r, struct err *err)
{
	char since[CLOCK_TEXT_SIZE];

	clock_format(r->pending.st.st_mtime, since);
	return err_set(err, ERR_CONFLICT,
		       "a key waits for its certificate already, since %s; --again prints its "
		       "request, --forget throws it away",
		       since);
}

static int first_step(struct rotation *r, struct err *err)
{
	if (pending_find(r->target.top, r->document, &r->pending, err) != 0)
		return -1;
	if (r->o->new_key)
		return r->pending.there ? refuse_second(r, err) : make_key(r, err);
	if (!r->pending.there)
		return err_set(err, ERR_INVALID,
			       "no key waits for a certificate; --new-key makes one");
	return r->o->again ? print_again(r, err) : forget(r, err);
}

int rotate_key_request(struct rotation *r, struct err *err)
{
	result_begin(&r->result, r->o->output);
	result_document(&r->result, r->in->args[0], r->document);
	if (first_step(r, err) != 0)
		return err_wrap(err, "%s", r->in->args[0]);
	result_flag(&r->result, "changed", !r->o->again);
	return result_print(&r->result, err);
}

/* --- the second step -----------------------------------------------------------------------------
 */

static bool needs_key(const struct rotation *r)
{
	return r->kind == &kind_tls && kv_has(&r->fields, "cert") &&
	       !kv_has(&r->fields, "private-key") && !kv_has(&r->fields, "bundle");
}

static int take(struct rotation *r, struct err *err)
{
	struct buf text = BUF_INIT, request = BUF_INIT;
	int rc;

	if (pending_find(r->target.top, r->document, &r->pending, err) != 0)
		return -1;
	if (!r->pending.there)
		return err_set(err, ERR_INVALID,
			       "no key waits for this certificate; give it with --private-key");
	rc = pending_take(&r->pending, &r->keys, &text, &request, err);
	if (rc == 0)
		kv_set(&r->fields, "private-key", text.data, text.len);
	r->taken = rc == 0;
	buf_clear(&text);
	buf_clear(&request);
	return rc;
}

int rotate_key_take(struct rotation *r, struct err *err)
{
	if (!needs_key(r))
		return 0;
	return take(r, err) == 0 ? 0 : err_wrap(err, "%s", r->in->args[0]);
}

void rotate_key_done(struct rotation *r)
{
	struct err why = ERR_INIT;

	if (r->taken && !r->o->dry_run && pending_remove(&r->pending, &why) != 0)
		out_warn("%s", why.text);
}
