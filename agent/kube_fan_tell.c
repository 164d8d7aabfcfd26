/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_fan_tell.h"

#include <string.h>

#include "base/mem.h"

#define NAMES_MAX 3 /* of namespaces that are told */

static void tell(struct kube_fan *f, const struct status_json_fan_out *now, struct buf *message)
{
	struct kube_doc *d = kube_fan_doc(f);
	const char *text = buf_str(message);
	bool same =
	    f->settled && f->condition.wanted == now->wanted && f->condition.done == now->done &&
	    (!now->wanted ||
	     (strcmp(f->condition.reason, now->reason) == 0 && strcmp(f->message, text) == 0));

	if (same)
		return;
	mem_replace(&f->message, text);
	f->condition = *now;
	f->condition.message = f->message;
	f->settled = true;
	f->news++;
	if (d != NULL && d->s.documents == 1)
		kube_state_look(f->all->st, d);
}

static const struct {
	const char *reason, *text;
} faults[] = {
	[COPY_FINE] = { "Applied", "" },
	[COPY_FOREIGN] = { "Foreign",
			   "a Secret of this name is there that is not this document's" },
	[COPY_FORBIDDEN] = { "Forbidden", "the agent may not write Secrets there" },
	[COPY_FAILED] = { "WriteFailed", "the API server did not do it; it is tried again" },
	[COPY_GOING] = { "Pending", "the namespace is being deleted" },
};

void kube_fan_tell_missing(struct kube_fan_tally *t, const struct kube_copy *c)
{
	if (t->missing++ == 0)
		t->reason = faults[c->fault].reason;
	if (t->missing <= NAMES_MAX)
		buf_printf(&t->names, "%s%s (%s)", t->missing == 1 ? "" : ", ", c->namespace,
			   faults[c->fault].text);
	else if (t->missing == NAMES_MAX + 1)
		buf_puts(&t->names, ", ...");
}

void kube_fan_tell_tally(struct kube_fan *f, const struct namespaces_rule *rule,
			 struct kube_fan_tally *t)
{
	struct status_json_fan_out now = { .wanted = f->facts != NULL, .done = t->missing == 0 };
	struct buf message = BUF_INIT, refused = BUF_INIT;

	now.reason = now.done ? "Applied" : t->reason;
	buf_printf(&message, "copies in place: %zu of %zu", t->wanted - t->missing, t->wanted);
	if (t->missing > 0)
		buf_printf(&message, "; missing: %s", buf_str(&t->names));
	if (t->local > 0)
		buf_printf(&message, "; namespaces with a document of this name: %zu", t->local);
	if (namespaces_refused(rule, f->facts, &refused) > 0) {
		buf_printf(&message, "; the agent's map does not allow: %s", buf_str(&refused));
		now.reason = now.done ? "NotAllowed" : now.reason;
		now.done = false;
	}
	tell(f, &now, &message);
	buf_clear(&message);
	buf_clear(&refused);
}

void kube_fan_tell_fault(struct kube_fan *f, const char *reason, const char *text)
{
	const struct status_json_fan_out now = { .wanted = true, .reason = reason };
	struct buf message = BUF_INIT;

	buf_puts(&message, text);
	tell(f, &now, &message);
	buf_clear(&message);
}

static const json_t *old_condition(const json_t *status)
{
	const json_t *list = json_object_get(status, "conditions");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		const char *type = json_string_value(json_object_get(c, "type"));

		if (type != NULL && strcmp(type, "FannedOut") == 0)
			return c;
	}
	return NULL;
}

void kube_fan_tell_old(const json_t *old, struct status_json_fan_out *out)
{
	const json_t *c = old_condition(old);
	const char *status = json_string_value(json_object_get(c, "status"));

	out->wanted = c != NULL;
	out->done = status != NULL && strcmp(status, "True") == 0;
	out->reason = json_string_value(json_object_get(c, "reason"));
	out->message = json_string_value(json_object_get(c, "message"));
}
