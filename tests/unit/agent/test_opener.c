/* SPDX-License-Identifier: Apache-2.0 */
/* Real supervisors and openers: what they open, what they survive, what they leave behind. */
#include "tests/unit/agent/scene.h"

#include <jansson.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/socket.h>

#include "agent/control.h"
#include "agent/filter.h"
#include "agent/frame.h"
#include "agent/opener.h"
#include "agent/supervisor.h"
#include "agent/wire.h"
#include "base/json.h"
#include "base/log.h"

static char *top, *keys;
static int audit_fd;
static struct age_identity *key;
static struct opener *opener;

static int setup(void **state)
{
	char *path;

	(void)state;
	top = scene_new();
	keys = scene_path(top, "keys");
	scene_mkdir(top, "keys");
	path = scene_path(top, "audit");
	audit_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	mem_free(path);
	key = scene_key(keys, "20260101T000000Z-a.key");
	return audit_fd < 0;
}

static int teardown(void **state)
{
	(void)state;
	opener_stop(opener);
	opener = NULL;
	close(audit_fd);
	scene_remove(top);
	age_identity_free(key);
	mem_free(keys);
	mem_free(top);
	return 0;
}

static void start(int timeout_ms)
{
	const struct opener_options options = { .keys_dir = keys,
						.audit_fd = audit_fd,
						.timeout_ms = timeout_ms };
	struct err err = ERR_INIT;

	opener = opener_start(&options, &err);
	if (opener == NULL)
		fail_msg("%s", err.text);
}

static enum err_class open_class(const struct document *d, struct err *err)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct kv ids = KV_INIT;
	int r;

	*err = (struct err)ERR_INIT;
	r = opener_open(opener, d, &s, &ids, NULL, err);
	assert_true((r == 0) == (err->class == ERR_NONE));
	if (r != 0) {
		assert_null(s.type);
		assert_int_equal(s.data.n + s.facts.n + ids.n, 0);
	}
	kind_secret_clear(&s);
	kv_clear(&ids);
	return err->class;
}

static void expect_opens(const struct document *d)
{
	struct err err;

	if (open_class(d, &err) != ERR_NONE)
		fail_msg("%s", err.text);
}

/* Wait until the supervisor has news, take it. */
static bool news(int ms)
{
	struct pollfd p = { .fd = opener_fd(opener), .events = POLLIN };

	return poll(&p, 1, ms) == 1 && opener_poll(opener);
}

/* The n-th line written to the audit descriptor, as JSON; or NULL. */
static json_t *audit_line(size_t n)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *v = NULL;
	char *path = scene_path(top, "audit"), *line, *end;

	assert_int_equal(file_read(path, 1 << 20, 0, &text, NULL, &err), 0);
	line = (char *)text.data;
	for (; n > 0 && line != NULL; n--)
		line = strchr(line, '\n') == NULL ? NULL : strchr(line, '\n') + 1;
	end = line == NULL ? NULL : strchr(line, '\n');
	if (end != NULL)
		v = json_parse(line, (size_t)(end - line), "audit", &err);
	buf_clear(&text);
	mem_free(path);
	return v;
}

