/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a deploy key work?  A real SSH connection as Flux's source-controller makes it: the host key
 * is one of those sealed, the key is taken, git-upload-pack tells its references (reading works),
 * and git-receive-pack is refused (the key cannot write).  Nothing is ever sent that could change
 * the repository: the end of an empty list of commands, then the channel is closed.
 *
 * Host keys: Flux offers the types of all lines of known_hosts, in random order, to any host
 * (fluxcd/pkg ssh/knownhosts), and takes the first key of a type listed for the host.  So the key
 * that one connection shows may be right, and that of the next one wrong; every_host_key asks for
 * each type by a connection of its own.
 *
 * Reads the proxy from what it is given only; no configuration, no agent and no key of the user's.
 */
#ifndef BULLA_GITHUB_SSH_H
#define BULLA_GITHUB_SSH_H

#include <jansson.h>

#include "github/ssh_types.h"

struct err;

/*
 * 0 when reading works; result->access says about writing, which is for the caller to judge.  -1,
 * result->outcome and its own text otherwise: ERR_REFUSED for host key, deploy key and repository,
 * ERR_INVALID for a key that cannot be read, else ERR_IO.  result is filled in both cases as far
 * as it came.  Call from one thread at a time.
 */
int github_ssh_check(const struct github_ssh_request *q, struct github_ssh_result *result,
		     struct err *err);

/* "host-changed"; never NULL. */
const char *github_ssh_outcome_name(enum github_ssh_outcome outcome);
/* "read-only", "read-write", "unknown" */
const char *github_ssh_access_name(enum github_ssh_access access);

/* All facts as one object; the caller's reference. */
json_t *github_ssh_json(const struct github_ssh_result *r);

#endif
