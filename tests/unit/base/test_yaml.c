/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"

static void parse(const char *text, struct yaml_stream *s)
{
	struct err err = ERR_INIT;

	if (yaml_parse("t", text, strlen(text), s, &err) != 0)
		fail_msg("%s: %s", text, err.text);
}

/* A node as one line: maps {k: v}, lists [v], scalars style|text; with @begin-end in front. */
static void show(const struct yaml_node *n, struct buf *out)
{
	static const char styles[] = "p'\"|>bf";

	buf_printf(out, "@%zu-%zu", n->begin, n->end);
	if (n->type == YAML_SCALAR) {
		buf_printf(out, "%c%s", styles[n->style], n->text);
		assert_int_equal(strlen(n->text), n->len);
		return;
	}
	buf_printf(out, "%c%c", styles[n->style], n->type == YAML_MAP ? '{' : '[');
	for (size_t i = 0; i < n->n; i++) {
		if (i > 0)
			buf_puts(out, ", ");
		if (n->type == YAML_MAP) {
			show(n->keys[i], out);
			buf_puts(out, ": ");
		}
		show(n->values[i], out);
	}
	buf_putc(out, n->type == YAML_MAP ? '}' : ']');
}

struct shape {
	const char *text, *shape; /* documents divided by " // " with begin-end in front */
};

