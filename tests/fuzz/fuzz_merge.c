/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging three texts made from the input, with the rules of document/merge.h applied here to what
 * they were made from: taken or refused as they say, with exactly the parts they say, whoever is
 * ours.
 *
 * Input: two bytes for how the three texts are written, then for each part name one byte a text.
 */
static void set_up(void);
#define FUZZ_SET_UP set_up
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "document/edit.h"
#include "document/merge.h"
#include "keys/age.h"

#define FILES 3
#define NAMES 6
#define ABSENT 0

static struct buf armors[2][FILES];
static const char *const names[NAMES] = { "A", "B", "NO", "a.b", "credentials", "z" };

/* A part's state: 0 absent, else which file, and whether to two recipients. */
static unsigned state_of(uint8_t byte)
{
	return byte % (2 * FILES + 1);
}

static size_t recipients_of(unsigned state)
{
	return (state - 1) / FILES;
}

static void put_block(struct buf *out, const char *name, unsigned state, unsigned style)
{
	const char *armor = buf_str(&armors[recipients_of(state)][(state - 1) % FILES]);

	buf_printf(out, "    \"%s\":\n      recipients:\n", name);
	buf_puts(out, "        m: \"4c1d9a0e5b7f22338d01c6b2a4e7f905\"\n");
	if (recipients_of(state) == 1)
		buf_puts(out, "        r: \"91b2a64c0d7e8f105a3b2c1d0e9f8a7b\"\n");
	buf_puts(out,
		 "      facts:\n        sealed-at: \"2027-01-01T00:00:00Z\"\n      sealed: |\n");
	for (const char *s = armor; *s != '\0'; s += strcspn(s, "\n") + 1)
		buf_printf(out, "        %.*s\n", (int)strcspn(s, "\n"), s);
	if (style & 2)
		buf_puts(out, "\n");
}

static void put_flow(struct buf *out, const char *name, unsigned state)
{
	const char *armor = buf_str(&armors[recipients_of(state)][(state - 1) % FILES]);

	buf_printf(out, "\"%s\": {\"recipients\": {\"m\": \"4c1d9a0e5b7f22338d01c6b2a4e7f905\"",
		   name);
	if (recipients_of(state) == 1)
		buf_puts(out, ", \"r\": \"91b2a64c0d7e8f105a3b2c1d0e9f8a7b\"");
	buf_puts(out, "}, \"facts\": {\"sealed-at\": \"2027-01-01T00:00:00Z\"}, \"sealed\": \"");
	for (const char *s = armor; *s != '\0'; s++)
		buf_printf(out, *s == '\n' ? "\\n" : "%c", *s);
	buf_puts(out, "\"}");
}

/* style: 1 flow, 2 an empty line behind each part, 4 a comment at the top. */
static void put_text(struct buf *out, const unsigned states[NAMES], unsigned style)
{
	bool first = true;

	if (style & 4)
		buf_puts(out, "# top\n");
	buf_puts(out, "apiVersion: bulla.dev/v1\nkind: SealedCredential\n"
		      "metadata: {name: a, namespace: b}\nspec:\n  kind: opaque\n"
		      "  secret: {type: Opaque}\n");
	buf_puts(out, style & 1 ? "  parts: {" : "  parts:\n");
	for (size_t i = 0; i < NAMES; i++) {
		if (states[i] == ABSENT)
			continue;
		if (style & 1)
			buf_puts(out, first ? "" : ", ");
		if (style & 1)
			put_flow(out, names[i], states[i]);
		else
			put_block(out, names[i], states[i], style);
		first = false;
	}
	buf_puts(out, style & 1 ? "}\n" : "");
}

/* Rules 5 and 6 for one part: false is a conflict. */
static bool rule(unsigned base, unsigned ours, unsigned theirs, unsigned *want)
{
	*want = ours;
	if (ours == theirs)
		return true;
	if (base == ours)
		*want = theirs;
	else if (base != theirs)
		return false;
	return base == ABSENT || *want == ABSENT || recipients_of(base) == recipients_of(*want);
}

