/* SPDX-License-Identifier: Apache-2.0 */
/* Any answer of a token endpoint: the token can stand in a header, who may push may be asked. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "github/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct grant g;

	if (grant_parse(data, size, &g, &err) != 0) {
		must(err.class == ERR_INVALID && err.text[0] != '\0');
		must(g.token.len == 0 && g.scope == NULL);
		return 0;
	}
	must(g.token.len > 0 && g.token.len <= GRANT_TOKEN_MAX);
	for (size_t i = 0; i < g.token.len; i++)
		must(g.token.data[i] > ' ' && g.token.data[i] <= '~');
	/* who says of one action says of the other */
	must((grant_allows(&g, "o/a", "pull") == GRANT_UNTOLD) ==
	     (grant_allows(&g, "o/a", "push") == GRANT_UNTOLD));
	grant_clear(&g);
	return 0;
}
