/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which service accounts are to name a Secret and which are not, what is said of them, and when a
 * Secret may go.  No server is asked: an account is what was seen of it.
 */
#include "tests/unit/agent/scene.h"

#include "agent/kube_fan_accounts.h"
#include "agent/kube_fan_tell.h"
#include "agent/kube_fanout.h"

#define MAP                                                                                        \
	"src:\n  namespaces: [\"t*\"]\n  serviceAccounts: [\"b*\", default]\n"                     \
	"two:\n  namespaces: [\"t*\"]\n  serviceAccounts: [\"*\"]\n"

static bool is_place(const struct table_node *node, const void *key, size_t len)
{
	const char *name = ((const struct kube_place *)node)->name;

	return strlen(name) == len && memcmp(name, key, len) == 0;
}

struct world {
	struct namespaces map;
	struct store_kube_options o;
	struct store_kube st;
	struct kube_fanout all;
};

static void open_world(struct world *w)
{
	struct err err = ERR_INIT;

	*w = (struct world){ .map = NAMESPACES_INIT };
	assert_int_equal(namespaces_parse("map", "bulla-system", MAP, strlen(MAP), &w->map, &err),
			 0);
	w->o = (struct store_kube_options){ .fan_out = &w->map, .agent_namespace = "bulla-system" };
	w->st = (struct store_kube){ .o = &w->o };
	w->all.st = &w->st;
	kube_docs_init(&w->st.docs);
	turns_init(&w->st.looks);
	kube_fan_init(&w->all);
	w->st.fanout = &w->all;
	kube_accounts_init(&w->all.accounts);
	w->all.accounts.synced = true;
	w->all.places.table = (struct table)TABLE_INIT(is_place);
}

static void close_world(struct world *w)
{
	struct table_node **nodes = table_nodes(&w->all.fans);

	for (size_t i = w->all.fans.n; i-- > 0;) {
		struct kube_fan *f = (struct kube_fan *)nodes[i];
		struct table_node **copies = table_nodes(&f->copies);

		for (size_t k = f->copies.n; k-- > 0;)
			kube_fan_drop_copy(f, (struct kube_copy *)copies[k]);
		mem_free(copies);
		kube_fan_drop(f);
	}
	mem_free(nodes);
	table_clear(&w->all.fans);
	kube_accounts_close(&w->all.accounts);
	turns_clear(&w->st.looks);
	kube_docs_clear(&w->st.docs);
	namespaces_clear(&w->map);
}

static struct kube_fan *fan(struct world *w, const char *from, const char *name,
			    const char *namespaces, const char *accounts)
{
	struct kube_doc *d = kube_docs_need(&w->st.docs, from, name);
	struct kube_fan *f = kube_fan_need(&w->all, from, name);

	d->s.documents = 1;
	mem_replace(&f->facts, namespaces);
	mem_replace(&f->accounts, accounts);
	return f;
}

/* What a watch has shown of it; it is in the table as one that carries our note would be. */
static struct kube_account *account(struct world *w, const char *namespace, const char *name,
				    const char *listed, const char *note)
{
	struct kube_account *a = kube_accounts_want(&w->all.accounts, namespace, name, "probe");
	json_t *o =
	    json_pack("{s:{s:s,s:{s:s}},s:[{s:s}]}", "metadata", "resourceVersion", "7",
		      "annotations", PULL_SECRETS_NOTE, note, "imagePullSecrets", "name", listed);

	assert_true(kube_account_seen(a, o));
	assert_false(kube_account_seen(a, o)); /* the same again */
	json_decref(o);
	kv_del(&a->want, "probe");
	return a;
}

static struct kube_fan_tally plan(struct world *w, struct kube_fan *f)
{
	struct kube_fan_tally t = { .names = BUF_INIT };

	kube_fan_accounts_plan(f, namespaces_rule(&w->map, f->owner.namespace, "registry"), &t);
	return t;
}

static struct kube_account *find(const struct world *w, const char *namespace, const char *name)
{
	struct table_node **nodes = table_nodes(&w->all.accounts.table);
	struct kube_account *found = NULL;

	for (size_t i = 0; i < w->all.accounts.table.n; i++) {
		struct kube_account *a = (struct kube_account *)nodes[i];

		if (strcmp(a->namespace, namespace) == 0 && strcmp(a->name, name) == 0)
			found = a;
	}
	mem_free(nodes);
	return found;
}

