/* SPDX-License-Identifier: Apache-2.0 */
/* Where this user's own files are: $XDG_CONFIG_HOME/bulla, else ~/.config/bulla. */
#ifndef BULLA_SEALER_HOME_H
#define BULLA_SEALER_HOME_H

struct err;

#define HOME_PINS "pins"
#define HOME_KEYS "keys"
#define HOME_RECOVERY "recovery.age"

/* The absolute path of one of them, a new string; NULL and ERR_IO when there is no home. */
char *home_path(const char *name, struct err *err);
/* The same, and the folder it is in is made (mode 0700). */
char *home_path_made(const char *name, struct err *err);

#endif
