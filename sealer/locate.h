/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file a document is in, for commands that take NAME|FILE.  One whose arguments begin so gets
 * a FILE from command_run; `show`, which takes many, calls this itself.
 */
#ifndef BULLA_SEALER_LOCATE_H
#define BULLA_SEALER_LOCATE_H

struct err;

#define LOCATE_ARGUMENT "NAME|FILE"

struct located {
	char *path;
	char *which; /* "NAMESPACE/NAME" for sealer/pick.h; NULL: FILE was given */
};

/*
 * given is a file that is there, or ends in .yaml, .yml or .json, or has a "/" that no
 * NAMESPACE/NAME has: that is FILE.  Else it is NAME or NAMESPACE/NAME, and the YAML files below
 * the current folder are read for it; those that cannot be read are warnings. ERR_INVALID: no
 * document is called so.  ERR_USAGE: several are; the text lists them.
 */
int locate(const char *given, struct located *out, struct err *err);
void located_clear(struct located *l);

#endif
