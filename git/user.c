/* SPDX-License-Identifier: Apache-2.0 */
#include "git/user.h"

#include <errno.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

extern char **environ;

/* exec's arrays are of char * for historical reasons; nobody writes to the strings. */
static char *word(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* "git -C TOP --literal-pathspecs ARGS...", a new array of borrowed words. */
static char **make_arguments(const char *top, const char *const args[])
{
	size_t n = 0, m = 0;
	char **argv;

	while (args[n] != NULL)
		n++;
	argv = mem_array(n + 5, sizeof(*argv));
	argv[m++] = word("git");
	argv[m++] = word("-C");
	argv[m++] = word(top);
	argv[m++] = word("--literal-pathspecs");
	for (size_t i = 0; i < n; i++)
		argv[m++] = word(args[i]);
	return argv;
}

static int wait_for(pid_t pid, const char *what, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "git %s: cannot be waited for", what);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return err_set(err, ERR_IO,
			       "git %s: it ended with status %d; what it said is above", what,
			       WEXITSTATUS(status));
	return err_set(err, ERR_IO, "git %s: it was ended by signal %d", what, WTERMSIG(status));
}

int git_user(const char *top, const char *const args[], struct err *err)
{
	char *program = file_program("git");
	posix_spawn_file_actions_t actions;
	char **argv;
	pid_t pid;
	int r;

	if (program == NULL)
		return err_set(
		    err, ERR_IO,
		    "there is no git program in the absolute folders of PATH; install git");
	argv = make_arguments(top, args);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	r = posix_spawn(&pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0) {
		errno = r;
		r = err_sys(err, "%s: cannot be run", program);
	} else {
		r = wait_for(pid, args[0], err);
	}
	mem_free(argv);
	mem_free(program);
	return r;
}

/* The words, then the paths. */
static int run_with(const char *top, const char *const words[], char *const *paths, size_t n,
		    struct err *err)
{
	const char **args;
	size_t m = 0;
	int r;

	while (words[m] != NULL)
		m++;
	args = mem_array(m + n + 1, sizeof(*args));
	for (size_t i = 0; i < m; i++)
		args[i] = words[i];
	for (size_t i = 0; i < n; i++)
		args[m + i] = paths[i];
	r = git_user(top, args, err);
	mem_free(args);
	return r;
}

int git_user_commit(const char *top, const char *message, char *const *paths, size_t n,
		    struct err *err)
{
	const char *const add[] = { "add", "--", NULL };
	const char *const commit[] = { "commit", "-q", "-m", message, "--only", "--", NULL };

	/* a file that git does not know yet cannot be committed by its name alone */
	if (run_with(top, add, paths, n, err) != 0)
		return -1;
	return run_with(top, commit, paths, n, err);
}
