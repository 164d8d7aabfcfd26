/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS certificate with its chain and key: kubernetes.io/tls, as Go's X509KeyPair loads it. */
#include <string.h>

#include "base/err.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/pkey_pem.h"
#include "kinds/x509.h"
#include "kinds/x509_ca.h"
#include "kinds/x509_facts.h"

struct pair {
	const char *cert_what, *key_what, *ca_what; /* fields when building, else data keys */
	struct x509_when when;
	const struct kv_item *ca; /* NULL: none */
	struct x509_list chain;
	struct pkey key;
	struct buf cert_text, key_text; /* as they go into the Secret */
};

static void pair_clear(struct pair *p)
{
	x509_clear(&p->chain);
	pkey_clear(&p->key);
	buf_clear(&p->cert_text);
	buf_clear(&p->key_text);
}

/* One block of a key's file; EC PARAMETERS, which openssl ecparam writes, readers skip. */
static int take_key(struct pair *p, const struct pem_block *b, struct err *err)
{
	if (strcmp(b->label, "EC PARAMETERS") == 0 && p->key.evp == NULL)
		return 0;
	if (p->key.evp != NULL)
		return err_set(err, ERR_INVALID,
			       "%s: line %u: a second block after the private key: give one key",
			       p->key_what, b->line);
	return pkey_pem_parse(p->key_what, b, NULL, &p->key, err);
}

static int finish_key(const struct pair *p, int more, struct err *err)
{
	if (more == 0 && p->key.evp == NULL)
		return err_set(err, ERR_INVALID, "%s: holds no private key", p->key_what);
	return more;
}

static int read_key(struct pair *p, const struct kv_item *key, struct err *err)
{
	const struct pem_source src = { p->key_what, key->data, key->len };
	struct pem_block b = PEM_BLOCK_INIT;
	struct pem_reader r;
	int more;

	if (pem_open(&r, &src, PEM_KEY_MAX, 0, err) != 0)
		return -1;
	while ((more = pem_next(&r, &b, err)) == 1) {
		if (take_key(p, &b, err) != 0) {
			more = -1;
			break;
		}
	}
	pem_clear(&b);
	buf_put(&p->key_text, key->data, key->len);
	return finish_key(p, more, err);
}

static int read_two(struct pair *p, const struct kv_item *cert, const struct kv_item *key,
		    struct err *err)
{
	const struct pem_source src = { p->cert_what, cert->data, cert->len };

	if (x509_parse(&src, X509_CHAIN_MAX, &p->chain, err) != 0)
		return -1;
	buf_put(&p->cert_text, cert->data, cert->len);
	return read_key(p, key, err);
}

static int take_bundled(struct pair *p, const struct pem_block *b, const void *text,
			struct err *err)
{
	bool certificate = strcmp(b->label, "CERTIFICATE") == 0;
	struct buf *out = certificate ? &p->cert_text : &p->key_text;
	const char *block = (const char *)text + b->begin;

	if (certificate ? x509_add(p->cert_what, b, X509_CHAIN_MAX, &p->chain, err) != 0
			: take_key(p, b, err) != 0)
		return -1;
	buf_put(out, block, b->end - b->begin);
	if (out->data[out->len - 1] != '\n')
		buf_putc(out, '\n');
	return 0;
}

/* Certificates and key in one file, in any order between the two. */
static int read_bundle(struct pair *p, const struct kv_item *bundle, struct err *err)
{
	const struct pem_source src = { p->key_what, bundle->data, bundle->len };
	struct pem_block b = PEM_BLOCK_INIT;
	struct pem_reader r;
	int more;

	if (pem_open(&r, &src, PEM_CERTS_MAX, 0, err) != 0)
		return -1;
	while ((more = pem_next(&r, &b, err)) == 1) {
		if (take_bundled(p, &b, bundle->data, err) != 0) {
			more = -1;
			break;
		}
	}
	pem_clear(&b);
	if (finish_key(p, more, err) != 0)
		return -1;
	if (p->chain.n == 0)
		return err_set(err, ERR_INVALID, "%s: holds no certificate", p->cert_what);
	return 0;
}

static int check_ca(const struct pair *p, struct kv *facts, struct notes *notes, struct err *err)
{
	const struct x509_ca bundle = { .what = p->ca_what,
					.text = p->ca->data,
					.len = p->ca->len,
					.chain = &p->chain,
					.now = p->when.now,
					.dates = p->when.dates };
	struct buf fact = BUF_INIT;
	int rc = x509_ca_check(&bundle, &fact, notes, err);

	if (rc == 0)
		kv_set(facts, "ca", fact.data, fact.len);
	buf_clear(&fact);
	return rc;
}