static const struct shape shapes[] = {
	{ "", "" },
	{ "# nothing\n", "" },
	{ "a", "0-1 @0-1pa" },
	{ "a: b\n", "0-5 @0-4b{@0-1pa: @3-4pb}" },
	{ "a: 'b''c'\n", "0-10 @0-9b{@0-1pa: @3-9'b'c}" },
	{ "a: \"\\u00e9\"\n", "0-12 @0-11b{@0-1pa: @3-11\"\xc3\xa9}" },
	{ "a:\n  b: c\n  d: e\nf: g\n",
	  "0-22 @0-21b{@0-1pa: @5-16b{@5-6pb: @8-9pc, @12-13pd: @15-16pe}, @17-18pf: @20-21pg}" },
	/* comments and empty lines behind a block are not its own */
	{ "a:\n  b: c\n\n  # end\n\nd: e\n",
	  "0-25 @0-24b{@0-1pa: @5-9b{@5-6pb: @8-9pc}, @20-21pd: @23-24pe}" },
	/* lists: indented, not indented, in flow */
	{ "a:\n  - b\n  - c: d\n    e: f\n",
	  "0-27 @0-26b{@0-1pa: @5-26b[@7-8pb, @13-26b{@13-14pc: @16-17pd, @22-23pe: @25-26pf}]}" },
	{ "a:\n- b\n- c\nd: e\n",
	  "0-16 @0-15b{@0-1pa: @3-10b[@5-6pb, @9-10pc], @11-12pd: @14-15pe}" },
	{ "{a: [b, 'c'], d: {e: f}}\n",
	  "0-25 @0-24f{@1-2pa: @4-12f[@5-6pb, @8-11'c], @14-15pd: @17-23f{@18-19pe: @21-22pf}}" },
	{ "{\"a\": 1,\n \"b\": {}, \"c\": [],}",
	  "0-28 @0-28f{@1-4\"a: @6-7p1, @10-13\"b: @15-17f{}, @19-22\"c: @24-26f[]}" },
	/* block scalars: clip, strip, keep, at the end without a line break */
	{ "a: |\n  x\n  y\n\n\nb: c\n", "0-20 @0-19b{@0-1pa: @3-13|x\ny\n, @15-16pb: @18-19pc}" },
	{ "a: |-\n  x\n\nb: c\n", "0-16 @0-15b{@0-1pa: @3-10|x, @11-12pb: @14-15pc}" },
	{ "a: |+\n  x\n\n\nb: c\n", "0-17 @0-16b{@0-1pa: @3-12|x\n\n\n, @12-13pb: @15-16pc}" },
	{ "a: |2+\n   x\n\nb: c\n", "0-18 @0-17b{@0-1pa: @3-13| x\n\n, @13-14pb: @16-17pc}" },
	{ "a: >-  # why\n  x\n  y\n  # not a comment\n# one\nb: c",
	  "0-49 @0-49b{@0-1pa: @3-39>x y # not a comment, @45-46pb: @48-49pc}" },
	{ "a: |\n  x", "0-8 @0-8b{@0-1pa: @3-8|x}" },
	{ "a: |\nb: c", "0-9 @0-9b{@0-1pa: @3-5|, @5-6pb: @8-9pc}" },
	/* values that are not there */
	{ "a:\n", "0-3 @0-2b{@0-1pa: @2-2p}" },
	{ "a :   # none\nb:\n\n# c\n", "0-21 @0-15b{@0-1pa: @3-3p, @13-14pb: @15-15p}" },
	{ "- # none\n-\n- a\n-", "0-16 @0-16b[@1-1p, @10-10p, @13-14pa, @16-16p]" },
	{ "a:\n- # none\n-\nb: c",
	  "0-18 @0-18b{@0-1pa: @3-13b[@4-4p, @13-13p], @14-15pb: @17-18pc}" },
	{ "{a: , b: }", "0-10 @0-10f{@1-2pa: @3-3p, @6-7pb: @8-8p}" },
	/* CRLF */
	{ "a: b\r\nc: |\r\n  x\r\n  y\r\n\r\nd: e\r\n",
	  "0-30 @0-28b{@0-1pa: @3-4pb, @6-7pc: @9-22|x\ny\n, @24-25pd: @27-28pe}" },
	/* bytes, not characters: two, three and four of them; behind a byte order mark */
	{ "# \xd0\xb6\n\"\xe2\x82\xac\": \xf0\x9f\x98\x80 # x\nb: c",
	  "0-25 @5-25b{@5-10\"\xe2\x82\xac: @12-16p\xf0\x9f\x98\x80, @21-22pb: @24-25pc}" },
	{ "\xef\xbb\xbf"
	  "a: b\n",
	  "3-8 @3-7b{@3-4pa: @6-7pb}" },
	{ "\xef\xbb\xbf"
	  "\xc3\xa9: \xc3\xa9 \n",
	  "3-11 @3-9b{@3-5p\xc3\xa9: @7-9p\xc3\xa9}" },
	/* tabs where YAML takes them: between tokens, in comments, in scalars */
	{ "a:\tb\t# x\n", "0-9 @0-4b{@0-1pa: @3-4pb}" },
	{ "a: |\n  x\ty\t\n", "0-12 @0-12b{@0-1pa: @3-12|x\ty\t\n}" },
	/* many-line plain and quoted */
	{ "a: b\n  c\nd: \"e\n  f\"\n", "0-20 @0-19b{@0-1pa: @3-8pb c, @9-10pd: @12-19\"e f}" },
	/* documents: markers, comments, content behind the marker, empty ones */
	{ "---\na: b\n---\nc: d\n",
	  "4-9 @4-8b{@4-5pa: @7-8pb} // 13-18 @13-17b{@13-14pc: @16-17pd}" },
	{ "# head\n--- # note\na\n...\n# gap\n---\nb\n...\n", "18-20 @18-19pa // 34-36 @34-35pb" },
	{ "--- {a: b}\n--- |\n  x\n---\n",
	  "4-11 @4-10f{@5-6pa: @8-9pb} // 15-21 @15-21|x\n // 25-25 -" },
	{ "a\n... # x\n# y\n--- b\n", "0-2 @0-1pa // 18-20 @18-19pb" },
	{ "---\r\na: b\r\n--- \r\nc\r\n", "5-11 @5-9b{@5-6pa: @8-9pb} // 17-20 @17-18pc" },
	{ "---\n---\n# c\n---\na", "4-4 - // 8-12 - // 16-17 @16-17pa" },
};

