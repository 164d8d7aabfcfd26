/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/strings.h"

#include "base/mem.h"

size_t strings_count(char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

void strings_push(char ***list, char *s)
{
	size_t n = strings_count(*list);

	/* there is room for n + 1 and the NULL up to the next power of two; new room is NULL */
	if ((n & (n + 1)) == 0)
		*list = mem_grow(*list, 2 * (n + 1), sizeof(**list));
	(*list)[n] = s;
}

char **strings_copy(char *const *list)
{
	char **copy = NULL;

	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		strings_push(&copy, mem_str(list[i]));
	return copy;
}

void strings_free(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		mem_free(list[i]);
	mem_free(list);
}
