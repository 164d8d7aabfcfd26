/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins are refused, or written anew they say the same, and again the same.  The input is read as a
 * recipients file too, whose keys are then pinned.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "keys/pins.h"

#define NAME "file"

static void check_stable(const struct pins *pins)
{
	struct pins again = PINS_INIT;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct err err = ERR_INIT;

	pins_format(pins, &first);
	must(pins_parse(NAME, first.data, first.len, &again, &err) == 0);
	must(again.n == pins->n);
	pins_format(&again, &second);
	must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	pins_clear(&again);
	buf_clear(&first);
	buf_clear(&second);
}

static void check_recipients(const uint8_t *data, size_t size)
{
	struct recipients r = RECIPIENTS_INIT;
	struct pins pins = PINS_INIT;
	struct err err = ERR_INIT;
	char *top = mem_strn((const char *)data, size);

	top[0] = '/';
	if (recipients_add_lines(&r, NAME, data, size, &err) != 0)
		must(err.class == ERR_RECIPIENT && strncmp(err.text, NAME ":", 5) == 0);
	for (size_t i = 0; i < r.n; i++) {
		must(pins_check(&pins, top, &r.items[i]) == PINS_NEW);
		pins_accept(&pins, top, &r.items[i]);
		must(pins_check(&pins, top, &r.items[i]) == PINS_KNOWN);
	}
	check_stable(&pins);
	mem_free(top);
	pins_clear(&pins);
	recipients_clear(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pins pins = PINS_INIT;
	struct err err = ERR_INIT;

	if (pins_parse(NAME, data, size, &pins, &err) == 0)
		check_stable(&pins);
	else
		must(err.class == ERR_INVALID && pins.n == 0 &&
		     strncmp(err.text, NAME ":", strlen(NAME ":")) == 0);
	pins_clear(&pins);
	check_recipients(data, size);
	return 0;
}
