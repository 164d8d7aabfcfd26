/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of `bulla export`: all documents of files and folders are opened before anything is
 * written, so that what comes out is all of them or nothing.
 */
#ifndef BULLA_SEALER_EXPORT_H
#define BULLA_SEALER_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "document/edit.h"
#include "kinds/kind.h"
#include "sealer/command.h"
#include "sealer/options.h"
#include "sealer/result.h"
#include "sealer/ring.h"
#include "sealer/who.h"

struct err;

#define EXPORT_FILES_MAX 268435456 /* bytes of documents in one run */

struct export_options {
	struct ring_options ring;
	struct who_options who;
	struct option_list add;
	const char *write, *output;
	bool reveal;
};

struct export_item {
	const struct document *d;
	struct kind_secret secret;
};

/* One file with documents, and those of them. */
struct export_file {
	char *path;
	const char *below; /* path below the PATH that was walked; of a file, its name */
	struct edit_file file;
	size_t first, n; /* its items */
};

struct export
{
	const struct invocation *in;
	const struct export_options *o;
	int64_t now;
	struct export_file **files;
	size_t n_files;
	struct export_item *items;
	size_t n_items;
	struct result result; /* of the files that were written */
};

/*
 * Open every document below the command's arguments.  Each that cannot be opened is told of on
 * standard error; the class is that of the first.  ERR_INVALID: there is none at all.
 */
int export_load(struct export *ex, struct err *err);
void export_clear(struct export *ex); /* wiped */

/* export_dir.c: DIR/NAMESPACE/NAME/KEY, as the kubelet mounts Secrets; never into a Git tree. */
int export_dir(struct export *ex, struct err *err);
/* export_sops.c: files of SOPS, below DIR or one on standard output. */
int export_sops(struct export *ex, struct err *err);

#endif
