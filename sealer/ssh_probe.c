/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/ssh_probe.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/github_hosts.h"
#include "kinds/hostpat.h"
#include "kinds/known_hosts.h"
#include "kinds/sshkey.h"
#include "kinds/url.h"

/* Flux offers the types of revoked lines to nobody; those of authorities it does. */
static struct github_ssh_host_key *host_keys(const struct known_hosts *kh, const struct url *u,
					     size_t *n)
{
	struct github_ssh_host_key *keys = mem_array(kh->n, sizeof(*keys));

	*n = 0;
	for (size_t i = 0; i < kh->n; i++) {
		const struct known_hosts_line *l = &kh->lines[i];

		if (l->marker == MARKER_REVOKED)
			continue;
		keys[(*n)++] = (struct github_ssh_host_key){
			.type = l->pub.name,
			.blob = l->blob.data,
			.len = l->blob.len,
			.listed =
			    l->marker == MARKER_NONE && hostpat_match(l->hosts, l->hosts_len, u),
		};
	}
	return keys;
}

static bool take(const struct kv *data, const char *name, struct buf *out)
{
	const struct kv_item *item = kv_get(data, name);

	if (item != NULL)
		buf_put(out, item->data, item->len);
	return item != NULL;
}

/* The key as it is sealed to the form that libssh is given. */
static int open_key(const struct kv *data, struct buf *pem, struct err *err)
{
	struct buf identity = BUF_INIT, password = BUF_INIT;
	bool has_password = take(data, "password", &password);
	struct sshkey key = SSHKEY_INIT;
	int rc;

	take(data, "identity", &identity);
	rc = sshkey_open(&(struct pem_source){ "identity", identity.data, identity.len },
			 has_password ? &password : NULL, pem, &key, err);
	sshkey_clear(&key);
	buf_clear(&identity);
	buf_clear(&password);
	return rc;
}

static int read_url(const char *text, struct url *u, struct err *err)
{
	if (url_parse("url", text, URL_SSH, u, err) != 0)
		return -1;
	return github_hosts_is(u->host) ? github_hosts_check_url("url", u, err) : 0;
}

/* --- asking ----------------------------------------------------------------------------------- */

static int ask_at(struct github_ssh_request *q, const char *host, unsigned port,
		  struct github_ssh_result *result, struct err *err)
{
	struct github_proxy proxy = GITHUB_PROXY_INIT;
	int rc = -1;

	*result = (struct github_ssh_result){ .outcome = GITHUB_SSH_PROXY };
	q->host = host;
	q->port = port;
	q->proxy = &proxy;
	if (github_proxy_from_environment(host, port, &proxy, err) == 0)
		rc = github_ssh_check(q, result, err);
	q->proxy = NULL;
	github_proxy_clear(&proxy);
	return rc;
}

/* What is refused is refused at the other door as well. */
static bool can_go_around(const struct url *u, const struct github_ssh_result *r,
			  const struct err *why)
{
	return strcmp(u->host, "github.com") == 0 && why->class == ERR_IO &&
	       r->outcome != GITHUB_SSH_LIBRARY;
}

static int ask(struct github_ssh_request *q, const struct url *u, struct github_ssh_result *result,
	       struct err *err)
{
	struct err why = ERR_INIT, around = ERR_INIT;

	if (ask_at(q, u->host, u->port, result, &why) == 0)
		return 0;
	if (!can_go_around(u, result, &why))
		return err_set(err, why.class, "%s", why.text);
	if (ask_at(q, "ssh.github.com", 443, result, &around) == 0) {
		result->port_443 = true;
		return 0;
	}
	if (around.class != ERR_IO)
		return err_set(err, around.class, "%s", around.text);
	return err_set(err, ERR_IO, "%.450s; %s", why.text, around.text);
}

int ssh_probe(const char *url, const struct kv *data, const struct ssh_probe_options *o,
	      struct github_ssh_result *result, struct err *err)
{
	struct buf identity = BUF_INIT, hosts = BUF_INIT;
	struct known_hosts kh = KNOWN_HOSTS_INIT;
	struct github_ssh_host_key *keys = NULL;
	struct github_ssh_request q = { .identity = &identity,
					.every_host_key = o->every_host_key,
					.timeout = o->timeout };
	struct url u;
	int rc = -1;

	*result = (struct github_ssh_result){ .outcome = GITHUB_SSH_KEY };
	take(data, "known_hosts", &hosts);
	if (read_url(url, &u, err) != 0 ||
	    known_hosts_parse("known_hosts", buf_str(&hosts), hosts.len, &kh, err) != 0 ||
	    open_key(data, &identity, err) != 0)
		goto out;
	keys = host_keys(&kh, &u, &q.n_host_keys);
	q.host_keys = keys;
	q.user = u.user[0] == '\0' ? "git" : u.user;
	q.path = u.path;
	rc = ask(&q, &u, result, err);
out:
	mem_free(keys);
	known_hosts_clear(&kh);
	buf_clear(&identity);
	buf_clear(&hosts);
	return rc;
}
