/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/paths.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static bool inside(const char *path, const char *of)
{
	size_t n = strlen(of);

	while (n > 0 && of[n - 1] == '/')
		n--;
	return strncmp(path, of, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The three pairs; what each must not do is said once each way. */
static int check_pair(const char *a_name, const char *a, const char *b_name, const char *b,
		      const char *why, struct err *err)
{
	if (strcmp(a, b) == 0)
		return err_set(err, ERR_REFUSED, "%s and %s are the same folder %s: %s", a_name,
			       b_name, a, why);
	if (inside(a, b))
		return err_set(err, ERR_REFUSED, "%s (%s) lies inside %s (%s): %s", a_name, a,
			       b_name, b, why);
	if (inside(b, a))
		return err_set(err, ERR_REFUSED, "%s (%s) lies inside %s (%s): %s", b_name, b,
			       a_name, a, why);
	return 0;
}

static int check_git(const char *secrets, struct err *err)
{
	char *top = file_git_top(secrets);
	int r = 0;

	if (top != NULL)
		r = err_set(err, ERR_REFUSED,
			    "SECRETS (%s) lies in the Git tree %s, where one commit would publish "
			    "it; choose a folder outside, best on a tmpfs",
			    secrets, top);
	mem_free(top);
	return r;
}

/* Absolute, links of all but the last component resolved. */
static char *absolute_link(const char *path, struct err *err)
{
	char *copy = mem_str(path);
	size_t n = strlen(copy);
	char *slash, *folder, *r;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	if (slash == NULL
		? strcmp(copy, ".") == 0 || strcmp(copy, "..") == 0
		: slash[1] == '\0' || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0) {
		r = file_absolute(copy, err);
		mem_free(copy);
		return r;
	}
	if (slash != NULL)
		*slash = '\0';
	folder = file_absolute(slash == NULL ? "." : slash == copy ? "/" : copy, err);
	r = folder == NULL ? NULL
			   : mem_printf("%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
					slash == NULL ? copy : slash + 1);
	mem_free(folder);
	mem_free(copy);
	return r;
}

static int check(const struct paths *p, const char *documents, struct err *err)
{
	if (check_pair("SECRETS", p->secrets, "DOCUMENTS", documents,
		       "what is opened must not stand among what is committed", err) < 0)
		return -1;
	if (p->keys == NULL)
		return check_git(p->secrets, err);
	if (check_pair("KEYS", p->keys, "DOCUMENTS", documents,
		       "no key belongs among what is committed", err) < 0 ||
	    check_pair("KEYS", p->keys, "SECRETS", p->secrets,
		       "who may read Secrets must not read keys", err) < 0)
		return -1;
	return check_git(p->secrets, err);
}

int paths_resolve(const char *documents, const char *secrets, const char *keys, struct paths *out,
		  struct err *err)
{
	char *target = file_absolute(documents, err);
	int r = -1;

	*out = (struct paths){ NULL, NULL, NULL };
	out->documents = target == NULL ? NULL : absolute_link(documents, err);
	out->secrets = out->documents == NULL ? NULL : file_absolute(secrets, err);
	out->keys = out->secrets == NULL || keys == NULL ? NULL : file_absolute(keys, err);
	if (out->secrets == NULL || (keys != NULL && out->keys == NULL))
		goto out;
	/* both where the link stands and where it leads */
	if (check(out, target, err) < 0 || check(out, out->documents, err) < 0)
		goto out;
	r = 0;
out:
	mem_free(target);
	if (r < 0)
		paths_clear(out);
	return r;
}

void paths_clear(struct paths *p)
{
	mem_free(p->documents);
	mem_free(p->secrets);
	mem_free(p->keys);
	*p = (struct paths){ NULL, NULL, NULL };
}
