/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare limit of an agent that starts with nothing: read N files, make N Secrets in the
 * kubelet's layout with the fewest system calls that layout takes, and bring them to disk at once.
 *
 * usage: bench_place DOCUMENTS SECRETS       prints seconds of wall and CPU time
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void check(int r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
}

static void read_file(int dir, const char *name)
{
	static char data[1 << 20];
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	check(fd, name);
	while (read(fd, data, sizeof(data)) > 0)
		;
	close(fd);
}

static void place(int secrets, const char *name)
{
	int folder, fd, stamp;

	check(mkdirat(secrets, name, 0700), name);
	folder = openat(secrets, name, O_DIRECTORY | O_CLOEXEC);
	check(folder, name);
	check(mkdirat(folder, "..2026_11_25_00_00_00.1", 0700), "mkdir");
	stamp = openat(folder, "..2026_11_25_00_00_00.1", O_DIRECTORY | O_CLOEXEC);
	check(stamp, "open");
	fd = openat(stamp, "TOKEN", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	check(fd, "create");
	check((int)write(fd, "value of a credential", 21), "write");
	close(fd);
	check(symlinkat("..2026_11_25_00_00_00.1", folder, "..data_tmp"), "symlink");
	check(renameat(folder, "..data_tmp", folder, "..data"), "rename");
	check(symlinkat("..data/TOKEN", folder, "TOKEN"), "symlink");
	close(stamp);
	close(folder);
}

int main(int argc, char **argv)
{
	struct timespec from, to;
	struct rusage usage;
	struct dirent *e;
	int secrets;
	DIR *dir;

	if (argc != 3)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &from);
	dir = opendir(argv[1]);
	check(mkdir(argv[2], 0700), argv[2]);
	secrets = open(argv[2], O_DIRECTORY | O_CLOEXEC);
	check(dir == NULL ? -1 : secrets, argv[1]);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		read_file(dirfd(dir), e->d_name);
		place(secrets, e->d_name);
	}
	check(syncfs(secrets), "syncfs");
	clock_gettime(CLOCK_MONOTONIC, &to);
	getrusage(RUSAGE_SELF, &usage);
	printf("%.6f %.6f\n",
	       (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
	       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	closedir(dir);
	return 0;
}
