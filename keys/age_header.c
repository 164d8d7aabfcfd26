/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/age_header.h"

#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include "base/b64.h"
#include "base/ct.h"
#include "base/err.h"
#include "base/mem.h"
#include "keys/hkdf.h"
#include "keys/x25519.h"

#define VERSION_PREFIX "age-encryption.org/"
#define VERSION_LINE VERSION_PREFIX "v1"
#define STANZA_MARK "-> "
#define MAC_MARK "---"
#define MAC_INFO "header"
#define ARMOR_BEGIN "-----BEGIN "
#define BODY_COLUMNS 64
#define B64_RAW(n) (((n)*8 + 5) / 6)
#define ARGS_KEPT 4 /* one more than any known stanza has */

struct span {
	const char *text;
	size_t len;
};

#define NO_SPAN                                                                                    \
	{                                                                                          \
		"", 0                                                                              \
	}

struct parser {
	const char *file;
	size_t len, at;
	unsigned line;	    /* of the line read last */
	struct buf scratch; /* what base64 decoded to */
	struct err *err;
};

__attribute__((format(printf, 2, 3))) static int fail(const struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(p->err, ERR_INVALID, fmt, ap);
	va_end(ap);
	return err_wrap(p->err, "age header: line %u", p->line);
}

/* The next line without its end; what is past AGE_HEADER_MAX is not looked at. */
static int next_line(struct parser *p, struct span *line)
{
	size_t room = (p->len < AGE_HEADER_MAX ? p->len : AGE_HEADER_MAX) - p->at;
	const char *start = p->file + p->at;
	const char *end = memchr(start, '\n', room);

	p->line++;
	if (end == NULL && p->len > AGE_HEADER_MAX)
		return fail(p, "the header is longer than %d bytes", AGE_HEADER_MAX);
	if (end == NULL)
		return fail(p, "the header ends before its last line (\"--- \" and the MAC): the "
			       "file is cut short");
	*line = (struct span){ start, (size_t)(end - start) };
	p->at += line->len + 1;
	return 0;
}

static bool starts_with(struct span s, const char *prefix)
{
	return s.len >= strlen(prefix) && memcmp(s.text, prefix, strlen(prefix)) == 0;
}

static bool is_text(struct span s, const char *text)
{
	return s.len == strlen(text) && memcmp(s.text, text, s.len) == 0;
}

static int parse_version(struct parser *p)
{
	struct span line = NO_SPAN;

	if (p->len == 0)
		return err_set(p->err, ERR_INVALID, "age header: the file is empty");
	if (starts_with((struct span){ p->file, p->len }, ARMOR_BEGIN))
		return err_set(p->err, ERR_INVALID,
			       "age header: the file is armored where a binary one is expected");
	if (!starts_with((struct span){ p->file, p->len }, VERSION_PREFIX))
		return err_set(p->err, ERR_INVALID,
			       "age header: this is not an age file: it does not begin with \"%s\"",
			       VERSION_LINE);
	if (next_line(p, &line) != 0)
		return -1;
	if (line.len != 0 && line.text[line.len - 1] == '\r')
		return fail(p, "the line ends in a carriage return: the file was changed as if it "
			       "were text");
	if (!is_text(line, VERSION_LINE))
		return fail(p, "another version of the age format than v1");
	return 0;
}

/* Append to scratch. */
static int decode(struct parser *p, struct span text, const char *what)
{
	if (b64_decode_raw(&p->scratch, text.text, text.len) != 0)
		return fail(p, "%s is not canonical base64 without padding", what);
	return 0;
}

static int decode_exactly(struct parser *p, struct span text, const char *what, size_t size)
{
	buf_reset(&p->scratch);
	if (decode(p, text, what) != 0)
		return -1;
	if (p->scratch.len != size)
		return fail(p, "%s has %zu bytes, not %zu", what, p->scratch.len, size);
	return 0;
}

