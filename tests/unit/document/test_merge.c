/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "document/edit.h"
#include "document/merge.h"
#include "tests/unit/document/scene.h"

#define REGISTRY                                                                                   \
	TOP "spec:\n  kind: registry\n  secret:\n    type: kubernetes.io/dockerconfigjson\n  "     \
	    "parts:\n"
/* a registry's part with more facts: file, facts */
#define PULL(file, facts)                                                                          \
	"    credential:\n      recipients:\n        eu: \"" ID1 "\"\n      facts:\n        "      \
	"sealed-at: \"" AT "\"\n" facts "      sealed: |\n        $" file "\n"
#define NAMESPACES(what) "        namespaces: \"" what "\"\n"
#define ACCOUNTS(what) "        service-accounts: \"" what "\"\n"
#define SEALED_TO(name, file, recipients)                                                          \
	"    " name ":\n      recipients:\n" recipients "      facts:\n        sealed-at: \"" AT   \
	"\"\n      sealed: |\n        $" file "\n"
#define EU "        eu: \"" ID1 "\"\n"
#define US "        us: \"" ID2 "\"\n"
#define TWO                                                                                        \
	"apiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata: {name: two, namespace: "      \
	"b}\n" SPEC "  parts:\n"
#define FLOW_PART(name, file)                                                                      \
	name ": {recipients: {eu: \"" ID1 "\"}, facts: {sealed-at: \"" AT "\"}, sealed: \"$" file  \
	     "\"}"

struct merge_case {
	const char *what, *base, *ours, *theirs;
	const char *want; /* the merged text, or NULL */
	const char *why;  /* what the refusal says, when want is NULL */
};

