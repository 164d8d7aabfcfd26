/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory store over real folders and really sealed documents, with an opener that lives in
 * this process and can be told to fail.
 */
#include "agent/store_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/folder.h"
#include "agent/metrics.h"
#include "agent/report.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "tests/unit/agent/sealed.h"

/* --- the opener's double: same header, no process, no jail ------------------------------------ */

struct opener {
	struct keyring keys;
	struct kv ids;
	size_t opened;
	size_t asked;
	enum err_class fail;   /* ERR_NONE: works */
	const char *fail_name; /* of this document only; NULL: of all */
};

int opener_open(struct opener *o, const struct document *d, struct kind_secret *out,
		struct kv *key_ids, struct notes *notes, struct err *err)
{
	o->asked++;
	if (o->fail != ERR_NONE && (o->fail_name == NULL || strcmp(o->fail_name, d->name) == 0))
		return err_set(err, o->fail, "as the test wants it");
	if (document_check(d, err) < 0 ||
	    open_document(d, &o->keys, SEALED_NOW, out, key_ids, notes, err) < 0)
		return -1;
	o->opened++;
	return 0;
}

const struct kv *opener_keys(const struct opener *o)
{
	return &o->ids;
}

size_t opener_bad_keys(const struct opener *o)
{
	(void)o;
	return 0;
}

size_t opener_restarts(const struct opener *o)
{
	(void)o;
	return 0;
}

size_t opener_openings(const struct opener *o, enum err_class result)
{
	return result == ERR_NONE ? o->opened : 0;
}

size_t opener_opened_with(const struct opener *o, const char *key_id)
{
	return kv_has(&o->ids, key_id) ? o->opened : 0;
}

static void opener_learn(struct opener *o)
{
	size_t i;

	kv_clear(&o->ids);
	for (i = 0; i < o->keys.n; i++)
		kv_set_str(&o->ids, age_identity_id(o->keys.ids[i]), "x.key");
}

/* --- the bed ---------------------------------------------------------------------------------- */

struct bed {
	char top[64];
	char documents[80];
	char secrets[80];
	int dir;
	struct recipients to;
	struct opener opener;
	struct store_dir_options o;
	struct store_dir store;
	bool open;
};

static void bed_open(struct bed *b)
{
	struct err err = ERR_INIT;

	if (store_dir_open(&b->store, &b->o, &b->opener, &err) < 0)
		fail_msg("%s", err.text);
	b->open = true;
}

static void bed_close(struct bed *b)
{
	if (b->open)
		store_dir_close(&b->store);
	b->open = false;
}

static void bed_reopen(struct bed *b)
{
	bed_close(b);
	bed_open(b);
}

static int bed_make(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));
	/* what is measured and counted here is not the disk */
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	umask(077);
	log_level_set(LOG_ERROR);
	snprintf(b->top, sizeof(b->top), "%s/bulla-store-XXXXXX", base);
	assert_non_null(mkdtemp(b->top));
	b->dir = open(b->top, O_RDONLY | O_DIRECTORY);
	snprintf(b->documents, sizeof(b->documents), "%s/documents", b->top);
	snprintf(b->secrets, sizeof(b->secrets), "%s/secrets", b->top);
	assert_int_equal(mkdir(b->documents, 0700), 0);
	sealed_key("one", &b->opener.keys, &b->to);
	opener_learn(&b->opener);
	b->o = (struct store_dir_options){ .documents = b->documents,
					   .secrets = b->secrets,
					   .file_mode = 0400,
					   .settle_ms = 0,
					   .look_ms = 300000 };
	bed_open(b);
	*state = b;
	return 0;
}

static int bed_clear(void **state)
{
	struct bed *b = *state;

	bed_close(b);
	keyring_clear(&b->opener.keys);
	kv_clear(&b->opener.ids);
	recipients_clear(&b->to);
	folder_empty(b->dir, NULL);
	close(b->dir);
	rmdir(b->top);
	mem_free(b);
	return 0;
}

static char *path_of(const struct bed *b, const char *name)
{
	return mem_printf("%s/%s.yaml", b->documents, name);
}