/* Split at single spaces; up to ARGS_KEPT are kept, *n counts them all. */
static int split_args(struct parser *p, struct span rest, struct span args[static ARGS_KEPT],
		      size_t *n)
{
	size_t start = 0;

	*n = 0;
	for (size_t i = 0; i <= rest.len; i++) {
		if (i < rest.len && rest.text[i] != ' ') {
			if (rest.text[i] < 0x21 || rest.text[i] > 0x7e)
				return fail(p,
					    "a stanza argument has a character that is not "
					    "visible ASCII at column %zu",
					    i + sizeof(STANZA_MARK));
			continue;
		}
		if (i == start)
			return fail(p, "a stanza argument is empty at column %zu",
				    i + sizeof(STANZA_MARK));
		if (*n < ARGS_KEPT)
			args[*n] = (struct span){ rest.text + start, i - start };
		(*n)++;
		start = i + 1;
	}
	return 0;
}

static int parse_x25519(struct parser *p, const struct span *args, struct age_stanza *s)
{
	if (decode_exactly(p, args[1], "the X25519 share", AGE_KEY_SIZE) != 0)
		return -1;
	memcpy(s->share, p->scratch.data, AGE_KEY_SIZE);
	if (x25519_is_low_order(s->share))
		return fail(p, "the X25519 share is a low-order point");
	return 0;
}

/* "[1-9][0-9]*", and so no sign, no zero in front, no other base. */
static int parse_log_n(struct parser *p, struct span text, int *log_n)
{
	int n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.text[i] < (i == 0 ? '1' : '0') || text.text[i] > '9')
			return fail(p, "the scrypt work factor is not a plain decimal number");
		if (n <= AGE_SCRYPT_LOG_N_MAX)
			n = n * 10 + (text.text[i] - '0');
	}
	if (n > AGE_SCRYPT_LOG_N_MAX)
		return fail(p,
			    "the scrypt work factor is above %d: opening it could take all "
			    "memory and very long",
			    AGE_SCRYPT_LOG_N_MAX);
	*log_n = n;
	return 0;
}

static int parse_scrypt(struct parser *p, const struct span *args, struct age_stanza *s)
{
	if (decode_exactly(p, args[1], "the scrypt salt", AGE_SALT_SIZE) != 0)
		return -1;
	memcpy(s->salt, p->scratch.data, AGE_SALT_SIZE);
	return parse_log_n(p, args[2], &s->log_n);
}

static int parse_hybrid(struct parser *p, const struct span *args, struct age_stanza *s)
{
	if (decode_exactly(p, args[1], "the mlkem768x25519 share", AGE_HYBRID_ENC_SIZE) != 0)
		return -1;
	memcpy(s->share, p->scratch.data + AGE_HYBRID_ENC_SIZE - AGE_KEY_SIZE, AGE_KEY_SIZE);
	if (x25519_is_low_order(s->share))
		return fail(p, "the X25519 part of the mlkem768x25519 share is a low-order point");
	return 0;
}

static const struct stanza_kind {
	const char *name;
	size_t args; /* the name is one */
	int (*parse)(struct parser *p, const struct span *args, struct age_stanza *s);
} kinds[AGE_STANZA_TYPES] = {
	[AGE_STANZA_X25519] = { "X25519", 2, parse_x25519 },
	[AGE_STANZA_SCRYPT] = { "scrypt", 3, parse_scrypt },
	[AGE_STANZA_HYBRID] = { "mlkem768x25519", 2, parse_hybrid },
	[AGE_STANZA_OTHER] = { NULL, 0, NULL },
};

/* Lines of 64 characters, then one shorter, perhaps empty.  The body is in scratch then. */
static int parse_body(struct parser *p)
{
	struct span line = NO_SPAN;

	buf_reset(&p->scratch);
	do {
		if (next_line(p, &line) != 0)
			return -1;
		if (line.len > BODY_COLUMNS)
			return fail(p, "a line of a stanza's body is longer than %d characters",
				    BODY_COLUMNS);
		if (decode(p, line, "a stanza's body") != 0)
			return -1;
	} while (line.len == BODY_COLUMNS);
	return 0;
}

