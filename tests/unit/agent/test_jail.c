/* SPDX-License-Identifier: Apache-2.0 */
/* The three jails from inside, each tried in a child of its own, and from outside. */
#include "tests/unit/agent/scene.h"

#include <grp.h>
#include <signal.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "agent/filter.h"
#include "agent/jail.h"
#include "agent/jail_self_test.h"
#include "agent/landlock.h"
#include "agent/listen.h"
#include "agent/opener.h"
#include "base/buf.h"
#include "base/log.h"

static char *top, *documents, *secrets, *keys;

static int setup(void **state)
{
	(void)state;
	top = scene_new();
	documents = scene_path(top, "documents");
	secrets = scene_path(top, "secrets");
	keys = scene_path(top, "keys");
	scene_mkdir(top, "documents");
	scene_mkdir(top, "secrets");
	scene_mkdir(top, "keys");
	scene_write(documents, "a.yaml", "text");
	scene_write(keys, "a.key", "key");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_remove(top);
	mem_free(documents);
	mem_free(secrets);
	mem_free(keys);
	mem_free(top);
	return 0;
}

/* In a child, where a failed expectation is told by its line. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__,            \
				#condition, strerror(errno));                                      \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static int in_child(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void needs_jail(void)
{
	if (SCENE_VALGRIND)
		skip();
}

/* --- the common part -------------------------------------------------------------------------- */

static void early(void)
{
	struct err err = ERR_INIT;
	struct rlimit core;
	char is[256];

	EXPECT(jail_early(&err) == 0);
	EXPECT(prctl(PR_GET_DUMPABLE) == 0);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
	scene_proc(getpid(), "status", "NoNewPrivs:", is);
	EXPECT(strcmp(is, "1") == 0);
	EXPECT(jail_early(&err) == 0); /* twice is fine */
}

