/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resealing the documents of one file, in memory: text in, text and an account out.  No I/O, and
 * nothing is shared, so that several threads can do several files.
 *
 * A part is opened with every check of open_part and sealed again with a fresh file key.  What is
 * inside is carried over, `sealed-at` too: it says when the value was put in, so that its age is
 * still told and exposure can see whether a value was replaced since; Git has the time of the
 * resealing.  Facts that follow from the data are derived again.
 *
 * What cannot be done leaves its document as it is.  A part that no key at hand opens leaves only
 * itself: its neighbours in a document of kind opaque were sealed by other people at other times.
 */
#ifndef BULLA_SEALER_RESEAL_FILE_H
#define BULLA_SEALER_RESEAL_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "keys/keyring.h"
#include "sealer/reseal_plan.h"

/* A document, and what comes of it. */
struct reseal_row {
	char *document; /* NAMESPACE/NAME */
	const struct kind *kind;
	unsigned line;
	size_t parts;	      /* that the user asked about */
	size_t work;	      /* that are to be sealed again */
	size_t done;	      /* that were */
	size_t waiting;	      /* that leave a recipient out who is not named by --add */
	struct kv changes;    /* what happens, for a person -> the number of parts */
	enum err_class class; /* not ERR_NONE: some of it is left as it is */
	char *why;
};

/* A part as it was found, to see whether it is the copy of another. */
struct reseal_seen {
	unsigned char sum[32]; /* SHA-256 of its age file */
	char *where;	       /* "FILE, NAMESPACE/NAME, PART" */
	bool added;	       /* somebody receives it who could not open it before */
};

struct reseal_file {
	char *below; /* path below the top level */
	struct reseal_row *rows;
	size_t n;
	enum err_class class; /* not ERR_NONE: the file as a whole is left as it is */
	char *why;
	struct recipients to;	  /* all whom any part is sealed to */
	struct kv gone;		  /* key id -> name: of keys that were replaced */
	struct kv dropped;	  /* key id -> name: of keys that were dropped */
	struct kv added;	  /* name -> "" */
	struct kv waiting;	  /* name -> "" */
	struct reseal_seen *seen; /* of a plan in which somebody is added, else none */
	size_t n_seen;
	json_t *lost; /* what dropped keys could open, as sealer/reseal_lost.h makes it */
};

/* What is needed to do it, not only to plan it. */
struct reseal_tools {
	const struct keyring *keys;
	const struct recipients *agreed; /* nobody else receives anything */
	int64_t now;
};

/*
 * Plan (tools NULL), or do it.  text is taken over and, when done, replaced by what is to be
 * written; *changed says whether it is another.  shown: the path as a shell finds the file.
 * out->below is set; everything that goes wrong stands in out.
 */
struct reseal_input {
	const struct reseal_want *want;
	const struct reseal_tools *tools;
	const char *below, *shown;
};
void reseal_file(const struct reseal_input *in, struct buf *text, struct reseal_file *out,
		 bool *changed);
/* A file that could not be read. */
void reseal_file_unread(const char *below, const struct err *why, struct reseal_file *out);
void reseal_file_clear(struct reseal_file *f);

/* Documents of which nothing is to be done and nothing is to be told. */
bool reseal_row_quiet(const struct reseal_row *r);
/* "fresh keys", "eu has another key (2 parts); nothing changes (1 part)".  Appended. */
void reseal_row_text(const struct reseal_row *r, struct buf *out);

#endif
