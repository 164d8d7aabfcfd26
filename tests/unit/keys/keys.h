/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of keys/ share: two well-known key pairs, and how an error is looked at. */
#ifndef BULLA_TESTS_UNIT_KEYS_KEYS_H
#define BULLA_TESTS_UNIT_KEYS_KEYS_H

#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "keys/age.h"

/* The scalar is 32 times 0x42; the pair stands in C2SP age.md. */
#define KEY_A "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
#define PUB_A "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
/* The pair of most age vectors. */
#define KEY_B "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
#define PUB_B "age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef"

static inline struct age_identity *identity(const char *text)
{
	struct err err = ERR_INIT;
	struct age_identity *id = age_identity_parse(text, strlen(text), &err);

	if (id == NULL)
		fail_msg("%s", err.text);
	return id;
}

static inline struct age_recipient recipient(const char *text)
{
	struct err err = ERR_INIT;
	struct age_recipient r;

	if (age_recipient_parse(text, &r, &err) != 0)
		fail_msg("%s", err.text);
	return r;
}

/* The call failed with this class, and its text holds the fragment. */
static inline void check_err(int r, const struct err *err, enum err_class class, const char *text)
{
	if (r == 0 || err->class != class || strstr(err->text, text) == NULL)
		fail_msg("expected class %d with \"%s\", got %d, class %d: %s", (int)class, text, r,
			 (int)err->class, err->text);
}

#endif
