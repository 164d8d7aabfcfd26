/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A `.env` file is refused with its line, or read; what was read, written again in quotes, is read
 * the same.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "kinds/dotenv.h"

static void check_name(const char *name)
{
	must(name[0] != '\0' && (name[0] < '0' || name[0] > '9'));
	must(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
	     strlen(name));
}

/* No value holds both "`" and "'": the one comes from single quotes, the other from double ones. */
static void write_quoted(const struct kv_item *item, struct buf *out)
{
	bool single = memchr(item->data, '`', item->len) != NULL;
	const char *quote = single ? "'" : "\"";

	buf_printf(out, "export %s=%s", item->name, quote);
	for (size_t i = 0; i < item->len; i++) {
		unsigned char c = item->data[i];

		if (!single && c == '\r') {
			buf_puts(out, "\\r");
			continue;
		}
		if (!single && (c == '"' || c == '\\' || c == '$'))
			buf_putc(out, '\\');
		buf_putc(out, c);
	}
	buf_printf(out, "%s # as read\n", quote);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kv first = KV_INIT, second = KV_INIT;
	struct buf again = BUF_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;

	if (dotenv_parse("e", data, size, &first, &notes, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "e:", 2) == 0 && first.n == 0);
		goto out;
	}
	must(first.n != 0 && first.n <= DOTENV_NAMES_MAX && notes.n <= 1);
	for (size_t i = 0; i < first.n; i++) {
		check_name(first.items[i].name);
		must(memchr(first.items[i].data, '\0', first.items[i].len) == NULL);
		write_quoted(&first.items[i], &again);
	}
	must(dotenv_parse("e", again.data, again.len, &second, NULL, &err) == 0);
	must(kv_equal(&first, &second));
out:
	notes_clear(&notes);
	kv_clear(&first);
	kv_clear(&second);
	buf_clear(&again);
	return 0;
}
