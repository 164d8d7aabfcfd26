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
	ASSIGN_ENV,	  /* environment files: anything that is no placeholder, path or number */
	ASSIGN_TERRAFORM, /* state and variables: the same */
};

/* By the last part of a path; NULL is ASSIGN_CODE. */
enum assign_mode assign_mode_of(const char *path);

/* v->text[at] is ":", "=" or, of an element in XML, ">". */
bool assign_at(const struct view *v, size_t at, enum assign_mode mode, struct hit_new *hit);

/* "DB_PASSWORD", "apiKey", "client-secret"; not "passwordFile", "secretName", "tokenTtl". */
bool assign_is_credential(const char *name, size_t len);

/*
 * May a value under such a name be one, by the looser rule of environment files?  Words joined by
 * dashes are one only of a password: they name a Secret under a name like "secret".
 */
bool assign_is_value(const char *name, size_t name_len, const char *value, size_t len);

/* The name that what begins at text[at] is given to on the same line; 0 when there is none. */
size_t assign_name(const char *text, size_t at, const char **name);

#endif
