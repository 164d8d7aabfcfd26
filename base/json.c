/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define DEAD_STACK 16384 /* more than jansson's frames, in which it makes that text */

static int depth_of(const json_t *v, int budget)
{
	const char *key;
	json_t *child;
	size_t i;
	int deepest = 0;

	if (budget == 0)
		return 1;
	if (json_is_object(v)) {
		json_object_foreach((json_t *)(uintptr_t)v, key, child)
		{
			int d = depth_of(child, budget - 1);

			deepest = d > deepest ? d : deepest;
		}
	} else if (json_is_array(v)) {
		json_array_foreach(v, i, child)
		{
			int d = depth_of(child, budget - 1);

			deepest = d > deepest ? d : deepest;
		}
	}
	return deepest + 1;
}

json_t *json_parse(const void *text, size_t len, const char *what, struct err *err)
{
	json_error_t why;
	json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

	/* jansson's own text quotes the input, so only its kind and place are told */
	if (v == NULL) {
		bool duplicate = json_error_code(&why) == json_error_duplicate_key;

		err_set(err, ERR_INVALID, "%s: line %d, column %d: %s", what, why.line, why.column,
			duplicate ? "a name stands twice" : "not valid JSON");
		mem_wipe(&why, sizeof(why));
		sodium_stackzero(DEAD_STACK);
		return NULL;
	}
	if (depth_of(v, JSON_DEPTH + 1) > JSON_DEPTH) {
		err_set(err, ERR_INVALID, "%s: nested deeper than %d levels", what, JSON_DEPTH);
		json_decref(v);
		return NULL;
	}
	return v;
}

/* Each value but the first stands behind one of these; those in strings count too. */
static bool has_more(const char *text, size_t len, size_t max)
{
	size_t n = 1;

	for (size_t i = 0; i < len && n <= max; i++)
		n += text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{';
	return n > max;
}

json_t *json_parse_few(const void *text, size_t len, size_t max, const char *what, struct err *err)
{
	if (has_more(text, len, max)) {
		err_set(err, ERR_INVALID, "%s: has more than %zu values", what, max);
		return NULL;
	}
	return json_parse(text, len, what, err);
}

int json_only(const json_t *v, const char *path, const char *const names[], struct err *err)
{
	const char *key;
	json_t *child;

	if (!json_is_object(v))
		return err_set(err, ERR_INVALID, "%s: not an object", path);
	json_object_foreach((json_t *)(uintptr_t)v, key, child)
	{
		size_t i = 0;

		while (names[i] != NULL && strcmp(names[i], key) != 0)
			i++;
		if (names[i] == NULL)
			return err_set(err, ERR_INVALID, "%s: unknown field \"%.64s\"", path, key);
	}
	return 0;
}

const json_t *json_need_object(const json_t *v, const char *path, const char *name, struct err *err)
{
	const json_t *m = json_object_get(v, name);

	if (m == NULL)
		err_set(err, ERR_INVALID, "%s.%s: missing", path, name);
	else if (!json_is_object(m))
		err_set(err, ERR_INVALID, "%s.%s: not an object", path, name);
	else
		return m;
	return NULL;
}

const char *json_need_string(const json_t *v, const char *path, const char *name, struct err *err)
{
	const json_t *m = json_object_get(v, name);

	if (m == NULL)
		err_set(err, ERR_INVALID, "%s.%s: missing", path, name);
	else if (!json_is_string(m))
		err_set(err, ERR_INVALID, "%s.%s: not a string", path, name);
	else
		return json_string_value(m);
	return NULL;
}

int json_opt_string(const json_t *v, const char *path, const char *name, const char **s,
		    struct err *err)
{
	const json_t *m = json_object_get(v, name);

	*s = NULL;
	if (m == NULL)
		return 0;
	if (!json_is_string(m))
		return err_set(err, ERR_INVALID, "%s.%s: not a string", path, name);
	*s = json_string_value(m);
	return 0;
}

static int append(const char *bytes, size_t n, void *out)
{
	return buf_put(out, bytes, n);
}

int json_format(struct buf *out, const json_t *v)
{
	return json_dump_callback(v, append, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

int json_format_string(struct buf *out, const char *s, size_t len)
{
	json_t *v = json_stringn(s, len);
	struct buf clean = BUF_INIT;
	int r;

	if (v == NULL) { /* not UTF-8 */
		for (size_t i = 0; i < len; i++) {
			if ((unsigned char)s[i] < 0x80)
				buf_putc(&clean, (unsigned char)s[i]);
			else
				buf_puts(&clean, "\xef\xbf\xbd");
		}
		v = json_stringn(buf_str(&clean), clean.len);
		buf_clear(&clean);
	}
	r = json_format(out, v);
	json_decref(v);
	return r;
}