static void test_early(void **state)
{
	(void)state;
	assert_int_equal(in_child(early), 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void descriptors(void)
{
	struct err err = ERR_INIT;
	int a = open(keys, O_RDONLY | O_DIRECTORY), b = open(documents, O_RDONLY | O_DIRECTORY);
	/* each takes the other's place, one is there twice, one is far away */
	int far = fcntl(a, F_DUPFD, 200);
	int fds[] = { b, a, b, far };
	struct stat want[4], is;

	for (int i = 0; i < 4; i++)
		EXPECT(fstat(fds[i], &want[i]) == 0);
	EXPECT(jail_descriptors(fds, 4, &err) == 0);
	for (int i = 0; i < 4; i++) {
		EXPECT(fds[i] == 3 + i);
		EXPECT(fstat(fds[i], &is) == 0 && is.st_ino == want[i].st_ino);
	}
	for (int fd = 7; fd < 300; fd++)
		EXPECT(!is_open(fd));
	EXPECT(is_open(2));
	EXPECT(jail_standard(&err) == 0);
	EXPECT(fstat(0, &is) == 0 && S_ISCHR(is.st_mode));
	EXPECT(fstat(1, &is) == 0 && S_ISCHR(is.st_mode));
	for (int fd = 7; fd < 300; fd++)
		EXPECT(!is_open(fd));
}

static void descriptors_not_open(void)
{
	struct err err = ERR_INIT;
	int fds[] = { 2, 99 };

	EXPECT(jail_descriptors(fds, 2, &err) == -1);
	EXPECT(err.class == ERR_IO);
}

static void test_descriptors(void **state)
{
	(void)state;
	needs_jail(); /* valgrind holds descriptors of its own */
	assert_int_equal(in_child(descriptors), 0);
	assert_int_equal(in_child(descriptors_not_open), 0);
}

/* --- the supervisor --------------------------------------------------------------------------- */

static void enter_supervisor(void)
{
	struct err err = ERR_INIT;
	int landlock;

	EXPECT(jail_supervisor(keys, false, &landlock, &err) == 0);
	EXPECT(landlock == landlock_abi());
}

static void supervisor(void)
{
	int pair[2], landlock;
	char buf[16];
	pid_t pid;
	int fd;

	enter_supervisor();
	landlock = landlock_abi();
	EXPECT((fd = open(scene_path(keys, "a.key"), O_RDONLY)) >= 0);
	EXPECT(read(fd, buf, sizeof(buf)) == 3);
	EXPECT(open(scene_path(keys, "a.key"), O_RDWR) < 0 && errno == EPERM);
	EXPECT(open(scene_path(keys, "new"), O_RDONLY | O_CREAT, 0600) < 0 && errno == EPERM);
	EXPECT(open(keys, O_TMPFILE | O_WRONLY, 0600) < 0 && errno == EPERM);
	EXPECT(landlock == 0 || (open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES));
	EXPECT(unlink(scene_path(keys, "a.key")) < 0 && errno == EPERM);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	EXPECT(FILTER_RELAXED || (prctl(PR_SET_DUMPABLE, 1) < 0 && errno == EPERM));
	EXPECT(prctl(PR_SET_DUMPABLE, 0) == 0);
	EXPECT(mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		for (;;)
			poll(NULL, 0, 1000);
	EXPECT(kill(pid, SIGTERM) < 0 && errno == EPERM); /* only SIGKILL */
	EXPECT(kill(pid, SIGKILL) == 0);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	EXPECT(landlock < 6 || (kill(getppid(), SIGKILL) < 0 && errno == EPERM));
}

static void supervisor_socket(void)
{
	enter_supervisor();
	socket(AF_UNIX, SOCK_STREAM, 0);
}

static void supervisor_execve(void)
{
	char *const argv[] = { NULL };

	enter_supervisor();
	execve("/bin/true", argv, argv);
}

static void supervisor_ptrace(void)
{
	enter_supervisor();
	ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static void test_supervisor(void **state)
{
	(void)state;
	needs_jail();
	assert_int_equal(in_child(supervisor), 0);
	assert_int_equal(in_child(supervisor_socket), SIGSYS);
	assert_int_equal(in_child(supervisor_execve), SIGSYS);
	assert_int_equal(in_child(supervisor_ptrace), SIGSYS);
}

/* One that serves another container: takes connections on the socket it has, makes no other. */
static int enter_server(void)
{
	char *path = scene_path(top, "s.sock");
	const struct listen_options o = { path, geteuid(), LISTEN_NO_GROUP };
	struct listen_socket l;
	struct err err = ERR_INIT;
	int landlock;

	EXPECT(listen_open(&o, &l, &err) == 0);
	EXPECT(jail_supervisor(keys, true, &landlock, &err) == 0);
	return l.fd;
}

/* The connection is made before the jail closes, and taken behind it. */
static void server_accepts(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct listen_socket l = LISTEN_INIT;
	char *path = scene_path(top, "s.sock");
	const struct listen_options o = { path, geteuid(), LISTEN_NO_GROUP };
	struct listen_peer peer;
	struct err err = ERR_INIT;
	int value, landlock, fd, client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	socklen_t len = sizeof(value);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	EXPECT(listen_open(&o, &l, &err) == 0);
	EXPECT(connect(client, (struct sockaddr *)&a, sizeof(a)) == 0);
	EXPECT(jail_supervisor(keys, true, &landlock, &err) == 0);
	fd = listen_accept(&l, geteuid(), &peer, &err);
	EXPECT(fd >= 0 && peer.uid == geteuid() && peer.pid == getpid());
	EXPECT(write(client, "x", 1) == 1);
	EXPECT(listen_accept(&l, geteuid(), &peer, &err) < 0); /* no other */
	/* of sockets it may learn nothing but who the other is, and change nothing */
	EXPECT(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &len) < 0 && errno == EPERM);
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, len) < 0 && errno == EPERM);
}

static void server_socket(void)
{
	enter_server();
	socket(AF_UNIX, SOCK_STREAM, 0);
}

static void server_connect(void)
{
	connect(enter_server(), NULL, 0);
}

static void server_bind(void)
{
	bind(enter_server(), NULL, 0);
}

static void server_accept(void)
{
	syscall(SYS_accept, enter_server(), NULL, NULL);
}

/* What it starts is an opener, which may not. */
static void server_opener(void)
{
	struct err err = ERR_INIT;
	int landlock, fd = enter_server();

	EXPECT(jail_opener(STDERR_FILENO, &landlock, &err) == 0);
	accept4(fd, NULL, NULL, 0);
}

static void test_server(void **state)
{
	(void)state;
	needs_jail();
	assert_int_equal(in_child(server_accepts), 0);
	assert_int_equal(in_child(server_socket), SIGSYS);
	assert_int_equal(in_child(server_connect), SIGSYS);
	assert_int_equal(in_child(server_bind), SIGSYS);
	assert_int_equal(in_child(server_accept), SIGSYS);
	assert_int_equal(in_child(server_opener), SIGSYS);
}

/* A key directory that is not there yet can be read once it is. */
static void supervisor_later(void)
{
	char *later = scene_path(top, "later");
	struct err err = ERR_INIT;
	int landlock, fds[2];
	char c;

	EXPECT(pipe(fds) == 0);
	if (fork() == 0) {
		EXPECT(read(fds[0], &c, 1) == 1);
		EXPECT(mkdir(later, 0700) == 0);
		_exit(0);
	}
	EXPECT(jail_supervisor(later, false, &landlock, &err) == 0);
	EXPECT(open(later, O_RDONLY | O_DIRECTORY) < 0 && errno == ENOENT);
	EXPECT(write(fds[1], "x", 1) == 1);
	wait(NULL);
	EXPECT(open(later, O_RDONLY | O_DIRECTORY) >= 0);
}

static void test_supervisor_later(void **state)
{
	(void)state;
	needs_jail();
	assert_int_equal(in_child(supervisor_later), 0);
}

/* --- the net process -------------------------------------------------------------------------- */

static void enter_net(void)
{
	const struct jail_net net = { documents, secrets, keys, NULL };
	struct err err = ERR_INIT;
	int landlock;

	if (jail_net(&net, &landlock, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		_exit(1);
	}
	EXPECT(landlock == landlock_abi());
}

/* What a store does below the folder of the Secrets. */
static void work_in_secrets(void)
{
	char *a = scene_path(secrets, "a"), *b = scene_path(secrets, "b");
	int fd;

	EXPECT(mkdir(a, 0755) == 0);
	EXPECT((fd = open(scene_path(a, "f"), O_RDWR | O_CREAT | O_EXCL, 0600)) >= 0);
	EXPECT(write(fd, "x", 1) == 1 && fsync(fd) == 0 && fchmod(fd, 0400) == 0);
	EXPECT(symlink("a", scene_path(secrets, "..tmp")) == 0);
	EXPECT(rename(scene_path(secrets, "..tmp"), scene_path(secrets, "..data")) == 0);
	EXPECT(rename(scene_path(a, "f"), scene_path(secrets, "f")) == 0);
	EXPECT(rename(a, b) == 0);
	EXPECT(rmdir(b) == 0);
	EXPECT(unlink(scene_path(secrets, "f")) == 0);
	EXPECT(open(secrets, O_RDONLY | O_DIRECTORY) >= 0);
}

static void net(void)
{
	char *const argv[] = { NULL };
	char *sneaky = scene_path(secrets, "sneaky");
	char *mem = mem_printf("/proc/%d/mem", (int)getppid());

	EXPECT(symlink(keys, sneaky) == 0);
	enter_net();
	EXPECT(open(scene_path(documents, "a.yaml"), O_RDONLY) >= 0);
	work_in_secrets();
	if (landlock_abi() > 0) {
		EXPECT(open(keys, O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES);
		EXPECT(open(scene_path(keys, "a.key"), O_RDONLY) < 0 && errno == EACCES);
		EXPECT(open(scene_path(sneaky, "a.key"), O_RDONLY) < 0 && errno == EACCES);
		EXPECT(link(scene_path(keys, "a.key"), scene_path(secrets, "k")) < 0);
		EXPECT(rename(scene_path(keys, "a.key"), scene_path(secrets, "k")) < 0);
		EXPECT(open(scene_path(documents, "n"), O_WRONLY | O_CREAT, 0600) < 0);
		EXPECT(open(scene_path(documents, "a.yaml"), O_WRONLY) < 0 && errno == EACCES);
		EXPECT(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES);
		EXPECT(open(mem, O_RDONLY) < 0);
	}
	EXPECT(execve("/bin/true", argv, argv) < 0);
	EXPECT(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 && errno == EPERM);
	EXPECT(socket(AF_INET, SOCK_STREAM, 0) >= 0); /* metrics, later the API server */
}

static void net_extra(void)
{
	static const char *const extra[] = { "/etc/passwd", "/nonexistent", NULL };
	const struct jail_net net = { documents, secrets, keys, extra };
	struct err err = ERR_INIT;
	const char *many[JAIL_EXTRA_MAX + 2] = { NULL };
	struct jail_net too_many = net;
	int landlock;

	for (int i = 0; i <= JAIL_EXTRA_MAX; i++)
		many[i] = "/nonexistent";
	too_many.extra = many;
	EXPECT(jail_net(&too_many, &landlock, &err) == -1 && err.class == ERR_INTERNAL);
	EXPECT(jail_net(&net, &landlock, &err) == 0);
	EXPECT(open("/etc/passwd", O_RDONLY) >= 0);
	EXPECT(landlock == 0 || (open("/etc/group", O_RDONLY) < 0 && errno == EACCES));
}

static void net_missing_roots(void)
{
	const struct jail_net net = { scene_path(documents, "not/yet"), scene_path(secrets, "no"),
				      scene_path(keys, "not/yet"), NULL };
	struct err err = ERR_INIT;
	int landlock;

	EXPECT(jail_net(&net, &landlock, &err) == 0);
	EXPECT(open(scene_path(documents, "a.yaml"), O_RDONLY) >= 0);
	EXPECT(mkdir(scene_path(secrets, "no"), 0755) == 0);
	EXPECT(landlock == 0 || open(keys, O_RDONLY | O_DIRECTORY) < 0);
}

static void test_net(void **state)
{
	(void)state;
	needs_jail();
	assert_int_equal(in_child(net), 0);
	assert_int_equal(in_child(net_extra), 0);
	assert_int_equal(in_child(net_missing_roots), 0);
}

/* Landlock cannot take out of a tree what lies in it: said at the start, not found out later. */
static void net_keys_inside(void)
{
	char *inside = scene_path(documents, "keys"), *link = scene_path(top, "link");
	struct jail_net net = { documents, secrets, inside, NULL };
	struct err err = ERR_INIT;
	int landlock;

	EXPECT(jail_net(&net, &landlock, &err) == -1);
	EXPECT(err.class == ERR_USAGE && strstr(err.text, "beneath") != NULL);
	net.keys = documents;
	EXPECT(jail_net(&net, &landlock, &err) == -1 && err.class == ERR_USAGE);
	EXPECT(symlink(documents, link) == 0);
	net.keys = link; /* by another name */
	EXPECT(jail_net(&net, &landlock, &err) == -1 && err.class == ERR_USAGE);
	net.keys = keys;
	net.documents = "/";
	EXPECT(jail_net(&net, &landlock, &err) == -1 && err.class == ERR_USAGE);
	net.documents = documents;
	net.keys = scene_path(top, "documents-keys"); /* the same beginning, another folder */
	EXPECT(jail_net(&net, &landlock, &err) == 0);
}

static void test_net_keys_inside(void **state)
{
	(void)state;
	needs_jail();
	assert_int_equal(in_child(net_keys_inside), 0);
}

/* --- the opener ------------------------------------------------------------------------------- */

static void test_self_test(void **state)
{
	char *text = NULL;
	size_t size = 0;
	struct err err = ERR_INIT;
	FILE *out;

	(void)state;
	needs_jail();
	out = open_memstream(&text, &size);
	if (jail_self_test(out, &err) != 0) {
		fflush(out);
		fail_msg("%s\n%s", err.text, text);
	}
	fclose(out);
	assert_null(strstr(text, "ALLOWED"));
	assert_null(strstr(text, "WRONG"));
	assert_non_null(strstr(text, "open a file                   refused"));
	assert_non_null(strstr(text, "execve                        refused (ended by SIGSYS)"));
	assert_non_null(strstr(text, "ptrace                        refused (ended by SIGSYS)"));
	free(text);
}

static void test_state_of_opener(void **state)
{
	static const struct {
		const char *file, *field, *want;
	} lines[] = {
		{ "status", "Seccomp:", "2" },
		{ "status", "NoNewPrivs:", "1" },
		{ "status", "CapEff:", "0000000000000000" },
		{ "status", "CapPrm:", "0000000000000000" },
		{ "status", "CapInh:", "0000000000000000" },
		{ "status", "Name:", "bulla-opener" },
		{ "status", "Threads:", "1" },
		{ "limits", "Max core file size", "0 " },
		{ "limits", "Max open files", "1 " },
		{ "limits", "Max processes", "0 " },
		{ "limits", "Max msgqueue size", "0 " },
	};
	const struct opener_options options = { .keys_dir = keys, .audit_fd = -1 };
	struct err err = ERR_INIT;
	struct opener *o;
	pid_t supervisor;
	char is[256];

	(void)state;
	needs_jail();
	o = opener_start(&options, &err);
	assert_non_null(o);
	for (size_t i = 0; i < COUNT(lines); i++) {
		scene_proc(opener_pid(o), lines[i].file, lines[i].field, is);
		if (strncmp(is, lines[i].want, strlen(lines[i].want)) != 0)
			fail_msg("%s \"%s\" instead of \"%s\"", lines[i].field, is, lines[i].want);
	}
	scene_proc(opener_pid(o), "limits", "Max data size", is);
	assert_int_equal(strtoull(is, NULL, 10), FILTER_RELAXED ? 0 : JAIL_OPENER_DATA);
	supervisor = scene_parent(opener_pid(o));
	scene_proc(supervisor, "status", "Seccomp:", is);
	assert_string_equal(is, "2");
	scene_proc(supervisor, "status", "Seccomp_filters:", is);
	assert_string_equal(is, "1");
	scene_proc(opener_pid(o), "status", "Seccomp_filters:", is);
	assert_string_equal(is, "2"); /* its own on top of its parent's */
	opener_stop(o);
}

/* As nobody: one's own opener can neither be read nor traced, another child of one's own can. */
static void memory(void)
{
	const struct opener_options options = { .keys_dir = keys, .audit_fd = -1 };
	struct err err = ERR_INIT;
	struct opener *o;
	char path[64];
	pid_t other;

	if (getuid() == 0)
		EXPECT(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
	prctl(PR_SET_DUMPABLE, 1); /* changing the user switched it off */
	o = opener_start(&options, &err);
	EXPECT(o != NULL);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)opener_pid(o));
	EXPECT(open(path, O_RDONLY) < 0 && errno == EACCES);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)opener_pid(o));
	EXPECT(open(path, O_RDONLY) < 0 && errno == EACCES);
	EXPECT(ptrace(PTRACE_ATTACH, opener_pid(o), NULL, NULL) < 0 && errno == EPERM);
	opener_stop(o);

	other = fork();
	if (other == 0)
		for (;;)
			pause();
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)other);
	EXPECT(open(path, O_RDONLY) >= 0);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

static void test_memory(void **state)
{
	(void)state;
	needs_jail();
	assert_int_equal(chmod(top, 0755), 0);
	assert_int_equal(in_child(memory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_supervisor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server, setup, teardown),
		cmocka_unit_test_setup_teardown(test_supervisor_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_net, setup, teardown),
		cmocka_unit_test_setup_teardown(test_net_keys_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_self_test, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_of_opener, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	mem_init();
	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests_name("jail", tests, NULL, NULL);
}
