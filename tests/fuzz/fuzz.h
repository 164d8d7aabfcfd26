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
#include <stdio.h>
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

/* What does not hold is named: where a finding is read, its input cannot always be run again. */
#define must(holds) must_hold(holds, #holds, __FILE__, __LINE__)

static inline void must_hold(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
	abort();
}

#endif
