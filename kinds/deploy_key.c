/* SPDX-License-Identifier: Apache-2.0 */
/* The SSH key with which Flux fetches a repository, and the host keys it must find there. */
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "kinds/github_hosts.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/known_hosts.h"
#include "kinds/sshkey.h"
#include "kinds/url.h"

/* What building and checking look at; names in errors are fields, or data keys. */
struct parts {
	const char *key_what, *hosts_what;
	struct url url;
	struct buf identity, hosts, password;
	bool has_password;
	struct sshkey key;
};

#define PARTS_INIT(key, hosts)                                                                     \
	{                                                                                          \
		key, hosts, { .path = NULL }, BUF_INIT, BUF_INIT, BUF_INIT, false, SSHKEY_INIT     \
	}

static void parts_clear(struct parts *p)
{
	buf_clear(&p->identity);
	buf_clear(&p->hosts);
	buf_clear(&p->password);
	sshkey_clear(&p->key);
}

static void copy(struct buf *out, const struct kv_item *item)
{
	if (item != NULL)
		buf_put(out, item->data, item->len);
}

static int read_url(const char *text, struct parts *p, struct err *err)
{
	if (text == NULL)
		return err_set(err, ERR_INVALID, "url: missing");
	if (url_parse("url", text, URL_SSH, &p->url, err) != 0)
		return -1;
	return github_hosts_is(p->url.host) ? github_hosts_check_url("url", &p->url, err) : 0;
}

static int read_key(struct parts *p, enum sshkey_depth depth, struct err *err)
{
	const struct pem_source src = { p->key_what, p->identity.data, p->identity.len };

	return sshkey_parse(&src, p->has_password ? &p->password : NULL, depth, &p->key, err);
}

static int check_public(const char *what, const struct kv_item *public, const struct sshkey *key,
			struct err *err)
{
	struct buf blob = BUF_INIT;
	int rc;

	if (public == NULL)
		return 0;
	rc = sshpub_parse_line(what, (const char *)public->data, public->len, &blob, err);
	if (rc == 0 &&
	    (blob.len != key->blob.len || memcmp(blob.data, key->blob.data, blob.len) != 0))
		rc = err_set(err, ERR_INVALID, "%s: is not the public half of the private key",
			     what);
	buf_clear(&blob);
	return rc;
}

/* fact: gets "host-keys" appended. */
static int check_hosts(const struct parts *p, struct buf *fact, struct notes *notes,
		       struct err *err)
{
	struct known_hosts kh = KNOWN_HOSTS_INIT;
	int rc = -1;

	if (known_hosts_parse(p->hosts_what, buf_str(&p->hosts), p->hosts.len, &kh, err) == 0 &&
	    known_hosts_check(p->hosts_what, &kh, &p->url, notes, err) == 0)
		rc = known_hosts_fact(p->hosts_what, &kh, &p->url, fact, err);
	known_hosts_clear(&kh);
	return rc;
}

/* --- building --------------------------------------------------------------------------------- */

static int make_key(const struct kv *fields, struct parts *p, struct err *err)
{
	const char *word = kv_get_str(fields, "type");
	enum pkey_type type = PKEY_ED25519;

	if (kv_has(fields, "password") || kv_has(fields, "public-key"))
		return err_set(
		    err, ERR_INVALID,
		    "%s: belongs to a key that is not given: give --private-key FILE, or "
		    "leave both out for a new key",
		    kv_has(fields, "password") ? "password" : "public-key");
	if (kv_has(fields, "type") &&
	    sshkey_type("type", word == NULL ? "" : word, &type, err) != 0)
		return -1;
	return sshkey_generate(type, &p->identity, &p->key, err);
}

static int take_key(const struct kv *fields, struct parts *p, struct err *err)
{
	const struct kv_item *given = kv_get(fields, "private-key");

	if (given == NULL)
		return make_key(fields, p, err);
	if (kv_has(fields, "type"))
		return err_set(err, ERR_INVALID,
			       "type: is for a key made here; the one that is given has its own");
	copy(&p->identity, given);
	copy(&p->password, kv_get(fields, "password"));
	p->has_password = kv_has(fields, "password");
	if (read_key(p, SSHKEY_FULL, err) != 0)
		return -1;
	/* OpenSSH reads no key without it */
	if (p->identity.data[p->identity.len - 1] != '\n')
		buf_putc(&p->identity, '\n');
	return check_public("public-key", kv_get(fields, "public-key"), &p->key, err);
}

