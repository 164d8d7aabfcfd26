/* SPDX-License-Identifier: Apache-2.0 */
/* How a copy goes, or stays, step by step, against a client and an owner of the test. */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/kube_copy.h"
#include "base/clock.h"
#include "base/mem.h"

static struct {
	struct store_kube_options o;
	struct store_kube st;
	struct kube_copy_owner owner;
	struct kube_copy *c;
	char method[8];
	char path[256];
	bool metadata_only;
	kube_done_fn *done;
	size_t n_sent, n_ended, n_asked;
	enum kube_copy_end how;
	bool may_go;
} world;

void kube_send(struct kube_client *k, const struct kube_request *r, kube_done_fn *done, void *ctx)
{
	(void)k;
	assert_ptr_equal(ctx, world.c);
	snprintf(world.method, sizeof(world.method), "%s", r->method);
	snprintf(world.path, sizeof(world.path), "%s", r->path);
	world.metadata_only = r->metadata_only;
	world.done = done;
	world.n_sent++;
}

void kube_cancel(struct kube_client *k, const void *ctx)
{
	(void)k;
	(void)ctx;
	fail_msg("nothing is cancelled here");
}

struct kube_timers *kube_client_timers(struct kube_client *k)
{
	(void)k;
	return NULL;
}

static void ended(void *ctx, struct kube_copy *c, enum kube_copy_end how)
{
	(void)ctx;
	assert_false(c->busy);
	world.how = how;
	world.n_ended++;
}

static bool let_go(void *ctx, struct kube_copy *c)
{
	(void)ctx;
	assert_true(c->busy);
	world.n_asked++;
	return world.may_go;
}

static char home[] = "home", login[] = "login";

static void open_world(bool flux)
{
	memset(&world, 0, sizeof(world));
	world.o = (struct store_kube_options){ .agent_namespace = "bulla-system", .flux = flux };
	world.st.o = &world.o;
	world.owner = (struct kube_copy_owner){
		.st = &world.st, .namespace = home, .name = login, .ended = ended, .let_go = let_go
	};
	world.may_go = true;
	kube_docs_init(&world.st.docs);
	world.c = kube_copy_new(&world.owner, "one");
	world.c->there = true;
	mem_replace(&world.c->uid, "u");
	mem_replace(&world.c->version, "7");
	mem_replace(&world.c->crd_uid, "k");
}

static void close_world(void)
{
	kube_copy_free(world.c);
	kube_docs_clear(&world.st.docs);
}

/* true: another request was sent. */
static bool answer(long status, const char *object)
{
	json_t *o = object == NULL ? NULL : json_loads(object, 0, NULL);
	const struct kube_answer a = { .status = status,
				       .object = o,
				       .reason = status == 404 ? "NotFound" : "",
				       .name = status == 404 ? "login" : "",
				       .message = "",
				       .cause = "" };
	size_t before = world.n_sent;

	world.done(world.c, &a);
	json_decref(o);
	return world.n_sent > before;
}

#define SEEN "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"7\"}}"
#define NOBODY "{\"items\":[]}"
#define SOURCE                                                                                     \
	"{\"items\":[{\"metadata\":{\"name\":\"app\"},\"spec\":{\"secretRef\":{\"name\":"          \
	"\"login\"}}}]}"

static void assert_asked(const char *method, const char *what)
{
	assert_string_equal(world.method, method);
	if (strstr(world.path, what) == NULL)
		fail_msg("%s in place of %s", world.path, what);
	assert_int_equal(world.metadata_only, strstr(what, "/source.toolkit") == NULL);
}

#define SECRET "/api/v1/namespaces/one/secrets/login"
#define SOURCES(plural) "/apis/source.toolkit.fluxcd.io/v1/namespaces/one/" plural "?"

static void find(enum kube_copy_why why)
{
	kube_copy_remove(world.c, why);
	if (why == COPY_ORPHANED) {
		assert_asked("GET", "/namespaces/home/sealedcredentials/login");
		assert_true(answer(404, NULL));
		assert_asked("GET", "/customresourcedefinitions/");
		assert_true(answer(200, "{\"metadata\":{\"uid\":\"k\"}}"));
	}
	assert_asked("PATCH", SECRET);
}

static void nobody_uses_it(void)
{
	assert_asked("GET", SOURCES("gitrepositories"));
	assert_true(answer(200, NOBODY));
	assert_asked("GET", SOURCES("ocirepositories"));
	assert_true(answer(404, NULL));
	assert_asked("GET", SOURCES("helmrepositories"));
	assert_true(answer(200, NOBODY));
	assert_asked("GET", SOURCES("buckets"));
}