static void test_shapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct yaml_stream s;
		struct buf out = BUF_INIT;

		parse(shapes[i].text, &s);
		for (size_t d = 0; d < s.n; d++) {
			buf_printf(&out, "%s%zu-%zu ", d > 0 ? " // " : "", s.docs[d].begin,
				   s.docs[d].end);
			if (s.docs[d].root == NULL)
				buf_puts(&out, "-");
			else
				show(s.docs[d].root, &out);
		}
		if (strcmp(buf_str(&out), shapes[i].shape) != 0)
			fail_msg("%s\n is %s\n not %s", shapes[i].text, buf_str(&out),
				 shapes[i].shape);
		buf_clear(&out);
		yaml_clear(&s);
	}
}

struct refusal {
	const char *text, *why;
	size_t len; /* when the text has a NUL */
};

static const struct refusal refusals[] = {
	{ "a: &x b\n", "t:1: anchors (&) are not allowed", 0 },
	{ "a:\n  &x\n  b: c\n", "t:2: anchors (&) are not allowed", 0 },
	{ "a: &x [b]\n", "t:1: anchors (&) are not allowed", 0 },
	{ "&x a: b\n", "t:1: anchors (&) are not allowed", 0 },
	{ "a: *x\n", "t:1: aliases (*) are not allowed", 0 },
	{ "*x : b\n", "t:1: aliases (*) are not allowed", 0 },
	{ "a: !x b\n", "t:1: tags (!) are not allowed", 0 },
	{ "a: !!str b\n", "t:1: tags (!) are not allowed", 0 },
	{ "a: ! b\n", "t:1: tags (!) are not allowed", 0 },
	{ "a: !!map {}\n", "t:1: tags (!) are not allowed", 0 },
	{ "a: !!seq []\n", "t:1: tags (!) are not allowed", 0 },
	{ "# x\n<<: {a: b}\n", "t:2: merge keys (<<) are not allowed", 0 },
	{ "\"<<\": {a: b}\n", "t:1: merge keys (<<) are not allowed", 0 },
	{ "%YAML 1.1\n---\na\n", "t:1: directives (%) are not allowed", 0 },
	{ "%TAG ! x:\n---\na\n", "t:1: directives (%) are not allowed", 0 },
	{ "a: 1\nb: 2\n\"a\": 3\n", "t:3: a key given twice", 0 },
	{ "{a: 1, 'a': 1}", "t:1: a key given twice", 0 },
	{ "k1: 1\nk2: 1\nk3: 1\nk4: 1\nk5: 1\nk6: 1\nk7: 1\nk8: 1\nk9: 1\nk10: 1\nk11: 1\nk12: 1\n"
	  "k13: 1\nk14: 1\nk15: 1\nk16: 1\nk5: 1\n",
	  "t:17: a key given twice", 0 },
	{ "[a]: b\n", "t:1: a key that is not a text", 0 },
	{ "{{a: b}: c}\n", "t:1: a key that is not a text", 0 },
	{ "? a\n: b\n", "t:1: a key without its \":\" on the same line", 0 },
	{ "? |\n  a\n: b\n", "t:1: a key without its \":\" on the same line", 0 },
	{ "{? a : b}\n", "t:1: a key without its \":\" on the same line", 0 },
	{ "{a, b: c}\n", "t:1: a key without its \":\" on the same line", 0 },
	{ "? a", "t:1: a key without its \":\" on the same line", 0 },
	{ "[a: b]\n", "t:1: a \"key: value\" in a list needs braces", 0 },
	{ "[? a : b]\n", "t:1: a \"key: value\" in a list needs braces", 0 },
	{ "a: \"x\\0y\"\n", "t:1: a NUL character in a text", 0 },
	{ "a: b\rc: d\n", "t:1: a carriage return without a newline", 0 },
	{ "a: b\n# c\r", "t:2: a carriage return without a newline", 0 },
	{ "a: b\n# \xc2\x85\n", "t:2: the line break U+0085, which readers see differently", 0 },
	{ "a: \xe2\x80\xa8\n", "t:1: the line break U+2028, which readers see differently", 0 },
	{ "a: \xe2\x80\xa9\n", "t:1: the line break U+2029, which readers see differently", 0 },
	{ "a: b\nc: \xff\n", "t:2: invalid leading UTF-8 octet", 0 },
	{ "\xef\xbb\xbf"
	  "a: b\nc: \xc3\n",
	  "t:2: invalid trailing UTF-8 octet", 0 },
	{ "a: b\nc: \xc3", "t:2: incomplete UTF-8 octet sequence", 0 },
	{ "a: \xed\xa0\x80\n", "t:1: invalid Unicode character", 0 },
	{ "a: \xc0\x80\n", "t:1: invalid length of a UTF-8 sequence", 0 },
	{ "a: b\n\x01\n", "t:2: control characters are not allowed", 0 },
	{ "a: b\nc: \0\n", "t:2: control characters are not allowed", 10 },
	{ "a: \xef\xbb\xbf"
	  "b\n",
	  "t:1: a byte order mark inside the text", 0 },
	{ "\xff\xfe"
	  "a\0",
	  "t:1: invalid leading UTF-8 octet", 4 },
	{ "a:\n\tb: c\n", "t:2: a tab where YAML wants spaces while scanning for the next token",
	  0 },
	{ "a: b: c\n", "t:1: mapping values are not allowed in this context", 0 },
	{ "a: [b\n", "t:2: did not find expected ',' or ']' while parsing a flow sequence", 0 },
	{ "a: \"b\n", "t:2: found unexpected end of stream while scanning a quoted scalar", 0 },
	{ "a: b\n c: d\n", "t:2: mapping values are not allowed in this context", 0 },
	{ "a: b\n...\nc: d\n", "t:3: did not find expected <document start>", 0 },
	{ "a: @b\n",
	  "t:1: found character that cannot start any token while scanning for the next token", 0 },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		const struct refusal *r = &refusals[i];
		size_t len = r->len == 0 ? strlen(r->text) : r->len;
		struct err err = ERR_INIT;
		struct yaml_stream s;

		if (yaml_parse("t", r->text, len, &s, &err) == 0)
			fail_msg("taken: %s", r->text);
		if (strcmp(err.text, r->why) != 0)
			fail_msg("%s\n is %s\n not %s", r->text, err.text, r->why);
		assert_int_equal(err.class, ERR_INVALID);
		assert_int_equal(s.n, 0);
		assert_null(s.docs);
		assert_null(s.chunks);
	}
}

