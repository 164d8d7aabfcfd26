/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of requests about Secrets.  Patches are applied here by a small reader of RFC 6902, so
 * that what is asserted is what a server would make of them, and not only how they are spelled.
 */
#include "tests/unit/agent/scene.h"

#include "agent/secret_json.h"
#include "base/b64.h"
#include "base/json.h"

struct scene {
	struct document d;
	struct kind_secret secret;
	struct secret_json s;
};

static void scene_begin(struct scene *x)
{
	*x = (struct scene){ .d = DOCUMENT_INIT, .secret = KIND_SECRET_INIT };
	x->d.namespace = mem_str("foobar");
	x->d.name = mem_str("app-env");
	x->d.kind = kind_find("opaque");
	x->d.type = TYPE_OPAQUE;
	kv_set_str(&x->d.labels, "team/a.b", "blue");
	kv_set_str(&x->d.labels, "tier", "web");
	kv_set_str(&x->d.annotations, "example.com/note", "a \"quoted\"\nline");
	x->secret.type = TYPE_OPAQUE;
	kv_set(&x->secret.data, "BINARY", "\0\x01\xff", 3);
	kv_set_str(&x->secret.data, "PASSWORD", SCENE_MARK);
	kv_set_str(&x->secret.data, "empty", "");
	x->s = (struct secret_json){ .document = &x->d,
				     .secret = &x->secret,
				     .document_uid = "11111111-2222",
				     .crd_uid = "33333333-4444" };
}

static void scene_end(struct scene *x)
{
	document_clear(&x->d);
	kv_clear(&x->secret.data);
	kv_clear(&x->secret.facts);
}

static json_t *parse(const struct buf *b)
{
	struct err err = ERR_INIT;
	json_t *v = json_parse(b->data, b->len, "body", &err);

	if (v == NULL)
		fail_msg("%s: %s", err.text, buf_str(b));
	return v;
}

static const char *at(const json_t *v, const char *a, const char *b, const char *c)
{
	v = json_object_get(v, a);
	v = b == NULL ? v : json_object_get(v, b);
	v = c == NULL ? v : json_object_get(v, c);
	return json_string_value(v);
}

/* --- a server --------------------------------------------------------------------------------- */

static char *unescape(const char *s, size_t n)
{
	char *out = mem_strn(s, n), *to = out;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '~' && i + 1 < n)
			*to++ = s[++i] == '1' ? '/' : '~';
		else
			*to++ = s[i];
	}
	*to = '\0';
	return out;
}

/* The object that holds what the pointer names, and that name (new); NULL: no such place. */
static json_t *parent_of(json_t *root, const char *pointer, char **name)
{
	json_t *v = root;

	for (;;) {
		size_t n = strcspn(pointer + 1, "/");

		*name = unescape(pointer + 1, n);
		pointer += 1 + n;
		if (*pointer == '\0')
			return json_is_object(v) ? v : NULL;
		v = json_object_get(v, *name);
		mem_free(*name);
		*name = NULL;
		if (v == NULL)
			return NULL;
	}
}

static int apply_op(json_t *root, const json_t *op)
{
	const char *what = json_string_value(json_object_get(op, "op"));
	json_t *value = json_object_get(op, "value"), *parent, *had;
	char *name = NULL;
	int r = 422;

	parent = parent_of(root, json_string_value(json_object_get(op, "path")), &name);
	had = parent == NULL ? NULL : json_object_get(parent, name);
	if (strcmp(what, "test") == 0)
		/* as evanphx/json-patch has it, what is not there equals null */
		r = (had != NULL && json_equal(had, value)) ||
			    (had == NULL && parent != NULL && json_is_null(value))
			? 200
			: 422;
	else if (strcmp(what, "remove") == 0)
		r = had != NULL && json_object_del(parent, name) == 0 ? 200 : 422;
	else if (name != NULL && strcmp(name, "resourceVersion") == 0)
		r = had != NULL && json_equal(had, value) ? 200 : 409;
	else if (parent != NULL && (had != NULL || strcmp(what, "add") == 0))
		r = json_object_set(parent, name, value) == 0 ? 200 : 500;
	mem_free(name);
	return r;
}

/* All of it or nothing. */
static int apply_patch(json_t **object, const struct buf *patch)
{
	json_t *ops = parse(patch), *copy = json_deep_copy(*object), *op;
	size_t i;
	int r = 200;

	json_array_foreach(ops, i, op)
	{
		if (r == 200)
			r = apply_op(copy, op);
	}
	json_decref(ops);
	if (r == 200) {
		json_decref(*object);
		*object = copy;
	} else {
		json_decref(copy);
	}
	return r;
}

