/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of strings that are ended by NULL, as argv.  NULL is the empty list. */
#ifndef BULLA_KUBE_STRINGS_H
#define BULLA_KUBE_STRINGS_H

#include <stddef.h>

size_t strings_count(char *const *list);
/* Append s, which the list then owns; the list may move. */
void strings_push(char ***list, char *s);
char **strings_copy(char *const *list);
void strings_free(char **list); /* wiped */

#endif
