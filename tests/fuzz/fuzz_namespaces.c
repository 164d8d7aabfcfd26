/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map of fan-out: what is read is usable as it is, no target is ever reached that must not be,
 * and where one is reached the items of the fact are not all refused.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "agent/namespaces.h"
#include "base/err.h"
#include "base/name.h"

static void check_rule(const struct namespaces *m, const struct namespaces_rule *r)
{
	static const char *const targets[] = { "a", "web", "team-a", "foobar-api", "kube-system" };
	static const char *const facts[] = { "*", "a", "team-*,web", "?oobar-*" };

	must(name_is_label(r->from) && r->targets.n != 0 && r->kinds.n != 0);
	must(namespaces_rule(m, r->from, r->kinds.items[0].name) == r);
	must(!namespaces_target(m, r, "*", r->from));
	must(!namespaces_target(m, r, "*", m->own));
	must(!namespaces_target(m, r, NULL, "a"));
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		struct buf refused = BUF_INIT;
		size_t n = namespaces_refused(r, facts[i], &refused);

		for (size_t k = 0; k < sizeof(targets) / sizeof(targets[0]); k++)
			if (namespaces_target(m, r, facts[i], targets[k])) {
				must(strcmp(targets[k], "kube-system") != 0);
				must(n < 2 && strcmp(buf_str(&refused), facts[i]) != 0);
			}
		buf_clear(&refused);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct namespaces m = NAMESPACES_INIT;
	struct err err = ERR_INIT;

	if (namespaces_parse("map", "bulla-system", data, size, &m, &err) == 0) {
		for (size_t i = 0; i < m.n; i++) {
			must(i == 0 || strcmp(m.rules[i - 1].from, m.rules[i].from) < 0);
			check_rule(&m, &m.rules[i]);
		}
	} else {
		must(err.class == ERR_INVALID && m.n == 0 && m.rules == NULL);
	}
	namespaces_clear(&m);
	return 0;
}
