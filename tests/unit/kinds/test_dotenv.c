/* SPDX-License-Identifier: Apache-2.0 */
/* `.env` files; what is taken is held to what /bin/sh makes of the same file. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/kv.h"
#include "base/mem.h"
#include "kinds/dotenv.h"

/* What parse gives: NAME=<value> pairs, joined with "|", in the order of names. */
static const struct accepted {
	const char *text, *result;
	bool compose_only; /* a shell keeps "\n" and a CR at the end of a line */
} accepted[] = {
	{ "A=b", "A=b", false },
	{ "A=b\n", "A=b", false },
	{ "A=\n", "A=", false },
	{ "A=", "A=", false },
	{ "A=  \n", "A=", false },
	{ "A=''", "A=", false },
	{ "A=\"\"", "A=", false },
	{ "\n\n# c\n  # c\nA=b\n\n", "A=b", false },
	{ "  A=b", "A=b", false },
	{ "\tA=b\t\n", "A=b", false },
	{ "B=1\nA=2\n", "A=2|B=1", false },
	{ "export A=b", "A=b", false },
	{ "export\t A=b", "A=b", false },
	{ "export=b", "export=b", false },
	{ "exported=b", "exported=b", false },
	{ "_A9=b", "_A9=b", false },
	{ "A=b # c", "A=b", false },
	{ "A=b  # c", "A=b", false },
	{ "A=b \t # c", "A=b", false },
	{ "A=b#c", "A=b#c", false },
	{ "A=b=c==", "A=b=c==", false },
	{ "A=https://x.example/a?b=c%20d+e,f@g", "A=https://x.example/a?b=c%20d+e,f@g", false },
	{ "A={[*]}!^-.,:/%", "A={[*]}!^-.,:/%", false },
	{ "A=a~b", "A=a~b", false },
	{ "A='b c'", "A=b c", false },
	{ "A='b c' # d", "A=b c", false },
	{ "A='b c'  ", "A=b c", false },
	{ "A='$b `c` \"d\" \\e #f'", "A=$b `c` \"d\" \\e #f", false },
	{ "A='b\\\\'", "A=b\\\\", false },
	{ "A='b\nc\n'\nB=d", "A=b\nc\n|B=d", false },
	{ "A=\"b c\"", "A=b c", false },
	{ "A=\"b 'c' #d\" # e", "A=b 'c' #d", false },
	{ "A=\"b\\\"c\\\\d\\$e\"", "A=b\"c\\d$e", false },
	{ "A=\"\\\\n\"", "A=\\n", false },
	{ "A=\"b\nc\"\nB=d", "A=b\nc|B=d", false },
	{ "A=\"gr\xc3\xbc\xc3\x9f\"", "A=gr\xc3\xbc\xc3\x9f", false },
	{ "A=\"b\\nc\\rd\\te\"", "A=b\nc\rd\te", true },
	{ "A=b\r\nB=c\r\n", "A=b|B=c", true },
	{ "A='b c'\r\nB=\"c\" # d\r\n", "A=b c|B=c", true },
	{ "A=b # c\r\n", "A=b", true },
	{ "A='b\r\nc'\r\n", "A=b\nc", true },
	{ "A=\"b\r\nc\"\r\n", "A=b\nc", true },
	{ "\xef\xbb\xbf"
	  "A=b",
	  "A=b", true },
};

static void join(const struct kv *kv, struct buf *out)
{
	for (size_t i = 0; i < kv->n; i++) {
		buf_printf(out, "%s%s=", i == 0 ? "" : "|", kv->items[i].name);
		buf_put(out, kv->items[i].data, kv->items[i].len);
	}
}

static void test_accepted(void **state)
{
	(void)state;

	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct buf result = BUF_INIT;
		struct err err = ERR_INIT;
		struct kv out = KV_INIT;

		assert_int_equal(dotenv_parse(".env", accepted[i].text, strlen(accepted[i].text),
					      &out, NULL, &err),
				 0);
		join(&out, &result);
		assert_string_equal(buf_str(&result), accepted[i].result);
		buf_clear(&result);
		kv_clear(&out);
	}
}

