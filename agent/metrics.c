/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

/* --- values ----------------------------------------------------------------------------------- */

static double keys(const struct metrics *m)
{
	return (double)opener_keys(m->opener)->n;
}

static double bad_keys(const struct metrics *m)
{
	return (double)opener_bad_keys(m->opener);
}

static double restarts(const struct metrics *m)
{
	return (double)opener_restarts(m->opener);
}

static double written(const struct metrics *m)
{
	return (double)m->store->apply.counts.written;
}

static double repaired(const struct metrics *m)
{
	return (double)m->store->apply.counts.repaired;
}

static double removed(const struct metrics *m)
{
	return (double)m->store->apply.counts.removed;
}

static double failed(const struct metrics *m)
{
	return (double)m->store->apply.counts.failed;
}

static double guarded(const struct metrics *m)
{
	return (double)m->store->result.guarded;
}

static double blind(const struct metrics *m)
{
	return m->store->scan.blind != NULL;
}

static double bad_files(const struct metrics *m)
{
	struct table_node **nodes = table_nodes(&m->store->scan.files);
	size_t n = 0;
	size_t i;

	for (i = 0; i < m->store->scan.files.n; i++)
		n += ((const struct scan_file *)nodes[i])->why != NULL;
	mem_free(nodes);
	return (double)n;
}

static double looks(const struct metrics *m)
{
	return (double)m->store->looks;
}

static double look_seconds(const struct metrics *m)
{
	return (double)m->store->look_took / 1000;
}

static double unwatched(const struct metrics *m)
{
	return (double)(m->store->documents.refused + m->store->secrets.refused +
			m->store->namespaces.refused);
}

static double ready(const struct metrics *m)
{
	return m->store->ready;
}

