/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule of a sealed document's text, broken alone, has its own error. */
#include "tests/unit/test.h"

#include "tests/unit/document/sample.h"

#include <stdlib.h>

struct refusal {
	const char *rule;
	const char *from, *to; /* in the sample */
	const char *text;
};

#define LONG64 "a123456789012345678901234567890123456789012345678901234567890123"
#define LONG256 LONG64 LONG64 LONG64 LONG64
#define LONG1024 LONG256 LONG256 LONG256 LONG256

static const struct refusal refusals[] = {
	{ "version missing", "apiVersion: bulla.dev/v1\n", "",
	  "test.yaml:1: apiVersion: is missing; add it" },
	{ "version of later", "bulla.dev/v1", "bulla.dev/v2",
	  "test.yaml:1: apiVersion: must be bulla.dev/v1; if a newer bulla wrote this, update "
	  "yours" },
	{ "version no string", "apiVersion: bulla.dev/v1", "apiVersion: [bulla.dev/v1]",
	  "test.yaml:1: apiVersion: must be a string, not a list; correct it" },
	{ "version without value", "apiVersion: bulla.dev/v1",
	  "apiVersion:", "test.yaml:1: apiVersion: has no value; write one or remove the field" },
	{ "kind missing", "kind: SealedCredential\n", "", "test.yaml:1: kind: is missing; add it" },
	{ "kind in another case", "SealedCredential", "Sealedcredential",
	  "test.yaml:2: kind: must be SealedCredential; correct it" },
	{ "kind null", "kind: SealedCredential", "kind: ~",
	  "test.yaml:2: kind: is read as something else than a string by some YAML readers; put it "
	  "in double quotes" },
	{ "unknown field", "metadata:", "extra: 1\nmetadata:",
	  "test.yaml:3: document: has no field \"extra\"; remove or correct it" },
	{ "unknown field, perhaps a secret", "metadata:", "gh_p4ss: x\nmetadata:",
	  "test.yaml:3: document: has no such field (a name of 7 bytes); remove or correct it" },
	{ "unsealed data", "spec:\n", "stringData:\n  a: b\nspec:\n",
	  "test.yaml:8: stringData: is where an unsealed Secret has its values: they do not belong "
	  "into a sealed document; remove it and use \"bulla seal\"" },
	{ "status", "metadata:", "status: {}\nmetadata:",
	  "test.yaml:3: status: is set by an API server: the document was copied from a cluster; "
	  "remove it" },

	{ "metadata missing", "metadata:", "metadatas:",
	  "test.yaml:3: document: has no field \"metadatas\"; remove or correct it" },
	{ "metadata no map",
	  "metadata:\n  name: api-env\n  namespace: team-a\n  annotations:\n"
	  "    kustomize.toolkit.fluxcd.io/substitute: disabled\n",
	  "metadata: api-env\n", "test.yaml:3: metadata: must be a map; correct it" },
	{ "metadata uid", "  namespace:", "  uid: \"1\"\n  namespace:",
	  "test.yaml:5: metadata.uid: is set by an API server: the document was copied from a "
	  "cluster; remove it" },
	{ "metadata resourceVersion", "  namespace:", "  resourceVersion: \"1\"\n  namespace:",
	  "test.yaml:5: metadata.resourceVersion: is set by an API server: the document was copied "
	  "from a cluster; remove it" },
	{ "metadata creationTimestamp", "  namespace:", "  creationTimestamp: null\n  namespace:",
	  "test.yaml:5: metadata.creationTimestamp: is set by an API server: the document was "
	  "copied from a cluster; remove it" },
	{ "metadata generation", "  namespace:", "  generation: 1\n  namespace:",
	  "test.yaml:5: metadata.generation: is set by an API server: the document was copied from "
	  "a cluster; remove it" },
	{ "metadata managedFields", "  namespace:", "  managedFields: []\n  namespace:",
	  "test.yaml:5: metadata.managedFields: is set by an API server: the document was copied "
	  "from a cluster; remove it" },
	{ "metadata generateName", "  namespace:", "  generateName: a-\n  namespace:",
	  "test.yaml:5: metadata.generateName: cannot name a credential: its name is bound; use "
	  "name" },
	{ "metadata unknown", "  namespace:", "  finalizers: []\n  namespace:",
	  "test.yaml:5: metadata: has no field \"finalizers\"; remove or correct it" },
	{ "name missing", "  name: api-env\n", "",
	  "test.yaml:4: metadata.name: is missing; add it" },
	{ "name a number", "name: api-env", "name: 123",
	  "test.yaml:4: metadata.name: is read as something else than a string by some YAML "
	  "readers; put it in double quotes" },
	{ "name a bool", "name: api-env", "name: NO",
	  "test.yaml:4: metadata.name: is read as something else than a string by some YAML "
	  "readers; put it in double quotes" },
	{ "name empty", "name: api-env", "name: \"\"",
	  "test.yaml:4: metadata.name: is missing; give the name that the Secret will have" },
	{ "name in upper case", "name: api-env", "name: Api",
	  "test.yaml:4: metadata.name: is not an object's name (at most 253 lower-case letters, "
	  "digits, \"-\" and \".\", alphanumeric at both ends); choose another" },
	{ "name too long", "name: api-env", "name: " LONG256,
	  "test.yaml:4: metadata.name: is not an object's name (at most 253 lower-case letters, "
	  "digits, \"-\" and \".\", alphanumeric at both ends); choose another" },
	{ "namespace missing", "  namespace: team-a\n", "",
	  "test.yaml:4: metadata.namespace: is missing; add it" },
	{ "namespace empty", "namespace: team-a", "namespace: ''",
	  "test.yaml:5: metadata.namespace: is missing; it is bound into the credential, so it "
	  "must be written" },
	{ "namespace with dot", "namespace: team-a", "namespace: team.a",
	  "test.yaml:5: metadata.namespace: is not a namespace's name (at most 63 lower-case "
	  "letters, digits and \"-\", alphanumeric at both ends); choose another" },
	{ "own annotations no map",
	  "annotations:\n    kustomize.toolkit.fluxcd.io/substitute: disabled", "annotations: [a]",
	  "test.yaml:6: metadata.annotations: must be a map; correct it" },
	{ "own annotation no string", "substitute: disabled", "substitute: false",
	  "test.yaml:7: metadata.annotations.kustomize.toolkit.fluxcd.io/substitute: is read as "
	  "something else than a string by some YAML readers; put it in double quotes" },
	{ "own annotation key", "kustomize.toolkit.fluxcd.io/substitute", "a/b/c",
	  "test.yaml:7: metadata.annotations.a/b/c: is not a key ([prefix/]name); correct it" },
	{ "own label", "  annotations:", "  labels: {a: \"b c\"}\n  annotations:",
	  "test.yaml:6: metadata.labels.a: is not a label's value; correct it" },
	{ "own label key", "  annotations:", "  labels: {-a: b}\n  annotations:",
	  "test.yaml:6: metadata.labels.-a: is not a key ([prefix/]name); correct it" },

	{ "spec missing", "spec:", "specs:",
	  "test.yaml:8: document: has no field \"specs\"; remove or correct it" },
	{ "spec kind missing", "  kind: opaque\n", "",
	  "test.yaml:9: spec.kind: is missing; add it" },
	{ "spec kind unknown", "kind: opaque", "kind: Opaque",
	  "test.yaml:9: spec.kind: is no kind of credential that this bulla knows; correct it or "
	  "update" },
	{ "spec unknown", "  kind: opaque\n", "  kind: opaque\n  encryptedData: {}\n",
	  "test.yaml:10: spec: has no field \"encryptedData\"; remove or correct it" },
	{ "spec data", "  kind: opaque\n", "  kind: opaque\n  data: {}\n",
	  "test.yaml:10: spec.data: is where an unsealed Secret has its values: they do not belong "
	  "into a sealed document; remove it and use \"bulla seal\"" },
	{ "policy", "Retain", "Keep",
	  "test.yaml:10: spec.deletionPolicy: is neither Delete nor Retain; use one of them or "
	  "leave it out" },
	{ "policy without value", "deletionPolicy: Retain", "deletionPolicy:",
	  "test.yaml:10: spec.deletionPolicy: has no value; write one or remove the field" },
	{ "secret missing",
	  "  secret:\n    type: Opaque\n    labels:\n"
	  "      app.kubernetes.io/name: api\n    annotations:\n"
	  "      example.org/owner: us\n",
	  "", "test.yaml:9: spec.secret: is missing; add it" },
	{ "secret unknown", "    type: Opaque\n", "    type: Opaque\n    immutable: true\n",
	  "test.yaml:13: spec.secret: has no field \"immutable\"; remove or correct it" },
	{ "secret data", "    type: Opaque\n", "    type: Opaque\n    data: {}\n",
	  "test.yaml:13: spec.secret.data: is where an unsealed Secret has its values: they do not "
	  "belong into a sealed document; remove it and use \"bulla seal\"" },
	{ "type missing", "    type: Opaque\n", "",
	  "test.yaml:12: spec.secret.type: is missing; add it" },
	{ "type of a service account", "type: Opaque", "type: kubernetes.io/service-account-token",
	  "test.yaml:12: spec.secret.type: is not a Secret type that may be sealed; correct it" },
	{ "type of another kind", "type: Opaque", "type: kubernetes.io/basic-auth",
	  "test.yaml:12: spec.secret.type: is not a Secret type of kind opaque; use Opaque" },
	{ "labels no map", "    labels:\n      app.kubernetes.io/name: api", "    labels: api",
	  "test.yaml:13: spec.secret.labels: must be a map; correct it" },
	{ "label value no string", "name: api\n    ann", "name: 1.5\n    ann",
	  "test.yaml:14: spec.secret.labels.app.kubernetes.io/name: is read as something else than "
	  "a string by some YAML readers; put it in double quotes" },
	{ "label key no string", "      app.kubernetes.io/name", "      2026-11-23",
	  "test.yaml:14: spec.secret.labels.2026-11-23: this key is read as something else than a "
	  "string by some YAML readers; put it in double quotes" },
	{ "label key", "      app.kubernetes.io/name", "      \"a b\"",
	  "test.yaml:14: spec.secret.labels.(3 bytes): is not a label's key ([prefix/]name); "
	  "correct it" },
	{ "label of Kubernetes", "app.kubernetes.io/name", "node.kubernetes.io/name",
	  "test.yaml:14: spec.secret.labels.node.kubernetes.io/name: a sealed Secret may not carry "
	  "this label: kubernetes.io/ belongs to Kubernetes; remove it" },
	{ "label of k8s.io", "app.kubernetes.io/name", "x.k8s.io/name",
	  "test.yaml:14: spec.secret.labels.x.k8s.io/name: a sealed Secret may not carry this "
	  "label: k8s.io/ belongs to Kubernetes; remove it" },
	{ "label of Bulla", "app.kubernetes.io/name", "bulla.dev/owner",
	  "test.yaml:14: spec.secret.labels.bulla.dev/owner: a sealed Secret may not carry this "
	  "label: bulla.dev/ is Bulla's own; remove it" },
	{ "label of Argo CD", "app.kubernetes.io/name", "argocd.argoproj.io/instance",
	  "test.yaml:14: spec.secret.labels.argocd.argoproj.io/instance: a sealed Secret may not "
	  "carry this label: it makes Argo CD act on the Secret; remove it" },
	{ "label value", "name: api\n    ann", "name: \"-api\"\n    ann",
	  "test.yaml:14: spec.secret.labels.app.kubernetes.io/name: is not a label's value (at "
	  "most 63 letters, digits, \"-\", \"_\" and \".\", alphanumeric at both ends); correct "
	  "it" },
	{ "annotation key", "example.org/owner", "example.org/",
	  "test.yaml:16: spec.secret.annotations.example.org/: is not an annotation's key "
	  "([prefix/]name); correct it" },
	{ "annotation of a replicator", "example.org/owner",
	  "replicator.v1.mittwald.de/replicate-to",
	  "test.yaml:16: spec.secret.annotations.replicator.v1.mittwald.de/replicate-to: a sealed "
	  "Secret may not carry this annotation: it makes replicator copy the Secret; remove it" },
	{ "annotation of Helm", "example.org/owner", "meta.helm.sh/release-name",
	  "test.yaml:16: spec.secret.annotations.meta.helm.sh/release-name: a sealed Secret may "
	  "not carry this annotation: it makes Helm act on the Secret; remove it" },

	{ "parts missing", "  parts:\n", "  part:\n",
	  "test.yaml:17: spec: has no field \"part\"; remove or correct it" },
	{ "part no map", "    password:\n", "    b: x\n    password:\n",
	  "test.yaml:18: spec.parts.b: must be a map; correct it" },
	{ "part name no string", "    password:", "    1_000:",
	  "test.yaml:18: spec.parts.1_000: this key is read as something else than a string by "
	  "some YAML readers; put it in double quotes" },
	{ "part name", "    password:", "    \"pass word\":",
	  "test.yaml:18: spec.parts.(9 bytes): is not a Secret's data key (at most 253 letters, "
	  "digits, \"-\", \"_\" and \".\", not beginning \"..\"); choose another" },
	{ "part name with two dots", "    password:", "    ..data:",
	  "test.yaml:18: spec.parts...data: is not a Secret's data key (at most 253 letters, "
	  "digits, \"-\", \"_\" and \".\", not beginning \"..\"); choose another" },
	{ "part name long", "    password:", "    " LONG256 ":",
	  "test.yaml:18: "
	  "spec.parts."
	  "a123456789012345678901234567890123456789012345678901234567890123a12345678901234567890123"
	  "4567890123456789012345678901234567890123a12345678901234567890123456789012345678901234567"
	  "8901234567890123a123456789012345678901234567890123456789012345678901234567890123: is "
	  "not a Secret's data key (at most 253 letters, digits, \"-\", \"_\" and \".\", not "
	  "beginning \"..\"); choose another" },
	{ "part unknown", "      facts:", "      value: x\n      facts:",
	  "test.yaml:22: spec.parts.password: has no field \"value\"; remove or correct it" },
	{ "recipients missing",
	  "      recipients:\n        eu-west9: \"" SAMPLE_ID_A
	  "\"\n        recovery: \"" SAMPLE_ID_B "\"\n",
	  "", "test.yaml:19: spec.parts.password.recipients: is missing; seal again" },
	{ "recipients empty",
	  "      recipients:\n        eu-west9: \"" SAMPLE_ID_A
	  "\"\n        recovery: \"" SAMPLE_ID_B "\"\n",
	  "      recipients: {}\n",
	  "test.yaml:19: spec.parts.password.recipients: is missing or empty; seal again" },
	{ "recipient's name", "        eu-west9", "        EU-West9",
	  "test.yaml:20: spec.parts.password.recipients.EU-West9: is not a recipient's name (at "
	  "most 63 lower-case letters, digits and \"-\", alphanumeric at both ends); correct it" },
	{ "recipient's name no string", "        eu-west9", "        2",
	  "test.yaml:20: spec.parts.password.recipients.2: this key is read as something else than "
	  "a string by some YAML readers; put it in double quotes" },
	{ "recipient's id no string", "\"" SAMPLE_ID_A "\"", "42",
	  "test.yaml:20: spec.parts.password.recipients.eu-west9: is read as something else than a "
	  "string by some YAML readers; put it in double quotes" },
	{ "recipient's id of digits", "\"" SAMPLE_ID_A "\"", "12345678901234567890123456789012",
	  "test.yaml:20: spec.parts.password.recipients.eu-west9: is read as something else than a "
	  "string by some YAML readers; put it in double quotes" },
	{ "recipient's id in upper case", SAMPLE_ID_A, "4C1D9A0E5B7F22338D01C6B2A4E7F905",
	  "test.yaml:20: spec.parts.password.recipients.eu-west9: is not a key id (32 lower-case "
	  "hexadecimal digits); seal again" },
	{ "recipient's id short", SAMPLE_ID_A, "4c1d",
	  "test.yaml:20: spec.parts.password.recipients.eu-west9: is not a key id (32 lower-case "
	  "hexadecimal digits); seal again" },
	{ "recipient twice", SAMPLE_ID_B, SAMPLE_ID_A,
	  "test.yaml:21: spec.parts.password.recipients.recovery: is the same key as eu-west9; "
	  "seal again" },
	{ "recipient named like another key", "        eu-west9",
	  "        abcdefabcdefabcdefabcdefabcdefab",
	  "test.yaml:20: spec.parts.password.recipients.abcdefabcdefabcdefabcdefabcdefab: is named "
	  "like a key id, but is not the one of its key; seal again" },
	{ "spec kind no string", "kind: opaque", "kind: {opaque: x}",
	  "test.yaml:9: spec.kind: must be a string, not a map; correct it" },
	{ "type no string", "type: Opaque", "type: [Opaque]",
	  "test.yaml:12: spec.secret.type: must be a string, not a list; correct it" },
	{ "own annotation no string but a list", "substitute: disabled", "substitute: [disabled]",
	  "test.yaml:7: metadata.annotations.kustomize.toolkit.fluxcd.io/substitute: must be a "
	  "string, not a list; correct it" },
	{ "own annotation's key no string", "    kustomize.toolkit.fluxcd.io/substitute", "    1e5",
	  "test.yaml:7: metadata.annotations.1e5: this key is read as something else than a string "
	  "by some YAML readers; put it in double quotes" },
	{ "parts a list", "  parts:\n", "  parts: []\n  x:\n",
	  "test.yaml:17: spec.parts: must be a map; correct it" },
	{ "recipients fewer than stanzas", "        recovery: \"" SAMPLE_ID_B "\"\n", "",
	  "test.yaml:24: spec.parts.password.sealed: is encrypted to 2 recipients, but 1 are "
	  "listed; seal again" },
	{ "facts missing",
	  "      facts:\n        not-after: \"2027-01-31T23:59:59Z\"\n"
	  "        sealed-at: \"2026-11-23T08:00:00Z\"\n",
	  "", "test.yaml:19: spec.parts.password.facts: is missing; seal again" },
	{ "fact unknown", "not-after:", "fingerprint:",
	  "test.yaml:23: spec.parts.password.facts.fingerprint: is not a fact of kind opaque; "
	  "remove it" },
	{ "fact no string", "\"2027-01-31T23:59:59Z\"", "2027-01-31",
	  "test.yaml:23: spec.parts.password.facts.not-after: is read as something else than a "
	  "string by some YAML readers; put it in double quotes" },
	{ "fact too long", "\"2027-01-31T23:59:59Z\"", "\"" LONG1024 "a\"",
	  "test.yaml:23: spec.parts.password.facts.not-after: has 1025 bytes, more than 1024; seal "
	  "again" },
	{ "fact empty", "\"2027-01-31T23:59:59Z\"", "\"\"",
	  "test.yaml:23: spec.parts.password.facts.not-after: is empty; seal again" },
	{ "fact not ASCII", "\"2027-01-31T23:59:59Z\"", "\"h\\u00e9\"",
	  "test.yaml:23: spec.parts.password.facts.not-after: is not printable ASCII; seal again" },
	{ "fact with newline", "\"2027-01-31T23:59:59Z\"", "\"a\\nb\"",
	  "test.yaml:23: spec.parts.password.facts.not-after: is not printable ASCII; seal again" },
	{ "fact no time", "\"2027-01-31T23:59:59Z\"", "\"2027-01-31\"",
	  "test.yaml:23: spec.parts.password.facts.not-after: is not a time like "
	  "\"2026-11-23T08:00:00Z\"; seal again" },
	{ "sealed-at missing", "        sealed-at: \"2026-11-23T08:00:00Z\"\n", "",
	  "test.yaml:22: spec.parts.password.facts.sealed-at: is missing; seal again" },
	{ "sealed-at no time", "\"2026-11-23T08:00:00Z\"", "\"2026-11-23T08:00:00\"",
	  "test.yaml:24: spec.parts.password.facts.sealed-at: is not a time like "
	  "\"2026-11-23T08:00:00Z\"; seal again" },
	{ "fact list not sorted", "not-after: \"2027-01-31T23:59:59Z\"", "namespaces: \"b,a\"",
	  "test.yaml:22: spec.parts.password.facts: fact namespaces: the list is not sorted" },
	{ "sealed missing", "      sealed: |\n", "      sealed2: |\n",
	  "test.yaml:25: spec.parts.password: has no such field (a name of 7 bytes); remove or "
	  "correct it" },
	{ "sealed no string", "      sealed: |\n", "      sealed: [x]\n      s: |\n",
	  "test.yaml:25: spec.parts.password.sealed: must be a string, not a list; correct it" },
	{ "sealed no armor", "-----BEGIN AGE", "-----BEGIN PGP",
	  "test.yaml:25: spec.parts.password.sealed: age armor: line 1: armor of another kind than "
	  "\"AGE ENCRYPTED FILE\"" },
	{ "sealed short", "        YWdl", "        ",
	  "test.yaml:25: spec.parts.password.sealed: age armor: line 3: it follows a line shorter "
	  "than 64 characters, which only the last may be" },

	{ "signatures no list", "  parts:\n", "  signatures: x\n  parts:\n",
	  "test.yaml:17: spec.signatures: must be a list; correct it" },
	{ "signature no string", "  parts:\n", "  signatures: [1]\n  parts:\n",
	  "test.yaml:17: spec.signatures: is read as something else than a string by some YAML "
	  "readers; put it in double quotes" },
	{ "signature empty", "  parts:\n", "  signatures: [\"\"]\n  parts:\n",
	  "test.yaml:17: spec.signatures: number 1 is empty; remove it" },
	{ "signatures too many", "  parts:\n",
	  "  signatures: [a, a, a, a, a, a, a, a, a]\n  parts:\n",
	  "test.yaml:17: spec.signatures: are more than 8; remove some" },

	{ "anchor", "name: api-env", "name: &a api-env",
	  "test.yaml:4: anchors (&) are not allowed" },
	{ "tag", "name: api-env", "name: !!str api-env", "test.yaml:4: tags (!) are not allowed" },
	{ "merge key", "metadata:\n", "metadata:\n  <<: {}\n",
	  "test.yaml:4: merge keys (<<) are not allowed" },
	{ "duplicate key",
	  "  namespace:", "  name: api-env\n  namespace:", "test.yaml:5: a key given twice" },
	{ "directive", "apiVersion:", "%YAML 1.1\n---\napiVersion:",
	  "test.yaml:1: directives (%) are not allowed" },
	{ "tab", "  name:", "\tname:",
	  "test.yaml:4: a tab where YAML wants spaces while scanning for the next token" },
	{ "not UTF-8", "owner: us", "owner: \xff", "test.yaml:16: invalid leading UTF-8 octet" },
};