static const struct merge_case cases[] = {
	{ "added on both sides, another name", HEAD PART("B", "A"),
	  HEAD PART("A", "B") PART("B", "A"), HEAD PART("B", "A") PART("C", "C"),
	  HEAD PART("A", "B") PART("B", "A") PART("C", "C"), NULL },
	{ "added in one gap", HEAD PART("A", "A") PART("Z", "B"),
	  HEAD PART("A", "A") PART("B", "C") PART("Z", "B"),
	  HEAD PART("A", "A") PART("C", "D") PART("Z", "B"),
	  HEAD PART("A", "A") PART("B", "C") PART("C", "D") PART("Z", "B"), NULL },
	{ "changed on each side, another part", HEAD PART("A", "A") PART("B", "B"),
	  HEAD PART_AT("A", "C", AT2) PART("B", "B"), HEAD PART("A", "A") PART_AT("B", "D", AT2),
	  HEAD PART_AT("A", "C", AT2) PART_AT("B", "D", AT2), NULL },
	{ "changed and removed, another part", HEAD PART("A", "A") PART("B", "B"),
	  HEAD PART("A", "C") PART("B", "B"), HEAD PART("A", "A"), HEAD PART("A", "C"), NULL },
	{ "removed and added", HEAD PART("A", "A") PART("B", "B"), HEAD PART("B", "B"),
	  HEAD PART("A", "A") PART("B", "B") PART("C", "C"), HEAD PART("B", "B") PART("C", "C"),
	  NULL },
	{ "changed alike, and more", HEAD PART("A", "A"), HEAD PART("A", "B") PART("C", "C"),
	  HEAD PART("A", "B") PART("D", "D"), HEAD PART("A", "B") PART("C", "C") PART("D", "D"),
	  NULL },
	{ "removed alike, and more", HEAD PART("A", "A") PART("B", "B") PART("C", "C"),
	  HEAD PART("B", "D") PART("C", "C"), HEAD PART("B", "B") PART("C", "E"),
	  HEAD PART("B", "D") PART("C", "E"), NULL },
	{ "the last part replaced by both", HEAD PART("A", "A"), HEAD PART("B", "B"),
	  HEAD PART("A", "A") PART("C", "C"), HEAD PART("B", "B") PART("C", "C"), NULL },
	{ "comments stay ours", HEAD PART("A", "A"),
	  "# ours\n" HEAD "    # about A\n" PART("A", "A"), HEAD PART("A", "A") PART("B", "B"),
	  "# ours\n" HEAD "    # about A\n" PART("A", "A") PART("B", "B"), NULL },
	{ "or theirs, when they changed them", HEAD PART("A", "A"), HEAD PART("A", "B"),
	  HEAD PART("A", "A") "    # new\n" PART("C", "C"),
	  HEAD PART("A", "B") "    # new\n" PART("C", "C"), NULL },
	{ "comments changed alike", HEAD PART("A", "A"), "# c\n" HEAD PART("A", "B"),
	  "# c\n" HEAD PART("A", "A") PART("C", "C"), "# c\n" HEAD PART("A", "B") PART("C", "C"),
	  NULL },
	{ "empty lines between parts do not count", HEAD PART("A", "A") PART("B", "B"),
	  HEAD PART("A", "A") "\n" PART("AA", "C") "\n" PART("B", "B"),
	  HEAD PART("A", "A") "\n\n" PART("B", "D"),
	  HEAD PART("A", "A") "\n" PART("AA", "C") "\n" PART("B", "D"), NULL },
	{ "flow style",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {" FLOW_PART("A", "A") "}}\n",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {" FLOW_PART("A", "B") "}}\n",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {" FLOW_PART(
	      "A", "A") ", " FLOW_PART("\"C\"", "C") "}}\n",
	  TOP "spec: {kind: opaque, secret: {type: Opaque}, parts: {" FLOW_PART(
	      "A", "B") ", \"C\": {\"recipients\": {\"eu\": \"" ID1
			"\"}, \"facts\": {\"sealed-at\": \"" AT "\"}, \"sealed\": \"$C\"}}}\n",
	  NULL },
	{ "written anew on one side", HEAD PART("A", "A") PART("B", "B"),
	  TOP "spec:\n  kind: opaque # k\n  secret: {type: Opaque}\n  parts:\n" PART("A", "A")
	      PART("B", "B"),
	  HEAD PART("A", "A") PART("B", "C"),
	  TOP "spec:\n  kind: opaque # k\n  secret: {type: Opaque}\n  parts:\n" PART("A", "A")
	      PART("B", "C"),
	  NULL },
	/* several documents */
	{ "two documents, one part each", HEAD PART("A", "A") "---\n" TWO PART("A", "B"),
	  HEAD PART("A", "C") "---\n" TWO PART("A", "B"),
	  HEAD PART("A", "A") "---\n" TWO PART("A", "D"),
	  HEAD PART("A", "C") "---\n" TWO PART("A", "D"), NULL },
	{ "another document changed on one side", "a: 1\n---\n" HEAD PART("A", "A"),
	  "a: 2\n---\n" HEAD PART("A", "A"), "a: 1\n---\n" HEAD PART("A", "B"),
	  "a: 2\n---\n" HEAD PART("A", "B"), NULL },
	{ "a document added on one side", HEAD PART("A", "A"),
	  HEAD PART("A", "A") "---\n" TWO PART("A", "B"), HEAD PART("A", "C"),
	  HEAD PART("A", "C") "---\n" TWO PART("A", "B"), NULL },
	{ "one removed that the other left alone", HEAD PART("A", "A") "---\n" TWO PART("A", "B"),
	  HEAD PART("A", "A"), HEAD PART("A", "C") "---\n" TWO PART("A", "B"), HEAD PART("A", "C"),
	  NULL },
	{ "the file made on both sides", "", HEAD PART("A", "A"), HEAD PART("B", "B"),
	  HEAD PART("A", "A") PART("B", "B"), NULL },
	{ "no line break at the end", HEAD PART("A", "A"),
	  HEAD "    A:\n      recipients:\n" EU "      facts:\n        sealed-at: \"" AT
	       "\"\n      sealed: |\n        $A\n",
	  HEAD PART("A", "A") SEALED_TO("B", "B", EU), HEAD PART("A", "A") PART("B", "B"), NULL },
	/* rule 1 */
	{ "only theirs, whatever it is", "a", "a", "b: [", "b: [", NULL },
	{ "only ours", HEAD PART("A", "A"), HEAD PART("A", "a"), HEAD PART("A", "A"),
	  HEAD PART("A", "a"), NULL },
	{ "both alike", "x", "y: *", "y: *", "y: *", NULL },
	/* conflicts */
	{ "changed differently", HEAD PART("A", "A"), HEAD PART("A", "B"), HEAD PART("A", "C"),
	  NULL, "f: team-a/api-env: part A: both branches changed it" },
	{ "the same value, sealed twice", HEAD PART("A", "A"), HEAD PART("A", "A") PART("B", "B"),
	  HEAD PART("A", "A") PART("B", "C"), NULL,
	  "part B: both branches added it, each with its own value" },
	{ "removed and changed", HEAD PART("A", "A") PART("B", "B"), HEAD PART("A", "A"),
	  HEAD PART("A", "A") PART("B", "C"), NULL,
	  "part B: one branch removed it and the other changed it" },
	{ "facts alone, differently", HEAD PART("A", "A"), HEAD PART_AT("A", "A", AT2),
	  HEAD PART_AT("A", "A", "2027-02-02T00:00:00Z"), NULL,
	  "part A: both branches changed it" },
	{ "all removed together", HEAD PART("A", "A") PART("B", "B"), HEAD PART("A", "A"),
	  HEAD PART("B", "B"), NULL, "api-env: the branches together removed all its parts" },
	{ "outside, differently", "# 1\n" HEAD PART("A", "A"), "# 2\n" HEAD PART("A", "A"),
	  "# 3\n" HEAD PART("A", "A"), NULL, "f: both branches changed text outside the parts" },
	{ "outside, at other places", HEAD PART("A", "A"), "# 2\n" HEAD PART("A", "A"),
	  HEAD PART("A", "A") "---\nb: 1\n", NULL,
	  "f: both branches changed text outside the parts" },
	{ "another document, differently", "a: 1\n---\n" HEAD PART("A", "A"),
	  "a: 2\n---\n" HEAD PART("A", "A"), "a: 3\n---\n" HEAD PART("A", "A"), NULL,
	  "f: both branches changed text outside the parts" },
	{ "removed document, changed", HEAD PART("A", "A") "---\n" TWO PART("A", "B"),
	  HEAD PART("A", "A"), HEAD PART("A", "A") "---\n" TWO PART("A", "C"), NULL,
	  "f: b/two: one branch removed it and the other changed it" },
	{ "recipients added on one side", HEAD PART("A", "A") PART("B", "B"),
	  HEAD SEALED_TO("A", "a", EU US) PART("B", "B"), HEAD PART("A", "A") PART("B", "C"), NULL,
	  "part A: one branch changed its recipients" },
	{ "a recipient renamed", HEAD PART("A", "A") PART("B", "B"),
	  HEAD SEALED_TO("A", "C", "        us: \"" ID1 "\"\n") PART("B", "B"),
	  HEAD PART("A", "A") PART("B", "D"), NULL, "part A: one branch changed its recipients" },
	{ "a key swapped under its name", HEAD PART("A", "A") PART("B", "B"),
	  HEAD SEALED_TO("A", "C", "        eu: \"" ID2 "\"\n") PART("B", "B"),
	  HEAD PART("A", "A") PART("B", "D"), NULL, "part A: one branch changed its recipients" },
	{ "recipients, the same on both sides", HEAD PART("A", "A") PART("B", "B"),
	  HEAD SEALED_TO("A", "a", EU US) PART("B", "C"),
	  HEAD SEALED_TO("A", "a", EU US) PART("B", "B"),
	  HEAD SEALED_TO("A", "a", EU US) PART("B", "C"), NULL },
	{ "a new part has its own recipients", HEAD PART("A", "A"), HEAD PART("A", "B"),
	  HEAD PART("A", "A") SEALED_TO("B", "a", EU US),
	  HEAD PART("A", "B") SEALED_TO("B", "a", EU US), NULL },
	{ "fan-out added", "a: 1\n---\n" REGISTRY PULL("A", ""),
	  "a: 2\n---\n" REGISTRY PULL("A", ""), "a: 1\n---\n" REGISTRY PULL("B", NAMESPACES("x-*")),
	  NULL, "part credential: one branch changed to which namespaces" },
	{ "fan-out widened", "a: 1\n---\n" REGISTRY PULL("A", NAMESPACES("x")),
	  "a: 2\n---\n" REGISTRY PULL("A", NAMESPACES("x")),
	  "a: 1\n---\n" REGISTRY PULL("B", NAMESPACES("*")), NULL,
	  "part credential: one branch changed to which namespaces" },
	{ "accounts", "a: 1\n---\n" REGISTRY PULL("A", ""), "a: 2\n---\n" REGISTRY PULL("A", ""),
	  "a: 1\n---\n" REGISTRY PULL("B", ACCOUNTS("default")), NULL,
	  "part credential: one branch changed to which namespaces" },
	{ "fan-out kept", "a: 1\n---\n" REGISTRY PULL("A", NAMESPACES("x") ACCOUNTS("y")),
	  "a: 2\n---\n" REGISTRY PULL("A", NAMESPACES("x") ACCOUNTS("y")),
	  "a: 1\n---\n" REGISTRY PULL("B", NAMESPACES("x") ACCOUNTS("y")),
	  "a: 2\n---\n" REGISTRY PULL("B", NAMESPACES("x") ACCOUNTS("y")), NULL },
	{ "kind", REGISTRY PULL("A", "") "---\na: 1\n", HEAD PART("credential", "A") "---\na: 1\n",
	  REGISTRY PULL("A", "") "# x\n---\na: 1\n", NULL,
	  "f: both branches changed text outside" },
	{ "kind, parts only on the other side", REGISTRY PULL("A", ""),
	  HEAD PART("credential", "A"), REGISTRY PULL("B", ""), NULL,
	  "api-env: its kind is not the same everywhere" },
	{ "type",
	  TOP
	  "spec:\n  kind: basic-auth\n  secret: {type: kubernetes.io/basic-auth}\n  parts:\n" PULL(
	      "A", ""),
	  TOP "spec:\n  kind: basic-auth\n  secret: {type: Opaque}\n  parts:\n" PULL("A", ""),
	  TOP
	  "spec:\n  kind: basic-auth\n  secret: {type: kubernetes.io/basic-auth}\n  parts:\n" PULL(
	      "B", ""),
	  NULL, "the type of its Secret" },
	{ "labels", HEAD PART("A", "A"), TOP SPEC "    labels: {a: b}\n  parts:\n" PART("A", "B"),
	  HEAD PART("A", "A") PART("C", "C"), NULL,
	  "api-env: the labels or annotations of its Secret" },
	{ "annotations", HEAD PART("A", "A"),
	  TOP SPEC "    annotations: {a: b}\n  parts:\n" PART("A", "B"),
	  HEAD PART("A", "A") PART("C", "C"), NULL,
	  "api-env: the labels or annotations of its Secret" },
	{ "policy", HEAD PART("A", "A"),
	  TOP "spec:\n  deletionPolicy: Retain\n  kind: opaque\n  secret:\n    type: Opaque\n  "
	      "parts:\n" PART("A", "A"),
	  HEAD PART("A", "A") PART("C", "C"), NULL, "api-env: its deletionPolicy" },
	{ "policy, alike", HEAD PART("A", "A"),
	  TOP "spec:\n  deletionPolicy: Retain\n  kind: opaque\n  secret:\n    type: Opaque\n  "
	      "parts:\n" PART("A", "A"),
	  TOP "spec:\n  deletionPolicy: Retain\n  kind: opaque\n  secret:\n    type: Opaque\n  "
	      "parts:\n" PART("A", "B"),
	  NULL, "api-env: its deletionPolicy" },
	{ "signed", HEAD PART("A", "A") "  signatures: [s]\n",
	  HEAD PART("A", "B") "  signatures: [s]\n",
	  HEAD PART("A", "A") PART("C", "C") "  signatures: [s]\n", NULL, "api-env: it is signed" },
	{ "two of a name", HEAD PART("A", "A") "---\n" HEAD PART("A", "A"),
	  HEAD PART("A", "B") "---\n" HEAD PART("A", "A"),
	  HEAD PART("A", "A") "---\n" HEAD PART("A", "C"), NULL,
	  "api-env: two documents of that name in one file" },
	{ "joined, against the rules", HEAD PART("A", "A"), HEAD PART("credential", "B"),
	  HEAD PART("A", "A") PART("C", "C"), NULL,
	  "joined, it would break a rule: f:1: spec.parts.C: cannot stand beside" },
	{ "unreadable base", HEAD "    A: {}\n", HEAD PART("A", "A"), HEAD PART("A", "B"), NULL,
	  "base: f:11: spec.parts.A" },
	{ "unreadable ours", HEAD PART("A", "A"), HEAD "    A: {}\n", HEAD PART("A", "B"), NULL,
	  "ours: f:11: spec.parts.A" },
	{ "unreadable theirs", HEAD PART("A", "A"), HEAD PART("A", "B"),
	  HEAD PART("A", "A") "<<<<<<< x\n", NULL, "theirs: f:" },
};