static double cpu_seconds(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double resident(int statm)
{
	char text[128];
	unsigned long size, pages;
	ssize_t n = statm < 0 ? -1 : pread(statm, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%lu %lu", &size, &pages) == 2
		   ? (double)pages * (double)sysconf(_SC_PAGESIZE)
		   : 0;
}

/* --- the page --------------------------------------------------------------------------------- */

static const struct row {
	const char *name;
	const char *type;
	const char *help;
	double (*value)(const struct metrics *m);
} rows[] = {
	{ "bulla_ready", "gauge", "1 when everything has been looked at once.", ready },
	{ "bulla_documents_unseen", "gauge",
	  "1 while DOCUMENTS is missing, empty or partly unreadable; no Secret is removed then.",
	  blind },
	{ "bulla_files_bad", "gauge", "Files in which a document cannot be read.", bad_files },
	{ "bulla_removals_guarded", "gauge", "Removals that wait for a person's release.",
	  guarded },
	{ "bulla_sealing_keys", "gauge", "Sealing keys held.", keys },
	{ "bulla_sealing_keys_bad", "gauge", "Files in KEYS that cannot be used.", bad_keys },
	{ "bulla_opener_restarts_total", "counter", "Openers started beyond the first.", restarts },
	{ "bulla_secrets_written_total", "counter", "Secrets made or given a new content.",
	  written },
	{ "bulla_secrets_repaired_total", "counter",
	  "Secrets written because they had been changed by hand.", repaired },
	{ "bulla_secrets_removed_total", "counter", "Secrets removed.", removed },
	{ "bulla_failures_total", "counter", "Tries that a fault ended.", failed },
	{ "bulla_full_looks_total", "counter", "Times that everything was looked at.", looks },
	{ "bulla_look_seconds", "gauge", "How long the last look at DOCUMENTS took.",
	  look_seconds },
	{ "bulla_folders_unwatched", "gauge",
	  "Folders that could not be watched; changes there are seen by full looks only.",
	  unwatched },
};

/* How opener_open can end, beside well. */
static const enum err_class refusals[] = { ERR_NOKEY, ERR_REFUSED, ERR_INVALID, ERR_CONFLICT,
					   ERR_IO };

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_process(int statm, int64_t started, struct buf *out)
{
	metrics_head(out, "bulla_build_info", "gauge", "The version that runs.");
	buf_printf(out, "bulla_build_info{version=\"%s\"} 1\n", BULLA_VERSION);
	metrics_head(out, "process_cpu_seconds_total", "counter", "User and system CPU time.");
	buf_printf(out, "process_cpu_seconds_total %.15g\n", cpu_seconds());
	metrics_head(out, "process_resident_memory_bytes", "gauge",
		     "Resident memory, without the opener's.");
	buf_printf(out, "process_resident_memory_bytes %.15g\n", resident(statm));
	metrics_head(out, "process_start_time_seconds", "gauge", "Start time, seconds since 1970.");
	buf_printf(out, "process_start_time_seconds %" PRId64 "\n", started);
}

void metrics_openings(const struct opener *o, struct buf *out)
{
	static const char name[] = "bulla_openings_total";

	metrics_head(out, name, "counter", "Openings of documents, by how they ended.");
	buf_printf(out, "%s{result=\"opened\"} %zu\n", name, opener_openings(o, ERR_NONE));
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		buf_printf(out, "%s{result=\"%s\"} %zu\n", name, err_class_name(refusals[i]),
			   opener_openings(o, refusals[i]));
}

void metrics_keys(const struct opener *o, metrics_listed *listed, const void *store,
		  struct buf *out)
{
	static const char opened[] = "bulla_key_openings_total",
			  documents[] = "bulla_key_documents";
	const struct kv *keys = opener_keys(o);

	metrics_head(out, opened, "counter", "Documents opened, by the key that opened them.");
	for (size_t i = 0; i < keys->n; i++)
		buf_printf(out, "%s{key_id=\"%s\"} %zu\n", opened, keys->items[i].name,
			   opener_opened_with(o, keys->items[i].name));
	if (listed == NULL)
		return;
	metrics_head(out, documents, "gauge", "Documents that list a key that is held.");
	for (size_t i = 0; i < keys->n; i++)
		buf_printf(out, "%s{key_id=\"%s\"} %zu\n", documents, keys->items[i].name,
			   listed(store, keys->items[i].name));
}

static size_t list_key(const void *store, const char *key_id)
{
	const struct store_dir *st = store;
	struct table_node **nodes = table_nodes(&st->entries.table);
	size_t n = 0;

	for (size_t i = 0; i < st->entries.table.n; i++) {
		const struct entry *x = (const struct entry *)nodes[i];

		n += x->doc != NULL && x->doc->set != NULL &&
		     strstr(x->doc->set->recipients, key_id) != NULL;
	}
	mem_free(nodes);
	return n;
}

static void put_documents(const struct metrics *m, struct buf *out)
{
	size_t i;

	metrics_head(out, "bulla_documents", "gauge",
		     "Documents, and Secrets whose document is gone, by state.");
	for (i = REASON_PENDING; i < REASON_COUNT; i++)
		buf_printf(out, "bulla_documents{reason=\"%s\"} %zu\n", status_table[i].name,
			   m->store->result.counts[i]);
}

#define EXPIRY "bulla_credential_not_after_timestamp_seconds"

void metrics_expiry_head(struct buf *out)
{
	metrics_head(out, EXPIRY, "gauge",
		     "When the first of its credentials expires, as it claims.");
}

/* The names are of RFC 1123: nothing in them needs an escape. */
void metrics_expiry(struct buf *out, const char *namespace, const char *name, int64_t not_after)
{
	buf_printf(out, EXPIRY "{namespace=\"%s\",name=\"%s\"} %" PRId64 "\n", namespace, name,
		   not_after);
}

static void put_expiry(const struct metrics *m, struct buf *out)
{
	struct table_node **nodes = table_nodes(&m->store->entries.table);
	size_t i;

	metrics_expiry_head(out);
	for (i = 0; i < m->store->entries.table.n; i++) {
		const struct entry *x = (const struct entry *)nodes[i];

		if (x->doc != NULL && x->doc->not_after != 0)
			metrics_expiry(out, x->s.namespace, x->s.name, x->doc->not_after);
	}
	mem_free(nodes);
}

void metrics_init(struct metrics *m, const struct store_dir *store, const struct opener *opener,
		  bool anonymous)
{
	*m = (struct metrics){ .store = store,
			       .opener = opener,
			       .anonymous = anonymous,
			       .statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC),
			       .started = clock_now() };
}

void metrics_clear(struct metrics *m)
{
	if (m->statm >= 0)
		close(m->statm);
	m->statm = -1;
}

void metrics_format(const struct metrics *m, struct buf *out)
{
	size_t i;

	metrics_process(m->statm, m->started, out);
	put_documents(m, out);
	metrics_openings(m->opener, out);
	metrics_keys(m->opener, list_key, m->store, out);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metrics_head(out, rows[i].name, rows[i].type, rows[i].help);
		buf_printf(out, "%s %.15g\n", rows[i].name, rows[i].value(m));
	}
	if (!m->anonymous)
		put_expiry(m, out);
}
