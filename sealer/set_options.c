/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/set_options.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sealer/pick.h"
#include "sealer/result.h"

static const struct option_spec common[] = {
	{ 0, "from-file", "FILE|-", "the new secret", offsetof(struct set_options, from_file), 0 },
	{ 0, "from-env-file", "FILE|-", "each NAME=value of a .env file, for opaque",
	  offsetof(struct set_options, env_file), 0 },
	{ 0, "pick", "NEW=OLD", "only OLD of the .env file, as NEW",
	  offsetof(struct set_options, pick), OPTION_MANY },
	{ 0, "expires", "DATE|90d", "when the new value ends",
	  offsetof(struct set_options, expires), 0 },
	WHO_OPTIONS(set_options),
	PICK_OPTION(set_options),
	{ 0, "dry-run", NULL, "check everything, write nothing",
	  offsetof(struct set_options, dry_run), 0 },
	RESULT_OPTION(set_options),
	LIVE_OPTIONS(set_options),
};
#define COMMON (sizeof(common) / sizeof(common[0]))

/* --- options that kinds bring ----------------------------------------------------------------- */

static bool is_file(const struct kind_field *f)
{
	return (f->flags & (FIELD_SECRET | FIELD_FILE)) != 0;
}

static struct option_spec *find_spec(struct option_spec *specs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(specs[i].name, name) == 0)
			return &specs[i];
	return NULL;
}

static void add_files(const struct kind *k, struct option_spec *specs, size_t *n)
{
	for (const struct kind_field *f = k->fields; f != NULL && f->name != NULL; f++) {
		if (!is_file(f) || find_spec(specs, *n, f->option) != NULL ||
		    *n == COMMON + SET_FILES_MAX)
			continue;
		specs[*n] = (struct option_spec){
			.name = f->option,
			.arg = f->arg,
			.help = f->help,
			.at = offsetof(struct set_options, files) +
			      (*n - COMMON) * sizeof(const char *),
		};
		(*n)++;
	}
}

static const struct kind_field *field_of(const struct kind *k, const char *option)
{
	for (const struct kind_field *f = k->fields; f != NULL && f->name != NULL; f++)
		if (is_file(f) && strcmp(f->option, option) == 0)
			return f;
	return NULL;
}

/* An option that is another thing with each kind says whose it is, not what the first one calls it.
 */
static void explain_shared(struct option_spec *spec)
{
	struct buf kinds = BUF_INIT;
	bool same = true;

	for (size_t i = 0; kind_table[i] != NULL; i++) {
		const struct kind_field *f = field_of(kind_table[i], spec->name);

		if (f == NULL)
			continue;
		same = same && strcmp(f->help, spec->help) == 0;
		buf_printf(&kinds, "%s%s", kinds.len > 0 ? ", " : "", kind_table[i]->name);
	}
	if (!same)
		spec->help = mem_printf("as with 'bulla seal', for %s", buf_str(&kinds));
	buf_clear(&kinds);
}

/* Made once and kept until exit. */
const struct option_spec *set_options_specs(void)
{
	static struct option_spec *specs;
	size_t n = COMMON;

	if (specs != NULL)
		return specs;
	specs = mem_array(COMMON + SET_FILES_MAX + 1, sizeof(*specs));
	memcpy(specs, common, sizeof(common));
	for (size_t i = 0; kind_table[i] != NULL; i++)
		add_files(kind_table[i], specs, &n);
	for (size_t i = COMMON; i < n; i++)
		explain_shared(&specs[i]);
	return specs;
}

/* What was given for each field of k, in the order of its table; ERR_USAGE for another kind's
 * option. */
static int files_of(const struct set_options *o, const struct kind *k, const char **values,
		    struct err *err)
{
	const struct option_spec *specs = set_options_specs();

	for (size_t i = 0; i < SET_FILES_MAX && specs[COMMON + i].name != NULL; i++) {
		const struct kind_field *f;

		if (o->files[i] == NULL)
			continue;
		f = field_of(k, specs[COMMON + i].name);
		if (f == NULL)
			return err_set(err, ERR_USAGE, "--%s: kind %s has no such input",
				       specs[COMMON + i].name, k->name);
		values[f - k->fields] = o->files[i];
	}
	return 0;
}

/* --from-file is whatever the kind's one secret is. */
static int put_main(const struct set_options *o, const struct kind *k, const char **values,
		    struct err *err)
{
	const struct kind_field *f = k->fields;

	if (o->from_file == NULL)
		return 0;
	while (f->name != NULL && (f->flags & FIELD_MAIN) == 0)
		f++;
	if (f->name == NULL)
		return err_set(err, ERR_USAGE, "--from-file: kind %s has no single secret",
			       k->name);
	if (values[f - k->fields] != NULL)
		return err_set(err, ERR_USAGE, "--from-file and --%s mean the same; give one",
			       f->option);
	values[f - k->fields] = o->from_file;
	return 0;
}

int set_options_values(const struct set_options *o, const struct kind *k, const char **values,
		       struct err *err)
{
	return files_of(o, k, values, err) == 0 ? put_main(o, k, values, err) : -1;
}
