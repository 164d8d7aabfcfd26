/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/rotate_kinds.h"

#include <stddef.h>

#include "kinds/kinds.h"

const struct kind *const rotate_kinds[] = { &kind_tls,	  &kind_registry,   &kind_git_https,
					    &kind_opaque, &kind_deploy_key, NULL };

bool rotate_kinds_has(const struct kind *k)
{
	size_t i = 0;

	while (rotate_kinds[i] != NULL && rotate_kinds[i] != k)
		i++;
	return rotate_kinds[i] != NULL;
}
