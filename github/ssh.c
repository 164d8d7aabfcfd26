/* SPDX-License-Identifier: Apache-2.0 */
#include "github/ssh.h"

#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "github/ssh_hostkeys.h"
#include "github/ssh_session.h"

/* What all connections of one check share. */
struct check {
	const struct github_ssh_request *q;
	const struct github_libssh *lib;
	struct github_ssh_result *r;
	ssh_key key;
	int64_t deadline;
};

static void keep(char *to, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n >= size)
		n = size - 1;
	memcpy(to, text, n);
	to[n] = '\0';
}

/* --- the deploy key --------------------------------------------------------------------------- */

/* The public half's blob, for its fingerprint. */
static int describe_key(struct check *c)
{
	struct buf blob = BUF_INIT;
	char *text = NULL;
	int rc = -1;

	if (c->lib->pki_export_pubkey_base64(c->key, &text) == SSH_OK &&
	    b64_decode(&blob, text, strlen(text)) == 0 && blob.len > 4 &&
	    4 + (size_t)blob.data[3] < blob.len) {
		c->r->key_type = github_ssh_type((const char *)blob.data + 4, blob.data[3]);
		b64_fingerprint(blob.data, blob.len, c->r->key_fingerprint);
		rc = c->r->key_type == NULL ? -1 : 0;
	}
	if (text != NULL)
		c->lib->string_free_char(text);
	buf_clear(&blob);
	return rc;
}

/*
 * libssh takes Ed25519 only in OpenSSH's format (out of PKCS#8 it makes no public half), and leaves
 * copies of that text behind: hence the wipe.  A password is always given: without one OpenSSL
 * would ask the terminal for it.
 */
static int read_key(struct check *c, struct err *err)
{
	int rc =
	    c->lib->pki_import_privkey_base64(buf_str(c->q->identity), "", NULL, NULL, &c->key);

	github_libssh_wipe();
	if (rc == SSH_OK && describe_key(c) == 0)
		return 0;
	c->r->outcome = GITHUB_SSH_KEY;
	return err_set(err, ERR_INVALID, "libssh cannot read the private key");
}

/* --- host keys -------------------------------------------------------------------------------- */

static void format_host(const struct github_ssh_request *q, struct buf *out)
{
	buf_printf(out, q->port == 22 ? "%s" : "[%s]:%u", q->host, q->port);
}

static int refuse_host(struct check *c, const struct github_ssh_host *h, struct err *err)
{
	struct buf host = BUF_INIT;

	format_host(c->q, &host);
	c->r->outcome = h->expected[0] == '\0' ? GITHUB_SSH_HOST_UNKNOWN : GITHUB_SSH_HOST_CHANGED;
	if (h->expected[0] == '\0')
		err_set(err, ERR_REFUSED,
			"%s shows its %s host key %s, but the sealed known_hosts has no key of "
			"that type for it: compare the fingerprint with its owner's, then seal the "
			"key's line (or seal only lines of types that the host has)",
			buf_str(&host), h->type, h->fingerprint);
	else
		err_set(err, ERR_REFUSED,
			"%s shows another %s host key than the sealed known_hosts: %s, where %s is "
			"expected: somebody may be in between, or the host has a new key. Compare "
			"the fingerprint with its owner's before you seal the new key",
			buf_str(&host), h->type, h->fingerprint, h->expected);
	buf_clear(&host);
	return -1;
}

/* The key that the server showed when it could choose among what libssh knows. */
static int refuse_no_common(struct check *c, const struct buf *offered, struct err *err)
{
	struct github_session s = GITHUB_SESSION_INIT(c->lib, c->q, c->deadline);
	struct err unused = ERR_INIT;
	char fingerprint[B64_FINGERPRINT] = "";

	if (github_session_open(&s,
				"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
				"ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256",
				&unused) == 0)
		b64_fingerprint(s.host_blob.data, s.host_blob.len, fingerprint);
	c->r->outcome = GITHUB_SSH_HOST_UNKNOWN;
	err_set(
	    err, ERR_REFUSED,
	    "%s has no host key of the types in the sealed known_hosts (%s)%s%s%s%s: compare the "
	    "fingerprint with its owner's, then seal the key's line",
	    c->q->host, buf_str(offered), fingerprint[0] == '\0' ? "" : "; it shows its ",
	    s.host_type == NULL ? "" : s.host_type, fingerprint[0] == '\0' ? "" : " key ",
	    fingerprint);
	github_session_close(&s);
	return -1;
}

