/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, nonces and hash seeds that are the same in every run: with the same -seed a fuzzer then
 * goes the same way, and what a run of the tests found can be had again.
 */
#ifndef BULLA_TESTS_FUZZ_SAME_RANDOM_H
#define BULLA_TESTS_FUZZ_SAME_RANDOM_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static void same_random_buf(void *const out, const size_t size)
{
	static uint64_t count;
	unsigned char seed[randombytes_SEEDBYTES] = { 0 };

	count++;
	memcpy(seed, &count, sizeof(count));
	randombytes_buf_deterministic(out, size, seed);
}

static uint32_t same_random_word(void)
{
	uint32_t word;

	same_random_buf(&word, sizeof(word));
	return word;
}

static const char *same_random_name(void)
{
	return "same";
}

/* Before mem_init, which takes the first random bytes. */
static inline void same_random(void)
{
	static struct randombytes_implementation same = {
		.implementation_name = same_random_name,
		.random = same_random_word,
		.buf = same_random_buf,
	};

	randombytes_set_implementation(&same);
}

#endif
