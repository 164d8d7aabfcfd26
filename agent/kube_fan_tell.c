/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_fan_tell.h"

#include <string.h>

#include "base/mem.h"

#define NAMES_MAX 3 /* that are told of */
#define MANAGED_MAX 8

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
	[COPY_USED] = { "StillReferenced", "a source of Flux uses it" },
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

void kube_fan_tell_kept(struct kube_fan_tally *t, const struct kube_copy *c)
{
	if (t->kept++ < NAMES_MAX)
		buf_printf(&t->kept_names, "%s%s (%s)", t->kept == 1 ? "" : ", ", c->namespace,
			   c->user);
	else if (t->kept == NAMES_MAX + 1)
		buf_puts(&t->kept_names, ", ...");
}

static const struct {
	const char *reason, *text;
} account_faults[] = {
	[ACCOUNT_FINE] = { "Applied", "" },
	[ACCOUNT_ABSENT] = { "ServiceAccountMissing", "it is not there" },
	[ACCOUNT_FAILED] = { "WriteFailed", "the API server did not do it; it is tried again" },
	[ACCOUNT_FORBIDDEN] = { "Forbidden", "the agent may not read and change service accounts "
					     "there" },
	[ACCOUNT_MANAGED] = { "ServiceAccountManaged", "" },
};

/* Each managed one is named, since a line must be written for each. */
static void add_managed(struct kube_fan_tally *t, const struct kube_account *a)
{
	if (t->managed++ < MANAGED_MAX)
		buf_printf(&t->managed_names, "%s%s/%s", t->managed == 1 ? "" : ", ", a->namespace,
			   a->name);
	else if (t->managed == MANAGED_MAX + 1)
		buf_puts(&t->managed_names, ", ...");
}

void kube_fan_tell_account(struct kube_fan_tally *t, const struct kube_account *a,
			   enum kube_account_fault fault)
{
	size_t others;

	t->accounts_missing++;
	if (fault > t->worst)
		t->worst = fault;
	if (fault == ACCOUNT_MANAGED) {
		add_managed(t, a);
		return;
	}
	others = t->accounts_missing - t->managed;
	if (others <= NAMES_MAX)
		buf_printf(&t->accounts_names, "%s%s/%s (%s)", others == 1 ? "" : ", ",
			   a->namespace, a->name, account_faults[fault].text);
	else if (others == NAMES_MAX + 1)
		buf_puts(&t->accounts_names, ", ...");
}

void kube_fan_tell_end(struct kube_fan_tally *t)
{
	buf_clear(&t->names);
	buf_clear(&t->kept_names);
	buf_clear(&t->accounts_names);
	buf_clear(&t->managed_names);
}

static void say_copies(const struct kube_fan_tally *t, struct buf *message)
{
	buf_printf(message, "copies in place: %zu of %zu", t->wanted - t->missing, t->wanted);
	if (t->missing > 0)
		buf_printf(message, "; missing: %s", buf_str(&t->names));
	if (t->local > 0)
		buf_printf(message, "; namespaces with a document of this name: %zu", t->local);
}

static void say_accounts(const struct kube_fan *f, const struct kube_fan_tally *t,
			 struct buf *message)
{
	buf_printf(message, "%sservice accounts that name it: %zu of %zu",
		   message->len == 0 ? "" : "; ", t->accounts - t->accounts_missing, t->accounts);
	if (t->accounts_names.len > 0)
		buf_printf(message, "; missing: %s", buf_str(&t->accounts_names));
	if (t->managed > 0)
		buf_printf(message,
			   "; another manager takes it away again, so add the line \"- name: "
			   "%s\" to imagePullSecrets in Git, of the service accounts: %s",
			   f->owner.name, buf_str(&t->managed_names));
}

static void say_kept(const struct kube_fan_tally *t, struct buf *message)
{
	if (t->kept > 0)
		buf_printf(message,
			   "%scopies that are no longer named, and stay while a source of Flux "
			   "uses them: %s",
			   message->len == 0 ? "" : "; ", buf_str(&t->kept_names));
}

static const char *reason_of(const struct kube_fan_tally *t)
{
	if (t->missing > 0)
		return t->reason;
	return t->worst == ACCOUNT_FINE && t->kept > 0 ? faults[COPY_USED].reason
						       : account_faults[t->worst].reason;
}

/* What the document asks for in vain. */
static bool say_refused(const struct kube_fan *f, const struct namespaces_rule *rule,
			struct buf *message)
{
	struct buf targets = BUF_INIT, accounts = BUF_INIT;
	bool any = false;

	if (namespaces_refused(rule, f->facts, &targets) > 0) {
		buf_printf(message, "; the agent's map does not allow: %s", buf_str(&targets));
		any = true;
	}
	if (namespaces_accounts_refused(rule, f->accounts, &accounts) > 0) {
		buf_printf(message, "; the agent's map does not allow the service accounts: %s",
			   buf_str(&accounts));
		any = true;
	}
	buf_clear(&targets);
	buf_clear(&accounts);
	return any;
}

void kube_fan_tell_tally(struct kube_fan *f, const struct namespaces_rule *rule,
			 struct kube_fan_tally *t)
{
	struct status_json_fan_out now = {
		.wanted = f->facts != NULL || f->accounts != NULL || t->kept > 0,
		.done = t->missing == 0 && t->accounts_missing == 0 && t->kept == 0
	};
	struct buf message = BUF_INIT;

	now.reason = reason_of(t);
	if (f->facts != NULL)
		say_copies(t, &message);
	if (f->accounts != NULL)
		say_accounts(f, t, &message);
	say_kept(t, &message);
	if (say_refused(f, rule, &message)) {
		now.reason = now.done ? "NotAllowed" : now.reason;
		now.done = false;
	}
	f->counts =
	    (struct kube_fan_counts){ t->wanted - t->missing, t->missing,
				      t->accounts - t->accounts_missing, t->accounts_missing };
	tell(f, &now, &message);
	buf_clear(&message);
}

void kube_fan_tell_nothing(struct kube_fan *f)
{
	const struct status_json_fan_out now = { .wanted = false };
	struct buf message = BUF_INIT;

	tell(f, &now, &message);
	buf_clear(&message);
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
