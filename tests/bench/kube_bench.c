/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bare limit: how fast an API server takes requests from kube/client.h when nothing else is to
 * be done, KUBE_IN_FLIGHT of them at a time on one HTTP/2 connection.
 *
 *	kube_bench [--kubeconfig FILE] [--context NAME] [--expect STATUS]... [--watch PATH] PHASE...
 *
 * Each PHASE is a file of JSON lines with method, path, type, body, metadata and idempotent: what
 * would be sent, prepared beforehand and read before the clock starts.  A phase ends with its last
 * answer, then the next begins.  One JSON line for each phase, and one for all of them together;
 * exit 1 when an answer was none of the expected statuses (200 and 201; 0 is no answer).
 *
 * --watch lists and watches that collection meanwhile, as whoever writes into it has to.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/watch.h"

#define FILE_MAX ((size_t)64 << 20)
#define EXPECT_MAX 8

struct request {
	struct kube_request r;
	json_t *spec; /* holds its texts */
	struct buf body;
	double begun, took; /* seconds */
};

struct phase {
	const char *name;
	struct request *requests;
	size_t n, answered, unexpected;
	long first_unexpected;
};

struct usage {
	double wall, cpu;
};

static struct kube_client *client;
static struct phase *running;
static long expected[EXPECT_MAX];
static size_t n_expected;
static const char *watched;

static void fail(const struct err *err)
{
	fprintf(stderr, "kube_bench: %s\n", err->text);
	exit((int)err->class);
}

static double clock_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct usage usage_now(void)
{
	return (struct usage){ clock_seconds(CLOCK_MONOTONIC),
			       clock_seconds(CLOCK_PROCESS_CPUTIME_ID) };
}

static enum kube_body type_of(const json_t *spec)
{
	static const char *const names[] = { [KUBE_JSON] = "json",
					     [KUBE_JSON_PATCH] = "json-patch",
					     [KUBE_MERGE_PATCH] = "merge-patch",
					     [KUBE_APPLY] = "apply" };
	const char *name = json_string_value(json_object_get(spec, "type"));

	for (size_t i = KUBE_JSON; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return (enum kube_body)i;
	}
	return KUBE_JSON;
}

/* The body may stand there as an object. */
static void read_body(struct request *q)
{
	const json_t *body = json_object_get(q->spec, "body");

	if (body == NULL)
		return;
	if (json_is_string(body))
		buf_put(&q->body, json_string_value(body), json_string_length(body));
	else
		json_format(&q->body, body);
	q->r.body = &q->body;
	q->r.type = type_of(q->spec);
}

static void read_request(struct request *q, const char *line, size_t len, const char *name)
{
	struct err err = ERR_INIT;

	q->spec = json_parse(line, len, name, &err);
	if (q->spec == NULL)
		fail(&err);
	q->r.method = json_need_string(q->spec, name, "method", &err);
	q->r.path = json_need_string(q->spec, name, "path", &err);
	if (q->r.method == NULL || q->r.path == NULL)
		fail(&err);
	q->r.metadata_only = json_is_true(json_object_get(q->spec, "metadata"));
	q->r.idempotent = json_is_true(json_object_get(q->spec, "idempotent"));
	q->r.timeout_ms = 120000;
	read_body(q);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void read_phase(struct phase *p, const char *path)
{
	struct err err = ERR_INIT;
	struct buf text = { .max = FILE_MAX };
	const char *line;

	if (file_read(path, FILE_MAX, 0, &text, NULL, &err) != 0)
		fail(&err);
	p->name = path;
	line = buf_str(&text);
	p->requests = mem_array(count_lines(line), sizeof(*p->requests));
	for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
		read_request(&p->requests[p->n++], line, (size_t)(end - line), path);
	buf_clear(&text);
}

static bool is_expected(long status)
{
	for (size_t i = 0; i < n_expected; i++) {
		if (expected[i] == status)
			return true;
	}
	return false;
}

static void on_done(void *ctx, const struct kube_answer *a)
{
	struct request *q = ctx;

	q->took = clock_seconds(CLOCK_MONOTONIC) - q->begun;
	running->answered++;
	if (is_expected(a->status))
		return;
	if (running->unexpected++ == 0) {
		running->first_unexpected = a->status;
		fprintf(stderr, "kube_bench: %s %s: %ld %s\n", q->r.method, q->r.path, a->status,
			a->message);
	}
}

/* Not ru_maxrss, which begins with what the parent had. */
static json_int_t peak_kib(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kib = 0;

	while (f != NULL && kib == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	}
	if (f != NULL)
		fclose(f);
	return kib;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t n, double p)
{
	return n == 0 ? 0 : sorted[(size_t)((double)(n - 1) * p)];
}

static void report(const char *name, const struct phase *p, size_t n, struct usage used)
{
	double *took = mem_array(n, sizeof(*took));
	size_t unexpected = 0, at = 0;
	json_t *line;

	for (; at < n; p++) {
		for (size_t i = 0; i < p->n; i++)
			took[at++] = p->requests[i].took * 1000;
		unexpected += p->unexpected;
	}
	qsort(took, n, sizeof(*took), compare);
	line = json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I}", "phase", name, "requests",
			 (json_int_t)n, "unexpected", (json_int_t)unexpected, "seconds", used.wall,
			 "per_second", (double)n / used.wall, "p50_ms", percentile(took, n, 0.5),
			 "p99_ms", percentile(took, n, 0.99), "client_cpu_ms",
			 used.cpu * 1000 / (double)n, "peak_kib", peak_kib());
	json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(line);
	mem_free(took);
}