static const char *text_of(const json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	assert_non_null(s);
	return s;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void test_opens(void **state)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct kv ids = KV_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	char digest[DOCUMENT_DIGEST_TEXT];
	struct document d;
	json_t *line;

	(void)state;
	scene_document(&d, "app-env", SCENE_MARK, strlen(SCENE_MARK), key);
	start(0);
	assert_int_equal(opener_keys(opener)->n, 1);
	assert_string_equal(opener_keys(opener)->items[0].name, age_identity_id(key));
	assert_string_equal(kv_get_str(opener_keys(opener), age_identity_id(key)),
			    "20260101T000000Z-a.key");
	assert_int_equal(opener_bad_keys(opener), 0);
	assert_int_equal(opener_open(opener, &d, &s, &ids, &notes, &err), 0);
	assert_string_equal(s.type, TYPE_OPAQUE);
	assert_int_equal(s.data.n, 1);
	assert_string_equal(kv_get_str(&s.data, "VALUE"), SCENE_MARK);
	assert_int_equal(ids.n, 1);
	assert_string_equal(ids.items[0].name, age_identity_id(key));
	assert_int_equal(opener_openings(opener, ERR_NONE), 1);
	assert_int_equal(opener_opened_with(opener, age_identity_id(key)), 1);
	assert_int_equal(opener_opened_with(opener, "4c1d9a0e5b7f22338d01c6b2a4e7f905"), 0);
	assert_int_equal(opener_restarts(opener), 0);

	line = audit_line(0);
	document_digest(&d, digest);
	assert_string_equal(text_of(line, "msg"), "opening");
	assert_string_equal(text_of(line, "namespace"), "foobar");
	assert_string_equal(text_of(line, "name"), "app-env");
	assert_string_equal(text_of(line, "digest"), digest);
	assert_string_equal(text_of(line, "kind"), "opaque");
	assert_string_equal(text_of(line, "result"), "opened");
	assert_int_equal(json_integer_value(json_object_get(line, "parts")), 1);
	assert_int_equal(json_array_size(json_object_get(line, "keyIds")), 1);
	assert_string_equal(json_string_value(json_array_get(json_object_get(line, "keyIds"), 0)),
			    age_identity_id(key));
	assert_int_equal(json_object_size(line), 10);
	assert_int_equal(strlen(text_of(line, "time")), CLOCK_TEXT_SIZE - 1);
	json_decref(line);
	kind_secret_clear(&s);
	kv_clear(&ids);
	notes_clear(&notes);
	document_clear(&d);
}

/* The opener makes every check itself, whatever it is asked by. */
static void test_refuses(void **state)
{
	struct age_identity *other = scene_key(NULL, NULL);
	struct document d;
	struct err err;
	json_t *line;

	(void)state;
	start(0);
	scene_document(&d, "app-env", "x", 1, key);
	mem_free(d.name);
	d.name = mem_str("moved");
	assert_int_equal(open_class(&d, &err), ERR_REFUSED);
	document_clear(&d);

	scene_document(&d, "app-env", "x", 1, key);
	d.parts[0].age.data[d.parts[0].age.len - 1] ^= 1;
	assert_int_equal(open_class(&d, &err), ERR_REFUSED);
	document_clear(&d);

	scene_document(&d, "app-env", "x", 1, other);
	assert_int_equal(open_class(&d, &err), ERR_NOKEY);
	document_clear(&d);

	/* what document_parse would never let through, as a taken net process could send it */
	scene_document(&d, "app-env", "x", 1, key);
	d.type = TYPE_DOCKER;
	assert_int_equal(open_class(&d, &err), ERR_INVALID);
	assert_string_not_equal(err.text, "");
	mem_free(d.namespace);
	d.namespace = mem_str("../etc\n\"");
	assert_int_equal(open_class(&d, &err), ERR_INVALID);
	document_clear(&d);

	scene_document(&d, "app-env", "x", 1, key);
	expect_opens(&d);
	document_clear(&d);
	assert_int_equal(opener_openings(opener, ERR_NONE), 1);
	assert_int_equal(opener_restarts(opener), 0);

	static const char *const results[] = { "refused", "refused", "no-key",
					       "invalid", "invalid", "opened" };
	for (size_t i = 0; i < COUNT(results); i++) {
		line = audit_line(i);
		if (strcmp(results[i], "no-key") == 0)
			assert_string_equal(text_of(line, "result"), err_class_name(ERR_NOKEY));
		else
			assert_string_equal(text_of(line, "result"), results[i]);
		if (i == 4)
			assert_string_equal(text_of(line, "namespace"), "../etc\n\"");
		json_decref(line);
	}
	assert_null(audit_line(COUNT(results)));
	age_identity_free(other);
}