static void test_goes(void **state)
{
	static const struct {
		enum kube_copy_why why;
		bool flux, searched;
	} cases[] = {
		{ COPY_UNNAMED, false, false },	   { COPY_UNNAMED, true, true },
		{ COPY_ORPHANED, false, false },   { COPY_ORPHANED, true, true },
		{ COPY_IN_THE_WAY, false, false }, { COPY_IN_THE_WAY, true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		open_world(cases[i].flux);
		find(cases[i].why);
		assert_true(answer(200, SEEN));
		if (cases[i].searched) {
			nobody_uses_it();
			assert_int_equal(world.n_asked, 0);
			assert_true(answer(200, NOBODY));
		}
		assert_int_equal(world.n_asked, 1);
		assert_asked("DELETE", SECRET);
		assert_false(answer(200, "{}"));
		assert_int_equal(world.n_ended, 1);
		assert_int_equal(world.how, COPY_REMOVED);
		assert_false(world.c->there);
		close_world();
	}
}

static void test_stays_while_it_is_used(void **state)
{
	int64_t now_ms = clock_monotonic_ms();

	(void)state;
	open_world(true);
	for (unsigned i = 0; i < 20; i++) {
		find(COPY_ORPHANED);
		assert_true(answer(200, SEEN));
		assert_false(answer(200, SOURCE));
		assert_int_equal(world.how, COPY_LEFT);
		assert_int_equal(world.c->fault, COPY_USED);
		assert_string_equal(world.c->user, "GitRepository app");
		assert_true(world.c->there);
		assert_true(world.c->not_before > now_ms);
		assert_true(world.c->not_before < clock_monotonic_ms() + 75000);
	}
	assert_int_equal(world.n_asked, 0);
	/* named again: nothing keeps it from being looked after */
	kube_copy_wanted(world.c);
	assert_int_equal(world.c->fault, COPY_FINE);
	assert_int_equal(world.c->not_before, 0);
	assert_false(world.c->stale);
	/* nobody uses it any more */
	find(COPY_UNNAMED);
	assert_true(answer(200, SEEN));
	nobody_uses_it();
	assert_true(answer(200, NOBODY));
	assert_asked("DELETE", SECRET);
	assert_false(answer(200, "{}"));
	assert_int_equal(world.how, COPY_REMOVED);
	close_world();
}

/* What keeps a copy for another reason is not over because it is wanted. */
static void test_wanted(void **state)
{
	(void)state;
	open_world(true);
	find(COPY_UNNAMED);
	assert_false(answer(403, NULL));
	assert_int_equal(world.c->fault, COPY_FORBIDDEN);
	kube_copy_wanted(world.c);
	assert_int_equal(world.c->fault, COPY_FORBIDDEN);
	assert_true(world.c->not_before > clock_monotonic_ms());
	close_world();
}

static void test_stays_when_nobody_says(void **state)
{
	static const long said[] = { 0, 403, 500, 200 };

	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		open_world(true);
		find(COPY_UNNAMED);
		assert_true(answer(200, SEEN));
		assert_true(answer(200, NOBODY));
		assert_false(answer(said[i], "{}"));
		assert_int_equal(world.how, COPY_LEFT);
		assert_int_equal(world.c->fault, COPY_FAILED);
		assert_true(world.c->there);
		assert_int_equal(world.n_asked, 0);
		close_world();
	}
}

/* Its owner has the last word, which is no failure. */
static void test_held_by_its_owner(void **state)
{
	(void)state;
	for (unsigned flux = 0; flux < 2; flux++) {
		open_world(flux);
		world.may_go = false;
		find(COPY_UNNAMED);
		if (flux) {
			assert_true(answer(200, SEEN));
			nobody_uses_it();
		}
		assert_false(answer(200, flux ? NOBODY : SEEN));
		assert_int_equal(world.n_asked, 1);
		assert_int_equal(world.how, COPY_LEFT);
		assert_int_equal(world.c->fault, COPY_FINE);
		assert_int_equal(world.c->not_before, 0);
		close_world();
	}
}

/* Another than was made is there, and it is to stay in the end: it is written anew. */
static void test_changed_meanwhile(void **state)
{
	(void)state;
	open_world(true);
	find(COPY_UNNAMED);
	assert_true(answer(200, "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"8\"}}"));
	assert_false(answer(200, SOURCE));
	kube_copy_wanted(world.c);
	assert_true(world.c->stale);
	close_world();
}

/* Was it another one before?  After a restart the probe tells. */
static void test_written(void **state)
{
	static const struct {
		const char *known, *probed, *written;
		enum kube_copy_end how;
	} cases[] = {
		{ NULL, "7", "7", COPY_KEPT },	  { NULL, "7", "8", COPY_WRITTEN },
		{ "7", "7", "7", COPY_KEPT },	  { "7", "7", "8", COPY_WRITTEN },
		{ "7", "8", "8", COPY_WRITTEN }, /* of the one in between nobody was told */
		{ "7", NULL, "9", COPY_WRITTEN },
	};
	static char opaque[] = "Opaque";
	const unsigned char digest[SUBJECT_DIGEST] = { 1 };
	struct document doc = { .namespace = home, .name = login, .policy = POLICY_DELETE };
	struct kind_secret secret = KIND_SECRET_INIT;

	(void)state;
	secret.type = opaque;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *object = mem_printf(
		    "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"%s\"}}", cases[i].probed);

		open_world(true);
		mem_replace(&world.c->version, cases[i].known);
		kube_copy_write(world.c, &doc, &secret, digest);
		assert_asked("PATCH", SECRET);
		assert_true(cases[i].probed != NULL ? answer(200, object) : answer(404, NULL));
		assert_string_equal(world.method, cases[i].probed != NULL ? "PATCH" : "POST");
		mem_free(object);
		object = mem_printf("{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"%s\"}}",
				    cases[i].written);
		assert_false(answer(200, object));
		mem_free(object);
		if (world.how != cases[i].how)
			fail_msg("case %zu", i);
		assert_string_equal(world.c->version, cases[i].written);
		close_world();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes),
		cmocka_unit_test(test_stays_while_it_is_used),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_stays_when_nobody_says),
		cmocka_unit_test(test_held_by_its_owner),
		cmocka_unit_test(test_changed_meanwhile),
		cmocka_unit_test(test_written),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