static int parse_known(struct parser *p, const struct stanza_kind *kind, const struct span *args,
		       size_t n, struct age_stanza *s)
{
	if (n != kind->args)
		return fail(p, "the %s stanza has %zu arguments, not %zu", kind->name, n - 1,
			    kind->args - 1);
	if (kind->parse(p, args, s) != 0 || parse_body(p) != 0)
		return -1;
	if (p->scratch.len != AGE_WRAPPED_SIZE)
		return fail(p, "the body of the %s stanza has %zu bytes, not %d", kind->name,
			    p->scratch.len, AGE_WRAPPED_SIZE);
	memcpy(s->body, p->scratch.data, AGE_WRAPPED_SIZE);
	return 0;
}

static int parse_stanza(struct parser *p, struct span line, struct age_stanza *s)
{
	struct span args[ARGS_KEPT] = { NO_SPAN };
	size_t n = 0;

	if (!starts_with(line, STANZA_MARK))
		return fail(p, "neither a stanza (\"-> \") nor the last line (\"--- \")");
	line.text += strlen(STANZA_MARK);
	line.len -= strlen(STANZA_MARK);
	if (split_args(p, line, args, &n) != 0)
		return -1;
	for (int type = 0; type < AGE_STANZA_OTHER; type++) {
		if (is_text(args[0], kinds[type].name)) {
			s->type = (enum age_stanza_type)type;
			return parse_known(p, &kinds[type], args, n, s);
		}
	}
	s->type = AGE_STANZA_OTHER;
	return parse_body(p);
}

static int parse_mac(struct parser *p, struct span line, struct age_header *out)
{
	size_t mark = strlen(MAC_MARK);

	if (line.len != mark + 1 + B64_RAW(AGE_MAC_SIZE) || line.text[mark] != ' ')
		return fail(p, "the last line is not \"--- \" and the %d characters of a MAC",
			    B64_RAW(AGE_MAC_SIZE));
	line.text += mark + 1;
	line.len -= mark + 1;
	if (decode_exactly(p, line, "the MAC", AGE_MAC_SIZE) != 0)
		return -1;
	memcpy(out->mac, p->scratch.data, AGE_MAC_SIZE);
	out->len = p->at;
	out->mac_len = p->at - 1 - line.len - 1; /* through "---": without the space, MAC and LF */
	return 0;
}

static int parse_stanzas(struct parser *p, struct age_header *out)
{
	struct span line = NO_SPAN;
	size_t cap = 0;

	while (next_line(p, &line) == 0) {
		if (starts_with(line, MAC_MARK))
			return out->n == 0
				   ? fail(p, "the header has no stanza, and so no recipient")
				   : parse_mac(p, line, out);
		if (out->n == AGE_STANZAS_MAX)
			return fail(p, "more than %d stanzas", AGE_STANZAS_MAX);
		if (out->n == cap) {
			cap = cap == 0 ? 4 : cap * 2;
			out->stanzas = mem_grow(out->stanzas, cap, sizeof(*out->stanzas));
		}
		if (parse_stanza(p, line, &out->stanzas[out->n]) != 0)
			return -1;
		out->of_type[out->stanzas[out->n].type]++;
		out->n++;
	}
	return -1;
}

int age_header_parse(const void *file, size_t len, struct age_header *out, struct err *err)
{
	struct parser p = { .file = file, .len = len, .scratch = BUF_INIT, .err = err };
	int r = -1;

	*out = (struct age_header)AGE_HEADER_INIT;
	if (parse_version(&p) != 0 || parse_stanzas(&p, out) != 0)
		goto out;
	if (out->of_type[AGE_STANZA_SCRYPT] != 0 && out->n != 1) {
		err_set(err, ERR_INVALID,
			"age header: a scrypt stanza is not alone: a file for a passphrase is for "
			"nobody else");
		goto out;
	}
	if (len - out->len < AGE_NONCE_SIZE) {
		err_set(err, ERR_INVALID,
			"age header: %zu bytes follow it, fewer than the payload's nonce: the file "
			"is cut short",
			len - out->len);
		goto out;
	}
	r = 0;
out:
	buf_clear(&p.scratch);
	return r;
}

