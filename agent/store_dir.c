/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cover.h"
#include "agent/missing.h"
#include "agent/remember.h"
#include "agent/report.h"
#include "agent/stir.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define RELEASE_MAX 256
#define GIT_POLL_MS 1000
#define UNWATCHED_LOOK_MS 10000

/* --- open and close --------------------------------------------------------------------------- */

int store_dir_open(struct store_dir *st, const struct store_dir_options *o, struct opener *opener,
		   struct err *err)
{
	char *top = file_git_top(o->documents);

	*st = (struct store_dir){ .o = o, .apply = { .opener = opener, .documents = -1 } };
	st->documents.fd = -1;
	st->secrets.fd = -1;
	st->namespaces.fd = -1;
	st->apply.ledger.journal.fd = -1;
	if (top != NULL)
		st->git_lock = mem_printf("%s/.git/index.lock", top);
	mem_free(top);
	entries_init(&st->entries);
	scan_init(&st->scan, o->documents);
	st->scan.ctx = st;
	st->scan.folder = o->watch ? stir_watch_folder : NULL;
	st->scan.gone = remember_file_gone;
	if (place_open(&st->apply.place, o->secrets, o->file_mode, err) < 0 ||
	    stir_open(st, err) < 0 || remember_open(st, err) < 0)
		return -1;
	store_dir_look(st);
	return 0;
}

void store_dir_close(struct store_dir *st)
{
	size_t i;

	if (st->apply.ledger.journal.fd >= 0)
		apply_end(&st->apply);
	ledger_close(&st->apply.ledger);
	place_close(&st->apply.place);
	stir_close(st);
	scan_clear(&st->scan);
	entries_clear(&st->entries);
	for (i = 0; i < st->apply.n_done; i++)
		mem_free(st->apply.done[i].namespace);
	mem_free(st->apply.done);
	mem_free(st->apply.staged);
	kv_clear(&st->apply.namespaces);
	kv_clear(&st->watched);
	mem_free(st->plan);
	mem_free(st->git_lock);
	mem_free(st->release);
	mem_free(st->told_blind);
}

void store_dir_stirred(struct store_dir *st)
{
	if (stir_take(st))
		return;
	log_line(LOG_INFO, "events were lost; looking at everything", (char *)NULL);
	store_dir_look(st);
}

void store_dir_look(struct store_dir *st)
{
	st->documents_stirred = true;
	st->all_stale = true;
	st->decide_again = true;
	st->next_look = clock_monotonic_ms() + st->o->look_ms;
	st->documents.refused = 0;
	st->secrets.refused = 0;
	st->namespaces.refused = 0;
	st->looks++;
}

void store_dir_keys_changed(struct store_dir *st)
{
	size_t n = entries_list(&st->entries);
	size_t i;

	for (i = 0; i < n; i++)
		subject_unblock(&st->entries.list[i]->s);
	st->decide_again = true;
}

void store_dir_opener_news(struct store_dir *st)
{
	size_t n = entries_list(&st->entries);
	size_t i;

	for (i = 0; i < n; i++)
		if (st->entries.list[i]->s.attempt.reason == REASON_UNAVAILABLE)
			subject_unblock(&st->entries.list[i]->s);
	st->decide_again = true;
}

void store_dir_jailed(struct store_dir *st)
{
	if (stat(st->o->documents, &st->jailed) < 0)
		st->jailed = (struct stat){ 0 };
	st->is_jailed = true;
}

static bool is_another(const char *path, const struct stat *before)
{
	struct stat now;

	return stat(path, &now) == 0 &&
	       (now.st_ino != before->st_ino || now.st_dev != before->st_dev);
}

const char *store_dir_out_of_reach(const struct store_dir *st)
{
	struct stat secrets;

	if (st->is_jailed && st->scan.error == EACCES && is_another(st->o->documents, &st->jailed))
		return "DOCUMENTS";
	if (fstat(st->apply.place.fd, &secrets) == 0 &&
	    (secrets.st_nlink == 0 || is_another(st->o->secrets, &secrets)))
		return "SECRETS";
	return NULL;
}

static bool is_settling(const struct store_dir *st)
{
	return st->result.counts[REASON_PENDING_REMOVAL] != 0;
}

bool store_dir_waiting(const struct store_dir *st)
{
	return is_settling(st) || st->documents_stirred;
}

/* --- look ------------------------------------------------------------------------------------- */

static void count_doc(struct store_dir *st, struct scan_file *f, struct scan_doc *d)
{
	struct entry *x;

	if (d->namespace == NULL)
		return;
	x = d->owner = entries_need(&st->entries, d->namespace, d->name);
	x->s.documents++;
	x->s.invalid = x->s.invalid || d->invalid;
	if (x->s.documents > 1) {
		x->other = f;
		x->other_line = d->line;
		return;
	}
	x->file = f;
	x->doc = d;
	if (memcmp(x->s.digest, d->id, SOURCE_ID) != 0)
		x->fresh = true;
	memcpy(x->s.digest, d->id, SOURCE_ID);
}

