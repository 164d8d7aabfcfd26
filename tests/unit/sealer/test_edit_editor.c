/* SPDX-License-Identifier: Apache-2.0 */
/* the editor: its words, which it is, what it is told; and the file in memory that it gets */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/edit_editor.h"
#include "sealer/edit_memory.h"
#include "tests/unit/sealer/scratch.h"

static void assert_words(char **got, const char *want)
{
	struct buf line = BUF_INIT;

	for (; *got != NULL; got++)
		buf_printf(&line, "<%s>", *got);
	assert_string_equal(buf_str(&line), want);
	buf_clear(&line);
}

static void test_split(void **state)
{
	static const char *const cases[][2] = {
		{ "vi", "<vi>" },
		{ "  vi \t -n  ", "<vi><-n>" },
		{ "'/a b/vi' \"x y\"z", "</a b/vi><x yz>" },
		{ "vi '' \"\"", "<vi><><>" },
		{ "vi a\\ b \\$x", "<vi><a b><$x>" },
		{ "vi \"a\\\"b\\\\c\\d\"", "<vi><a\"b\\c\\d>" },
		{ "vi '$HOME `x` \\ \"'", "<vi><$HOME `x` \\ \">" },
		{ "vi -c \"set ts=4\"", "<vi><-c><set ts=4>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		char **words;

		assert_int_equal(edit_editor_split("V", cases[i][0], &words, &err), 0);
		assert_words(words, cases[i][1]);
		edit_editor_free_words(words);
	}
}

static void test_split_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "", "$V: names no program" },
		{ " \t", "$V: names no program" },
		{ "'' x", "$V: names no program" },
		{ "vi 'x", "$V: a quote is not closed" },
		{ "vi \"x\\\"", "$V: a quote is not closed" },
		{ "vi \\", "$V: ends with a backslash" },
		{ "$X", "$V: '$' means" },
		{ "vi \"$X\"", "$V: '$' means" },
		{ "vi \"`x`\"", "$V: '`' means" },
		{ "vi; x", "$V: ';' means" },
		{ "a|b", "$V: '|' means" },
		{ "vi *.c", "$V: '*' means" },
		{ "~/vi", "$V: '~' means" },
		{ "vi\nx", "$V: '\n' means" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		char **words = NULL;

		assert_int_equal(edit_editor_split("V", cases[i][0], &words, &err), -1);
		assert_int_equal(err.class, ERR_USAGE);
		assert_non_null(strstr(err.text, cases[i][1]));
		assert_null(words);
	}
}

static void program(const char *name)
{
	scratch_write(name, "#!/bin/sh\n");
	assert_int_equal(chmod(name, 0755), 0);
}

/* What a link is called does not matter, what it leads to does. */
static void test_find(void **state)
{
	static const struct {
		const char *value, *first; /* of the words that we add */
		bool quiet;
	} cases[] = {
		{ "bin/vim", "-n", true },
		{ "bin/vim -u NONE", "-n", true },
		{ "bin/vim.basic", "-n", true },
		{ "bin/vi", "-n", true },
		{ "bin/nvim", "-n", true },
		{ "bin/nano", "--restricted", true },
		{ "bin/pico", "--restricted", true },
		{ "bin/emacs-nox", "--eval", true },
		{ "bin/emacsclient", NULL, false },
		{ "bin/ed", NULL, false },
		{ "bin/code", "--wait", false },
		{ "bin/code --wait", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (strchr(cases[i].value, ' ') == NULL && strcmp(cases[i].value, "bin/vi") != 0 &&
		    strcmp(cases[i].value, "bin/pico") != 0)
			program(cases[i].value);
	assert_int_equal(symlink("vim.basic", "bin/vi"), 0);
	assert_int_equal(symlink("nano", "bin/pico"), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct edit_editor e;
		struct err err = ERR_INIT;
		size_t given = 1;

		for (const char *s = cases[i].value; *s != '\0'; s++)
			given += *s == ' ';
		setenv("BULLA_EDITOR", cases[i].value, 1);
		assert_int_equal(edit_editor_find(&e, &err), 0);
		assert_int_equal(e.quiet, cases[i].quiet);
		if (cases[i].first == NULL)
			assert_null(e.words[given]);
		else
			assert_string_equal(e.words[given], cases[i].first);
		edit_editor_clear(&e);
	}
}

static void test_find_order(void **state)
{
	struct edit_editor e;
	struct err err = ERR_INIT;

	(void)state;
	program("bin/a");
	program("bin/b");
	setenv("EDITOR", "bin/b", 1);
	setenv("VISUAL", "", 1);
	setenv("BULLA_EDITOR", "bin/a", 1);
	assert_int_equal(edit_editor_find(&e, &err), 0);
	assert_string_equal(e.name, "a");
	edit_editor_clear(&e);
	unsetenv("BULLA_EDITOR");
	assert_int_equal(edit_editor_find(&e, &err), 0);
	assert_string_equal(e.name, "b");
	edit_editor_clear(&e);
	setenv("EDITOR", "bin/none", 1);
	assert_int_equal(edit_editor_find(&e, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "there is no editor \"bin/none\""));
	assert_null(e.words);
	/* what is no program is none */
	scratch_write("bin/text", "x");
	setenv("EDITOR", "bin/text", 1);
	assert_int_equal(edit_editor_find(&e, &err), -1);
}

static void test_swaps(void **state)
{
	static const char head[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
	static const struct {
		const char *lines;
		bool swaps;
	} cases[] = {
		{ "", false },
		{ "/dev/zram0   partition\t1\t0\t100\n", false },
		{ "/dev/sda2    partition\t1\t0\t-2\n", true },
		{ "/swapfile    file\t1\t0\t-2\n", true },
		{ "/dev/zram0   partition\t1\t0\t100\n/dev/dm-1 partition\t1\t0\t-2\n", true },
	};

	(void)state;
	assert_false(edit_memory_swaps(""));
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = mem_printf("%s%s", head, cases[i].lines);

		assert_int_equal(edit_memory_swaps(text), cases[i].swaps);
		mem_free(text);
	}
}

#ifdef __linux__
static void test_memory(void **state)
{
	struct edit_memory m = EDIT_MEMORY_INIT;
	struct buf text = BUF_INIT, back = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned char left[16];
	struct stat st;
	int other;

	(void)state;
	edit_memory_close(&m); /* none is open */
	assert_int_equal(edit_memory_open(&m, &err), 0);
	assert_int_equal(fstat(m.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 0);

	buf_puts(&text, "a long text");
	assert_int_equal(edit_memory_put(&m, &text, &err), 0);
	buf_reset(&text);
	buf_puts(&text, "short");
	assert_int_equal(edit_memory_put(&m, &text, &err), 0);
	assert_int_equal(edit_memory_get(&m, 5, &back, &err), 0);
	assert_string_equal(buf_str(&back), "short");
	assert_int_equal(edit_memory_get(&m, 4, &back, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_int_equal(back.len, 0);

	/* whoever has it open still finds nothing */
	other = dup(m.fd);
	edit_memory_close(&m);
	assert_int_equal(m.fd, -1);
	assert_int_equal(pread(other, left, sizeof(left), 0), 0);
	close(other);
	buf_clear(&text);
	buf_clear(&back);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),  cmocka_unit_test(test_split_refused),
		cmocka_unit_test(test_find),   cmocka_unit_test(test_find_order),
		cmocka_unit_test(test_swaps),
#ifdef __linux__
		cmocka_unit_test(test_memory),
#endif
	};

	mem_init();
	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
