/* SPDX-License-Identifier: Apache-2.0 */
/* Any WWW-Authenticate: what is taken is printable, and written again it is the same challenge. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "github/challenge.h"

static void put(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	must(strlen(value) <= CHALLENGE_VALUE_MAX);
	buf_printf(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		must((*value >= ' ' && *value <= '~') || *value == '\t');
		if (*value == '"' || *value == '\\')
			buf_putc(out, '\\');
		buf_putc(out, (unsigned char)*value);
	}
	buf_puts(out, "\",");
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *field = mem_strn((const char *)data, size);
	struct challenge c, again;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (challenge_parse(field, &c, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "WWW-Authenticate: ", 18) == 0);
		must(c.realm == NULL && c.service == NULL && c.scope == NULL && c.error == NULL);
		goto out;
	}
	must(c.scheme != CHALLENGE_BEARER || c.realm != NULL);
	buf_puts(&text, c.scheme == CHALLENGE_BEARER ? "Bearer " : "Basic ");
	put(&text, "realm", c.realm);
	put(&text, "service", c.service);
	put(&text, "scope", c.scope);
	put(&text, "error", c.error);
	if (text.len <= CHALLENGE_FIELD_MAX) {
		must(challenge_parse(buf_str(&text), &again, &err) == 0);
		must(again.scheme == c.scheme && same(again.realm, c.realm));
		must(same(again.service, c.service) && same(again.scope, c.scope));
		must(same(again.error, c.error));
		challenge_clear(&again);
	}
	challenge_clear(&c);
out:
	buf_clear(&text);
	mem_free(field);
	return 0;
}
