/* SPDX-License-Identifier: Apache-2.0 */
/* The audit line: one line of JSON that a pipe takes whole, whatever the document calls itself. */
#include "tests/unit/agent/scene.h"

#include "agent/audit.h"
#include "base/json.h"

static void make(struct document *d, const char *namespace, const char *name)
{
	*d = (struct document)DOCUMENT_INIT;
	d->namespace = mem_str(namespace);
	d->name = mem_str(name);
	d->kind = kind_find("opaque");
	d->type = TYPE_OPAQUE;
}

static json_t *line_of(const struct audit *a, size_t *len)
{
	struct buf line = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *v;

	audit_format(a, &line);
	assert_int_equal(line.data[line.len - 1], '\n');
	assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
	v = json_parse(line.data, line.len - 1, "line", &err);
	if (v == NULL)
		fail_msg("%s: %s", err.text, buf_str(&line));
	*len = line.len;
	buf_clear(&line);
	return v;
}

static void test_results(void **state)
{
	static const struct {
		enum err_class class;
		const char *word;
	} cases[] = {
		{ ERR_NONE, "opened" },
		{ ERR_REFUSED, "refused" },
		{ ERR_INVALID, "invalid" },
	};
	struct kv ids = KV_INIT;
	struct document d;
	size_t len;

	(void)state;
	make(&d, "foobar", "app-env");
	kv_set_str(&ids, "b", "");
	kv_set_str(&ids, "a", "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct audit a = { &d, &ids, cases[i].class };
		json_t *v = line_of(&a, &len);

		assert_string_equal(json_string_value(json_object_get(v, "result")), cases[i].word);
		assert_int_equal(json_integer_value(json_object_get(v, "parts")), 0);
		assert_int_equal(json_array_size(json_object_get(v, "keyIds")), 2);
		json_decref(v);
	}
	kv_clear(&ids);
	document_clear(&d);
}

/* Names as a taken net process may send them: every byte needs six, and there are too many. */
static void test_hostile_names(void **state)
{
	static const char *const fills[] = {
		"\x01", "\"", "\n", "\xc3", "\xe2\x80\xae", "\x7f", "a"
	};
	struct kv ids = KV_INIT;
	struct document d;
	size_t len;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		char id[AGE_KEY_ID_TEXT];

		snprintf(id, sizeof(id), "%032d", i);
		kv_set_str(&ids, id, "");
	}
	for (size_t i = 0; i < COUNT(fills); i++) {
		struct buf name = BUF_INIT;
		json_t *v;

		for (int k = 0; k < 500; k++)
			buf_puts(&name, fills[i]);
		make(&d, buf_str(&name), buf_str(&name));
		const struct audit a = { &d, &ids, ERR_INVALID };
		v = line_of(&a, &len);
		assert_in_range(len, 1, AUDIT_LINE_MAX);
		assert_int_equal(json_object_size(v), 10);
		assert_string_equal(json_string_value(json_object_get(v, "result")), "invalid");
		json_decref(v);
		document_clear(&d);
		buf_clear(&name);
	}
	/* with sound names most of the room is for the ids */
	make(&d, "foobar", "app-env");
	const struct audit a = { &d, &ids, ERR_NONE };
	json_t *v = line_of(&a, &len);
	assert_in_range(json_array_size(json_object_get(v, "keyIds")), 32, 2000);
	assert_in_range(len, 1000, AUDIT_LINE_MAX);
	json_decref(v);
	document_clear(&d);
	kv_clear(&ids);
}

static void test_write(void **state)
{
	static const struct kv none = KV_INIT;
	char *dir = scene_new(), *path = scene_path(dir, "audit");
	struct err err = ERR_INIT;
	struct document d;
	struct stat st;
	int fd;

	(void)state;
	make(&d, "foobar", "app-env");
	const struct audit a = { &d, &none, ERR_NONE };
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(audit_write(fd, &a, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_in_range(st.st_size, 100, AUDIT_LINE_MAX);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC); /* cannot be written */
	assert_int_equal(audit_write(fd, &a, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	close(fd);
	document_clear(&d);
	scene_remove(dir);
	mem_free(path);
	mem_free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_write),
	};

	mem_init();
	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