/* What a server makes of a POST. */
static json_t *posted(const struct secret_json *s)
{
	struct buf body = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *v;

	assert_int_equal(secret_json_create(s, &body, &err), 0);
	v = parse(&body);
	buf_clear(&body);
	json_object_set_new(json_object_get(v, "metadata"), "uid", json_string("u-1"));
	json_object_set_new(json_object_get(v, "metadata"), "resourceVersion", json_string("7"));
	return v;
}

static int patched(json_t **object, const struct secret_json *s,
		   const struct secret_json_seen *seen, bool adopt)
{
	struct buf patch = BUF_INIT;
	struct err err = ERR_INIT;
	int r;

	assert_int_equal(secret_json_patch(s, seen, adopt, &patch, &err), 0);
	r = apply_patch(object, &patch);
	buf_clear(&patch);
	return r;
}

static int probed(json_t *object, const struct document *d, const struct secret_json_seen *seen,
		  bool adopt)
{
	struct buf patch = BUF_INIT;
	json_t *copy = json_deep_copy(object);
	int r;

	secret_json_probe(d, seen, adopt, &patch);
	r = apply_patch(&copy, &patch);
	assert_true(r != 200 || json_equal(copy, object)); /* it changes nothing */
	assert_null(strstr(buf_str(&patch), "/data"));
	json_decref(copy);
	buf_clear(&patch);
	return r;
}

static const json_t *metadata_of(const json_t *object)
{
	return json_object_get(object, "metadata");
}

static void set_annotation(json_t *object, const char *name, const char *value)
{
	json_t *map = json_object_get(json_object_get(object, "metadata"), "annotations");

	if (value == NULL)
		json_object_del(map, name);
	else
		json_object_set_new(map, name, json_string(value));
}

/* --- create ----------------------------------------------------------------------------------- */

static void check_value(const json_t *object, const char *name, const struct kv *data)
{
	const char *text = at(object, "data", name, NULL);
	struct buf got = BUF_INIT;
	const struct kv_item *want = kv_get(data, name);

	assert_non_null(text);
	assert_int_equal(b64_decode(&got, text, strlen(text)), 0);
	assert_int_equal(got.len, want->len);
	assert_true(want->len == 0 || memcmp(got.data, want->data, want->len) == 0);
	buf_clear(&got);
}

static void test_create(void **state)
{
	struct scene x;
	json_t *v;

	(void)state;
	scene_begin(&x);
	v = posted(&x.s);
	assert_string_equal(at(v, "apiVersion", NULL, NULL), "v1");
	assert_string_equal(at(v, "kind", NULL, NULL), "Secret");
	assert_string_equal(at(v, "type", NULL, NULL), "Opaque");
	assert_string_equal(at(v, "metadata", "name", NULL), "app-env");
	assert_string_equal(at(v, "metadata", "namespace", NULL), "foobar");
	assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_OWNER), "foobar/app-env");
	assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_DOCUMENT_UID),
			    "11111111-2222");
	assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_CRD_UID), "33333333-4444");
	assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_POLICY), "Delete");
	assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_LABELS), "team/a.b,tier");
	assert_string_equal(at(v, "metadata", "annotations", "example.com/note"),
			    "a \"quoted\"\nline");
	assert_string_equal(at(v, "metadata", "labels", "team/a.b"), "blue");
	assert_string_equal(at(v, "metadata", "labels", SECRET_JSON_WATCH), "Enabled");
	assert_string_equal(at(v, "metadata", "labels", SECRET_JSON_MANAGED), "bulla-agent");
	assert_null(at(v, "metadata", "annotations", SECRET_JSON_ADOPTED));
	assert_int_equal(json_object_size(json_object_get(v, "data")), 3);
	check_value(v, "BINARY", &x.secret.data);
	check_value(v, "PASSWORD", &x.secret.data);
	check_value(v, "empty", &x.secret.data);
	json_decref(v);
	scene_end(&x);
}

