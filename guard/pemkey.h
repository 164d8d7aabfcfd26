/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys in the wild: PEM and PuTTY's form with their line breaks as they are, escaped,
 * quoted line by line or indented.  What is called a private key must also hold one: at least half
 * of the DER value that its first bytes announce, or OpenSSH's magic.  Within guard/ only.
 */
#ifndef BULLA_GUARD_PEMKEY_H
#define BULLA_GUARD_PEMKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/hits.h"

#define PEMKEY_BEGIN "-----BEGIN "
#define PEMKEY_PUTTY "PuTTY-User-Key-File-"

/* PEMKEY_BEGIN stands at v->text[at]. */
bool pemkey_at(const struct view *v, size_t at, struct hit_new *hit);

/* PEMKEY_PUTTY stands at v->text[at]. */
bool pemkey_putty_at(const struct view *v, size_t at, struct hit_new *hit);

#endif