static void put_text(const struct bed *b, const char *name, const char *text)
{
	char *path = path_of(b, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text), NULL), 0);
	close(fd);
	mem_free(path);
}

static void put_as(const struct bed *b, const char *file, const struct sealed *s)
{
	struct buf text = BUF_INIT;

	sealed_text(s, &text);
	put_text(b, file, buf_str(&text));
	buf_clear(&text);
}

static void put(const struct bed *b, const char *name, const char *value)
{
	const struct sealed s = { "foobar", name, value, POLICY_UNSET, &b->to };

	put_as(b, name, &s);
}

static void take(const struct bed *b, const char *name)
{
	char *path = path_of(b, name);

	assert_int_equal(unlink(path), 0);
	mem_free(path);
}

/* Until nothing is left to do but waiting. */
static void work(struct bed *b)
{
	int passes = 0;
	int64_t rest;

	/* a look may be put off a little */
	while ((rest = store_dir_work(&b->store, 1000)) == 0 || b->store.documents_stirred) {
		usleep((unsigned)rest * 1000);
		assert_true(++passes < 1000);
	}
}

static void look_and_work(struct bed *b)
{
	store_dir_look(&b->store);
	work(b);
}

static void assert_value(const struct bed *b, const char *name, const char *want)
{
	char *path = mem_printf("%s/foobar/%s/k", b->secrets, name);
	struct buf text = BUF_INIT;

	/* through a link, as any reader does */
	if (file_read(path, 1000, 0, &text, NULL, NULL) < 0) {
		if (want != NULL)
			fail_msg("%s is not there", name);
	} else if (want == NULL || strcmp(buf_str(&text), want) != 0) {
		fail_msg("%s is %s", name, buf_str(&text));
	}
	buf_clear(&text);
	mem_free(path);
}

static enum reason reason_of(const struct bed *b, const char *name)
{
	const struct entry *x = entries_find(&b->store.entries, "foobar", name);

	assert_non_null(x);
	return x->s.reason;
}

/* --- cases ------------------------------------------------------------------------------------ */

static void test_apply_change_remove(void **state)
{
	struct bed *b = *state;

	put(b, "one", "1");
	put(b, "two", "2");
	assert_false(b->store.ready);
	work(b);
	assert_true(b->store.ready);
	assert_value(b, "one", "1");
	assert_value(b, "two", "2");
	assert_int_equal(reason_of(b, "one"), REASON_APPLIED);
	assert_int_equal(b->store.apply.counts.written, 2);
	put(b, "one", "3");
	look_and_work(b);
	assert_value(b, "one", "3");
	assert_int_equal(b->opener.opened, 3);
	take(b, "one");
	look_and_work(b);
	assert_value(b, "one", NULL);
	assert_value(b, "two", "2");
	assert_null(entries_find(&b->store.entries, "foobar", "one"));
	assert_int_equal(b->store.apply.counts.removed, 1);
	assert_int_equal(b->store.apply.counts.repaired, 0);
	assert_int_equal(report_once(&b->store), ERR_NONE);
}

static void test_opener_away(void **state)
{
	struct bed *b = *state;

	put(b, "one", "1");
	put(b, "two", "2");
	b->opener.fail = ERR_IO;
	work(b);
	assert_int_equal(reason_of(b, "one"), REASON_UNAVAILABLE);
	assert_int_equal(b->store.apply.counts.failed, 2);
	assert_int_equal(report_once(&b->store), ERR_IO);
	b->opener.fail = ERR_NONE;
	look_and_work(b);
	assert_value(b, "one", NULL); /* not before its time */
	usleep(1050000);
	work(b);
	assert_value(b, "one", "1");
	assert_value(b, "two", "2");
	assert_int_equal(report_once(&b->store), ERR_NONE);
}