static void test_refusals(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		struct document d = DOCUMENT_INIT;
		struct buf text = BUF_INIT;
		struct err err = ERR_INIT;

		sample_text(&text);
		sample_replace(&text, refusals[i].from, refusals[i].to);
		if (sample_parse(&text, &d, &err) != ERR_INVALID ||
		    strcmp(err.text, refusals[i].text) != 0) {
			print_error("%s: %s\n", refusals[i].rule, err.text);
			failed++;
		}
		assert_null(d.parts); /* empty on failure */
		buf_clear(&text);
	}
	assert_int_equal(failed, 0);
}

/* --- rules that need more than a word changed ------------------------------------------------- */

static void refused(struct buf *text, const char *expected)
{
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(sample_parse(text, &d, &err), ERR_INVALID);
	assert_string_equal(err.text, expected);
	buf_clear(text);
}

/* n entries more in front of the line `before`. */
static void test_counts(void **state)
{
	static const struct {
		const char *before;
		const char *entry; /* a format that takes the number */
		size_t n;
		const char *text;
	} cases[] = {
		{ "      app.kubernetes.io/name", "      l%03zu: x\n", 32,
		  "test.yaml:13: spec.secret.labels: are more than 32 labels; remove some" },
		{ "      example.org/owner", "      a%03zu: x\n", 32,
		  "test.yaml:15: spec.secret.annotations: are more than 32 annotations; remove "
		  "some" },
		{ "        eu-west9", "        c%03zu: \"" SAMPLE_ID_A "\"\n", 31,
		  "test.yaml:19: spec.parts.password.recipients: are more than 32; seal to fewer" },
		{ "        not-after", "        f%03zu: x\n", 40,
		  "test.yaml:23: spec.parts.password.facts.f000: is not a fact of kind opaque; "
		  "remove it" },
		{ "    password:",
		  "    a%03zu: {recipients: {}, facts: {}, sealed: \"-----BEGIN AGE ENCRYPTED "
		  "FILE-----\\nYWdl\\n-----END AGE ENCRYPTED FILE-----\\n\"}\n",
		  256, "test.yaml:17: spec.parts: are more than 256; split the document" },
	};
	struct buf text = BUF_INIT, more = BUF_INIT;
	char entry[256];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&more);
		for (size_t k = 0; k < cases[i].n; k++) {
			const char *at = strstr(cases[i].entry, "%03zu");

			snprintf(entry, sizeof(entry), "%.*s%03zu%s", (int)(at - cases[i].entry),
				 cases[i].entry, k, at + 5);
			buf_puts(&more, entry);
		}
		buf_puts(&more, cases[i].before);
		sample_text(&text);
		sample_replace(&text, cases[i].before, buf_str(&more));
		refused(&text, cases[i].text);
	}
	buf_clear(&more);
}

