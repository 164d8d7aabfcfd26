/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

/* One rule: the call, and conditions on arguments that must all hold. */
struct rule {
	int nr;
	unsigned n;
	struct scmp_arg_cmp arg[2];
};

#define CALL(name)                                                                                 \
	{                                                                                          \
		.nr = SCMP_SYS(name)                                                               \
	}
#define EQ(i, value)                                                                               \
	{                                                                                          \
		i, SCMP_CMP_EQ, (scmp_datum_t)(value), 0                                           \
	}
#define CALL_EQ(name, i, value)                                                                    \
	{                                                                                          \
		.nr = SCMP_SYS(name), .n = 1, .arg = { EQ(i, value) }                              \
	}
#define CALL_EQ2(name, i, value, k, other)                                                         \
	{                                                                                          \
		.nr = SCMP_SYS(name), .n = 2, .arg = { EQ(i, value), EQ(k, other) }                \
	}
#define CALL_WITHOUT(name, i, bits)                                                                \
	{                                                                                          \
		.nr = SCMP_SYS(name), .n = 1,                                                      \
		.arg = { { i, SCMP_CMP_MASKED_EQ, (scmp_datum_t)(bits), 0 } }                      \
	}
#define END_OF_LIST 99
#define END                                                                                        \
	{                                                                                          \
		.n = END_OF_LIST                                                                   \
	}

#define LOAD_SECONDS 60 /* it takes a millisecond */
#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP)
#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

/* What malloc, libsodium, jansson and OpenSSL call once they are set up. */
static const struct rule computing[] = {
	CALL(brk),
	CALL(clock_gettime),
	CALL(exit),
	CALL(exit_group),
	CALL(futex),
	CALL(getpid),
	CALL(getrandom),
	CALL(gettid),
	CALL(gettimeofday),
	CALL(madvise), /* sodium_malloc: DONTDUMP; malloc: DONTNEED */
	CALL(mlock),
	CALL(munlock),
	CALL_WITHOUT(mmap, 2, PROT_EXEC),
	CALL_WITHOUT(mprotect, 2, PROT_EXEC),
	CALL(mremap),
	CALL(munmap),
	CALL(poll),
	CALL(ppoll),
	CALL(read),
	CALL(restart_syscall),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(write),
	CALL(writev), /* the C library's last words */
#if FILTER_RELAXED
	CALL(close),
	CALL(getppid),
	CALL(getrlimit),
	CALL(prlimit64),
	CALL(rt_sigaction),
	CALL(sched_getaffinity),
	CALL(sched_yield),
	CALL(set_robust_list),
	CALL(sigaltstack),
#endif
	END,
};

/* What the supervisor does beyond that: watch the key directory, start, jail and end openers. */
static const struct rule supervising[] = {
	CALL(capget),
	CALL(capset),
	CALL_WITHOUT(clone, 0, NEW_NAMESPACES),
	CALL(clock_nanosleep),
	CALL(close),
	CALL(close_range),
	CALL(dup2),
	CALL(dup3),
	CALL(fcntl),
	CALL(fstat),
	CALL(fstatfs),
	CALL(getcwd),
	CALL(getdents64),
	CALL(getegid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getppid),
	CALL(getrlimit),
	CALL(getuid),
	CALL(inotify_add_watch),
	CALL(inotify_init1),
	CALL(inotify_rm_watch),
	CALL_EQ(kill, 1, SIGKILL),
	CALL(landlock_add_rule),
	CALL(landlock_create_ruleset),
	CALL(landlock_restrict_self),
	CALL(lseek),
	CALL(lstat),
	CALL(newfstatat),
	CALL_WITHOUT(open, 1, WRITING),
	CALL_WITHOUT(openat, 2, WRITING),
	CALL_EQ(prctl, 0, PR_GET_DUMPABLE),
	CALL_EQ(prctl, 0, PR_GET_NO_NEW_PRIVS),
	CALL_EQ(prctl, 0, PR_GET_SECCOMP),
	CALL_EQ(prctl, 0, PR_SET_NAME),
	CALL_EQ(prctl, 0, PR_SET_NO_NEW_PRIVS),
	CALL_EQ(prctl, 0, PR_SET_PDEATHSIG),
	CALL_EQ(prctl, 0, PR_SET_SECCOMP),
	CALL_EQ2(prctl, 0, PR_SET_DUMPABLE, 1, 0),
	CALL(prlimit64),
	CALL(readlink),
	CALL(readlinkat),
	CALL(recvmsg),
	CALL(rt_sigaction),
	CALL(seccomp),
	CALL(sendmsg),
	CALL(set_robust_list),
	CALL(setrlimit),
	CALL(signalfd4),
	CALL_EQ(socketpair, 0, AF_UNIX),
	CALL(stat),
	CALL(statx),
	CALL_EQ(tgkill, 2, SIGABRT), /* abort(); the opener's own filter narrows it to itself */
	CALL(wait4),
	CALL(waitid),
#if FILTER_RELAXED
	CALL(clone),
	CALL(clone3),
	CALL(prctl),
#endif
	END,
};

/* What nothing that is still itself would call. */
static const struct rule fatal[] = {
	CALL(accept),
	CALL(add_key),
	CALL(bind),
	CALL(bpf),
	CALL(chroot),
	CALL(connect),
	CALL(delete_module),
	CALL(execve),
	CALL(execveat),
	CALL(finit_module),
	CALL(init_module),
	CALL(io_uring_enter),
	CALL(io_uring_setup),
	CALL(kexec_load),
	CALL(keyctl),
	CALL(listen),
	CALL(mount),
	CALL(perf_event_open),
	CALL(pidfd_getfd),
	CALL(pivot_root),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(ptrace),
	CALL(request_key),
	CALL(setns),
	CALL(socket),
	CALL(unshare),
	CALL(userfaultfd),
	END,
};

