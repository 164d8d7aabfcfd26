/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of github/ssh.h for programs. */
#include <string.h>

#include "github/ssh.h"

static const char *const outcomes[GITHUB_SSH_OUTCOMES] = {
	[GITHUB_SSH_OK] = "ok",
	[GITHUB_SSH_LIBRARY] = "no-library",
	[GITHUB_SSH_KEY] = "key-unreadable",
	[GITHUB_SSH_DNS] = "no-address",
	[GITHUB_SSH_REFUSED] = "connection-refused",
	[GITHUB_SSH_UNREACHABLE] = "unreachable",
	[GITHUB_SSH_PROXY] = "proxy",
	[GITHUB_SSH_TIMEOUT] = "timeout",
	[GITHUB_SSH_NOT_SSH] = "not-ssh",
	[GITHUB_SSH_CLOSED] = "closed",
	[GITHUB_SSH_HANDSHAKE] = "handshake",
	[GITHUB_SSH_HOST_UNKNOWN] = "host-key-unknown",
	[GITHUB_SSH_HOST_CHANGED] = "host-key-changed",
	[GITHUB_SSH_KEY_REFUSED] = "key-refused",
	[GITHUB_SSH_REPOSITORY] = "repository",
	[GITHUB_SSH_GIT] = "not-git",
};

static const char *const accesses[] = {
	[GITHUB_SSH_ACCESS_UNKNOWN] = "unknown",
	[GITHUB_SSH_READ_ONLY] = "read-only",
	[GITHUB_SSH_READ_WRITE] = "read-write",
};

static const char *const states[] = {
	[GITHUB_SSH_HOST_MATCHES] = "matches",
	[GITHUB_SSH_HOST_OTHER] = "other",
	[GITHUB_SSH_HOST_NOT_OFFERED] = "not-offered",
};

const char *github_ssh_outcome_name(enum github_ssh_outcome outcome)
{
	return outcomes[outcome];
}

const char *github_ssh_access_name(enum github_ssh_access access)
{
	return accesses[access];
}

/* What a server sent need not be UTF-8, which JSON is: other bytes become "?". */
static json_t *text_of(const char *text)
{
	char clean[GITHUB_SSH_TEXT];
	size_t n = strlen(text);
	json_t *string = json_stringn(text, n);

	if (string != NULL)
		return string;
	n = n < sizeof(clean) ? n : sizeof(clean) - 1;
	for (size_t i = 0; i < n; i++)
		clean[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	return json_stringn(clean, n);
}

static void put(json_t *o, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(o, name, text_of(text));
}

static json_t *hosts_of(const struct github_ssh_result *r)
{
	json_t *all = json_array();

	for (size_t i = 0; i < r->n_hosts; i++) {
		const struct github_ssh_host *h = &r->hosts[i];
		json_t *o = json_object();

		put(o, "type", h->type);
		put(o, "state", states[h->state]);
		put(o, "fingerprint", h->fingerprint);
		put(o, "expected", h->expected);
		json_array_append_new(all, o);
	}
	return all;
}

json_t *github_ssh_json(const struct github_ssh_result *r)
{
	json_t *o = json_object();

	put(o, "outcome", github_ssh_outcome_name(r->outcome));
	put(o, "address", r->address);
	json_object_set_new(o, "proxied", json_boolean(r->proxied));
	put(o, "software", r->software);
	json_object_set_new(o, "hostKeys", hosts_of(r));
	put(o, "keyType", r->key_type);
	put(o, "fingerprint", r->key_fingerprint);
	if (r->outcome == GITHUB_SSH_OK) {
		json_object_set_new(o, "refs", json_integer((json_int_t)r->refs));
		json_object_set_new(o, "moreRefs", json_boolean(r->more_refs));
		put(o, "access", github_ssh_access_name(r->access));
	}
	put(o, "head", r->head);
	put(o, "headRef", r->head_ref);
	put(o, "answer", r->answer);
	json_object_set_new(o, "milliseconds", json_integer((json_int_t)r->ms));
	return o;
}
