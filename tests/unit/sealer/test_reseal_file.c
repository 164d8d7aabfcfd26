/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of one file, sealed again in memory. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "document/edit.h"
#include "document/seal.h"
#include "sealer/reseal_file.h"

#define NOW INT64_C(1795420800) /* 2026-11-23T08:00:00Z */
#define LATER (NOW + 1000000)

enum who { EU, US, NEW, RECOVERY, WHO };

static const char *const names[WHO] = { "eu", "us", "new", "recovery" };

struct fixture {
	struct keyring rings[WHO];
	struct age_recipient keys[WHO];
	char ids[WHO][AGE_KEY_ID_TEXT];
};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	for (size_t i = 0; i < WHO; i++) {
		struct age_identity *id = age_identity_generate();
		struct err err = ERR_INIT;
		struct buf text = BUF_INIT;

		f->keys[i] = *age_identity_recipient(id);
		age_recipient_id(&f->keys[i], f->ids[i]);
		age_identity_format(id, &text);
		buf_putc(&text, '\n');
		assert_int_equal(
		    keyring_add_bytes(&f->rings[i], "t", text.data, text.len, NULL, NULL, &err), 0);
		buf_clear(&text);
		age_identity_free(id);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < WHO; i++)
		keyring_clear(&f->rings[i]);
	mem_free(f);
	return 0;
}

/* Append a document of parts A and B, sealed to eu, us and recovery. */
static void put_document(const struct fixture *f, const char *name, struct buf *text)
{
	struct document d = { .name = mem_str(name),
			      .namespace = mem_str("web"),
			      .kind = kind_find("opaque"),
			      .type = TYPE_OPAQUE };
	struct recipients to = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < WHO; i++)
		if (i != NEW)
			assert_int_equal(recipients_add(&to, names[i], &f->keys[i], &err), 0);
	for (const char *part = "A\0B\0"; *part != '\0'; part += 2) {
		struct kind_secret s = { .type = TYPE_OPAQUE };

		kv_set_str(&s.data, part, "canary");
		kv_set_str(&s.facts, "not-after", "2027-01-31T23:59:59Z");
		assert_int_equal(seal_part(&d, part, &s, &to, NOW, &err), 0);
		kind_secret_clear(&s);
	}
	if (text->len > 0)
		buf_puts(text, "---\n");
	if (document_format(&d, text, &err) != 0)
		fail_msg("%s", err.text);
	document_clear(&d);
	recipients_clear(&to);
}

/* A config of one rule for everything; key NEW stands under the name given. */
static void make_config(const struct fixture *f, const char *rule, const char *new_name,
			struct config *out)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char key[AGE_RECIPIENT_TEXT];

	buf_puts(&text, "recipients:\n");
	for (size_t i = 0; i < RECOVERY; i++) {
		const char *name = i == NEW ? new_name : names[i];

		if (i != NEW && strcmp(name, new_name) == 0)
			continue;
		age_recipient_format(&f->keys[i], key);
		buf_printf(&text, "  %s: \"%s\"\n", name, key);
	}
	age_recipient_format(&f->keys[RECOVERY], key);
	buf_printf(&text, "recovery: \"%s\"\nrules:\n  - path: \"**\"\n    to: [%s]\n", key, rule);
	if (config_parse("c", text.data, text.len, out, &err) != 0)
		fail_msg("%s", err.text);
	buf_clear(&text);
}

struct run {
	struct config config;
	struct reseal_want want;
	struct reseal_tools tools;
	struct reseal_file out;
	struct buf text;
	bool changed;
};

static void run_begin(struct run *r, const struct fixture *f, const char *rule,
		      const char *new_name)
{
	*r = (struct run){ .changed = false };
	make_config(f, rule, new_name, &r->config);
	r->want.config = &r->config;
	r->tools = (struct reseal_tools){ &f->rings[RECOVERY], &r->config.recipients, LATER };
}