/* Limits: the last that is taken and the first that is not. */
static void test_limits(void **state)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct yaml_stream s;

	(void)state;
	for (int extra = 0; extra < 2; extra++) {
		buf_reset(&text);
		for (int i = 0; i < YAML_DEPTH + extra; i++)
			buf_puts(&text, i % 2 == 0 ? "[" : "{a: ");
		for (int i = YAML_DEPTH + extra - 1; i >= 0; i--)
			buf_putc(&text, i % 2 == 0 ? ']' : '}');
		assert_int_equal(yaml_parse("t", text.data, text.len, &s, &err), -extra);
		if (extra == 1)
			assert_string_equal(err.text, "t:1: nested too deeply");
		yaml_clear(&s);
	}
	for (int extra = 0; extra < 2; extra++) {
		buf_reset(&text);
		for (int i = 0; i < YAML_NODES_MAX - 1 + extra; i++)
			buf_puts(&text, "- a\n");
		assert_int_equal(yaml_parse("t", text.data, text.len, &s, &err), -extra);
		if (extra == 0)
			assert_int_equal(s.docs[0].root->n, YAML_NODES_MAX - 1);
		else
			assert_string_equal(err.text, "t:100000: too many values in one file");
		yaml_clear(&s);
	}
	buf_clear(&text);
}

