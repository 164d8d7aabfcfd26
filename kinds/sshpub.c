/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/sshpub.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/b64.h"
#include "base/err.h"
#include "kinds/sshwire.h"

static const struct algorithm {
	const char *name;
	const char *curve; /* SSH's name; NULL: no ECDSA */
	size_t field;	   /* bytes of a coordinate */
	int nid;
	unsigned bits;
} algorithms[] = {
	[PKEY_ED25519] = { "ssh-ed25519", NULL, 32, 0, 256 },
	[PKEY_P256] = { "ecdsa-sha2-nistp256", "nistp256", 32, NID_X9_62_prime256v1, 256 },
	[PKEY_P384] = { "ecdsa-sha2-nistp384", "nistp384", 48, NID_secp384r1, 384 },
	[PKEY_P521] = { "ecdsa-sha2-nistp521", "nistp521", 66, NID_secp521r1, 521 },
	[PKEY_RSA] = { "ssh-rsa", NULL, 0, 0, 0 },
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(*algorithms))

/* --- reading ---------------------------------------------------------------------------------- */

static bool on_curve(const struct algorithm *a, const struct sshwire *point)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(a->nid);
	EC_POINT *p = group != NULL ? EC_POINT_new(group) : NULL;
	bool is = p != NULL && EC_POINT_oct2point(group, p, point->data, point->len, NULL) == 1;

	EC_POINT_free(p);
	EC_GROUP_free(group);
	ERR_clear_error();
	return is;
}

static const char *check_ec(const struct algorithm *a, struct sshwire *r)
{
	struct sshwire curve, point;

	if (!sshwire_string(r, &curve) || !sshwire_is(&curve, a->curve) ||
	    !sshwire_string(r, &point) || r->len != 0 || point.len != 2 * a->field + 1 ||
	    point.data[0] != 4 || !on_curve(a, &point))
		return "is a damaged ECDSA key";
	return NULL;
}

static unsigned bits_of(const struct sshwire *n)
{
	unsigned bits = (unsigned)(n->len - 1) * 8;

	for (unsigned top = n->data[0]; top != 0; top >>= 1)
		bits++;
	return bits;
}

/* The bounds are those of x/crypto's parseRSA. */
static const char *check_rsa(struct sshwire *r, unsigned *bits)
{
	struct sshwire e, n;

	if (!sshwire_mpint(r, &e) || !sshwire_mpint(r, &n) || r->len != 0 ||
	    (n.data[n.len - 1] & 1) == 0)
		return "is a damaged RSA key";
	if (bits_of(&e) > 24 || (e.len == 1 && e.data[0] < 3) || (e.data[e.len - 1] & 1) == 0)
		return "is an RSA key with an exponent that its reader refuses";
	*bits = bits_of(&n);
	return *bits > PKEY_RSA_MAX ? "is an RSA key of more than 16384 bits" : NULL;
}

static const char *unknown(const struct sshwire *name)
{
	if (sshwire_is(name, "ssh-dss"))
		return "is a DSA key, which its readers no longer take";
	if (name->len >= 3 && memcmp(name->data, "sk-", 3) == 0)
		return "is a key of a security key (sk-), which cannot be used here";
	if (name->len > 21 && memcmp(name->data + name->len - 21, "-cert-v01@openssh.com", 21) == 0)
		return "is a certificate, not a key";
	return "is of a type other than ssh-ed25519, ecdsa-sha2-nistp256/384/521 and ssh-rsa";
}

const char *sshpub_check(const void *blob, size_t len, struct sshpub *out)
{
	struct sshwire r = { blob, len }, name, point;
	size_t i = 0;

	if (len > SSHPUB_BLOB_MAX || !sshwire_string(&r, &name))
		return "is not an SSH public key";
	while (i < ALGORITHMS && !sshwire_is(&name, algorithms[i].name))
		i++;
	if (i == ALGORITHMS)
		return unknown(&name);
	*out = (struct sshpub){ algorithms[i].name, (enum pkey_type)i, algorithms[i].bits };
	if (i == PKEY_RSA)
		return check_rsa(&r, &out->bits);
	if (algorithms[i].curve != NULL)
		return check_ec(&algorithms[i], &r);
	return sshwire_string(&r, &point) && r.len == 0 && point.len == 32
		   ? NULL
		   : "is a damaged Ed25519 key";
}