/* The largest value, larger than any socket buffer; and the longest line of audit. */
static void test_large(void **state)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct document d;
	struct err err = ERR_INIT;
	size_t len = 512000;
	char *value = mem_alloc(len);

	(void)state;
	memset(value, 'v', len);
	scene_document(&d, "big", value, len, key);
	start(0);
	for (int i = 0; i < 3; i++) {
		if (opener_open(opener, &d, &s, NULL, NULL, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(kv_get(&s.data, "VALUE")->len, len);
		assert_memory_equal(kv_get(&s.data, "VALUE")->data, value, len);
		kind_secret_clear(&s);
	}
	document_clear(&d);
	mem_free(value);
}

/* A request that cannot be encoded is the document's fault, and the opener goes on. */
static void test_too_large(void **state)
{
	struct document d;
	struct err err;

	(void)state;
	start(0);
	scene_document(&d, "big", "x", 1, key);
	memset(buf_reserve(&d.parts[0].age, WIRE_REQUEST_MAX), 'x', WIRE_REQUEST_MAX);
	assert_int_equal(open_class(&d, &err), ERR_INVALID);
	document_clear(&d);
	scene_document(&d, "small", "x", 1, key);
	expect_opens(&d);
	document_clear(&d);
	assert_int_equal(opener_restarts(opener), 0);
}

/* --- keys that come, go, and are bad ---------------------------------------------------------- */

/* A document that nobody here could open is opened by the same call once its key is there. */
static void test_key_added(void **state)
{
	struct age_identity *more = age_identity_generate();
	struct buf text = BUF_INIT;
	struct document d;
	struct err err;
	pid_t before;

	(void)state;
	start(0);
	before = opener_pid(opener);
	scene_document(&d, "app-env", "x", 1, more);
	assert_int_equal(open_class(&d, &err), ERR_NOKEY);
	keyring_file_format(more, clock_now(), &text);
	scene_write(keys, "20260201T000000Z-b.key", buf_str(&text));
	assert_true(news(3000));
	assert_int_equal(opener_keys(opener)->n, 2);
	assert_string_equal(kv_get_str(opener_keys(opener), age_identity_id(more)),
			    "20260201T000000Z-b.key");
	assert_true(opener_pid(opener) != before);
	expect_opens(&d);
	assert_true(scene_gone(before, 3000)); /* the one with the old keys ends by itself */
	assert_false(opener_poll(opener));
	age_identity_free(more);
	buf_clear(&text);
	document_clear(&d);
}

static void test_directory_appears(void **state)
{
	struct document d;
	struct err err;
	char *key_file = scene_path(keys, "20260101T000000Z-a.key");

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	unlink(key_file);
	mem_free(key_file);
	assert_int_equal(rmdir(keys), 0);
	start(0);
	assert_int_equal(opener_keys(opener)->n, 0);
	assert_int_equal(open_class(&d, &err), ERR_NOKEY);
	assert_int_equal(mkdir(keys, 0700), 0);
	age_identity_free(key);
	document_clear(&d);
	key = scene_key(keys, "20260101T000000Z-a.key");
	scene_document(&d, "app-env", "x", 1, key);
	for (int i = 0; i < 3 && opener_keys(opener)->n == 0; i++)
		news(3000); /* the empty directory may have been seen before the file */
	assert_int_equal(opener_keys(opener)->n, 1);
	expect_opens(&d);
	document_clear(&d);
}

/* The mount of a Secret: the link is swapped, the file names stay. */
static void test_mounted_secret(void **state)
{
	char *mount = scene_path(top, "mount"), *one = scene_path(top, "mount/..1"),
	     *two = scene_path(top, "mount/..2"), *data = scene_path(top, "mount/..data"),
	     *tmp = scene_path(top, "mount/..tmp"), *file = scene_path(top, "mount/k.key");
	struct age_identity *first, *second;
	struct document d;

	(void)state;
	scene_mkdir(top, "mount");
	scene_mkdir(mount, "..1");
	scene_mkdir(mount, "..2");
	first = scene_key(one, "k.key");
	second = scene_key(two, "k.key");
	assert_int_equal(symlink("..1", data), 0);
	assert_int_equal(symlink("..data/k.key", file), 0);
	mem_free(keys);
	keys = mount;
	start(0);
	assert_non_null(kv_get(opener_keys(opener), age_identity_id(first)));
	assert_int_equal(symlink("..2", tmp), 0);
	assert_int_equal(rename(tmp, data), 0);
	assert_true(news(3000));
	assert_int_equal(opener_keys(opener)->n, 1);
	assert_non_null(kv_get(opener_keys(opener), age_identity_id(second)));
	scene_document(&d, "app-env", "x", 1, second);
	expect_opens(&d);
	document_clear(&d);
	age_identity_free(first);
	age_identity_free(second);
	mem_free(one);
	mem_free(two);
	mem_free(data);
	mem_free(tmp);
	mem_free(file);
}

static void test_bad_keys(void **state)
{
	struct document d;

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	scene_write(keys, "broken.key", "not a key\n");
	scene_write(keys, "empty.key", "");
	start(0);
	assert_int_equal(opener_keys(opener)->n, 1);
	assert_int_equal(opener_bad_keys(opener), 2);
	expect_opens(&d);
	/* one is mended: no new key, but one bad file less */
	age_identity_free(scene_key(keys, "broken.key"));
	assert_true(news(3000));
	assert_int_equal(opener_bad_keys(opener), 1);
	assert_int_equal(opener_keys(opener)->n, 2);
	document_clear(&d);
}

/* Refuse these calls from now on, as an older kernel or a container does. */
static void without(const int *calls, size_t n)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	for (size_t i = 0; i < n; i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0) < 0)
			_exit(3);
	if (seccomp_load(ctx) < 0)
		_exit(3);
	seccomp_release(ctx);
}

