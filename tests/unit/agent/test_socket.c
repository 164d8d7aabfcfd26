/* SPDX-License-Identifier: Apache-2.0 */
/* The socket between two containers, from both sides; and the documents that openers died on. */
#include "tests/unit/agent/scene.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/dial.h"
#include "agent/listen.h"
#include "agent/opener.h"
#include "agent/quarantine.h"
#include "base/log.h"

static char *top, *path;

static int setup(void **state)
{
	(void)state;
	top = scene_new();
	path = scene_path(top, "s.sock");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_remove(top);
	mem_free(path);
	mem_free(top);
	return 0;
}

static void open_socket(struct listen_socket *l)
{
	const struct listen_options o = { path, geteuid(), LISTEN_NO_GROUP };
	struct err err = ERR_INIT;

	if (listen_open(&o, l, &err) != 0)
		fail_msg("%s", err.text);
}

static enum err_class open_class(const struct listen_options *o, struct err *err)
{
	struct listen_socket l;

	*err = (struct err)ERR_INIT;
	assert_int_equal(listen_open(o, &l, err), -1);
	assert_int_equal(l.fd, -1);
	assert_int_equal(l.lock, -1);
	return err->class;
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(name, &st), 0);
	return st.st_mode;
}

/* --- listen ----------------------------------------------------------------------------------- */

static void test_modes(void **state)
{
	const struct listen_options shared = { path, geteuid(), getegid() };
	struct listen_socket l;
	struct err err = ERR_INIT;
	char *lock = mem_printf("%s.lock", path);

	(void)state;
	open_socket(&l);
	assert_int_equal(mode_of(path), S_IFSOCK | 0600);
	assert_int_equal(mode_of(lock), S_IFREG | 0600);
	assert_int_equal(fcntl(l.fd, F_GETFD), FD_CLOEXEC);
	assert_true((fcntl(l.fd, F_GETFL) & O_NONBLOCK) != 0);
	listen_close(&l);
	assert_int_equal(l.fd, -1);
	assert_int_equal(listen_open(&shared, &l, &err), 0);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	listen_close(&l);
	listen_close(&l);
	mem_free(lock);
}

static void test_taken(void **state)
{
	const struct listen_options o = { path, geteuid(), LISTEN_NO_GROUP };
	struct listen_socket l, again;
	struct err err;

	(void)state;
	open_socket(&l);
	assert_int_equal(open_class(&o, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.text, "another opener serves there"));
	/* and the first one was not disturbed */
	assert_int_equal(mode_of(path), S_IFSOCK | 0600);
	listen_close(&l);
	assert_int_equal(listen_open(&o, &again, &err), 0); /* it left a socket: replaced */
	listen_close(&again);
}

static void test_not_ours_to_replace(void **state)
{
	const struct listen_options o = { path, geteuid(), LISTEN_NO_GROUP };
	char *lock = mem_printf("%s.lock", path);
	struct err err;

	(void)state;
	scene_write(top, "s.sock", "mine");
	assert_int_equal(open_class(&o, &err), ERR_CONFLICT);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	unlink(path);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(open_class(&o, &err), ERR_CONFLICT);
	unlink(path);
	/* nor is a lock followed to where a link leads */
	unlink(lock);
	assert_int_equal(symlink(path, lock), 0);
	assert_int_equal(open_class(&o, &err), ERR_IO);
	assert_int_equal(access(path, F_OK), -1);
	mem_free(lock);
}

static void test_long_path(void **state)
{
	char name[200];
	struct listen_options o = { name, geteuid(), LISTEN_NO_GROUP };
	struct dial d;
	struct err err;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[108] = '\0';
	assert_int_equal(open_class(&o, &err), ERR_USAGE);
	assert_non_null(strstr(err.text, "107 bytes"));
	assert_int_equal(dial_init(&d, name, 0, &err), -1);
	assert_int_equal(err.class, ERR_USAGE);
	assert_null(d.path);
	dial_clear(&d);
	name[0] = '\0';
	assert_int_equal(open_class(&o, &err), ERR_USAGE);
}

/* --- both ------------------------------------------------------------------------------------- */

static void test_connects(void **state)
{
	struct listen_socket l;
	struct listen_peer peer;
	struct err err = ERR_INIT;
	struct dial d;
	char text[8];
	int a, b;

	(void)state;
	open_socket(&l);
	assert_int_equal(dial_init(&d, path, geteuid(), &err), 0);
	assert_int_equal(listen_accept(&l, geteuid(), &peer, &err), -1); /* nobody is there */
	assert_int_equal(err.class, ERR_IO);
	a = dial_try(&d, &err);
	b = listen_accept(&l, geteuid(), &peer, &err);
	assert_true(a >= 0 && b >= 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.pid, getpid());
	assert_true((fcntl(a, F_GETFL) & O_NONBLOCK) != 0 && fcntl(a, F_GETFD) == FD_CLOEXEC);
	assert_true((fcntl(b, F_GETFL) & O_NONBLOCK) != 0 && fcntl(b, F_GETFD) == FD_CLOEXEC);
	/* packets stay apart */
	assert_int_equal(send(a, "one", 3, 0), 3);
	assert_int_equal(send(a, "two", 3, 0), 3);
	assert_int_equal(recv(b, text, sizeof(text), 0), 3);
	close(a);
	close(b);
	dial_clear(&d);
	listen_close(&l);
}

