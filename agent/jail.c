/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/filter.h"
#include "agent/landlock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define CAP(c) (UINT64_C(1) << (c))

/* Root without these could not write the Secrets of other owners, or listen below 1024. */
#define NET_CAPS                                                                                   \
	(CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) |              \
	 CAP(CAP_NET_BIND_SERVICE))

static int set_limit(__rlimit_resource_t resource, const char *name, rlim_t value, struct err *err)
{
	struct rlimit now, want = { value, value };

	if (getrlimit(resource, &now) == 0 && now.rlim_max < value)
		want.rlim_cur = want.rlim_max = now.rlim_max;
	if (setrlimit(resource, &want) < 0)
		return err_sys(err, "cannot set the limit %s", name);
	return 0;
}

#if FILTER_RELAXED
/* The leak checker traces its own process when it ends; from jail_early on nothing can. */
static int closed;

int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return closed;
}
#endif

int jail_early(struct err *err)
{
#if FILTER_RELAXED
	closed = 1;
#endif
	if (set_limit(RLIMIT_CORE, "CORE", 0, err) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, "cannot become undumpable");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "cannot set no_new_privs");
	return 0;
}

/* Give up all capabilities but those in keep.  Without any there is nothing to do. */
static int drop_capabilities(uint64_t keep, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, "cannot read the capabilities");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(err, "cannot give up capabilities");
	return 0;
}

int jail_standard(struct err *err)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "/dev/null: cannot open");
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0) {
		err_sys(err, "/dev/null: cannot become standard input and output");
		close(fd);
		return -1;
	}
	if (fd > STDERR_FILENO)
		close(fd);
	return 0;
}

/* Not closefrom: without the system call that looks into /proc, which may be out of reach. */
static void close_from(unsigned first)
{
	struct rlimit limit;

	if (close_range(first, ~0U, 0) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	for (rlim_t fd = first; fd < limit.rlim_cur; fd++)
		close((int)fd);
}

int jail_descriptors(int *fds, size_t n, struct err *err)
{
	int first = STDERR_FILENO + 1;

	/* out of the way first, so that no target is also a source */
	for (size_t i = 0; i < n; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, first + (int)n);
		if (fds[i] < 0)
			return err_sys(err, "cannot move a descriptor");
	}
	for (size_t i = 0; i < n; i++) {
		fds[i] = dup2(fds[i], first + (int)i);
		if (fds[i] < 0)
			return err_sys(err, "cannot move a descriptor");
	}
	close_from((unsigned)first + (unsigned)n);
	return 0;
}

/* The path itself, or the nearest folder above it that exists; a new string, absolute. */
static char *reach(const char *path, struct err *err)
{
	char *at = file_absolute(path, err);
	struct stat st;

	while (at != NULL && stat(at, &st) < 0 && strcmp(at, "/") != 0) {
		char *slash = strrchr(at, '/');

		slash[slash == at ? 1 : 0] = '\0';
	}
	return at;
}

/* The folder above it, or the nearest one that exists. */
static char *reach_parent(const char *path)
{
	char *parent = mem_printf("%s/..", path);
	struct stat st;
	char *at = stat(path, &st) == 0 ? reach(parent, NULL) : reach(path, NULL);

	mem_free(parent);
	return at;
}

int jail_supervisor(const char *keys_dir, bool serves, int *landlock, struct err *err)
{
	char *near = reach_parent(keys_dir);
	/* a path that cannot be resolved now may be reachable later */
	struct landlock_rule rules[] = { { near == NULL ? "/" : near, LANDLOCK_READ },
					 { NULL, 0 } };
	int r = -1;

	*landlock = 0;
	if (jail_early(err) < 0)
		goto out;
	/* root reads keys of any owner and mode; everybody else needs and has no capability */
	if (drop_capabilities(CAP(CAP_DAC_READ_SEARCH), err) < 0)
		goto out;
	if (landlock_enter(rules, LANDLOCK_NO_TCP | LANDLOCK_NO_OUTSIDE, landlock, err) < 0)
		goto out;
	r = filter_load(serves ? FILTER_SERVER : FILTER_SUPERVISOR, err);
out:
	mem_free(near);
	return r;
}

