/* SPDX-License-Identifier: Apache-2.0 */
#include "github/apihost.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "github/rest.h"

static const char *const names[] = { "github.com", "ssh.github.com",
				     "ghcr.io" }; /* of one server */

static bool is_github(const char *host)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(host, names[i]) == 0)
			return true;
	return false;
}

/* Host without port and brackets, in small letters; and whether a path follows. */
static char *host_of(const char *api_url, bool *path)
{
	const char *at = strstr(api_url, "://");
	const char *from = at == NULL ? api_url : at + 3;
	bool brackets = from[0] == '[';
	size_t n = brackets ? strcspn(++from, "]") : strcspn(from, ":/?#");
	char *host = mem_strn(from, n);

	from += strcspn(from, "/");
	*path = from[strspn(from, "/")] != '\0';
	for (char *c = host; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return host;
}

char *apihost_git(const char *api_url)
{
	bool path;
	char *host = host_of(api_url == NULL ? REST_API_URL : api_url, &path);

	/* an Enterprise Server may be called so too, but has its API below a path */
	if (!path && strncmp(host, "api.", 4) == 0)
		mem_replace(&host, host + 4);
	return host;
}

/* An address, not a name that begins like one. */
static bool is_loopback(const char *host)
{
	return (strncmp(host, "127.", 4) == 0 && host[strspn(host, "0123456789.")] == '\0') ||
	       strcmp(host, "::1") == 0;
}

enum apihost apihost_of(const char *api_url, const char *host)
{
	char *git = apihost_git(api_url);
	enum apihost is = APIHOST_UNTOLD;

	if (strcasecmp(git, host) == 0 || (is_github(git) && is_github(host)))
		is = APIHOST_OWN;
	else if (!is_loopback(git) && !is_loopback(host) && (is_github(git) || is_github(host)))
		is = APIHOST_OTHER;
	mem_free(git);
	return is;
}
