/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "kube/strings.h"

#define INFO "KUBERNETES_EXEC_INFO"
#define READ_CHUNK 65536
#define HINT_MAX 600 /* bytes of an installHint that are told */

extern char **environ;

struct child {
	pid_t pid;
	bool group; /* it leads a process group of its own */
	int out;    /* its standard output, to read */
	int64_t deadline;
};

int kube_exec_terminal(const struct kubeconfig_exec *e, bool wanted, bool *terminal,
		       struct err *err)
{
	bool there = wanted && isatty(STDIN_FILENO) == 1;

	*terminal = there && e->mode != KUBECONFIG_NEVER;
	if (e->mode == KUBECONFIG_ALWAYS && !there)
		return err_set(err, ERR_INVALID,
			       "exec: interactiveMode is Always, but standard input is not a "
			       "terminal that it may use");
	return 0;
}

/* --- what it is told -------------------------------------------------------------------------- */

static json_t *cluster_info(const struct kubeconfig_cluster *c, const struct buf *ca)
{
	json_t *info = json_pack("{s:s}", "server", c->server);
	struct buf text = BUF_INIT;

	if (c->tls_server_name != NULL)
		json_object_set_new(info, "tls-server-name", json_string(c->tls_server_name));
	if (c->insecure)
		json_object_set_new(info, "insecure-skip-tls-verify", json_true());
	if (ca->len != 0 && b64_encode(&text, ca->data, ca->len) == 0)
		json_object_set_new(info, "certificate-authority-data",
				    json_string(buf_str(&text)));
	if (c->proxy != NULL)
		json_object_set_new(info, "proxy-url", json_string(c->proxy));
	if (c->no_compression)
		json_object_set_new(info, "disable-compression", json_true());
	if (c->exec_config != NULL)
		json_object_set(info, "config", c->exec_config);
	buf_clear(&text);
	return info;
}

void kube_exec_info(const struct kubeconfig_exec *e, const struct kubeconfig_cluster *cluster,
		    const struct buf *ca, bool terminal, struct buf *out)
{
	json_t *spec = json_pack("{s:b}", "interactive", terminal ? 1 : 0);
	json_t *info;

	if (e->cluster_info)
		json_object_set_new(spec, "cluster", cluster_info(cluster, ca));
	info = json_pack("{s:s, s:s, s:o}", "kind", "ExecCredential", "apiVersion", e->api_version,
			 "spec", spec);
	json_format(out, info);
	json_decref(info);
}

static bool replaced(const struct kubeconfig_exec *e, const char *line)
{
	size_t n = strcspn(line, "=");
	char *name = mem_strn(line, n);
	bool r = strcmp(name, INFO) == 0 || kv_has(&e->env, name);

	mem_free(name);
	return r;
}

static char **make_environment(const struct kubeconfig_exec *e, const char *info)
{
	char **list = NULL;

	for (size_t i = 0; environ[i] != NULL; i++)
		if (!replaced(e, environ[i]))
			strings_push(&list, mem_str(environ[i]));
	for (size_t i = 0; i < e->env.n; i++)
		if (strcmp(e->env.items[i].name, INFO) != 0)
			strings_push(&list, mem_printf("%s=%s", e->env.items[i].name,
						       (const char *)e->env.items[i].data));
	strings_push(&list, mem_printf(INFO "=%s", info));
	return list;
}

/* --- running it ------------------------------------------------------------------------------- */

static int make_pipe(int ends[2], struct err *err)
{
	if (pipe(ends) != 0)
		return err_sys(err, "exec: no pipe");
	for (int i = 0; i < 2; i++)
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
	return 0;
}

/* Signals are as a program expects them, whatever ours are. */
static void set_attributes(posix_spawnattr_t *attr, bool group)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, defaults;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGTERM);
	sigaddset(&defaults, SIGCHLD);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &defaults);
	if (group) {
		flags |= POSIX_SPAWN_SETPGROUP;
		posix_spawnattr_setpgroup(attr, 0);
	}
	posix_spawnattr_setflags(attr, flags);
}

