/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/sops_mac.h"

#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct sops_mac {
	crypto_hash_sha512_state state;
};

/* SHA-256 of "sops" (sops.go, MACOnlyEncryptedInitialization). */
static void begin_only_encrypted(struct sops_mac *mac)
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const unsigned char *)"sops", 4);
	sops_mac_add(mac, digest, sizeof(digest));
}

struct sops_mac *sops_mac_new(bool only_encrypted)
{
	struct sops_mac *mac = mem_alloc(sizeof(*mac));

	crypto_hash_sha512_init(&mac->state);
	if (only_encrypted)
		begin_only_encrypted(mac);
	return mac;
}

void sops_mac_add(struct sops_mac *mac, const void *value, size_t len)
{
	crypto_hash_sha512_update(&mac->state, value, len);
}

void sops_mac_end(struct sops_mac *mac, char hex[static SOPS_MAC_TEXT])
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char digest[crypto_hash_sha512_BYTES];

	crypto_hash_sha512_final(&mac->state, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[SOPS_MAC_TEXT - 1] = '\0';
	mem_wipe(digest, sizeof(digest));
}

void sops_mac_free(struct sops_mac *mac)
{
	mem_free(mac);
}

/* --- values that are not encrypted ------------------------------------------------------------ */

/* How SOPS writes a word of YAML's. */
static const struct {
	const char *word, *bytes;
} words[] = {
	{ "", "" },	      { "~", "" },	    { "null", "" },	  { "Null", "" },
	{ "NULL", "" },	      { "true", "True" },   { "True", "True" },	  { "TRUE", "True" },
	{ "false", "False" }, { "False", "False" }, { "FALSE", "False" },
};

/* Strings to go-yaml when it does not know what to expect, though YAML 1.1 has them for booleans.
 */
static const char *const strings[] = {
	"y", "Y", "yes", "Yes", "YES", "on",  "On",  "ON",
	"n", "N", "no",	 "No",	"NO",  "off", "Off", "OFF",
};

static bool is_string(const char *text)
{
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		if (strcmp(text, strings[i]) == 0)
			return true;
	return false;
}

static int put_word(const char *text, struct buf *out)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(text, words[i].word) == 0)
			return buf_puts(out, words[i].bytes);
	return -1;
}

/* Decimal, canonical, and small enough to be no floating-point number. */
static bool is_integer(const char *text)
{
	const char *digits = text + (*text == '-');
	size_t n = strlen(digits);

	return n > 0 && n < 19 && strspn(digits, "0123456789") == n &&
	       (digits[0] != '0' || (n == 1 && digits == text));
}

/* "2026-11-23" alone is midnight. */
static int put_time(const char *text, struct buf *out)
{
	char *whole = strlen(text) == 10 ? mem_printf("%sT00:00:00Z", text) : mem_str(text);
	int64_t t;
	int r = clock_parse(whole, &t) ? buf_puts(out, whole) : -1;

	mem_free(whole);
	return r;
}

int sops_mac_bytes(const struct yaml_node *scalar, struct buf *out)
{
	if (scalar->style != YAML_PLAIN || !yaml_plain_ambiguous(scalar->text, scalar->len) ||
	    is_string(scalar->text) || is_integer(scalar->text))
		return buf_put(out, scalar->text, scalar->len);
	if (put_word(scalar->text, out) == 0)
		return 0;
	return put_time(scalar->text, out);
}
