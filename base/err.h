/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error value that every fallible function fills last.
 *
 * The caller owns the struct; nothing in it is allocated.  Functions return 0 or -1 (or a pointer
 * or NULL) and set the error only when they fail.  Only commands, main() and the agent's reconcile
 * boundary print it.  An error text says what, where and why, and what to do; it never quotes a
 * secret or rejected input that may be one, and it may quote names: they are escaped when printed.
 */
#ifndef BULLA_BASE_ERR_H
#define BULLA_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/* The class of an error IS the exit status of a command that ends with it. */
enum err_class {
	ERR_NONE = 0,
	ERR_FINDINGS = 1,  /* a check ran and found something */
	ERR_USAGE = 2,	   /* the command line is wrong */
	ERR_INVALID = 3,   /* a credential, document or configuration is refused */
	ERR_RECIPIENT = 4, /* unknown, missing, new or changed recipient */
	ERR_NOKEY = 5,	   /* no key at hand opens it */
	ERR_REFUSED = 6,   /* authentication failed, or outside and inside disagree */
	ERR_IO = 7,	   /* a file, terminal or process could not be read or written */
	ERR_CONFLICT = 8,  /* exists already, changed meanwhile, or cannot be merged */
	ERR_INTERNAL = 70, /* a bug */
	ERR_MEMORY = 71,   /* out of memory */
	ERR_CLASSES	   /* one more than the greatest */
};

#define ERR_TEXT_MAX 1000

struct err {
	enum err_class class;
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		ERR_NONE, ""                                                                       \
	}

/* Set class and text (replacing what was there).  err may be NULL.  Always returns -1. */
int err_set(struct err *err, enum err_class class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int err_vset(struct err *err, enum err_class class, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* As err_set with class ERR_IO; ": " and the text of errno are appended.  Returns -1. */
int err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "context: " before the text, class kept.  Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One row of the documented exit status table; the last row has a NULL meaning. */
struct err_status {
	enum err_class class;
	const char *name;    /* lower-case word, as in JSON output and logs: "invalid" */
	const char *meaning; /* one line, as in the manual pages */
};

extern const struct err_status err_statuses[];

/* The word for a class; never NULL. */
const char *err_class_name(enum err_class class);

#endif