/* Connect and judge the host key, for types of host keys. */
static int open_session(struct check *c, struct github_session *s, const char *const *types,
			size_t n, struct err *err)
{
	struct buf algorithms = BUF_INIT;
	int rc;

	github_ssh_algorithms(types, n, &algorithms);
	rc = github_session_open(s, buf_str(&algorithms), err);
	if (c->r->address[0] == '\0') {
		memcpy(c->r->address, s->address, sizeof(c->r->address));
		keep(c->r->software, sizeof(c->r->software), github_session_software(s));
	}
	c->r->outcome = s->outcome;
	if (rc == 0 && s->host_type == NULL) {
		c->r->outcome = GITHUB_SSH_HANDSHAKE;
		rc = err_set(err, ERR_IO, "%s: shows a host key of a type that Flux does not know",
			     c->q->host);
	} else if (rc == 0) {
		const struct github_ssh_host *h =
		    github_ssh_judge(c->q, s->host_type, &s->host_blob, c->r);

		rc = h->state == GITHUB_SSH_HOST_MATCHES ? 0 : refuse_host(c, h, err);
	}
	buf_clear(&algorithms);
	return rc;
}

static bool seen(const struct github_ssh_result *r, const char *type)
{
	for (size_t i = 0; i < r->n_hosts; i++)
		if (r->hosts[i].type == type)
			return true;
	return false;
}

/* Flux may meet each type that it offers: a connection for each that was not shown yet. */
static int try_other_types(struct check *c, const char *const *types, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		struct github_session s = GITHUB_SESSION_INIT(c->lib, c->q, c->deadline);
		/* alone, RSA would be offered with SHA-2, which Flux does not do beside others */
		struct buf algorithms = BUF_INIT;

		if (seen(c->r, types[i]))
			continue;
		buf_puts(&algorithms, types[i]);
		rc = github_session_open(&s, buf_str(&algorithms), err);
		if (rc == 0) {
			const struct github_ssh_host *h =
			    github_ssh_judge(c->q, types[i], &s.host_blob, c->r);

			if (h->state != GITHUB_SSH_HOST_MATCHES)
				rc = refuse_host(c, h, err);
		} else if (s.no_host_key) {
			github_ssh_judge(c->q, types[i], NULL, c->r);
			rc = 0;
		} else {
			c->r->outcome = s.outcome;
		}
		github_session_close(&s);
		buf_clear(&algorithms);
	}
	return rc;
}

/* --- the repository --------------------------------------------------------------------------- */

static int refuse_key(struct check *c, struct err *err)
{
	if (c->r->outcome != GITHUB_SSH_KEY_REFUSED)
		return -1;
	return err_set(err, ERR_REFUSED,
		       "%s does not accept the deploy key %s for user \"%s\": it is not registered "
		       "there, or was removed or disabled (at GitHub: the repository's Settings, "
		       "Deploy keys)",
		       c->q->host, c->r->key_fingerprint, c->q->user);
}

static const char *reason_of(const struct github_session_run *run)
{
	if (run->refs.refusal[0] != '\0')
		return run->refs.refusal;
	return run->said[0] != '\0' ? run->said : "it gave no reason";
}

static int take_refs(struct check *c, const struct github_session_run *run, struct err *err)
{
	struct github_ssh_result *r = c->r;

	if (run->refs.refusal[0] == '\0' && (run->refs.done || run->refs.more)) {
		r->refs = run->refs.refs;
		r->more_refs = run->refs.more;
		memcpy(r->head, run->refs.head, sizeof(r->head));
		memcpy(r->head_ref, run->refs.head_ref, sizeof(r->head_ref));
		return 0;
	}
	keep(r->answer, sizeof(r->answer), reason_of(run));
	if (run->refs.begun) {
		r->outcome = GITHUB_SSH_GIT;
		return err_set(err, ERR_IO, "%s: the list of references ended in its middle (%s)",
			       c->q->host, r->answer);
	}
	r->outcome = GITHUB_SSH_REPOSITORY;
	return err_set(err, ERR_REFUSED,
		       "%s accepts the deploy key %s, but does not let it read %s (%s): check the "
		       "path; at GitHub a deploy key opens the one repository it is registered at",
		       c->q->host, r->key_fingerprint, c->q->path, r->answer);
}

