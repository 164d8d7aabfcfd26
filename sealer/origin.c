/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/origin.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/apihost.h"
#include "github/rest.h"

/* The host of URL[:PORT]/PATH or [USER@]HOST:PATH, a new string, NULL: none; *path follows it. */
static char *host_of(const char *url, const char **path)
{
	const char *scheme = strstr(url, "://");
	const char *from = scheme != NULL ? scheme + 3 : url;
	size_t n = strcspn(from, scheme != NULL ? "/" : ":/"), at = n;

	if (from[n] == '\0' || (scheme == NULL && from[n] == '/'))
		return NULL;
	*path = from + n + (scheme == NULL);
	while (at > 0 && from[at - 1] != '@')
		at--;
	n = scheme != NULL ? strcspn(from + at, ":/") : n - at;
	return n > 0 ? mem_strn(from + at, n) : NULL;
}

char *origin_repository(const char *url, const char *api_url, struct err *err)
{
	const char *path = NULL;
	char *host = host_of(url, &path), *name = NULL;

	if (host == NULL) {
		err_set(err, ERR_INVALID,
			"there is no remote origin, or its URL has no host, and a pull request is "
			"opened at GitHub: it is to be ssh://git@HOST/OWNER/NAME or "
			"https://HOST/OWNER/NAME");
	} else if (apihost_of(api_url, host) != APIHOST_OWN) {
		err_set(err, ERR_INVALID,
			"origin is at %.253s, and GitHub is asked at %s: a pull request is opened "
			"where the branch is pushed to; the API of a GitHub Enterprise Server is "
			"given with --api-url",
			host, api_url != NULL ? api_url : REST_API_URL);
	} else {
		name = rest_repository(path, err);
		if (name == NULL)
			err_wrap(err, "origin");
	}
	mem_free(host);
	return name;
}

char *origin_find(const struct git *g, const char *api_url, struct err *err)
{
	const char *const args[] = { "remote", "get-url", "--push", "origin", NULL };
	struct buf out = { .max = 4096 };
	char *name;

	if (git_output(g, args, &out, NULL) == 0 && out.len > 0)
		buf_truncate(&out, out.len - 1);
	name = origin_repository(buf_str(&out), api_url, err);
	buf_clear(&out);
	return name;
}
