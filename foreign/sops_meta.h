/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What SOPS keeps in a file beside the values: to whom the data key is encrypted, when the file was
 * changed, its MAC.  In YAML and JSON it is a map under "sops", in dotenv files it is lines whose
 * names begin with "sops_", maps and lists flattened ("age__list_0__map_enc").
 */
#ifndef BULLA_FOREIGN_SOPS_META_H
#define BULLA_FOREIGN_SOPS_META_H

#include <stdbool.h>
#include <stddef.h>

#include "base/yaml.h"
#include "foreign/sops_value.h"
#include "keys/keyring.h"

struct err;

#define SOPS_RECIPIENTS_MAX 256
#define SOPS_NAME "sops"

struct sops_meta {
	char *mac, *modified; /* NULL when absent */
	bool only_encrypted;  /* mac_only_encrypted */
	bool groups;	      /* key_groups or a threshold: the data key is in shares */
	bool others;	      /* it is encrypted to keys that are not age's, too */
	char **enc;	      /* of age, armored */
	size_t n;
};

#define SOPS_META_INIT                                                                             \
	{                                                                                          \
		0                                                                                  \
	}

/* Is it such a map? */
bool sops_meta_is(const struct yaml_node *sops);

/* ERR_INVALID, the text beginning with the field.  out must be SOPS_META_INIT. */
int sops_meta_read(const struct yaml_node *sops, struct sops_meta *out, struct err *err);
/* One line of a dotenv file, its name without "sops_".  Names that say nothing here are passed
 * over.
 */
int sops_meta_put(struct sops_meta *m, const char *name, const char *value, struct err *err);
void sops_meta_clear(struct sops_meta *m);

/*
 * The data key, opened with the first that fits.  key is SOPS_KEY bytes from secret_new.
 * ERR_NOKEY: sealed to none of ours, or not to age at all; ERR_INVALID: in shares; ERR_REFUSED.
 */
int sops_meta_key(const struct sops_meta *m, const struct keyring *keys, unsigned char *key,
		  struct err *err);

/* Is the MAC of the file this one?  ERR_REFUSED; ERR_INVALID: the file has none. */
int sops_meta_check(const struct sops_meta *m, const unsigned char *key, const char *mac,
		    struct err *err);

#endif
