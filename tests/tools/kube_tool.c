/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives kube/client.h for tests/e2e/test_kube_client.py.
 *
 *	kube_tool --server URL [--ca FILE] [--cert FILE --key FILE] [--token-file FILE] [--user U:P]
 *	          [--tls-server-name N] [--proxy URL] [--insecure] [--gzip] [--header LINE]
 *<REQUESTS
 *
 * REQUESTS is a JSON array of objects: method, path, body, type, idempotent, urgent, metadata,
 * timeout; times: send it so often; stream: read it as it comes; deadline; cancel: drop it after so
 * many milliseconds; stop: free the stream at its so-manyth byte; pause: wait before the next. Each
 * answer is one JSON line, the last line the client's figures.  The token is read anew when the
 * server rejects it.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/session.h"
#include "kube/stream.h"
#include "kube/timer.h"

#define MAX (1 << 20)

struct job {
	const json_t *spec;
	json_int_t index, number;
	struct kube_stream *stream;
	struct kube_timer *timer;
	int64_t begun_ms;
	size_t bytes;
	size_t stop; /* 0: never */
	bool over;
};

static struct kube_client *client;
static const char *token_file;
static unsigned refreshes;
static size_t open_jobs;

/* In place of kube/config.c's, which this program does not link. */
int kube_config_refresh(struct kube_config *c, bool rejected, int64_t now_ms, struct err *err)
{
	struct buf text = BUF_INIT;

	(void)now_ms;
	if (!rejected || token_file == NULL)
		return 0;
	refreshes++;
	if (file_read(token_file, MAX, 0, &text, NULL, err) != 0)
		return -1;
	mem_free(c->token);
	c->token = mem_strn(buf_str(&text), strcspn(buf_str(&text), "\n"));
	buf_clear(&text);
	return 0;
}

/* Its CA never changes. */
void kube_config_untrusted(struct kube_config *c, int64_t now_ms)
{
	(void)c;
	(void)now_ms;
}

static void say(json_t *line)
{
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

static json_t *told(const struct job *j, const struct kube_answer *a)
{
	struct err err = ERR_INIT;
	json_t *line;

	kube_error(a, "do it", &err);
	line = json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:s, s:s}", "index",
			 j->index, "number", j->number, "status", (json_int_t)a->status, "reason",
			 a->reason, "cause", a->cause, "name", a->name, "message", a->message,
			 "retry", (json_int_t)a->retry_ms, "unsent", (int)a->unsent, "ms",
			 (json_int_t)(clock_monotonic_ms() - j->begun_ms), "error", err.text,
			 "class", err_class_name(err.class));
	if (a->object != NULL)
		json_object_set(line, "object", (json_t *)(uintptr_t)a->object);
	return line;
}

static void end_job(struct job *j)
{
	if (!j->over)
		open_jobs--;
	j->over = true;
}

static void on_answer(void *ctx, const struct kube_answer *a)
{
	end_job(ctx);
	say(told(ctx, a));
}

static void on_opened(void *ctx)
{
	const struct job *j = ctx;

	say(json_pack("{s:I, s:b}", "index", j->index, "opened", 1));
}

static void on_data(void *ctx, const char *bytes, size_t n)
{
	struct job *j = ctx;

	(void)bytes;
	j->bytes += n;
	if (j->stop == 0 || j->bytes < j->stop)
		return;
	kube_stream_free(j->stream);
	j->stream = NULL;
	end_job(j);
	say(json_pack("{s:I, s:b, s:I}", "index", j->index, "stopped", 1, "bytes",
		      (json_int_t)j->bytes));
}

