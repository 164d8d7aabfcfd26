/* SPDX-License-Identifier: Apache-2.0 */
/* Do keys open the sealed documents of files?  Nothing of what is opened is kept or told. */
#ifndef BULLA_SEALER_PROVE_H
#define BULLA_SEALER_PROVE_H

#include <jansson.h>
#include <stdbool.h>

#include "keys/keyring.h"

struct err;

struct prove {
	const struct keyring *keys;
	json_t *rows; /* {file, document, parts, opened, good, result}, one a document */
	bool bad;     /* one of them is not good */
};

/*
 * Add a row for each document of a file, or of the files below a folder; one without a name for
 * what cannot be read.  Each part is opened as an agent would.  ERR_INVALID when there is no sealed
 * document at all, ERR_IO when path cannot be opened.
 */
int prove_path(struct prove *p, const char *path, struct err *err);

#endif
