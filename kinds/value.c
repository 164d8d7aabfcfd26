/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/value.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"

void value_copy(const struct kv *from, const char *name, struct kv *to, const char *as)
{
	const struct kv_item *item = kv_get(from, name);

	if (item != NULL)
		kv_set(to, as, item->data, item->len);
}

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

int value_line(const char *what, const void *data, size_t len, struct err *err)
{
	const unsigned char *s = data;

	if (len == 0)
		return err_set(err, ERR_INVALID, "%s: is empty", what);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n' || s[i] == '\r')
			return err_set(
			    err, ERR_INVALID,
			    "%s: holds a line break at byte %zu of %zu, which its reader "
			    "would take as part of it",
			    what, i + 1, len);
		if ((s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return err_set(err, ERR_INVALID,
				       "%s: holds a control character at byte %zu", what, i + 1);
	}
	return 0;
}

static int ascii(const char *what, const unsigned char *s, size_t len, struct err *err)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= 0x80)
			return err_set(err, ERR_INVALID,
				       "%s: holds a character that is not ASCII at byte %zu", what,
				       i + 1);
	return 0;
}

/* white space of pasted text that is not ASCII is told by ascii() */
static int ends(const char *what, const unsigned char *s, size_t len, struct err *err)
{
	if (is_blank(s[0]))
		return err_set(err, ERR_INVALID, "%s: begins with a blank", what);
	if (is_blank(s[len - 1]))
		return err_set(err, ERR_INVALID, "%s: ends with a blank", what);
	return 0;
}

int value_word(const char *what, const void *data, size_t len, struct err *err)
{
	const unsigned char *s = data;

	if (value_line(what, data, len, err) != 0 || ends(what, s, len, err) != 0 ||
	    ascii(what, s, len, err) != 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (is_blank(s[i]))
			return err_set(err, ERR_INVALID, "%s: holds a blank at byte %zu", what,
				       i + 1);
	if (len >= 2 && (s[0] == '"' || s[0] == '\'') && s[len - 1] == s[0])
		return err_set(err, ERR_INVALID, "%s: stands in quotes, which are not part of it",
			       what);
	return 0;
}

int value_user(const char *what, const void *data, size_t len, struct err *err)
{
	const unsigned char *s = data;

	if (value_line(what, data, len, err) != 0 || ends(what, s, len, err) != 0 ||
	    ascii(what, s, len, err) != 0)
		return -1;
	if (memchr(s, ':', len) != NULL)
		return err_set(err, ERR_INVALID,
			       "%s: holds a colon, at which HTTP Basic authentication would cut it",
			       what);
	if (memchr(s, '\t', len) != NULL)
		return err_set(err, ERR_INVALID, "%s: holds a tab", what);
	return 0;
}

int value_password(const char *what, const void *data, size_t len, struct err *err)
{
	if (value_line(what, data, len, err) != 0)
		return -1;
	return ends(what, data, len, err);
}
