/* SPDX-License-Identifier: Apache-2.0 */
/* The plaintext of a part: its shape, what it is bound to, its padding. */
#include "tests/unit/test.h"

#include "base/clock.h"
#include "document/inner.h"
#include "tests/unit/document/sample.h"

#define SEALED_AT 1795420800 /* 2026-11-23T08:00:00Z */

#define PLAIN                                                                                      \
	"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"api-env\","           \
	"\"namespace\":\"team-a\",\"labels\":{\"app.kubernetes.io/name\":\"api\"},"                \
	"\"annotations\":{\"bulla.dev/format\":\"1\",\"bulla.dev/kind\":\"opaque\","               \
	"\"bulla.dev/part\":\"password\","                                                         \
	"\"bulla.dev/recipients\":\"eu-west9=" SAMPLE_ID_A ",recovery=" SAMPLE_ID_B "\","          \
	"\"bulla.dev/not-after\":\"2027-01-31T23:59:59Z\","                                        \
	"\"bulla.dev/sealed-at\":\"2026-11-23T08:00:00Z\",\"example.org/owner\":\"us\"}},"         \
	"\"type\":\"Opaque\",\"data\":{\"password\":\"aHVudGVyMg==\"}}"

struct fixture {
	struct document d;
	struct kind_secret secret;
};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	sample_text(&text);
	assert_int_equal(sample_parse(&text, &f->d, &err), ERR_NONE);
	buf_clear(&text);
	f->secret.type = TYPE_OPAQUE;
	kv_set_str(&f->secret.data, "password", "hunter2");
	kv_set_str(&f->secret.facts, "not-after", "2027-01-31T23:59:59Z");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	document_clear(&f->d);
	kind_secret_clear(&f->secret);
	mem_free(f);
	return 0;
}

static int parse(const struct fixture *f, const char *plain, size_t len, struct kind_secret *out,
		 struct err *err)
{
	return inner_parse(&f->d, &f->d.parts[0], plain, len, out, err);
}

static void test_format(void **state)
{
	struct fixture *f = *state;
	struct kind_secret opened = KIND_SECRET_INIT;
	struct buf plain = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(inner_format(&f->d, "password", &f->d.parts[0].recipients, &f->secret,
				      SEALED_AT, &plain, &err),
			 0);
	assert_string_equal(buf_str(&plain), PLAIN);
	assert_int_equal(inner_pad(&plain), 0);
	assert_int_equal(plain.len, 1024);
	assert_int_equal(parse(f, buf_str(&plain), plain.len, &opened, &err), 0);
	assert_true(kv_equal(&opened.data, &f->secret.data));
	assert_true(kv_equal(&opened.facts, &f->secret.facts));
	assert_ptr_equal(opened.type, f->d.type);
	kind_secret_clear(&opened);
	buf_clear(&plain);
}

static void test_format_limit(void **state)
{
	struct fixture *f = *state;
	struct kind_secret opened = KIND_SECRET_INIT;
	struct buf plain = BUF_INIT;
	struct err err = ERR_INIT;
	unsigned char *big = mem_alloc(KIND_DATA_MAX + 1);

	kv_set(&f->secret.data, "password", big, KIND_DATA_MAX);
	assert_int_equal(inner_format(&f->d, "password", &f->d.parts[0].recipients, &f->secret,
				      SEALED_AT, &plain, &err),
			 0);
	assert_int_equal(parse(f, buf_str(&plain), plain.len, &opened, &err), 0);
	assert_int_equal(opened.data.items[0].len, KIND_DATA_MAX);
	kind_secret_clear(&opened);
	kv_set(&f->secret.data, "password", big, KIND_DATA_MAX + 1);
	assert_int_equal(inner_format(&f->d, "password", &f->d.parts[0].recipients, &f->secret,
				      SEALED_AT, &plain, &err),
			 -1);
	assert_string_equal(err.text, "the values have 524289 bytes together, more than 524288; "
				      "seal less");
	mem_free(big);
	buf_clear(&plain);
}

