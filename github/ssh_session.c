/* SPDX-License-Identifier: Apache-2.0 */
#include "github/ssh_session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "github/dial.h"
#include "github/ssh_hostkeys.h"

/* Signatures of the deploy key, and of the host as far as it is allowed another. */
#define SIGNATURES                                                                                 \
	"ssh-ed25519,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,rsa-sha2-512,"    \
	"rsa-sha2-256"

/* A little of what libssh has read already may wait inside it: look again after this. */
#define SLICE 200 /* ms */

static int late(struct github_session *s, const char *doing, struct err *err)
{
	s->outcome = GITHUB_SSH_TIMEOUT;
	return err_set(err, ERR_IO, "%s (%s): did not answer in time %s", s->q->host, s->address,
		       doing);
}

/* Until the socket has something for libssh to do.  -1: the time is over. */
static int wait_socket(struct github_session *s, const char *doing, struct err *err)
{
	int flags = s->lib->get_poll_flags(s->session);
	struct pollfd p = { s->fd, POLLIN, 0 };
	int64_t left = s->deadline - clock_monotonic_ms();

	if (left <= 0)
		return late(s, doing, err);
	if ((flags & SSH_WRITE_PENDING) != 0)
		p.events |= POLLOUT;
	poll(&p, 1, left < SLICE ? (int)left : SLICE);
	return 0;
}

static int failed(struct github_session *s, enum github_ssh_outcome outcome, const char *doing,
		  struct err *err)
{
	s->outcome = outcome;
	return err_set(err, ERR_IO, "%s (%s): %s: %.300s", s->q->host, s->address, doing,
		       s->lib->get_error(s->session));
}

/* --- connection and handshake ----------------------------------------------------------------- */

static int dial(struct github_session *s, struct err *err)
{
	static const enum github_ssh_outcome outcomes[] = {
		[GITHUB_DIAL_DNS] = GITHUB_SSH_DNS,
		[GITHUB_DIAL_REFUSED] = GITHUB_SSH_REFUSED,
		[GITHUB_DIAL_UNREACHABLE] = GITHUB_SSH_UNREACHABLE,
		[GITHUB_DIAL_TIMEOUT] = GITHUB_SSH_TIMEOUT,
		[GITHUB_DIAL_PROXY] = GITHUB_SSH_PROXY,
	};
	const struct github_dial d = { s->q->host, s->q->port, s->q->proxy, s->deadline };
	struct github_dialed out;
	int rc = github_dial(&d, &out, err);

	s->fd = out.fd;
	memcpy(s->address, out.address, sizeof(s->address));
	if (rc != 0)
		s->outcome = outcomes[out.failure];
	return rc;
}

