/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make a folder of N sealed documents, app-0.yaml and on, in 50 namespaces, in one process.
 *
 * usage: bench_documents FOLDER N age1... [PREFIX]   namespaces are PREFIX-team-0 and on
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "document/seal.h"

static void die(const struct err *err)
{
	fprintf(stderr, "bench_documents: %s\n", err->text);
	exit(1);
}

static void make(int folder, long i, const char *prefix, const struct recipients *to)
{
	struct document d = { .name = mem_printf("app-%ld", i),
			      .namespace = mem_printf("%s%steam-%ld", prefix,
						      *prefix == '\0' ? "" : "-", i % 50),
			      .kind = kind_find("opaque"),
			      .type = TYPE_OPAQUE };
	struct kind_secret s = { .type = TYPE_OPAQUE };
	char *file = mem_printf("app-%ld.yaml", i), *value = mem_printf("value %ld", i);
	struct err err = ERR_INIT;
	struct buf text = BUF_INIT;
	int fd;

	kv_set_str(&s.data, "TOKEN", value);
	if (seal_part(&d, "TOKEN", &s, to, clock_now(), &err) != 0 ||
	    document_format(&d, &text, &err) != 0)
		die(&err);
	fd = openat(folder, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len)
		die(&(struct err){ ERR_IO, "cannot write" });
	close(fd);
	buf_clear(&text);
	kind_secret_clear(&s);
	document_clear(&d);
	mem_free(file);
	mem_free(value);
}

int main(int argc, char **argv)
{
	struct recipients to = RECIPIENTS_INIT;
	struct age_recipient key;
	struct err err = ERR_INIT;
	int folder;

	mem_init();
	if (argc != 4 && argc != 5)
		return 2;
	if (age_recipient_parse(argv[3], &key, &err) != 0 ||
	    recipients_add(&to, "bench", &key, &err) != 0)
		die(&err);
	mkdir(argv[1], 0700);
	folder = open(argv[1], O_DIRECTORY | O_CLOEXEC);
	for (long i = 0; i < atol(argv[2]); i++)
		make(folder, i, argc == 5 ? argv[4] : "", &to);
	close(folder);
	recipients_clear(&to);
	return 0;
}
