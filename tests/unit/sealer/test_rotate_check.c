/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as a rotation, by facts and by opened values. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "sealer/rotate_check.h"

struct cover {
	const char *names, *name;
	bool want;
};

static const struct cover covers[] = {
	{ "a.example.org", "a.example.org", true },
	{ "a.example.org", "A.Example.ORG", true },
	{ "b.example.org,a.example.org", "a.example.org", true },
	{ "b.example.org,a.example.org", "b.example.org", true },
	{ "*.example.org", "a.example.org", true },
	{ "*.EXAMPLE.org", "a.example.ORG", true },
	{ "*.example.org", "*.example.org", true },
	{ "*.example.org", "a.b.example.org", false },
	{ "*.example.org", "example.org", false },
	{ "*.example.org", ".example.org", false },
	{ "a.example.org", "*.example.org", false },
	{ "example.org", "a.example.org", false },
	{ "a.example.orgx", "a.example.org", false },
	{ "a.example.or", "a.example.org", false },
	{ "", "a", false },
	{ "*", "a", false },
	{ "*.", "a.", false },
	{ "+7 more", "a", false },
};

static void test_covers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++)
		if (rotate_covers(covers[i].names, covers[i].name) != covers[i].want)
			fail_msg("%s for %s", covers[i].names, covers[i].name);
}

/* One side: facts, and the bytes of data keys; NULL leaves a thing out. */
struct side {
	const char *names, *end, *fingerprint, *cert, *key, *value;
};

struct one {
	struct side old;
	bool opened;
	struct side new;
	struct rotate_allowed allowed;
	const char *error; /* a part of it, or NULL: it is taken */
	const char *note;  /* a part of the only one, or NULL: there is none */
};

#define EARLY "2026-12-01T00:00:00Z"
#define LATE "2027-12-01T00:00:00Z"

