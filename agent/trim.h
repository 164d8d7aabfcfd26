/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives back the memory that starting took.  The dynamic linker and the set-up of libraries touch
 * megabytes of code and tables that a settled process never looks at again, and each process of the
 * agent would hold them for its whole life.
 */
#ifndef BULLA_AGENT_TRIM_H
#define BULLA_AGENT_TRIM_H

#include <stddef.h>

/*
 * Let go of all pages of code and constants of the program and its libraries; they are read again
 * from the files (as a rule from the page cache) when they are needed.  And of freed heap.  Returns
 * how many bytes of address space were let go.
 */
size_t trim_memory(void);

#endif