/* A key added is found, by the slow look where nothing tells of it. */
static void on_poor_system(const int *calls, size_t n)
{
	int64_t begin = clock_monotonic_ms();

	without(calls, n);
	start(0);
	age_identity_free(scene_key(keys, "20260201T000000Z-b.key"));
	while (opener_keys(opener)->n == 1 && clock_monotonic_ms() < begin + 15000)
		news(1000);
	_exit(opener_keys(opener)->n == 2 ? 0 : 4);
}

/* Without any one of these the rest holds. */
static void test_poor_system(void **state)
{
	static const int calls[] = { SCMP_SYS(landlock_create_ruleset), SCMP_SYS(inotify_init1),
				     SCMP_SYS(close_range) };
	pid_t children[COUNT(calls)];
	int status;

	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		children[i] = fork();
		if (children[i] == 0) {
			mem_free(keys);
			keys = mem_printf("%s/keys%zu", top, i);
			assert_int_equal(mkdir(keys, 0700), 0);
			age_identity_free(scene_key(keys, "20260101T000000Z-a.key"));
			on_poor_system(&calls[i], 1);
		}
	}
	for (size_t i = 0; i < COUNT(calls); i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

/* --- openers that die ------------------------------------------------------------------------- */

/* Another process that ends pid in a moment, when the test is waiting for its answer. */
static pid_t kill_soon(pid_t pid, int sig, int ms)
{
	pid_t killer = fork();

	assert_true(killer >= 0);
	if (killer == 0) {
		scene_sleep(ms);
		kill(pid, sig);
		_exit(0);
	}
	return killer;
}

static void test_death_on_a_document(void **state)
{
	struct document bad, good;
	struct err err;
	pid_t first, killer;

	(void)state;
	scene_document(&bad, "bad", "x", 1, key);
	scene_document(&good, "good", "x", 1, key);
	start(0);
	first = opener_pid(opener);
	kill(first, SIGSTOP); /* it holds the request when it dies */
	killer = kill_soon(first, SIGKILL, 100);
	assert_int_equal(open_class(&bad, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.text, "died of signal 9"));
	waitpid(killer, NULL, 0);

	expect_opens(&good); /* through a fresh one */
	assert_true(opener_pid(opener) != first);
	assert_int_equal(opener_restarts(opener), 1);
	assert_int_equal(open_class(&bad, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.text, "quarantined"));
	assert_int_equal(opener_restarts(opener), 1); /* it was not tried again */

	/* the same name with other bytes is another document */
	document_clear(&bad);
	scene_document(&bad, "bad", "x", 1, key);
	expect_opens(&bad);
	document_clear(&bad);
	document_clear(&good);
}

static void test_death_while_idle(void **state)
{
	struct document d;
	pid_t first;

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	start(0);
	for (int i = 0; i < 3; i++) {
		first = opener_pid(opener);
		kill(first, SIGKILL);
		assert_true(scene_gone(first, 2000));
		expect_opens(&d);
		assert_true(opener_pid(opener) != first);
	}
	assert_int_equal(opener_restarts(opener), 3);
	document_clear(&d);
}

static void test_hanging(void **state)
{
	struct document bad, good;
	struct err err;
	int64_t begin;
	pid_t first;

	(void)state;
	scene_document(&bad, "bad", "x", 1, key);
	scene_document(&good, "good", "x", 1, key);
	start(300);
	first = opener_pid(opener);
	kill(first, SIGSTOP);
	begin = clock_monotonic_ms();
	assert_int_equal(open_class(&bad, &err), ERR_CONFLICT);
	assert_non_null(strstr(err.text, "did not answer in time"));
	assert_in_range(clock_monotonic_ms() - begin, 300, 2000);
	expect_opens(&good);
	assert_true(scene_gone(first, 2000)); /* stopped, and yet ended */
	assert_int_equal(open_class(&bad, &err), ERR_CONFLICT);
	document_clear(&bad);
	document_clear(&good);
}

/* The supervisor cannot be had: say so soon, say so at once the next time, recover. */
static void test_no_opener_for_now(void **state)
{
	struct document d;
	struct err err;
	pid_t supervisor;
	int64_t begin;

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	start(0);
	supervisor = scene_parent(opener_pid(opener));
	kill(supervisor, SIGSTOP);
	kill(opener_pid(opener), SIGKILL);
	assert_true(scene_gone(opener_pid(opener), 2000));
	assert_int_equal(open_class(&d, &err), ERR_IO);
	begin = clock_monotonic_ms();
	assert_int_equal(open_class(&d, &err), ERR_IO);
	assert_true(clock_monotonic_ms() - begin < 500);
	assert_int_equal(opener_pid(opener), 0);
	assert_true(opener_alive(opener));
	kill(supervisor, SIGCONT);
	assert_false(news(3000)); /* an opener, with the same keys */
	for (int i = 0; i < 100 && opener_pid(opener) == 0; i++)
		news(100);
	expect_opens(&d);
	document_clear(&d);
}

/* Whoever ends the supervisor ends all: no document is blamed, and the agent can know. */
static void test_supervisor_dies(void **state)
{
	struct document d;
	struct err err;
	pid_t supervisor, child, killer;

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	start(0);
	child = opener_pid(opener);
	supervisor = scene_parent(child);
	kill(child, SIGSTOP);
	killer = kill_soon(supervisor, SIGKILL, 100);
	assert_int_equal(open_class(&d, &err), ERR_IO);
	assert_true(scene_gone(child, 2000));
	assert_false(opener_alive(opener));
	news(1000);
	assert_int_equal(open_class(&d, &err), ERR_IO);
	assert_non_null(strstr(err.text, "restart the agent"));
	waitpid(killer, NULL, 0);
	document_clear(&d);
}

/* Openers that die in a row are started ever more slowly, but are started. */
static void test_keeps_dying(void **state)
{
	struct document d;
	size_t restarts;
	int64_t until;

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	start(0);
	until = clock_monotonic_ms() + 1000;
	while (clock_monotonic_ms() < until) {
		if (opener_pid(opener) > 0)
			kill(opener_pid(opener), SIGKILL);
		news(20);
	}
	restarts = opener_restarts(opener);
	assert_in_range(restarts, 2, 8); /* 0, 50, 100, 200, 400, ... ms apart */
	for (int i = 0; i < 100 && opener_pid(opener) == 0; i++)
		news(100);
	expect_opens(&d);
	document_clear(&d);
}

/* --- audit ------------------------------------------------------------------------------------ */

static void start_with_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(audit_fd);
	audit_fd = fds[1];
	start(0);
}

