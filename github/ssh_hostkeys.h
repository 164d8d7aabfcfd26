/* SPDX-License-Identifier: Apache-2.0 */
/* Which host keys Flux asks for, and which it takes (github/ssh.h has the rules).  No I/O. */
#ifndef BULLA_GITHUB_SSH_HOSTKEYS_H
#define BULLA_GITHUB_SSH_HOSTKEYS_H

#include "github/ssh_types.h"

/* The constant for a type's name; NULL when it is none of the five. */
const char *github_ssh_type(const char *name, size_t len);

/* The types of all lines, in their order: their number, at most GITHUB_SSH_TYPES. */
size_t github_ssh_types(const struct github_ssh_request *q, const char *types[GITHUB_SSH_TYPES]);

/*
 * The host key algorithms to offer for these types, as Flux does: "ssh-rsa" alone brings the
 * signatures with SHA-2, beside others it is offered as it is.  Appended.
 */
void github_ssh_algorithms(const char *const *types, size_t n, struct buf *out);

/* The first key of that type listed for the host, the only one Flux looks at; NULL. */
const struct github_ssh_host_key *github_ssh_expected(const struct github_ssh_request *q,
						      const char *type);

/* Judge a key that the server showed, into a new entry of the result. */
const struct github_ssh_host *github_ssh_judge(const struct github_ssh_request *q, const char *type,
					       const struct buf *blob,
					       struct github_ssh_result *result);

#endif
