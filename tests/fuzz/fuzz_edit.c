/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Editing any text that is read as sealed documents: it never ends as an internal error, bytes
 * before and behind the parts stay, other parts stay, and a part added and removed leaves the text
 * as it was.
 *
 * Input: one byte says what to do; the rest is the text, in which "$" and a letter stand for the
 * armor of an age file for one (A, B, ...) or two (a, b, ...) recipients.  Alone behind the
 * indentation of a line it is as many lines, elsewhere one with \n.
 */
static void set_up(void);
#define FUZZ_SET_UP set_up
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "document/edit.h"
#include "keys/age.h"

#define FILES 4
#define TEXT_MAX 3000

static struct buf ages[2][FILES], armors[2][FILES];

/* Behind nothing but spaces on its line: then so many, else -1. */
static int indentation(const uint8_t *data, size_t at)
{
	size_t n = 0;

	while (n < at && data[at - 1 - n] == ' ')
		n++;
	return n == at || data[at - 1 - n] == '\n' ? (int)n : -1;
}

static void put_armor(struct buf *out, const char *armor, int indent, bool crlf)
{
	for (const char *s = armor; *s != '\0'; s += strcspn(s, "\n") + 1) {
		bool last = s[strcspn(s, "\n") + 1] == '\0';

		buf_printf(out, "%*s%.*s", s == armor || indent < 0 ? 0 : indent, "",
			   (int)strcspn(s, "\n"), s);
		if (indent < 0)
			buf_puts(out, "\\n");
		else if (!last)
			buf_puts(out, crlf ? "\r\n" : "\n");
	}
}

static void expand(const uint8_t *data, size_t size, struct buf *out)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t c = i + 1 < size ? data[i + 1] : 0;
		size_t two = c >= 'a', k = (size_t)(c - (two ? 'a' : 'A'));

		if (data[i] != '$' || k >= FILES) {
			buf_putc(out, data[i]);
			continue;
		}
		put_armor(out, buf_str(&armors[two][k]), indentation(data, i),
			  i + 2 < size && data[i + 2] == '\r');
		i++;
	}
}

static void make_part(struct document_part *part, const char *name, size_t two, size_t k, bool fact)
{
	*part = (struct document_part){ .name = mem_str(name) };
	kv_set_str(&part->recipients, "m", "4c1d9a0e5b7f22338d01c6b2a4e7f905");
	if (two != 0)
		kv_set_str(&part->recipients, "recovery", "91b2a64c0d7e8f105a3b2c1d0e9f8a7b");
	kv_set_str(&part->facts, "sealed-at", "2027-01-01T00:00:00Z");
	if (fact)
		kv_set_str(&part->facts, "not-after", "2028-01-01T00:00:00Z");
	buf_put(&part->age, ages[two][k].data, ages[two][k].len);
}

/* The bytes of a document outside its parts, as two lengths: before them and behind them. */
static void frame(const struct edit_file *f, size_t i, size_t *before, size_t *behind)
{
	const struct yaml_node *spec = yaml_get(f->yaml.docs[f->index[i]].root, "spec");
	const struct yaml_node *parts = yaml_get(spec, "parts");
	size_t end = f->yaml.docs[f->index[i]].end;

	for (size_t k = 0; k < spec->n; k++) {
		if (spec->values[k] == parts)
			*before = spec->keys[k]->end;
		else if (spec->keys[k]->begin > parts->end && spec->keys[k]->begin < end)
			end = spec->keys[k]->begin;
	}
	*behind = f->text.len - (parts->style == YAML_FLOW ? parts->end - 1 : end);
}

static void check_frame(const struct buf *old, size_t before, size_t behind,
			const struct edit_file *f)
{
	must(f->text.len >= before + behind);
	must(memcmp(old->data, f->text.data, before) == 0);
	must(memcmp(old->data + old->len - behind, f->text.data + f->text.len - behind, behind) ==
	     0);
}

/* All documents the same, but for one part of the i-th. */
static void check_others(const struct edit_file *a, const struct edit_file *b, size_t i,
			 const char *name)
{
	must(a->n == b->n);
	for (size_t d = 0; d < a->n; d++)
		for (size_t k = 0; k < a->documents[d].n; k++) {
			const struct document_part *p = &a->documents[d].parts[k];
			const struct document_part *q = document_part(&b->documents[d], p->name);

			if (d != i || strcmp(p->name, name) != 0)
				must(q != NULL && document_part_equal(p, q));
		}
}

static void copy_file(const struct edit_file *f, struct edit_file *out)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	buf_put(&text, f->text.data, f->text.len);
	must(edit_load("fuzz", &text, out, &err) == 0);
}

static void put(struct edit_file *f, size_t i, const char *name, uint8_t how)
{
	bool was = document_part(&f->documents[i], name) != NULL;
	struct edit_file old;
	struct document_part part;
	struct err err = ERR_INIT;
	size_t before = 0, behind = 0;

	copy_file(f, &old);
	frame(f, i, &before, &behind);
	make_part(&part, name, how & 1, (how >> 1) % FILES, how & 8);
	if (edit_put_part(f, i, &part, &err) != 0) {
		must(err.class == ERR_INVALID);
		must(f->text.len == old.text.len);
	} else {
		check_frame(&old.text, before, behind, f);
		check_others(&old, f, i, name);
		must(document_part_equal(document_part(&f->documents[i], name), &part));
		if (!was) {
			must(edit_remove_part(f, i, name, &err) == 0);
			must(f->text.len == old.text.len);
			must(memcmp(f->text.data, old.text.data, old.text.len) == 0);
		}
	}
	document_part_clear(&part);
	edit_clear(&old);
}

static void take_out(struct edit_file *f, size_t i, size_t k)
{
	struct edit_file old;
	struct err err = ERR_INIT;
	size_t before = 0, behind = 0;

	copy_file(f, &old);
	frame(f, i, &before, &behind);
	if (edit_remove_part(f, i, old.documents[i].parts[k].name, &err) != 0) {
		must(err.class == ERR_INVALID && f->documents[i].n == 1);
	} else {
		check_frame(&old.text, before, behind, f);
		check_others(&old, f, i, old.documents[i].parts[k].name);
		must(document_part(&f->documents[i], old.documents[i].parts[k].name) == NULL);
	}
	edit_clear(&old);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "A", "B", "C", "NO", "m", "z.z" };
	struct edit_file f;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (size < 2 || size > TEXT_MAX)
		return 0;
	expand(data + 2, size - 2, &text);
	if (edit_load("fuzz", &text, &f, &err) != 0) {
		must(err.class == ERR_INVALID || err.class == ERR_CONFLICT);
		return 0;
	}
	if (f.n > 0) {
		size_t i = data[1] % f.n;

		if (data[0] & 0x80)
			take_out(&f, i, (data[0] & 0x7f) % f.documents[i].n);
		else
			put(&f, i, names[data[0] % 6], data[1]);
	}
	edit_clear(&f);
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

			must(age_encrypt(to, n + 1, "x", 1, &ages[n][i], &err) == 0);
			must(age_armor(ages[n][i].data, ages[n][i].len, &armors[n][i], &err) == 0);
			age_identity_free(a);
			age_identity_free(b);
		}
}
