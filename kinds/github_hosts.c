/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/github_hosts.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "kinds/sshpub.h"

static const struct {
	const char *type, *key;
} keys[GITHUB_HOSTS_KEYS] = {
	{ "ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl" },
	{ "ecdsa-sha2-nistp256",
	  "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrY"
	  "MjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=" },
	{ "ssh-rsa",
	  "AAAAB3NzaC1yc2EAAAADAQABAAABgQCj7ndNxQowgcQnjshcLrqPEiiphnt+VTTvDP6mHBL9j1aNUkY4Ue1gvwnG"
	  "LVlOhGeYrnZaMgRK6+PKCUXaDbC7qtbW8gIkhL7aGCsOr/C56SJMy/BCZfxd1nWzAOxSDPgVsmerOBYfNqltV9/h"
	  "WCqBywINIR+5dIg6JTJ72pcEpEjcYgXkE2YEFXV1JHnsKgbLWNlhScqb2UmyRkQyytRLtL+38TGxkxCflmO+5Z8C"
	  "SSNY7GidjMIZ7Q4zMjA2n1nGrlTDkzwDCsw+wqFPGQA179cnfGWOWRVruj16z6XyvxvjJwbz0wQZ75XK5tKSb7FN"
	  "yeIEs4TT4jk+S4dhPeAUC5y+bDYirYgM4GC7uEnztnZyaVWQ7B381AK4Qdrwt51ZqExKbQpTUNn+EjqoTwvqNj4k"
	  "qx5QUCI0ThS/YkOxJCXmPUWZbhjpCg56i+2aB6CmK2JGhn57K5mj0MNdBXA4/WnwH6XoPWJzK5Nyu2zB3nAZp+S5"
	  "hpQs+p1vN1/wsjk=" },
};

bool github_hosts_is(const char *host)
{
	return strcmp(host, "github.com") == 0 || strcmp(host, "ssh.github.com") == 0;
}

int github_hosts_check_url(const char *what, const struct url *u, struct err *err)
{
	unsigned port = u->scheme == URL_SSH && strcmp(u->host, "github.com") == 0 ? 22 : 443;
	const char *name = strchr(u->path + 1, '/');

	if (u->user[0] != '\0' && strcmp(u->user, "git") != 0)
		return err_set(err, ERR_INVALID, "%s: the user for GitHub is always git (git@%s)",
			       what, u->host);
	if (u->port != port)
		return err_set(err, ERR_INVALID, "%s: %s answers on port %u only", what, u->host,
			       port);
	if (name == NULL || name[1] == '\0' || strchr(name + 1, '/') != NULL)
		return err_set(err, ERR_INVALID, "%s: a repository at GitHub is /OWNER/NAME", what);
	return 0;
}

void github_hosts_format(const struct url *u, struct buf *out)
{
	for (size_t i = 0; i < GITHUB_HOSTS_KEYS; i++) {
		url_format_host(u, out);
		buf_printf(out, " %s %s\n", keys[i].type, keys[i].key);
	}
}

int github_hosts_find(const void *blob, size_t len)
{
	struct buf text = BUF_INIT;
	int found = -1;

	b64_encode(&text, blob, len);
	for (int i = 0; i < GITHUB_HOSTS_KEYS && found < 0; i++)
		if (strcmp(buf_str(&text), keys[i].key) == 0)
			found = i;
	buf_clear(&text);
	return found;
}

bool github_hosts_is_revoked(const void *blob, size_t len)
{
	char fingerprint[B64_FINGERPRINT];

	b64_fingerprint(blob, len, fingerprint);
	return strcmp(fingerprint, GITHUB_HOSTS_REVOKED) == 0;
}
