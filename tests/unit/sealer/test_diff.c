/* SPDX-License-Identifier: Apache-2.0 */
/* two versions of a document side by side; and one that gets another name */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/edit.h"
#include "sealer/diff.h"
#include "sealer/fresh.h"
#include "tests/unit/document/sealed.h"

/* Two versions, and who can open them. */
struct pair_fixture {
	struct fixture *f;
	struct document old, new;
};

static void begin(struct pair_fixture *p)
{
	void *f;

	memset(p, 0, sizeof(*p));
	set_up(&f);
	p->f = f;
	make_head(&p->old, "web", "app");
	make_head(&p->new, "web", "app");
}

static void end(struct pair_fixture *p)
{
	void *f = p->f;

	document_clear(&p->old);
	document_clear(&p->new);
	tear_down(&f);
}

static void copy_part(const struct document *from, const char *name, struct document *to)
{
	const struct document_part *a = document_part(from, name);
	struct document_part *b = document_part_add(to, name);

	kv_copy(&b->recipients, &a->recipients);
	kv_copy(&b->facts, &a->facts);
	buf_put(&b->age, a->age.data, a->age.len);
}

static char *text_of(const struct pair_fixture *p, const struct keyring *keys, bool values)
{
	struct diff d;
	struct buf out = BUF_INIT;
	char *text;

	diff_make(&p->old, &p->new, keys, NOW, &d);
	diff_text(&d, values, &out);
	text = mem_str(buf_str(&out));
	buf_clear(&out);
	diff_clear(&d);
	return text;
}

static void assert_text(const struct pair_fixture *p, const struct keyring *keys, bool values,
			const char *want)
{
	char *text = text_of(p, keys, values);

	assert_string_equal(text, want);
	mem_free(text);
}

static void test_every_change(void **state)
{
	struct pair_fixture p;
	struct diff d;
	json_t *v;

	(void)state;
	begin(&p);
	must_seal(&p.old, "gone", "g", &p.f->to);
	must_seal(&p.old, "other", "one", &p.f->to);
	must_seal(&p.old, "same", "s", &p.f->to);
	must_seal(&p.old, "untouched", "u", &p.f->to);
	copy_part(&p.old, "untouched", &p.new);
	must_seal(&p.new, "new", "n", &p.f->to);
	must_seal(&p.new, "other", "two", &p.f->to);
	must_seal(&p.new, "same", "s", &p.f->to);

	assert_text(&p, NULL, true,
		    "web/app (opaque)\n  - gone\n  + new: sealed to eu-west9, recovery, us-east1\n"
		    "  ~ other: sealed anew\n  ~ same: sealed anew\n");
	assert_text(&p, &p.f->stranger, true,
		    "web/app (opaque)\n  - gone\n  + new: sealed to eu-west9, recovery, us-east1\n"
		    "  ~ other: sealed anew\n  ~ same: sealed anew\n");
	assert_text(&p, &p.f->rings[1], false,
		    "web/app (opaque)\n  - gone\n  + new: sealed to eu-west9, recovery, us-east1\n"
		    "  ~ other: another value\n  ~ same: sealed anew, the same value\n");
	assert_text(&p, &p.f->rings[1], true,
		    "web/app (opaque)\n  - gone\n    gone:\n    - g\n"
		    "  + new: sealed to eu-west9, recovery, us-east1\n    new:\n    + n\n"
		    "  ~ other: another value\n    other:\n    - one\n    + two\n"
		    "  ~ same: sealed anew, the same value\n");

	diff_make(&p.old, &p.new, &p.f->rings[0], NOW, &d);
	assert_true(d.differs);
	assert_int_equal(d.n, 4);
	v = diff_json(&d);
	assert_string_equal(json_string_value(json_object_get(v, "change")), "changed");
	assert_int_equal(json_array_size(json_object_get(v, "parts")), 4);
	json_decref(v);
	diff_clear(&d);
	end(&p);
}

