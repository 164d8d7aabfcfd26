/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of `bulla keys` that have a file of their own, for the table of cmd_keys.c. */
#ifndef BULLA_SEALER_CMD_KEYS_H
#define BULLA_SEALER_CMD_KEYS_H

#include "sealer/command.h"

extern const struct command keys_install;
extern const struct command keys_backup;
extern const struct command keys_verify;
extern const struct command keys_retire;
extern const struct command keys_exposure;

#endif
