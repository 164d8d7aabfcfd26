/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Try what a deploy-key document holds at its server (github/ssh.h): from the data of the Secret
 * and the fact "url" to a request, by the rules of kinds/.
 */
#ifndef BULLA_SEALER_SSH_PROBE_H
#define BULLA_SEALER_SSH_PROBE_H

#include "base/kv.h"
#include "github/ssh.h"

struct err;

struct ssh_probe_options {
	bool every_host_key;
	/* of github.com, ssh.github.com:443 is asked, by the host keys sealed for the URL */
	bool door_443;
	int64_t timeout; /* ms; 0: GITHUB_SSH_TIMEOUT_MS */
};

/*
 * data: identity, known_hosts, perhaps password.  A proxy is taken from the environment
 * (github/proxy.h).  As github_ssh_check; also ERR_INVALID when url or data are not what kind
 * deploy-key takes, and when the environment's proxy is none; result is then zero but for outcome
 * GITHUB_SSH_KEY or GITHUB_SSH_PROXY.
 */
int ssh_probe(const char *url, const struct kv *data, const struct ssh_probe_options *o,
	      struct github_ssh_result *result, struct err *err);

#endif