static void count_documents(struct store_dir *st)
{
	struct table_node **nodes = table_nodes(&st->scan.files);
	size_t n = entries_list(&st->entries);
	size_t i, k;

	for (i = 0; i < n; i++) {
		struct entry *x = st->entries.list[i];

		x->s.documents = 0;
		x->s.invalid = false;
		x->file = NULL;
		x->doc = NULL;
		x->other = NULL;
	}
	for (i = 0; i < st->scan.files.n; i++) {
		struct scan_file *f = (struct scan_file *)nodes[i];

		for (k = 0; k < f->n; k++)
			count_doc(st, f, &f->docs[k]);
	}
	mem_free(nodes);
}

/* Events may come without end; looking takes at most a third of the time. */
static bool look_is_due(const struct store_dir *st, int64_t now_ms)
{
	return st->documents_stirred &&
	       (st->looked == 0 || now_ms - st->looked >= 2 * st->look_took);
}

static bool look_at_documents(struct store_dir *st)
{
	int64_t begin = clock_monotonic_ms();
	bool news;

	st->documents_stirred = false;
	news = scan_look(&st->scan);
	st->apply.documents = st->scan.fd;
	st->looked = clock_monotonic_ms();
	st->look_took = st->looked - begin;
	if (!news)
		return false;
	remember_files(st);
	count_documents(st);
	return true;
}

static bool look_at_secret(struct store_dir *st, struct entry *x)
{
	enum target before = x->s.target;
	struct err why = ERR_INIT;

	stir_watch_entry(st, x);
	x->stale = false;
	x->s.target = place_look(&st->apply.place, x->s.namespace, x->s.name,
				 x->s.recorded ? &x->mark : NULL, &why);
	mem_replace(&x->look_why, why.class == ERR_NONE ? NULL : why.text);
	return x->s.target != before;
}

/* Where no event will tell, look more often. */
static void check_watches(struct store_dir *st)
{
	size_t refused = st->documents.refused + st->secrets.refused + st->namespaces.refused;
	int64_t soon = clock_monotonic_ms() + UNWATCHED_LOOK_MS;

	if (refused == 0) {
		st->told_unwatched = false;
		return;
	}
	if (soon < st->next_look)
		st->next_look = soon;
	if (!st->told_unwatched)
		log_line(LOG_WARN,
			 "not all folders can be watched; looking at everything more often",
			 "raise", "fs.inotify.max_user_watches", (char *)NULL);
	st->told_unwatched = true;
}

static bool look_at_secrets(struct store_dir *st)
{
	size_t n = entries_list(&st->entries);
	bool news = false;
	size_t i;

	for (i = 0; i < n; i++) {
		struct entry *x = st->entries.list[i];

		if ((st->all_stale || x->stale) && look_at_secret(st, x))
			news = true;
	}
	st->all_stale = false;
	st->secrets_stirred = false;
	return news;
}

/* --- decide ----------------------------------------------------------------------------------- */

static void cover_sets(struct store_dir *st)
{
	const struct kv *keys = opener_keys(st->apply.opener);
	struct table_node **nodes = table_nodes(&st->scan.sets);
	size_t i;

	for (i = 0; i < st->scan.sets.n; i++) {
		struct scan_set *set = (struct scan_set *)nodes[i];

		set->cover = (int)cover_of(set->recipients, keys);
	}
	mem_free(nodes);
}

/* What the document says of its subject beside what count_documents has filled in. */
static void fill_subject(struct entry *x)
{
	const struct scan_doc *d = x->doc;

	if (d == NULL)
		return;
	x->s.cover = d->set == NULL ? COVER_NONE : (enum cover)d->set->cover;
	x->s.retain = d->chosen ? d->retain : d->retain || x->adopted;
	x->s.moved = x->s.recorded && strcmp(x->source, x->file->path) != 0;
}

static void read_release(struct store_dir *st)
{
	struct buf text = BUF_INIT;

	mem_free(st->release);
	st->release = NULL;
	if (file_read_beneath(st->apply.place.own, STORE_RELEASE, RELEASE_MAX, &text, NULL, NULL) ==
	    0)
		st->release = mem_strn(buf_str(&text), strcspn(buf_str(&text), " \t\r\n"));
	buf_clear(&text);
}

/* A release counts once, for the removals it was given for. */
static void use_release(struct store_dir *st)
{
	if (st->release == NULL || (st->result.guarded == 0 && !st->result.released))
		return;
	log_line(st->result.released ? LOG_INFO : LOG_WARN,
		 st->result.released ? "removals released"
				     : "the release given is not for these removals",
		 (char *)NULL);
	unlinkat(st->apply.place.own, STORE_RELEASE, 0);
	st->holds += st->result.released;
}

static int by_order(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a;
	const struct entry *y = *(struct entry *const *)b;
	bool x_goes = x->s.action == ACTION_REMOVE;
	bool y_goes = y->s.action == ACTION_REMOVE;

	if (x_goes != y_goes)
		return x_goes ? -1 : 1;
	if (x->fresh != y->fresh)
		return x->fresh ? -1 : 1;
	if (x->file != y->file) {
		if (x->file == NULL || y->file == NULL)
			return x->file == NULL ? -1 : 1;
		return strcmp(x->file->path, y->file->path);
	}
	return x->doc == NULL || y->doc == NULL || x->doc->line < y->doc->line ? -1 : 1;
}