static void run_file(struct run *r, bool plan)
{
	struct reseal_input in = { &r->want, plan ? NULL : &r->tools, "a/b.yaml", "a/b.yaml" };

	reseal_file_clear(&r->out);
	reseal_file(&in, &r->text, &r->out, &r->changed);
}

static void run_end(struct run *r)
{
	reseal_file_clear(&r->out);
	buf_clear(&r->text);
	kv_clear(&r->want.add);
	config_clear(&r->config);
}

static bool opens(const struct run *r, size_t document, const struct keyring *ring)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct edit_file f = EDIT_FILE_INIT;
	struct buf copy = BUF_INIT;
	struct err err = ERR_INIT;
	bool ok;

	buf_put(&copy, r->text.data, r->text.len);
	assert_int_equal(edit_load("t", &copy, &f, &err), 0);
	ok = open_document(&f.documents[document], ring, NOW, &s, NULL, NULL, &err) == 0;
	if (ok) {
		assert_string_equal(kv_get_str(&s.data, "A"), "canary");
		for (size_t i = 0; i < f.documents[document].n; i++)
			assert_string_equal(
			    kv_get_str(&f.documents[document].parts[i].facts, "sealed-at"),
			    "2026-11-23T08:00:00Z");
	}
	kind_secret_clear(&s);
	edit_clear(&f);
	return ok;
}

static void test_replaced(void **state)
{
	const struct fixture *f = *state;
	struct buf before = BUF_INIT;
	struct run r;

	run_begin(&r, f, "eu, us", "eu");
	put_document(f, "one", &r.text);
	buf_puts(&r.text, "---\nkind: ConfigMap # stays\n");
	put_document(f, "two", &r.text);
	buf_put(&before, r.text.data, r.text.len);
	run_file(&r, true); /* the plan changes nothing */
	assert_false(r.changed);
	assert_string_equal(buf_str(&r.text), buf_str(&before));
	assert_int_equal(r.out.n, 2);
	assert_int_equal(r.out.rows[1].work, 2);
	assert_int_equal(r.out.rows[1].done, 0);
	assert_string_equal(kv_get_str(&r.out.gone, f->ids[EU]), "eu");
	assert_int_equal(r.out.to.n, 3);
	run_file(&r, false);
	assert_true(r.changed);
	assert_int_equal(r.out.rows[0].done + r.out.rows[1].done, 4);
	assert_int_equal(json_array_size(r.out.lost), 0);
	assert_non_null(strstr(buf_str(&r.text), "kind: ConfigMap # stays\n"));
	for (size_t i = 0; i < 2; i++) {
		assert_true(opens(&r, i, &f->rings[NEW]) && opens(&r, i, &f->rings[US]));
		assert_false(opens(&r, i, &f->rings[EU]));
	}
	run_file(&r, false); /* again: nothing */
	assert_false(r.changed);
	assert_true(reseal_row_quiet(&r.out.rows[0]) && reseal_row_quiet(&r.out.rows[1]));
	buf_clear(&before);
	run_end(&r);
}

static void test_dropped_and_added(void **state)
{
	const struct fixture *f = *state;
	struct buf text = BUF_INIT;
	struct run r;

	run_begin(&r, f, "eu, ci", "ci");
	put_document(f, "one", &r.text);
	run_file(&r, true);
	reseal_row_text(&r.out.rows[0], &text);
	assert_string_equal(buf_str(&text), "us dropped; ci left out without --add");
	assert_true(kv_has(&r.out.waiting, "ci"));
	assert_int_equal(r.out.n_seen, 0);
	assert_int_equal(json_array_size(r.out.lost), 2);
	assert_false(json_is_true(json_object_get(json_array_get(r.out.lost, 0), "opened")));
	kv_set_str(&r.want.add, "ci", "");
	run_file(&r, true);
	assert_int_equal(r.out.n_seen, 2);
	assert_true(r.out.seen[0].added);
	assert_string_equal(r.out.seen[0].where, "a/b.yaml, web/one, A");
	run_file(&r, false);
	assert_true(r.changed && opens(&r, 0, &f->rings[NEW]) && !opens(&r, 0, &f->rings[US]));
	assert_true(json_is_true(json_object_get(json_array_get(r.out.lost, 0), "opened")));
	buf_clear(&text);
	run_end(&r);
}

