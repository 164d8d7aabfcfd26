/* SPDX-License-Identifier: Apache-2.0 */
/* What is revoked first, and where. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "sealer/command.h"
#include "sealer/danger.h"
#include "sealer/rotate_kinds.h"

/* "name=value|name=value" */
static void put_facts(const char *text, struct kv *facts)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "|");
		char *one = mem_strn(text, n), *sign = strchr(one, '=');

		*sign = '\0';
		kv_set_str(facts, one, sign + 1);
		mem_free(one);
		text += n + (text[n] == '|');
	}
}

struct one {
	const char *kind, *part, *file, *facts;
	const char *where, *replace;
	bool many;
	bool claimed, claimed_opened; /* before and after it was opened */
};

#define PUBLIC "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

static const struct one cases[] = {
	{ "age-key", KIND_PART, "a.yaml", "public-key=age1xyz", "git grep -lF -e age1xyz",
	  "bulla set a.yaml", false, true, false },
	{ "github-app", KIND_PART, "a.yaml", "owner=barolab|app-id=7",
	  "https://github.com/organizations/barolab/settings/apps", "bulla set a.yaml", false, true,
	  false },
	{ "github-app", KIND_PART, "a.yaml", "owner=../evil", "https://github.com/settings/apps",
	  "bulla set a.yaml", false, true, false },
	{ "github-app", KIND_PART, "a.yaml", "base-url=https://ghe.example/api/v3",
	  "the GitHub server behind https://ghe.example/api/v3", "bulla set a.yaml", false, true,
	  false },
	{ "gcp-service-account", KIND_PART, "a.yaml", "fingerprint=k1|user=a@b.c|project=p",
	  "gcloud iam service-accounts keys delete k1 --iam-account a@b.c --project p",
	  "bulla set a.yaml", false, true, false },
	{ "gcp-service-account", KIND_PART, "a.yaml", "fingerprint=k;id|user=a@b.c|project=p",
	  "gcloud iam service-accounts keys delete 'k;id' --iam-account a@b.c --project p",
	  "bulla set --document n/d a.yaml", true, true, false },
	{ "gcp-service-account", KIND_PART, "a.yaml", "fingerprint=--all|user=a@b.c|project=p", "",
	  "bulla set a.yaml", false, true, false },
	{ "git-https", KIND_PART, "a b.yaml", "url=https://github.com/o/r",
	  "https://github.com/settings/tokens", "bulla rotate git-https 'a b.yaml'", false, true,
	  true },
	{ "git-https", KIND_PART, "-a.yaml", "url=https://git.example/o/r",
	  "the Git server git.example", "bulla rotate git-https ./-a.yaml", false, true, true },
	{ "git-https", KIND_PART, NULL, "url=javascript:alert(1)", "", "", false, true, true },
	{ "registry", KIND_PART, "a.yaml", "registry=ghcr.io|user=u",
	  "https://github.com/settings/tokens", "bulla rotate registry a.yaml", false, true,
	  false },
	{ "registry", KIND_PART, "a.yaml", "registry=a.example,ghcr.io",
	  "the registry a.example,ghcr.io", "bulla rotate registry a.yaml --docker-config FILE",
	  false, true, false },
	{ "deploy-key", KIND_PART, "a.yaml", "url=ssh://git@github.com/barolab/foobar-infra.git",
	  "bulla deploy-key remove --public-key FILE --repo barolab/foobar-infra",
	  "bulla rotate deploy-key a.yaml", false, true, true },
	{ "deploy-key", KIND_PART, "a.yaml",
	  "url=ssh://git@github.com/barolab/foobar-infra|public-key=" PUBLIC,
	  "printf '%s\\n' '" PUBLIC
	  "' | bulla deploy-key remove --public-key - --repo barolab/foobar-infra",
	  "bulla rotate deploy-key a.yaml", false, true, true },
	{ "deploy-key", KIND_PART, "a.yaml",
	  "url=ssh://git@github.com/barolab/foobar-infra|public-key=ssh-rsa $(id)",
	  "bulla deploy-key remove --public-key FILE --repo barolab/foobar-infra",
	  "bulla rotate deploy-key a.yaml", false, true, true },
	{ "deploy-key", KIND_PART, "a.yaml",
	  "url=ssh://git@github.com/o/r|public-key=" PUBLIC " $(id)'; x",
	  "printf '%s\\n' '" PUBLIC " $(id)'\\''; x"
	  "' | bulla deploy-key remove --public-key - --repo o/r",
	  "bulla rotate deploy-key a.yaml", false, true, true },
	{ "deploy-key", KIND_PART, "a.yaml", "url=ssh://git@github.com/o/r/more",
	  "the Git server of ssh://git@github.com/o/r/more", "bulla rotate deploy-key a.yaml",
	  false, true, true },
	{ "deploy-key", KIND_PART, "a.yaml", "url=ssh://git@github.com/o/$(id)",
	  "the Git server of 'ssh://git@github.com/o/$(id)'", "bulla rotate deploy-key a.yaml",
	  false, true, true },
	{ "deploy-key", KIND_PART, "a.yaml", "url=ssh://git@github.com/o/-r",
	  "the Git server of ssh://git@github.com/o/-r", "bulla rotate deploy-key a.yaml", false,
	  true, true },
	{ "opaque", "TOKEN", "a.yaml", "", "",
	  "bulla rotate opaque --document n/d a.yaml --stdin TOKEN", true, false, false },
	{ "opaque", "-x", "a.yaml", "", "", "bulla rotate opaque a.yaml --stdin=-x", false, false,
	  false },
	{ "opaque", KIND_PART, "a.yaml", "", "", "bulla rotate opaque a.yaml --from-env-file FILE",
	  false, false, false },
	{ "tls", KIND_PART, "a.yaml", "issuer=CN=a b|fingerprint=SHA256:x",
	  "the issuer 'CN=a b', certificate SHA256:x", "bulla rotate tls a.yaml --new-key", false,
	  true, false },
	{ "tls", KIND_PART, "a.yaml", "fingerprint=SHA256:x", "certificate SHA256:x",
	  "bulla rotate tls a.yaml --new-key", false, true, false },
	{ "tls", KIND_PART, "a b.yaml", "", "",
	  "bulla rotate tls --document n/d 'a b.yaml' --new-key", true, false, false },
	{ "opaque", "a b", "a.yaml", "", "", "bulla rotate opaque a.yaml --stdin 'a b'", false,
	  false, false },
	{ "basic-auth", KIND_PART, "-$(id).yaml", "", "", "bulla set ./'-$(id).yaml'", false, false,
	  false },
	{ "basic-auth", KIND_PART, "a.yaml", "user=u", "", "bulla set a.yaml", false, false,
	  false },
	{ "webhook-token", KIND_PART, "a.yaml", "",
	  "kubectl get receivers.notification.toolkit.fluxcd.io -n n", "bulla set a.yaml", false,
	  false, false },
};

