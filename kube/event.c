/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/event.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "kube/microtime.h"

#define SUFFIX 17 /* "." and 16 hex digits */

const char *kube_event_namespace(const struct kube_event *e)
{
	return e->namespace[0] == '\0' ? "default" : e->namespace;
}

char *kube_event_name(const struct kube_event *e, int64_t us)
{
	size_t n = strnlen(e->name, KUBE_EVENT_NAME_MAX - SUFFIX);

	/* what stands before a dot must end with a letter or digit */
	while (n > 0 && !isalnum((unsigned char)e->name[n - 1]))
		n--;
	return mem_printf("%.*s.%llx", (int)n, e->name, (unsigned long long)us * 1000);
}

/* Bytes of the UTF-8 sequence at s, 0 when it is none. */
static size_t sequence(const unsigned char *s)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	size_t i;

	if (s[0] >= 0x80 && (s[0] < 0xc2 || s[0] >= 0xf5))
		return 0;
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* A member with a text of at most max bytes: the server counts bytes and refuses the whole. */
static void put_text(struct buf *out, const char *name, const char *text, size_t max)
{
	const unsigned char *s = (const unsigned char *)text;
	struct buf cut = BUF_INIT;

	while (*s != '\0') {
		size_t n = sequence(s);

		if (cut.len + (n == 0 ? 1 : n) > max)
			break;
		if (n == 0)
			buf_putc(&cut, '?');
		else
			buf_put(&cut, s, n);
		s += n == 0 ? 1 : n;
	}
	buf_printf(out, "\"%s\":", name);
	json_format_string(out, buf_str(&cut), cut.len);
	buf_putc(out, ',');
	buf_clear(&cut);
}

static void put_series(const struct kube_series *series, struct buf *out)
{
	char last[KUBE_MICROTIME_SIZE];

	kube_microtime_format(series->last_us, last);
	buf_printf(out, "\"series\":{\"count\":%u,\"lastObservedTime\":\"%s\"}", series->count,
		   last);
}

static void put_regarding(const struct kube_event *e, struct buf *out)
{
	buf_puts(out, "\"regarding\":{");
	put_text(out, "apiVersion", e->api_version, KUBE_EVENT_NAME_MAX);
	put_text(out, "kind", e->kind, KUBE_EVENT_NAME_MAX);
	if (e->namespace[0] != '\0')
		put_text(out, "namespace", e->namespace, KUBE_EVENT_NAME_MAX);
	if (e->resource_version != NULL)
		put_text(out, "resourceVersion", e->resource_version, KUBE_EVENT_NAME_MAX);
	put_text(out, "uid", e->uid, KUBE_EVENT_NAME_MAX);
	put_text(out, "name", e->name, KUBE_EVENT_NAME_MAX);
	buf_truncate(out, out->len - 1);
	buf_puts(out, "},");
}

void kube_event_format(const struct kube_event *e, const struct kube_reporter *by, const char *name,
		       int64_t us, const struct kube_series *series, struct buf *out)
{
	char first[KUBE_MICROTIME_SIZE];

	kube_microtime_format(us, first);
	buf_puts(out, "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{");
	put_text(out, "name", name, KUBE_EVENT_NAME_MAX);
	put_text(out, "namespace", kube_event_namespace(e), KUBE_EVENT_NAME_MAX);
	buf_truncate(out, out->len - 1);
	buf_printf(out, "},\"eventTime\":\"%s\",", first);
	put_text(out, "reportingController", by->controller, KUBE_EVENT_WORD_MAX);
	put_text(out, "reportingInstance", by->instance, KUBE_EVENT_WORD_MAX);
	put_text(out, "action", e->action, KUBE_EVENT_WORD_MAX);
	put_text(out, "reason", e->reason, KUBE_EVENT_WORD_MAX);
	put_text(out, "note", e->note, KUBE_EVENT_NOTE_MAX);
	put_regarding(e, out);
	if (series->count >= 2) {
		put_series(series, out);
		buf_putc(out, ',');
	}
	buf_printf(out, "\"type\":\"%s\"}", e->warning ? "Warning" : "Normal");
}

void kube_event_format_series(const struct kube_series *series, struct buf *out)
{
	buf_putc(out, '{');
	put_series(series, out);
	buf_putc(out, '}');
}