static void on_end(void *ctx, enum kube_end how, const struct kube_answer *a)
{
	static const char *const names[] = { [KUBE_END_CLEAN] = "clean",
					     [KUBE_END_REFUSED] = "refused",
					     [KUBE_END_BROKEN] = "broken",
					     [KUBE_END_SILENT] = "silent",
					     [KUBE_END_UNREACHED] = "unreached" };
	struct job *j = ctx;
	json_t *line = told(j, a);

	json_object_set_new(line, "end", json_string(names[how]));
	json_object_set_new(line, "bytes", json_integer((json_int_t)j->bytes));
	say(line);
	end_job(j);
}

static void on_cancel(void *ctx, int64_t now_ms)
{
	struct job *j = ctx;

	(void)now_ms;
	kube_cancel(client, j);
	kube_stream_free(j->stream);
	j->stream = NULL;
	end_job(j);
	say(json_pack("{s:I, s:b}", "index", j->index, "cancelled", 1));
}

static bool flag(const json_t *spec, const char *name)
{
	return json_is_true(json_object_get(spec, name));
}

static json_int_t number(const json_t *spec, const char *name)
{
	return json_integer_value(json_object_get(spec, name));
}

static enum kube_body body_type(const char *name)
{
	static const char *const names[] = { [KUBE_JSON] = "json",
					     [KUBE_JSON_PATCH] = "json-patch",
					     [KUBE_MERGE_PATCH] = "merge-patch",
					     [KUBE_APPLY] = "apply" };

	for (size_t i = KUBE_JSON; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0)
			return (enum kube_body)i;
	}
	return KUBE_JSON;
}

static void send_request(struct job *j)
{
	static struct buf body = BUF_INIT;
	const json_t *text = json_object_get(j->spec, "body");
	const char *method = json_string_value(json_object_get(j->spec, "method"));
	struct kube_request r = {
		.method = method == NULL ? "GET" : method,
		.path = json_string_value(json_object_get(j->spec, "path")),
		.metadata_only = flag(j->spec, "metadata"),
		.idempotent = flag(j->spec, "idempotent"),
		.urgent = flag(j->spec, "urgent"),
		.timeout_ms = (int)number(j->spec, "timeout"),
	};

	buf_reset(&body);
	if (text != NULL) {
		r.type = body_type(json_string_value(json_object_get(j->spec, "type")));
		r.body = &body;
		buf_put(&body, json_string_value(text), json_string_length(text));
	}
	kube_send(client, &r, on_answer, j);
}

static void open_stream(struct job *j)
{
	static const struct kube_stream_handler handler = { on_opened, on_data, on_end };
	const struct kube_stream_options o = {
		.path = json_string_value(json_object_get(j->spec, "path")),
		.gzip = flag(j->spec, "gzip"),
		.deadline_ms = number(j->spec, "deadline"),
	};

	j->stop = (size_t)number(j->spec, "stop");
	j->stream = kube_stream_open(client, &o, &handler, j);
}

static void begin(struct job *j, const json_t *spec, json_int_t index, json_int_t n)
{
	j->spec = spec;
	j->index = index;
	j->number = n;
	j->begun_ms = clock_monotonic_ms();
	open_jobs++;
	if (flag(spec, "stream"))
		open_stream(j);
	else
		send_request(j);
	if (number(spec, "cancel") == 0)
		return;
	j->timer = kube_timer_new(kube_client_timers(client), on_cancel, j);
	kube_timer_set(j->timer, j->begun_ms + number(spec, "cancel"));
}

static void work_until(int64_t at_ms)
{
	for (;;) {
		int64_t left = at_ms - clock_monotonic_ms();

		kube_work(client);
		if (open_jobs == 0 && at_ms == 0)
			return;
		if (at_ms != 0 && left <= 0)
			return;
		kube_wait(client, NULL, 0, at_ms == 0 ? -1 : (int)left);
	}
}