/* Each side asks the kernel who the other is. */
static void test_strangers(void **state)
{
	struct listen_socket l;
	struct listen_peer peer;
	struct err err = ERR_INIT;
	struct dial d, wrong;
	char byte;
	int a;

	(void)state;
	open_socket(&l);
	assert_int_equal(dial_init(&d, path, geteuid(), &err), 0);
	assert_int_equal(dial_init(&wrong, path, geteuid() + 1, &err), 0);
	a = dial_try(&d, &err);
	assert_true(a >= 0);
	assert_int_equal(listen_accept(&l, geteuid() + 1, &peer, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(recv(a, &byte, 1, 0), 0); /* closed */
	close(a);
	assert_int_equal(dial_try(&wrong, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_non_null(strstr(err.text, "nothing is sent there"));
	dial_clear(&d);
	dial_clear(&wrong);
	listen_close(&l);
}

static bool timer_runs(const struct dial *d, int ms)
{
	struct pollfd p = { .fd = d->timer, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static void test_pauses(void **state)
{
	static const int64_t want[] = { 50, 100, 200, 400, 800, 1600, 2000, 2000 };
	struct err err = ERR_INIT;
	struct dial d;
	int64_t now;

	(void)state;
	assert_int_equal(dial_init(&d, path, geteuid(), &err), 0);
	assert_true(d.at <= clock_monotonic_ms()); /* due at once */
	for (size_t i = 0; i < COUNT(want); i++) {
		now = clock_monotonic_ms();
		assert_int_equal(dial_try(&d, &err), -1);
		assert_int_equal(err.class, ERR_IO);
		assert_in_range(d.at - now, want[i], want[i] + 20);
	}
	dial_good(&d);
	dial_lost(&d, 0);
	assert_true(timer_runs(&d, 2000));
	assert_true(clock_monotonic_ms() >= d.at - 1);
	now = clock_monotonic_ms();
	dial_lost(&d, DIAL_REPLACED_MS);
	assert_in_range(d.at - now, DIAL_REPLACED_MS, DIAL_REPLACED_MS + 20);
	assert_false(timer_runs(&d, 0));
	dial_clear(&d);
}

/* --- no opener ever comes --------------------------------------------------------------------- */

static void test_connect_in_vain(void **state)
{
	struct opener_connect_options o = { .path = path, .uid = geteuid(), .wait_ms = 150 };
	struct err err = ERR_INIT;
	struct listen_socket l;
	int64_t began = clock_monotonic_ms();

	(void)state;
	assert_null(opener_connect(&o, &err));
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "No such file or directory"));
	assert_in_range(clock_monotonic_ms() - began, 150, 1000);
	/* someone takes the connection and says nothing */
	open_socket(&l);
	assert_null(opener_connect(&o, &err));
	assert_non_null(strstr(err.text, "does not say that it is ready"));
	listen_close(&l);
	/* nobody reads the socket that was left */
	assert_null(opener_connect(&o, &err));
	assert_non_null(strstr(err.text, "Connection refused"));
	o.path = "";
	assert_null(opener_connect(&o, &err));
	assert_int_equal(err.class, ERR_USAGE);
}

/* --- quarantine ------------------------------------------------------------------------------- */

static void name_document(struct document *d, int i)
{
	*d = (struct document)DOCUMENT_INIT;
	d->namespace = mem_str("foobar");
	d->name = mem_printf("app-%d", i);
	d->kind = kind_find("opaque");
	d->type = TYPE_OPAQUE;
}

static void test_quarantine(void **state)
{
	struct quarantine q = { 0 };
	struct document a, b;

	(void)state;
	name_document(&a, 1);
	name_document(&b, 2);
	assert_false(quarantine_has(&q, &a));
	quarantine_add(&q, &a);
	assert_true(quarantine_has(&q, &a));
	assert_false(quarantine_has(&q, &b));
	a.policy = POLICY_RETAIN; /* it has changed: another digest */
	assert_false(quarantine_has(&q, &a));
	document_clear(&a);
	document_clear(&b);
	quarantine_clear(&q);
}

static void test_quarantine_full(void **state)
{
	struct quarantine q = { 0 };
	struct document d;

	(void)state;
	for (int i = 0; i <= QUARANTINE_MAX; i++) {
		name_document(&d, i);
		quarantine_add(&q, &d);
		document_clear(&d);
	}
	assert_int_equal(q.n, QUARANTINE_MAX);
	name_document(&d, 0); /* the oldest gave way */
	assert_false(quarantine_has(&q, &d));
	document_clear(&d);
	for (int i = 1; i <= QUARANTINE_MAX; i += 1000) {
		name_document(&d, i);
		assert_true(quarantine_has(&q, &d));
		document_clear(&d);
	}
	quarantine_clear(&q);
}

static void test_suspects(void **state)
{
	struct quarantine q = { 0 };
	struct document a, b;

	(void)state;
	name_document(&a, 1);
	name_document(&b, 2);
	quarantine_clear_of(&q, &a);
	/* others in between do not help it */
	for (int i = 1; i < QUARANTINE_STRIKES; i++) {
		assert_false(quarantine_suspect(&q, &a));
		if (i == 1)
			assert_false(quarantine_suspect(&q, &b));
	}
	assert_true(quarantine_suspect(&q, &a));
	assert_true(quarantine_has(&q, &a));
	assert_false(quarantine_has(&q, &b));
	/* an answer does */
	for (int i = 0; i < 5; i++) {
		quarantine_clear_of(&q, &b);
		for (int k = 1; k < QUARANTINE_STRIKES; k++)
			assert_false(quarantine_suspect(&q, &b));
	}
	assert_true(quarantine_suspect(&q, &b));
	document_clear(&a);
	document_clear(&b);
	quarantine_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ours_to_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pauses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connect_in_vain, setup, teardown),
		cmocka_unit_test(test_quarantine),
		cmocka_unit_test(test_quarantine_full),
		cmocka_unit_test(test_suspects),
	};

	mem_init();
	log_level_set(LOG_ERROR);
	log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