/* Values over the limit, one by one and together, however they are spread. */
static void test_parse_limit(void **state)
{
	static const size_t sizes[][2] = { { KIND_DATA_MAX + 1, 0 },
					   { KIND_DATA_MAX, 1 },
					   { 300000, 300000 },
					   { KIND_DATA_MAX * 2, 0 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct kind_secret opened = KIND_SECRET_INIT;
		struct buf plain = BUF_INIT, value = BUF_INIT;
		struct err err = ERR_INIT;

		for (int k = 0; k < 2; k++) {
			size_t full = sizes[i][k] / 3 * 4, rest = sizes[i][k] % 3;

			buf_printf(&value, "%s\"k%d\":\"", k == 0 ? "" : ",", k);
			if (full != 0)
				memset(buf_reserve(&value, full), 'A', full);
			buf_puts(&value, rest == 0 ? "\"" : rest == 1 ? "AA==\"" : "AAA=\"");
		}
		buf_puts(&plain, PLAIN);
		sample_replace(&plain, "\"password\":\"aHVudGVyMg==\"", buf_str(&value));
		assert_int_equal(parse(f, buf_str(&plain), plain.len, &opened, &err), -1);
		assert_string_equal(err.text,
				    "the plaintext is not a sealed Secret: its data has more than "
				    "524288 bytes; seal again");
		assert_int_equal(opened.data.n, 0);
		buf_clear(&plain);
		buf_clear(&value);
	}
}

static const struct {
	const char *rule, *from, *to;
	enum err_class class;
	const char *text;
} refusals[] = {
	{ "space before", "{\"apiV", " {\"apiV", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it is not one JSON object followed by spaces; "
	  "seal again" },
	{ "newline after", "==\"}}", "==\"}}\n", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it is not one JSON object followed by spaces; "
	  "seal again" },
	{ "another object after", "==\"}}", "==\"}}{}", ERR_INVALID,
	  "the plaintext: line 1, column 497: not valid JSON; seal again" },
	{ "cut short", "==\"}}", "==\"}", ERR_INVALID,
	  "the plaintext: line 1, column 495: not valid JSON; seal again" },
	{ "no object", PLAIN, "[]", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it is not one JSON object followed by spaces; "
	  "seal again" },
	{ "nothing", PLAIN, "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it is not one JSON object followed by spaces; "
	  "seal again" },
	{ "empty", PLAIN, "{}", ERR_INVALID,
	  "the plaintext is not a sealed Secret: the annotation bulla.dev/format is missing; seal "
	  "again" },
	{ "duplicate name", "\"kind\"", "\"kind\":\"Secret\",\"kind\"", ERR_INVALID,
	  "the plaintext: line 1, column 41: a name stands twice; seal again" },
	{ "duplicate data key", "\"data\":{", "\"data\":{\"password\":\"\",", ERR_INVALID,
	  "the plaintext: line 1, column 493: a name stands twice; seal again" },
	{ "escaped NUL", "\"us\"", "\"u\\u0000s\"", ERR_INVALID,
	  "the plaintext: line 1, column 448: not valid JSON; seal again" },
	{ "not UTF-8", "\"us\"", "\"u\xff\"", ERR_INVALID,
	  "the plaintext: line 1, column 440: not valid JSON; seal again" },
	{ "lone surrogate", "\"us\"", "\"\\ud800\"", ERR_INVALID,
	  "the plaintext: line 1, column 446: not valid JSON; seal again" },
	{ "raw control character", "\"us\"", "\"u\ns\"", ERR_INVALID,
	  "the plaintext: line 1, column 440: not valid JSON; seal again" },
	{ "a comment", "\"kind\"", "/**/\"kind\"", ERR_INVALID,
	  "the plaintext: line 1, column 20: not valid JSON; seal again" },

	{ "format missing", "\"bulla.dev/format\":\"1\",", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: the annotation bulla.dev/format is missing; seal "
	  "again" },
	{ "format of later", "\"bulla.dev/format\":\"1\"", "\"bulla.dev/format\":\"2\"",
	  ERR_INVALID, "the plaintext is of another format than \"1\"; update bulla" },
	{ "format a number", "\"bulla.dev/format\":\"1\"", "\"bulla.dev/format\":1", ERR_INVALID,
	  "the plaintext is not a sealed Secret: the annotation bulla.dev/format is missing; seal "
	  "again" },
	{ "apiVersion", "\"v1\"", "\"v2\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its apiVersion is not \"v1\"; seal again" },
	{ "apiVersion missing", "\"apiVersion\":\"v1\",", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its apiVersion is not \"v1\"; seal again" },
	{ "kind", "\"Secret\"", "\"ConfigMap\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its kind is not \"Secret\"; seal again" },
	{ "kind missing", "\"kind\":\"Secret\",", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its kind is not \"Secret\"; seal again" },
	{ "unknown field", "\"type\"", "\"immutable\":true,\"type\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it has a field that a sealed Secret has not; seal "
	  "again" },
	{ "stringData", "\"type\"", "\"stringData\":{},\"type\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it has a field that a sealed Secret has not; seal "
	  "again" },
	{ "metadata no object", "\"metadata\":{", "\"metadata\":\"x\",\"metadatas\":{", ERR_INVALID,
	  "the plaintext is not a sealed Secret: the annotation bulla.dev/format is missing; seal "
	  "again" },
	{ "metadata unknown field", "\"name\":", "\"uid\":\"x\",\"name\":", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its metadata has a field that a sealed Secret has "
	  "not; seal again" },
	{ "ownerReferences", "\"name\":", "\"ownerReferences\":[],\"name\":", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its metadata has a field that a sealed Secret has "
	  "not; seal again" },
	{ "name missing", "\"name\":\"api-env\",", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its name is missing or not valid; seal again" },
	{ "name not valid", "\"api-env\"", "\"../x\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its name is missing or not valid; seal again" },
	{ "namespace missing", "\"namespace\":\"team-a\",", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its namespace is missing or not valid; seal "
	  "again" },
	{ "namespace not valid", "\"team-a\"", "\"a/b\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its namespace is missing or not valid; seal "
	  "again" },
	{ "labels no object", "\"labels\":{\"app.kubernetes.io/name\":\"api\"}", "\"labels\":[]",
	  ERR_INVALID,
	  "the plaintext is not a sealed Secret: its labels are no map of strings, or too many; "
	  "seal again" },
	{ "label no string", ":\"api\"}", ":true}", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its labels are no map of strings, or too many; "
	  "seal again" },
	{ "annotations missing", "\"annotations\"", "\"Annotations\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: the annotation bulla.dev/format is missing; seal "
	  "again" },
	{ "annotation no string", "\"us\"", "{}", ERR_INVALID,
	  "the plaintext is not a sealed Secret: an annotation is no string; seal again" },
	{ "annotation of Bulla unknown", "example.org/owner", "bulla.dev/owner", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it has an annotation bulla.dev/ that is not "
	  "known; seal again" },
	{ "fact of another kind", "bulla.dev/not-after", "bulla.dev/fingerprint", ERR_INVALID,
	  "the plaintext is not a sealed Secret: it has an annotation bulla.dev/ that is not "
	  "known; seal again" },
	{ "type missing", "\"type\":\"Opaque\",", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its type is missing or no string; seal again" },
	{ "type no string", "\"Opaque\"", "null", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its type is missing or no string; seal again" },
	{ "data missing", ",\"data\":{\"password\":\"aHVudGVyMg==\"}", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its data is missing, empty or no object; seal "
	  "again" },
	{ "data empty", "\"password\":\"aHVudGVyMg==\"", "", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its data is missing, empty or no object; seal "
	  "again" },
	{ "data no object", "{\"password\":\"aHVudGVyMg==\"}", "\"x\"", ERR_INVALID,
	  "the plaintext is not a sealed Secret: its data is missing, empty or no object; seal "
	  "again" },
	{ "data key not valid", "\"password\":\"aH", "\"pass word\":\"aH", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a key of its data is not valid; seal again" },
	{ "data key a path", "\"password\":\"aH", "\"../x\":\"aH", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a key of its data is not valid; seal again" },
	{ "value no string", "\"aHVudGVyMg==\"", "5", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a value of its data is no string; seal again" },
	{ "value not base64", "aHVudGVyMg==", "hunter2!", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a value of its data is not canonical base64; seal "
	  "again" },
	{ "value not padded", "aHVudGVyMg==", "aHVudGVyMg", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a value of its data is not canonical base64; seal "
	  "again" },
	{ "value with white space", "aHVudGVyMg==", "aHVu dGVyMg==", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a value of its data is not canonical base64; seal "
	  "again" },
	{ "value with trailing bits", "aHVudGVyMg==", "aHVudGVyMh==", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a value of its data is not canonical base64; seal "
	  "again" },
	{ "value url-safe", "aHVudGVyMg==", "-_-_", ERR_INVALID,
	  "the plaintext is not a sealed Secret: a value of its data is not canonical base64; seal "
	  "again" },

	{ "another name", "\"api-env\"", "\"db-env\"", ERR_REFUSED,
	  "it was sealed for team-a/db-env, not for team-a/api-env: moved or renamed after "
	  "sealing; move it back or seal again" },
	{ "another namespace", "\"team-a\"", "\"team-b\"", ERR_REFUSED,
	  "it was sealed for team-b/api-env, not for team-a/api-env: moved or renamed after "
	  "sealing; move it back or seal again" },
	{ "another kind", "\"opaque\"", "\"tls\"", ERR_REFUSED,
	  "the kind is not the one it was sealed as: changed or mixed after sealing; restore the "
	  "document or seal again" },
	{ "kind of credential missing", "\"bulla.dev/kind\":\"opaque\",", "", ERR_REFUSED,
	  "the kind is not the one it was sealed as: changed or mixed after sealing; restore the "
	  "document or seal again" },
	{ "another part", "\"bulla.dev/part\":\"password\"", "\"bulla.dev/part\":\"user\"",
	  ERR_REFUSED,
	  "the part's name is not the one it was sealed under: changed or mixed after sealing; "
	  "restore the document or seal again" },
	{ "part missing", "\"bulla.dev/part\":\"password\",", "", ERR_REFUSED,
	  "the part's name is not the one it was sealed under: changed or mixed after sealing; "
	  "restore the document or seal again" },
	{ "a recipient renamed", "eu-west9=", "us-east1=", ERR_REFUSED,
	  "the recipients are not those it was sealed to: changed or mixed after sealing; restore "
	  "the document or seal again" },
	{ "a recipient's key changed", "=" SAMPLE_ID_A, "=" SAMPLE_ID_B, ERR_REFUSED,
	  "the recipients are not those it was sealed to: changed or mixed after sealing; restore "
	  "the document or seal again" },
	{ "a recipient less", ",recovery=" SAMPLE_ID_B, "", ERR_REFUSED,
	  "the recipients are not those it was sealed to: changed or mixed after sealing; restore "
	  "the document or seal again" },
	{ "a recipient more", SAMPLE_ID_B, SAMPLE_ID_B ",x=" SAMPLE_ID_A, ERR_REFUSED,
	  "the recipients are not those it was sealed to: changed or mixed after sealing; restore "
	  "the document or seal again" },
	{ "recipients missing", "bulla.dev/recipients", "example.org/recipients", ERR_REFUSED,
	  "the recipients are not those it was sealed to: changed or mixed after sealing; restore "
	  "the document or seal again" },
	{ "a fact changed", "2027-01-31", "2028-01-31", ERR_REFUSED,
	  "the facts are not those that were sealed: changed or mixed after sealing; restore the "
	  "document or seal again" },
	{ "a fact less", "\"bulla.dev/not-after\":\"2027-01-31T23:59:59Z\",", "", ERR_REFUSED,
	  "the facts are not those that were sealed: changed or mixed after sealing; restore the "
	  "document or seal again" },
	{ "a fact more", "\"bulla.dev/sealed-at\"",
	  "\"bulla.dev/namespaces\":\"*\",\"bulla.dev/sealed-at\"", ERR_REFUSED,
	  "the facts are not those that were sealed: changed or mixed after sealing; restore the "
	  "document or seal again" },
	{ "sealed at another time", "2026-11-23T08:00:00Z", "2026-11-23T08:00:01Z", ERR_REFUSED,
	  "the facts are not those that were sealed: changed or mixed after sealing; restore the "
	  "document or seal again" },
	{ "another type", "\"type\":\"Opaque\"", "\"type\":\"kubernetes.io/tls\"", ERR_REFUSED,
	  "the Secret's type is not the one that was sealed: changed or mixed after sealing; "
	  "restore the document or seal again" },
	{ "another label", ":\"api\"}", ":\"web\"}", ERR_REFUSED,
	  "the Secret's labels are not those that were sealed: changed or mixed after sealing; "
	  "restore the document or seal again" },
	{ "labels missing", "\"labels\":{\"app.kubernetes.io/name\":\"api\"},", "", ERR_REFUSED,
	  "the Secret's labels are not those that were sealed: changed or mixed after sealing; "
	  "restore the document or seal again" },
	{ "another annotation", "\"us\"", "\"them\"", ERR_REFUSED,
	  "the Secret's annotations are not those that were sealed: changed or mixed after "
	  "sealing; restore the document or seal again" },
	{ "an annotation more", "\"example.org/owner\"",
	  "\"kubernetes.io/service-account.name\":\"admin\",\"example.org/owner\"", ERR_REFUSED,
	  "the Secret's annotations are not those that were sealed: changed or mixed after "
	  "sealing; restore the document or seal again" },
};

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	int failed = 0;

	for (size_t i = 0; i < COUNT(refusals); i++) {
		struct kind_secret opened = KIND_SECRET_INIT;
		struct buf plain = BUF_INIT;
		struct err err = ERR_INIT;

		buf_puts(&plain, PLAIN);
		sample_replace(&plain, refusals[i].from, refusals[i].to);
		assert_int_equal(parse(f, buf_str(&plain), plain.len, &opened, &err), -1);
		if (err.class != refusals[i].class || strcmp(err.text, refusals[i].text) != 0) {
			print_error("%s: %s\n", refusals[i].rule, err.text);
			failed++;
		}
		assert_null(strstr(err.text, "hunter2"));
		assert_int_equal(opened.data.n, 0);
		assert_int_equal(opened.facts.n, 0);
		assert_null(opened.type);
		buf_clear(&plain);
	}
	assert_int_equal(failed, 0);
}

/* 150,000 members where few belong must not cost more than reading them. */
static void test_many_members(void **state)
{
	static const struct {
		const char *before, *text;
	} cases[] = {
		{ "\"app.kubernetes.io/name\"", "its labels are no map of strings, or too many" },
		{ "\"example.org/owner\"", "its annotations are too many" },
		{ "\"password\":\"aH", "its data has more than 256 keys" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_secret opened = KIND_SECRET_INIT;
		struct buf plain = BUF_INIT, members = BUF_INIT;
		char *expected = mem_printf("the plaintext is not a sealed Secret: %s; seal again",
					    cases[i].text);
		struct err err = ERR_INIT;

		for (int k = 150000; k > 0; k--) /* the worst order to sort */
			buf_printf(&members, "\"%06d\":\"\",", k);
		buf_puts(&members, cases[i].before);
		buf_puts(&plain, PLAIN);
		sample_replace(&plain, cases[i].before, buf_str(&members));
		assert_int_equal(parse(f, buf_str(&plain), plain.len, &opened, &err), -1);
		assert_string_equal(err.text, expected);
		mem_free(expected);
		buf_clear(&plain);
		buf_clear(&members);
	}
}

/* A NUL byte, in and behind the object. */
static void test_nul(void **state)
{
	struct fixture *f = *state;
	struct kind_secret opened = KIND_SECRET_INIT;
	struct err err = ERR_INIT;
	char plain[] = PLAIN " ";

	assert_int_equal(parse(f, plain, strlen(plain), &opened, &err), 0);
	kind_secret_clear(&opened);
	assert_int_equal(parse(f, plain, sizeof(plain), &opened, &err), -1);
	plain[2] = '\0';
	assert_int_equal(parse(f, plain, strlen(PLAIN), &opened, &err), -1);
}

static const struct {
	const char *what, *from, *to;
} taken[] = {
	{ "no padding", "", "" },
	{ "one space", "==\"}}", "==\"}} " },
	{ "another order", "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",",
	  "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"," },
	{ "white space inside", "\"kind\":\"S", "\n\t\"kind\" : \"S" },
	{ "escapes", "\"us\"", "\"\\u0075s\"" },
	{ "an empty value", "aHVudGVyMg==", "" },
	{ "many keys", "\"data\":{", "\"data\":{\".a\":\"\",\"z\":\"AA==\"," },
};

static void test_taken(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(taken); i++) {
		struct kind_secret opened = KIND_SECRET_INIT;
		struct buf plain = BUF_INIT;
		struct err err = ERR_INIT;

		buf_puts(&plain, PLAIN);
		sample_replace(&plain, taken[i].from, taken[i].to);
		if (parse(f, buf_str(&plain), plain.len, &opened, &err) != 0)
			fail_msg("%s: %s", taken[i].what, err.text);
		assert_true(kv_has(&opened.data, "password"));
		assert_false(kv_has(&opened.facts, "sealed-at"));
		kind_secret_clear(&opened);
		buf_clear(&plain);
	}
}

/* A document without labels: none inside, or an empty object. */
static void test_no_labels(void **state)
{
	struct fixture *f = *state;
	struct kind_secret opened = KIND_SECRET_INIT;
	struct buf plain = BUF_INIT;
	struct err err = ERR_INIT;

	kv_clear(&f->d.labels);
	kv_clear(&f->d.annotations);
	assert_int_equal(inner_format(&f->d, "password", &f->d.parts[0].recipients, &f->secret,
				      SEALED_AT, &plain, &err),
			 0);
	assert_null(strstr(buf_str(&plain), "labels"));
	assert_int_equal(parse(f, buf_str(&plain), plain.len, &opened, &err), 0);
	kind_secret_clear(&opened);
	sample_replace(&plain, "\"annotations\"", "\"labels\":{},\"annotations\"");
	assert_int_equal(parse(f, buf_str(&plain), plain.len, &opened, &err), 0);
	kind_secret_clear(&opened);
	buf_clear(&plain);
}

static void test_padded(void **state)
{
	static const size_t table[][2] = {
		{ 0, 1024 },	      { 1, 1024 },	    { 1023, 1024 },   { 1024, 1024 },
		{ 1025, 1088 },	      { 1088, 1088 },	    { 1089, 1152 },   { 1100, 1152 },
		{ 4097, 4352 },	      { 65536, 65536 },	    { 65537, 67584 }, { 700000, 704512 },
		{ 1048576, 1048576 }, { 1048577, 1081344 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		assert_int_equal(inner_padded(table[i][0]), table[i][1]);
	for (size_t len = 0; len < 300000; len += 7) {
		size_t padded = inner_padded(len);

		assert_true(padded >= len && padded >= 1024);
		assert_int_equal(inner_padded(padded), padded);
		assert_true(len <= 1024 || (padded - len) * 100 <= len * 12); /* at most 12 % */
	}
}

static void test_pad_limit(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	b.max = 1000;
	buf_puts(&b, "{}");
	assert_int_equal(inner_pad(&b), -1);
	assert_int_equal(b.len, 2);
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_format, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_format_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parse_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_members, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nul, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_labels, set_up, tear_down),
		cmocka_unit_test(test_padded),
		cmocka_unit_test(test_pad_limit),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