static void run(const json_t *specs)
{
	size_t n_jobs = 0, next = 0;
	struct job *jobs;
	const json_t *spec;
	size_t i;

	json_array_foreach(specs, i, spec) n_jobs +=
	    number(spec, "times") > 0 ? (size_t)number(spec, "times") : 1;
	jobs = mem_array(n_jobs, sizeof(*jobs));
	json_array_foreach(specs, i, spec)
	{
		json_int_t times = number(spec, "times");

		for (json_int_t k = 0; k < (times > 0 ? times : 1); k++)
			begin(&jobs[next++], spec, (json_int_t)i, k);
		if (number(spec, "pause") > 0)
			work_until(clock_monotonic_ms() + number(spec, "pause"));
	}
	work_until(0);
	for (i = 0; i < n_jobs; i++)
		kube_stream_free(jobs[i].stream);
	mem_free(jobs);
}

static void figures(void)
{
	const struct kube_count *counts;
	size_t n = kube_counts(client, &counts);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "method", counts[i].method,
						      "code", (json_int_t)counts[i].code, "n",
						      (json_int_t)counts[i].n));
	say(json_pack("{s:o, s:I, s:I}", "counts", list, "pending",
		      (json_int_t)kube_pending(client), "refreshes", (json_int_t)refreshes));
}

static void read_to(const char *path, struct buf *out)
{
	struct err err = ERR_INIT;

	if (file_read(path, MAX, 0, out, NULL, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		exit((int)err.class);
	}
}

static void set_user(struct kube_config *c, char *pair)
{
	char *colon = strchr(pair, ':');

	c->username = mem_strn(pair, (size_t)(colon - pair));
	c->password = mem_str(colon + 1);
}

static void options(struct kube_config *c, int argc, char **argv)
{
	static const struct option names[] = { { "server", 1, NULL, 's' },
					       { "ca", 1, NULL, 'a' },
					       { "cert", 1, NULL, 'c' },
					       { "key", 1, NULL, 'k' },
					       { "token-file", 1, NULL, 't' },
					       { "user", 1, NULL, 'u' },
					       { "tls-server-name", 1, NULL, 'n' },
					       { "proxy", 1, NULL, 'p' },
					       { "context", 1, NULL, 'x' },
					       { "header", 1, NULL, 'h' },
					       { "insecure", 0, NULL, 'i' },
					       { "gzip", 0, NULL, 'g' },
					       { NULL, 0, NULL, 0 } };
	static char *headers[8];
	struct buf token = BUF_INIT;
	size_t n_headers = 0;

	for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) {
		switch (o) {
		case 's':
			c->server = optarg;
			break;
		case 'a':
			read_to(optarg, &c->ca);
			break;
		case 'c':
			read_to(optarg, &c->cert);
			break;
		case 'k':
			read_to(optarg, &c->key);
			break;
		case 't':
			token_file = optarg;
			break;
		case 'u':
			set_user(c, optarg);
			break;
		case 'n':
			c->tls_server_name = optarg;
			break;
		case 'p':
			c->proxy = optarg;
			break;
		case 'x':
			c->context = optarg;
			break;
		case 'h':
			headers[n_headers++] = optarg;
			break;
		case 'i':
			c->insecure = true;
			break;
		case 'g':
			c->gzip = true;
			break;
		default:
			exit(ERR_USAGE);
		}
	}
	c->impersonate = headers;
	if (token_file != NULL) {
		read_to(token_file, &token);
		c->token = mem_strn(buf_str(&token), strcspn(buf_str(&token), "\n"));
		buf_clear(&token);
	}
}

int main(int argc, char **argv)
{
	struct kube_config c = { 0 };
	struct err err = ERR_INIT;
	json_t *specs;

	mem_init();
	options(&c, argc, argv);
	client = kube_client_new(&c, "kube-tool", &err);
	if (client == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return (int)err.class;
	}
	specs = json_loadf(stdin, 0, NULL);
	run(specs);
	figures();
	json_decref(specs);
	kube_client_free(client);
	mem_free(c.token);
	mem_free(c.username);
	mem_free(c.password);
	buf_clear(&c.ca);
	buf_clear(&c.cert);
	buf_clear(&c.key);
	return 0;
}
