/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/rotate_options.h"

#include <string.h>

#include "base/mem.h"
#include "sealer/option_table.h"
#include "sealer/pick.h"
#include "sealer/result.h"

#define AT(member) offsetof(struct rotate_options, member)

static const struct option_spec opaque_specs[] = {
	{ 0, "from-env-file", "FILE|-", "each NAME=value of a .env file", AT(env_file), 0 },
	{ 0, "pick", "NEW=OLD", "only OLD of the .env file, as NEW", AT(pick), OPTION_MANY },
	{ 0, "from-file", "[KEY=]FILE", "a file as it is, under KEY or its own name", AT(from_file),
	  OPTION_MANY },
	{ 0, "stdin", "KEY",
	  "a value from standard input, or the terminal, without its last newline", AT(stdin_key),
	  0 },
	{ 0 },
};

static const struct option_spec tls_specs[] = {
	{ 0, "new-key", NULL, "make a key and a certificate signing request", AT(new_key), 0 },
	{ 0, "algorithm", "ecdsa-p256|ecdsa-p384|ecdsa-p521|rsa|ed25519",
	  "of the new key (default: as the old one's)", AT(algorithm), 0 },
	{ 0, "dns-name", "NAME", "a name to ask for, in place of the old ones", AT(names),
	  OPTION_MANY },
	{ 0, "csr", "FILE|-", "where the request goes (default: standard output)", AT(csr), 0 },
	{ 0, "again", NULL, "the request of the key that waits, once more", AT(again), 0 },
	{ 0, "forget", NULL, "throw away the key that waits for its certificate", AT(forget), 0 },
	{ 0 },
};

static const struct option_spec common_specs[] = {
	{ 0, "expires", "DATE|90d", "when the new value ends, if it does not say so itself",
	  AT(expires), 0 },
	{ 0, "allow", "same|names|sooner",
	  "rotate although: the value is the old one, names are missing, it ends sooner", AT(allow),
	  OPTION_MANY },
	PICK_OPTION(rotate_options),
	RING_OPTIONS(rotate_options),
	WHO_OPTIONS(rotate_options),
	{ 0, "dry-run", NULL, "check everything, write nothing", AT(dry_run), 0 },
	WAIT_OPTIONS(rotate_options),
	RESULT_OPTION(rotate_options),
	{ 0 },
};

static const struct live_row live_rows[LIVE_ROWS] = LIVE_ROWS_OF(rotate_options);

static void add_live(struct option_table *t, const struct kind *k)
{
	for (size_t i = 0; i < LIVE_ROWS; i++)
		if (live_rows[i].takes == 0 || (live_rows[i].takes & live_takes(k)) != 0)
			option_table_add(t, &live_rows[i].spec);
}

/* What is no file stands in the document, and stays. */
static void add_fields(struct option_table *t, const struct kind *k)
{
	for (size_t i = 0; i < SEAL_FIELDS_MAX && k->fields[i].name != NULL; i++) {
		const struct kind_field *f = &k->fields[i];
		struct option_spec spec = {
			.name = f->option,
			.arg = f->arg,
			.help = f->help,
			.at = AT(fields) + i * sizeof(const char *),
		};

		if ((f->flags & (FIELD_SECRET | FIELD_FILE)) != 0)
			option_table_add(t, &spec);
	}
}

static void make(struct option_table *t, const struct kind *k)
{
	if (k->keys == NULL)
		option_table_add_all(t, opaque_specs);
	else
		add_fields(t, k);
	if (kind_type_allowed(k, TYPE_TLS))
		option_table_add_all(t, tls_specs);
	option_table_add_all(t, common_specs);
	add_live(t, k);
}

const struct option_spec *rotate_options_specs(const struct kind *k)
{
	static struct option_tables all;

	return option_tables_of(&all, k, make);
}

bool rotate_options_allow(const struct rotate_options *o, const char *word)
{
	for (size_t i = 0; i < o->allow.n; i++)
		if (strcmp(o->allow.items[i], word) == 0)
			return true;
	return false;
}