/* A value of n letters. */
static void test_lengths(void **state)
{
	static const struct {
		const char *from, *before;
		size_t n;
		const char *text;
	} cases[] = {
		{ "owner: us", "owner: ", 4097,
		  "test.yaml:16: spec.secret.annotations.example.org/owner: has 4097 bytes, more "
		  "than 4096; shorten it" },
		{ "  parts:\n    password:", "  signatures:\n  - ", 4097,
		  "test.yaml:17: spec.signatures: number 1 has 4097 bytes, more than 4096; it is "
		  "no "
		  "signature" },
		{ "metadata:\n", "# ", 1024 * 1024,
		  "test.yaml:1: document: has 1051265 bytes, more than 1048576; split it" },
	};
	struct buf text = BUF_INIT, value = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&value);
		buf_puts(&value, cases[i].before);
		memset(buf_reserve(&value, cases[i].n), 'a', cases[i].n);
		buf_printf(&value, "\n%s", cases[i].from[0] == 'o' ? "" : cases[i].from);
		sample_text(&text);
		sample_replace(&text, cases[i].from, buf_str(&value));
		refused(&text, cases[i].text);
	}
	buf_clear(&value);
}

/* A file with these stanzas, around nothing that could be opened. */
static void custom_age(struct buf *out, const char *stanzas)
{
	unsigned char payload[16 + 16 + 32] = { 1 };

	buf_printf(out, "age-encryption.org/v1\n%s--- %043d\n", stanzas, 0);
	buf_put(out, payload, sizeof(payload));
}

