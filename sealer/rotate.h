/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One rotation: a document that is there gets new secrets, and nothing else of it changes: name,
 * namespace, kind, type, aliases, deletion policy, labels, annotations, fan-out, neighbours.
 *
 *	rotate_open, rotate_input, rotate_seal, rotate_write, rotate_wait, rotate_clear in every
 *case
 */
#ifndef BULLA_SEALER_ROTATE_H
#define BULLA_SEALER_ROTATE_H

#include <jansson.h>
#include <sys/stat.h>

#include "base/notes.h"
#include "document/edit.h"
#include "keys/keyring.h"
#include "keys/recipients.h"
#include "sealer/command.h"
#include "sealer/pending.h"
#include "sealer/result.h"
#include "sealer/rotate_options.h"
#include "sealer/target.h"

struct err;

struct rotation {
	const struct invocation *in;
	const struct rotate_options *o;
	const struct kind *kind;
	int64_t now, expires; /* expires 0: not given */
	struct edit_file file;
	struct stat st;
	size_t index;
	struct document *document; /* file.documents[index] */
	struct target target;
	struct recipients to;
	struct keyring keys; /* at hand; may be none */
	bool with_keys;
	struct kv fields;	/* the new input: by field, or by data key of opaque */
	struct document fresh;	/* the head, and the parts that were sealed anew */
	struct pending pending; /* tls: the key that waits for this certificate */
	bool taken;		/* it was taken for the new secret */
	struct notes notes;
	json_t *asked;	      /* what --live found: by part, or of all */
	struct result result; /* for programs; printed at the end */
};

/*
 * Find and read the document, its kind must be kind; read the keys at hand.  Keys that were asked
 * for (-i, --keys) must be there, this user's own may be.
 */
int rotate_open(const struct invocation *in, const struct kind *kind, struct rotation *r,
		struct err *err);
/* Whom it is sealed to, and whether there is a cluster to wait for: rotate_input's first step. */
int rotate_recipients(struct rotation *r, struct err *err);
/*
 * Whom it is sealed to, told where that is somebody new; whether there is a cluster to wait for;
 * then ask for the new secret.
 */
int rotate_input(struct rotation *r, struct err *err);
/*
 * Build, hold against the old (sealer/rotate_check.h) and seal each part that has a new value.
 * Warnings are printed.
 */
int rotate_seal(struct rotation *r, struct err *err);
/* Put them into the file, written whole or not at all, and say so; nothing with --dry-run. */
int rotate_write(struct rotation *r, struct err *err);
/*
 * With --wait: until each cluster applied it.  How far Git is with the file is told meanwhile.
 * ERR_FINDINGS when one cannot apply it, or did not in time.
 */
int rotate_wait(struct rotation *r, struct err *err);
/* The same, and *rows as wait_run leaves them, also when the end is ERR_FINDINGS (else NULL). */
int rotate_wait_rows(struct rotation *r, json_t **rows, struct err *err);
/* Before that and before a secret is asked for: may one wait there?  Errors as wait_probe. */
int rotate_wait_probe(const struct rotation *r, struct err *err);
void rotate_clear(struct rotation *r);

/* Open the part with the keys at hand: 1 opened, 0 no key or it does not open (told), -1 never. */
int rotate_open_old(struct rotation *r, const struct document_part *part, struct kind_secret *out);

#endif