static void test_wanted_in_the_own_namespace(void **state)
{
	static const struct {
		const char *from, *accounts;
		const char *name; /* of one that is looked at */
		bool wanted;
		size_t n;
	} rows[] = {
		{ "src", "builder,default", "builder", true, 2 },
		{ "src", "builder,default", "default", true, 2 },
		{ "src", "builder,other", "other", false, 1 },
		{ "src", NULL, "default", false, 0 },
		{ "two", "x,y,z", "y", true, 3 },
		{ "elsewhere", "default", "default", false, 0 }, /* no rule */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct kube_account *a;
		struct kube_fan_tally t;
		struct world w;

		open_world(&w);
		t = plan(&w, fan(&w, rows[i].from, "login", "t1", rows[i].accounts));
		a = find(&w, rows[i].from, rows[i].name);
		assert_int_equal(a != NULL && kv_has(&a->want, "login"), rows[i].wanted);
		assert_int_equal(t.accounts, rows[i].n);
		assert_int_equal(w.all.accounts.table.n, rows[i].n);
		/* nothing is known of them yet, so nothing is said */
		assert_int_equal(t.undecided, rows[i].n != 0);
		assert_int_equal(t.accounts_missing, 0);
		kube_fan_tell_end(&t);
		close_world(&w);
	}
}

/* The Secret comes first: without a copy nothing is wanted beside it. */
static void test_no_copy_no_name(void **state)
{
	struct kube_fan_tally t;
	struct kube_fan *f;
	struct world w;

	(void)state;
	open_world(&w);
	f = fan(&w, "src", "login", "t1", "builder");
	kube_fan_copy(f, "t1");
	t = plan(&w, f);
	assert_int_equal(t.accounts, 1);
	assert_null(find(&w, "t1", "builder"));
	kube_fan_tell_end(&t);
	close_world(&w);
}

/* Of what is noted, what is taken back and what stays. */
static void test_unwanted(void **state)
{
	static const struct {
		const char *namespace, *name, *noted; /* the account */
		const char *facts, *accounts;	      /* of src/login */
		bool copy;			      /* of it is in namespace */
		bool drop;			      /* login */
	} rows[] = {
		{ "src", "builder", "login", NULL, "builder", false, false },
		{ "src", "builder", "login", NULL, "default", false, true },
		{ "src", "builder", "login", NULL, NULL, false, true },
		{ "src", "other", "login", NULL, "other", false, true }, /* by the map */
		{ "src", "builder", "else", NULL, NULL, false, false },
		{ "t1", "builder", "login", "t1", "builder", true, false },
		{ "t1", "builder", "login", "t1", NULL, true, true },
		{ "t1", "builder", "login", "t2", "builder", true, true },
		/* nothing shows that it was this document's: it may be of one that was kept */
		{ "t1", "builder", "login", NULL, "builder", false, false },
		{ "t1", "builder", "login", "t1", "default", false, true },
		/* the copy is about to be made again */
		{ "t1", "builder", "login", "t1", "builder", false, false },
		{ "x1", "builder", "login", "x1", "builder", true, true }, /* by the map */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct kube_account *a;
		struct kube_fan_tally t;
		struct kube_fan *f;
		struct world w;

		open_world(&w);
		f = fan(&w, "src", "login", rows[i].facts, rows[i].accounts);
		a = account(&w, rows[i].namespace, rows[i].name, rows[i].noted, rows[i].noted);
		if (rows[i].copy)
			kube_fan_copy(f, rows[i].namespace)->there = true;
		t = plan(&w, f);
		if (kv_has(&a->drop, "login") != rows[i].drop)
			fail_msg("row %zu", i);
		assert_int_equal(kube_account_due(a), rows[i].drop);
		kube_fan_tell_end(&t);
		close_world(&w);
	}
}

