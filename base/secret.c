/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

unsigned char *secret_new(size_t len)
{
	unsigned char *p = sodium_malloc(len);

	if (p == NULL) {
		fputs("bulla: out of memory\n", stderr);
		exit(ERR_MEMORY);
	}
	memset(p, 0, len); /* sodium fills it with a pattern that memcheck would take for data */
	return p;
}

void secret_seal(unsigned char *secret)
{
	sodium_mprotect_readonly(secret);
}

void secret_free(unsigned char *secret)
{
	sodium_free(secret);
}