static int read_repository(struct check *c, struct github_session *s, struct err *err)
{
	struct github_session_run run = GITHUB_SESSION_RUN_INIT;
	int rc = github_session_git(s, "git-upload-pack", false, &run, err);

	if (rc == 0)
		rc = take_refs(c, &run, err);
	else
		c->r->outcome = s->outcome;
	github_refs_clear(&run.refs);
	return rc;
}

/*
 * Only a clear refusal is one: the command ended by itself with a failure, or said so.  A broken
 * connection leaves it open and is no error of the check: reading was shown to work.
 */
static void try_write(struct check *c, struct github_session *s)
{
	struct github_session_run run = GITHUB_SESSION_RUN_INIT;
	struct err unused = ERR_INIT;

	if (github_session_git(s, "git-receive-pack", true, &run, &unused) != 0) {
		keep(c->r->answer, sizeof(c->r->answer), unused.text);
	} else if (run.refs.refusal[0] != '\0' || (!run.refs.begun && run.status > 0)) {
		c->r->access = GITHUB_SSH_READ_ONLY;
		keep(c->r->answer, sizeof(c->r->answer), reason_of(&run));
	} else if (run.refs.begun || run.refs.done) {
		c->r->access = GITHUB_SSH_READ_WRITE;
	} else {
		keep(c->r->answer, sizeof(c->r->answer), reason_of(&run));
	}
	github_refs_clear(&run.refs);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* An answer to the second command on one connection, or on a new one where only one is allowed. */
static void try_write_again(struct check *c, const char *const *types, size_t n)
{
	struct github_session s = GITHUB_SESSION_INIT(c->lib, c->q, c->deadline);
	struct github_ssh_result kept = *c->r;
	struct err unused = ERR_INIT;

	if (open_session(c, &s, types, n, &unused) == 0 &&
	    github_session_authenticate(&s, c->key, &unused) == 0)
		try_write(c, &s);
	kept.access = c->r->access;
	if (c->r->answer[0] != '\0')
		memcpy(kept.answer, c->r->answer, sizeof(kept.answer));
	*c->r = kept;
	github_session_close(&s);
}

static int use_session(struct check *c, struct github_session *s, struct err *err)
{
	if (github_session_authenticate(s, c->key, err) != 0) {
		c->r->outcome = s->outcome;
		return refuse_key(c, err);
	}
	return read_repository(c, s, err);
}

static int run_check(struct check *c, struct err *err)
{
	struct github_session s = GITHUB_SESSION_INIT(c->lib, c->q, c->deadline);
	const char *types[GITHUB_SSH_TYPES];
	size_t n = github_ssh_types(c->q, types);
	struct buf offered = BUF_INIT;
	int rc;

	github_ssh_algorithms(types, n, &offered);
	rc = open_session(c, &s, types, n, err);
	if (rc != 0 && s.no_host_key)
		rc = refuse_no_common(c, &offered, err);
	if (rc == 0)
		rc = use_session(c, &s, err);
	if (rc == 0)
		try_write(c, &s);
	github_session_close(&s);
	if (rc == 0 && c->r->access == GITHUB_SSH_ACCESS_UNKNOWN)
		try_write_again(c, types, n);
	if (rc == 0 && c->q->every_host_key)
		rc = try_other_types(c, types, n, err);
	buf_clear(&offered);
	return rc;
}

int github_ssh_check(const struct github_ssh_request *q, struct github_ssh_result *r,
		     struct err *err)
{
	int64_t begin = clock_monotonic_ms();
	struct check c = { q, github_libssh_load(err), r, NULL,
			   begin + (q->timeout > 0 ? q->timeout : GITHUB_SSH_TIMEOUT_MS) };
	int rc = -1;

	*r = (struct github_ssh_result){ .outcome = GITHUB_SSH_LIBRARY };
	r->proxied = q->proxy != NULL && q->proxy->host[0] != '\0';
	if (c.lib == NULL)
		return -1;
	if (read_key(&c, err) == 0)
		rc = run_check(&c, err);
	if (rc == 0)
		r->outcome = GITHUB_SSH_OK;
	if (c.key != NULL)
		c.lib->key_free(c.key);
	github_libssh_wipe();
	r->ms = clock_monotonic_ms() - begin;
	return rc;
}