/* Of documents of one name, the one whose Secret is there decides. */
static void test_the_holder_decides(void **state)
{
	struct kube_account *a;
	struct kube_fan_tally t;
	struct kube_fan *f, *g;
	struct world w;

	(void)state;
	open_world(&w);
	f = fan(&w, "src", "login", "t1", "builder");
	g = fan(&w, "two", "login", NULL, "builder");
	a = account(&w, "t1", "builder", "login", "login");
	kube_fan_copy(f, "t1")->there = true;
	t = plan(&w, g); /* which has nothing there */
	assert_int_equal(a->drop.n, 0);
	kube_fan_tell_end(&t);
	kube_fan_copy(f, "t1")->there = false;
	t = plan(&w, g); /* which never had */
	assert_int_equal(a->drop.n, 0);
	kube_fan_tell_end(&t);
	kube_fan_copy(g, "t1");
	t = plan(&w, g);
	assert_true(kv_has(&a->drop, "login"));
	kube_fan_tell_end(&t);
	close_world(&w);
}

/* What a copy was named for is not named when the name is somebody else's by now. */
static void test_a_copy_that_became_anothers(void **state)
{
	static const struct {
		bool there;
		enum kube_copy_fault fault;
		bool wanted; /* since it was there */
		bool drop;
	} rows[] = {
		{ false, COPY_FOREIGN, true, true },
		{ false, COPY_FOREIGN, false, false }, /* the entry may be of that Secret */
		{ true, COPY_FOREIGN, true, false },
		{ false, COPY_FAILED, true, false },
		{ true, COPY_FINE, true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct kube_fan_tally t;
		struct kube_account *a;
		struct kube_copy *c;
		struct kube_fan *f;
		struct world w;

		open_world(&w);
		f = fan(&w, "src", "login", "t1", "builder");
		c = kube_fan_copy(f, "t1");
		c->there = rows[i].there;
		c->fault = rows[i].fault;
		a = account(&w, "t1", "builder", "login", "login");
		if (rows[i].wanted)
			kube_accounts_want(&w.all.accounts, "t1", "builder", "login");
		t = plan(&w, f);
		if (kv_has(&a->drop, "login") != rows[i].drop)
			fail_msg("row %zu", i);
		assert_int_equal(kv_has(&a->want, "login"), rows[i].wanted && !rows[i].drop);
		kube_fan_tell_end(&t);
		close_world(&w);
	}
}

/* A document in the account's namespace, or what is left of it, decides about its own name. */
static void test_a_local_document_decides(void **state)
{
	static const struct {
		size_t documents;
		bool recorded, retained;
		const char *facts; /* of the other document */
		bool copy;	   /* of it is there */
		bool drop;
	} rows[] = {
		{ 1, true, false, NULL, false, false },
		{ 0, true, false, NULL, false, false }, /* its removal waits */
		{ 0, true, false, "t1", false, false },
		{ 0, true, false, "t1", true, true }, /* the Secret is the other's */
		{ 0, true, true, NULL, false, false },
		{ 0, true, true, "t1", false, true },
		{ 0, false, false, NULL, false, false }, /* kept, and forgotten */
		{ 0, false, false, "t1", false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int with_fan = 0; with_fan < 2; with_fan++) {
			struct kube_fan_tally t;
			struct kube_account *a;
			struct kube_fan *f;
			struct kube_doc *d;
			struct world w;

			open_world(&w);
			f = fan(&w, "src", "login", rows[i].facts, "default");
			d = kube_docs_need(&w.st.docs, "t1", "login");
			d->s.documents = rows[i].documents;
			d->s.recorded = rows[i].recorded;
			d->s.retained = rows[i].retained;
			if (with_fan != 0)
				kube_fan_need(&w.all, "t1", "login");
			if (rows[i].copy)
				kube_fan_copy(f, "t1")->there = true;
			a = account(&w, "t1", "builder", "login", "login");
			t = plan(&w, f);
			if (kv_has(&a->drop, "login") != rows[i].drop)
				fail_msg("row %zu, with its fan: %d", i, with_fan);
			kube_fan_tell_end(&t);
			close_world(&w);
		}
	}
}

static void add_place(struct world *w, struct kube_place *p)
{
	table_add(&w->all.places.table, &p->node, p->name, strlen(p->name));
}

/* What is deleted with its namespace is asked for no more; what may come is. */
static void test_accounts_of_a_namespace_that_is_gone(void **state)
{
	static char t1[] = "t1", t2[] = "t2", src[] = "src";
	struct kube_place places[] = { { .name = t2 }, { .name = src } };
	struct kube_fan_tally t;
	struct kube_fan *f;
	struct world w;

	(void)state;
	open_world(&w);
	f = fan(&w, "src", "login", "t1,t2", "builder");
	kube_accounts_want(&w.all.accounts, t1, "builder", "login");
	kube_accounts_want(&w.all.accounts, t2, "builder", "login");
	for (size_t i = 0; i < COUNT(places); i++)
		add_place(&w, &places[i]);
	t = plan(&w, f);
	kube_fan_tell_end(&t);
	assert_null(find(&w, t1, "builder"));
	assert_true(kv_has(&find(&w, t2, "builder")->want, "login"));
	assert_true(kv_has(&find(&w, src, "builder")->want, "login"));
	for (size_t i = 0; i < COUNT(places); i++)
		table_remove(&w.all.places.table, &places[i].node);
	/* that of the document is looked at with the document */
	t = plan(&w, f);
	kube_fan_tell_end(&t);
	assert_null(find(&w, t2, "builder"));
	assert_true(kv_has(&find(&w, src, "builder")->want, "login"));
	table_clear(&w.all.places.table);
	close_world(&w);
}

/* With its fan what a document wanted is forgotten, and what was added stays. */
static void test_a_fan_that_goes(void **state)
{
	struct kube_account *a;
	struct kube_fan *f, *g;
	struct world w;

	(void)state;
	open_world(&w);
	f = fan(&w, "src", "login", "t1", "builder");
	g = fan(&w, "two", "login", "t2", "builder");
	kube_accounts_want(&w.all.accounts, "src", "builder", "login");
	kube_accounts_want(&w.all.accounts, "t2", "builder", "login");
	kube_fan_copy(g, "t2")->there = true;
	a = account(&w, "t1", "builder", "login", "login");
	kube_accounts_want(&w.all.accounts, "t1", "builder", "login");
	kube_fan_accounts_forget(f);
	assert_null(find(&w, "src", "builder"));
	assert_true(kv_has(&find(&w, "t2", "builder")->want, "login"));
	assert_int_equal(a->want.n, 0);
	assert_int_equal(a->drop.n, 0);
	assert_false(kube_account_due(a));
	close_world(&w);
}

static void test_before_a_secret_goes(void **state)
{
	static const struct {
		const char *noted;
		enum kube_account_fault fault;
		bool may_go;
	} rows[] = {
		{ "login", ACCOUNT_FINE, false },     { "login", ACCOUNT_FAILED, false },
		{ "login", ACCOUNT_FORBIDDEN, true }, { "login", ACCOUNT_MANAGED, true },
		{ "else", ACCOUNT_FINE, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct kube_account *a;
		struct world w;

		open_world(&w);
		a = account(&w, "src", "builder", rows[i].noted, rows[i].noted);
		a->fault = rows[i].fault;
		assert_true(kube_fan_accounts_let_go(&w.st, "other", "login"));
		if (kube_fan_accounts_let_go(&w.st, "src", "login") != rows[i].may_go)
			fail_msg("row %zu", i);
		assert_int_equal(kv_has(&a->drop, "login"), strcmp(rows[i].noted, "login") == 0);
		assert_ptr_equal(kube_fan_accounts_holder(&w.st, "src", "login"),
				 rows[i].fault == ACCOUNT_FAILED ? a : NULL);
		assert_null(kube_fan_accounts_holder(&w.st, "other", "login"));
		/* not before the accounts were seen, unless they cannot be */
		w.all.accounts.synced = false;
		assert_false(kube_fan_accounts_let_go(&w.st, "src", "login"));
		w.all.accounts.denied = true;
		assert_true(kube_fan_accounts_let_go(&w.st, "src", "login"));
		w.st.fanout = NULL;
		assert_null(kube_fan_accounts_holder(&w.st, "src", "login"));
		assert_true(kube_fan_accounts_let_go(&w.st, "src", "login"));
		close_world(&w);
	}
}

/* An account that only was to name it is not waited for. */
static void test_what_is_only_wanted_holds_nothing(void **state)
{
	struct kube_account *a;
	struct world w;

	(void)state;
	open_world(&w);
	a = account(&w, "src", "builder", "else", "else");
	kube_accounts_want(&w.all.accounts, "src", "builder", "login");
	kube_accounts_want(&w.all.accounts, "src", "default", "login");
	assert_true(kube_fan_accounts_let_go(&w.st, "src", "login"));
	assert_int_equal(a->want.n + a->drop.n, 0);
	assert_null(find(&w, "src", "default"));
	kube_accounts_want(&w.all.accounts, "src", "builder", "login");
	a->busy = true; /* by now it may have been given to it */
	assert_false(kube_fan_accounts_let_go(&w.st, "src", "login"));
	assert_true(kv_has(&a->drop, "login"));
	a->busy = false;
	close_world(&w);
}

/* A rule that goes takes the figures with it. */
static void test_no_rule_counts_nothing(void **state)
{
	struct kube_fan_counts counts;
	struct status_json_fan_out out;
	struct kube_doc *d;
	struct kube_fan *f;
	struct world w;

	(void)state;
	open_world(&w);
	w.all.remembered = true;
	w.all.places.synced = true;
	f = fan(&w, "elsewhere", "login", "t1", "builder");
	f->counts = (struct kube_fan_counts){ 1, 2, 3, 4 };
	d = kube_fan_doc(f);
	d->s.reason = REASON_APPLIED;
	d->s.recorded = true;
	d->parsed = true;
	d->reaches = true;
	d->kind = kind_find("registry");
	kube_fanout_work(&w.st, 1000);
	kube_fanout_say(&w.st, d, NULL, &out);
	assert_string_equal(out.reason, "NotAllowed");
	kube_fanout_counts(&w.st, &counts);
	assert_int_equal(counts.copies + counts.copies_missing, 0);
	assert_int_equal(counts.accounts + counts.accounts_missing, 0);
	close_world(&w);
}

static const struct {
	const char *facts, *accounts;
	size_t wanted, n;
	enum kube_account_fault faults[6]; /* up to the first ACCOUNT_FINE */
	enum kube_copy_fault copy;	   /* of one copy that is missing */
	bool done;
	const char *reason, *message;
} words[] = {
	{ "t1",
	  "builder",
	  1,
	  2,
	  { ACCOUNT_FINE },
	  COPY_FINE,
	  true,
	  "Applied",
	  "copies in place: 1 of 1; service accounts that name it: 2 of 2" },
	{ NULL,
	  "builder",
	  0,
	  1,
	  { ACCOUNT_FINE },
	  COPY_FINE,
	  true,
	  "Applied",
	  "service accounts that name it: 1 of 1" },
	{ NULL,
	  "builder",
	  0,
	  1,
	  { ACCOUNT_ABSENT, ACCOUNT_FINE },
	  COPY_FINE,
	  false,
	  "ServiceAccountMissing",
	  "service accounts that name it: 0 of 1; missing: t0/builder (it is not there)" },
	{ NULL,
	  "builder,other",
	  0,
	  1,
	  { ACCOUNT_FINE },
	  COPY_FINE,
	  false,
	  "NotAllowed",
	  "service accounts that name it: 1 of 1; the agent's map does not allow the service "
	  "accounts: other" },
	{ NULL,
	  "builder",
	  0,
	  6,
	  { ACCOUNT_ABSENT, ACCOUNT_MANAGED, ACCOUNT_FAILED, ACCOUNT_FORBIDDEN, ACCOUNT_ABSENT,
	    ACCOUNT_FINE },
	  COPY_FINE,
	  false,
	  "ServiceAccountManaged",
	  "service accounts that name it: 1 of 6; missing: t0/builder (it is not there), "
	  "t2/builder (the API server did not do it; it is tried again), t3/builder (the agent "
	  "may not read and change service accounts there), ...; another manager takes it away "
	  "again, so add the line \"- name: login\" to imagePullSecrets in Git, of the service "
	  "accounts: t1/builder" },
	{ "t1",
	  "builder",
	  1,
	  1,
	  { ACCOUNT_MANAGED, ACCOUNT_FINE },
	  COPY_FOREIGN,
	  false,
	  "Foreign",
	  "copies in place: 0 of 1; missing: t9 (a Secret of this name is there that is not this "
	  "document's); service accounts that name it: 0 of 1; another manager takes it away "
	  "again, so add the line \"- name: login\" to imagePullSecrets in Git, of the service "
	  "accounts: t0/builder" },
};

static void tell(struct world *w, size_t row)
{
	static const char *const places[] = { "t0", "t1", "t2", "t3", "t4", "t5" };
	struct kube_fan_tally t = { .wanted = words[row].wanted, .accounts = words[row].n };
	struct kube_fan *f = fan(w, "src", "login", words[row].facts, words[row].accounts);

	if (words[row].copy != COPY_FINE) {
		struct kube_copy *c = kube_fan_copy(f, "t9");

		c->fault = words[row].copy;
		kube_fan_tell_missing(&t, c);
	}
	for (size_t i = 0; words[row].faults[i] != ACCOUNT_FINE; i++)
		kube_fan_tell_account(&t, account(w, places[i], "builder", "x", "x"),
				      words[row].faults[i]);
	kube_fan_tell_tally(f, namespaces_rule(&w->map, "src", "registry"), &t);
	kube_fan_tell_end(&t);
}

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		struct status_json_fan_out out;
		struct kube_fan_counts counts;
		struct world w;

		open_world(&w);
		tell(&w, i);
		kube_fanout_say(&w.st, kube_docs_find(&w.st.docs, "src", "login"), NULL, &out);
		assert_true(out.wanted);
		assert_int_equal(out.done, words[i].done);
		assert_string_equal(out.reason, words[i].reason);
		assert_string_equal(out.message, words[i].message);
		kube_fanout_counts(&w.st, &counts);
		assert_int_equal(counts.copies + counts.copies_missing, words[i].wanted);
		assert_int_equal(counts.accounts + counts.accounts_missing, words[i].n);
		close_world(&w);
	}
}