/* Without a line in the audit, nothing is opened; and it is nobody's fault. */
static void test_audit_gone(void **state)
{
	struct document d;
	struct err err;
	int fds[2];

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	start_with_pipe(fds);
	expect_opens(&d);
	close(fds[0]);
	assert_int_equal(open_class(&d, &err), ERR_IO);
	assert_non_null(strstr(err.text, "audit"));
	assert_int_equal(open_class(&d, &err), ERR_IO);
	assert_int_equal(opener_restarts(opener), 0);
	document_clear(&d);
}

static void test_audit_stuck(void **state)
{
	struct document d;
	struct err err;
	char byte[4096] = "";
	int fds[2], copy;

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	start_with_pipe(fds);
	/*
	 * fill it from here, through a description of its own so that the opener's stays blocking
	 */
	snprintf(byte, sizeof(byte), "/proc/self/fd/%d", fds[1]);
	copy = open(byte, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	while (write(copy, byte, sizeof(byte)) > 0)
		continue;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(open_class(&d, &err), ERR_IO);
	while (read(fds[0], byte, sizeof(byte)) == (ssize_t)sizeof(byte)) {
		struct pollfd p = { .fd = fds[0], .events = POLLIN };

		if (poll(&p, 1, 0) == 0)
			break;
	}
	expect_opens(&d);
	assert_int_equal(opener_restarts(opener), 0);
	close(copy);
	close(fds[0]);
	document_clear(&d);
}

/* --- what hostile net code could send --------------------------------------------------------- */

static void test_hostile_requests(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "\xff\xff\xff\xff", 4 },
		{ "\0\0\0\0", 4 },
		{ "\0\0\0\1\2", 5 },
		{ "\0\0\0\1\1\1", 6 },
		{ "\0\0\0\5\1\xff\xff\xff\xff", 9 },
		{ "\0\x11\0\1", 4 },
	};
	const struct supervisor_options so = { .keys_dir = keys, .audit_fd = audit_fd };
	struct control_msg msg;
	struct err err = ERR_INIT;
	pid_t supervisor;
	int control, sock;

	(void)state;
	supervisor = supervisor_start(&so, &control, &err);
	assert_true(supervisor > 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf b = BUF_INIT;
		int64_t deadline = clock_monotonic_ms() + 5000;

		assert_int_equal(frame_wait(control, POLLIN, deadline), FRAME_OK);
		assert_int_equal(control_recv(control, &msg, &sock, NULL), 1);
		assert_int_equal(msg.type, CONTROL_OPENER);
		assert_int_equal(frame_recv(sock, &b, WIRE_ANSWER_MAX, deadline), FRAME_OK);
		assert_int_equal(write(sock, cases[i].bytes, cases[i].len), (ssize_t)cases[i].len);
		/* no answer to what is not a request */
		assert_int_equal(frame_recv(sock, &b, WIRE_ANSWER_MAX, deadline), FRAME_CLOSED);
		assert_int_equal(frame_wait(control, POLLIN, deadline), FRAME_OK);
		close(sock);
		assert_int_equal(control_recv(control, &msg, &sock, NULL), 1);
		assert_int_equal(msg.type, CONTROL_DIED);
		assert_true(WIFEXITED(msg.value));
		assert_int_equal(WEXITSTATUS(msg.value), ERR_INVALID);
		buf_clear(&b);
	}
	supervisor_stop(supervisor, control);
}