static void test_what_an_opener_can_say(void **state)
{
	static const struct {
		enum err_class class;
		enum reason reason;
		enum err_class once;
		bool again; /* other keys make a new try */
	} cases[] = {
		{ ERR_NOKEY, REASON_NO_KEY, ERR_NOKEY, true },
		{ ERR_REFUSED, REASON_REFUSED, ERR_REFUSED, true },
		{ ERR_INVALID, REASON_INVALID, ERR_INVALID, true },
		{ ERR_CONFLICT, REASON_QUARANTINED, ERR_CONFLICT, false },
		{ ERR_INTERNAL, REASON_UNAVAILABLE, ERR_IO, true },
	};
	struct bed *b = *state;
	size_t i, asked;

	for (i = 0; i < COUNT(cases); i++) {
		char name[8], value[8];

		snprintf(name, sizeof(name), "x%zu", i);
		snprintf(value, sizeof(value), "%zu", i);
		put(b, name, "old");
		look_and_work(b);
		put(b, name, value);
		b->opener.fail = cases[i].class;
		look_and_work(b);
		assert_int_equal(reason_of(b, name), cases[i].reason);
		assert_value(b, name, "old");
		assert_int_equal(report_once(&b->store), cases[i].once);
		asked = b->opener.asked;
		look_and_work(b);
		assert_int_equal(b->opener.asked, asked);
		b->opener.fail = ERR_NONE;
		store_dir_keys_changed(&b->store);
		work(b);
		assert_value(b, name, cases[i].again ? value : "old");
		/* another document is another matter */
		put(b, name, "new");
		look_and_work(b);
		assert_value(b, name, "new");
	}
}

static void test_keys_decide_whom_it_concerns(void **state)
{
	struct bed *b = *state;
	struct recipients theirs = RECIPIENTS_INIT, both = RECIPIENTS_INIT;
	struct keyring other = KEYRING_INIT;
	struct sealed s = { "foobar", "theirs", "1", POLICY_UNSET, &theirs };
	struct err err = ERR_INIT;
	struct keyring mine;

	sealed_key("other", &other, &theirs);
	assert_int_equal(recipients_add(&both, "one", &b->to.items[0].key, &err), 0);
	assert_int_equal(recipients_add(&both, "other", &theirs.items[0].key, &err), 0);
	put_as(b, "theirs", &s);
	s = (struct sealed){ "foobar", "both", "2", POLICY_UNSET, &both };
	put_as(b, "both", &s);
	work(b);
	assert_int_equal(reason_of(b, "theirs"), REASON_NOT_FOR_US);
	assert_int_equal(b->opener.asked, 1); /* what is not for us is not even tried */
	assert_value(b, "both", "2");

	mine = b->opener.keys;
	b->opener.keys = other;
	opener_learn(&b->opener);
	store_dir_keys_changed(&b->store);
	work(b);
	assert_value(b, "theirs", "1");
	assert_int_equal(reason_of(b, "both"), REASON_APPLIED);
	b->opener.keys = (struct keyring)KEYRING_INIT;
	opener_learn(&b->opener);
	store_dir_keys_changed(&b->store);
	work(b);
	assert_int_equal(reason_of(b, "both"), REASON_NO_KEY);
	assert_int_equal(reason_of(b, "theirs"), REASON_NO_KEY);
	assert_value(b, "theirs", "1");
	assert_value(b, "both", "2");
	b->opener.keys = mine;
	opener_learn(&b->opener);
	keyring_clear(&other);
	recipients_clear(&theirs);
	recipients_clear(&both);
}

/* Parts added by someone who did not know of a region wait for a reseal. */
static void test_part_that_is_not_for_us(void **state)
{
	struct bed *b = *state;
	struct recipients theirs = RECIPIENTS_INIT;
	const struct sealed s = { "foobar", "one", "1", POLICY_UNSET, &b->to };
	struct document d = sealed_document(&s);
	struct kind_secret more = KIND_SECRET_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	put_as(b, "one", &s);
	work(b);
	sealed_key("other", NULL, &theirs);
	more.type = TYPE_OPAQUE;
	kv_set_str(&more.data, "more", "x");
	assert_int_equal(seal_part(&d, "more", &more, &theirs, SEALED_NOW, &err), 0);
	assert_int_equal(document_format(&d, &text, &err), 0);
	put_text(b, "one", buf_str(&text));
	look_and_work(b);
	assert_int_equal(reason_of(b, "one"), REASON_NO_KEY);
	assert_int_equal(b->opener.asked, 1);
	assert_value(b, "one", "1");
	kind_secret_clear(&more);
	document_clear(&d);
	recipients_clear(&theirs);
	buf_clear(&text);
}