/* Each managed account is named, up to eight. */
static void test_many_managed(void **state)
{
	struct kube_fan_tally t = { .names = BUF_INIT };
	struct world w;

	(void)state;
	open_world(&w);
	for (size_t i = 0; i < 10; i++) {
		char name[8];

		snprintf(name, sizeof(name), "n%zu", i);
		kube_fan_tell_account(&t, account(&w, name, "b", "x", "x"), ACCOUNT_MANAGED);
	}
	assert_string_equal(buf_str(&t.managed_names),
			    "n0/b, n1/b, n2/b, n3/b, n4/b, n5/b, n6/b, n7/b, ...");
	assert_int_equal(t.accounts_names.len, 0);
	assert_int_equal(t.accounts_missing, 10);
	kube_fan_tell_end(&t);
	close_world(&w);
}

/* What it says of an account follows from what was last seen of it. */
static void test_what_is_seen(void **state)
{
	struct kube_account *a;
	struct kube_fan_tally t;
	struct kube_fan *f;
	struct world w;

	(void)state;
	open_world(&w);
	f = fan(&w, "src", "login", NULL, "builder");
	a = account(&w, "src", "builder", "login", "else"); /* by somebody else */
	t = plan(&w, f);
	assert_false(t.undecided);
	assert_int_equal(t.accounts_missing, 0);
	assert_false(kube_account_due(a));
	kube_fan_tell_end(&t);

	assert_true(kube_account_seen(a, NULL)); /* deleted: told once that lasts */
	assert_true(kube_account_due(a));
	t = plan(&w, f);
	assert_true(t.undecided);
	a->absent_since -= 10000;
	t = plan(&w, f);
	assert_false(t.undecided);
	assert_int_equal(t.accounts_missing, 1);
	kube_fan_tell_end(&t);

	a = account(&w, "src", "builder", "else", "else"); /* it came back */
	assert_int_equal(a->fault, ACCOUNT_FINE);
	assert_true(kube_account_due(a));
	t = plan(&w, f);
	assert_true(t.undecided);
	a->fault = ACCOUNT_FORBIDDEN;
	t = plan(&w, f);
	assert_int_equal(t.worst, ACCOUNT_FORBIDDEN);
	kube_fan_tell_end(&t);
	a->fault = ACCOUNT_MANAGED; /* left alone until it names it */
	assert_false(kube_account_due(a));
	close_world(&w);
}

