/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers that copies and ciphers go through.  They keep what they had last, and no compiler
 * can be asked to clear them; the dynamic loader saves them on the stack when it binds a function,
 * and a new thread begins with its maker's.
 */
#ifndef BULLA_BASE_VECTOR_H
#define BULLA_BASE_VECTOR_H

/* Clear those that a function may change, on x86-64 and 64-bit ARM; nothing elsewhere. */
void vector_wipe(void);

#endif