static const struct {
	const char *text, *error;
} refused[] = {
	{ "", ".env: is empty" },
	{ "\n# only a comment\n", ".env: holds no NAME=value" },
	{ "\xef\xbb\xbf", ".env: holds no NAME=value" },
	{ "A", ".env:1: a name without \"=\" would take its value from the environment" },
	{ "A=b\nB\nC=d", ".env:2: a name without \"=\" would take its value from the environment" },
	{ "export A", ".env:1: a name without \"=\" would take its value from the environment" },
	{ "A =b", ".env:1: a blank before \"=\"; a shell would take the name for a command" },
	{ "A= b", ".env:1: a blank after \"=\"; begin the value right behind it" },
	{ "A= 'b'", ".env:1: a blank after \"=\"; begin the value right behind it" },
	{ "A= # c", ".env:1: a blank after \"=\"; begin the value right behind it" },
	{ "A: b", ".env:1: \":\" after the name; write NAME=value" },
	{ "A : b", ".env:1: \":\" after the name; write NAME=value" },
	{ "=b",
	  ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not begin "
	  "with a digit" },
	{ "1A=b",
	  ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not begin "
	  "with a digit" },
	{ "A-B=c",
	  ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not begin "
	  "with a digit" },
	{ "A.B=c",
	  ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not begin "
	  "with a digit" },
	{ "A[0]=c", ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not "
		    "begin with a digit" },
	{ "A+=c",
	  ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not begin "
	  "with a digit" },
	{ "set -a",
	  ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not begin "
	  "with a digit" },
	{ "A=b\n-----BEGIN X-----",
	  ".env:2: not NAME=value, where NAME is letters, digits and \"_\" and "
	  "does not begin with a digit" },
	{ "\xc3\x84=b",
	  ".env:1: not NAME=value, where NAME is letters, digits and \"_\" and does not "
	  "begin with a digit" },
	{ "_=b", ".env:1: the name _ is the shell's own" },
	{ "A=b c", ".env:1: a blank inside the value needs quotes around it" },
	{ "A=b\t# c", ".env:1: a blank inside the value needs quotes around it" },
	{ "A=#b", ".env:1: a value that begins with \"#\" needs quotes around it" },
	{ "A=gr\xc3\xbc", ".env:1: a character that is not ASCII needs quotes around the value" },
	{ "A=b'c'", ".env:1: a quote inside the value; put the whole value in the other quotes" },
	{ "A=b\"", ".env:1: a quote inside the value; put the whole value in the other quotes" },
	{ "A=b\\c", ".env:1: a backslash needs single quotes around the value" },
	{ "A=b\\\nc", ".env:1: a backslash needs single quotes around the value" },
	{ "A=$B", ".env:1: \"$\" would be replaced; put the value in single quotes" },
	{ "A=b$", ".env:1: \"$\" would be replaced; put the value in single quotes" },
	{ "A=`b`",
	  ".env:1: a character that a shell acts on needs single quotes around the value" },
	{ "A=b;c",
	  ".env:1: a character that a shell acts on needs single quotes around the value" },
	{ "A=b&c=d",
	  ".env:1: a character that a shell acts on needs single quotes around the value" },
	{ "A=b|c",
	  ".env:1: a character that a shell acts on needs single quotes around the value" },
	{ "A=<b>",
	  ".env:1: a character that a shell acts on needs single quotes around the value" },
	{ "A=(b)",
	  ".env:1: a character that a shell acts on needs single quotes around the value" },
	{ "A=~/b", ".env:1: \"~\" would become a home folder in a shell; put the value in single "
		   "quotes" },
	{ "A=b:~/c", ".env:1: \"~\" would become a home folder in a shell; put the value in single "
		     "quotes" },
	{ "A='b", ".env:1: the single quote that begins the value is never closed" },
	{ "B=c\nA='b\n\nC=d\n", ".env:2: the single quote that begins the value is never closed" },
	{ "A=\"b", ".env:1: the double quote that begins the value is never closed" },
	{ "\nA=\"b\nc\nd\\\"", ".env:2: the double quote that begins the value is never closed" },
	{ "A='b\\'",
	  ".env:1: a backslash before the closing quote: docker compose takes the quote for a "
	  "part of the value; use double quotes" },
	{ "A='\n\\'c'",
	  ".env:2: a backslash before the closing quote: docker compose takes the quote "
	  "for a part of the value; use double quotes" },
	{ "A='b'c",
	  ".env:1: something follows the closing quote; put the whole value in one pair of "
	  "quotes" },
	{ "A='it''s'",
	  ".env:1: something follows the closing quote; put the whole value in one pair of "
	  "quotes" },
	{ "A=\"b\"#c",
	  ".env:1: something follows the closing quote; put the whole value in one pair of "
	  "quotes" },
	{ "A=\"b\nc\" d",
	  ".env:2: something follows the closing quote; put the whole value in one pair "
	  "of quotes" },
	{ "A=\"$b\"",
	  ".env:1: \"$\" in double quotes would be replaced; write \\$ or use single quotes" },
	{ "A=\"b\n${c}\"",
	  ".env:2: \"$\" in double quotes would be replaced; write \\$ or use single "
	  "quotes" },
	{ "A=\"`b`\"", ".env:1: \"`\" in double quotes would run a command; use single quotes" },
	{ "A=\"\\a\"",
	  ".env:1: in double quotes a backslash stands before \\, \", $, n, r or t only; "
	  "write \\\\ or use single quotes" },
	{ "A=\"\\`\"",
	  ".env:1: in double quotes a backslash stands before \\, \", $, n, r or t only; "
	  "write \\\\ or use single quotes" },
	{ "A=\"\\\n\"",
	  ".env:1: in double quotes a backslash stands before \\, \", $, n, r or t only; "
	  "write \\\\ or use single quotes" },
	{ "A=\"\\",
	  ".env:1: in double quotes a backslash stands before \\, \", $, n, r or t only; write "
	  "\\\\ or use single quotes" },
	{ "A=b\nB=c\nA=d", ".env:3: A stands on line 1 already" },
	{ "A='\n\n'\nA=d", ".env:4: A stands on line 1 already" },
	{ "A=b\rB=c", ".env:1: holds a carriage return that ends no line" },
	{ "A=b\nB=c\r", ".env:2: holds a carriage return that ends no line" },
	{ "A='b\rc'", ".env:1: holds a carriage return that ends no line" },
	{ "A=b\n\nB=\x1b[0m", ".env:3: holds a control character" },
	{ "A='\x7f'", ".env:1: holds a control character" },
	{ "A=b\f", ".env:1: holds a control character" },
};

