/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/status.h"

#include <string.h>

void kube_status_copy(char *to, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n >= size) {
		n = size - 1;
		/* 10xxxxxx goes on with a character that would be cut */
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, text, n);
	to[n] = '\0';
}

int64_t kube_status_wait(int64_t seconds)
{
	if (seconds <= 0)
		return 0;
	return seconds > KUBE_RETRY_MAX_MS / 1000 ? KUBE_RETRY_MAX_MS : seconds * 1000;
}

static void copy_member(char *to, size_t size, const json_t *o, const char *member)
{
	const json_t *v = json_object_get(o, member);

	if (json_is_string(v))
		kube_status_copy(to, size, json_string_value(v));
}

static bool is(const json_t *o, const char *member, const char *value)
{
	const json_t *v = json_object_get(o, member);

	return json_is_string(v) && strcmp(json_string_value(v), value) == 0;
}

static void read_details(const json_t *details, struct kube_status *s)
{
	const json_t *causes = json_object_get(details, "causes");

	copy_member(s->name, sizeof(s->name), details, "name");
	for (size_t i = 0; i < json_array_size(causes) && s->cause[0] == '\0'; i++)
		copy_member(s->cause, sizeof(s->cause), json_array_get(causes, i), "reason");
	s->retry_ms = kube_status_wait(
	    (int64_t)json_integer_value(json_object_get(details, "retryAfterSeconds")));
}

bool kube_status_read(const json_t *o, struct kube_status *s)
{
	json_int_t code;

	memset(s, 0, sizeof(*s));
	if (!is(o, "kind", "Status") || !is(o, "apiVersion", "v1"))
		return false;
	code = json_integer_value(json_object_get(o, "code"));
	if (code >= 100 && code <= 599)
		s->code = (long)code;
	copy_member(s->reason, sizeof(s->reason), o, "reason");
	copy_member(s->message, sizeof(s->message), o, "message");
	read_details(json_object_get(o, "details"), s);
	return true;
}