static int merge3(const char *base, const char *ours, const char *theirs, const char *eol,
		  struct buf *out, struct err *err)
{
	struct buf texts[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	const struct merge_input in = { "f", &texts[0], &texts[1], &texts[2] };
	int rc;

	scene_text(base, eol, &texts[0]);
	scene_text(ours, eol, &texts[1]);
	scene_text(theirs, eol, &texts[2]);
	rc = merge_texts(&in, out, err);
	for (size_t i = 0; i < 3; i++)
		buf_clear(&texts[i]);
	return rc;
}

static void check_text(const struct merge_case *c, const char *eol)
{
	struct buf out = BUF_INIT, want = BUF_INIT;
	struct err err = ERR_INIT;

	if (merge3(c->base, c->ours, c->theirs, eol, &out, &err) != 0)
		fail_msg("%s: %s", c->what, err.text);
	scene_text(c->want, eol, &want);
	if (strcmp(buf_str(&out), buf_str(&want)) != 0)
		fail_msg("%s: is\n%s\nnot\n%s", c->what, buf_str(&out), buf_str(&want));
	buf_clear(&out);
	buf_clear(&want);
}

/* The same parts in the same documents, whoever is ours. */
static void check_mirrored(const struct merge_case *c)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct edit_file x, y;
	struct err err = ERR_INIT;