/* --- one poisoned document among many --------------------------------------------------------- */

enum { CROWD = 1000 };

static int crowd_size(void)
{
	return (int)test_repeats(CROWD);
}

/* Sealing them is most of the work, so it is done once for each value. */
struct crowd {
	char *text[CROWD];
};

static char *crowd_name(int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "c%d", i);
	return name;
}

static struct crowd *crowd_new(const struct bed *b, const char *value)
{
	struct crowd *c = mem_alloc(sizeof(*c));
	int i;

	for (i = 0; i < crowd_size(); i++) {
		const struct sealed s = { "foobar", crowd_name(i), value, POLICY_UNSET, &b->to };
		struct buf text = BUF_INIT;

		sealed_text(&s, &text);
		c->text[i] = mem_str(buf_str(&text));
		buf_clear(&text);
	}
	return c;
}

static void crowd_put(const struct bed *b, const struct crowd *c)
{
	int i;

	for (i = 0; i < crowd_size(); i++)
		put_text(b, crowd_name(i), c->text[i]);
}

static void crowd_free(struct crowd *c)
{
	int i;

	for (i = 0; i < crowd_size(); i++)
		mem_free(c->text[i]);
	mem_free(c);
}

static void put_crowd(const struct bed *b, const char *value)
{
	struct crowd *c = crowd_new(b, value);

	crowd_put(b, c);
	crowd_free(c);
}

static void assert_crowd(const struct bed *b, const char *poisoned, const char *value)
{
	int i;

	for (i = 0; i < crowd_size(); i++)
		assert_value(b, crowd_name(i), strcmp(crowd_name(i), poisoned) == 0 ? "1" : value);
}

/* Everything from the beginning, with the same keys. */
static void bed_empty(struct bed *b)
{
	bed_close(b);
	folder_empty(b->dir, NULL);
	assert_int_equal(mkdir(b->documents, 0700), 0);
	b->opener.fail = ERR_NONE;
	bed_open(b);
}

static void poison_yaml(struct bed *b)
{
	put_text(b, "c50", "kind: SealedCredential\n\t: [");
}

static void poison_invalid(struct bed *b)
{
	put_text(b, "c50",
		 "apiVersion: bulla.dev/v1\nkind: SealedCredential\n"
		 "metadata: {name: c50, namespace: foobar}\nspec: {}\n");
}

static void poison_moved(struct bed *b)
{
	const struct sealed s = { "foobar", "c50", "2", POLICY_UNSET, &b->to };
	struct document d = sealed_document(&s);
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	mem_free(d.namespace);
	d.namespace = mem_str("elsewhere");
	assert_int_equal(document_format(&d, &text, &err), 0);
	put_text(b, "c50", buf_str(&text));
	document_clear(&d);
	buf_clear(&text);
}

static void poison_opener(struct bed *b)
{
	b->opener.fail = ERR_CONFLICT;
	b->opener.fail_name = "c50";
}

static void poison_twice(struct bed *b)
{
	const struct sealed s = { "foobar", "c50", "2", POLICY_UNSET, &b->to };

	put_as(b, "again", &s);
}

static void poison_folder(struct bed *b)
{
	char *path = mem_printf("%s/foobar/c50", b->secrets);
	char *away = mem_printf("%s/away", b->top);

	assert_int_equal(rename(path, away), 0);
	assert_int_equal(symlink(away, path), 0); /* so that its value is still seen */
	mem_free(path);
	mem_free(away);
}

