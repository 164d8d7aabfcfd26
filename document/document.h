/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sealed document (DESIGN 4.3, docs/FORMAT.md): struct and strict reading, no key needed.
 */
#ifndef BULLA_DOCUMENT_DOCUMENT_H
#define BULLA_DOCUMENT_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/kv.h"
#include "base/yaml.h"
#include "kinds/kind.h"

struct err;

#define DOCUMENT_API_VERSION "bulla.dev/v1"
#define DOCUMENT_KIND "SealedCredential"
#define DOCUMENT_PLURAL "sealedcredentials"		/* as an API server calls them */
#define DOCUMENT_API_PATH "/apis/" DOCUMENT_API_VERSION /* below which it has them */
#define DOCUMENT_MAX 1048576				/* bytes of one document */
#define DOCUMENT_PARTS_MAX 256
#define DOCUMENT_STANZAS_MAX 32
#define DOCUMENT_FILE_MAX 16777216   /* of a file that may hold many documents */
#define DOCUMENT_METADATA_MAX 32     /* labels of the Secret; as many annotations */
#define DOCUMENT_ANNOTATION_MAX 4096 /* bytes of an annotation's value */
#define DOCUMENT_SIGNATURES_MAX 8
#define DOCUMENT_SIGNATURE_MAX 4096 /* bytes */
#define DOCUMENT_PLAIN_MAX 1048576  /* bytes of one part's padded plaintext */
#define DOCUMENT_DIGEST_TEXT 65	    /* 64 hex digits and a NUL */

/* metadata.annotations of every document: Flux's postBuild would rewrite facts ("${...}"). */
#define DOCUMENT_SUBSTITUTE "kustomize.toolkit.fluxcd.io/substitute"

enum document_policy { POLICY_UNSET, POLICY_DELETE, POLICY_RETAIN };

struct document_part {
	char *name;
	struct kv recipients; /* name -> key id */
	struct kv facts;
	struct buf age; /* the age file, binary */
	unsigned line;	/* of the part's key in the text, 1-based; 0 when made here */
};

struct document {
	char *name;
	char *namespace;
	const struct kind *kind;
	enum document_policy policy;
	const char *type;	     /* of the Secret: one of the TYPE_ constants */
	struct kv labels;	     /* of the Secret */
	struct kv annotations;	     /* of the Secret */
	struct document_part *parts; /* sorted by name */
	size_t n;
	char **signatures; /* reserved: kept, not read */
	size_t n_signatures;
	bool substitute_disabled; /* metadata carries DOCUMENT_SUBSTITUTE: disabled; else a finding
				   */
	unsigned line;		  /* of the document in its file */
};

#define DOCUMENT_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

/*
 * Does this YAML document claim to be a sealed document?  Any version of the group bulla.dev
 * counts, and so does a near miss (the kind in another case, one of apiVersion and kind missing or
 * not a string), so that a slip of the pen is an error of document_parse and not a document that
 * nobody sees.
 */
bool document_claims(const struct yaml_doc *doc);

/*
 * Is it a List with something in it that claims to be a sealed document?  Bulla reads none from
 * there; check reports it.
 */
bool document_in_list(const struct yaml_doc *doc);

/*
 * Read one YAML document strictly: every rule of DESIGN 4.1 to 4.3 that needs no key.  file is put
 * before errors as "file:line: field: ".  ERR_INVALID.  out must be DOCUMENT_INIT; empty on
 * failure.
 */
int document_parse(const char *file, const struct yaml_doc *doc, struct document *out,
		   struct err *err);
void document_clear(struct document *d);

/*
 * The rules that need neither key nor YAML, on the struct alone: names, kind, type, metadata keys,
 * parts, recipients, facts, sizes, the age files' headers (X25519 only, stanza count equal to the
 * recipients').  document_parse ends with it; the opener, which gets fields and not YAML, starts
 * with it.  ERR_INVALID; the text begins with the field ("spec.parts.credential.facts.url: ...").
 */
int document_check(const struct document *d, struct err *err);

/*
 * The same for the document's head and one part (d's own or one that is to become its part), so
 * that adding parts one by one costs no look at all the others.  The document's size is left out.
 */
int document_check_part(const struct document *d, const struct document_part *part,
			struct err *err);
/* The same without the part's age file: before it is made. */
int document_check_claims(const struct document *d, const struct document_part *part,
			  struct err *err);

struct document_part *document_part(const struct document *d, const char *name); /* or NULL */
/* The part of that name, added (empty, in its sorted place) when it is not there. */
struct document_part *document_part_add(struct document *d, const char *name);
void document_part_remove(struct document *d, const char *name);
void document_part_clear(struct document_part *part);
/* The same name, recipients, facts and bytes. */
bool document_part_equal(const struct document_part *a, const struct document_part *b);

/* The policy in force: the document's own or the kind's default. */
enum document_policy document_policy(const struct document *d);
const char *document_policy_name(enum document_policy p); /* "Delete", "Retain" */

/*
 * The digest (DESIGN 4.3, docs/FORMAT.md) of a document that document_check accepts: SHA-256 over
 * "bulla.dev/v1 digest\n" and the length-prefixed namespace, name, kind, deletionPolicy and secret,
 * then each part's name and the SHA-256 of its binary file.
 */
void document_digest(const struct document *d, char hex[static DOCUMENT_DIGEST_TEXT]);

/*
 * The whole text of a new document, as the sealer writes it, with DOCUMENT_SUBSTITUTE.  Appended;
 * the same struct always gives the same bytes.  ERR_INVALID when document_check refuses d or the
 * text would pass DOCUMENT_MAX.
 */
int document_format(const struct document *d, struct buf *out, struct err *err);

#endif
