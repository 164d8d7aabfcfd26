/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in the messages of commits and tags, which are published with what they describe. */
#ifndef BULLA_SEALER_CHECK_MESSAGES_H
#define BULLA_SEALER_CHECK_MESSAGES_H

#include "git/run.h"
#include "sealer/check_plaintext.h"

/* What a message is called in findings and in the baseline. */
#define CHECK_MESSAGE "commit message"
#define CHECK_TAG "tag message"
#define CHECK_COMMITS_MAX ((size_t)1 << 30) /* bytes of a list of commits */

/* Search the messages of commits, the lines of git_range_commits.  -1: git failed. */
int check_messages(const struct git *g, const struct buf *commits, struct plaintext *plain,
		   struct err *err);

/* The same for the tag of this id, and for those that it leads to; anything else has none. */
int check_tag(const struct git *g, const char *id, struct plaintext *plain, struct err *err);
/* For every ref that is a tag. */
int check_tags(const struct git *g, struct plaintext *plain, struct err *err);

#endif
