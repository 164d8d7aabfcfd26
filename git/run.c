/* SPDX-License-Identifier: Apache-2.0 */
#include "git/run.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

#define ARGS_MAX 16

extern char **environ;

static int wait_for(pid_t pid, const char *what, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "git %s: cannot wait for it", what);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_IO, "git %s: it failed (status %d)", what,
		       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static int spawn(const char *program, char *const argv[], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int git_run(const char *top, const char *const args[], struct err *err)
{
	char *argv[ARGS_MAX] = { NULL };
	char *program = file_program("git");
	size_t n = 0;
	pid_t pid;
	int r;

	if (program == NULL)
		return err_set(err, ERR_IO, "there is no git program in PATH");
	argv[n++] = mem_str("git");
	argv[n++] = mem_str("-C");
	argv[n++] = mem_str(top);
	for (; *args != NULL && n < ARGS_MAX - 1; args++)
		argv[n++] = mem_str(*args);
	r = spawn(program, argv, &pid);
	if (r != 0) {
		errno = r;
		r = err_sys(err, "%s: cannot be run", program);
	} else {
		r = wait_for(pid, argv[3], err);
	}
	while (n > 0)
		mem_free(argv[--n]);
	mem_free(program);
	return r;
}