/* Whoever was not agreed to receives nothing, also when the file changed after the plan. */
static void test_not_agreed(void **state)
{
	const struct fixture *f = *state;
	struct recipients agreed = RECIPIENTS_INIT;
	struct run r;

	run_begin(&r, f, "eu, us", "eu");
	assert_int_equal(recipients_add(&agreed, "us", &f->keys[US], NULL), 0);
	assert_int_equal(recipients_add(&agreed, "recovery", &f->keys[RECOVERY], NULL), 0);
	assert_int_equal(recipients_add(&agreed, "eu", &f->keys[EU], NULL), 0); /* the old key */
	r.tools.agreed = &agreed;
	put_document(f, "one", &r.text);
	run_file(&r, false);
	assert_false(r.changed);
	assert_int_equal(r.out.rows[0].class, ERR_CONFLICT);
	assert_true(opens(&r, 0, &f->rings[EU]) && !opens(&r, 0, &f->rings[NEW]));
	recipients_clear(&agreed);
	run_end(&r);
}

/* Damage of one part leaves its whole document, and not its neighbour. */
static void test_damaged(void **state)
{
	const struct fixture *f = *state;
	struct buf before = BUF_INIT;
	struct run r;
	char *at;

	run_begin(&r, f, "eu, us", "eu");
	put_document(f, "one", &r.text);
	put_document(f, "two", &r.text);
	at = strstr((char *)r.text.data, "namespace: web");
	at[strlen("namespace: w")] = 'o';
	buf_put(&before, r.text.data,
		(size_t)(strstr((char *)r.text.data, "---\n") - (char *)r.text.data));
	run_file(&r, false);
	assert_true(r.changed);
	assert_int_equal(r.out.rows[0].class, ERR_REFUSED);
	assert_int_equal(r.out.rows[0].done, 0);
	assert_int_equal(r.out.rows[1].done, 2);
	assert_memory_equal(r.text.data, before.data, before.len);
	assert_true(opens(&r, 1, &f->rings[NEW]));
	buf_clear(&before);
	run_end(&r);
}

static void test_no_key(void **state)
{
	const struct fixture *f = *state;
	struct run r;

	run_begin(&r, f, "eu, us", "eu");
	r.tools.keys = &f->rings[NEW];
	put_document(f, "one", &r.text);
	run_file(&r, false);
	assert_false(r.changed);
	assert_int_equal(r.out.rows[0].class, ERR_NOKEY);
	assert_null(strstr(r.out.rows[0].why, "canary"));
	run_end(&r);
}

static void test_unreadable(void **state)
{
	const struct fixture *f = *state;
	struct err why = { ERR_IO, "cannot open" };
	struct run r;

	run_begin(&r, f, "eu, us", "eu");
	buf_puts(&r.text, "apiVersion: bulla.dev/v1\nkind: SealedCredential\n");
	run_file(&r, false);
	assert_false(r.changed);
	assert_int_equal(r.out.class, ERR_INVALID);
	assert_int_equal(r.out.n, 0);
	reseal_file_clear(&r.out);
	reseal_file_unread("x", &why, &r.out);
	assert_int_equal(r.out.class, ERR_IO);
	assert_string_equal(r.out.why, "cannot open");
	run_end(&r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replaced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dropped_and_added, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_agreed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable, set_up, tear_down),
	};

	mem_init();
	return cmocka_run_group_tests_name("sealer: reseal a file", tests, NULL, NULL);
}