static void test_create_copy(void **state)
{
	struct scene x;
	json_t *v;

	(void)state;
	scene_begin(&x);
	x.s.namespace = "other";
	x.s.document_uid = x.s.crd_uid = NULL;
	kv_clear(&x.d.labels);
	kv_clear(&x.d.annotations);
	kv_set_str(&x.d.labels, SECRET_JSON_WATCH, "Disabled");
	v = posted(&x.s);
	assert_string_equal(at(v, "metadata", "namespace", NULL), "other");
	assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_OWNER), "foobar/app-env");
	assert_null(at(v, "metadata", "annotations", SECRET_JSON_DOCUMENT_UID));
	assert_null(at(v, "metadata", "annotations", SECRET_JSON_CRD_UID));
	assert_null(at(v, "metadata", "annotations", SECRET_JSON_ANNOTATIONS));
	/* what the document says goes before the default */
	assert_string_equal(at(v, "metadata", "labels", SECRET_JSON_WATCH), "Disabled");
	json_decref(v);
	scene_end(&x);
}

static void test_policy(void **state)
{
	static const struct {
		const char *kind;
		enum document_policy policy;
		bool adopted;
		const char *want;
	} cases[] = {
		{ "opaque", POLICY_UNSET, false, "Delete" },
		{ "opaque", POLICY_UNSET, true, "Retain" },
		{ "opaque", POLICY_DELETE, true, "Delete" },
		{ "opaque", POLICY_RETAIN, false, "Retain" },
		{ "deploy-key", POLICY_UNSET, false, "Retain" },
		{ "deploy-key", POLICY_DELETE, false, "Delete" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scene x;
		json_t *v;

		scene_begin(&x);
		x.d.kind = kind_find(cases[i].kind);
		x.d.policy = cases[i].policy;
		x.s.adopted = cases[i].adopted;
		v = posted(&x.s);
		assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_POLICY),
				    cases[i].want);
		assert_int_equal(at(v, "metadata", "annotations", SECRET_JSON_ADOPTED) != NULL,
				 cases[i].adopted);
		json_decref(v);
		scene_end(&x);
	}
}

