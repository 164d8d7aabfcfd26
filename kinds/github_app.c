/* SPDX-License-Identifier: Apache-2.0 */
/* A GitHub App's key, by which Flux (provider: github) makes tokens: fluxcd/pkg auth/githubapp. */
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "kinds/github_hosts.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/pkey_pem.h"
#include "kinds/url.h"
#include "kinds/x509_ca.h"

#define RSA_MIN 2048
#define ID_DIGITS 18 /* what certainly fits in Go's int64 */
#define OWNER_MAX 39

/* field, data key and fact of what is copied as it is */
static const struct {
	const char *field, *key;
	bool fact; /* under the field's name */
} copies[] = {
	{ "app-id", "githubAppID", true },
	{ "private-key", "githubAppPrivateKey", false },
	{ "owner", "githubAppInstallationOwner", true },
	{ "installation-id", "githubAppInstallationID", true },
	{ "base-url", "githubAppBaseURL", true },
	{ "ca", "ca.crt", false },
};

#define COPIES (sizeof(copies) / sizeof(*copies))

/* --- the values ------------------------------------------------------------------------------- */

static bool all_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* Flux reads both ids with ParseInt, takes an error for 0, and 0 for absent. */
static int check_id(const char *what, const char *text, struct err *err)
{
	if (text != NULL && all_digits(text) && text[0] != '0' && strlen(text) <= ID_DIGITS)
		return 0;
	if (text != NULL && strncmp(text, "Iv", 2) == 0)
		return err_set(
		    err, ERR_INVALID,
		    "%s: is a client id, which Flux does not read here: give the App ID, "
		    "the number on the App's settings page",
		    what);
	return err_set(err, ERR_INVALID, "%s: must be a number of 1 to %d digits", what, ID_DIGITS);
}

static int check_owner(const char *what, const char *text, struct err *err)
{
	size_t n = text == NULL ? 0 : strlen(text);

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
		    c != '_' && (c != '-' || i == 0))
			n = 0;
	}
	if (n >= 1 && n <= OWNER_MAX)
		return 0;
	return err_set(err, ERR_INVALID,
		       "%s: must be the name of an organization or user (letters, digits, \"-\", "
		       "\"_\", at most %d)",
		       what, OWNER_MAX);
}

/* jwt.ParseRSAPrivateKeyFromPEM: the first block, PKCS#1 or PKCS#8, RSA. */
static int read_key(const char *what, const struct kv_item *item, struct buf *fingerprint,
		    struct err *err)
{
	struct pem_block b = PEM_BLOCK_INIT;
	struct pkey key = PKEY_INIT;
	unsigned char digest[32];
	int rc = -1;

	if (pem_only(what, item->data, item->len, &b, err) != 0 ||
	    pkey_pem_parse(what, &b, NULL, &key, err) != 0)
		goto out;
	if (key.type != PKEY_RSA) {
		err_set(err, ERR_INVALID, "%s: is an %s key, and those of GitHub Apps are RSA",
			what, pkey_type_name(key.type));
		goto out;
	}
	if (key.bits < RSA_MIN) {
		err_set(err, ERR_INVALID, "%s: an RSA key of %u bits: at least %d are needed", what,
			key.bits, RSA_MIN);
		goto out;
	}
	if (pkey_spki_digest(&key, digest, err) != 0)
		goto out;
	/* as the App's settings page shows it, with its padding */
	buf_puts(fingerprint, "SHA256:");
	rc = b64_encode(fingerprint, digest, sizeof(digest));
out:
	pem_clear(&b);
	pkey_clear(&key);
	return rc;
}

/* --- url, base-url, owner --------------------------------------------------------------------- */

static int check_urls(const char *base_what, const char *url, const char *base, struct err *err)
{
	struct url u, api;
	bool public;

	if (url == NULL)
		return err_set(err, ERR_INVALID, "url: missing");
	if (url_parse("url", url, URL_HTTPS, &u, err) != 0)
		return -1;
	public = strcmp(u.host, "github.com") == 0;
	if (base == NULL && !public)
		return err_set(
		    err, ERR_INVALID,
		    "url: is not at github.com: for GitHub Enterprise give the address of its "
		    "API (--base-url https://HOST/api/v3)");
	if (base == NULL)
		return github_hosts_check_url("url", &u, err);
	if (url_parse(base_what, base, URL_HTTPS | URL_NO_PATH, &api, err) != 0)
		return -1;
	if (public)
		return err_set(
		    err, ERR_INVALID,
		    "%s: is for GitHub Enterprise, and the URL is at github.com: leave it out",
		    base_what);
	return 0;
}

/* An App is installed at one owner, and opens only that one's repositories. */
static void note_owner(const char *url, const char *owner, struct notes *notes)
{
	struct url u;
	size_t n;

	if (owner == NULL || url_parse("url", url, URL_HTTPS, &u, NULL) != 0)
		return;
	n = strcspn(u.path + 1, "/");
	if (n != strlen(owner) || strncmp(u.path + 1, owner, n) != 0)
		note_add(notes, "owner: the repository of the URL is another owner's, and this "
				"installation opens only its own owner's");
}

/* --- the kind --------------------------------------------------------------------------------- */

