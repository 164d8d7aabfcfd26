/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as the answer of an API server: all that is taken from it is bounded text, what is cut
 * is a beginning of what was there and ends at a character's edge, and an error about it can be
 * told. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "kube/client.h"
#include "kube/status.h"

/* The part is a beginning of the whole, and whole characters of it: jansson took the text as UTF-8.
 */
static void check_text(const char *part, size_t size, const json_t *whole)
{
	const char *text = json_is_string(whole) ? json_string_value(whole) : "";
	size_t n = strnlen(part, size);

	must(n < size && strncmp(part, text, n) == 0);
	must(text[n] == '\0' || (n > size - 5 && ((unsigned char)text[n] & 0xc0) != 0x80));
}

static void check_error(const struct kube_status *s, long status)
{
	const struct kube_answer a = { .status = status,
				       .reason = s->reason,
				       .cause = s->cause,
				       .name = s->name,
				       .message = s->message,
				       .retry_ms = s->retry_ms };
	struct err err = ERR_INIT;

	must(kube_error(&a, "get it", &err) == -1 && err.class != ERR_NONE);
	must(strncmp(err.text, "get it: ", 8) == 0 && strlen(err.text) > 8);
	/* of what may quote a secret, nothing */
	if (status == 422 && strlen(s->message) > 40)
		must(strstr(err.text, s->message) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long codes[] = { 0, 400, 401, 403, 404, 409, 422, 429, 500, 503, 302, 418 };
	json_t *o = json_parse(data, size, "answer", NULL), *details;
	struct kube_status s, again;
	bool is = kube_status_read(o, &s);

	details = json_object_get(o, "details");
	must(s.retry_ms >= 0 && s.retry_ms <= KUBE_RETRY_MAX_MS);
	must(s.code == 0 || (s.code >= 100 && s.code <= 599));
	if (is) {
		check_text(s.reason, sizeof(s.reason), json_object_get(o, "reason"));
		check_text(s.message, sizeof(s.message), json_object_get(o, "message"));
		check_text(s.name, sizeof(s.name), json_object_get(details, "name"));
	} else {
		memset(&again, 0, sizeof(again));
		must(memcmp(&s, &again, sizeof(s)) == 0);
	}
	must(kube_status_read(o, &again) == is && memcmp(&s, &again, sizeof(s)) == 0);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		check_error(&s, codes[i]);
	json_decref(o);
	return 0;
}
