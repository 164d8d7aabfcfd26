/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof of the jail on the machine at hand (`bulla-agent --self-test`): starts a real supervisor
 * and real openers, has each try from inside what it must not be able to do, and looks at them from
 * outside.  Nothing of this can be asked of an opener that serves.
 */
#ifndef BULLA_AGENT_JAIL_SELF_TEST_H
#define BULLA_AGENT_JAIL_SELF_TEST_H

#include <stdio.h>

struct err;

/*
 * One line for each attempt goes to out: who, what, and that it was refused (or "ALLOWED").  -1 and
 * ERR_INTERNAL when anything was allowed; ERR_IO when no opener could be started.  Before threads.
 */
int jail_self_test(FILE *out, struct err *err);

#endif
