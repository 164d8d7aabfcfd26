/* SPDX-License-Identifier: Apache-2.0 */
/* What every cmocka test includes first. */
#ifndef BULLA_TESTS_UNIT_TEST_H
#define BULLA_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* How often to repeat: a tenth under valgrind, where everything is thirty times slower. */
static inline unsigned test_repeats(unsigned n)
{
	return getenv("BULLA_MEMCHECK") == NULL ? n : n / 10;
}

#endif
