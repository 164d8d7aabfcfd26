/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

/* landlock(7); the rights below came with the ABI in brackets */
#define RIGHTS_ABI1 ((UINT64_C(1) << 13) - 1)
#define RIGHT_REFER (UINT64_C(1) << 13)	    /* 2 */
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define RIGHT_IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define NET_TCP UINT64_C(3)		    /* 4: bind and connect */
#define SCOPE_ALL UINT64_C(3)		    /* 6: abstract sockets and signals */

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM | RIGHT_REFER | RIGHT_TRUNCATE)
#define RIGHTS_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE)

/* The kernel's struct as of ABI 6; an older one takes a shorter size. */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t known_rights(int abi)
{
	return RIGHTS_ABI1 | (abi >= 2 ? RIGHT_REFER : 0) | (abi >= 3 ? RIGHT_TRUNCATE : 0) |
	       (abi >= 5 ? RIGHT_IOCTL_DEV : 0);
}

static int new_ruleset(int abi, int scope)
{
	struct ruleset r = { .fs = known_rights(abi) };
	size_t size = sizeof(r.fs);

	if (abi >= 4)
		size = offsetof(struct ruleset, scoped);
	if (abi >= 6)
		size = sizeof(r);
	if (abi >= 4 && (scope & LANDLOCK_NO_TCP) != 0)
		r.net = NET_TCP;
	if (abi >= 6 && (scope & LANDLOCK_NO_OUTSIDE) != 0)
		r.scoped = SCOPE_ALL;
	return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

static int add_rule(int ruleset, int abi, const struct landlock_rule *rule, struct err *err)
{
	struct landlock_path_beneath_attr attr = { .allowed_access = 0 };
	struct stat st;
	int r = 0;

	attr.parent_fd = open(rule->path, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			   ? 0
			   : err_sys(err, "%s: cannot open for Landlock", rule->path);
	if ((rule->access & LANDLOCK_READ) != 0)
		attr.allowed_access |= RIGHTS_READ;
	if ((rule->access & LANDLOCK_WRITE) != 0)
		attr.allowed_access |= RIGHTS_WRITE;
	attr.allowed_access &= known_rights(abi);
	if (fstat(attr.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		attr.allowed_access &= RIGHTS_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0)
		r = err_sys(err, "%s: cannot add a Landlock rule", rule->path);
	close(attr.parent_fd);
	return r;
}

int landlock_enter(const struct landlock_rule *rules, int scope, int *abi, struct err *err)
{
	int ruleset, r = -1;

	*abi = landlock_abi();
	if (*abi == 0)
		return 0;
	ruleset = new_ruleset(*abi, scope);
	if (ruleset < 0)
		return err_sys(err, "cannot make a Landlock ruleset");
	for (; rules != NULL && rules->path != NULL; rules++)
		if (add_rule(ruleset, *abi, rules, err) < 0)
			goto out;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
		err_sys(err, "cannot enter the Landlock domain");
		goto out;
	}
	r = 0;
out:
	close(ruleset);
	return r;
}