/* --- writing ---------------------------------------------------------------------------------- */

/* A number of the key, in at least width bytes, appended as it is. */
static bool put_number(const EVP_PKEY *evp, const char *param, size_t width, struct buf *out)
{
	BIGNUM *n = NULL;
	unsigned char *at;
	bool done = false;

	if (EVP_PKEY_get_bn_param(evp, param, &n) == 1) {
		size_t len = (size_t)BN_num_bytes(n);

		at = buf_reserve(out, len > width ? len : width);
		done = at != NULL && BN_bn2binpad(n, at, (int)(len > width ? len : width)) > 0;
	}
	BN_free(n);
	return done;
}

static bool put_rsa(const EVP_PKEY *evp, struct buf *out)
{
	struct buf e = BUF_INIT, n = BUF_INIT;
	bool done = put_number(evp, OSSL_PKEY_PARAM_RSA_E, 1, &e) &&
		    put_number(evp, OSSL_PKEY_PARAM_RSA_N, 1, &n);

	if (done) {
		sshwire_put_mpint(out, e.data, e.len);
		sshwire_put_mpint(out, n.data, n.len);
	}
	buf_clear(&e);
	buf_clear(&n);
	return done;
}

/* Always the uncompressed point, whatever form the key's file had. */
static bool put_ec(const struct algorithm *a, const EVP_PKEY *evp, struct buf *out)
{
	struct buf point = BUF_INIT;
	bool done;

	buf_putc(&point, 4);
	done = put_number(evp, OSSL_PKEY_PARAM_EC_PUB_X, a->field, &point) &&
	       put_number(evp, OSSL_PKEY_PARAM_EC_PUB_Y, a->field, &point);
	if (done) {
		sshwire_put_string(out, a->curve, strlen(a->curve));
		sshwire_put_string(out, point.data, point.len);
	}
	buf_clear(&point);
	return done;
}

static bool put_ed25519(const EVP_PKEY *evp, struct buf *out)
{
	unsigned char point[32];
	size_t len = sizeof(point);

	if (EVP_PKEY_get_raw_public_key(evp, point, &len) != 1 || len != sizeof(point))
		return false;
	sshwire_put_string(out, point, len);
	return true;
}

int sshpub_of(const struct pkey *k, struct buf *blob, struct err *err)
{
	const struct algorithm *a = &algorithms[k->type];
	bool done;

	sshwire_put_string(blob, a->name, strlen(a->name));
	if (k->type == PKEY_RSA)
		done = put_rsa(k->evp, blob);
	else if (k->type == PKEY_ED25519)
		done = put_ed25519(k->evp, blob);
	else
		done = put_ec(a, k->evp, blob);
	ERR_clear_error();
	return done ? 0 : err_set(err, ERR_INTERNAL, "cannot write an SSH public key");
}

void sshpub_format(const char *name, const void *blob, size_t len, struct buf *out)
{
	buf_puts(out, name);
	buf_putc(out, ' ');
	b64_encode(out, blob, len);
}

/* --- authorized_keys -------------------------------------------------------------------------- */

int sshpub_parse_line(const char *what, const char *line, size_t len, struct buf *out,
		      struct err *err)
{
	struct buf blob = BUF_INIT;
	struct sshpub info = { NULL, PKEY_ED25519, 0 };
	const char *reason = "is not a line 'TYPE BASE64 [COMMENT]'", *space, *end;
	size_t name;

	if (len > 0 && line[len - 1] == '\n')
		len--;
	space = memchr(line, ' ', len);
	if (space == NULL || memchr(line, '\n', len) != NULL)
		return err_set(err, ERR_INVALID, "%s: %s", what, reason);
	name = (size_t)(space - line);
	end = memchr(space + 1, ' ', len - name - 1);
	if (end == NULL)
		end = line + len;
	if (b64_decode(&blob, space + 1, (size_t)(end - space - 1)) == 0)
		reason = sshpub_check(blob.data, blob.len, &info);
	if (reason == NULL && (strlen(info.name) != name || memcmp(info.name, line, name) != 0))
		reason = "names another type than its key has";
	if (reason == NULL)
		buf_put(out, blob.data, blob.len);
	buf_clear(&blob);
	return reason == NULL ? 0 : err_set(err, ERR_INVALID, "%s: %s", what, reason);
}
