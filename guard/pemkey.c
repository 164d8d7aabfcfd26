/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/pemkey.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "guard/wrapped.h"

#define LABEL_MAX 40
#define BODY_MAX                                                                                   \
	((size_t)32 * 1024) /* characters: an RSA key of 16,384 bits with its line breaks */
#define DER_MIN 32	    /* bytes of any private key */
#define BEFORE_MAX 4096	    /* between the type of a Google key file and its key */

static const struct label {
	const char *text;
	const char *what;
	bool encrypted;
	bool openpgp;
} labels[] = {
	{ "PRIVATE KEY", "a private key (PKCS#8)", false, false },
	{ "RSA PRIVATE KEY", "an RSA private key", false, false },
	{ "EC PRIVATE KEY", "an EC private key", false, false },
	{ "DSA PRIVATE KEY", "a DSA private key", false, false },
	{ "OPENSSH PRIVATE KEY", "an SSH private key", false, false },
	{ "ENCRYPTED PRIVATE KEY", "a private key under a passphrase", true, false },
	{ "PGP PRIVATE KEY BLOCK", "an OpenPGP private key", false, true },
};

static const struct label *find_label(const struct view *v, size_t at, size_t *behind)
{
	size_t left = v->len - at;

	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		size_t n = strlen(labels[i].text);

		if (left >= n + 5 && memcmp(v->text + at, labels[i].text, n) == 0 &&
		    memcmp(v->text + at + n, "-----", 5) == 0) {
			*behind = at + n + 5;
			return &labels[i];
		}
	}
	return NULL;
}

/* The body ends with the next line of dashes; *whole says whether there is one. */
static size_t body_end(const struct view *v, size_t from, bool *whole)
{
	size_t left = v->len - from;
	const char *end;

	left = left < BODY_MAX ? left : BODY_MAX;
	end = memmem(v->text + from, left, "-----", 5);
	*whole = end != NULL;
	return end != NULL ? (size_t)(end - v->text) : from + left;
}

/* The text without escapes, quotes and what joins strings: base64 digits and line breaks. */
static void clean(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len && s[i + 1] != '\\') {
			buf_putc(out, '\n');
			i++;
		} else if (s[i] == '+' && i > 0 && (s[i - 1] == ' ' || s[i - 1] == '"')) {
			continue;
		} else if (wrapped_is_digit((unsigned char)s[i]) || s[i] == '\n' || s[i] == ':' ||
			   s[i] == ',' || s[i] == '=') {
			buf_putc(out, (unsigned char)s[i]);
		}
	}
}

/* The headers of RFC 1421 and of OpenPGP end with an empty line. */
static size_t skip_headers(const struct buf *b)
{
	const char *colon = memchr(b->data, ':', b->len);
	const char *last = NULL;

	for (; colon != NULL;
	     colon = memchr(colon + 1, ':', b->len - (size_t)(colon + 1 - (const char *)b->data)))
		last = colon;
	if (last == NULL)
		return 0;
	last = memchr(last, '\n', b->len - (size_t)(last - (const char *)b->data));
	return last == NULL ? b->len : (size_t)(last - (const char *)b->data);
}

/* Is it the beginning of a DER SEQUENCE, and are at least half of its bytes there? */
static bool is_der(const unsigned char *d, size_t len)
{
	size_t n, bytes;

	if (len < DER_MIN || d[0] != 0x30)
		return false;
	if (d[1] < 0x80)
		return len * 2 >= d[1];
	bytes = d[1] & 0x7f;
	if (bytes == 0 || bytes > 2)
		return false;
	n = bytes == 1 ? d[2] : (size_t)d[2] << 8 | d[3];
	return len * 2 >= n;
}

static bool is_openssh(const unsigned char *d, size_t len, bool *encrypted)
{
	static const char magic[] = "openssh-key-v1"; /* and its NUL */
	static const char none[] = "\0\0\0\4none";

	if (len < sizeof(magic) + (size_t)DER_MIN * 2 || memcmp(d, magic, sizeof(magic)) != 0)
		return false;
	*encrypted = memcmp(d + sizeof(magic), none, 8) != 0;
	return true;
}