static bool has_parts(const unsigned states[NAMES])
{
	for (size_t i = 0; i < NAMES; i++)
		if (states[i] != ABSENT)
			return true;
	return false;
}

static void check_result(struct buf *text, const unsigned want[NAMES])
{
	struct edit_file f;
	struct err err = ERR_INIT;
	size_t n = 0;

	must(edit_load("fuzz", text, &f, &err) == 0);
	must(f.n == 1);
	for (size_t i = 0; i < NAMES; i++) {
		const struct document_part *part = document_part(&f.documents[0], names[i]);
		struct buf armor = BUF_INIT;

		must((part != NULL) == (want[i] != ABSENT));
		if (part == NULL)
			continue;
		n++;
		must(part->recipients.n == recipients_of(want[i]) + 1);
		must(age_armor(part->age.data, part->age.len, &armor, &err) == 0);
		must(strcmp(buf_str(&armor),
			    buf_str(&armors[recipients_of(want[i])][(want[i] - 1) % FILES])) == 0);
		buf_clear(&armor);
	}
	must(n == f.documents[0].n);
	edit_clear(&f);
}

static void merge(const struct buf *base, const struct buf *ours, const struct buf *theirs,
		  bool taken, const unsigned want[NAMES])
{
	const struct merge_input in = { "fuzz", base, ours, theirs };
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	if (merge_texts(&in, &out, &err) != 0) {
		must(err.class == ERR_CONFLICT && out.len == 0);
		must(!taken);
		return;
	}
	must(taken);
	check_result(&out, want);
	buf_clear(&out);
}

static void check_sides(const struct buf *base, const struct buf *x)
{
	const struct merge_input in[] = { { "f", base, base, x },
					  { "f", base, x, base },
					  { "f", base, x, x } };

	for (size_t i = 0; i < 3; i++) {
		struct buf out = BUF_INIT;
		struct err err = ERR_INIT;

		must(merge_texts(&in[i], &out, &err) == 0);
		must(out.len == x->len && memcmp(out.data, x->data, x->len) == 0);
		buf_clear(&out);
	}
}

static bool same_text(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	unsigned states[3][NAMES], want[NAMES];
	bool taken = true, all = true;
	unsigned style;

	if (size < 2 + 3 * NAMES)
		return 0;
	/* one side at most is written otherwise: what differs outside the parts is rule 3's own
	 * test */
	style = data[0] & 7;
	for (size_t s = 0; s < 3; s++) {
		for (size_t i = 0; i < NAMES; i++)
			states[s][i] = state_of(data[2 + i * 3 + s]);
		all = all && has_parts(states[s]);
		put_text(&text[s], states[s], s == (size_t)(data[1] >> 4) ? data[1] & 7 : style);
	}
	for (size_t i = 0; i < NAMES; i++)
		taken = rule(states[0][i], states[1][i], states[2][i], &want[i]) && taken;
	if (all) {
		if (same_text(&text[0], &text[1]) || same_text(&text[0], &text[2]) ||
		    same_text(&text[1], &text[2]))
			check_sides(&text[0], &text[1]);
		else {
			merge(&text[0], &text[1], &text[2], taken && has_parts(want), want);
			merge(&text[0], &text[2], &text[1], taken && has_parts(want), want);
		}
	}
	for (size_t s = 0; s < 3; s++)
		buf_clear(&text[s]);
	return 0;
}

static void set_up(void)
{
	struct err err = ERR_INIT;

	for (size_t n = 0; n < 2; n++)
		for (size_t i = 0; i < FILES; i++) {
			struct age_identity *a = age_identity_generate(),
					    *b = age_identity_generate();
			const struct age_recipient to[] = { *age_identity_recipient(a),
							    *age_identity_recipient(b) };
			struct buf age = BUF_INIT;

			must(age_encrypt(to, n + 1, "x", 1, &age, &err) == 0);
			must(age_armor(age.data, age.len, &armors[n][i], &err) == 0);
			age_identity_free(a);
			age_identity_free(b);
			buf_clear(&age);
		}
}
