/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/wrapped.h"

#include <stdint.h>

#define LINE_MIN 40 /* characters of a line that goes on in the next one */

/* 1 and the digit's value; both alphabets, so "+" and "-" are 62. */
#define D(v) (0x40 | (v))
static const uint8_t digits[256] = {
	['A'] = D(0),  ['B'] = D(1),  ['C'] = D(2),  ['D'] = D(3),  ['E'] = D(4),  ['F'] = D(5),
	['G'] = D(6),  ['H'] = D(7),  ['I'] = D(8),  ['J'] = D(9),  ['K'] = D(10), ['L'] = D(11),
	['M'] = D(12), ['N'] = D(13), ['O'] = D(14), ['P'] = D(15), ['Q'] = D(16), ['R'] = D(17),
	['S'] = D(18), ['T'] = D(19), ['U'] = D(20), ['V'] = D(21), ['W'] = D(22), ['X'] = D(23),
	['Y'] = D(24), ['Z'] = D(25), ['a'] = D(26), ['b'] = D(27), ['c'] = D(28), ['d'] = D(29),
	['e'] = D(30), ['f'] = D(31), ['g'] = D(32), ['h'] = D(33), ['i'] = D(34), ['j'] = D(35),
	['k'] = D(36), ['l'] = D(37), ['m'] = D(38), ['n'] = D(39), ['o'] = D(40), ['p'] = D(41),
	['q'] = D(42), ['r'] = D(43), ['s'] = D(44), ['t'] = D(45), ['u'] = D(46), ['v'] = D(47),
	['w'] = D(48), ['x'] = D(49), ['y'] = D(50), ['z'] = D(51), ['0'] = D(52), ['1'] = D(53),
	['2'] = D(54), ['3'] = D(55), ['4'] = D(56), ['5'] = D(57), ['6'] = D(58), ['7'] = D(59),
	['8'] = D(60), ['9'] = D(61), ['+'] = D(62), ['-'] = D(62), ['/'] = D(63), ['_'] = D(63),
};

bool wrapped_is_digit(unsigned char c)
{
	return digits[c] != 0;
}

static size_t run_end(const char *text, size_t len, size_t at, bool *url)
{
	while (at < len && digits[(unsigned char)text[at]] != 0) {
		*url = *url || text[at] == '-' || text[at] == '_';
		at++;
	}
	return at;
}

/* Behind a line break, as itself or escaped ("\n", "\\r\\n"), and indentation; 0: there is none. */
static size_t next_line(const char *text, size_t len, size_t at)
{
	size_t i = at;
	bool broken = false;

	for (;;) {
		size_t k = i;

		while (k < len && k - i < 3 && text[k] == '\\')
			k++;
		if (k > i && k < len && (text[k] == 'n' || text[k] == 'r')) {
			broken = true;
			i = k + 1;
		} else if (k == i && k < len && (text[k] == '\n' || text[k] == '\r')) {
			broken = true;
			i++;
		} else if (k == i && k < len && (text[k] == ' ' || text[k] == '\t')) {
			i++;
		} else {
			return broken ? i : 0;
		}
	}
}

/* Does what ends at text[at] end a line, or the string that it is in? */
static bool ends_line(const char *text, size_t len, size_t at)
{
	while (at < len && text[at] == '=')
		at++;
	return at == len || text[at] == '\n' || text[at] == '\r' || text[at] == '\\' ||
	       text[at] == '"' || text[at] == '\'';
}

void wrapped_find(const char *text, size_t len, size_t at, struct wrapped *w)
{
	size_t line = at;

	*w = (struct wrapped){ .begin = at };
	w->end = w->first_end = run_end(text, len, at, &w->url);
	while (w->end - line >= LINE_MIN) {
		size_t next = next_line(text, len, w->end), end;

		if (next == 0)
			break;
		end = run_end(text, len, next, &w->url);
		if (end == next || !ends_line(text, len, end))
			break;
		line = next;
		w->end = end;
	}
}

void wrapped_decode(const char *text, size_t len, struct buf *out)
{
	unsigned char *to;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	if (len > WRAPPED_MAX / 3 * 4)
		len = WRAPPED_MAX / 3 * 4;
	buf_reset(out);
	to = buf_reserve(out, len / 4 * 3 + 3);
	for (size_t i = 0; i < len; i++) {
		uint8_t d = digits[(unsigned char)text[i]];

		/* the letter of an escaped line break is no digit */
		if (text[i] == '\\' && i + 1 < len && text[i + 1] != '\\')
			i++;
		if (d == 0)
			continue;
		bits = bits << 6 | (d & 0x3f);
		have += 6;
		if (have >= 8) {
			have -= 8;
			to[n++] = (unsigned char)(bits >> have);
		}
	}
	buf_truncate(out, n);
}
