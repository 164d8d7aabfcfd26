/* SPDX-License-Identifier: Apache-2.0 */
/* A library that is loaded when it is first needed, into a table of its functions. */
#ifndef BULLA_BASE_LIBRARY_H
#define BULLA_BASE_LIBRARY_H

#include <stddef.h>

struct err;

struct library_symbol {
	const char *name;
	size_t at; /* offsetof its pointer in the table */
};

struct library {
	const char *file;    /* "libcurl.so.4": as the dynamic loader looks it up */
	const char *name;    /* "libcurl", for errors */
	const char *package; /* Debian's */
	const struct library_symbol *symbols;
	size_t n;
};

/*
 * Load it and fill the table.  The handle, for dlclose(3) when what was loaded will not do; NULL
 * and ERR_IO: it is not there, or lacks a function.
 */
void *library_load(const struct library *l, void *table, struct err *err);

#endif
