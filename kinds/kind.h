/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a credential is for.  Each kind knows the exact Secret its reader (Flux, the kubelet,
 * Terraform, an application) needs, checks the input the way that reader would, builds the Secret,
 * derives the facts that may be read without a key, and can say again of an opened Secret whether
 * it is right.  Pure: no I/O, no clock but the one given.
 *
 * kind_table lists all kinds; adding one is one new file and one row (CONTRIBUTING).
 * Errors name the field and the reason, never the value.
 */
#ifndef BULLA_KINDS_KIND_H
#define BULLA_KINDS_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/kv.h"
#include "base/notes.h"

struct err;

#define KIND_DATA_MAX 524288 /* bytes of data values in one Secret (DESIGN 4.1) */
#define KIND_KEYS_MAX 256    /* data keys in one Secret */
#define KIND_FACT_MAX 1024
#define KIND_PART "credential" /* the one part of every kind but opaque */

#define TYPE_OPAQUE "Opaque"
#define TYPE_DOCKER "kubernetes.io/dockerconfigjson"
#define TYPE_TLS "kubernetes.io/tls"
#define TYPE_SSH "kubernetes.io/ssh-auth"
#define TYPE_BASIC "kubernetes.io/basic-auth"

enum kind_field_flags {
	FIELD_SECRET = 1,   /* never an argument: a file, "-", or the terminal */
	FIELD_FILE = 2,	    /* public, but read from a file (a certificate, known_hosts) */
	FIELD_REQUIRED = 4, /* refused when absent */
	FIELD_MAIN = 8,	    /* what `set FILE` replaces; at most one a kind */
	FIELD_PROMPT = 16,  /* asked for at a terminal when absent */
	FIELD_KEEP = 32,    /* bytes kept as they are; else one trailing newline of a file goes */
	FIELD_TWICE = 64,   /* a person makes it up: asked for twice at a terminal */
	FIELD_ALONE = 128,  /* stands for the others: once it is given, nothing is asked for */
};

/* An input of a kind.  The sealer makes its options, help and completion from this table. */
struct kind_field {
	const char *name;   /* key in kind_input.fields: "token" */
	const char *option; /* long option without dashes: "token-file" */
	const char *arg;    /* what the help calls its argument: "FILE|-" */
	const char *help;   /* one line */
	int flags;
	const char *fact; /* the fact that gives this field back to `set`, or NULL */
};

struct kind_key {
	const char *name;
	bool required;
};

struct kind_input {
	struct kv fields;  /* by kind_field.name; opaque: by data key */
	struct kv aliases; /* NEW -> KEY: the data key NEW gets the same bytes as KEY */
	const char *type;  /* the Secret type wanted, or NULL for the kind's first; borrowed */
	int64_t now;
	int64_t expires; /* --expires, or 0 */
	struct kv extra; /* facts given by option: namespaces, service-accounts */
};

struct kind_secret {
	const char *type; /* one of the TYPE_ constants */
	struct kv data;
	struct kv facts; /* without sealed-at */
};

#define KIND_SECRET_INIT                                                                           \
	{                                                                                          \
		NULL, KV_INIT, KV_INIT                                                             \
	}

struct kind {
	const char *name;
	const char *summary;	  /* one line for help and manual */
	const char *const *types; /* allowed Secret types, the default first, NULL-terminated */
	const struct kind_field *fields; /* ends with a NULL name */
	const struct kind_key *keys; /* allowed data keys, ends with a NULL name; opaque: NULL */
	/*
	 * Allowed facts beyond the common ones (facts.h).  All but "url" must be derived by check:
	 * one that check does not derive from the data at hand is refused.
	 */
	const char *const *facts;
	bool retain; /* the default deletionPolicy is Retain */

	/*
	 * Check the input, fill out->data and the facts that only the input knows ("url").
	 * out->type is set already, to in->type or the default.  check runs on the result and adds
	 * the derived facts.  ERR_INVALID, the text beginning with the field: "token: ...".
	 */
	int (*build)(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		     struct err *err);
	/*
	 * Is this data right?  Structure and consistency as in build; what only time has changed
	 * (an expired certificate) is a note, not an error.  Derived facts are put into derived.
	 * s->facts holds the given facts; s->data also the keys made by aliases.
	 */
	int (*check)(const struct kind_secret *s, int64_t now, struct kv *derived,
		     struct notes *notes, struct err *err);
	/*
	 * Fill the public fields of a new build from a document's facts, for `set`; what the facts
	 * cannot give back (known_hosts of another host, a CA) is refused unless already in
	 * fields, with the option to add.  The table's fact column fills what is absent after it.
	 */
	int (*restore)(const struct kv *facts, struct kv *fields, struct err *err);
	/*
	 * Build fields from an existing Secret's data (seal -f); 0, or -1 when it is not this kind.
	 * Data keys outside of keys are kind_detect's business.
	 */
	int (*adopt)(const char *type, const struct kv *data, struct kv *fields);
	/*
	 * The same of data that is known to be this kind's (`edit`): it guesses nothing, and gives
	 * the fields that a person would change.  NULL: adopt does.
	 */
	int (*unfold)(const char *type, const struct kv *data, struct kv *fields);
};

extern const struct kind *const kind_table[]; /* ends with NULL; opaque last */

const struct kind *kind_find(const char *name); /* NULL: no such kind */
bool kind_type_allowed(const struct kind *k, const char *type);
bool kind_fact_allowed(const struct kind *k, const char *fact);

/*
 * The whole check of an input: unknown, missing and empty fields, the kind's build, aliases, key
 * names, sizes, facts.  out must be KIND_SECRET_INIT; on failure it is empty.
 */
int kind_build(const struct kind *k, const struct kind_input *in, struct kind_secret *out,
	       struct notes *notes, struct err *err);

/*
 * What whoever opens does: type, keys, aliases and facts are those of the kind, and the kind's
 * check agrees; derived facts equal the ones given.  part: the part's name (opaque: it must be the
 * only data key, or KIND_PART for values sealed together).  s->facts may hold sealed-at.
 * ERR_INVALID, or ERR_REFUSED when a fact says something else than the data.
 */
int kind_verify(const struct kind *k, const char *part, const struct kind_secret *s, int64_t now,
		struct notes *notes, struct err *err);

/*
 * An input for `set`: fields, aliases, namespaces and service accounts from facts, leaving those
 * already in it.  Expiry is not taken over: it was the old secret's.
 */
int kind_restore(const struct kind *k, const struct kv *facts, struct kind_input *in,
		 struct err *err);

/*
 * The build fields of a Secret that kind_verify has accepted as k's: what its data says, without
 * what only its facts know (kind_restore adds that).  Not for kinds with free keys.
 * ERR_INTERNAL when they cannot be told.
 */
int kind_unfold(const struct kind *k, const struct kind_secret *s, struct kv *fields,
		struct err *err);

/* Does kind_restore act on this fact? */
bool kind_restores(const struct kind *k, const char *fact);

/*
 * Which kind an existing Secret is; in gets its type, fields and aliases (data keys with the bytes
 * of a key of the kind), ready for kind_build.  An Opaque Secret that is nothing else is opaque.
 * NULL with ERR_INVALID: a type that no kind may make, or data that no kind of that type holds.
 */
const struct kind *kind_detect(const char *type, const struct kv *data, struct kind_input *in,
			       struct err *err);

void kind_secret_clear(struct kind_secret *s);
void kind_input_clear(struct kind_input *in); /* wipes fields, aliases, extra */

#endif
