/* SPDX-License-Identifier: Apache-2.0 */
#include "github/ssh_hostkeys.h"

#include <string.h>

#include "base/b64.h"

static const char *const all_types[GITHUB_SSH_TYPES] = {
	"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"ssh-rsa",
};

const char *github_ssh_type(const char *name, size_t len)
{
	for (size_t i = 0; i < GITHUB_SSH_TYPES; i++)
		if (strlen(all_types[i]) == len && memcmp(all_types[i], name, len) == 0)
			return all_types[i];
	return NULL;
}

size_t github_ssh_types(const struct github_ssh_request *q, const char *types[GITHUB_SSH_TYPES])
{
	size_t n = 0;

	for (size_t i = 0; i < q->n_host_keys; i++) {
		const char *type =
		    github_ssh_type(q->host_keys[i].type, strlen(q->host_keys[i].type));
		size_t k = 0;

		while (k < n && types[k] != type)
			k++;
		if (k == n && type != NULL)
			types[n++] = type;
	}
	return n;
}

void github_ssh_algorithms(const char *const *types, size_t n, struct buf *out)
{
	if (n == 1 && strcmp(types[0], "ssh-rsa") == 0)
		buf_puts(out, "rsa-sha2-512,rsa-sha2-256,");
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s", i == 0 ? "" : ",", types[i]);
}

const struct github_ssh_host_key *github_ssh_expected(const struct github_ssh_request *q,
						      const char *type)
{
	for (size_t i = 0; i < q->n_host_keys; i++)
		if (q->host_keys[i].listed && strcmp(q->host_keys[i].type, type) == 0)
			return &q->host_keys[i];
	return NULL;
}

const struct github_ssh_host *github_ssh_judge(const struct github_ssh_request *q, const char *type,
					       const struct buf *blob,
					       struct github_ssh_result *result)
{
	const struct github_ssh_host_key *key = github_ssh_expected(q, type);
	struct github_ssh_host *host = NULL;

	for (size_t i = 0; i < result->n_hosts && host == NULL; i++)
		if (result->hosts[i].type == type)
			host = &result->hosts[i];
	if (host == NULL)
		host = &result->hosts[result->n_hosts++];
	*host = (struct github_ssh_host){ .type = type, .state = GITHUB_SSH_HOST_NOT_OFFERED };
	if (key != NULL)
		b64_fingerprint(key->blob, key->len, host->expected);
	if (blob == NULL)
		return host;
	b64_fingerprint(blob->data, blob->len, host->fingerprint);
	host->state =
	    key != NULL && key->len == blob->len && memcmp(key->blob, blob->data, blob->len) == 0
		? GITHUB_SSH_HOST_MATCHES
		: GITHUB_SSH_HOST_OTHER;
	return host;
}