/* libssh reads no file of the user's: neither configuration nor known_hosts. */
static int set_options(struct github_session *s, const char *algorithms)
{
	static const char legacy[] = SIGNATURES ",ssh-rsa";
	const bool no = false;
	const int port = (int)s->q->port;
	/* SHA-1 signatures of a host only where Flux offers them; none by the deploy key */
	const char *signatures = strstr(algorithms, "ssh-rsa") != NULL ? legacy : SIGNATURES;
	const struct {
		enum ssh_options_e option;
		const void *value;
	} options[] = {
		{ SSH_OPTIONS_PROCESS_CONFIG, &no },
		{ SSH_OPTIONS_SSH_DIR, "/dev/null" },
		{ SSH_OPTIONS_KNOWNHOSTS, "/dev/null" },
		{ SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null" },
		{ SSH_OPTIONS_HOST, s->q->host },
		{ SSH_OPTIONS_PORT, &port },
		{ SSH_OPTIONS_USER, s->q->user },
		{ SSH_OPTIONS_FD, &s->fd },
		{ SSH_OPTIONS_HOSTKEYS, algorithms },
		{ SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, signatures },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (s->lib->options_set(s->session, options[i].option, options[i].value) != SSH_OK)
			return -1;
	s->lib->set_blocking(s->session, 0);
	return 0;
}

/* libssh skips lines before the version for ever, so what answers there is looked at beside it. */
static void listen_first(struct github_session *s)
{
	char bytes[4];
	ssize_t n;

	if (s->heard)
		return;
	n = recv(s->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0)
		return;
	s->heard = true;
	s->not_ssh = memcmp(bytes, "SSH-", (size_t)n) != 0;
}

static int explain_handshake(struct github_session *s, struct err *err)
{
	const char *text = s->lib->get_error(s->session);

	if (s->not_ssh && github_session_software(s)[0] == '\0') {
		s->outcome = GITHUB_SSH_NOT_SSH;
		return err_set(err, ERR_IO,
			       "%s (%s): something answers there, but not with SSH: check host and "
			       "port (a proxy or a captive portal may be in the way)",
			       s->q->host, s->address);
	}
	if (!s->heard) {
		s->outcome = GITHUB_SSH_CLOSED;
		return err_set(
		    err, ERR_IO,
		    "%s (%s): closed the connection before it said anything: a firewall, "
		    "or a server that allows no more connections",
		    s->q->host, s->address);
	}
	s->no_host_key =
	    strstr(text, "no match for method") != NULL && strstr(text, "host key") != NULL;
	if (strstr(text, "disconnected") != NULL || strstr(text, "Connection closed") != NULL ||
	    strstr(text, "reset by peer") != NULL || strstr(text, "Received SSH_MSG_DISCONNECT"))
		return failed(s, GITHUB_SSH_CLOSED, "the connection ended in the handshake", err);
	return failed(s, GITHUB_SSH_HANDSHAKE, "the SSH handshake failed", err);
}

static int shake_hands(struct github_session *s, struct err *err)
{
	for (;;) {
		int rc;

		listen_first(s);
		rc = s->lib->connect(s->session);
		if (rc == SSH_OK)
			return 0;
		if (rc != SSH_AGAIN)
			return explain_handshake(s, err);
		if (wait_socket(s, s->heard ? "in the handshake" : "(it says nothing)", err) != 0)
			return s->not_ssh ? explain_handshake(s, err) : -1;
	}
}

static int take_host_key(struct github_session *s, struct err *err)
{
	ssh_key key = NULL;
	char *text = NULL;
	int rc = -1;

	if (s->lib->get_server_publickey(s->session, &key) == SSH_OK &&
	    s->lib->pki_export_pubkey_base64(key, &text) == SSH_OK &&
	    b64_decode(&s->host_blob, text, strlen(text)) == 0 && s->host_blob.len > 4) {
		/* the blob begins with its type: what libssh calls it may be the signature's */
		size_t n = s->host_blob.data[3];

		rc = 0;
		if (n + 4 < s->host_blob.len)
			s->host_type = github_ssh_type((const char *)s->host_blob.data + 4, n);
	}
	if (text != NULL)
		s->lib->string_free_char(text);
	s->lib->key_free(key);
	return rc == 0 ? 0 : failed(s, GITHUB_SSH_HANDSHAKE, "cannot read its host key", err);
}

int github_session_open(struct github_session *s, const char *algorithms, struct err *err)
{
	if (dial(s, err) != 0)
		return -1;
	s->session = s->lib->new ();
	if (s->session == NULL) {
		s->outcome = GITHUB_SSH_LIBRARY;
		return err_set(err, ERR_IO, "libssh cannot be set up");
	}
	if (set_options(s, algorithms) != 0)
		return failed(s, GITHUB_SSH_LIBRARY, "libssh does not take an option", err);
	return shake_hands(s, err) == 0 ? take_host_key(s, err) : -1;
}

const char *github_session_software(const struct github_session *s)
{
	const char *text = s->session == NULL ? NULL : s->lib->get_serverbanner(s->session);

	return text == NULL ? "" : text;
}

void github_session_close(struct github_session *s)
{
	if (s->session != NULL) {
		s->lib->disconnect(s->session);
		s->lib->free(s->session);
	}
	if (s->fd >= 0)
		close(s->fd);
	buf_clear(&s->host_blob);
	s->session = NULL;
	s->fd = -1;
}

/* --- the deploy key --------------------------------------------------------------------------- */

int github_session_authenticate(struct github_session *s, ssh_key key, struct err *err)
{
	for (;;) {
		int rc = s->lib->userauth_publickey(s->session, s->q->user, key);

		if (rc == SSH_AUTH_SUCCESS)
			return 0;
		if (rc == SSH_AUTH_DENIED || rc == SSH_AUTH_PARTIAL) {
			s->outcome = GITHUB_SSH_KEY_REFUSED;
			return err_set(err, ERR_REFUSED, "%s%s: does not accept the key",
				       s->q->host,
				       rc == SSH_AUTH_PARTIAL ? " (wants more than a key)" : "");
		}
		if (rc != SSH_AUTH_AGAIN)
			return failed(s, GITHUB_SSH_CLOSED, "ended while it was shown the key",
				      err);
		if (wait_socket(s, "when it was shown the key", err) != 0)
			return -1;
	}
}

/* --- commands --------------------------------------------------------------------------------- */

void github_session_quote(const char *path, struct buf *out)
{
	buf_putc(out, '\'');
	for (; *path != '\0'; path++)
		if (*path == '\'' || *path == '!')
			buf_printf(out, "'\\%c'", *path);
		else
			buf_putc(out, (unsigned char)*path);
	buf_putc(out, '\'');
}

/* Call a step of libssh until it has no more to wait for. */
static int finish(struct github_session *s, int (*step)(struct github_session *s, void *arg),
		  void *arg, const char *doing, struct err *err)
{
	int rc;

	while ((rc = step(s, arg)) == SSH_AGAIN)
		if (wait_socket(s, doing, err) != 0)
			return -1;
	return rc == SSH_OK ? 0 : failed(s, GITHUB_SSH_CLOSED, doing, err);
}

struct exec {
	ssh_channel channel;
	const char *command;
};

static int step_open(struct github_session *s, void *arg)
{
	return s->lib->channel_open_session(((struct exec *)arg)->channel);
}

static int step_exec(struct github_session *s, void *arg)
{
	const struct exec *e = arg;

	return s->lib->channel_request_exec(e->channel, e->command);
}

/* The last line that is not empty: GitHub's "ERROR: ..." stands behind what may come first. */
static void keep_line(const struct buf *text, char *to)
{
	const char *p = buf_str(text), *line = p;
	size_t len = strlen(p), n;

	while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\r' || p[len - 1] == ' '))
		len--;
	for (size_t i = 0; i < len; i++)
		if (p[i] == '\n')
			line = p + i + 1;
	n = len - (size_t)(line - p);
	n = n < GITHUB_SSH_TEXT ? n : GITHUB_SSH_TEXT - 1;
	memcpy(to, line, n);
	to[n] = '\0';
}

/*
 * What is there on standard error; beyond the first bytes it is not kept.  It may come as fast as
 * it is read, and for ever.
 */
static void drain_errors(struct github_session *s, ssh_channel channel, struct buf *said)
{
	char bytes[512];
	int n;

	while (clock_monotonic_ms() < s->deadline &&
	       (n = s->lib->channel_read_nonblocking(channel, bytes, sizeof(bytes), 1)) > 0)
		buf_put(said, bytes, (size_t)n);
}

/* 1: read some; 0: nothing there; -1: failed. */
static int read_some(struct github_session *s, ssh_channel channel, struct github_refs *refs,
		     struct err *err)
{
	unsigned char bytes[16384];
	int n = s->lib->channel_read_nonblocking(channel, bytes, sizeof(bytes), 0);

	if (n == SSH_ERROR)
		return failed(s, GITHUB_SSH_CLOSED, "ended while its references were read", err);
	if (n <= 0)
		return 0;
	if (github_refs_feed(refs, bytes, (size_t)n, err) == 0)
		return 1;
	s->outcome = GITHUB_SSH_GIT;
	if (err != NULL)
		err->class = ERR_IO;
	return err_wrap(err, "%s (%s)", s->q->host, s->address);
}

static bool ended(struct github_session *s, ssh_channel channel)
{
	return s->lib->channel_is_eof(channel) || s->lib->channel_is_closed(channel);
}

/* After the end of its output the status is on its way. */
static int wait_status(struct github_session *s, ssh_channel channel, struct err *err)
{
	int status;

	while ((status = s->lib->channel_get_exit_status(channel)) == -1 &&
	       !s->lib->channel_is_closed(channel))
		if (wait_socket(s, "with the end of a command", err) != 0)
			return -2;
	return status;
}

static int read_refs(struct github_session *s, ssh_channel channel, bool first_only,
		     struct github_session_run *run, struct err *err)
{
	struct buf said = { .max = 4096 };
	int rc = -1, n;

	while (!github_refs_over(&run->refs) && !(first_only && run->refs.begun)) {
		n = read_some(s, channel, &run->refs, err);
		if (n < 0)
			goto out;
		drain_errors(s, channel, &said);
		if (n > 0 && clock_monotonic_ms() < s->deadline)
			continue;
		if (n > 0) {
			late(s, "with the end of its references", err);
			goto out;
		}
		if (ended(s, channel)) {
			run->status = wait_status(s, channel, err);
			drain_errors(s, channel, &said);
			rc = run->status == -2 ? -1 : 0;
			goto out;
		}
		if (wait_socket(s, "when it was asked for its references", err) != 0)
			goto out;
	}
	rc = 0;
out:
	keep_line(&said, run->said);
	buf_clear(&said);
	return rc;
}

/* "Nothing more": no wants for upload-pack, no commands for receive-pack, which both then end. */
static void say_goodbye(struct github_session *s, ssh_channel channel)
{
	if (s->lib->channel_write(channel, "0000", 4) == 4)
		s->lib->channel_send_eof(channel);
}

int github_session_git(struct github_session *s, const char *service, bool first_only,
		       struct github_session_run *run, struct err *err)
{
	struct exec e = { s->lib->channel_new(s->session), NULL };
	struct buf command = BUF_INIT;
	int rc = -1;

	buf_printf(&command, "%s ", service);
	github_session_quote(s->q->path, &command);
	e.command = buf_str(&command);
	if (e.channel != NULL && finish(s, step_open, &e, "cannot open a channel", err) == 0 &&
	    finish(s, step_exec, &e, "does not start the command", err) == 0)
		rc = read_refs(s, e.channel, first_only, run, err);
	if (rc == 0 && (run->refs.begun || run->refs.done))
		say_goodbye(s, e.channel);
	if (e.channel != NULL)
		s->lib->channel_free(e.channel);
	else
		failed(s, GITHUB_SSH_LIBRARY, "libssh makes no channel", err);
	buf_clear(&command);
	return rc;
}
