/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a registry wants its logins checked, and what is asked there (distribution:
 * spec/auth/token).  Pure: what a challenge says becomes an address, or is refused.
 */
#ifndef BULLA_GITHUB_REGISTRY_REALM_H
#define BULLA_GITHUB_REGISTRY_REALM_H

#include <stdbool.h>

#include "base/buf.h"
#include "github/challenge.h"

struct err;

/*
 * The realm cut in two: "https://auth.docker.io", a new string that http_new has to judge, and
 * "/token", appended to path.  plain: http:// is let through too, for http_new.  ERR_INVALID, in
 * words that go on behind the registry's name ("wants the login at ..."); *base is NULL then.
 */
int registry_realm_split(const char *realm, bool plain, char **base, struct buf *path,
			 struct err *err);

/*
 * Append service and scope as a query.  actions: "pull", "pull,push", or NULL for a token that
 * allows nothing.  To pull, the registry's own scope where it gave one, as it may spell names
 * otherwise.
 */
void registry_realm_query(const struct challenge *want, const char *repository, const char *actions,
			  struct buf *path);

#endif
