/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens for any place are refused or taken; a GitHub token that is taken is one word of ASCII, and
 * with a checksum none of its neighbours is taken.  No error quotes what was given.  36 bytes are
 * also tried as the body of a token, so that the seeds need hold none that looks real.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/token.h"

#define QUOTED_MIN 20 /* bytes; less may stand in an error's own words */

static void check_taken(const struct token_place *place, char *token, size_t len)
{
	const struct token_form *form = token_find(token, len);

	if (form == NULL || form->service != TOKEN_GITHUB)
		return;
	must(len >= form->min && len <= form->max);
	for (size_t i = 0; i < len; i++)
		must(token[i] > ' ' && token[i] < 0x7f);
	if (form->max != 40)
		return;
	for (size_t i = strlen(form->prefix); i < len; i++) {
		char kept = token[i];

		token[i] = kept == 'x' ? 'y' : 'x';
		must(token_accept(place, token, len, NULL, NULL) != 0);
		token[i] = kept;
	}
	must(token_accept(place, token, len - 1, NULL, NULL) != 0);
}

static void check(char *token, size_t size)
{
	static const char *const hosts[] = {
		"ghcr.io", "github.com", "docker.io", "registry.gitlab.com", "registry.example.com",
		""
	};

	token_guess(token, size);
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts) * TOKEN_USES; i++) {
		struct token_place place = { "token", hosts[i / TOKEN_USES], i % TOKEN_USES };
		struct err err = ERR_INIT;

		if (token_accept(&place, token, size, NULL, &err) == 0) {
			check_taken(&place, token, size);
			continue;
		}
		must(err.class == ERR_INVALID && strncmp(err.text, "token: ", 7) == 0);
		must(strlen(token) < QUOTED_MIN || strstr(err.text, token) == NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *token = mem_strn((const char *)data, size);

	check(token, size);
	mem_free(token);
	if (size == 36) {
		token = mem_printf("ghp_%.36s", (const char *)data);
		check(token, strlen(token));
		mem_free(token);
	}
	return 0;
}
