/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME = VALUE, NAME: VALUE, "NAME": "VALUE", in whatever language: is NAME one that means a
 * credential, and VALUE one?  Within guard/ only.
 */
#ifndef BULLA_GUARD_ASSIGN_H
#define BULLA_GUARD_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/hits.h"

/* What the file is says how much VALUE must look like a credential. */
enum assign_mode {
	ASSIGN_CODE,	  /* anything: it must be random */
	ASSIGN_YAML,	  /* the same; a password need only be more than a word */
	ASSIGN_ENV,	  /* environment files: anything that is no placeholder, path or number */
	ASSIGN_TERRAFORM, /* state and variables: the same */
};

/* By the last part of a path; NULL is ASSIGN_CODE. */
enum assign_mode assign_mode_of(const char *path);

/* v->text[at] is ":", "=", "," between two strings, or ">" of an element in XML.  hit->where is the
 * caller's. */
bool assign_at(const struct view *v, size_t at, enum assign_mode mode, struct hit_new *hit);

/* The name that what begins at text[at] is given to on the same line; 0 when there is none. */
size_t assign_name(const char *text, size_t at, const char **name);

#endif