static void test_too_large(void **state)
{
	const struct secret_json_seen seen = { .uid = "u",
					       .resource_version = "1",
					       .metadata = NULL };
	struct scene x;
	struct buf out = { .max = 200 };
	struct err err = ERR_INIT;

	(void)state;
	scene_begin(&x);
	buf_puts(&out, "before");
	assert_int_equal(secret_json_create(&x.s, &out, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(buf_str(&out), "before");
	buf_reset(&out);
	assert_int_equal(secret_json_patch(&x.s, &seen, false, &out, &err), -1);
	assert_int_equal(out.len, 0);
	buf_clear(&out);
	scene_end(&x);
}

/* --- patch ------------------------------------------------------------------------------------ */

/* What was planted in the data is gone, foreign labels and annotations stay. */
static void test_patch(void **state)
{
	struct scene x;
	json_t *v, *want;

	(void)state;
	scene_begin(&x);
	v = posted(&x.s);
	json_object_set_new(json_object_get(v, "data"), "planted", json_string("AAAA"));
	json_object_set_new(json_object_get(json_object_get(v, "metadata"), "labels"), "foreign",
			    json_string("stays"));
	set_annotation(v, "foreign.example/x", "stays");
	kv_set_str(&x.secret.data, "PASSWORD", "new");
	kv_del(&x.secret.data, "BINARY");
	kv_set_str(&x.d.labels, "tier", "db");
	{
		const struct secret_json_seen seen = { .uid = "u-1",
						       .resource_version = "7",
						       .metadata = metadata_of(v) };

		assert_false(secret_json_metadata_right(&x.s, metadata_of(v)));
		assert_int_equal(patched(&v, &x.s, &seen, false), 200);
	}
	want = posted(&x.s);
	assert_true(json_equal(json_object_get(v, "data"), json_object_get(want, "data")));
	assert_string_equal(at(v, "metadata", "labels", "tier"), "db");
	assert_string_equal(at(v, "metadata", "labels", "foreign"), "stays");
	assert_string_equal(at(v, "metadata", "annotations", "foreign.example/x"), "stays");
	assert_true(secret_json_metadata_right(&x.s, metadata_of(v)));
	json_decref(want);
	json_decref(v);
	scene_end(&x);
}

/* The server refuses what is not what was decided on. */
static void test_patch_guards(void **state)
{
	static const struct {
		const char *name;
		struct secret_json_seen seen;
		const char *owner;
		const char *type;
		int status;
	} cases[] = {
		{ "all known",
		  { .uid = "u-1", .resource_version = "7" },
		  "foobar/app-env",
		  "Opaque",
		  200 },
		{ "nothing known",
		  { .uid = NULL, .resource_version = NULL },
		  "foobar/app-env",
		  "Opaque",
		  200 },
		{ "another uid",
		  { .uid = "u-2", .resource_version = "7" },
		  "foobar/app-env",
		  "Opaque",
		  422 },
		{ "changed meanwhile",
		  { .uid = "u-1", .resource_version = "6" },
		  "foobar/app-env",
		  "Opaque",
		  409 },
		{ "another owner",
		  { .uid = "u-1", .resource_version = "7" },
		  "foobar/other",
		  "Opaque",
		  422 },
		{ "no owner", { .uid = NULL, .resource_version = NULL }, NULL, "Opaque", 422 },
		{ "another type",
		  { .uid = NULL, .resource_version = NULL },
		  "foobar/app-env",
		  TYPE_TLS,
		  422 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct scene x;
		json_t *v, *before;
		int r;

		scene_begin(&x);
		v = posted(&x.s);
		set_annotation(v, SECRET_JSON_OWNER, cases[i].owner);
		json_object_set_new(v, "type", json_string(cases[i].type));
		before = json_deep_copy(v);
		r = patched(&v, &x.s, &cases[i].seen, false);
		if (r != cases[i].status)
			fail_msg("%s: %d", cases[i].name, r);
		assert_true(json_equal(v, before)); /* refused, or the same content */
		if (cases[i].status != 409)
			assert_int_equal(probed(before, &x.d, &cases[i].seen, false),
					 cases[i].status);
		json_decref(before);
		json_decref(v);
		scene_end(&x);
	}
}

/* The document gives fewer labels and annotations than before: those go, and only those. */
static void test_stale(void **state)
{
	struct scene x;
	json_t *v;

	(void)state;
	scene_begin(&x);
	v = posted(&x.s);
	set_annotation(v, "foreign.example/x", "stays");
	kv_del(&x.d.labels, "team/a.b");
	kv_clear(&x.d.annotations);
	assert_false(secret_json_metadata_right(&x.s, metadata_of(v)));
	{
		const struct secret_json_seen seen = { .uid = "u-1",
						       .resource_version = "7",
						       .metadata = metadata_of(v) };

		assert_int_equal(patched(&v, &x.s, &seen, false), 200);
	}
	assert_null(at(v, "metadata", "labels", "team/a.b"));
	assert_string_equal(at(v, "metadata", "labels", "tier"), "web");
	assert_null(at(v, "metadata", "annotations", "example.com/note"));
	assert_null(at(v, "metadata", "annotations", SECRET_JSON_ANNOTATIONS));
	assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_LABELS), "tier");
	assert_string_equal(at(v, "metadata", "annotations", "foreign.example/x"), "stays");
	assert_true(secret_json_metadata_right(&x.s, metadata_of(v)));
	json_decref(v);
	scene_end(&x);
}

/* A list that someone edited makes no patch that can never be applied, and takes nothing more. */
static void test_edited_lists(void **state)
{
	static const char *const lists[] = {
		"tier,tier,tier",    ",,,",
		"gone,tier,",	     "bulla.dev/owner",
		SECRET_JSON_MANAGED, "argocd.argoproj.io/instance",
		"not a name,tier",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct scene x;
		json_t *v;

		scene_begin(&x);
		v = posted(&x.s);
		set_annotation(v, SECRET_JSON_LABELS, lists[i]);
		set_annotation(v, SECRET_JSON_ANNOTATIONS, lists[i]);
		kv_clear(&x.d.labels);
		kv_clear(&x.d.annotations);
		{
			const struct secret_json_seen seen = { .uid = "u-1",
							       .resource_version = "7",
							       .metadata = metadata_of(v) };

			assert_int_equal(patched(&v, &x.s, &seen, false), 200);
		}
		assert_int_equal(at(v, "metadata", "labels", "tier") == NULL,
				 strstr(lists[i], "tier") != NULL);
		assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_OWNER),
				    "foobar/app-env");
		assert_string_equal(at(v, "metadata", "labels", SECRET_JSON_MANAGED),
				    "bulla-agent");
		json_decref(v);
		scene_end(&x);
	}
}

/* All labels taken off by hand: seen, they come back; unseen, the patch fails and harms nothing. */
static void test_no_labels(void **state)
{
	struct scene x;
	json_t *v;

	(void)state;
	scene_begin(&x);
	v = posted(&x.s);
	json_object_del(json_object_get(v, "metadata"), "labels");
	{
		const struct secret_json_seen unseen = { .uid = "u-1",
							 .resource_version = "7",
							 .metadata = NULL };
		const struct secret_json_seen seen = { .uid = "u-1",
						       .resource_version = "7",
						       .metadata = metadata_of(v) };

		assert_int_equal(patched(&v, &x.s, &unseen, false), 422);
		assert_int_equal(patched(&v, &x.s, &seen, false), 200);
	}
	assert_string_equal(at(v, "metadata", "labels", "team/a.b"), "blue");
	assert_true(secret_json_metadata_right(&x.s, metadata_of(v)));
	json_decref(v);
	scene_end(&x);
}

