/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Try what a deploy-key document holds at its server (github/ssh.h): from the data of the Secret
 * and the fact "url" to a request, by the rules of kinds/.  Where port 22 of github.com cannot be
 * reached, ssh.github.com:443 is asked (result->port_443): it has the same host keys, so those that
 * are sealed for github.com, and the same repositories.
 */
#ifndef BULLA_SEALER_SSH_PROBE_H
#define BULLA_SEALER_SSH_PROBE_H

#include "base/kv.h"
#include "github/ssh.h"

struct err;

/* What a person is told of result->port_443. */
#define SSH_PROBE_AROUND                                                                           \
	"port 22 of github.com cannot be reached from here: ssh.github.com:443 was asked"

struct ssh_probe_options {
	bool every_host_key;
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
