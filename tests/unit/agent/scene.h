/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch folders, keys and sealed documents for the tests of the opener and its jail. */
#ifndef BULLA_TESTS_UNIT_AGENT_SCENE_H
#define BULLA_TESTS_UNIT_AGENT_SCENE_H

#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "document/seal.h"
#include "keys/keyring.h"
#include "keys/recipients.h"

/* Valgrind makes system calls of its own, which the jail ends: there is nothing to see there. */
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define SCENE_VALGRIND RUNNING_ON_VALGRIND
#endif
#endif
#ifndef SCENE_VALGRIND
#define SCENE_VALGRIND 0
#endif

#define SCENE_MARK "MARKED-SECRET-VALUE-7f3a"

static inline char *scene_path(const char *dir, const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static inline void scene_write(const char *dir, const char *name, const char *text)
{
	char *path = scene_path(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	mem_free(path);
}

static inline void scene_mkdir(const char *dir, const char *name)
{
	char *path = scene_path(dir, name);

	assert_int_equal(mkdir(path, 0755), 0);
	mem_free(path);
}

/* A new folder of its own; mem_free it after scene_remove. */
static inline char *scene_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = mem_printf("%s/bulla-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);

	assert_non_null(mkdtemp(dir));
	return dir;
}

static inline void scene_remove(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		char *name;
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		name = scene_path(path, e->d_name);
		if (lstat(name, &st) == 0 && S_ISDIR(st.st_mode))
			scene_remove(name);
		else
			unlink(name);
		mem_free(name);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

/* A new key, written as DIR/NAME unless dir is NULL. */
static inline struct age_identity *scene_key(const char *dir, const char *name)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT;

	keyring_file_format(id, clock_now(), &text);
	if (dir != NULL)
		scene_write(dir, name, buf_str(&text));
	buf_clear(&text);
	return id;
}

/* An opaque document of one part with one value, sealed to id. */
static inline void scene_document(struct document *d, const char *name, const void *value,
				  size_t len, const struct age_identity *id)
{
	struct kind_secret s = { .type = TYPE_OPAQUE };
	struct recipients to = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	*d = (struct document)DOCUMENT_INIT;
	d->name = mem_str(name);
	d->namespace = mem_str("foobar");
	d->kind = kind_find("opaque");
	d->type = TYPE_OPAQUE;
	kv_set(&s.data, "VALUE", value, len);
	assert_int_equal(recipients_add(&to, "here", age_identity_recipient(id), &err), 0);
	if (seal_part(d, "VALUE", &s, &to, clock_now(), &err) != 0)
		fail_msg("cannot seal: %s", err.text);
	recipients_clear(&to);
	kind_secret_clear(&s);
}

static inline void scene_sleep(int ms)
{
	usleep((useconds_t)ms * 1000);
}

/* The rest of the line of /proc/PID/FILE that begins with field, without white space around. */
static inline void scene_proc(pid_t pid, const char *file, const char *field, char out[static 256])
{
	char path[64], line[256];
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		size_t n = strlen(field);

		if (strncmp(line, field, n) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(out, 256, "%s", line + n + strspn(line + n, " \t"));
		break;
	}
	if (f != NULL)
		fclose(f);
}

/* Does the process exist, and not only as a zombie? */
static inline bool scene_lives(pid_t pid)
{
	char state[256];

	scene_proc(pid, "status", "State:", state);
	return state[0] != '\0' && state[0] != 'Z' && state[0] != 'X';
}

static inline bool scene_gone(pid_t pid, int ms)
{
	for (int i = 0; i < ms / 10; i++) {
		if (!scene_lives(pid))
			return true;
		scene_sleep(10);
	}
	return false;
}

static inline pid_t scene_parent(pid_t pid)
{
	char text[256];

	scene_proc(pid, "status", "PPid:", text);
	return (pid_t)atoi(text);
}

#endif
