/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/status_json.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/out.h"
#include "document/document.h"

#define CUT "..."
#define PAUSED "Paused"
#define GENERATION_MAX (INT64_MAX / 2)
#define SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Reasons that a cluster tells in another way than agent/status.h has it for all stores. */
static const struct status_json_row special[REASON_COUNT] = {
	[REASON_PENDING] = { STATUS_JSON_UNKNOWN, false, true },
	[REASON_PAUSED] = { STATUS_JSON_UNKNOWN, false, true }, /* Ready stays as it was */
	/* whoever waits for it waits for a Secret, and none will come */
	[REASON_NOT_FOR_US] = { STATUS_JSON_FALSE, true, true },
};

static const enum reason untold[] = { REASON_UNKNOWN,	       REASON_PENDING_REMOVAL,
				      REASON_STILL_REFERENCED, REASON_GUARDED,
				      REASON_RETAINED,	       REASON_REMOVED };

static const char *const fields[] = { "observedGeneration", "digest", "keys", "notAfter",
				      "applied" };
static const char *const types[] = { "Ready", "Stalled", "FannedOut", PAUSED };

static const char *const words[] = { [STATUS_JSON_TRUE] = "True",
				     [STATUS_JSON_FALSE] = "False",
				     [STATUS_JSON_UNKNOWN] = "Unknown" };

/* A condition as it is to be; borrowed texts. */
struct condition {
	const char *type;
	enum status_json_ready status;
	const char *reason;
	const char *message;
};

struct status_json_row status_json_row(enum reason r)
{
	const struct status_row *row = &status_table[r];

	for (size_t i = 0; i < SIZE(untold); i++)
		if (r == untold[i])
			return (struct status_json_row){ STATUS_JSON_UNKNOWN, false, false };
	if (special[r].told)
		return special[r];
	return (struct status_json_row){ row->fine ? STATUS_JSON_TRUE : STATUS_JSON_FALSE,
					 row->stalled, true };
}

static json_t *old_condition(const json_t *old, const char *type)
{
	const json_t *list = json_object_get(old, "conditions");
	json_t *c;
	size_t i;

	json_array_foreach(list, i, c)
	{
		const char *is = json_string_value(json_object_get(c, "type"));

		if (is != NULL && strcmp(is, type) == 0)
			return c;
	}
	return NULL;
}

static const char *text_of(const json_t *v, const char *name)
{
	return json_string_value(json_object_get(v, name));
}

static json_t *time_text(int64_t t)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(t, text);
	return json_string(text);
}

/* --- making ----------------------------------------------------------------------------------- */

static bool is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* A message that is never empty, fits, and drives no terminal; cut between characters. */
static json_t *message_of(const char *text)
{
	struct buf out = BUF_INIT;
	json_t *v;

	out_escape(&out, text, strlen(text));
	if (out.len > STATUS_JSON_MESSAGE_MAX) {
		size_t keep = STATUS_JSON_MESSAGE_MAX - strlen(CUT);

		while (is_continuation(out.data[keep]))
			keep--;
		buf_truncate(&out, keep);
		buf_puts(&out, CUT);
	}
	v = json_stringn(buf_str(&out), out.len);
	buf_clear(&out);
	return v;
}

/* When its status last changed: kept from before while it is the same. */
static json_t *transition(const struct condition *c, const json_t *old, int64_t now)
{
	const json_t *before = old_condition(old, c->type);
	const char *status = text_of(before, "status"),
		   *since = text_of(before, "lastTransitionTime");
	int64_t t;

	if (status != NULL && strcmp(status, words[c->status]) == 0 && since != NULL &&
	    clock_parse(since, &t))
		return time_text(t);
	return time_text(now);
}

static void add_condition(json_t *list, const struct condition *c, const struct status_json *s,
			  const json_t *old)
{
	json_t *v = json_object();

	json_object_set_new(v, "type", json_string(c->type));
	json_object_set_new(v, "status", json_string(words[c->status]));
	json_object_set_new(v, "observedGeneration", json_integer(s->generation));
	json_object_set_new(v, "lastTransitionTime", transition(c, old, s->now));
	json_object_set_new(v, "reason", json_string(c->reason));
	json_object_set_new(v, "message", message_of(c->message));
	json_array_append_new(list, v);
}

static const char *or_else(const char *text, const char *otherwise)
{
	return text != NULL && *text != '\0' ? text : otherwise;
}

static json_t *conditions(const struct status_json *s, const json_t *old)
{
	const struct status_json_row row = status_json_row(s->reason);
	const struct status_json_fan_out *f = &s->fan_out;
	const char *reason = status_name(s->reason);
	const char *message = or_else(s->message, status_table[s->reason].meaning);
	const struct condition ready = { "Ready", row.ready, reason, message };
	const struct condition stalled = { "Stalled", STATUS_JSON_TRUE, reason, message };
	const struct condition fanned = {
		"FannedOut", f->done ? STATUS_JSON_TRUE : STATUS_JSON_FALSE,
		or_else(f->reason, f->done ? "Applied" : "Pending"),
		or_else(f->message, f->done ? "All copies are in place." : "Copies are missing.")
	};
	json_t *list = json_array();

	add_condition(list, &ready, s, old);
	if (row.stalled)
		add_condition(list, &stalled, s, old);
	if (f->wanted)
		add_condition(list, &fanned, s, old);
	return list;
}

static json_t *key_list(const struct kv *keys)
{
	json_t *list = json_array();

	for (size_t i = 0; i < keys->n && i < STATUS_JSON_KEYS_MAX; i++)
		json_array_append_new(list, json_string(keys->items[i].name));
	return list;
}