/* What building and checking share. */
static int check_pair(const struct pair *p, struct kv *facts, struct notes *notes, struct err *err)
{
	bool has_names = false;

	if (x509_check_key(p->cert_what, p->key_what, &p->chain, &p->key, err) != 0 ||
	    x509_check_chain(p->cert_what, &p->chain, err) != 0 ||
	    x509_check_dates(p->cert_what, &p->chain, &p->when, notes, err) != 0 ||
	    x509_facts(p->cert_what, &p->chain, facts, &has_names, err) != 0)
		return -1;
	if (!has_names)
		note_add(
		    notes,
		    "%s: has no subject alternative name, and browsers and Go's clients look at "
		    "nothing else",
		    p->cert_what);
	return p->ca == NULL ? 0 : check_ca(p, facts, notes, err);
}

static int refuse_fields(const struct kv *fields, struct err *err)
{
	bool cert = kv_has(fields, "cert"), key = kv_has(fields, "private-key");

	if (kv_has(fields, "bundle")) {
		if (!cert && !key)
			return 0;
		return err_set(
		    err, ERR_INVALID,
		    "bundle: stands for both the certificate and the key: give it alone, or "
		    "--cert and --private-key");
	}
	if (cert && key)
		return 0;
	return err_set(err, ERR_INVALID,
		       "%s: missing; give --%s FILE (or both in one --bundle FILE)",
		       cert ? "private-key" : "cert", cert ? "private-key" : "cert");
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	const struct kv_item *bundle = kv_get(&in->fields, "bundle");
	struct pair p = { .cert_what = "cert",
			  .key_what = "private-key",
			  .ca_what = "ca",
			  .when = { in->now, X509_DATES_REFUSE },
			  .ca = kv_get(&in->fields, "ca") };
	struct kv facts = KV_INIT; /* check derives them again, from the Secret */
	int rc = -1;

	if (refuse_fields(&in->fields, err) != 0)
		return -1;
	if (bundle != NULL) {
		p.cert_what = p.key_what = bundle->name;
		if (read_bundle(&p, bundle, err) != 0)
			goto out;
	} else if (read_two(&p, kv_get(&in->fields, "cert"), kv_get(&in->fields, "private-key"),
			    err) != 0) {
		goto out;
	}
	if (check_pair(&p, &facts, notes, err) != 0)
		goto out;
	kv_set(&out->data, "tls.crt", p.cert_text.data, p.cert_text.len);
	kv_set(&out->data, "tls.key", p.key_text.data, p.key_text.len);
	if (p.ca != NULL)
		kv_set(&out->data, "ca.crt", p.ca->data, p.ca->len);
	rc = 0;
out:
	kv_clear(&facts);
	pair_clear(&p);
	return rc;
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	struct pair p = { .cert_what = "tls.crt",
			  .key_what = "tls.key",
			  .ca_what = "ca.crt",
			  .when = { now, X509_DATES_NOTE },
			  .ca = kv_get(&s->data, "ca.crt") };
	int rc = -1;

	if (read_two(&p, kv_get(&s->data, "tls.crt"), kv_get(&s->data, "tls.key"), err) == 0)
		rc = check_pair(&p, derived, notes, err);
	pair_clear(&p);
	return rc;
}

static int restore(const struct kv *facts, struct kv *fields, struct err *err)
{
	if (kv_has(facts, "ca") && !kv_has(fields, "ca"))
		return err_set(
		    err, ERR_INVALID,
		    "ca: the document has a CA bundle, which it cannot give back without a "
		    "key: give it again with --ca FILE");
	return 0;
}

static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	static const char *const names[][2] = { { "tls.crt", "cert" },
						{ "tls.key", "private-key" },
						{ "ca.crt", "ca" } };

	(void)type;
	if (!kv_has(data, "tls.crt") || !kv_has(data, "tls.key"))
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct kv_item *item = kv_get(data, names[i][0]);

		if (item != NULL)
			kv_set(fields, names[i][1], item->data, item->len);
	}
	return 0;
}

const struct kind kind_tls = {
	.name = "tls",
	.summary = "a TLS certificate with its chain and private key",
	.types = (const char *const[]){ TYPE_TLS, TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "cert",
		  .option = "cert",
		  .arg = "FILE",
		  .help = "the certificate, then its issuers, each before its own",
		  .flags = FIELD_FILE | FIELD_KEEP },
		{ .name = "private-key",
		  .option = "private-key",
		  .arg = "FILE|-",
		  .help = "the key that belongs to the certificate, not encrypted",
		  .flags = FIELD_SECRET | FIELD_KEEP },
		{ .name = "bundle",
		  .option = "bundle",
		  .arg = "FILE|-",
		  .help = "certificates and key in one file, in place of the two",
		  .flags = FIELD_SECRET | FIELD_MAIN | FIELD_KEEP },
		{ .name = "ca",
		  .option = "ca",
		  .arg = "FILE",
		  .help = "CA bundle for readers that want one (ca.crt)",
		  .flags = FIELD_FILE | FIELD_KEEP },
		{ .name = NULL },
	    },
	.keys =
	    (const struct kind_key[]){
		{ "tls.crt", true },
		{ "tls.key", true },
		{ "ca.crt", false },
		{ NULL, false },
	    },
	.facts = (const char *const[]){ "fingerprint", "dns-names", "issuer", "ca", NULL },
	.build = build,
	.check = check,
	.restore = restore,
	.adopt = adopt,
};