static int take_hosts(const struct kv *fields, struct parts *p, struct err *err)
{
	const struct kv_item *given = kv_get(fields, "known-hosts");

	if (given != NULL)
		copy(&p->hosts, given);
	else if (github_hosts_is(p->url.host))
		github_hosts_format(&p->url, &p->hosts);
	else
		return err_set(
		    err, ERR_INVALID,
		    "known-hosts: missing; give --known-hosts FILE with the host keys of %s "
		    "(those of github.com are built in)",
		    p->url.host);
	if (p->hosts.data[p->hosts.len - 1] != '\n')
		buf_putc(&p->hosts, '\n');
	return 0;
}

static void put_secret(const struct parts *p, struct kind_secret *out)
{
	struct buf line = BUF_INIT;

	sshpub_format(p->key.pub.name, p->key.blob.data, p->key.blob.len, &line);
	buf_putc(&line, '\n');
	kv_set(&out->data, "identity", p->identity.data, p->identity.len);
	kv_set(&out->data, "identity.pub", line.data, line.len);
	kv_set(&out->data, "known_hosts", p->hosts.data, p->hosts.len);
	if (p->has_password)
		kv_set(&out->data, "password", p->password.data, p->password.len);
	if (strcmp(out->type, TYPE_SSH) == 0)
		kv_set(&out->data, "ssh-privatekey", p->identity.data, p->identity.len);
	buf_clear(&line);
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	const char *url = kv_get_str(&in->fields, "url");
	struct parts p = PARTS_INIT("private-key", "known-hosts");
	struct buf fact = BUF_INIT; /* check makes it again, from the Secret */
	int rc = -1;

	if (read_url(url, &p, err) != 0 || take_hosts(&in->fields, &p, err) != 0 ||
	    check_hosts(&p, &fact, notes, err) != 0 || take_key(&in->fields, &p, err) != 0)
		goto out;
	put_secret(&p, out);
	kv_set_str(&out->facts, "url", url);
	rc = 0;
out:
	buf_clear(&fact);
	parts_clear(&p);
	return rc;
}

/* --- checking --------------------------------------------------------------------------------- */

/* kubernetes.io/ssh-auth wants the key under a name of its own; both must be one. */
static int check_second(const struct kind_secret *s, struct err *err)
{
	const struct kv_item *own = kv_get(&s->data, "ssh-privatekey");
	const struct kv_item *identity = kv_get(&s->data, "identity");

	if (own == NULL)
		return strcmp(s->type, TYPE_SSH) != 0
			   ? 0
			   : err_set(err, ERR_INVALID,
				     "ssh-privatekey: missing, and type %s has it", TYPE_SSH);
	if (own->len == identity->len && memcmp(own->data, identity->data, own->len) == 0)
		return 0;
	return err_set(err, ERR_INVALID, "ssh-privatekey: holds another key than identity");
}

static void derive(const struct parts *p, const struct buf *host_keys, struct kv *derived)
{
	char fingerprint[B64_FINGERPRINT];
	struct buf line = BUF_INIT;

	b64_fingerprint(p->key.blob.data, p->key.blob.len, fingerprint);
	kv_set_str(derived, "fingerprint", fingerprint);
	sshpub_format(p->key.pub.name, p->key.blob.data, p->key.blob.len, &line);
	/* that of an RSA key of more than 5,900 bits is no fact; its fingerprint is */
	if (line.len <= KIND_FACT_MAX)
		kv_set(derived, "public-key", line.data, line.len);
	kv_set(derived, "host-keys", host_keys->data, host_keys->len);
	buf_clear(&line);
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	struct parts p = PARTS_INIT("identity", "known_hosts");
	struct buf host_keys = BUF_INIT;
	int rc = -1;

	(void)now;
	copy(&p.identity, kv_get(&s->data, "identity"));
	copy(&p.hosts, kv_get(&s->data, "known_hosts"));
	copy(&p.password, kv_get(&s->data, "password"));
	p.has_password = kv_has(&s->data, "password");
	if (read_url(kv_get_str(&s->facts, "url"), &p, err) != 0 ||
	    check_hosts(&p, &host_keys, notes, err) != 0 || read_key(&p, SSHKEY_QUICK, err) != 0 ||
	    check_public("identity.pub", kv_get(&s->data, "identity.pub"), &p.key, err) != 0 ||
	    check_second(s, err) != 0)
		goto out;
	derive(&p, &host_keys, derived);
	rc = 0;
out:
	buf_clear(&host_keys);
	parts_clear(&p);
	return rc;
}

