/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives kube/watch.h for tests/e2e/kubewatch.py.
 *
 *	watch_tool --kubeconfig FILE [--selector QUERY] [--metadata] [--max BYTES] [--full MS]
 *		[--silent MS] [--count] PATH...
 *
 * Each call of the owner is one JSON line: {"begin":true}, {"object":{...}}, {"deleted":{...}},
 * {"synced":true}, {"failed":STATUS,"reason":...,"message":...}.  With --count, objects are counted
 * and told with `synced` only.  A line "relist" on standard input asks for a list, "say" for the
 * state; its end ends the program.  With several paths, each watch's "synced" and "failed" name
 * theirs, and commands are the first one's.
 */
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/watch.h"

#define WATCHES_MAX 16

static struct kube_watch *watches[WATCHES_MAX];
static const char *kubeconfig;
static struct kube_watch_options options;
static bool count_only;
static size_t counted;
static int64_t begun_ms;

static void say(json_t *line)
{
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

static void on_begin(void *ctx)
{
	(void)ctx;
	counted = 0;
	begun_ms = clock_monotonic_ms();
	say(json_pack("{s:b}", "begin", 1));
}

static void show(const char *what, const json_t *o)
{
	counted++;
	if (!count_only)
		say(json_pack("{s:O}", what, (json_t *)(uintptr_t)o));
}

static void on_object(void *ctx, const json_t *o)
{
	(void)ctx;
	show("object", o);
}

static void on_deleted(void *ctx, const json_t *o)
{
	(void)ctx;
	show("deleted", o);
}

static void on_synced(void *ctx)
{
	say(json_pack("{s:b, s:s, s:I, s:I}", "synced", 1, "path", (const char *)ctx, "n",
		      (json_int_t)counted, "ms", (json_int_t)(clock_monotonic_ms() - begun_ms)));
}

static void on_failed(void *ctx, const struct kube_answer *a)
{
	say(json_pack("{s:I, s:s, s:s, s:s}", "failed", (json_int_t)a->status, "path",
		      (const char *)ctx, "reason", a->reason, "message", a->message));
}

/* The most memory that was ever in use, in KiB.  (ru_maxrss is of the parent too.) */
static json_int_t memory(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = atol(line + 6);
	if (f != NULL)
		fclose(f);
	return kib;
}

static void state(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	say(json_pack("{s:b, s:I, s:I, s:I}", "state", kube_watch_synced(watches[0]), "heard",
		      (json_int_t)(clock_monotonic_ms() - kube_watch_heard(watches[0])), "rss",
		      memory(), "cpu_ms",
		      (json_int_t)(use.ru_utime.tv_sec * 1000 + use.ru_utime.tv_usec / 1000 +
				   use.ru_stime.tv_sec * 1000 + use.ru_stime.tv_usec / 1000)));
}

/* false at the end of standard input. */
static bool command(void)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0)
		return false;
	line[n] = '\0';
	if (strncmp(line, "relist", 6) == 0)
		kube_watch_relist(watches[0]);
	else
		state();
	return true;
}

static void take_option(int o)
{
	switch (o) {
	case 'k':
		kubeconfig = optarg;
		break;
	case 'l':
		options.selector = optarg;
		break;
	case 'm':
		options.metadata_only = true;
		break;
	case 'x':
		options.object_max = (size_t)atol(optarg);
		break;
	case 'f':
		options.full_ms = atol(optarg);
		break;
	case 's':
		options.silent_ms = atol(optarg);
		break;
	case 'n':
		count_only = true;
		break;
	default:
		exit(ERR_USAGE);
	}
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "kubeconfig", 1, NULL, 'k' }, { "selector", 1, NULL, 'l' },
		{ "metadata", 0, NULL, 'm' },	{ "max", 1, NULL, 'x' },
		{ "full", 1, NULL, 'f' },	{ "silent", 1, NULL, 's' },
		{ "count", 0, NULL, 'n' },	{ NULL, 0, NULL, 0 }
	};
	static const struct kube_watch_handler handler = { on_begin,  on_object, on_deleted,
							   on_synced, on_failed, NULL };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct err err = ERR_INIT;
	struct kube_config config = { .server = NULL };
	struct kube_config_options from = { .kubeconfig = NULL };
	struct kube_client *client = NULL;

	mem_init();
	for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;)
		take_option(o);
	if (optind >= argc || argc - optind > WATCHES_MAX || kubeconfig == NULL)
		return ERR_USAGE;
	from.kubeconfig = kubeconfig;
	if (kube_config_load(&from, &config, &err) == 0)
		client = kube_client_new(&config, "watch-tool", &err);
	if (client == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return (int)err.class;
	}
	for (int i = optind; i < argc; i++) {
		options.path = argv[i];
		watches[i - optind] = kube_watch_new(client, &options, &handler, argv[i]);
	}
	do {
		kube_work(client);
		in.revents = 0;
		kube_wait(client, &in, 1, -1);
	} while (in.revents == 0 || command());
	for (int i = 0; i < WATCHES_MAX; i++)
		kube_watch_free(watches[i]);
	kube_client_free(client);
	kube_config_clear(&config);
	return 0;
}
