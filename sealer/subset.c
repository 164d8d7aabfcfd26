/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/subset.h"

#include <stdint.h>
#include <stdio.h>

static bool is_empty(const json_t *v)
{
	return json_is_null(v) || (json_is_object(v) && json_object_size(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0);
}

/* Take a step of the way back when what it leads to is right. */
static bool step(const json_t *part, const json_t *whole, enum subset_lists lists,
		 struct buf *where, const char *name)
{
	size_t had = where != NULL ? where->len : 0;

	if (where != NULL)
		buf_printf(where, "%s%s", had > 0 && name[0] != '[' ? "." : "", name);
	if (!subset(part, whole, lists, where))
		return false;
	if (where != NULL)
		buf_truncate(where, had);
	return true;
}

static bool one_of(const json_t *part, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (subset(part, json_array_get(list, i), SUBSET_ANY, NULL))
			return true;
	return false;
}

static bool list_in(const json_t *part, const json_t *whole, enum subset_lists lists,
		    struct buf *where)
{
	if (!json_is_array(whole))
		return false;
	if (lists == SUBSET_EXACT && json_array_size(part) != json_array_size(whole))
		return false;
	for (size_t i = 0; i < json_array_size(part); i++) {
		char at[24];

		if (lists == SUBSET_ANY && !one_of(json_array_get(part, i), whole))
			return false;
		snprintf(at, sizeof(at), "[%zu]", i);
		if (lists == SUBSET_EXACT &&
		    !step(json_array_get(part, i), json_array_get(whole, i), lists, where, at))
			return false;
	}
	return true;
}

bool subset(const json_t *part, const json_t *whole, enum subset_lists lists, struct buf *where)
{
	const char *name;
	json_t *value;

	if (is_empty(part) && (whole == NULL || is_empty(whole)))
		return true;
	if (json_is_array(part))
		return list_in(part, whole, lists, where);
	if (!json_is_object(part))
		return json_equal(part, whole) == 1;
	if (!json_is_object(whole))
		return false;
	json_object_foreach((json_t *)(uintptr_t)part, name, value)
	{
		if (!step(value, json_object_get(whole, name), lists, where, name))
			return false;
	}
	return true;
}