static bool is_key(const struct buf *der, const struct label *label, bool *encrypted)
{
	/* a packet's tag: secret key, old or new form */
	if (label->openpgp)
		return der->len >= DER_MIN &&
		       (der->data[0] == 0xc5 || (der->data[0] & 0xfc) == 0x94);
	/* what its header says is encrypted looks like nothing */
	if (*encrypted && !label->encrypted)
		return der->len >= DER_MIN;
	return is_der(der->data, der->len) || is_openssh(der->data, der->len, encrypted);
}

static bool in_gcp_file(const struct view *v, size_t at)
{
	static const char type[] = "service_account";
	size_t low = at > BEFORE_MAX ? at - BEFORE_MAX : 0;

	return memmem(v->text + low, at - low, "private_key", 11) != NULL &&
	       memmem(v->text + low, at - low, type, sizeof(type) - 1) != NULL;
}

static bool holds_key(const struct view *v, size_t from, const struct label *label,
		      struct hit_new *hit)
{
	struct buf body = BUF_INIT, der = BUF_INIT;
	size_t skip;
	bool is, encrypted = label->encrypted;

	clean(v->text + from, hit->to - from, &body);
	buf_putc(&body, '\n');
	skip = skip_headers(&body);
	if (skip > 0 && memmem(body.data, skip, "ENCRYPTED", strlen("ENCRYPTED")) != NULL)
		encrypted = true;
	wrapped_decode((const char *)body.data + skip, body.len - skip, &der);
	is = is_key(&der, label, &encrypted);
	if (is && encrypted)
		*hit = (struct hit_new){ .rule = GUARD_ENCRYPTED_KEY,
					 .from = hit->from,
					 .to = hit->to,
					 .warning = true };
	else if (is && in_gcp_file(v, hit->from))
		*hit = (struct hit_new){ .rule = GUARD_GCP_KEY, .from = hit->from, .to = hit->to };
	if (is)
		hits_print(hit->rule, der.data, der.len, hit->print);
	buf_clear(&body);
	buf_clear(&der);
	return is;
}

bool pemkey_at(const struct view *v, size_t at, struct hit_new *hit)
{
	bool whole;
	size_t from;
	const struct label *label = find_label(v, at + strlen(PEMKEY_BEGIN), &from);

	if (label == NULL)
		return false;
	*hit = (struct hit_new){
		.rule = GUARD_PRIVATE_KEY,
		.from = at,
		.to = body_end(v, from, &whole),
		.what = label->what,
	};
	if (!holds_key(v, from, label, hit))
		return false;
	/* what is behind a key without an end may be anything, and is looked at again */
	if (!whole)
		hit->to = from;
	return true;
}

/* To the next key of this form, so that nothing is looked at twice. */
static size_t putty_end(const struct view *v, size_t at)
{
	size_t n = strlen(PEMKEY_PUTTY), left = v->len - at;
	const char *next;

	left = left < BODY_MAX ? left : BODY_MAX;
	next = left < n ? NULL : memmem(v->text + at + n, left - n, PEMKEY_PUTTY, n);
	return next != NULL ? (size_t)(next - v->text) : at + left;
}

bool pemkey_putty_at(const struct view *v, size_t at, struct hit_new *hit)
{
	static const char lines[] = "Private-Lines:", none[] = "Encryption: none";
	const char *text = v->text + at;
	size_t left = putty_end(v, at) - at;
	const char *found = memmem(text, left, lines, sizeof(lines) - 1);
	size_t from, end;

	if (found == NULL)
		return false;
	from = (size_t)(found - text) + sizeof(lines) - 1;
	while (from < left && text[from] == ' ')
		from++;
	/* their number */
	if (from == left || text[from] < '1' || text[from] > '9')
		return false;
	for (end = from; end < left && text[end] != '-'; end++)
		;
	if (end - from < DER_MIN)
		return false;
	*hit = (struct hit_new){
		.rule = GUARD_PRIVATE_KEY,
		.from = at,
		.to = at + from,
		.what = "a PuTTY private key",
	};
	if (memmem(text, from, none, sizeof(none) - 1) == NULL) {
		hit->rule = GUARD_ENCRYPTED_KEY;
		hit->what = NULL;
		hit->warning = true;
	}
	return true;
}