/* Must an opener be able to grow a file?  Only when its audit lines or last words go to one. */
static bool writes_files(int audit_fd)
{
	struct stat st;

	return (fstat(audit_fd, &st) == 0 && S_ISREG(st.st_mode)) ||
	       (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode));
}

int jail_opener(int audit_fd, int *landlock, struct err *err)
{
	*landlock = 0;
	if (jail_early(err) < 0 || drop_capabilities(0, err) < 0)
		return -1;
	if (set_limit(RLIMIT_NPROC, "NPROC", 0, err) < 0 ||
	    set_limit(RLIMIT_MSGQUEUE, "MSGQUEUE", 0, err) < 0)
		return -1;
	if (!writes_files(audit_fd) && set_limit(RLIMIT_FSIZE, "FSIZE", 0, err) < 0)
		return -1;
	if (!FILTER_RELAXED && set_limit(RLIMIT_DATA, "DATA", JAIL_OPENER_DATA, err) < 0)
		return -1;
	if (landlock_enter(NULL, LANDLOCK_NO_TCP | LANDLOCK_NO_OUTSIDE, landlock, err) < 0)
		return -1;
	/* the open ones stay usable; poll asks for a limit that is not below what it is given */
	if (set_limit(RLIMIT_NOFILE, "NOFILE", 1, err) < 0)
		return -1;
	return filter_load(FILTER_OPENER, err);
}

static bool beneath(const char *path, const char *root)
{
	size_t n = strlen(root);

	return strcmp(root, "/") == 0 ||
	       (strncmp(path, root, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

/* Landlock only adds: what lies beneath an allowed folder cannot be taken out again. */
static int check_apart(const struct landlock_rule *rules, const char *keys, struct err *err)
{
	char *real = keys == NULL ? NULL : file_absolute(keys, err);
	int r = 0;

	if (keys == NULL)
		return 0;
	if (real == NULL)
		return -1;
	for (; rules->path != NULL && r == 0; rules++)
		if (beneath(real, rules->path))
			r = err_set(err, ERR_USAGE,
				    "%s: the key directory lies beneath %s, which the part of the "
				    "agent without keys must read; keep keys elsewhere",
				    keys, rules->path);
	mem_free(real);
	return r;
}

static int check_barred(const char *keys, struct err *err)
{
	int fd = open(keys, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	close(fd);
	return err_set(err, ERR_INTERNAL,
		       "%s: the key directory can still be read although Landlock is in force",
		       keys);
}

int jail_net(const struct jail_net *o, int *landlock, struct err *err)
{
	struct landlock_rule rules[JAIL_EXTRA_MAX + 3] = { { NULL, 0 } };
	char *documents = NULL, *secrets = NULL;
	size_t n = 0;
	int r = -1;

	*landlock = 0;
	if ((o->documents != NULL && (documents = reach(o->documents, err)) == NULL) ||
	    (o->secrets != NULL && (secrets = reach(o->secrets, err)) == NULL))
		goto out;
	if (documents != NULL)
		rules[n++] = (struct landlock_rule){ documents, LANDLOCK_READ };
	if (secrets != NULL)
		rules[n++] = (struct landlock_rule){ secrets, LANDLOCK_READ | LANDLOCK_WRITE };
	for (size_t i = 0; o->extra != NULL && o->extra[i] != NULL; i++) {
		if (i == JAIL_EXTRA_MAX) {
			err_set(err, ERR_INTERNAL, "more than %d further paths to allow", (int)i);
			goto out;
		}
		rules[n++] = (struct landlock_rule){ o->extra[i], LANDLOCK_READ };
	}
	if (check_apart(rules, o->keys, err) < 0 || jail_early(err) < 0 ||
	    drop_capabilities(NET_CAPS, err) < 0 || landlock_enter(rules, 0, landlock, err) < 0 ||
	    filter_load(FILTER_NET, err) < 0)
		goto out;
	if (*landlock != 0 && o->keys != NULL && check_barred(o->keys, err) < 0)
		goto out;
	r = 0;
out:
	mem_free(documents);
	mem_free(secrets);
	return r;
}
