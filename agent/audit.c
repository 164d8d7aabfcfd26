/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit.h"

#include <poll.h>
#include <string.h>

#include "agent/frame.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#define TEXT_MAX 253	 /* bytes of a name; a sound one is not longer */
#define ROOM_FOR_END 512 /* one more key id, the result */

static void put_text(struct buf *out, const char *field, const char *text)
{
	size_t len = strnlen(text, TEXT_MAX);

	buf_printf(out, ",\"%s\":", field);
	json_format_string(out, text, len);
}

static void put_key_ids(struct buf *out, const struct kv *ids, size_t limit)
{
	buf_puts(out, ",\"keyIds\":[");
	for (size_t i = 0; i < ids->n && out->len < limit; i++) {
		if (i != 0)
			buf_putc(out, ',');
		json_format_string(out, ids->items[i].name, strnlen(ids->items[i].name, TEXT_MAX));
	}
	buf_putc(out, ']');
}

void audit_format(const struct audit *a, struct buf *out)
{
	const struct document *d = a->document;
	char now[CLOCK_TEXT_SIZE], digest[DOCUMENT_DIGEST_TEXT];
	size_t start = out->len;

	clock_format(clock_now(), now);
	document_digest(d, digest);
	buf_printf(out, "{\"time\":\"%s\",\"level\":\"info\",\"msg\":\"opening\"", now);
	put_text(out, "namespace", d->namespace);
	put_text(out, "name", d->name);
	buf_printf(out, ",\"digest\":\"%s\"", digest);
	put_text(out, "kind", d->kind->name);
	buf_printf(out, ",\"parts\":%zu", d->n);
	put_key_ids(out, a->key_ids, start + AUDIT_LINE_MAX - ROOM_FOR_END);
	put_text(out, "result", a->result == ERR_NONE ? "opened" : err_class_name(a->result));
	buf_puts(out, "}\n");
}

int audit_write(int fd, const struct audit *a, struct err *err)
{
	struct buf line = BUF_INIT;
	int r = -1;

	audit_format(a, &line);
	/* a pipe that can be written takes a line of this length whole, without waiting */
	if (frame_wait(fd, POLLOUT, clock_monotonic_ms() + AUDIT_WAIT_MS) == FRAME_OK)
		r = file_write_fd(fd, line.data, line.len, NULL);
	buf_clear(&line);
	if (r < 0)
		err_set(err, ERR_IO, "the audit line cannot be written, so nothing is opened");
	return r;
}
