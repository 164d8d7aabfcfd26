/* SPDX-License-Identifier: Apache-2.0 */
/* The deploy key at the host of the repository. */
#include <string.h>

#include "base/err.h"
#include "base/out.h"
#include "sealer/bootstrap.h"

static int look(struct bootstrap *b, struct bootstrap_look *l, struct err *err)
{
	bool fetches;

	if (bootstrap_fetches(b, &fetches, err) != 0)
		return -1;
	if (fetches) {
		bootstrap_found(l, false, "Flux fetches with it");
	} else if (b->public.len == 0) {
		bootstrap_found(l, false, "left to you: the key, once it is made");
	} else {
		buf_printf(&b->left, "register this key at %s, for reading only: %s", b->o->url,
			   buf_str(&b->public));
		bootstrap_found(l, false, "left to you");
	}
	return 0;
}

static int act(struct bootstrap *b, struct err *err)
{
	(void)b;
	return err_set(err, ERR_INTERNAL, "there is nothing to register");
}

const struct bootstrap_step bootstrap_registration = { "registration", look, act };