void age_header_clear(struct age_header *h)
{
	mem_free(h->stanzas);
	*h = (struct age_header)AGE_HEADER_INIT;
}

static void header_mac(const void *header, size_t len,
		       const unsigned char file_key[static AGE_FILE_KEY_SIZE],
		       unsigned char mac[static AGE_MAC_SIZE])
{
	unsigned char key[HKDF_SIZE];

	hkdf_sha256(key, (struct hkdf_bytes){ file_key, AGE_FILE_KEY_SIZE },
		    (struct hkdf_bytes){ NULL, 0 }, MAC_INFO);
	crypto_auth_hmacsha256(mac, header, len, key);
	mem_wipe(key, sizeof(key));
}

bool age_header_verify(const struct age_header *h, const void *file,
		       const unsigned char file_key[static AGE_FILE_KEY_SIZE])
{
	unsigned char mac[AGE_MAC_SIZE];
	int differs;

	header_mac(file, h->mac_len, file_key, mac);
	differs = sodium_memcmp(mac, h->mac, sizeof(mac));
	ct_public(&differs, sizeof(differs));
	mem_wipe(mac, sizeof(mac)); /* of a forged header, the right MAC is worth hiding */
	return differs == 0;
}

/* The puts below run into truncated when out is full; their sum is asked once. */
static int put_body(struct buf *out, const unsigned char body[static AGE_WRAPPED_SIZE])
{
	_Static_assert(B64_RAW(AGE_WRAPPED_SIZE) < BODY_COLUMNS, "the body is one short line");
	buf_putc(out, '\n');
	b64_encode_raw(out, body, AGE_WRAPPED_SIZE);
	buf_putc(out, '\n');
	return out->truncated ? -1 : 0;
}

int age_header_begin(struct buf *out)
{
	return buf_puts(out, VERSION_LINE "\n");
}

int age_header_put_x25519(struct buf *out, const unsigned char share[static AGE_KEY_SIZE],
			  const unsigned char body[static AGE_WRAPPED_SIZE])
{
	buf_printf(out, STANZA_MARK "%s ", kinds[AGE_STANZA_X25519].name);
	b64_encode_raw(out, share, AGE_KEY_SIZE);
	return put_body(out, body);
}

int age_header_put_scrypt(struct buf *out, const unsigned char salt[static AGE_SALT_SIZE],
			  int log_n, const unsigned char body[static AGE_WRAPPED_SIZE])
{
	buf_printf(out, STANZA_MARK "%s ", kinds[AGE_STANZA_SCRYPT].name);
	b64_encode_raw(out, salt, AGE_SALT_SIZE);
	buf_printf(out, " %d", log_n);
	return put_body(out, body);
}

int age_header_end(struct buf *out, const unsigned char file_key[static AGE_FILE_KEY_SIZE])
{
	unsigned char mac[AGE_MAC_SIZE];

	if (buf_puts(out, MAC_MARK) != 0)
		return -1;
	header_mac(out->data, out->len, file_key, mac);
	buf_putc(out, ' ');
	b64_encode_raw(out, mac, sizeof(mac));
	buf_putc(out, '\n');
	return out->truncated ? -1 : 0;
}

size_t age_header_x25519_len(size_t n)
{
	size_t stanza = strlen(STANZA_MARK) + strlen(kinds[AGE_STANZA_X25519].name) + 1 +
			B64_RAW(AGE_KEY_SIZE) + 1 + B64_RAW(AGE_WRAPPED_SIZE) + 1;

	return strlen(VERSION_LINE) + 1 + n * stanza + strlen(MAC_MARK) + 1 +
	       B64_RAW(AGE_MAC_SIZE) + 1;
}