static void check(const struct one *c, bool opened)
{
	struct document d = { .name = (char *)(uintptr_t) "d",
			      .namespace = (char *)(uintptr_t) "n",
			      .kind = kind_find(c->kind) };
	struct document_part part = { .name = (char *)(uintptr_t)c->part };
	struct danger_about a = { &d, &part, c->file, opened };
	struct buf where = BUF_INIT, replace = BUF_INIT;
	bool claimed;

	put_facts(c->facts, &part.facts);
	danger_where(&a, &where, &claimed);
	danger_replace(&a, c->many, &replace);
	if (strcmp(buf_str(&where), c->where) != 0 || strcmp(buf_str(&replace), c->replace) != 0 ||
	    claimed != (opened ? c->claimed_opened : c->claimed))
		fail_msg("%s, %s, %s: %s; %s; %d", c->kind, c->facts,
			 opened ? "opened" : "not opened", buf_str(&where), buf_str(&replace),
			 claimed);
	buf_clear(&where);
	buf_clear(&replace);
	kv_clear(&part.facts);
}

static void test_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		check(&cases[i], false);
		check(&cases[i], true);
	}
}

/* What is printed is there to run: each kind of the table is a subcommand, and no other is. */
static void test_rotate_knows(void **state)
{
	size_t n = 0, rows = 0;

	(void)state;
	for (size_t i = 0; kind_table[i] != NULL; i++) {
		const struct command *c = command_sub(&cmd_rotate, kind_table[i]->name);

		assert_int_equal(rotate_kinds_has(kind_table[i]), c != NULL);
		rows += c != NULL;
	}
	while (rotate_kinds[n] != NULL)
		n++;
	assert_int_equal(n, rows);
	assert_true(n >= 4);
	assert_false(rotate_kinds_has(NULL));
}

static void test_ranks(void **state)
{
	static const char *const order[] = { "age-key",	  "github-app",	  "gcp-service-account",
					     "git-https", "registry",	  "deploy-key",
					     "opaque",	  "tls",	  "basic-auth",
					     "proxy",	  "webhook-token" };
	size_t n = 0;

	(void)state;
	while (kind_table[n] != NULL)
		n++;
	assert_int_equal(n, COUNT(order)); /* a new kind has its rank */
	for (size_t i = 0; i < COUNT(order); i++) {
		const struct kind *k = kind_find(order[i]);

		assert_int_equal(danger_rank(k), i);
		assert_true(strlen(danger_reach(k)) > 10 && strlen(danger_revoke(k)) > 10);
	}
}

static void test_order(void **state)
{
	struct document a = { .name = (char *)(uintptr_t) "x",
			      .namespace = (char *)(uintptr_t) "n",
			      .kind = kind_find("opaque") };
	struct document b = a, c = a;
	struct document_part p = { .name = (char *)(uintptr_t) "A" };
	struct document_part q = { .name = (char *)(uintptr_t) "B" };
	struct danger_about ap = { &a, &p, NULL, false }, aq = { &a, &q, NULL, false };
	struct danger_about bp = { &b, &p, NULL, false }, cp = { &c, &p, NULL, false };

	(void)state;
	b.kind = kind_find("age-key");
	c.namespace = (char *)(uintptr_t) "m";
	assert_true(danger_compare(&ap, &aq) < 0 && danger_compare(&aq, &ap) > 0);
	assert_true(danger_compare(&bp, &cp) < 0 && danger_compare(&ap, &bp) > 0);
	assert_true(danger_compare(&cp, &ap) < 0);
	assert_int_equal(danger_compare(&ap, &ap), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where),
		cmocka_unit_test(test_rotate_knows),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_order),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
