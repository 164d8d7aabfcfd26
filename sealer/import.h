/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of `bulla import`: Secrets in another tool's form become sealed documents.
 *
 * A run has two halves.  The first reads, opens and seals, all in memory, and writes nothing; what
 * cannot be converted becomes a row of the report with its reason, and stops nothing else.  The
 * second writes the files, each whole or not at all.
 */
#ifndef BULLA_SEALER_IMPORT_H
#define BULLA_SEALER_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/notes.h"
#include "base/yaml.h"
#include "sealer/command.h"
#include "sealer/manifest.h"
#include "sealer/options.h"
#include "sealer/ring.h"
#include "sealer/target.h"

struct err;

#define IMPORT_TEXT_MAX 536870912 /* bytes of one run held in memory */

struct import_options {
	/* of all sources */
	const char *namespace, *write, *output;
	struct option_list recipients, recipients_files, accept;
	bool dry_run;
	/* sealed-secrets */
	struct option_list private_keys;
	/* sops */
	struct ring_options ring;
	bool ignore_mac;
	const char *name;
	/* secret */
	const char *context, *kubeconfig;
};

enum import_verdict {
	IMPORT_CONVERTED,
	IMPORT_THERE,	/* its document was there already */
	IMPORT_LEFT,	/* a controller's, or Bulla's own: not to be moved */
	IMPORT_REFUSED, /* and the row says why */
	IMPORT_VERDICTS,
};

struct import_row {
	enum import_verdict verdict;
	char *file, *to; /* to: the file of the document, or NULL */
	unsigned line;
	char *document;	  /* "NAMESPACE/NAME", or NULL when it is not known */
	const char *kind; /* of the document, or NULL */
	char *text;	  /* the reason, or whom it is sealed to */
	char *adopt;	  /* the command that lets the agent take the Secret over, or NULL */
};

/* A file to be written in the second half. */
struct import_file {
	char *from;	 /* replaced; NULL: made anew */
	char *to;	 /* as people know it */
	char *real;	 /* absolute */
	struct buf had;	 /* what from held */
	struct buf text; /* what to will hold */
	bool same_place; /* from is what is at real */
	size_t first, n; /* its rows */
};

struct import;

/* What a source of Secrets must know. */
struct import_source {
	const char *const *suffixes; /* of files in folders */
	const char *word; /* files without it are not parsed: they may be no YAML of ours */
	bool whole;	  /* a file can be converted only as a whole */
	bool comments;	  /* those around an object are public, and stay */
	/* Load keys.  May be NULL. */
	int (*begin)(struct import *im, struct err *err);
	void (*end)(struct import *im);
	/* A file that is no YAML: 1 and m filled, 0 when it is none such, -1.  May be NULL. */
	int (*read_file)(struct import *im, const char *path, const struct buf *text,
			 struct manifest *m, struct err *err);
	bool (*claims)(const struct yaml_node *root);
	/* Once before the objects of a file that has one.  May be NULL. */
	int (*prepare)(struct import *im, const char *path, struct yaml_stream *s, struct err *err);
	int (*read)(struct import *im, const char *path, const struct yaml_node *root,
		    struct manifest *m, struct err *err);
};

extern const struct import_source import_sealed_secrets;
extern const struct import_source import_sops;
extern const struct import_source import_secret;

struct import {
	const struct invocation *in;
	const struct import_options *o;
	const struct import_source *source;
	void *state;		   /* of the source */
	struct option_list accept; /* --accept, and whom the user agreed to in this run */
	char **agreed;		   /* the texts of the latter, owned */
	size_t n_agreed;
	struct notes notes; /* of what is at hand */
	int64_t now;
	const char *root; /* the PATH that is walked */
	struct import_row *rows;
	size_t n_rows;
	struct import_file *files;
	size_t n_files;
	size_t held; /* bytes */
};

/* --- import_plan.c: the first half for files -------------------------------------------------- */
int import_plan(struct import *im, struct err *err);

/* --- import_one.c: one Secret ----------------------------------------------------------------- */

/*
 * Seal m for the file that t describes; the document's text is appended to out, and whom it is
 * sealed to becomes the text of row.  ERR_RECIPIENT ends a run; other errors are those of m.
 */
int import_one(struct import *im, const struct target *t, const struct manifest *m,
	       struct import_row *row, struct buf *out, struct err *err);

/* --- import_cluster.c: the first half for a live cluster -------------------------------------- */
int import_cluster(struct import *im, struct err *err);

/* Why a Secret is not ours to move, a constant text; NULL when it is.  Pure. */
const char *import_owned(const struct yaml_node *secret);

/* --- import_write.c: the second half ---------------------------------------------------------- */

/* A file that cannot be written turns its rows into refused ones; the class of the first is kept.
 */
int import_write(struct import *im, struct err *err);

/* --- import_report.c: rows -------------------------------------------------------------------- */

/* A new row; it lives until the next. */
struct import_row *import_row(struct import *im, enum import_verdict verdict, const char *file,
			      unsigned line);
void import_row_text(struct import_row *row, enum import_verdict verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct import_file *import_file(struct import *im, const struct target *t);
int import_report(const struct import *im, struct err *err);
void import_clear(struct import *im);

#endif
