/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reseal_work.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "document/document.h"
#include "sealer/progress.h"

/* One file on its way. */
struct item {
	struct reseal_file *file; /* the plan, then what came of it */
	struct buf text;
	struct stat st;
	bool changed;  /* text is to be written */
	bool finished; /* by its thread */
};

struct work {
	struct reseal_run *run;
	const struct reseal_tools *tools;
	struct reseal_journal *journal;
	int top; /* descriptor */
	struct item *items;
	size_t n, files_max;
	pthread_t threads[RESEAL_WORK_THREADS];
	size_t n_threads;
	struct progress progress;
	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t next;	/* to be taken by a thread */
	size_t written; /* all before are done with */
	size_t bytes;	/* of texts that wait */
	bool stop;
};

/* --- what a thread does ----------------------------------------------------------------------- */

static void replace(struct reseal_file *file, struct reseal_file *by)
{
	reseal_file_clear(file);
	*file = *by;
}

static void do_item(const struct work *w, struct item *item)
{
	const char *below = item->file->below;
	char *shown = reseal_run_shown(w->run, below);
	struct reseal_input in = { w->run->want, w->tools, below, shown };
	struct reseal_file result;
	struct err why = ERR_INIT;

	if (file_read_beneath(w->top, below, DOCUMENT_FILE_MAX, &item->text, &item->st, &why) != 0)
		reseal_file_unread(below, &why, &result);
	else
		reseal_file(&in, &item->text, &result, &item->changed);
	if (!item->changed)
		buf_clear(&item->text);
	replace(item->file, &result);
	mem_free(shown);
}

/* Enough is waiting to be written; there is always something to take when nothing waits. */
static bool is_full(const struct work *w)
{
	return w->next >= w->written + 2 * w->files_max ||
	       (w->bytes > RESEAL_WORK_BYTES && w->next > w->written);
}