	if (merge3(c->base, c->ours, c->theirs, "\n", &a, &err) != 0 ||
	    merge3(c->base, c->theirs, c->ours, "\n", &b, &err) != 0)
		fail_msg("%s: %s", c->what, err.text);
	if (edit_load("a", &a, &x, &err) == 0) {
		assert_int_equal(edit_load("b", &b, &y, &err), 0);
		assert_int_equal(x.n, y.n);
		for (size_t i = 0; i < x.n; i++) {
			assert_int_equal(x.documents[i].n, y.documents[i].n);
			for (size_t k = 0; k < x.documents[i].n; k++)
				assert_true(document_part_equal(&x.documents[i].parts[k],
								&y.documents[i].parts[k]));
		}
		edit_clear(&x);
		edit_clear(&y);
	}
	buf_clear(&a);
	buf_clear(&b);
}

static void check_refused(const struct merge_case *c, bool mirrored)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	int rc;

	buf_puts(&out, "x");
	rc = mirrored ? merge3(c->base, c->theirs, c->ours, "\n", &out, &err)
		      : merge3(c->base, c->ours, c->theirs, "\n", &out, &err);
	if (rc == 0)
		fail_msg("%s: taken:\n%s", c->what, buf_str(&out));
	assert_int_equal(out.len, 0);
	if (!mirrored && strstr(err.text, c->why) == NULL)
		fail_msg("%s: %s", c->what, err.text);
	if (strncmp(err.text, "f: ", 3) == 0)
		assert_int_equal(err.class, ERR_CONFLICT);
	else
		assert_true(err.class == ERR_CONFLICT || err.class == ERR_INVALID);
	buf_clear(&out);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct merge_case *c = &cases[i];

		if (c->want != NULL) {
			check_text(c, "\n");
			check_text(c, "\r\n");
			check_mirrored(c);
		} else {
			check_refused(c, false);
			check_refused(c, true);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};
	int rc;

	mem_init();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	scene_clear();
	return rc;
}
