/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/sshwire.h"

#include <string.h>

bool sshwire_u32(struct sshwire *r, uint32_t *value)
{
	if (r->len < 4)
		return false;
	*value = (uint32_t)r->data[0] << 24 | (uint32_t)r->data[1] << 16 |
		 (uint32_t)r->data[2] << 8 | (uint32_t)r->data[3];
	r->data += 4;
	r->len -= 4;
	return true;
}

bool sshwire_string(struct sshwire *r, struct sshwire *out)
{
	struct sshwire rest = *r;
	uint32_t len;

	if (!sshwire_u32(&rest, &len) || len > rest.len)
		return false;
	*out = (struct sshwire){ rest.data, len };
	*r = (struct sshwire){ rest.data + len, rest.len - len };
	return true;
}

bool sshwire_mpint(struct sshwire *r, struct sshwire *out)
{
	struct sshwire rest = *r, n;

	if (!sshwire_string(&rest, &n) || n.len == 0 || (n.data[0] & 0x80) != 0)
		return false;
	if (n.data[0] == 0) {
		if (n.len == 1 || (n.data[1] & 0x80) == 0)
			return false;
		n.data++;
		n.len--;
	}
	*out = n;
	*r = rest;
	return true;
}

bool sshwire_is(const struct sshwire *s, const char *text)
{
	return s->len == strlen(text) && memcmp(s->data, text, s->len) == 0;
}

bool sshwire_same(const struct sshwire *a, const struct sshwire *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void put_u32(struct buf *out, size_t n)
{
	unsigned char b[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
			       (unsigned char)(n >> 8), (unsigned char)n };

	buf_put(out, b, sizeof(b));
}

void sshwire_put_string(struct buf *out, const void *data, size_t len)
{
	put_u32(out, len);
	buf_put(out, data, len);
}

void sshwire_put_mpint(struct buf *out, const unsigned char *data, size_t len)
{
	bool sign;

	while (len > 0 && data[0] == 0) {
		data++;
		len--;
	}
	sign = len > 0 && (data[0] & 0x80) != 0;
	put_u32(out, len + sign);
	if (sign)
		buf_putc(out, 0);
	buf_put(out, data, len);
}