static void test_while_busy(void **state)
{
	struct kube_account *a;
	struct world w;
	json_t *o = json_pack("{s:{s:s}}", "metadata", "resourceVersion", "8");

	(void)state;
	open_world(&w);
	a = account(&w, "src", "builder", "a", "a");
	a->busy = true;
	assert_false(kube_account_seen(a, o)); /* is looked at when that is over */
	assert_string_equal(a->version, "7");
	assert_string_equal(a->shown_version, "8");
	assert_false(kube_account_seen(a, NULL));
	assert_string_equal(a->shown_version, "");
	assert_false(kube_account_due(a));
	a->busy = false;
	a->unsure = true;
	assert_true(kube_account_due(a));
	assert_true(kube_account_seen(a, o));
	assert_false(a->unsure);
	json_decref(o);
	close_world(&w);
}

/* When an answer was lost the account may name what is not seen there. */
static void test_an_answer_that_was_lost(void **state)
{
	json_t *o = json_pack("{s:{s:s}}", "metadata", "resourceVersion", "8");
	struct kube_account *a;
	struct kube_fan_tally t;
	struct kube_fan *f;
	struct world w;

	(void)state;
	open_world(&w);
	f = fan(&w, "src", "login", NULL, "builder");
	a = account(&w, "src", "builder", "else", "else");
	t = plan(&w, f);
	assert_true(kv_has(&a->want, "login"));
	kube_fan_tell_end(&t);
	a->unsure = true;
	a->fault = ACCOUNT_FAILED;
	mem_replace(&f->accounts, NULL); /* the document asks no more */
	t = plan(&w, f);
	assert_int_equal(a->want.n, 0);
	assert_true(kv_has(&a->drop, "login"));
	kube_fan_tell_end(&t);
	assert_false(kube_fan_accounts_let_go(&w.st, "src", "login"));
	assert_true(kube_account_due(a));
	assert_true(kube_account_seen(a, o)); /* it was not done */
	assert_true(kube_fan_accounts_let_go(&w.st, "src", "login"));
	assert_false(kube_account_due(a));
	json_decref(o);
	close_world(&w);
}

