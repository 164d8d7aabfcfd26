/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bech32.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/ct.h"
#include "base/mem.h"

#define CHECKSUM_CHARS 6

static const char lower_alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
static const char upper_alphabet[] = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

static const char *const reasons[] = {
	[BECH32_OK] = "is right",
	[BECH32_PREFIX] = "does not begin as it should",
	[BECH32_LENGTH] = "is too short or too long",
	[BECH32_CASE] = "mixes upper and lower case or is in the wrong one",
	[BECH32_CHAR] = "has a character that no key has",
	[BECH32_CHECKSUM] = "has a wrong checksum: a character is mistyped",
	[BECH32_PADDING] = "has bits set behind its end",
};

/* All ones when a == b, else zero; both below 2^31. */
static uint32_t mask_equal(uint32_t a, uint32_t b)
{
	return 0U - (((a ^ b) - 1U) >> 31);
}

/* One step of BIP 173's checksum; its conditions are masks, for no branch may show the data. */
static uint32_t checksum_step(uint32_t sum, uint32_t value)
{
	static const uint32_t generator[] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
					      0x2a1462b3 };
	uint32_t top = sum >> 25;

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (uint32_t i = 0; i < 5; i++)
		sum ^= generator[i] & (0U - (top >> i & 1));
	return sum;
}

/* The prefix counts in lower case whatever its case is. */
static uint32_t checksum_prefix(const char *prefix)
{
	size_t len = strlen(prefix);
	uint32_t sum = 1;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)prefix[i];

		sum = checksum_step(sum, (c >= 'A' && c <= 'Z' ? c + 32U : c) >> 5);
	}
	sum = checksum_step(sum, 0);
	for (size_t i = 0; i < len; i++)
		sum = checksum_step(sum, (unsigned char)prefix[i] & 31);
	return sum;
}

static bool is_upper(const char *prefix)
{
	return prefix[0] >= 'A' && prefix[0] <= 'Z';
}

/* Position of c in an alphabet; *found gets all ones when it is there.  Looks at every entry. */
static uint32_t value_of(const char *alphabet, unsigned char c, uint32_t *found)
{
	uint32_t value = 0;

	*found = 0;
	for (uint32_t i = 0; i < 32; i++) {
		uint32_t here = mask_equal((unsigned char)alphabet[i], c);

		value |= i & here;
		*found |= here;
	}
	return value;
}

static char char_of(const char *alphabet, uint32_t value)
{
	uint32_t c = 0;

	for (uint32_t i = 0; i < 32; i++)
		c |= (unsigned char)alphabet[i] & mask_equal(i, value);
	return (char)c;
}

struct decoder {
	const char *own, *other; /* alphabets of the right and of the wrong case */
	uint32_t sum;
	uint32_t bad_char, bad_case; /* become all ones */
};

static uint32_t decode_char(struct decoder *d, char c)
{
	uint32_t found, found_other;
	uint32_t value = value_of(d->own, (unsigned char)c, &found);

	value_of(d->other, (unsigned char)c, &found_other);
	d->bad_char |= ~(found | found_other);
	d->bad_case |= ~found & found_other;
	d->sum = checksum_step(d->sum, value);
	return value;
}

/* The verdict may be told; where in the text it went wrong is not looked at. */
static enum bech32_verdict judge(struct decoder *d, uint32_t padding)
{
	ct_public(d, sizeof(*d));
	ct_public(&padding, sizeof(padding));
	if (d->bad_char != 0)
		return BECH32_CHAR;
	if (d->bad_case != 0)
		return BECH32_CASE;
	if (d->sum != 1)
		return BECH32_CHECKSUM;
	return padding != 0 ? BECH32_PADDING : BECH32_OK;
}

enum bech32_verdict bech32_decode(const char *text, size_t len, const char *prefix,
				  unsigned char *data, size_t size)
{
	size_t prefix_len = strlen(prefix), chars = (size * 8 + 4) / 5, at = 0;
	bool upper = is_upper(prefix);
	struct decoder d = { .own = upper ? upper_alphabet : lower_alphabet,
			     .other = upper ? lower_alphabet : upper_alphabet,
			     .sum = checksum_prefix(prefix) };
	uint32_t bits = 0, acc = 0;
	enum bech32_verdict verdict;

	if (len <= prefix_len || memcmp(text, prefix, prefix_len) != 0 || text[prefix_len] != '1')
		return BECH32_PREFIX;
	if (len != prefix_len + 1 + chars + CHECKSUM_CHARS)
		return BECH32_LENGTH;
	text += prefix_len + 1;
	for (size_t i = 0; i < chars; i++) {
		acc = (acc & 0xff) << 5 | decode_char(&d, text[i]);
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			data[at++] = (unsigned char)(acc >> bits);
		}
	}
	for (size_t i = chars; i < chars + CHECKSUM_CHARS; i++)
		decode_char(&d, text[i]);
	verdict = judge(&d, acc & ((1U << bits) - 1));
	if (verdict != BECH32_OK)
		mem_wipe(data, size);
	mem_wipe(&acc, sizeof(acc));
	mem_wipe(&d, sizeof(d));
	return verdict;
}

void bech32_encode(const char *prefix, const unsigned char *data, size_t size, char *text)
{
	const char *alphabet = is_upper(prefix) ? upper_alphabet : lower_alphabet;
	size_t at = strlen(prefix), chars = (size * 8 + 4) / 5, next = 0;
	uint32_t sum = checksum_prefix(prefix), bits = 0, acc = 0, value = 0;

	memcpy(text, prefix, at);
	text[at++] = '1';
	for (size_t i = 0; i < chars; i++) {
		if (bits < 5) {
			acc = acc << 8 | (next < size ? data[next++] : 0U);
			bits += 8;
		}
		bits -= 5;
		value = acc >> bits & 31;
		sum = checksum_step(sum, value);
		text[at++] = char_of(alphabet, value);
	}
	for (size_t i = 0; i < CHECKSUM_CHARS; i++)
		sum = checksum_step(sum, 0);
	sum ^= 1;
	for (uint32_t i = 0; i < CHECKSUM_CHARS; i++)
		text[at++] = char_of(alphabet, sum >> 5 * (CHECKSUM_CHARS - 1 - i) & 31);
	text[at] = '\0';
	mem_wipe(&acc, sizeof(acc));
	mem_wipe(&value, sizeof(value));
}

const char *bech32_reason(enum bech32_verdict verdict)
{
	return reasons[verdict];
}
