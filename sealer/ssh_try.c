/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/ssh_try.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/out.h"
#include "sealer/ssh_probe.h"

#define TRIES 5	      /* of a key that was registered just now */
#define PAUSE_MS 2000 /* between them */

/* What an outcome means; all others cannot be told from here. */
static const struct meaning {
	enum ssh_try means;
	const char *failed;
} meanings[GITHUB_SSH_OUTCOMES] = {
	[GITHUB_SSH_KEY] = { SSH_TRY_WRONG, "private key" },
	[GITHUB_SSH_HOST_UNKNOWN] = { SSH_TRY_HOST, "host key" },
	[GITHUB_SSH_HOST_CHANGED] = { SSH_TRY_HOST, "host key" },
	[GITHUB_SSH_KEY_REFUSED] = { SSH_TRY_REFUSED, "authentication" },
	[GITHUB_SSH_REPOSITORY] = { SSH_TRY_REFUSED, "repository" },
};

static enum ssh_try try_once(const struct ssh_try_options *o, struct err *err)
{
	const struct ssh_probe_options p = { .every_host_key = o->every_host_key };
	struct github_ssh_result result;
	const struct meaning *m;

	if (ssh_probe(o->url, o->data, &p, &result, err) != 0) {
		m = &meanings[result.outcome];
		if (m->failed == NULL)
			return SSH_TRY_UNKNOWN;
		err_wrap(err, "%s", m->failed);
		return m->means;
	}
	if (result.port_443)
		out_note(SSH_PROBE_AROUND);
	if (o->may_write || result.access != GITHUB_SSH_READ_WRITE)
		return SSH_TRY_WORKS;
	err_set(err, ERR_REFUSED,
		"the key may write to the repository, which Flux does not need: register it "
		"for reading only");
	return SSH_TRY_WRONG;
}

enum ssh_try ssh_try(const struct ssh_try_options *o, struct err *err)
{
	enum ssh_try tried = try_once(o, err);

	for (int i = 1; i < TRIES && tried == SSH_TRY_REFUSED && o->fresh; i++) {
		clock_sleep(PAUSE_MS);
		tried = try_once(o, err);
	}
	return tried;
}
