/* SPDX-License-Identifier: Apache-2.0 */
/* What github/ssh.h is asked, and what it answers. */
#ifndef BULLA_GITHUB_SSH_TYPES_H
#define BULLA_GITHUB_SSH_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/b64.h"
#include "base/buf.h"
#include "github/proxy.h"
#include "github/refs.h"

/* A key out of known_hosts, in the order of its lines; revoked ones are left out. */
struct github_ssh_host_key {
	const char *type; /* "ssh-ed25519" */
	const unsigned char *blob;
	size_t len;
	bool listed; /* for this host; others count only because their type is offered to it */
};

#define GITHUB_SSH_TIMEOUT_MS 20000 /* ms, for all of it */

/* All of it is the caller's, who has checked key, host and path by the rules of kinds/. */
struct github_ssh_request {
	const char *user; /* "git" */
	const char *host; /* IPv6 without brackets */
	unsigned port;
	const char *path; /* "/org/repo" */
	/* not encrypted: Ed25519 in OpenSSH's format, others in PKCS#8 PEM */
	const struct buf *identity;
	const struct github_ssh_host_key *host_keys;
	size_t n_host_keys;
	const struct github_proxy *proxy; /* NULL: directly */
	bool every_host_key;
	int64_t timeout; /* ms; 0: GITHUB_SSH_TIMEOUT_MS */
};

/* Where it ended. */
enum github_ssh_outcome {
	GITHUB_SSH_OK,
	GITHUB_SSH_LIBRARY,	 /* libssh is missing */
	GITHUB_SSH_KEY,		 /* libssh cannot read the private key */
	GITHUB_SSH_DNS,		 /* no address */
	GITHUB_SSH_REFUSED,	 /* nobody listens */
	GITHUB_SSH_UNREACHABLE,	 /* no route, reset */
	GITHUB_SSH_PROXY,	 /* the proxy does not connect */
	GITHUB_SSH_TIMEOUT,	 /* the time was over, at any step */
	GITHUB_SSH_NOT_SSH,	 /* something else answers there */
	GITHUB_SSH_CLOSED,	 /* the server closed the connection, at any step */
	GITHUB_SSH_HANDSHAKE,	 /* no common algorithms, broken protocol, a false signature */
	GITHUB_SSH_HOST_UNKNOWN, /* a host key of a type that known_hosts has none of for it */
	GITHUB_SSH_HOST_CHANGED, /* another host key than the one listed */
	GITHUB_SSH_KEY_REFUSED,	 /* the server does not take the deploy key */
	GITHUB_SSH_REPOSITORY,	 /* missing, or the key may not read it */
	GITHUB_SSH_GIT,		 /* the server's git does not speak Git's protocol */
	GITHUB_SSH_OUTCOMES	 /* one more than the greatest */
};

enum github_ssh_access {
	GITHUB_SSH_ACCESS_UNKNOWN, /* neither granted nor refused clearly */
	GITHUB_SSH_READ_ONLY,
	GITHUB_SSH_READ_WRITE,
};

enum github_ssh_host_state {
	GITHUB_SSH_HOST_MATCHES,
	GITHUB_SSH_HOST_OTHER,	     /* the server's key is not the listed one, or none is listed */
	GITHUB_SSH_HOST_NOT_OFFERED, /* the server has no key of the type */
};

#define GITHUB_SSH_TYPES 5 /* ssh-ed25519, three ecdsa-sha2-nistp*, ssh-rsa */
#define GITHUB_SSH_TEXT 256

/* One type of host key that known_hosts has. */
struct github_ssh_host {
	const char *type; /* a constant */
	enum github_ssh_host_state state;
	char fingerprint[B64_FINGERPRINT]; /* what the server showed; "" when nothing */
	char expected[B64_FINGERPRINT];	   /* the key listed for the host; "": none */
};

/* Facts for people and programs.  Texts of the server are as it sent them: print them escaped. */
struct github_ssh_result {
	enum github_ssh_outcome outcome;
	char address[64]; /* "140.82.121.4:22", of the proxy when there is one */
	bool proxied;
	bool port_443;			/* the caller asked at ssh.github.com:443, for github.com */
	char software[GITHUB_SSH_TEXT]; /* "SSH-2.0-babeld-..." */
	struct github_ssh_host hosts[GITHUB_SSH_TYPES]; /* those that were asked for */
	size_t n_hosts;
	const char *key_type; /* of the deploy key; a constant, NULL before it was read */
	char key_fingerprint[B64_FINGERPRINT];
	size_t refs;
	bool more_refs;			 /* and more than that */
	char head[GITHUB_REFS_OID];	 /* "": the repository has no HEAD (it is empty) */
	char head_ref[GITHUB_REFS_NAME]; /* "": not told */
	enum github_ssh_access access;
	char answer[GITHUB_SSH_TEXT]; /* what the server said when it refused reading or writing */
	int64_t ms;
};

#endif
