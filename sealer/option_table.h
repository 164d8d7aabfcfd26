/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of options that are made from a kind's own, for commands with a subcommand for each. */
#ifndef BULLA_SEALER_OPTION_TABLE_H
#define BULLA_SEALER_OPTION_TABLE_H

#include <stddef.h>

#include "kinds/kind.h"
#include "sealer/options.h"

struct option_table {
	const struct kind *kind;
	struct option_spec *specs; /* ends with a zero row */
	size_t n;
};

/* Append a row; all rows of a table that ends with a zero row.  Copied; texts are not. */
void option_table_add(struct option_table *t, const struct option_spec *spec);
void option_table_add_all(struct option_table *t, const struct option_spec *specs);

/* The tables of one command, kept until exit.  Zero-initialised. */
struct option_tables {
	struct option_table *items;
	size_t n;
};

typedef void option_table_make(struct option_table *t, const struct kind *k);

/* The table of k (NULL counts as a kind of its own), made by make the first time. */
const struct option_spec *option_tables_of(struct option_tables *all, const struct kind *k,
					   option_table_make *make);

#endif