static int spawn(const char *program, const struct kubeconfig_exec *e,
		 const struct kube_exec_run *run, int out, pid_t *pid)
{
	char **env = make_environment(e, run->info), **args = strings_copy(e->args), **argv = NULL;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	strings_push(&argv, mem_str(e->command));
	for (size_t i = 0; i < strings_count(args); i++)
		strings_push(&argv, mem_str(args[i]));
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	if (!run->terminal)
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	set_attributes(&attr, !run->terminal);
	r = posix_spawn(pid, program, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	strings_free(argv);
	strings_free(args);
	strings_free(env);
	return r;
}

/* The hint is text of the kubeconfig's; escaped when the error is printed. */
static int not_run(const struct kubeconfig_exec *e, const char *why, struct err *err)
{
	return err_set(err, ERR_IO, "%.200s: %s%s%.*s", e->command, why,
		       e->install_hint != NULL ? ".  " : "", HINT_MAX,
		       e->install_hint != NULL ? e->install_hint : "");
}

/* Some systems tell of a start that fails by the child's status alone. */
static int check_program(const char *program)
{
	struct stat st;

	if (access(program, X_OK) != 0 || stat(program, &st) != 0)
		return -1;
	if (S_ISREG(st.st_mode))
		return 0;
	errno = EACCES;
	return -1;
}

static int start(const struct kubeconfig_exec *e, const struct kube_exec_run *run,
		 struct child *child, struct err *err)
{
	char *program = file_program(e->command);
	int ends[2], r;

	if (program == NULL)
		return not_run(e, "there is no such program in PATH", err);
	if (check_program(program) != 0) {
		not_run(e, strerror(errno), err);
		mem_free(program);
		return -1;
	}
	if (make_pipe(ends, err) != 0) {
		mem_free(program);
		return -1;
	}
	r = spawn(program, e, run, ends[1], &child->pid);
	close(ends[1]);
	mem_free(program);
	if (r != 0) {
		close(ends[0]);
		return not_run(e, strerror(r), err);
	}
	child->out = ends[0];
	child->group = !run->terminal;
	child->deadline = clock_monotonic_ms() + run->timeout_ms;
	return 0;
}

static int late(struct err *err)
{
	return err_set(err, ERR_IO, "no answer in time; it was ended");
}

/* 1 more may come, 0 the end, -1. */
static int read_some(const struct child *child, struct buf *out, struct err *err)
{
	int64_t left = child->deadline - clock_monotonic_ms();
	struct pollfd p = { child->out, POLLIN, 0 };
	size_t had = out->len;
	ssize_t n;

	if (left <= 0)
		return late(err);
	if (poll(&p, 1, left > 1000 ? 1000 : (int)left) <= 0)
		return 1;
	if (buf_reserve(out, READ_CHUNK) == NULL)
		return err_set(err, ERR_INVALID, "it prints more than %d bytes",
			       KUBE_EXEC_OUTPUT_MAX);
	n = read(child->out, out->data + had, READ_CHUNK);
	buf_truncate(out, had + (n > 0 ? (size_t)n : 0));
	if (n < 0 && errno != EINTR)
		return err_sys(err, "cannot read what it prints");
	return n != 0;
}

/* Its end, until the deadline; then it is killed. */
static int reap(const struct child *child, int *status)
{
	const struct timespec moment = { 0, 5000000 };
	pid_t r;

	for (;;) {
		r = waitpid(child->pid, status, WNOHANG);
		if (r == child->pid || (r < 0 && errno != EINTR))
			return r == child->pid ? 0 : -1;
		if (clock_monotonic_ms() >= child->deadline)
			break;
		nanosleep(&moment, NULL);
	}
	kill(child->group ? -child->pid : child->pid, SIGKILL);
	while ((r = waitpid(child->pid, status, 0)) < 0 && errno == EINTR)
		;
	return r == child->pid ? 0 : -1;
}

static int judge(int status, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, ERR_IO, "ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_IO, "ended with status %d", WEXITSTATUS(status));
	return 0;
}

/* Read, wait, and judge; what went wrong first is what is told. */
static int finish(struct child *child, struct buf *out, struct err *err)
{
	int r, status = 0;

	while ((r = read_some(child, out, err)) > 0)
		;
	close(child->out);
	if (r < 0)
		child->deadline = 0;
	if (reap(child, &status) != 0 && r == 0)
		r = err_sys(err, "cannot wait for it");
	if (r == 0 && clock_monotonic_ms() >= child->deadline && WIFSIGNALED(status))
		r = late(err);
	return r != 0 ? r : judge(status, err);
}

int kube_exec_run(const struct kubeconfig_exec *e, const struct kube_exec_run *run,
		  struct exec_answer *out, struct err *err)
{
	struct buf text = BUF_INIT;
	struct child child = { .out = -1 };
	int r;

	memset(out, 0, sizeof(*out));
	if (start(e, run, &child, err) != 0)
		return err_wrap(err, "exec");
	text.max = KUBE_EXEC_OUTPUT_MAX + READ_CHUNK;
	r = finish(&child, &text, err);
	if (r == 0)
		r = exec_answer_parse(text.data, text.len, e->api_version, out, err);
	buf_clear(&text);
	return r == 0 ? 0 : err_wrap(err, "exec: %.200s", e->command);
}