/* The same for all but who waits for the other container. */
static const struct rule fatal_accept[] = { CALL(accept4), END };

/* And that one: a socket that listens was there before the filter, and no other can be made. */
static const struct rule serving[] = { CALL(accept4),
				       CALL_EQ2(getsockopt, 1, SOL_SOCKET, 2, SO_PEERCRED), END };

/* The same for the opener, which starts no process and signals none. */
static const struct rule fatal_opener[] = {
	CALL(clone), CALL(clone3), CALL(fork),	     CALL(kill),
	CALL(tkill), CALL(vfork),  CALL(pidfd_open), END,
};

/* What the net process must not do; it answers EPERM. */
static const struct rule barred[] = {
	CALL(add_key),
	CALL(bpf),
	CALL(chroot),
	CALL(delete_module),
	CALL(execve),
	CALL(execveat),
	CALL(finit_module),
	CALL(init_module),
	CALL(io_uring_enter),
	CALL(io_uring_register),
	CALL(io_uring_setup),
	CALL(kcmp),
	CALL(kexec_file_load),
	CALL(kexec_load),
	CALL(keyctl),
	CALL(mount),
	CALL(name_to_handle_at),
	CALL(open_by_handle_at),
	CALL(perf_event_open),
	CALL(pidfd_getfd),
	CALL(pivot_root),
	CALL(process_madvise),
	CALL(process_vm_readv),
	CALL(process_vm_writev),
	CALL(request_key),
	CALL(setns),
	CALL(swapon),
	CALL(umount2),
	CALL(unshare),
	CALL(userfaultfd),
	CALL(ptrace),
	END,
};

struct profile {
	uint32_t otherwise;
	const struct {
		const struct rule *rules;
		uint32_t action;
	} lists[5];
};

static const struct profile profiles[] = {
	[FILTER_OPENER] = { SCMP_ACT_ERRNO(EPERM),
			    { { computing, SCMP_ACT_ALLOW },
			      { fatal, SCMP_ACT_KILL_PROCESS },
			      { fatal_accept, SCMP_ACT_KILL_PROCESS },
			      { fatal_opener, SCMP_ACT_KILL_PROCESS } } },
	[FILTER_SUPERVISOR] = { SCMP_ACT_ERRNO(EPERM),
				{ { computing, SCMP_ACT_ALLOW },
				  { supervising, SCMP_ACT_ALLOW },
				  { fatal, SCMP_ACT_KILL_PROCESS },
				  { fatal_accept, SCMP_ACT_KILL_PROCESS } } },
	[FILTER_SERVER] = { SCMP_ACT_ERRNO(EPERM),
			    { { computing, SCMP_ACT_ALLOW },
			      { supervising, SCMP_ACT_ALLOW },
			      { serving, SCMP_ACT_ALLOW },
			      { fatal, SCMP_ACT_KILL_PROCESS } } },
	[FILTER_NET] = { SCMP_ACT_ALLOW, { { barred, SCMP_ACT_ERRNO(EPERM) } } },
};

static int add_rules(scmp_filter_ctx ctx, const struct rule *rules, uint32_t action)
{
	for (; rules->n != END_OF_LIST; rules++) {
		int r = seccomp_rule_add_array(ctx, action, rules->nr, rules->n, rules->arg);

		if (r < 0)
			return r;
	}
	return 0;
}

/* abort() must end this process by its own name, and may signal no other. */
static int add_abort(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp self[] = { { 0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0 },
					     { 2, SCMP_CMP_EQ, SIGABRT, 0 } };

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2, self);
}

static int fill(scmp_filter_ctx ctx, enum filter_profile profile)
{
	const struct profile *p = &profiles[profile];
	int r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; r == 0 && p->lists[i].rules != NULL; i++)
		r = add_rules(ctx, p->lists[i].rules, p->lists[i].action);
	if (r == 0 && profile == FILTER_OPENER)
		r = add_abort(ctx);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	return r;
}

/*
 * libseccomp 2.5 and 2.6 go on after an allocation that failed and may load a filter that lacks
 * rules.  Where the rest is allowed, that would not show: so ask for all that is to be refused,
 * with arguments that no call takes.
 */
static int check_barred(struct err *err)
{
	for (const struct rule *r = barred; r->n != END_OF_LIST; r++) {
		if (r->nr < 0) /* not on this machine */
			continue;
		if (syscall(r->nr, -1L, -1L, -1L, -1L, -1L, -1L) >= 0 ||
		    (errno != EPERM && errno != ENOSYS))
			return err_set(
			    err, ERR_INTERNAL,
			    "the seccomp filter that was loaded lacks call %d (was there "
			    "too little memory?); start again",
			    r->nr);
	}
	return 0;
}

int filter_load(enum filter_profile profile, struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(profiles[profile].otherwise);
	int r = -ENOMEM;

	if (ctx != NULL)
		r = fill(ctx, profile);
	/* the same may turn for ever; whoever waits for another process sees that itself */
	if (r == 0 && profile == FILTER_NET)
		alarm(LOAD_SECONDS);
	if (r == 0)
		r = seccomp_load(ctx);
	if (profile == FILTER_NET)
		alarm(0);
	if (ctx != NULL)
		seccomp_release(ctx);
	if (r == 0)
		return profile == FILTER_NET ? check_barred(err) : 0;
	return err_set(err, ERR_INTERNAL, "cannot load the seccomp filter: %s", strerror(-r));
}
