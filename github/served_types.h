/* SPDX-License-Identifier: Apache-2.0 */
/* What github/served.h asks and answers with. */
#ifndef BULLA_GITHUB_SERVED_TYPES_H
#define BULLA_GITHUB_SERVED_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVED_CHAIN_MAX 16
#define SERVED_MS 10000 /* all of it */
#define SERVED_WHY 128

struct served_question {
	const char *address; /* HOST:PORT, "[::1]:443"; the port may be left out (443) */
	const char *name;    /* what to ask for (SNI), and the name to be found; NULL: HOST */
	const char *ca_file; /* PEM, for trusted; NULL: the system's authorities */
	int64_t timeout_ms;  /* 0: SERVED_MS */
	/* the certificate to compare with, PEM (its first) or DER; NULL: none */
	const void *leaf;
	size_t len;
};

struct served_cert {
	char *fingerprint; /* SHA-256 of the DER: "SHA256:AB:CD:...", as the fact of kind tls */
	char *subject, *issuer; /* RFC 2253 */
	char *names;		/* DNS names and addresses, with commas; "" when it has none */
	int64_t not_before, not_after;
};

enum served_likeness {
	SERVED_UNCOMPARED,
	SERVED_SAME,
	SERVED_OLDER, /* the served one began before the given one: not deployed yet */
	SERVED_NEWER, /* it began later: replaced already, by another than the given one */
	SERVED_OTHER, /* neither: made for the same time */
};

struct served {
	struct served_cert *chain; /* the server's own first */
	size_t n;
	bool trusted;		  /* it verifies now against the authorities, whatever its name */
	char why_not[SERVED_WHY]; /* OpenSSL's reason, when it does not */
	bool named;		  /* the name that was asked for is one of its own */
	enum served_likeness likeness;
	bool same_key; /* as the given certificate's */
};

#define SERVED_INIT                                                                                \
	{                                                                                          \
		NULL, 0, false, "", false, SERVED_UNCOMPARED, false                                \
	}

#endif