/* Whoever waits until all is done waits for no account that cannot be seen. */
static void test_idle(void **state)
{
	static const struct {
		bool synced, denied, due, busy;
		bool idle;
	} rows[] = {
		{ false, false, false, false, false }, /* they are still to be listed */
		{ false, false, true, false, false },  { false, true, false, false, true },
		{ false, true, true, false, true },    { false, true, true, true, false },
		{ true, false, false, false, true },   { true, false, true, false, false },
		{ true, false, false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct world w;

		open_world(&w);
		w.all.accounts.synced = rows[i].synced;
		w.all.accounts.denied = rows[i].denied;
		w.all.accounts.busy = rows[i].busy;
		if (rows[i].due)
			kube_accounts_want(&w.all.accounts, "src", "builder", "login");
		if (kube_accounts_idle(&w.all.accounts) != rows[i].idle)
			fail_msg("row %zu", i);
		close_world(&w);
	}
}

/* A document that asks for nothing is known, when an account carries a note of its Secret. */
static void test_claims(void **state)
{
	struct world w;

	(void)state;
	open_world(&w);
	account(&w, "src", "builder", "old", "old");
	account(&w, "t1", "builder", "none", "none");
	kube_docs_need(&w.st.docs, "src", "old")->s.documents = 1;
	kube_docs_need(&w.st.docs, "src", "other")->s.documents = 1;
	kube_fan_accounts_claim(&w.all);
	assert_int_equal(w.all.fans.n, 1);
	assert_non_null(kube_fan_find(&w.all, "src", "old"));
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wanted_in_the_own_namespace),
		cmocka_unit_test(test_no_copy_no_name),
		cmocka_unit_test(test_unwanted),
		cmocka_unit_test(test_the_holder_decides),
		cmocka_unit_test(test_a_copy_that_became_anothers),
		cmocka_unit_test(test_a_local_document_decides),
		cmocka_unit_test(test_accounts_of_a_namespace_that_is_gone),
		cmocka_unit_test(test_a_fan_that_goes),
		cmocka_unit_test(test_before_a_secret_goes),
		cmocka_unit_test(test_what_is_only_wanted_holds_nothing),
		cmocka_unit_test(test_no_rule_counts_nothing),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_many_managed),
		cmocka_unit_test(test_what_is_seen),
		cmocka_unit_test(test_while_busy),
		cmocka_unit_test(test_an_answer_that_was_lost),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_claims),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
