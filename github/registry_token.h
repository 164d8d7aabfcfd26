/* SPDX-License-Identifier: Apache-2.0 */
/* Step 1 of a pull check, the login, at the token endpoint that the registry named: a part of
 * github/registry.c. */
#ifndef BULLA_GITHUB_REGISTRY_TOKEN_H
#define BULLA_GITHUB_REGISTRY_TOKEN_H

#include "github/registry_run.h"

/*
 * What the registry is to be shown, made of the login and of what the registry wants: for Basic the
 * login itself, else a token to pull, which run->grant then holds too.  -1: the check is at its
 * end.
 */
int registry_token_log_in(struct registry_run *run);

/*
 * Ask for a token that allows these actions ("pull,push"; NULL: none).  a is the answer, whatever
 * its status; -1: there is none that can be gone on with, and the check is at its end.
 */
int registry_token_ask(struct registry_run *run, const char *actions, struct http_answer *a);

#endif