/* --- life and end ----------------------------------------------------------------------------- */

static void test_signals(void **state)
{
	static const int signals[] = { SIGINT, SIGHUP, SIGTERM, SIGQUIT, SIGUSR1, SIGPIPE };
	struct document d;
	pid_t child, supervisor;

	(void)state;
	scene_document(&d, "app-env", "x", 1, key);
	start(0);
	child = opener_pid(opener);
	supervisor = scene_parent(child);
	for (size_t i = 0; i < COUNT(signals); i++) {
		kill(supervisor, signals[i]);
		kill(child, signals[i]);
	}
	scene_sleep(50);
	expect_opens(&d);
	assert_int_equal(opener_pid(opener), child);
	assert_int_equal(scene_parent(child), supervisor);
	assert_true(getsid(child) == supervisor); /* away from the terminal of the agent */
	document_clear(&d);
}

static void test_stop(void **state)
{
	pid_t child, supervisor;

	(void)state;
	start(0);
	child = opener_pid(opener);
	supervisor = scene_parent(child);
	kill(child, SIGSTOP); /* even so */
	opener_stop(opener);
	opener = NULL;
	assert_true(scene_gone(child, 100));
	assert_true(scene_gone(supervisor, 100));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* However the agent ends, nothing that holds keys is left. */
static void test_agent_killed(void **state)
{
	pid_t agent, told[2];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	agent = fork();
	if (agent == 0) {
		start(0);
		told[0] = opener_pid(opener);
		told[1] = scene_parent(told[0]);
		kill(told[0], SIGSTOP);
		_exit(write(fds[1], told, sizeof(told)) == (ssize_t)sizeof(told) ? pause() : 1);
	}
	assert_int_equal(read(fds[0], told, sizeof(told)), (ssize_t)sizeof(told));
	assert_true(scene_lives(told[0]) && scene_lives(told[1]));
	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	assert_true(scene_gone(told[0], 3000));
	assert_true(scene_gone(told[1], 3000));
	close(fds[0]);
	close(fds[1]);
}

/* Only root may look: nothing but the two sockets and standard error stays open. */
static void test_descriptors(void **state)
{
	char path[64], target[64];
	int open_fds = 0;

	(void)state;
	start(0);
	for (int fd = 0; fd < 100; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)opener_pid(opener), fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0 && errno == EACCES)
			skip();
		if (n < 0)
			continue;
		target[n] = '\0';
		open_fds++;
		if (fd <= 1)
			assert_string_equal(target, "/dev/null");
		else
			assert_in_range(fd, 2, 4);
	}
	assert_int_equal(open_fds, 5);
}