/* Removals go first and in one go, then new work, then what is tried again; file by file. */
static void make_plan(struct store_dir *st, size_t n)
{
	size_t i;

	mem_free(st->plan);
	st->plan = mem_array(st->result.actions, sizeof(struct entry *));
	st->planned = 0;
	st->done = 0;
	for (i = 0; i < n; i++)
		if (st->entries.list[i]->s.action != ACTION_NONE)
			st->plan[st->planned++] = st->entries.list[i];
	qsort(st->plan, st->planned, sizeof(struct entry *), by_order);
}

/* Names that nothing tells of any more. */
static void drop_idle(struct store_dir *st)
{
	size_t n = entries_list(&st->entries);
	struct entry **idle = mem_array(n, sizeof(struct entry *));
	size_t i;
	size_t k = 0;

	for (i = 0; i < n; i++)
		if (st->entries.list[i]->s.documents == 0 && !st->entries.list[i]->s.recorded)
			idle[k++] = st->entries.list[i];
	for (i = 0; i < k; i++) {
		watch_remove(&st->secrets, idle[i]->watched);
		watch_remove(&st->secrets, idle[i]->watched_data);
		entries_drop(&st->entries, idle[i]);
	}
	mem_free(idle);
}

static void decide(struct store_dir *st, int64_t now_ms)
{
	size_t n = entries_list(&st->entries);
	struct reconcile_env env = { .now_ms = now_ms,
				     .now = clock_now(),
				     .settle_ms = st->o->settle_ms,
				     .keys = opener_keys(st->apply.opener)->n };
	size_t i;

	st->decide_again = false;
	apply_forget_removed(&st->apply, env.now);
	cover_sets(st);
	for (i = 0; i < n; i++)
		fill_subject(st->entries.list[i]);
	env.blind = missing_judge(st);
	read_release(st);
	env.release = st->release;
	env.holds = st->holds;
	env.done = st->apply.done;
	env.n_done = st->apply.n_done;
	reconcile(st->entries.subjects, n, &env, &st->result);
	if (st->git_at_work && now_ms + GIT_POLL_MS < st->result.wake_ms)
		st->result.wake_ms = now_ms + GIT_POLL_MS;
	use_release(st);
	report_changes(st);
	make_plan(st, n);
	drop_idle(st);
}

/* --- do --------------------------------------------------------------------------------------- */

/* At least one thing, however little time there is; removals in one go: they were judged together.
 */
static void do_slice(struct store_dir *st, int64_t budget_ms)
{
	size_t from = st->done;
	int64_t now_ms = clock_monotonic_ms();
	int64_t until_ms = now_ms + budget_ms;

	while (st->done < st->planned && !apply_full(&st->apply)) {
		struct entry *x = st->plan[st->done];

		if (st->done != from && now_ms >= until_ms && x->s.action != ACTION_REMOVE)
			break;
		st->done++;
		apply_entry(&st->apply, x, now_ms);
		now_ms = clock_monotonic_ms();
	}
	apply_commit(&st->apply, now_ms);
	for (; from < st->done; from++)
		look_at_secret(st, st->plan[from]);
}

/* The next moment at which something is due, in ms from now; -1: never. */
static int64_t rest(const struct store_dir *st, int64_t now_ms)
{
	int64_t next = st->result.wake_ms;

	if (st->o->watch && st->next_look < next)
		next = st->next_look;
	if (st->documents_stirred && st->looked + 2 * st->look_took < next)
		next = st->looked + 2 * st->look_took;
	if (next == INT64_MAX)
		return -1;
	return next > now_ms ? next - now_ms : 0;
}

static void finish_plan(struct store_dir *st, int64_t now_ms)
{
	bool any = st->planned != 0;

	remember_tend(st, now_ms);
	st->planned = 0;
	st->done = 0;
	if (any)
		st->decide_again = true; /* for what became of it */
	else
		st->ready = true;
	if (st->apply.look_again)
		st->documents_stirred = true;
	st->apply.look_again = false;
}

int64_t store_dir_work(struct store_dir *st, int64_t budget_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	bool woken = now_ms >= st->result.wake_ms;
	bool news = false;

	if (st->o->watch && now_ms >= st->next_look)
		store_dir_look(st);
	/* nothing is removed because of a look that is old */
	if (woken && is_settling(st))
		st->documents_stirred = true;
	if (look_is_due(st, now_ms))
		news = look_at_documents(st);
	if (st->all_stale || st->secrets_stirred || news)
		news = look_at_secrets(st) || news;
	check_watches(st);
	if (news || woken || st->decide_again)
		decide(st, clock_monotonic_ms());
	do_slice(st, budget_ms);
	if (st->done < st->planned)
		return 0;
	finish_plan(st, now_ms);
	return st->decide_again || st->secrets_stirred ? 0 : rest(st, clock_monotonic_ms());
}
