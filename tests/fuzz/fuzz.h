/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzzer needs: the two functions that libFuzzer calls, and a way to say what must hold. One
 * that prepares something defines FUZZ_SET_UP as a function of its own before it includes this.
 */
#ifndef BULLA_TESTS_FUZZ_FUZZ_H
#define BULLA_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/fuzz/same_random.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A fuzzer is one file, so this is defined once. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	same_random();
	mem_init();
#ifdef FUZZ_SET_UP
	FUZZ_SET_UP();
#endif
	return 0;
}

static inline void must(bool holds)
{
	if (!holds)
		abort();
}

#endif