static void test_refused(void **state)
{
	(void)state;

	for (size_t i = 0; i < COUNT(refused); i++) {
		struct err err = ERR_INIT;
		struct kv out = KV_INIT;

		assert_int_equal(dotenv_parse(".env", refused[i].text, strlen(refused[i].text),
					      &out, NULL, &err),
				 -1);
		assert_string_equal(err.text, refused[i].error);
		assert_int_equal(err.class, ERR_INVALID);
		assert_int_equal(out.n, 0);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct kv out = KV_INIT;

	assert_int_equal(dotenv_parse("e", "A=b\0", 4, &out, NULL, &err), -1);
	assert_string_equal(err.text, "e:1: holds a NUL byte; is this a text file in UTF-8?");
	for (int i = 0; i < DOTENV_NAMES_MAX; i++)
		buf_printf(&text, "A%d=b\n", i);
	assert_int_equal(dotenv_parse("e", text.data, text.len, &out, NULL, &err), 0);
	assert_int_equal(out.n, DOTENV_NAMES_MAX);
	buf_puts(&text, "B=c");
	assert_int_equal(dotenv_parse("e", text.data, text.len, &out, NULL, &err), -1);
	assert_string_equal(err.text, "e:257: more than 256 names");
	buf_reset(&text);
	for (int i = 0; i < 253; i++)
		buf_putc(&text, 'A');
	buf_puts(&text, "=b");
	assert_int_equal(dotenv_parse("e", text.data, text.len, &out, NULL, &err), 0);
	buf_splice(&text, 0, 0, "A", 1);
	assert_int_equal(dotenv_parse("e", text.data, text.len, &out, NULL, &err), -1);
	assert_string_equal(err.text,
			    "e:1: the name is longer than the 253 characters of a data key");
	buf_clear(&text);
	kv_clear(&out);
}

static void test_notes(void **state)
{
	(void)state;
	static const char text[] = "A=b\nB=\"c\\\\n\"\nC=\"\nd\\n\"\nD=\"e\\t\"\n";
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	struct kv out = KV_INIT;

	assert_int_equal(dotenv_parse("e", text, strlen(text), &out, &notes, &err), 0);
	assert_int_equal(notes.n, 1); /* once a file, where it happens first */
	assert_string_equal(
	    notes.text[0],
	    "e:4: \\n is taken for the character that docker compose takes it for; a "
	    "shell keeps the backslash and the letter");
	notes_clear(&notes);
	kv_clear(&out);
}

/* The names and values that sh exports after sourcing text, sorted, as join writes them. */
static void source(const char *text, const struct kv *names, struct buf *out)
{
	char path[] = "/tmp/bulla-dotenv-XXXXXX", command[128];
	struct kv env = KV_INIT;
	struct buf got = BUF_INIT;
	int fd = mkstemp(path);
	FILE *f;
	int c;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(command, sizeof(command),
		 "env -i PATH=\"$PATH\" sh -c 'set -a; . %s; exec env -0'", path);
	f = popen(command, "r");
	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		buf_putc(&got, (unsigned char)c);
	assert_int_equal(pclose(f), 0);
	unlink(path);
	for (size_t at = 0; at < got.len;) {
		char *entry = (char *)got.data + at, *eq = strchr(entry, '=');

		at += strlen(entry) + 1;
		*eq = '\0';
		if (kv_has(names, entry))
			kv_set_str(&env, entry, eq + 1);
	}
	join(&env, out);
	buf_clear(&got);
	kv_clear(&env);
}

static void test_as_sh_reads_it(void **state)
{
	(void)state;

	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct buf result = BUF_INIT;
		struct kv out = KV_INIT;

		if (accepted[i].compose_only)
			continue;
		assert_int_equal(
		    dotenv_parse("e", accepted[i].text, strlen(accepted[i].text), &out, NULL, NULL),
		    0);
		source(accepted[i].text, &out, &result);
		assert_string_equal(buf_str(&result), accepted[i].result);
		buf_clear(&result);
		kv_clear(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),	       cmocka_unit_test(test_notes),
		cmocka_unit_test(test_as_sh_reads_it),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/dotenv", tests, NULL, NULL);
}
