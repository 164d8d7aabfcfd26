/* SPDX-License-Identifier: Apache-2.0 */
#include "git/raw.h"

#include <string.h>

#define PARENTS_MAX 1024

static bool take(const char **s, char c)
{
	if (**s != c)
		return false;
	++*s;
	return true;
}

/* Six octal digits. */
static bool take_mode(const char **s, unsigned *mode)
{
	unsigned v = 0;

	for (int i = 0; i < 6; i++, ++*s) {
		if (**s < '0' || **s > '7')
			return false;
		v = v * 8 + (unsigned)(**s - '0');
	}
	*mode = v;
	return true;
}

static bool take_id(const char **s, char id[static GIT_ID_TEXT])
{
	size_t n = strspn(*s, "0123456789abcdef");

	if (n != 40 && n != 64)
		return false;
	memcpy(id, *s, n);
	id[n] = '\0';
	*s += n;
	return true;
}

bool raw_change(const char *token, struct raw_line *out)
{
	size_t parents = strspn(token, ":");
	const char *s = token + parents;

	if (parents == 0 || parents > PARENTS_MAX)
		return false;
	for (size_t i = 0; i <= parents; i++)
		if (!take_mode(&s, &out->mode) || !take(&s, ' '))
			return false;
	for (size_t i = 0; i <= parents; i++)
		if (!take_id(&s, out->id) || !take(&s, ' '))
			return false;
	/* renames and copies, which have a number and a second path, are never asked for */
	if (strspn(s, "ADMTUX") != parents || s[parents] != '\0')
		return false;
	out->status = s[0];
	out->path = NULL;
	return true;
}

bool raw_tree(const char *token, struct raw_line *out)
{
	static const char *const types[] = { "blob ", "commit ", "tree " };
	const char *s = token;
	size_t i;

	if (!take_mode(&s, &out->mode) || !take(&s, ' '))
		return false;
	for (i = 0; i < 3 && strncmp(s, types[i], strlen(types[i])) != 0; i++)
		;
	if (i == 3)
		return false;
	s += strlen(types[i]);
	if (!take_id(&s, out->id) || !take(&s, '\t') || *s == '\0')
		return false;
	out->status = ' ';
	out->path = s;
	return true;
}