/* What was said before, and that it is paused. */
static json_t *make_paused(const struct status_json *s, const json_t *old)
{
	const struct condition paused = { PAUSED, STATUS_JSON_TRUE, status_name(s->reason),
					  or_else(s->message, status_table[s->reason].meaning) };
	json_t *v = json_object(), *list = json_array();

	json_object_set_new(v, "observedGeneration", json_integer(-1));
	for (size_t i = 0; i < SIZE(fields); i++)
		if (json_object_get(old, fields[i]) != NULL)
			json_object_set(v, fields[i], json_object_get(old, fields[i]));
	for (size_t i = 0; i < SIZE(types); i++)
		if (strcmp(types[i], PAUSED) != 0 && old_condition(old, types[i]) != NULL)
			json_array_append(list, old_condition(old, types[i]));
	add_condition(list, &paused, s, old);
	json_object_set_new(v, "conditions", list);
	return v;
}

/* .status as it is to be. */
static json_t *make(const struct status_json *s, const json_t *old)
{
	json_t *v;

	if (s->reason == REASON_PAUSED)
		return make_paused(s, old);
	v = json_object();
	json_object_set_new(v, "observedGeneration", json_integer(s->generation));
	if (s->digest != NULL)
		json_object_set_new(v, "digest", json_string(s->digest));
	if (s->keys != NULL && s->keys->n != 0)
		json_object_set_new(v, "keys", key_list(s->keys));
	if (s->not_after != 0)
		json_object_set_new(v, "notAfter", time_text(s->not_after));
	if (s->applied_uid != NULL && s->applied_version != NULL)
		json_object_set_new(v, "applied",
				    json_sprintf("%s/%s", s->applied_uid, s->applied_version));
	json_object_set_new(v, "conditions", conditions(s, old));
	return v;
}

int status_json_format(const struct status_json *s, const json_t *old, struct buf *out,
		       struct err *err)
{
	json_t *v;
	int r;

	if (!status_json_row(s->reason).told)
		return err_set(err, ERR_INTERNAL,
			       "the reason %s is told of no document that exists",
			       status_name(s->reason));
	if (s->resource_version == NULL || *s->resource_version == '\0')
		return err_set(err, ERR_INTERNAL, "a status without a resourceVersion");
	v = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:o}", "apiVersion", DOCUMENT_API_VERSION,
		      "kind", DOCUMENT_KIND, "metadata", "name", s->name, "namespace", s->namespace,
		      "resourceVersion", s->resource_version, "status", make(s, old));
	if (v == NULL)
		return err_set(err, ERR_INTERNAL, "a status that holds what is not UTF-8");
	r = json_format(out, v);
	json_decref(v);
	return r == 0 ? 0 : err_set(err, ERR_INTERNAL, "a status larger than its buffer");
}

/* --- comparing -------------------------------------------------------------------------------- */

static bool same_field(const json_t *a, const json_t *b, const char *name)
{
	const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);

	return x == NULL || y == NULL ? x == y : json_equal(x, y) != 0;
}

static bool same_condition(const json_t *a, const json_t *b, const char *type)
{
	const json_t *x = old_condition(a, type), *y = old_condition(b, type);

	return x == NULL || y == NULL ? x == y : json_equal(x, y) != 0;
}

bool status_json_same(const struct status_json *s, const json_t *old)
{
	json_t *new = make(s, old);
	bool same = json_is_object(old);

	for (size_t i = 0; i < SIZE(fields); i++)
		same = same && same_field(new, old, fields[i]);
	for (size_t i = 0; i < SIZE(types); i++)
		same = same && same_condition(new, old, types[i]);
	json_decref(new);
	return same;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_applied(struct status_json_read *out)
{
	const char *slash = strchr(out->applied, '/');
	size_t n = slash == NULL ? 0 : (size_t)(slash - out->applied), len = strlen(out->applied);

	if (n == 0 || slash[1] == '\0' || len >= STATUS_JSON_APPLIED_MAX ||
	    strchr(slash + 1, '/') != NULL)
		return;
	memcpy(out->uid, out->applied, n);
	out->uid[n] = '\0';
	memcpy(out->version, slash + 1, len - n); /* with its NUL */
}

static enum status_json_ready read_word(const char *word)
{
	for (size_t i = 0; word != NULL && i < SIZE(words); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum status_json_ready)i;
	return STATUS_JSON_UNKNOWN;
}

void status_json_read(const json_t *status, struct status_json_read *out)
{
	const json_t *ready = old_condition(status, "Ready");
	const json_t *stalled = old_condition(status, "Stalled");
	const json_t *paused = old_condition(status, PAUSED);
	const json_t *generation = json_object_get(status, "observedGeneration");
	const char *not_after = text_of(status, "notAfter");

	*out = (struct status_json_read){ .observed_generation = -1,
					  .ready = read_word(text_of(ready, "status")),
					  .reason = text_of(ready, "reason"),
					  .message = text_of(ready, "message"),
					  .digest = text_of(status, "digest"),
					  .applied = text_of(status, "applied") };
	if (json_is_integer(generation) && json_integer_value(generation) >= 0 &&
	    json_integer_value(generation) <= GENERATION_MAX)
		out->observed_generation = json_integer_value(generation);
	if (not_after == NULL || !clock_parse(not_after, &out->not_after))
		out->not_after = 0;
	out->paused = read_word(text_of(paused, "status")) == STATUS_JSON_TRUE;
	out->stalled = read_word(text_of(stalled, "status")) == STATUS_JSON_TRUE;
	if (out->applied != NULL)
		read_applied(out);
}
