/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/opener_child.h"

#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "agent/audit.h"
#include "agent/frame.h"
#include "agent/jail.h"
#include "agent/wire.h"
#include "base/clock.h"
#include "base/log.h"
#include "document/seal.h"
#include "keys/keyring.h"

#define KEEP_MAX 65536 /* of the message buffer between requests */

struct opener_state {
	struct keyring keys;
	struct notes bad;
	int sock;
	int audit_fd;
};

void opener_child_prepare(void)
{
	/* no configuration file may decide which algorithms check a key */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS |
				OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ATEXIT,
			    NULL);
	/* time is told in UTC; the C library would look for a zone at the first conversion */
	setenv("TZ", "UTC0", 1);
	tzset();
	/* large blocks go back to the system when freed, however many come */
	mallopt(M_MMAP_THRESHOLD, KEEP_MAX);
}

static void settle(void)
{
	sigset_t none;
	size_t seed = 0;

	prctl(PR_SET_NAME, "bulla-opener");
	/* who ends the whole group means the supervisor; we end by our socket, or by SIGKILL */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* jansson would seed its hash tables from a file, and from the time when it cannot */
	while (seed == 0)
		randombytes_buf(&seed, sizeof(seed));
	json_object_seed(seed);
}

/* Whatever is wrong with the keys, an opener serves: it says so on every document. */
static void load_keys(struct opener_state *s, const char *dir)
{
	struct err err = ERR_INIT;

	if (keyring_add_dir(&s->keys, dir, &s->bad, &err) < 0)
		log_line(LOG_ERROR, "no sealing keys can be read", "error", err.text, (char *)NULL);
	for (size_t i = 0; i < s->bad.n; i++)
		log_line(LOG_WARN, "a key file cannot be used", "error", s->bad.text[i],
			 (char *)NULL);
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static int say_hello(const struct opener_state *s, const struct wire_hello *from)
{
	struct wire_hello hello = { .err = from->err,
				    .bad = (uint32_t)s->bad.n,
				    .landlock = from->landlock };
	char recipient[AGE_RECIPIENT_TEXT];
	struct buf io = BUF_INIT;
	int r = -1;

	for (size_t i = 0; i < s->keys.n; i++) {
		const char *id = age_identity_id(s->keys.ids[i]);

		age_recipient_format(age_identity_recipient(s->keys.ids[i]), recipient);
		kv_set_str(&hello.keys, id, last_component(s->keys.names[i]));
		kv_set_str(&hello.recipients, id, recipient);
	}
	frame_begin(&io);
	if (wire_put_hello(&io, &hello, NULL) == 0 &&
	    frame_send(s->sock, &io, FRAME_FOREVER) == FRAME_OK)
		r = 0;
	buf_clear(&io);
	wire_hello_clear(&hello);
	return r;
}

/* The classes that go over the wire, and never without a text. */
static void tidy_error(struct err *e)
{
	if (e->class != ERR_INVALID && e->class != ERR_NOKEY && e->class != ERR_REFUSED &&
	    e->class != ERR_IO)
		e->class = ERR_INTERNAL;
	if (e->text[0] == '\0')
		strcpy(e->text, "no reason was given");
}

static void open_one(const struct opener_state *s, const struct document *d, struct wire_answer *a)
{
	struct audit audit = { .document = d, .key_ids = &a->key_ids };
	int r =
	    open_document(d, &s->keys, clock_now(), &a->secret, &a->key_ids, &a->notes, &a->err);

	audit.result = r == 0 ? ERR_NONE : a->err.class;
	if (audit_write(s->audit_fd, &audit, &a->err) < 0)
		r = -1;
	if (r == 0) {
		a->err = (struct err)ERR_INIT;
		return;
	}
	kind_secret_clear(&a->secret);
	kv_clear(&a->key_ids);
	tidy_error(&a->err);
}

/* A request in, its answer out, in the same buffer. */
static int answer(const struct opener_state *s, struct buf *io, struct err *err)
{
	struct document d = DOCUMENT_INIT;
	struct wire_answer a = WIRE_ANSWER_INIT;
	int r = -1;

	if (wire_get_document(io->data + FRAME_HEAD, io->len - FRAME_HEAD, &d, err) < 0)
		return -1;
	open_one(s, &d, &a);
	frame_begin(io);
	if (wire_put_answer(io, &a, err) < 0) {
		wire_answer_clear(&a);
		a.err = *err;
		frame_begin(io);
		if (wire_put_answer(io, &a, err) < 0)
			goto out;
	}
	r = 0;
out:
	wire_answer_clear(&a);
	document_clear(&d);
	return r;
}

static void serve(const struct opener_state *s)
{
	struct err err = ERR_INIT;
	struct buf io = BUF_INIT;
	enum frame_result r;

	for (;;) {
		r = frame_recv(s->sock, &io, WIRE_REQUEST_MAX, FRAME_FOREVER);
		if (r == FRAME_BROKEN)
			err_set(&err, ERR_INVALID, "message: longer than allowed or overlapping");
		if (r != FRAME_OK || answer(s, &io, &err) < 0)
			break;
		r = frame_send(s->sock, &io, FRAME_FOREVER);
		if (r != FRAME_OK)
			break;
		if (io.cap > KEEP_MAX)
			buf_clear(&io);
		else
			buf_reset(&io);
	}
	buf_clear(&io);
	/* the agent speaks this protocol rightly, so this was not the agent: do not go on */
	if (err.class != ERR_NONE) {
		log_line(LOG_ERROR, "the opener was asked in a way it does not understand", "error",
			 err.text, (char *)NULL);
		_exit(ERR_INVALID);
	}
}

_Noreturn void opener_child_run(const struct opener_child *c)
{
	struct opener_state s = { KEYRING_INIT, NOTES_INIT, -1, -1 };
	struct wire_hello hello = WIRE_HELLO_INIT;
	int fds[] = { c->sock, c->audit_fd };
	int landlock = 0;

	settle();
	if (jail_descriptors(fds, 2, &hello.err) < 0)
		_exit(ERR_INTERNAL); /* and the socket closes: there is no way to say more */
	s.sock = fds[0];
	s.audit_fd = fds[1];
	load_keys(&s, c->keys_dir);
	jail_opener(s.audit_fd, &landlock, &hello.err);
	hello.landlock = (uint32_t)landlock;
	if (say_hello(&s, &hello) < 0 || hello.err.class != ERR_NONE)
		_exit(ERR_INTERNAL);
	if (c->serve != NULL)
		c->serve(s.sock, c->ctx);
	else
		serve(&s);
	keyring_clear(&s.keys);
	notes_clear(&s.bad);
	_exit(0);
}
