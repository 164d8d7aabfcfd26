/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens and keys for the tests of the guard, made when they run: nothing in the tree looks like a
 * credential.  The same in every run.
 */
#ifndef BULLA_TESTS_UNIT_GUARD_TOKENS_H
#define BULLA_TESTS_UNIT_GUARD_TOKENS_H

#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/bech32.h"
#include "base/buf.h"
#include "base/mem.h"

static const char tokens_base62[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Numbers that look random: n-th of a stream. */
static inline uint32_t tokens_number(uint32_t n)
{
	n = (n ^ 61) ^ (n >> 16);
	n *= 9;
	n ^= n >> 4;
	n *= 0x27d4eb2d;
	return n ^ (n >> 15);
}

/* len base62 digits; seed tells them apart. */
static inline void tokens_body(char *out, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		out[i] = tokens_base62[tokens_number(seed * 1000 + (uint32_t)i) % 62];
	out[len] = '\0';
}

static inline void tokens_checksum(const char *body, size_t len, char out[static 7])
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)body[i];
		for (int k = 0; k < 8; k++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
	}
	crc = ~crc;
	for (int i = 5; i >= 0; i--, crc /= 62)
		out[i] = tokens_base62[crc % 62];
	out[6] = '\0';
}

/* type 'p', 'o', 'u': "ghp_" and its like, whole. */
static inline char *tokens_github(char type, uint32_t seed)
{
	char body[31], sum[7];

	tokens_body(body, 30, seed);
	tokens_checksum(body, 30, sum);
	return mem_printf("gh%c_%s%s", type, body, sum);
}

static inline char *tokens_fine(uint32_t seed)
{
	char one[23], two[60];

	tokens_body(one, 22, seed);
	tokens_body(two, 59, seed + 1);
	return mem_printf("%s_pat_%s_%s", "github", one, two);
}

static inline char *tokens_prefixed(const char *prefix, size_t len, uint32_t seed)
{
	char body[400];

	tokens_body(body, len, seed);
	return mem_printf("%s%s", prefix, body);
}

static inline char *tokens_age(const char *prefix, uint32_t seed)
{
	unsigned char key[32];
	char text[120];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)tokens_number(seed * 100 + (uint32_t)i);
	bech32_encode(prefix, key, sizeof(key), text);
	return mem_str(text);
}

static inline char *tokens_base64(const char *text)
{
	struct buf b = BUF_INIT;
	char *out;

	b64_encode(&b, text, strlen(text));
	out = mem_str(buf_str(&b));
	buf_clear(&b);
	return out;
}

/* A PEM block of a DER SEQUENCE of that many random bytes; lines are ended by what is given. */
static inline char *tokens_pem(const char *label, size_t bytes, const char *newline, uint32_t seed)
{
	struct buf der = BUF_INIT, text = BUF_INIT, base64 = BUF_INIT;
	char *out;

	buf_putc(&der, 0x30);
	buf_putc(&der, 0x82);
	buf_putc(&der, (unsigned char)(bytes >> 8));
	buf_putc(&der, (unsigned char)bytes);
	for (size_t i = 0; i < bytes; i++)
		buf_putc(&der, (unsigned char)tokens_number(seed * 10000 + (uint32_t)i));
	b64_encode(&base64, der.data, der.len);
	buf_printf(&text, "-----BEGIN %s-----%s", label, newline);
	for (size_t i = 0; i < base64.len; i += 64)
		buf_printf(&text, "%.64s%s", buf_str(&base64) + i, newline);
	buf_printf(&text, "-----END %s-----", label);
	out = mem_str(buf_str(&text));
	buf_clear(&der);
	buf_clear(&base64);
	buf_clear(&text);
	return out;
}

#endif