static const struct {
	const char *what;
	void (*poison)(struct bed *b);
	enum err_class once;
} poisons[] = {
	{ "no YAML", poison_yaml, ERR_IO },
	{ "invalid", poison_invalid, ERR_INVALID },
	{ "moved", poison_moved, ERR_IO },
	{ "kills openers", poison_opener, ERR_CONFLICT },
	{ "stands twice", poison_twice, ERR_CONFLICT },
	{ "folder replaced", poison_folder, ERR_CONFLICT },
};

static void test_one_poisoned_among_a_thousand(void **state)
{
	struct bed *b = *state;
	struct crowd *old = crowd_new(b, "1");
	struct crowd *new = crowd_new(b, "2");
	size_t i;

	for (i = 0; i < COUNT(poisons); i++) {
		bed_empty(b);
		crowd_put(b, old);
		work(b);
		assert_crowd(b, "", "1");
		crowd_put(b, new);
		poisons[i].poison(b);
		look_and_work(b);
		assert_crowd(b, "c50", "2");
		assert_int_equal(b->store.result.counts[REASON_APPLIED], crowd_size() - 1);
		if (report_once(&b->store) != poisons[i].once)
			fail_msg("%s: status %d", poisons[i].what, (int)report_once(&b->store));
	}
	crowd_free(old);
	crowd_free(new);
}

/* --- restart ---------------------------------------------------------------------------------- */

static void ledger_stat(const struct bed *b, struct stat *st)
{
	assert_int_equal(fstatat(b->store.apply.place.own, "ledger", st, 0), 0);
}