static void *thread_main(void *ctx)
{
	struct work *w = ctx;

	pthread_mutex_lock(&w->lock);
	while (!w->stop && w->next < w->n) {
		struct item *item = &w->items[w->next];

		if (is_full(w)) {
			pthread_cond_wait(&w->moved, &w->lock);
			continue;
		}
		w->next++;
		pthread_mutex_unlock(&w->lock);
		do_item(w, item);
		pthread_mutex_lock(&w->lock);
		item->finished = true;
		w->bytes += item->text.len;
		pthread_cond_broadcast(&w->moved);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void fail_item(struct item *item, const struct err *why)
{
	struct reseal_file *f = item->file;

	f->class = why->class;
	mem_replace(&f->why, why->text);
	for (size_t i = 0; i < f->n; i++)
		f->rows[i].done = 0;
	item->changed = false;
}

static int write_ahead(struct work *w, size_t begin, size_t end, struct err *err)
{
	json_t *lines = json_array(), *lost;
	size_t i, k;
	int r;

	for (i = begin; i < end; i++) {
		if (!w->items[i].changed)
			continue;
		json_array_foreach(w->items[i].file->lost, k, lost)
		{
			json_array_append_new(lines, reseal_journal_lost(lost));
		}
		json_array_append_new(
		    lines, reseal_journal_file(w->items[i].file->below, &w->items[i].text));
	}
	r = reseal_journal_add(w->journal, lines, err);
	json_decref(lines);
	return r;
}

static struct file_stage *stage_item(const struct work *w, struct item *item)
{
	const char *top = strcmp(w->run->top, "/") == 0 ? "" : w->run->top;
	char *path = mem_printf("%s/%s", top, item->file->below);
	struct file_write write = { .path = path, .mode = 0600, .expect = &item->st };
	struct err why = ERR_INIT;
	struct file_stage *stage = file_stage_new(&write, item->text.data, item->text.len, &why);

	if (stage == NULL)
		fail_item(item, &why);
	mem_free(path);
	return stage;
}

/* stages[i] belongs to whose[i]. */
static void commit(struct file_stage *const *stages, struct item *const *whose, size_t n)
{
	struct err why = ERR_INIT;
	bool synced = file_stage_sync(stages, n, &why) == 0;

	for (size_t i = 0; i < n; i++) {
		if (!synced || file_stage_commit(stages[i], &why) != 0)
			fail_item(whose[i], &why);
	}
}

static int write_items(struct work *w, size_t begin, size_t end, struct err *err)
{
	struct file_stage **stages = mem_array(end - begin, sizeof(struct file_stage *));
	struct item **whose = mem_array(end - begin, sizeof(struct item *));
	size_t n = 0;
	int r = write_ahead(w, begin, end, err);

	for (size_t i = begin; i < end && r == 0; i++) {
		if (!w->items[i].changed)
			continue;
		whose[n] = &w->items[i];
		stages[n] = stage_item(w, whose[n]);
		n += stages[n] != NULL;
	}
	commit(stages, whose, n);
	for (size_t i = 0; i < n; i++)
		file_stage_free(stages[i]);
	mem_free(stages);
	mem_free(whose);
	return r;
}

/* How many of those behind `written` are finished, without a gap. */
static size_t finished(const struct work *w)
{
	size_t i = w->written;

	while (i < w->next && w->items[i].finished)
		i++;
	return i - w->written;
}

/* Wait for enough to be worth a flush, for the last, or for as much as there may be. */
static size_t wait_for_batch(struct work *w)
{
	size_t n;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		n = finished(w);
		if (n >= w->files_max || w->written + n == w->n)
			break;
		if (n > 0 && w->written + n == w->next && is_full(w))
			break;
		pthread_cond_wait(&w->moved, &w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return n < w->files_max ? n : w->files_max;
}

static void forget_batch(struct work *w, size_t n)
{
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < n; i++) {
		struct buf *text = &w->items[w->written + i].text;

		w->bytes -= text->len;
		buf_clear(text);
	}
	w->written += n;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

static int write_all(struct work *w, struct err *err)
{
	int r = 0;

	while (r == 0 && w->written < w->n) {
		size_t n = wait_for_batch(w);

		r = write_items(w, w->written, w->written + n, err);
		forget_batch(w, n);
		progress_step(&w->progress, n);
	}
	return r;
}

/* --- the whole -------------------------------------------------------------------------------- */

static size_t list_items(struct reseal_run *run, struct item *items)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n; i++) {
		size_t work = 0;

		for (size_t k = 0; k < run->files[i].n; k++)
			work += run->files[i].rows[k].work;
		if (work > 0)
			items[n++].file = &run->files[i];
	}
	return n;
}

static void start_threads(struct work *w)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	size_t most = processors < 1 ? 1 : (size_t)processors;

	if (most > RESEAL_WORK_THREADS)
		most = RESEAL_WORK_THREADS;
	while (w->n_threads < most && w->n_threads < w->n &&
	       pthread_create(&w->threads[w->n_threads], NULL, thread_main, w) == 0)
		w->n_threads++;
}

static void stop_threads(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
}

/* Descriptors of temporary files; others are left to the rest of the program. */
static size_t files_at_once(void)
{
	long most = sysconf(_SC_OPEN_MAX);

	if (most > 0 && most < 2L * RESEAL_WORK_FILES)
		return most < 32 ? 8 : (size_t)most / 4;
	return RESEAL_WORK_FILES;
}

/* So that what is said to be done is on disk: the names of the last files are not yet. */
static void sync_top(int fd)
{
#ifdef __linux__
	syncfs(fd);
#else
	(void)fd;
	sync();
#endif
}

int reseal_work(struct reseal_run *run, const struct reseal_tools *tools,
		struct reseal_journal *journal, struct err *err)
{
	struct work w = { .run = run, .tools = tools, .journal = journal };
	int r = -1;

	w.top = open(run->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w.top < 0)
		return err_sys(err, "%s: cannot open", run->top);
	w.items = mem_array(run->n, sizeof(*w.items));
	w.n = list_items(run, w.items);
	w.files_max = files_at_once();
	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.moved, NULL);
	progress_start(&w.progress, "resealing", w.n);
	start_threads(&w);
	if (w.n_threads > 0 || w.n == 0)
		r = write_all(&w, err);
	else
		err_set(err, ERR_IO, "no thread can be started");
	stop_threads(&w);
	progress_end(&w.progress);
	if (w.n > 0)
		sync_top(w.top);
	for (size_t i = 0; i < w.n; i++)
		buf_clear(&w.items[i].text);
	mem_free(w.items);
	pthread_cond_destroy(&w.moved);
	pthread_mutex_destroy(&w.lock);
	close(w.top);
	return r;
}
