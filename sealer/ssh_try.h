/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a deploy key work, for a command whose next step hangs on it (sealer/ssh_probe.h)?
 */
#ifndef BULLA_SEALER_SSH_TRY_H
#define BULLA_SEALER_SSH_TRY_H

#include <stdbool.h>

#include "base/kv.h"

struct err;

enum ssh_try {
	SSH_TRY_WORKS,	 /* the repository was read with it */
	SSH_TRY_REFUSED, /* the server, or the repository, does not take the key */
	SSH_TRY_HOST,	 /* the server's host key is not the one that is sealed */
	SSH_TRY_WRONG,	 /* the key cannot be read, or may write */
	SSH_TRY_UNKNOWN, /* it cannot be told from here */
};

struct ssh_try_options {
	const char *url;
	const struct kv *data; /* of the Secret: identity, known_hosts, perhaps password */
	bool fresh;	       /* registered just now: a refusal is believed after some seconds */
	bool every_host_key;   /* as github/ssh.h has it */
	bool may_write;	       /* else a key that may write is wrong */
};

/*
 * err says why it is not SSH_TRY_WORKS: it begins with what failed, where the server was reached:
 * "host key: ", "authentication: ", "repository: ".  Notes which way was gone, if not the URL's.
 */
enum ssh_try ssh_try(const struct ssh_try_options *o, struct err *err);

#endif
