/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands below DOCUMENTS.  A look walks the folder and reads only files that changed since the
 * last one, by their stat; so it can be taken as often as anything stirs.
 *
 * Taken are regular files named *.yaml or *.yml.  Links are not followed (DOCUMENTS itself may be
 * one: git-sync swaps it), hidden files and folders are passed over, and so is what is larger than
 * DOCUMENT_FILE_MAX.
 *
 * What cannot be seen is unknown, not gone: `blind` says why nothing at all may count as gone, and
 * a file that is not SCAN_FINE may still hold whatever it held.  While the root is missing or
 * empty, what the last look saw is left as it is.
 */
#ifndef BULLA_AGENT_SCAN_H
#define BULLA_AGENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/source.h"
#include "agent/table.h"

#define SCAN_DEPTH 64
#define SCAN_FILES 200000
#define SCAN_DOCUMENTS 100000 /* of all files */

/* What tells that a file is the one that was read. */
struct scan_stat {
	uint64_t dev, ino, size;
	int64_t mtime, ctime; /* ns since 1970 */
};

struct scan_doc {
	char *namespace; /* NULL: not even that could be read (invalid) */
	char *name;	 /* in the same block */
	unsigned char id[SOURCE_ID];
	bool retain; /* deletionPolicy in force */
	bool chosen; /* and it is written in the document */
	bool invalid;
	unsigned line;
	int64_t not_after;    /* the soonest of its parts, seconds since 1970; 0: none */
	struct scan_set *set; /* its recipients; NULL when invalid */
	char *why;	      /* invalid: the reason */
	void *owner;	      /* for the owner */
};

/* The different sets of recipients, each once: documents are many, sets are few. */
struct scan_set {
	struct table_node node;
	size_t users;
	int cover;	  /* for the owner: enum cover by the keys at hand */
	char *recipients; /* as source_recipients makes it */
};

enum scan_state {
	SCAN_FINE,
	SCAN_BROKEN, /* no YAML, too large; or emptied, though it held documents */
	SCAN_UNREADABLE,
	SCAN_OTHER, /* a link, a device, ...: nothing to read */
};

struct scan_file {
	struct table_node node;
	char *path; /* below DOCUMENTS */
	struct scan_stat stat;
	enum scan_state state;
	bool trusted;	/* stat and documents belong together for sure */
	bool held;	/* a Secret was made of a document in it */
	unsigned look;	/* the last one that saw it */
	bool suspect;	/* for the owner: not all in it is well */
	bool changed;	/* for the owner: read anew since the owner reset it */
	bool told;	/* for the owner: the ledger has it */
	char *why;	/* what is wrong with the file itself, or with a document without a name */
	char *reported; /* for the owner: what was last said of why */
	bool list;
	struct scan_doc *docs;
	size_t n;
	size_t cap;
};

/* Called for each folder before it is read, so that a watch misses nothing. */
typedef void scan_folder_fn(void *ctx, const char *path);
/* Called for a file that goes. */
typedef void scan_gone_fn(void *ctx, const struct scan_file *f);

struct scan {
	char *root;
	int fd;	   /* of the root as last looked at; -1 */
	int error; /* errno of why there is none */
	struct table files;
	struct table sets;
	size_t documents;
	unsigned look;
	char *blind;		/* why nothing counts as gone; NULL: what is not seen is gone */
	size_t read;		/* files read by the last look */
	scan_folder_fn *folder; /* may be NULL, as may gone */
	scan_gone_fn *gone;
	void *ctx;
};

void scan_init(struct scan *s, const char *root);
void scan_clear(struct scan *s);

/* Look once.  true when anything differs from the last look; always true the first time. */
bool scan_look(struct scan *s);

/* The file of that path, or NULL. */
struct scan_file *scan_file(const struct scan *s, const char *path);

/*
 * Tell what an earlier process had seen (from the ledger): a file with its stat, then its
 * documents, one after the other; and that a Secret was made of something in a file.
 */
struct scan_file *scan_tell_file(struct scan *s, const char *path, const struct scan_stat *stat);
void scan_tell_doc(struct scan *s, struct scan_file *f, const struct scan_doc *doc,
		   const char *recipients);
void scan_tell_gone(struct scan *s, const char *path);
void scan_tell_lost(struct scan *s); /* what was told is not sure: read every file again */
void scan_tell_held(struct scan *s, const char *path);

/* Would a look read a file of this name? */
bool scan_takes(const char *name);

#endif
