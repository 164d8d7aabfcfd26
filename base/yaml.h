/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict YAML with byte positions, on libyaml.  Refused everywhere: anchors, aliases, tags, merge
 * keys, directives, duplicate keys, keys that are not scalars or not followed by ":" on their line,
 * pairs without braces in a flow list, invalid UTF-8, the characters that only some readers take
 * for a line break (U+0085, U+2028, U+2029, a carriage return alone), a byte order mark but the
 * first, NUL in a scalar, more than the limits below.  Scalars keep their style, so that a caller
 * can refuse a plain scalar that YAML 1.1 or 1.2 reads as something else than a string
 * (yaml_plain_ambiguous).
 *
 * libyaml counts characters, not bytes, and skips a byte order mark; the positions given here are
 * byte offsets into the text that was parsed.
 */
#ifndef BULLA_BASE_YAML_H
#define BULLA_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define YAML_DEPTH 32	      /* collections inside each other */
#define YAML_NODES_MAX 100000 /* scalars and collections in one text */

enum yaml_type { YAML_SCALAR, YAML_LIST, YAML_MAP };
enum yaml_style {
	YAML_PLAIN,
	YAML_SINGLE,
	YAML_DOUBLE,
	YAML_LITERAL,
	YAML_FOLDED,
	YAML_BLOCK,
	YAML_FLOW
};

struct yaml_node {
	enum yaml_type type;
	enum yaml_style style;
	/*
	 * Bytes [begin, end) of the text.  A block collection ends with its last child, a block
	 * scalar after the line break of its last line (with "+": of the empty lines that belong to
	 * it), and an empty value stands right behind its ":" or "-".
	 */
	size_t begin, end;
	unsigned line;	 /* 1-based line of begin */
	unsigned column; /* 0-based column of begin, in characters */
	char *text;	 /* scalar: its value, NUL-terminated, no NUL inside; else NULL */
	size_t len;
	struct yaml_node **keys;   /* map: n keys, scalars, in the order of the text */
	struct yaml_node **values; /* map and list: n values */
	size_t n;
};

/* One YAML document of a stream. */
struct yaml_doc {
	struct yaml_node *root; /* NULL for an empty document */
	size_t begin, end;	/* bytes of the document without its "---" and "..." lines */
	unsigned line;		/* of begin */
};

struct yaml_chunk;

struct yaml_stream {
	struct yaml_doc *docs;
	size_t n;
	struct yaml_chunk *chunks; /* where the nodes are */
};

#define YAML_STREAM_INIT                                                                           \
	{                                                                                          \
		NULL, 0, NULL                                                                      \
	}

/*
 * Parse all documents of a text, in linear time.  name is put before the error as "name:line: ". 0,
 * or -1 with ERR_INVALID and out empty.  The nodes do not refer to text afterwards.
 */
int yaml_parse(const char *name, const void *text, size_t len, struct yaml_stream *out,
	       struct err *err);
void yaml_clear(struct yaml_stream *s); /* wipes the scalars */

/* The value under a key of a map, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/*
 * Would a plain scalar with this text be read as something other than a string by any of YAML 1.1
 * (as in PyYAML and go-yaml), YAML 1.2 core, or JSON?  "NO", "1_000", "0x1f", "1e5", "~", "",
 * dates, digits, sexagesimals.
 */
bool yaml_plain_ambiguous(const char *text, size_t len);

/*
 * What JSON-like object a node is when loosely read: a plain scalar that is ambiguous counts as
 * "not a string" (NULL).  Returns the text of a string scalar, else NULL.
 */
const char *yaml_string(const struct yaml_node *node);

#endif
