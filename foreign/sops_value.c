/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/sops_value.h"

#include <sodium.h>
#include <string.h>

#include "base/b64.h"
#include "foreign/gcm.h"

#define BEGIN "ENC[AES256_GCM,"

static const char *const types[SOPS_TYPES] = {
	[SOPS_STR] = "str",	    [SOPS_INT] = "int",	    [SOPS_FLOAT] = "float",
	[SOPS_BOOL] = "bool",	    [SOPS_BYTES] = "bytes", [SOPS_TIME] = "time",
	[SOPS_COMMENT] = "comment",
};

struct fields {
	struct buf data, nonce, tag;
	enum sops_type type;
};

static void fields_clear(struct fields *f)
{
	buf_clear(&f->data);
	buf_clear(&f->nonce);
	buf_clear(&f->tag);
}

bool sops_value_is(const char *text, size_t len)
{
	return len >= sizeof(BEGIN) - 1 && memcmp(text, BEGIN, sizeof(BEGIN) - 1) == 0;
}

/* "NAME:" and what follows it up to the character end, which is passed. */
static bool take(const char **at, const char *limit, const char *name, char end, const char **value,
		 size_t *n)
{
	size_t len = strlen(name);
	const char *stop;

	if ((size_t)(limit - *at) < len || memcmp(*at, name, len) != 0)
		return false;
	*value = *at + len;
	stop = memchr(*value, end, (size_t)(limit - *value));
	if (stop == NULL)
		return false;
	*n = (size_t)(stop - *value);
	*at = stop + 1;
	return true;
}

static bool take_bytes(const char **at, const char *limit, const char *name, struct buf *out)
{
	const char *value;
	size_t n;

	return take(at, limit, name, ',', &value, &n) && b64_decode(out, value, n) == 0;
}

static bool parse(const char *text, size_t len, struct fields *f)
{
	const char *at = text + sizeof(BEGIN) - 1, *limit = text + len, *type;
	size_t n;

	if (!sops_value_is(text, len) || !take_bytes(&at, limit, "data:", &f->data) ||
	    !take_bytes(&at, limit, "iv:", &f->nonce) || !take_bytes(&at, limit, "tag:", &f->tag) ||
	    !take(&at, limit, "type:", ']', &type, &n) || at != limit)
		return false;
	for (f->type = 0; f->type < SOPS_TYPES; f->type++)
		if (strlen(types[f->type]) == n && memcmp(types[f->type], type, n) == 0)
			break;
	return f->type < SOPS_TYPES && f->data.len > 0 && f->tag.len == GCM_TAG;
}

enum sops_verdict sops_value_open(const unsigned char key[static SOPS_KEY], const char *at,
				  const char *text, size_t len, struct buf *out,
				  enum sops_type *type)
{
	struct fields f = { BUF_INIT, BUF_INIT, BUF_INIT, SOPS_STR };
	struct gcm g = { .key = key, .key_len = SOPS_KEY, .about = at, .about_len = strlen(at) };
	enum sops_verdict verdict = SOPS_SHAPE;
	unsigned char *room;

	buf_reset(out);
	if (parse(text, len, &f)) {
		g.nonce = f.nonce.data;
		g.nonce_len = f.nonce.len;
		*type = f.type;
		room = buf_reserve(out, f.data.len);
		verdict = room != NULL && gcm_open(&g, f.data.data, f.data.len, f.tag.data, room)
			      ? SOPS_OK
			      : SOPS_DAMAGED;
	}
	if (verdict != SOPS_OK)
		buf_reset(out);
	fields_clear(&f);
	return verdict;
}

int sops_value_seal(const unsigned char key[static SOPS_KEY], const char *at, const void *data,
		    size_t len, struct buf *out)
{
	unsigned char nonce[SOPS_NONCE], tag[GCM_TAG], *room;
	struct gcm g = { key, SOPS_KEY, nonce, SOPS_NONCE, at, strlen(at) };
	struct buf sealed = BUF_INIT;
	int r = -1;

	if (len == 0)
		return buf_puts(out, "\"\"");
	randombytes_buf(nonce, sizeof(nonce));
	room = buf_reserve(&sealed, len);
	if (room != NULL && gcm_seal(&g, data, len, room, tag)) {
		buf_puts(out, BEGIN "data:");
		b64_encode(out, sealed.data, sealed.len);
		buf_puts(out, ",iv:");
		b64_encode(out, nonce, sizeof(nonce));
		buf_puts(out, ",tag:");
		b64_encode(out, tag, sizeof(tag));
		r = buf_puts(out, ",type:str]");
	}
	buf_clear(&sealed);
	return r;
}