/* Everything about the data; by_key: names in errors are data keys, else fields. */
static int check_values(const struct kv *values, bool by_key, struct kv *facts, struct err *err)
{
	const char *names[COPIES], *texts[COPIES];
	const struct kv_item *key;
	struct buf fingerprint = BUF_INIT;
	int rc = -1;

	for (size_t i = 0; i < COPIES; i++) {
		names[i] = by_key ? copies[i].key : copies[i].field;
		texts[i] = kv_get_str(values, names[i]);
		if (copies[i].fact && texts[i] == NULL && kv_has(values, names[i]))
			return err_set(err, ERR_INVALID, "%s: holds a NUL byte", names[i]);
	}
	key = kv_get(values, names[1]);
	if (kv_has(values, names[2]) == kv_has(values, names[3]))
		return err_set(err, ERR_INVALID,
			       "%s and %s: exactly one of them says where the App is installed",
			       names[2], names[3]);
	if (check_id(names[0], texts[0], err) != 0 ||
	    (kv_has(values, names[2]) && check_owner(names[2], texts[2], err) != 0) ||
	    (kv_has(values, names[3]) && check_id(names[3], texts[3], err) != 0) ||
	    read_key(names[1], key, &fingerprint, err) != 0)
		goto out;
	for (size_t i = 0; i < COPIES; i++)
		if (copies[i].fact && texts[i] != NULL)
			kv_set_str(facts, copies[i].field, texts[i]);
	kv_set(facts, "fingerprint", fingerprint.data, fingerprint.len);
	rc = 0;
out:
	buf_clear(&fingerprint);
	return rc;
}

static int check_ca(const struct x509_ca *how, const struct kv_item *item, struct kv *facts,
		    struct notes *notes, struct err *err)
{
	struct x509_ca ca = *how;
	struct buf fact = BUF_INIT;
	int rc;

	if (item == NULL)
		return 0;
	ca.text = item->data;
	ca.len = item->len;
	rc = x509_ca_check(&ca, &fact, notes, err);
	if (rc == 0)
		kv_set(facts, "ca", fact.data, fact.len);
	buf_clear(&fact);
	return rc;
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	const struct x509_ca ca = { .what = "ca", .now = in->now, .dates = X509_DATES_REFUSE };
	const char *url = kv_get_str(&in->fields, "url");
	struct kv facts = KV_INIT; /* check derives them again, from the Secret */
	int rc = -1;

	if (check_urls("base-url", url, kv_get_str(&in->fields, "base-url"), err) != 0 ||
	    check_values(&in->fields, false, &facts, err) != 0 ||
	    check_ca(&ca, kv_get(&in->fields, "ca"), &facts, notes, err) != 0)
		goto out;
	note_owner(url, kv_get_str(&in->fields, "owner"), notes);
	for (size_t i = 0; i < COPIES; i++) {
		const struct kv_item *item = kv_get(&in->fields, copies[i].field);

		if (item != NULL)
			kv_set(&out->data, copies[i].key, item->data, item->len);
	}
	kv_set_str(&out->facts, "url", url);
	rc = 0;
out:
	kv_clear(&facts);
	return rc;
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	const struct x509_ca ca = { .what = "ca.crt", .now = now, .dates = X509_DATES_NOTE };

	if (check_urls("githubAppBaseURL", kv_get_str(&s->facts, "url"),
		       kv_get_str(&s->data, "githubAppBaseURL"), err) != 0 ||
	    check_values(&s->data, true, derived, err) != 0)
		return -1;
	return check_ca(&ca, kv_get(&s->data, "ca.crt"), derived, notes, err);
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
	(void)type;
	if (!kv_has(data, "githubAppID") || !kv_has(data, "githubAppPrivateKey"))
		return -1;
	for (size_t i = 0; i < COPIES; i++) {
		const struct kv_item *item = kv_get(data, copies[i].key);

		if (item != NULL)
			kv_set(fields, copies[i].field, item->data, item->len);
	}
	return 0;
}

const struct kind kind_github_app = {
	.name = "github-app",
	.summary = "a GitHub App's private key, for Flux to make tokens with",
	.types = (const char *const[]){ TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "url",
		  .option = "url",
		  .arg = "URL",
		  .help = "the repository, https://github.com/OWNER/NAME",
		  .flags = FIELD_REQUIRED,
		  .fact = "url" },
		{ .name = "app-id",
		  .option = "app-id",
		  .arg = "ID",
		  .help = "the App ID, a number",
		  .flags = FIELD_REQUIRED,
		  .fact = "app-id" },
		{ .name = "private-key",
		  .option = "private-key",
		  .arg = "FILE|-",
		  .help = "the RSA key that GitHub made for the App",
		  .flags = FIELD_SECRET | FIELD_MAIN | FIELD_REQUIRED | FIELD_KEEP },
		{ .name = "owner",
		  .option = "owner",
		  .arg = "NAME",
		  .help = "the organization or user where the App is installed",
		  .fact = "owner" },
		{ .name = "installation-id",
		  .option = "installation-id",
		  .arg = "ID",
		  .help = "the installation, in place of its owner",
		  .fact = "installation-id" },
		{ .name = "base-url",
		  .option = "base-url",
		  .arg = "URL",
		  .help = "the API of a GitHub Enterprise, https://HOST/api/v3",
		  .fact = "base-url" },
		{ .name = "ca",
		  .option = "ca",
		  .arg = "FILE",
		  .help = "CA bundle of a GitHub Enterprise (ca.crt)",
		  .flags = FIELD_FILE | FIELD_KEEP },
		{ .name = NULL },
	    },
	.keys =
	    (const struct kind_key[]){
		{ "githubAppID", true },
		{ "githubAppPrivateKey", true },
		{ "githubAppInstallationOwner", false },
		{ "githubAppInstallationID", false },
		{ "githubAppBaseURL", false },
		{ "ca.crt", false },
		{ NULL, false },
	    },
	.facts = (const char *const[]){ "url", "app-id", "owner", "installation-id", "base-url",
					"fingerprint", "ca", NULL },
	.retain = true,
	.build = build,
	.check = check,
	.restore = restore,
	.adopt = adopt,
};