/* Unseen, and guessed right or wrong: nothing of an earlier state stays, nothing else is lost. */
static void test_guesses(void **state)
{
	static const struct {
		const char *label;
		bool drop_label; /* the document gave it, and does not any more */
		bool strip;	 /* someone took all labels off */
		bool lists, bare;
		int status;
	} cases[] = {
		{ "the same labels", false, false, true, false, 200 },
		{ "a label less", true, false, true, false, 422 },
		{ "a label less, not tested", true, false, false, false, 200 },
		{ "no labels, as guessed", false, true, false, true, 200 },
		{ "no labels, not guessed", false, true, true, false, 422 },
		{ "labels after all", false, false, false, true, 422 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct secret_json_seen seen = { .lists = cases[i].lists,
						       .bare = cases[i].bare };
		struct scene x;
		json_t *v, *before;

		scene_begin(&x);
		v = posted(&x.s);
		if (cases[i].drop_label)
			kv_del(&x.d.labels, "tier");
		if (cases[i].strip)
			json_object_del(json_object_get(v, "metadata"), "labels");
		before = json_deep_copy(v);
		if (patched(&v, &x.s, &seen, false) != cases[i].status)
			fail_msg("%s", cases[i].label);
		assert_int_equal(json_equal(v, before),
				 cases[i].status == 422 ||
				     (!cases[i].drop_label && !cases[i].strip));
		json_decref(before);
		json_decref(v);
		scene_end(&x);
	}
}

/* --- adoption --------------------------------------------------------------------------------- */

static json_t *foreign(const char *adopt)
{
	json_t *v = json_pack("{s:s, s:{s:s, s:s, s:{s:s}}, s:s, s:{s:s}}", "kind", "Secret",
			      "metadata", "uid", "u-9", "resourceVersion", "3", "annotations", "by",
			      "hand", "type", "Opaque", "data", "old", "AAAA");

	assert_non_null(v);
	if (adopt != NULL)
		set_annotation(v, SECRET_JSON_ADOPT, adopt);
	return v;
}

static void test_adopt(void **state)
{
	static const struct {
		const char *mark;
		int status;
		enum secret_json_mark is;
	} cases[] = {
		{ "foobar/app-env", 200, SECRET_JSON_ADOPTABLE },
		{ "foobar/app-en", 422, SECRET_JSON_FOREIGN },
		{ "foobar/app-env ", 422, SECRET_JSON_FOREIGN },
		{ "app-env", 422, SECRET_JSON_FOREIGN },
		{ "true", 422, SECRET_JSON_FOREIGN },
		{ NULL, 422, SECRET_JSON_FOREIGN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *v = foreign(cases[i].mark);
		const struct secret_json_seen seen = { .uid = "u-9",
						       .resource_version = "3",
						       .metadata = metadata_of(v) };
		struct scene x;

		scene_begin(&x);
		assert_int_equal(secret_json_mark(metadata_of(v), "foobar", "app-env"),
				 cases[i].is);
		assert_int_equal(probed(v, &x.d, &seen, true), cases[i].status);
		assert_int_equal(patched(&v, &x.s, &seen, false), 422);
		assert_int_equal(patched(&v, &x.s, &seen, true), cases[i].status);
		if (cases[i].status == 200) {
			assert_int_equal(secret_json_mark(metadata_of(v), "foobar", "app-env"),
					 SECRET_JSON_OURS);
			assert_null(at(v, "metadata", "annotations", SECRET_JSON_ADOPT));
			assert_null(at(v, "data", "old", NULL));
			assert_string_equal(at(v, "metadata", "annotations", "by"), "hand");
			assert_string_equal(at(v, "metadata", "annotations", SECRET_JSON_POLICY),
					    "Retain");
			/* and the next update remembers it */
			assert_true(secret_json_metadata_right(&x.s, metadata_of(v)));
		}
		json_decref(v);
		scene_end(&x);
	}
}

static void test_adopt_command(void **state)
{
	struct buf out = BUF_INIT;
	struct scene x;

	(void)state;
	scene_begin(&x);
	secret_json_adopt_command(&x.d, NULL, &out);
	assert_string_equal(
	    buf_str(&out),
	    "kubectl annotate secret app-env -n foobar bulla.dev/adopt=foobar/app-env");
	buf_reset(&out);
	secret_json_adopt_command(&x.d, "other", &out);
	assert_string_equal(
	    buf_str(&out),
	    "kubectl annotate secret app-env -n other bulla.dev/adopt=foobar/app-env");
	buf_clear(&out);
	scene_end(&x);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void test_owner(void **state)
{
	static const struct {
		const char *mark;
		const char *namespace;
		const char *name;
	} cases[] = {
		{ "a/b", "a", "b" },   { "flux-system/flux.ssh", "flux-system", "flux.ssh" },
		{ "a", NULL, NULL },   { "/b", NULL, NULL },
		{ "a/", NULL, NULL },  { "a/b/c", NULL, NULL },
		{ "A/b", NULL, NULL }, { "a.b/c", NULL, NULL },
		{ "", NULL, NULL },
	};
	char *namespace = NULL, *name = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *m = json_pack("{s:{s:s}}", "annotations", SECRET_JSON_OWNER, cases[i].mark);

		assert_int_equal(secret_json_owner(m, &namespace, &name),
				 cases[i].namespace != NULL);
		if (cases[i].namespace != NULL) {
			assert_string_equal(namespace, cases[i].namespace);
			assert_string_equal(name, cases[i].name);
			mem_free(namespace);
			mem_free(name);
		}
		json_decref(m);
	}
	assert_false(secret_json_owner(NULL, &namespace, &name));
	assert_int_equal(secret_json_mark(NULL, "a", "b"), SECRET_JSON_FOREIGN);
}

/* Metadata of any shape: nothing in it is trusted to be what the API says. */
static void test_hostile_metadata(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"annotations\":[]}",
		"{\"annotations\":{\"bulla.dev/owner\":7}}",
		"{\"annotations\":{\"bulla.dev/labels\":{}},\"labels\":\"x\"}",
		"{\"annotations\":\"x\",\"labels\":{\"tier\":null}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct err err = ERR_INIT;
		json_t *m = json_parse(texts[i], strlen(texts[i]), "metadata", &err);
		const struct secret_json_seen seen = { .uid = NULL,
						       .resource_version = NULL,
						       .metadata = m };
		struct buf out = BUF_INIT;
		struct scene x;

		scene_begin(&x);
		assert_int_equal(secret_json_mark(m, "foobar", "app-env"), SECRET_JSON_FOREIGN);
		assert_false(secret_json_metadata_right(&x.s, m));
		assert_int_equal(secret_json_patch(&x.s, &seen, false, &out, &err), 0);
		json_decref(parse(&out));
		buf_clear(&out);
		json_decref(m);
		scene_end(&x);
	}
}

static void test_pointer(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} cases[] = {
		{ "a", "a" },	 { "a/b", "a~1b" },   { "a~b", "a~0b" },
		{ "~1", "~01" }, { "/~/", "~1~0~1" }, { "", "" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		secret_json_pointer(&out, cases[i].in);
		assert_string_equal(buf_str(&out), cases[i].out);
		buf_reset(&out);
	}
	buf_clear(&out);
}

static void test_delete(void **state)
{
	static const struct {
		const char *uid;
		const char *version;
		const char *want;
	} cases[] = {
		{ "u", "7",
		  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":"
		  "{\"uid\":\"u\",\"resourceVersion\":\"7\"}}" },
		{ "u", NULL,
		  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":"
		  "{\"uid\":\"u\"}}" },
		{ NULL, "7",
		  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":"
		  "{\"resourceVersion\":\"7\"}}" },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		secret_json_delete(cases[i].uid, cases[i].version, &out);
		assert_string_equal(buf_str(&out), cases[i].want);
		buf_reset(&out);
	}
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),	  cmocka_unit_test(test_create_copy),
		cmocka_unit_test(test_policy),	  cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_patch),	  cmocka_unit_test(test_patch_guards),
		cmocka_unit_test(test_stale),	  cmocka_unit_test(test_edited_lists),
		cmocka_unit_test(test_no_labels), cmocka_unit_test(test_guesses),
		cmocka_unit_test(test_adopt),	  cmocka_unit_test(test_adopt_command),
		cmocka_unit_test(test_owner),	  cmocka_unit_test(test_hostile_metadata),
		cmocka_unit_test(test_pointer),	  cmocka_unit_test(test_delete),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