static void test_same_and_alone(void **state)
{
	struct pair_fixture p;
	struct diff d;

	(void)state;
	begin(&p);
	must_seal(&p.old, "a", "x", &p.f->to);
	copy_part(&p.old, "a", &p.new);
	diff_make(&p.old, &p.new, &p.f->rings[0], NOW, &d);
	assert_false(d.differs);
	assert_int_equal(d.n, 0);
	diff_clear(&d);
	assert_text(&p, NULL, false, "web/app (opaque): the same\n");

	diff_make(NULL, &p.new, NULL, NOW, &d);
	assert_true(d.differs && d.n == 1 && d.parts[0].old == NULL);
	diff_clear(&d);
	diff_make(&p.old, NULL, NULL, NOW, &d);
	assert_true(d.differs && d.n == 1 && d.parts[0].new == NULL);
	diff_clear(&d);
	end(&p);
}

/* What is outside says nothing of what is inside; that it was changed alone is told. */
static void test_outside_alone(void **state)
{
	struct pair_fixture p;

	(void)state;
	begin(&p);
	must_seal(&p.old, "a", "x", &p.f->to);
	copy_part(&p.old, "a", &p.new);
	kv_set_str(&p.new.parts[0].facts, "not-after", "2099-01-01T00:00:00Z");
	kv_set_str(&p.new.parts[0].recipients, "mallory", "00000000000000000000000000000000");
	kv_del(&p.new.parts[0].recipients, "us-east1");
	kv_set_str(&p.new.labels, "app", "\033[31m");
	p.new.policy = POLICY_RETAIN;
	assert_text(&p, &p.f->rings[0], true,
		    "web/app (opaque)\n  deletionPolicy: Delete -> Retain\n"
		    "  label app: api -> \\x1b[31m\n"
		    "  ~ a: changed outside alone, so that it does not open; opened by mallory "
		    "too; no longer by us-east1\n"
		    "    not-after: 2027-01-31T23:59:59Z -> 2099-01-01T00:00:00Z\n");
	end(&p);
}

/* A part that was sealed for another document opens to nobody, and its value is not shown. */
static void test_does_not_open(void **state)
{
	struct pair_fixture p;
	struct document other = DOCUMENT_INIT;
	char *text;

	(void)state;
	begin(&p);
	make_head(&other, "web", "other");
	must_seal(&p.old, "a", "x", &p.f->to);
	must_seal(&other, "a", "s3cret", &p.f->to);
	copy_part(&other, "a", &p.new);
	text = text_of(&p, &p.f->rings[0], true);
	assert_non_null(strstr(text, "  ~ a: sealed anew\n"));
	assert_non_null(strstr(text, "    does not open: "));
	assert_non_null(strstr(text, "it was sealed for web/other, not for web/app"));
	assert_null(strstr(text, "s3cret"));
	mem_free(text);
	document_clear(&other);
	end(&p);
}

static const struct {
	const char *value;
	size_t len;
	const char *shown;
} values[] = {
	{ "x", 1, "    + x\n" },
	{ "", 0, "    + (empty)\n" },
	{ "x\n", 2, "    + x (and a line break)\n" },
	{ "x\ny\n", 4, "    + x\n    + y\n" },
	{ "x\ny", 3, "    + x\n    + y (no line break at the end)\n" },
	{ "\n", 1, "    +  (and a line break)\n" },
	{ "x\n- y\n", 6, "    + x\n    + - y\n" },
	{ "\0x", 2, "    + (2 bytes that are no text)\n" },
	{ "\033]0;x\a", 6, "    + \\x1b]0;x\\x07\n" },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct kind_secret s = { .type = TYPE_OPAQUE };
		struct pair_fixture p;
		struct err err = ERR_INIT;
		char *want = mem_printf("web/app (opaque)\n  + a: sealed to eu-west9, recovery, "
					"us-east1\n    a:\n%s",
					values[i].shown);

		begin(&p);
		must_seal(&p.old, "b", "x", &p.f->to);
		copy_part(&p.old, "b", &p.new);
		kv_set(&s.data, "a", values[i].value, values[i].len);
		assert_int_equal(seal_part(&p.new, "a", &s, &p.f->to, NOW, &err), 0);
		assert_text(&p, &p.f->rings[0], true, want);
		kind_secret_clear(&s);
		mem_free(want);
		end(&p);
	}
}

