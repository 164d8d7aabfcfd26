/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a program and look through all of its writable memory (heap, stack, data, freed or not) at
 * the moment it exits, for marks that must not be there any more.
 *
 * usage: exit_scan MARKS-FILE COMMAND [ARGUMENT...]
 *
 * MARKS-FILE holds one mark a line; a file, so that the marks stand in no argument.  Exit status:
 * the program's own, or 99 when a mark was found (told on descriptor 3 if open, else standard
 * error), 98 when memory could not be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOUND 99
#define UNREADABLE 98
#define MARKS_MAX 1024

static char marks[MARKS_MAX][256];
static size_t n_marks;

static void read_marks(const char *path)
{
	FILE *f = fopen(path, "r");

	if (f == NULL) {
		perror(path);
		exit(UNREADABLE);
	}
	while (n_marks < MARKS_MAX && fgets(marks[n_marks], sizeof(marks[0]), f) != NULL) {
		marks[n_marks][strcspn(marks[n_marks], "\n")] = '\0';
		n_marks += marks[n_marks][0] != '\0';
	}
	if (n_marks == MARKS_MAX) {
		fprintf(stderr, "exit_scan: %s has %d marks or more\n", path, MARKS_MAX);
		exit(UNREADABLE);
	}
	fclose(f);
}

static size_t scan_bytes(const char *bytes, size_t len, const char *region)
{
	size_t found = 0;

	for (size_t i = 0; i < n_marks; i++) {
		const char *at = bytes;

		while ((at = memmem(at, len - (size_t)(at - bytes), marks[i], strlen(marks[i]))) !=
		       NULL) {
			dprintf(STDERR_FILENO, "exit_scan: mark %zu in %s at +%zu\n", i, region,
				(size_t)(at - bytes));
			found++;
			at++;
		}
	}
	return found;
}

/* One line of /proc/PID/maps; regions that cannot be read (guard pages) hold nothing. */
static size_t scan_region(int mem, const char *line)
{
	unsigned long from, to;
	char rights[5], name[200] = "anonymous memory";
	char *bytes;
	ssize_t n;
	size_t found = 0;

	if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %199[^\n]", &from, &to, rights, name) < 3 ||
	    rights[1] != 'w')
		return 0;
	bytes = malloc(to - from);
	if (bytes == NULL)
		return 0;
	n = pread(mem, bytes, to - from, (off_t)from);
	if (n > 0)
		found = scan_bytes(bytes, (size_t)n, name);
	free(bytes);
	return found;
}

static int scan(pid_t pid)
{
	char path[64], line[512];
	size_t found = 0, regions = 0;
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "r");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY);
	if (maps == NULL || mem < 0) {
		perror(path);
		return UNREADABLE;
	}
	while (fgets(line, sizeof(line), maps) != NULL) {
		found += scan_region(mem, line);
		regions++;
	}
	fclose(maps);
	close(mem);
	if (regions < 5)
		return UNREADABLE;
	return found > 0 ? FOUND : 0;
}

static int trace(pid_t pid)
{
	int status, verdict = UNREADABLE;

	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	while (waitpid(pid, &status, 0) == pid) {
		int signal = 0;

		if (WIFEXITED(status))
			return verdict != 0 ? verdict : WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
			verdict = scan(pid);
		else if (WSTOPSIG(status) != SIGTRAP)
			signal = WSTOPSIG(status);
		ptrace(PTRACE_CONT, pid, NULL, signal);
	}
	return verdict;
}

int main(int argc, char **argv)
{
	pid_t pid;

	if (argc < 3)
		return 2;
	read_marks(argv[1]);
	pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	return pid < 0 ? UNREADABLE : trace(pid);
}
