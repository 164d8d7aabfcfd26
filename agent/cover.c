/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cover.h"

#include <string.h>

#include "base/mem.h"

enum cover cover_of(const char *recipients, const struct kv *keys)
{
	const char *at = recipients;
	size_t parts = 0;
	size_t ours = 0;
	bool ours_now = false;

	/* "ID,ID;ID": within a part any one will do */
	for (;;) {
		size_t len = strcspn(at, ",;");
		char *id = mem_strn(at, len);

		ours_now = ours_now || kv_has(keys, id);
		mem_free(id);
		at += len;
		if (*at == ',') {
			at++;
			continue;
		}
		parts++;
		ours += ours_now;
		ours_now = false;
		if (*at++ == '\0')
			break;
	}
	if (ours == 0)
		return COVER_NONE;
	return ours == parts ? COVER_ALL : COVER_SOME;
}
