/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file below DOCUMENTS and the sealed documents in it.  The file is read once into memory and
 * is not kept: the agent remembers of a document only what decides whether it must be opened, and
 * reads its file again when it must.
 */
#ifndef BULLA_AGENT_SOURCE_H
#define BULLA_AGENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/yaml.h"
#include "document/document.h"

struct err;

#define SOURCE_ID 32

struct source {
	char *path; /* below DOCUMENTS; put before errors */
	struct yaml_stream yaml;
	const struct yaml_doc **docs; /* those that claim to be sealed documents */
	size_t n;
	bool blank; /* the file holds no YAML at all */
	bool list;  /* it has sealed documents inside a List, where no reader looks for them */
	unsigned list_line;
};

/*
 * Read and parse root/path (no links on the way).  Unless thorough, a file that has neither
 * the word bulla.dev nor SealedCredential is not parsed, and one without the latter that is no YAML
 * counts as empty: other tools' templates are none of our business.  ERR_IO not readable,
 * ERR_INVALID no YAML or too large.  out is empty on failure; st, when given, gets what the file
 * was (also on ERR_INVALID).
 */
int source_read(int root, const char *path, bool thorough, struct source *out, struct stat *st,
		struct err *err);
void source_clear(struct source *s);

/* The i-th sealed document, strictly read.  ERR_INVALID. */
int source_document(const struct source *s, size_t i, struct document *out, struct err *err);
/* What namespace and name it claims, whatever else is wrong with it; false: none that could be. */
bool source_claim(const struct source *s, size_t i, const char **namespace, const char **name);
unsigned source_line(const struct source *s, size_t i); /* 1-based */

/*
 * A hash of all that decides about a document: what its digest covers (DESIGN 4.3), and its
 * recipients and facts too, because a changed one must be refused although the bytes are the same.
 */
void source_id(const struct document *d, unsigned char id[static SOURCE_ID]);

/*
 * The recipients of a document in short: for each different set among its parts the key ids in
 * order, "ID,ID;ID".  A new string.
 */
char *source_recipients(const struct document *d);

/* The soonest `not-after` of its parts in seconds since 1970, as the facts claim it; 0: none. */
int64_t source_not_after(const struct document *d);

#endif
