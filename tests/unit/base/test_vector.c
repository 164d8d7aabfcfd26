/* SPDX-License-Identifier: Apache-2.0 */
/* Vector registers, filled and read back around what clears them. */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/vector.h"

#define MARK 0x5a

#if defined(__x86_64__)

#define REGISTERS 16
#define WIDTH 32
#define EACH(op)                                                                                   \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13)    \
	    op(14) op(15)
#define LOAD(n) "vmovdqu (%0), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqu %%ymm" #n ", " #n "*32(%0)\n\t"

static bool can_look(void)
{
	return __builtin_cpu_supports("avx");
}

__attribute__((target("avx"), noinline)) static void fill(const unsigned char *with)
{
	__asm__ volatile(EACH(LOAD)
			 :
			 : "r"(with)
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
			   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

__attribute__((target("avx"), noinline)) static void read_back(unsigned char *into)
{
	__asm__ volatile(EACH(STORE) : : "r"(into) : "memory");
}

#else

#define REGISTERS 0
#define WIDTH 32

static bool can_look(void)
{
	return false;
}

static void fill(const unsigned char *with)
{
	(void)with;
}

static void read_back(unsigned char *into)
{
	(void)into;
}

#endif

static size_t marked(const unsigned char *bytes, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += bytes[i] == MARK;
	return found;
}

/* What fills them is seen again where nothing clears them, or the test would say nothing. */
static void test_wiped(void **state)
{
	static void (*const wipes[])(void) = { vector_wipe, mem_wipe_stack };
	unsigned char with[WIDTH], seen[REGISTERS * WIDTH + 1];

	(void)state;
	if (!can_look())
		skip();
	memset(with, MARK, sizeof(with));
	fill(with);
	read_back(seen);
	assert_true(marked(seen, REGISTERS * WIDTH) >= REGISTERS / 4 * WIDTH);
	for (size_t i = 0; i < COUNT(wipes); i++) {
		fill(with);
		wipes[i]();
		read_back(seen);
		assert_int_equal(marked(seen, REGISTERS * WIDTH), 0);
	}
}

/* The compiler is told of what changed: what it had in registers is still right. */
static void test_numbers_survive(void **state)
{
	double sum = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		double was = sum;

		vector_wipe();
		sum += i * 0.5;
		assert_true(sum - was > i * 0.5 - 0.1 && sum - was < i * 0.5 + 0.1);
	}
	assert_true(sum > 249749.9 && sum < 249750.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_numbers_survive),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
