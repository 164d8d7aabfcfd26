/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/ssh_try.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/out.h"
#include "kinds/url.h"
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

static bool has_another_door(const char *url)
{
	struct url u;

	return url_parse("url", url, URL_SSH, &u, NULL) == 0 && strcmp(u.host, "github.com") == 0;
}

static int probe(const struct ssh_try_options *o, struct github_ssh_result *result, struct err *err)
{
	struct ssh_probe_options p = { .every_host_key = o->every_host_key };
	struct err why = ERR_INIT;

	if (ssh_probe(o->url, o->data, &p, result, err) == 0)
		return 0;
	if (err->class != ERR_IO || result->outcome == GITHUB_SSH_LIBRARY ||
	    !has_another_door(o->url))
		return -1;
	p.door_443 = true;
	if (ssh_probe(o->url, o->data, &p, result, &why) == 0) {
		out_note("port 22 of github.com cannot be reached from here: ssh.github.com:443 "
			 "was asked");
		return 0;
	}
	if (meanings[result->outcome].failed != NULL)
		return err_set(err, why.class, "%s", why.text);
	return err_set(err, err->class, "%.400s; %s", err->text, why.text);
}

static enum ssh_try try_once(const struct ssh_try_options *o, struct err *err)
{
	struct github_ssh_result result;
	const struct meaning *m;

	if (probe(o, &result, err) != 0) {
		m = &meanings[result.outcome];
		if (m->failed == NULL)
			return SSH_TRY_UNKNOWN;
		err_wrap(err, "%s", m->failed);
		return m->means;
	}
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