static bool holds(int mem, off_t from, off_t to, const char *mark)
{
	size_t len = (size_t)(to - from);
	char *copy = mem_alloc(len);
	bool found = false;
	ssize_t n = pread(mem, copy, len, from);

	if (n > 0)
		found = memmem(copy, (size_t)n, mark, strlen(mark)) != NULL;
	mem_free(copy);
	return found;
}

/* Does any writable page of the process hold it?  -1: we may not look. */
static int finds(pid_t pid, const char *mark)
{
	char path[64], line[512];
	int mem, found = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long long from, to;
		char mode[8];

		if (sscanf(line, "%llx-%llx %7s", &from, &to, mode) == 3 && mode[1] == 'w' &&
		    to - from < (1ULL << 30) && holds(mem, (off_t)from, (off_t)to, mark))
			found = 1;
	}
	fclose(maps);
	close(mem);
	return found;
}

/* The answer arrives a moment before its writer wipes it. */
static bool forgets(pid_t pid, const char *mark)
{
	for (int i = 0; i < 50; i++) {
		if (finds(pid, mark) == 0)
			return true;
		scene_sleep(10);
	}
	return false;
}

/* After its answer an opener remembers nothing of it, as little of what it had to refuse. */
static void test_residue(void **state)
{
	struct buf value = BUF_INIT;
	struct document d;
	struct err err;

	(void)state;
	if (FILTER_RELAXED)
		skip(); /* the sanitizer keeps freed memory */
	start(0);	/* before there is a secret: a fork takes all of it along */
	for (int i = 0; i < 150; i++)
		buf_puts(&value, SCENE_MARK "xxxxxx");
	scene_document(&d, "app-env", value.data, value.len, key);
	if (finds(opener_pid(opener), "bulla") < 0)
		goto out; /* not ours to look at: only root may */
	/* the search finds what is there, and of the key there is no text */
	assert_int_equal(finds(getpid(), SCENE_MARK), 1);
	assert_int_equal(finds(opener_pid(opener), keys), 1);
	assert_int_equal(finds(opener_pid(opener), "AGE-SECRET-KEY-1"), 0);
	for (int i = 0; i < 3; i++)
		expect_opens(&d);
	assert_true(forgets(opener_pid(opener), SCENE_MARK));
	mem_free(d.name);
	d.name = mem_str("moved");
	assert_int_equal(open_class(&d, &err), ERR_REFUSED);
	assert_true(forgets(opener_pid(opener), SCENE_MARK));
	assert_int_equal(finds(opener_pid(opener), "TUFSS0VELVNFQ1JFVC1WQUxVRS"), 0);
out:
	document_clear(&d);
	buf_clear(&value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_added, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory_appears, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mounted_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poor_system, setup, teardown),
		cmocka_unit_test_setup_teardown(test_death_on_a_document, setup, teardown),
		cmocka_unit_test_setup_teardown(test_death_while_idle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hanging, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_opener_for_now, setup, teardown),
		cmocka_unit_test_setup_teardown(test_supervisor_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keeps_dying, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audit_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_audit_stuck, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_residue, setup, teardown),
	};

	if (SCENE_VALGRIND) {
		puts("openers cannot be jailed under valgrind: not run");
		return 0;
	}
	mem_init();
	return cmocka_run_group_tests_name("opener", tests, NULL, NULL);
}