#define ZEROS43 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ZEROS41 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
/* the share is the base point: that of a low order is refused before */
#define X25519 "-> X25519 CQ" ZEROS41 "\n" ZEROS43 "\n"

static void hybrid_stanza(struct buf *out)
{
	buf_puts(out, "-> mlkem768x25519 ");
	for (int i = 0; i < 1493; i++) /* 1,120 bytes, no low-order point among them */
		buf_putc(out, 'E');
	buf_puts(out, "A\n" ZEROS43 "\n");
}

static void test_stanzas(void **state)
{
	struct buf hybrid = BUF_INIT, many = BUF_INIT;
	struct {
		const char *stanzas, *text;
	} cases[] = {
		{ X25519 X25519 "-> grease x\n\n",
		  "has a stanza that is not of type X25519; seal again" },
		{ X25519, "is encrypted to 1 recipients, but 2 are listed; seal again" },
		{ X25519 X25519 X25519,
		  "is encrypted to 3 recipients, but 2 are listed; seal again" },
		{ NULL, "is encrypted to an mlkem768x25519 recipient, which this version does not "
			"read; update bulla or seal to X25519 recipients" },
		{ NULL, "has 33 stanzas, more than 32; seal to fewer" },
		{ "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n" ZEROS43 "\n",
		  "is encrypted with a passphrase; a document is sealed to recipients" },
	};

	(void)state;
	hybrid_stanza(&hybrid);
	for (int i = 0; i < 33; i++)
		buf_puts(&many, X25519);
	cases[3].stanzas = buf_str(&hybrid);
	cases[4].stanzas = buf_str(&many);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf age = BUF_INIT, text = BUF_INIT;
		char *expected =
		    mem_printf("test.yaml:25: spec.parts.password.sealed: %s", cases[i].text);

		custom_age(&age, cases[i].stanzas);
		buf_puts(&text, SAMPLE_HEAD "    password:\n" SAMPLE_PART);
		sample_armor(&age, &text);
		refused(&text, expected);
		buf_clear(&age);
		mem_free(expected);
	}
	buf_clear(&hybrid);
	buf_clear(&many);
}

