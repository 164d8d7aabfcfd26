/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only allocator.  Memory is zeroed when given, wiped when taken back, and never runs out:
 * a failing allocation ends the process with exit status ERR_MEMORY after the atexit handlers
 * have removed temporary files.  Sizes that come from input are bounded before they get here.
 */
#ifndef BULLA_BASE_MEM_H
#define BULLA_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Give jansson and OpenSSL the wiping allocator and start libsodium.  Call first in main(), before
 * any of them allocates.  Ends the process when the random generator or the allocators fail.
 */
void mem_init(void);

void *mem_alloc(size_t size);			/* zeroed; never NULL, also for size 0 */
void *mem_array(size_t n, size_t size);		/* n * size, zeroed, overflow checked */
void *mem_grow(void *p, size_t n, size_t size); /* contents kept, new bytes zero, old block wiped */
void *mem_dup(const void *p, size_t size);	/* a copy; one NUL byte follows it */
char *mem_str(const char *s);			/* a copy of a string; NULL gives NULL */
/* Put a copy of s (NULL: none) in the place of *to, which is freed; s may be part of it. */
void mem_replace(char **to, const char *s);
char *mem_strn(const char *s, size_t n); /* a copy of n bytes, NUL-terminated */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mem_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
void mem_free(void *p); /* wipes all of the block; NULL is fine */

/* Overwrite n bytes in a way the compiler keeps. */
void mem_wipe(void *p, size_t n);
/*
 * Overwrite the vector registers (on x86-64 and 64-bit ARM), where copies and ciphers leave what
 * they had last and the dynamic loader finds it, which saves them on the stack when it binds a
 * function; and 64 KiB of the stack below the caller, where it and functions that have returned
 * left something.  For whoever is done with a secret while the process goes on.
 */
void mem_wipe_stack(void);

#endif
