/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SOPS calls the MAC of a file: SHA-512 over the values in their order, without keys, lengths
 * or separators, in upper-case hex.  It is stored encrypted under the data key, and so proves
 * that whoever wrote it had that key.
 */
#ifndef BULLA_FOREIGN_SOPS_MAC_H
#define BULLA_FOREIGN_SOPS_MAC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/yaml.h"

#define SOPS_MAC_TEXT 129 /* 128 digits and a NUL */

struct sops_mac;

/* only_encrypted: mac_only_encrypted of the file, which begins it differently. */
struct sops_mac *sops_mac_new(bool only_encrypted);
void sops_mac_add(struct sops_mac *mac, const void *value, size_t len);
void sops_mac_end(struct sops_mac *mac, char hex[static SOPS_MAC_TEXT]);
void sops_mac_free(struct sops_mac *mac); /* NULL is fine */

/*
 * The bytes that count for a scalar which is not encrypted, appended: SOPS reads YAML's types
 * first. -1: a plain scalar of a form that is none of text, null (no bytes), true, false, a decimal
 * number without a fraction, a date or a time.
 */
int sops_mac_bytes(const struct yaml_node *scalar, struct buf *out);

#endif
