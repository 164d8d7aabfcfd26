/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which repository of a GitHub the remote "origin" is: where it is pushed to, in every form that
 * git takes (ssh://, https://, HOST:PATH).
 */
#ifndef BULLA_SEALER_ORIGIN_H
#define BULLA_SEALER_ORIGIN_H

#include "git/run.h"

struct err;

/*
 * "owner/name", a new string, when url is at the host of this API (NULL: that of github.com), else
 * NULL: ERR_INVALID.  A password or token in url is never quoted.
 */
char *origin_repository(const char *url, const char *api_url, struct err *err);

/* The same of a work tree's origin, its settings (pushurl, insteadOf) followed. */
char *origin_find(const struct git *g, const char *api_url, struct err *err);

#endif
