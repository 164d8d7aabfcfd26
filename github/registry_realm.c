/* SPDX-License-Identifier: Apache-2.0 */
#include "github/registry_realm.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"

int registry_realm_split(const char *realm, bool plain, char **base, struct buf *path,
			 struct err *err)
{
	const char *rest;

	*base = NULL;
	plain = plain && strncmp(realm, "http://", 7) == 0;
	if (!plain && strncmp(realm, "https://", 8) != 0)
		return err_set(err, ERR_INVALID,
			       "wants the login at a token endpoint without https://");
	if (strpbrk(realm, " \t\"<>\\^`{|}#") != NULL)
		return err_set(err, ERR_INVALID,
			       "names a token endpoint that is no address of one (realm)");
	rest = realm + (plain ? 7 : 8);
	rest += strcspn(rest, "/?");
	*base = mem_strn(realm, (size_t)(rest - realm));
	buf_printf(path, "%s%s", *rest == '/' ? "" : "/", rest);
	return 0;
}

/* A value of a query: what RFC 3986 lets stand, and what registries want to see unchanged. */
static void put(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%c%s=", strchr(buf_str(out), '?') != NULL ? '&' : '?', name);
	text_percent(out, value, "-._~:/,");
}

/* One parameter for each of the words of a scope. */
static void put_scopes(struct buf *out, const char *scope)
{
	while (*scope != '\0') {
		size_t n = strcspn(scope, " ");
		char *one = mem_strn(scope, n);

		if (n > 0)
			put(out, "scope", one);
		mem_free(one);
		scope += n + strspn(scope + n, " ");
	}
}

void registry_realm_query(const struct challenge *want, const char *repository, const char *actions,
			  struct buf *path)
{
	char *ours;

	if (want->service != NULL)
		put(path, "service", want->service);
	if (actions == NULL)
		return;
	if (want->scope != NULL && strcmp(actions, "pull") == 0) {
		put_scopes(path, want->scope);
		return;
	}
	ours = mem_printf("repository:%s:%s", repository, actions);
	put(path, "scope", ours);
	mem_free(ours);
}