/* The lane would queue them all; a latency is to count from when one could go out. */
static void run(struct phase *p)
{
	size_t sent = 0;

	running = p;
	while (p->answered < p->n) {
		for (; sent < p->n && kube_pending(client) < KUBE_IN_FLIGHT; sent++) {
			p->requests[sent].begun = clock_seconds(CLOCK_MONOTONIC);
			kube_send(client, &p->requests[sent].r, on_done, &p->requests[sent]);
		}
		kube_work(client);
		if (kube_pending(client) == KUBE_IN_FLIGHT || (sent == p->n && p->answered < p->n))
			kube_wait(client, NULL, 0, -1);
	}
}

static int run_all(struct phase *phases, size_t n)
{
	struct usage first = usage_now();
	size_t all = 0, unexpected = 0;

	for (size_t i = 0; i < n; i++) {
		struct usage begin = usage_now(), end;

		run(&phases[i]);
		end = usage_now();
		all += phases[i].n;
		unexpected += phases[i].unexpected;
		report(phases[i].name, &phases[i], phases[i].n,
		       (struct usage){ end.wall - begin.wall, end.cpu - begin.cpu });
	}
	if (n > 1) {
		struct usage last = usage_now();

		report("all", phases, all,
		       (struct usage){ last.wall - first.wall, last.cpu - first.cpu });
	}
	return unexpected != 0;
}

static void free_phase(struct phase *p)
{
	for (size_t i = 0; i < p->n; i++) {
		json_decref(p->requests[i].spec);
		buf_clear(&p->requests[i].body);
	}
	mem_free(p->requests);
}

static void on_begin(void *ctx)
{
	(void)ctx;
}

static void on_object(void *ctx, const json_t *o)
{
	(void)ctx;
	(void)o;
}

static void on_synced(void *ctx)
{
	*(bool *)ctx = true;
}

static void on_failed(void *ctx, const struct kube_answer *a)
{
	(void)ctx;
	fprintf(stderr, "kube_bench: %s: %ld %s\n", watched, a->status, a->message);
	exit(ERR_IO);
}

/* All that is there was seen when it returns. */
static struct kube_watch *watch(void)
{
	static const struct kube_watch_handler handler = { .begin = on_begin,
							   .object = on_object,
							   .deleted = on_object,
							   .synced = on_synced,
							   .failed = on_failed };
	static bool synced;
	const struct kube_watch_options o = { .path = watched };
	struct kube_watch *w = kube_watch_new(client, &o, &handler, &synced);

	while (!synced) {
		kube_work(client);
		kube_wait(client, NULL, 0, -1);
	}
	return w;
}

static int options(int argc, char **argv, struct kube_config_options *o)
{
	static const struct option names[] = { { "kubeconfig", 1, NULL, 'k' },
					       { "context", 1, NULL, 'c' },
					       { "expect", 1, NULL, 'e' },
					       { "watch", 1, NULL, 'w' },
					       { NULL, 0, NULL, 0 } };

	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		if (c == 'k')
			o->kubeconfig = optarg;
		else if (c == 'c')
			o->context = optarg;
		else if (c == 'w')
			watched = optarg;
		else if (c == 'e' && n_expected < EXPECT_MAX)
			expected[n_expected++] = strtol(optarg, NULL, 10);
		else
			exit(ERR_USAGE);
	}
	if (n_expected == 0) {
		expected[n_expected++] = 200;
		expected[n_expected++] = 201;
	}
	return optind;
}

/* So that the connection and the first answer are not in the clock. */
static void warm_up(void)
{
	const struct kube_request version = { .method = "GET", .path = "/version" };
	struct err err = ERR_INIT;

	if (kube_call(client, &version, NULL, &err) != 0)
		fail(&err);
}

int main(int argc, char **argv)
{
	struct kube_config_options o = { 0 };
	struct kube_config config;
	struct err err = ERR_INIT;
	struct kube_watch *w = NULL;
	struct phase *phases;
	int first, status;
	size_t n;

	mem_init();
	first = options(argc, argv, &o);
	n = (size_t)(argc - first);
	if (kube_config_load(&o, &config, &err) != 0)
		fail(&err);
	client = kube_client_new(&config, "kube-bench", &err);
	if (client == NULL)
		fail(&err);
	phases = mem_array(n, sizeof(*phases));
	for (size_t i = 0; i < n; i++)
		read_phase(&phases[i], argv[first + (int)i]);
	warm_up();
	if (watched != NULL)
		w = watch();
	status = run_all(phases, n);
	for (size_t i = 0; i < n; i++)
		free_phase(&phases[i]);
	mem_free(phases);
	kube_watch_free(w);
	kube_client_free(client);
	kube_config_clear(&config);
	return status;
}
