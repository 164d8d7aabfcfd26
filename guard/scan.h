/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials in plain text: bytes in, findings out.  Nothing is read, asked or kept.
 *
 * Every text is searched as it stands, in one pass: tokens by their prefix and checksum, private
 * keys by their header and what must follow, base64 runs opened once (also when wrapped into
 * lines), URLs, and assignments to names that mean a credential.  Where the text is YAML or JSON,
 * also inside templates and with what base/yaml.h refuses, its outline is followed for what only
 * structure tells: Kubernetes Secrets, ConfigMaps, kubeconfigs.  What is no credential: a GitHub
 * token or age key whose checksum is wrong, a placeholder (guard/placeholder.h), a value that SOPS,
 * sealed-secrets or Bulla encrypted.
 *
 * UTF-16 with a byte order mark is read as such; other text may have any bytes.  Time and memory
 * are linear in len.
 *
 * "bulla:allow" in a comment on the line of a finding, or on the line above when nothing is found
 * there, silences it; "bulla:allow=RULE" or "bulla:allow=RULE,RULE" only what these rules found.
 */
#ifndef BULLA_GUARD_SCAN_H
#define BULLA_GUARD_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/rules.h"

struct guard_hit {
	const char *rule;  /* guard_rules[].name */
	unsigned line;	   /* 1-based; of a wrapped or encoded value where that begins */
	unsigned column;   /* 1-based, in characters */
	const char *what;  /* "a classic GitHub personal access token, in base64" */
	const char *where; /* the field or name it stands under ("stringData.password"), or NULL;
			      text of the input: escape it */
	/*
	 * Eight hex digits that tell the findings of one rule in one file apart and stay when lines
	 * move.  Of a random value (guard_rule.random) they are a digest of it, the same whatever
	 * it is wrapped in.  Of any other, which could be guessed from a digest, they come from
	 * where it stands and how many of the same place were before it: a changed value keeps
	 * them.
	 */
	char print[9];
	/*
	 * A GitHub token as it is, out of its base64, for whoever asks to have it revoked; a secret
	 * never to be printed.  NULL of everything else.
	 */
	const char *token;
	/* False for what needs a person's eye, a private key under a passphrase: a warning. */
	bool certain;
	/*
	 * The last one, which no comment silences: there is too much to look at all of it, so that
	 * somebody could have hidden a credential behind what does no harm.  It has the rule and
	 * the place of the one before it, and a print of its own.
	 */
	bool more;
};

#define GUARD_KINDS 16

/* Below GUARD_KINDS: the same text gives the same findings under all paths of one kind. */
unsigned guard_kind(const char *path);

/* Everything in hit lives until the visitor returns. */
typedef void guard_visit(void *ctx, const struct guard_hit *hit);

/*
 * path (NULL: none known) names the text: its last part decides whether it is an environment file,
 * a .netrc, Terraform's.  Findings come in the order of the text.  Returns how many were allowed by
 * comments and not given.
 */
size_t guard_scan(const char *path, const void *text, size_t len, guard_visit *visit, void *ctx);

#endif
