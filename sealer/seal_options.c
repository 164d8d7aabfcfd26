/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/seal_options.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/option_table.h"
#include "sealer/result.h"

#define AT(member) offsetof(struct seal_options, member)

static const struct option_spec source_of_all = {
	'f',	      "filename",   "FILE|-", "seal an existing Secret manifest; its kind is found",
	AT(filename), OPTION_NEEDED
};

static const struct option_spec namespace_needed = {
	'n',	       "namespace",
	"NAMESPACE",   "namespace of the Secret; it is bound into the credential",
	AT(namespace), OPTION_NEEDED
};

static const struct option_spec namespace_free = {
	'n', "namespace", "NAMESPACE", "namespace, when the manifest names none", AT(namespace), 0
};

static const struct option_spec opaque_specs[] = {
	{ 0, "from-env-file", "FILE|-", "each NAME=value of a .env file", AT(env_file), 0 },
	{ 0, "pick", "NEW=OLD", "only OLD of the .env file, as NEW", AT(pick), OPTION_MANY },
	{ 0, "from-file", "[KEY=]FILE", "a file as it is, under KEY or its own name", AT(from_file),
	  OPTION_MANY },
	{ 0, "stdin", "KEY",
	  "a value from standard input, or the terminal, without its last newline", AT(stdin_key),
	  0 },
	{ 0, "together", NULL, "one part for all values, so that they cannot be mixed with others",
	  AT(together), 0 },
	{ 0 },
};

static const struct option_spec fan_out_specs[] = {
	{ 0, "namespaces", "GLOB,...", "also for these namespaces, where the cluster allows it",
	  AT(namespaces), 0 },
	{ 0, "service-accounts", "NAME,...", "service accounts that pull with it",
	  AT(service_accounts), 0 },
	{ 0 },
};

static const struct option_spec url = { 0,	 "url",
					"URL",	 "the repository, for a kind that needs it",
					AT(url), 0 };

static const struct option_spec alias_specs[] = {
	{ 0, "alias", "NEW=KEY", "the data key NEW gets the bytes of KEY", AT(aliases),
	  OPTION_MANY },
	{ 0 },
};

static const struct option_spec common_specs[] = {
	{ 'w', "write", "FILE|DIR/", "write there (DIR/NAME.yaml), by the rules of .bulla/config",
	  AT(write), 0 },
	WHO_OPTIONS(seal_options),
	{ 0, "expires", "DATE|90d", "when it ends, if it does not say so itself", AT(expires), 0 },
	{ 0, "deletion-policy", "Delete|Retain",
	  "what becomes of the Secret when the document is removed", AT(policy), 0 },
	{ 0, "label", "KEY=VALUE", "a label of the Secret", AT(labels), OPTION_MANY },
	{ 0, "annotation", "KEY=VALUE", "an annotation of the Secret", AT(annotations),
	  OPTION_MANY },
	{ 0, "dry-run", NULL, "check everything, write nothing", AT(dry_run), 0 },
	RESULT_OPTION(seal_options),
	{ 0 },
};

static const struct live_row live_rows[LIVE_ROWS] = LIVE_ROWS_OF(seal_options);

static void add_live(struct option_table *t, const struct kind *k)
{
	for (size_t i = 0; i < LIVE_ROWS; i++)
		if (live_rows[i].takes == 0 || (live_rows[i].takes & live_takes(k)) != 0)
			option_table_add(t, &live_rows[i].spec);
}

static void add_fields(struct option_table *t, const struct kind *k)
{
	for (size_t i = 0; i < SEAL_FIELDS_MAX && k->fields[i].name != NULL; i++) {
		const struct kind_field *f = &k->fields[i];
		bool needed = (f->flags & FIELD_REQUIRED) != 0 && (f->flags & FIELD_PROMPT) == 0;
		struct option_spec spec = {
			.name = f->option,
			.arg = f->arg,
			.help = f->help,
			.at = AT(fields) + i * sizeof(const char *),
			.flags = needed ? OPTION_NEEDED : 0,
		};

		option_table_add(t, &spec);
	}
}

/* For a kind that can be more than one type of Secret. */
static void add_types(struct option_table *t, const struct kind *k)
{
	struct buf arg = BUF_INIT;
	struct option_spec spec = {
		.name = "secret-type",
		.help = "the type of the Secret (default: the first)",
		.at = AT(secret_type),
	};

	for (size_t i = 0; k->types[i] != NULL; i++)
		buf_printf(&arg, "%s%s", i > 0 ? "|" : "", k->types[i]);
	spec.arg = mem_str(buf_str(&arg)); /* lives as long as the table */
	option_table_add(t, &spec);
	buf_clear(&arg);
}

static void make(struct option_table *t, const struct kind *k)
{
	option_table_add(t, k == NULL ? &source_of_all : &namespace_needed);
	if (k == NULL)
		option_table_add(t, &namespace_free);
	else if (k->keys == NULL)
		option_table_add_all(t, opaque_specs);
	else
		add_fields(t, k);
	if (k == NULL)
		option_table_add(t, &url);
	else if (k->types[1] != NULL)
		add_types(t, k);
	if (k == NULL || kind_type_allowed(k, TYPE_DOCKER))
		option_table_add_all(t, fan_out_specs);
	if (k == NULL || k->keys != NULL)
		option_table_add_all(t, alias_specs);
	option_table_add_all(t, common_specs);
	add_live(t, k);
}

const struct option_spec *seal_options_specs(const struct kind *k)
{
	static struct option_tables all;

	return option_tables_of(&all, k, make);
}

int seal_options_pairs(const char *option, const struct option_list *items, struct kv *out,
		       struct err *err)
{
	for (size_t i = 0; i < items->n; i++) {
		const char *item = items->items[i];
		size_t n = strcspn(item, "=");
		char *name;

		if (n == 0 || item[n] != '=')
			return err_set(err, ERR_USAGE, "--%s: number %zu is not NAME=VALUE", option,
				       i + 1);
		name = mem_strn(item, n);
		if (kv_has(out, name)) {
			mem_free(name);
			return err_set(err, ERR_USAGE, "--%s: number %zu has the name of another",
				       option, i + 1);
		}
		kv_set_str(out, name, item + n + 1);
		mem_free(name);
	}
	return 0;
}
