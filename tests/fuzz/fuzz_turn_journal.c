/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a rotation may be anything.  It is refused with a reason, or read: then it has
 * what a rotation needs, and written and read again it is the same.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "sealer/turn_journal.h"

static void check_again(const struct turn_record *r)
{
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct turn_record again = { 0 };
	struct err err = ERR_INIT;

	turn_record_format(r, &first);
	must(turn_record_parse("again", first.data, first.len, &again, &err) == 0);
	turn_record_format(&again, &second);
	must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
	must(kv_equal(&r->applied, &again.applied) && r->aborted == again.aborted &&
	     r->written == again.written && r->tried == again.tried);
	turn_record_clear(&again);
	buf_clear(&first);
	buf_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct turn_record r = { 0 };
	struct err err = ERR_INIT;

	if (turn_record_parse("journal", data, size, &r, &err) == 0) {
		must(r.file != NULL && r.document != NULL && r.url != NULL);
		must(r.new_public != NULL && r.old_text != NULL && r.new_text != NULL);
		check_again(&r);
	} else {
		must(err.class == ERR_INVALID && err.text[0] != '\0' && r.file == NULL);
	}
	turn_record_clear(&r);
	return 0;
}