static const struct one cases[] = {
	/* a certificate that was renewed */
	{ { "a,b", EARLY, "F", "C", "K", NULL },
	  false,
	  { "a,b", LATE, "G", "D", "L", NULL },
	  { 0 },
	  NULL,
	  NULL },
	{ { "a,b", EARLY, "F", "C", "K", NULL },
	  true,
	  { "a,b,c", EARLY, "G", "D", "L", NULL },
	  { 0 },
	  NULL,
	  NULL },
	{ { NULL, NULL, NULL, "C", "K", NULL },
	  true,
	  { NULL, LATE, "G", "D", "L", NULL },
	  { 0 },
	  NULL,
	  NULL },
	/* the same again */
	{ { "a", EARLY, "F", "C", "K", NULL },
	  false,
	  { "a", EARLY, "F", "C", "K", NULL },
	  { 0 },
	  "the new value is the old one",
	  NULL },
	{ { "a", EARLY, "F", "C", "K", NULL },
	  true,
	  { "a", EARLY, "F", "C", "K", NULL },
	  { 0 },
	  "--allow same",
	  NULL },
	{ { "a", EARLY, "F", "C", "K", NULL },
	  false,
	  { "a", EARLY, "F", "C", "K", NULL },
	  { .same = true },
	  NULL,
	  NULL },
	{ { "a", EARLY, "F", "C", "K", NULL },
	  true,
	  { "a", EARLY, "F", "C", "K", NULL },
	  { .same = true },
	  NULL,
	  "the private key is the old one" },
	/* facts lie, and the data that was opened does not */
	{ { "a", EARLY, "G", "C", "K", NULL },
	  true,
	  { "a", LATE, "G", "D", "L", NULL },
	  { 0 },
	  NULL,
	  NULL },
	/* renewed over the same key */
	{ { "a", EARLY, "F", "C", "K", NULL },
	  true,
	  { "a", LATE, "G", "D", "K", NULL },
	  { 0 },
	  NULL,
	  "the private key is the old one" },
	/* names */
	{ { "a,b,c", EARLY, "F", "C", "K", NULL },
	  false,
	  { "b", LATE, "G", "D", "L", NULL },
	  { 0 },
	  "for: a, c; --allow names",
	  NULL },
	{ { "a,b,c", EARLY, "F", "C", "K", NULL },
	  false,
	  { NULL, LATE, "G", "D", "L", NULL },
	  { 0 },
	  "for: a, b, c;",
	  NULL },
	{ { "a,b,c", EARLY, "F", "C", "K", NULL },
	  false,
	  { "b", LATE, "G", "D", "L", NULL },
	  { .names = true },
	  NULL,
	  "no longer served: a, c" },
	{ { "a.x.y,b.x.y", EARLY, "F", "C", "K", NULL },
	  false,
	  { "*.x.y", LATE, "G", "D", "L", NULL },
	  { 0 },
	  NULL,
	  NULL },
	{ { "a,+3 more", EARLY, "F", "C", "K", NULL },
	  false,
	  { "a", LATE, "G", "D", "L", NULL },
	  { 0 },
	  NULL,
	  "the old certificate had more names" },
	{ { "a,+3 more", EARLY, "F", "C", "K", NULL },
	  false,
	  { "b", LATE, "G", "D", "L", NULL },
	  { 0 },
	  "for: a;",
	  "the old certificate had more names" },
	{ { "a,b", EARLY, "F", "C", "K", NULL },
	  false,
	  { "a,+3 more", LATE, "G", "D", "L", NULL },
	  { 0 },
	  NULL,
	  "not compared: b" },
	/* ends */
	{ { "a", LATE, "F", "C", "K", NULL },
	  false,
	  { "a", EARLY, "G", "D", "L", NULL },
	  { 0 },
	  "before the old one (" LATE "); --allow sooner",
	  NULL },
	{ { "a", LATE, "F", "C", "K", NULL },
	  false,
	  { "a", EARLY, "G", "D", "L", NULL },
	  { .sooner = true },
	  NULL,
	  "the new value ends at " EARLY },
	/* values: only an opened one can be told from another */
	{ { .value = "v" }, false, { .value = "v" }, { 0 }, NULL, NULL },
	{ { .value = "v" }, true, { .value = "v" }, { 0 }, "the new value is the old one", NULL },
	{ { .value = "v" }, true, { .value = "w" }, { 0 }, NULL, NULL },
	{ { .value = "v", .end = EARLY }, false, { .value = "w" }, { 0 }, NULL, "give --expires" },
	{ { .value = "v", .end = EARLY }, false, { .value = "w", .end = LATE }, { 0 }, NULL, NULL },
	{ { .value = "v", .end = LATE },
	  false,
	  { .value = "w", .end = EARLY },
	  { 0 },
	  NULL,
	  "ends at " EARLY },
	/* the fact "fingerprint" of what is no certificate says nothing of the secret */
	{ { .value = "v", .fingerprint = "F" },
	  false,
	  { .value = "w", .fingerprint = "F" },
	  { 0 },
	  NULL,
	  NULL },
	/* nothing is no new value, whatever is allowed */
	{ { NULL, NULL, NULL, NULL, NULL, "old" },
	  false,
	  { NULL, NULL, NULL, NULL, NULL, "" },
	  { true, true, true },
	  "the new value is empty",
	  NULL },
};

static void set(struct kv *kv, const char *name, const char *value)
{
	if (value != NULL)
		kv_set_str(kv, name, value);
}

static void fill(const struct side *s, struct kind_secret *out)
{
	set(&out->facts, "dns-names", s->names);
	set(&out->facts, "not-after", s->end);
	set(&out->facts, "fingerprint", s->fingerprint);
	set(&out->data, "tls.crt", s->cert);
	set(&out->data, "tls.key", s->key);
	set(&out->data, "VALUE", s->value);
}

static void check_one(size_t i)
{
	const struct one *c = &cases[i];
	struct kind_secret old = KIND_SECRET_INIT, new = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	struct rotate_pair pair = { &old.facts, c->opened ? &old : NULL, &new };
	int r;

	fill(&c->old, &old);
	fill(&c->new, &new);
	r = rotate_check(&pair, &c->allowed, &notes, &err);
	if ((r == 0) != (c->error == NULL) || (r != 0 && strstr(err.text, c->error) == NULL))
		fail_msg("case %zu: %d: %s", i, r, err.text);
	if (r != 0)
		assert_int_equal(err.class, ERR_INVALID);
	if (notes.n != (c->note != NULL) ||
	    (c->note != NULL && strstr(notes.text[0], c->note) == NULL))
		fail_msg("case %zu: %zu notes: %s", i, notes.n, notes.n > 0 ? notes.text[0] : "");
	notes_clear(&notes);
	kind_secret_clear(&old);
	kind_secret_clear(&new);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_one(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_covers),
					    cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
