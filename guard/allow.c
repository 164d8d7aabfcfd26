/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/allow.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "guard/rules.h"

#define WORD "bulla:allow"

static_assert(GUARD_RULES <= 32, "a bit for each rule");

static bool is_rule_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* RULE,RULE up to anything else. */
static uint32_t listed(const char *list, size_t len)
{
	uint32_t rules = 0;

	for (size_t i = 0, begin = 0; i <= len; i++) {
		const struct guard_rule *rule;

		if (i < len && is_rule_char(list[i]))
			continue;
		rule = guard_rule_find(list + begin, i - begin);
		if (rule != NULL)
			rules |= UINT32_C(1) << (rule - guard_rules);
		if (i == len || list[i] != ',')
			break;
		begin = i + 1;
	}
	return rules;
}

uint32_t allow_rules(const char *line, size_t len)
{
	const size_t n = strlen(WORD);
	uint32_t rules = 0;

	for (;;) {
		const char *at = len < n ? NULL : memmem(line, len, WORD, n);

		if (at == NULL)
			return rules;
		len -= (size_t)(at - line) + n;
		line = at + n;
		if (len > 0 && line[0] == '=')
			rules |= listed(line + 1, len - 1);
		else if (len == 0 || !is_rule_char(line[0]))
			return UINT32_MAX;
	}
}
