/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a login pull an image?  Asked as the container runtime of a node asks (distribution:
 * spec/auth/token, the OCI distribution specification): the manifest without a login, which the
 * registry answers with what it wants; then step 1, the login, at the token endpoint that it named
 * (or to itself, for Basic); then step 2, the manifest again.  Nothing is downloaded but that, and
 * nothing is written.
 *
 * The login goes to the registry's own host or to the token endpoint of its own answer, over
 * verified TLS, and never after a redirect.  GHCR, Docker Hub and every registry with Basic or
 * Bearer.
 */
#ifndef BULLA_GITHUB_REGISTRY_H
#define BULLA_GITHUB_REGISTRY_H

#include "base/notes.h"
#include "github/registry_types.h"

struct err;

/*
 * Ask.  0: it pulls, and notes say what the user should know (it could push, the login goes to
 * another host, it was not asked for).  -1: it does not, r says where and why for programs, and err
 * what failed in which step, what that means for the kubelet's pull and what to do: ERR_REFUSED for
 * a login, a right or an image, ERR_IO when there is no telling now (down, limited), ERR_INVALID
 * for STRANGE and UNSAFE.  The password is nowhere in them.  r is set up before and cleared by the
 * caller.
 */
int registry_check(const struct registry_question *q, struct registry_result *r,
		   struct notes *notes, struct err *err);
void registry_result_clear(struct registry_result *r);

#endif
