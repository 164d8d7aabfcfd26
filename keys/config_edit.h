/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edit the text of a config (keys/config.h), changing only the bytes that must: comments, order,
 * quoting and line ends stay.  The text is a config before and after; on failure it is unchanged.
 */
#ifndef BULLA_KEYS_CONFIG_EDIT_H
#define BULLA_KEYS_CONFIG_EDIT_H

#include "base/buf.h"
#include "keys/age_recipient.h"

struct err;

/*
 * Add a recipient behind the last, or give one that is there another key.  name is the file, for
 * errors.  ERR_INVALID, ERR_RECIPIENT as config_parse; "recovery" is not edited here.
 */
int config_edit_add(const char *name, struct buf *text, const char *recipient,
		    const struct age_recipient *key, struct err *err);
/* ERR_RECIPIENT when it is not there, ERR_CONFLICT while a rule names it. */
int config_edit_remove(const char *name, struct buf *text, const char *recipient, struct err *err);
/*
 * Add a rule before all others, which so decides for its path: "path" to this one recipient.
 * ERR_INVALID when the rules are written as "[...]", which nothing can be put before.
 */
int config_edit_rule(const char *name, struct buf *text, const char *path, const char *recipient,
		     struct err *err);

#endif
