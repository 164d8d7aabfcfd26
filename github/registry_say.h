/* SPDX-License-Identifier: Apache-2.0 */
/* What a failed pull check is to a person: which step, what it means for the kubelet, what to do.
 */
#ifndef BULLA_GITHUB_REGISTRY_SAY_H
#define BULLA_GITHUB_REGISTRY_SAY_H

#include "base/buf.h"
#include "github/registry_types.h"

struct err;

#define REGISTRY_CODE_SIZE 48

/*
 * The first error code of a registry's answer {"errors":[{"code":"DENIED"}]}, when it is capital
 * letters and "_"; else "".  What else an answer says is not repeated: it may quote the request.
 */
void registry_code(const struct buf *body, char code[static REGISTRY_CODE_SIZE]);

/* "WHAT; MEANING; ADVICE" after the step's name, in the verdict's error class.  Returns -1. */
int registry_say(const struct imageref *image, const struct registry_result *r, const char *what,
		 struct err *err);

#endif
