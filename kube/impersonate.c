/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/impersonate.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "kube/strings.h"

static int push(char ***lines, const char *header, const char *value, struct err *err)
{
	for (const char *s = value; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return err_set(err, ERR_INVALID,
				       "%s: a value with control characters or line breaks",
				       header);
	strings_push(lines, mem_printf("%s: %s", header, value));
	return 0;
}

/* A key as part of a header's name: what is no token character is percent-encoded, and "%". */
static int push_extra(char ***lines, const char *key, const char *value, struct err *err)
{
	struct buf header = BUF_INIT;
	int r;

	buf_puts(&header, "Impersonate-Extra-");
	text_percent(&header, key, "!#$&'*+-.^_`|~");
	r = push(lines, buf_str(&header), value, err);
	buf_clear(&header);
	return r;
}

static int push_all(const struct kubeconfig_user *u, char ***lines, struct err *err)
{
	if (u->as == NULL)
		return 0;
	if (push(lines, "Impersonate-User", u->as, err) != 0)
		return -1;
	if (u->as_uid != NULL && push(lines, "Impersonate-Uid", u->as_uid, err) != 0)
		return -1;
	for (char **group = u->as_groups; group != NULL && *group != NULL; group++)
		if (push(lines, "Impersonate-Group", *group, err) != 0)
			return -1;
	for (char **extra = u->as_extra; extra != NULL && *extra != NULL; extra += 2)
		if (push_extra(lines, extra[0], extra[1], err) != 0)
			return -1;
	return 0;
}

int impersonate_lines(const struct kubeconfig_user *u, char ***lines, struct err *err)
{
	*lines = NULL;
	if (push_all(u, lines, err) == 0)
		return 0;
	strings_free(*lines);
	*lines = NULL;
	return -1;
}