static void test_plain_size(void **state)
{
	struct buf age = BUF_INIT, text = BUF_INIT;

	(void)state;
	/* the text would be too long as well, so the struct is asked */
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	sample_text(&text);
	assert_int_equal(sample_parse(&text, &d, &err), ERR_NONE);
	sample_age(2, DOCUMENT_PLAIN_MAX + 1, &age);
	buf_move(&d.parts[0].age, &age);
	assert_int_equal(document_check(&d, &err), -1);
	assert_string_equal(err.text, "spec.parts.password.sealed: holds 1048577 bytes, more than "
				      "1048576; seal less");
	sample_age(2, 800000, &age);
	buf_move(&d.parts[0].age, &age);
	assert_int_equal(document_check(&d, &err), -1);
	assert_string_equal(err.text, "spec.parts: make the document larger than 1048576 bytes; "
				      "split it");
	document_clear(&d);
	buf_clear(&text);
}

/* "credential" in an opaque document stands alone. */
static void test_together(void **state)
{
	struct buf age = BUF_INIT, text = BUF_INIT, more = BUF_INIT;
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sample_text(&text);
	sample_replace(&text, "    password:", "    credential:");
	assert_int_equal(sample_parse(&text, &d, &err), ERR_NONE);
	document_clear(&d);
	sample_age(2, 1024, &age);
	buf_puts(&text, "    user:\n" SAMPLE_PART);
	sample_armor(&age, &text);
	refused(&text, "test.yaml:18: spec.parts.credential: \"credential\" holds values sealed "
		       "together and must be the only part; choose another key for this value");
	buf_clear(&age);
	buf_clear(&more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_counts),
		cmocka_unit_test(test_lengths),	   cmocka_unit_test(test_stanzas),
		cmocka_unit_test(test_plain_size), cmocka_unit_test(test_together),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