/* --- set, seal -f ----------------------------------------------------------------------------- */

static int restore(const struct kv *facts, struct kv *fields, struct err *err)
{
	const char *keys = kv_get_str(facts, "host-keys");

	if (kv_has(fields, "known-hosts") ||
	    (keys != NULL && strcmp(keys, KNOWN_HOSTS_GITHUB) == 0))
		return 0;
	return err_set(
	    err, ERR_INVALID,
	    "known-hosts: the document cannot give back its host keys without a key: give "
	    "them again with --known-hosts FILE");
}

static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	static const char *const names[][2] = { { "identity.pub", "public-key" },
						{ "known_hosts", "known-hosts" },
						{ "password", "password" } };
	const struct kv_item *key = kv_get(data, "identity");

	if (key == NULL && strcmp(type, TYPE_SSH) == 0)
		key = kv_get(data, "ssh-privatekey");
	/* an Opaque Secret with an "identity" alone may be anything */
	if (key == NULL || (!kv_has(data, "known_hosts") && strcmp(type, TYPE_SSH) != 0))
		return -1;
	kv_set(fields, "private-key", key->data, key->len);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct kv_item *item = kv_get(data, names[i][0]);

		if (item != NULL)
			kv_set(fields, names[i][1], item->data, item->len);
	}
	return 0;
}

const struct kind kind_deploy_key = {
	.name = "deploy-key",
	.summary = "an SSH key for Flux to fetch a Git repository with",
	.types = (const char *const[]){ TYPE_OPAQUE, TYPE_SSH, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "url",
		  .option = "url",
		  .arg = "URL",
		  .help = "the repository, ssh://git@HOST/PATH",
		  .flags = FIELD_REQUIRED,
		  .fact = "url" },
		{ .name = "type",
		  .option = "type",
		  .arg = "ed25519|ecdsa-p256|ecdsa-p384|ecdsa-p521|rsa-4096",
		  .help = "the type of a new key (default ed25519)" },
		{ .name = "private-key",
		  .option = "private-key",
		  .arg = "FILE|-",
		  .help = "an existing key, in place of a new one",
		  .flags = FIELD_SECRET | FIELD_MAIN | FIELD_KEEP },
		{ .name = "password",
		  .option = "password-file",
		  .arg = "FILE|-",
		  .help = "the password of an encrypted key",
		  .flags = FIELD_SECRET },
		{ .name = "public-key",
		  .option = "public-key",
		  .arg = "FILE",
		  .help = "its public half, only to compare",
		  .flags = FIELD_FILE },
		{ .name = "known-hosts",
		  .option = "known-hosts",
		  .arg = "FILE",
		  .help = "the keys of the host (those of github.com are built in)",
		  .flags = FIELD_FILE | FIELD_KEEP },
		{ .name = NULL },
	    },
	.keys =
	    (const struct kind_key[]){
		{ "identity", true },
		{ "identity.pub", true },
		{ "known_hosts", true },
		{ "password", false },
		{ "ssh-privatekey", false },
		{ NULL, false },
	    },
	.facts = (const char *const[]){ "url", "public-key", "fingerprint", "host-keys", NULL },
	.retain = true,
	.build = build,
	.check = check,
	.restore = restore,
	.adopt = adopt,
};
