/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks for the constant-time check (tests/ctgrind).  There, memcheck takes secret bytes for
 * uninitialised ones and reports each branch and each address that depends on them; what may be
 * told to anyone, such as a verdict, is declared public again.  In every other build: nothing.
 */
#ifndef BULLA_BASE_CT_H
#define BULLA_BASE_CT_H

#include <stddef.h>

#ifdef BULLA_CTGRIND
#include <valgrind/memcheck.h>
#endif

static inline void ct_secret(const void *p, size_t n)
{
#ifdef BULLA_CTGRIND
	(void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
#else
	(void)p;
	(void)n;
#endif
}

static inline void ct_public(const void *p, size_t n)
{
#ifdef BULLA_CTGRIND
	(void)VALGRIND_MAKE_MEM_DEFINED(p, n);
#else
	(void)p;
	(void)n;
#endif
}

#endif