static void test_lines(void **state)
{
	static const char text[] = "# c\n---\n\na:\n  \xc3\xa9\xc3\xa9: [b,\n    c]\n--- d\n---\n";
	const struct yaml_node *list;
	struct yaml_stream s;

	(void)state;
	parse(text, &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.docs[0].line, 3);
	assert_int_equal(s.docs[0].root->line, 4);
	assert_int_equal(s.docs[0].root->values[0]->line, 5);
	assert_int_equal(s.docs[0].root->values[0]->column, 2);
	list = yaml_get(s.docs[0].root->values[0], "\xc3\xa9\xc3\xa9");
	assert_int_equal(list->column, 6);
	assert_int_equal(list->values[1]->line, 6);
	assert_int_equal(list->values[1]->column, 4);
	assert_int_equal(s.docs[1].line, 7);
	assert_int_equal(s.docs[1].root->column, 4);
	assert_int_equal(s.docs[2].line, 9);
	assert_null(s.docs[2].root);
	assert_null(yaml_get(list, "x"));
	assert_null(yaml_get(NULL, "x"));
	assert_null(yaml_get(s.docs[0].root, "b"));
	yaml_clear(&s);
}

static void test_string(void **state)
{
	struct yaml_stream s;

	(void)state;
	parse("[a, no, 'no', 1, \"1\", [], ~, '']", &s);
	assert_string_equal(yaml_string(s.docs[0].root->values[0]), "a");
	assert_null(yaml_string(s.docs[0].root->values[1]));
	assert_string_equal(yaml_string(s.docs[0].root->values[2]), "no");
	assert_null(yaml_string(s.docs[0].root->values[3]));
	assert_string_equal(yaml_string(s.docs[0].root->values[4]), "1");
	assert_null(yaml_string(s.docs[0].root->values[5]));
	assert_null(yaml_string(s.docs[0].root->values[6]));
	assert_string_equal(yaml_string(s.docs[0].root->values[7]), "");
	assert_null(yaml_string(NULL));
	yaml_clear(&s);
}

#ifdef __linux__
#define CANARY 24

/* Is the canary (kept here with its bits turned) anywhere in the heap? */
static bool in_heap(const unsigned char turned[CANARY])
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long begin, end;
	bool found = false;
	char line[512];

	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps) != NULL) {
		if (strstr(line, "[heap]") == NULL || sscanf(line, "%lx-%lx", &begin, &end) != 2)
			continue;
		for (const unsigned char *at = (const unsigned char *)begin;
		     !found && (unsigned long)at + CANARY <= end; at++) {
			size_t n = 0;

			while (n < CANARY && (at[n] ^ 0x55) == turned[n])
				n++;
			found = n == CANARY;
		}
	}
	fclose(maps);
	return found;
}

/* No copy stays: not in the nodes, not in what libyaml's scanner took and gave back. */
static void test_wiped(void **state)
{
	static char text[20000];
	unsigned char turned[CANARY];
	struct err err = ERR_INIT;
	struct yaml_stream s;
	unsigned char *control;
	size_t len = 0;
	bool seen;

	(void)state;
	for (size_t i = 0; i < CANARY; i++)
		turned[i] = (unsigned char)(('A' + (i * 7) % 26) ^ 0x55);
	control = malloc(CANARY);
	assert_non_null(control);
	for (size_t i = 0; i < CANARY; i++)
		control[i] = turned[i] ^ 0x55;
	seen = in_heap(turned);
	mem_wipe(control, CANARY);
	free(control);
	if (!seen)
		skip(); /* a sanitizer's allocator keeps its blocks elsewhere */
	for (int item = 0; item < 30; item++) {
		len += (size_t)sprintf(text + len, "- %s",
				       item % 3 == 0   ? "|\n  "
				       : item % 3 == 1 ? "\""
						       : "");
		for (int copy = 0; copy <= item; copy++)
			for (size_t i = 0; i < CANARY; i++)
				text[len++] = (char)(turned[i] ^ 0x55);
		len += (size_t)sprintf(text + len, "%s\n", item % 3 == 1 ? "\"" : "");
	}
	assert_int_equal(yaml_parse("t", text, len, &s, &err), 0);
	assert_true(in_heap(turned));
	yaml_clear(&s);
	assert_false(in_heap(turned));
	len += (size_t)sprintf(text + len, "- [");
	assert_int_equal(yaml_parse("t", text, len, &s, &err), -1);
	assert_false(in_heap(turned));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_string),
#ifdef __linux__
		cmocka_unit_test(test_wiped),
#endif
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