static void test_restart_costs_nothing(void **state)
{
	struct bed *b = *state;
	struct stat before, after;

	put_crowd(b, "1");
	work(b);
	usleep(60000); /* files written a moment ago are read once more */
	bed_reopen(b);
	work(b);
	ledger_stat(b, &before);
	b->opener.asked = 0;
	bed_reopen(b);
	work(b);
	ledger_stat(b, &after);
	assert_int_equal(b->opener.asked, 0);
	assert_int_equal(b->store.scan.read, 0);
	assert_int_equal(b->store.apply.counts.written, 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(b->store.result.counts[REASON_APPLIED], crowd_size());
}

/* What was not seen any more while nobody looked is gone for settle time only from the start on. */
static void test_settle_starts_anew(void **state)
{
	struct bed *b = *state;
	int64_t begin;

	b->o.settle_ms = 300;
	put(b, "one", "1");
	put(b, "two", "1");
	work(b);
	bed_close(b);
	take(b, "one");
	usleep(400000);
	begin = clock_monotonic_ms();
	bed_open(b);
	work(b);
	assert_value(b, "one", "1");
	assert_true(store_dir_waiting(&b->store));
	while (store_dir_waiting(&b->store))
		store_dir_work(&b->store, 1000);
	work(b);
	assert_true(clock_monotonic_ms() - begin >= 300);
	assert_value(b, "one", NULL);
}

/* A document that is back at the last moment is seen, though no event told of it. */
static void test_last_look_before_a_removal(void **state)
{
	struct bed *b = *state;

	b->o.settle_ms = 200;
	put(b, "one", "1");
	put(b, "two", "1");
	work(b);
	take(b, "one");
	look_and_work(b);
	assert_int_equal(reason_of(b, "one"), REASON_PENDING_REMOVAL);
	put(b, "one", "2");
	usleep(250000);
	work(b);
	assert_value(b, "one", "2");
	assert_int_equal(b->store.apply.counts.removed, 0);
}

static void test_compaction(void **state)
{
	struct bed *b = *state;
	struct stat st;
	char value[16];
	size_t most = 0;
	int i;

	for (i = 0; i < 600; i++) {
		snprintf(value, sizeof(value), "%d", i);
		put(b, "one", value);
		look_and_work(b);
		ledger_stat(b, &st);
		if ((size_t)st.st_size > most)
			most = (size_t)st.st_size;
	}
	assert_true(most < 400000);
	bed_reopen(b);
	work(b);
	assert_value(b, "one", "599");
	assert_true(b->store.apply.ledger.journal.lines < 2100);
}

/* --- cost ------------------------------------------------------------------------------------- */

/* Processor time of this process in ms. */
static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cost_of(int n)
{
	void *own;
	struct bed *b;
	struct buf text = BUF_INIT;
	char name[16], file[16];
	double begin, cost;
	int i;

	bed_make(&own);
	b = own;
	/* 20 to a file: what is measured is the store, not the file system */
	for (i = 0; i < n; i++) {
		struct sealed s = { "foobar", name, "1", POLICY_UNSET, &b->to };

		snprintf(name, sizeof(name), "d%d", i);
		sealed_text(&s, &text);
		buf_puts(&text, "---\n");
		if (i % 20 != 19)
			continue;
		snprintf(file, sizeof(file), "f%d", i / 20);
		put_text(b, file, buf_str(&text));
		buf_reset(&text);
	}
	begin = cpu_ms();
	work(b);
	cost = (cpu_ms() - begin) / (double)n;
	assert_int_equal(b->store.result.counts[REASON_APPLIED], n);
	buf_clear(&text);
	bed_clear(&own);
	return cost;
}

static void test_cost_per_document_is_flat(void **state)
{
	double few = cost_of(100);
	double many = cost_of(crowd_size() * 2);

	(void)state;
	/* nothing quadratic: with twenty times as many, each would cost twenty times as much */
	if (many > few * 3)
		fail_msg("%.3f ms each of few, %.3f ms each of many", few, many);
}

/* New work does not wait behind a backlog. */
static void test_new_work_goes_first(void **state)
{
	struct bed *b = *state;
	size_t before;

	put_crowd(b, "1");
	b->opener.fail = ERR_IO;
	work(b);
	b->opener.fail = ERR_NONE;
	/* all of them are due for another try, and so is a look */
	usleep((unsigned)(1050 + 3 * b->store.look_took) * 1000);
	put(b, "new", "1");
	store_dir_look(&b->store);
	before = b->opener.asked;
	store_dir_work(&b->store, 0);
	assert_value(b, "new", "1");
	assert_true(b->opener.asked - before < 100);
	work(b);
	assert_crowd(b, "", "1");
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void test_metrics(void **state)
{
	struct bed *b = *state;
	struct buf page = BUF_INIT;
	struct metrics m;
	char *key;

	put(b, "one", "1");
	put_text(b, "bad", "kind: SealedCredential\n: [");
	work(b);
	metrics_init(&m, &b->store, &b->opener, false);
	metrics_format(&m, &page);
	assert_non_null(strstr(buf_str(&page), "\nbulla_documents{reason=\"Applied\"} 1\n"));
	assert_non_null(strstr(buf_str(&page), "\nbulla_files_bad 1\n"));
	assert_non_null(strstr(buf_str(&page), "\nbulla_openings_total{result=\"opened\"} 1\n"));
	assert_non_null(strstr(buf_str(&page), "\nbulla_ready 1\n"));
	assert_non_null(strstr(buf_str(&page), "# TYPE bulla_sealing_keys gauge\n"));
	key = mem_printf("\nbulla_key_documents{key_id=\"%s\"} 1\n", b->opener.ids.items[0].name);
	assert_non_null(strstr(buf_str(&page), key));
	mem_free(key);
	key = mem_printf("\nbulla_key_openings_total{key_id=\"%s\"} 1\n",
			 b->opener.ids.items[0].name);
	assert_non_null(strstr(buf_str(&page), key));
	mem_free(key);
	assert_null(strstr(buf_str(&page), "foobar"));
	metrics_clear(&m);
	buf_clear(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_make, bed_clear)
		TEST(test_apply_change_remove),
		TEST(test_opener_away),
		TEST(test_what_an_opener_can_say),
		TEST(test_keys_decide_whom_it_concerns),
		TEST(test_part_that_is_not_for_us),
		TEST(test_one_poisoned_among_a_thousand),
		TEST(test_restart_costs_nothing),
		TEST(test_settle_starts_anew),
		TEST(test_last_look_before_a_removal),
		TEST(test_compaction),
		cmocka_unit_test(test_cost_per_document_is_flat),
		TEST(test_new_work_goes_first),
		TEST(test_metrics),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