/* --- edit_rename ---------------------------------------------------------------------------------
 */

static void load(const struct document *d, const char *more, struct edit_file *f)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(document_format(d, &text, &err), 0);
	buf_puts(&text, more);
	assert_int_equal(edit_load("x.yaml", &text, f, &err), 0);
	buf_clear(&text);
}

static void test_rename(void **state)
{
	struct edit_file f = EDIT_FILE_INIT;
	struct document renamed = DOCUMENT_INIT;
	struct kind_secret out = KIND_SECRET_INIT;
	struct pair_fixture p;
	struct err err = ERR_INIT;

	(void)state;
	begin(&p);
	must_seal(&p.old, "a", "x", &p.f->to);
	must_seal(&p.old, "b", "y", &p.f->to);
	load(&p.old, "---\nname: app\nnamespace: web\n", &f);

	fresh_begin(&f.documents[0], &renamed);
	mem_replace(&renamed.name, "12e4");
	mem_replace(&renamed.namespace, "api");
	must_seal(&renamed, "a", "x", &p.f->to);
	must_seal(&renamed, "b", "y", &p.f->to);
	assert_int_equal(edit_rename(&f, 0, &renamed, &err), 0);
	/* in quotes, for it could be a number; and another document's fields are its own */
	assert_non_null(strstr(buf_str(&f.text), "  name: \"12e4\"\n  namespace: api\n"));
	assert_non_null(strstr(buf_str(&f.text), "---\nname: app\nnamespace: web\n"));
	assert_int_equal(
	    open_document(&f.documents[0], &p.f->rings[2], NOW, &out, NULL, NULL, &err), 0);
	assert_string_equal(kv_get_str(&out.data, "b"), "y");
	kind_secret_clear(&out);
	document_clear(&renamed);
	edit_clear(&f);
	end(&p);
}

static void test_rename_refused(void **state)
{
	struct edit_file f = EDIT_FILE_INIT;
	struct document renamed = DOCUMENT_INIT;
	struct buf second = BUF_INIT;
	struct pair_fixture p;
	struct err err = ERR_INIT;
	char *before;

	(void)state;
	begin(&p);
	must_seal(&p.old, "a", "x", &p.f->to);
	mem_replace(&p.new.name, "other");
	must_seal(&p.new, "a", "x", &p.f->to);
	buf_puts(&second, "---\n");
	assert_int_equal(document_format(&p.new, &second, &err), 0);
	load(&p.old, buf_str(&second), &f);
	before = mem_str(buf_str(&f.text));

	/* the name of another one */
	fresh_begin(&p.new, &renamed);
	must_seal(&renamed, "a", "x", &p.f->to);
	assert_int_equal(edit_rename(&f, 0, &renamed, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	/* no name */
	mem_replace(&renamed.name, "No Name");
	assert_int_equal(edit_rename(&f, 0, &renamed, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(buf_str(&f.text), before);
	assert_int_equal(f.n, 2);
	mem_free(before);
	document_clear(&renamed);
	buf_clear(&second);
	edit_clear(&f);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_change),   cmocka_unit_test(test_same_and_alone),
		cmocka_unit_test(test_outside_alone),  cmocka_unit_test(test_does_not_open),
		cmocka_unit_test(test_values),	       cmocka_unit_test(test_rename),
		cmocka_unit_test(test_rename_refused),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
