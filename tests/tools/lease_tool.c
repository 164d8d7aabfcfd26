/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A candidate for a lease that tells of itself by Events, for tests/e2e/kubewatch.py.
 *
 *	lease_tool --kubeconfig FILE [--duration MS] [--renew MS] [--retry MS] NAMESPACE NAME
 *
 * Each call of the owner is one JSON line: {"acquired":true}, {"lost":true}, {"released":true},
 * {"failed":STATUS,...}.  Lines on standard input: "release"; "say" for the state; "event NAME UID
 * NOTE" for an Event about the ConfigMap NAME.  It ends when the lease was lost or given back.
 */
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "kube/client.h"
#include "kube/lease.h"
#include "kube/recorder.h"

static struct kube_lease *lease;
static struct kube_recorder *recorder;
static struct kube_lease_options options;
static const char *kubeconfig;
static char *identity;
static bool over;

static void say(json_t *line)
{
	json_object_set_new(line, "identity", json_string(identity));
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(line);
}

static void on_acquired(void *ctx)
{
	(void)ctx;
	say(json_pack("{s:b}", "acquired", 1));
}

static void on_lost(void *ctx)
{
	(void)ctx;
	over = true;
	say(json_pack("{s:b}", "lost", 1));
}

static void on_released(void *ctx)
{
	(void)ctx;
	over = true;
	say(json_pack("{s:b}", "released", 1));
}

static void on_failed(void *ctx, const struct kube_answer *a)
{
	(void)ctx;
	say(json_pack("{s:I, s:s, s:s}", "failed", (json_int_t)a->status, "reason", a->reason,
		      "message", a->message));
}

static void state(void)
{
	say(json_pack("{s:b, s:b, s:I, s:s, s:I, s:I}", "state", 1, "held", kube_lease_held(lease),
		      "age", (json_int_t)kube_lease_age(lease), "holder", kube_lease_holder(lease),
		      "pending", (json_int_t)kube_recorder_pending(recorder), "dropped",
		      (json_int_t)kube_recorder_dropped(recorder)));
}

static void put_event(char *words)
{
	char *name = strtok(words, " "), *uid = strtok(NULL, " "), *note = strtok(NULL, "");
	const struct kube_event e = { .api_version = "v1",
				      .kind = "ConfigMap",
				      .namespace = options.namespace,
				      .name = name,
				      .uid = uid,
				      .reason = "Tested",
				      .action = "Test",
				      .note = note == NULL ? "" : note,
				      .warning = true };

	kube_recorder_put(recorder, &e);
}

static void command(char *line)
{
	if (strncmp(line, "event ", 6) == 0)
		put_event(line + 6);
	else if (strcmp(line, "release") == 0)
		kube_lease_release(lease);
	else
		state();
}

/* All lines that are there; false at the end of standard input. */
static bool commands(void)
{
	char lines[4096], *rest = lines, *line;
	ssize_t n = read(STDIN_FILENO, lines, sizeof(lines) - 1);

	if (n <= 0)
		return false;
	lines[n] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			command(line);
	return true;
}

static void take_option(int o)
{
	switch (o) {
	case 'k':
		kubeconfig = optarg;
		break;
	case 'd':
		options.duration_ms = atol(optarg);
		break;
	case 'n':
		options.renew_ms = atol(optarg);
		break;
	case 't':
		options.retry_ms = atol(optarg);
		break;
	default:
		exit(ERR_USAGE);
	}
}

static void run(struct kube_client *client)
{
	static const struct kube_lease_handler handler = { on_acquired, on_lost, on_released,
							   on_failed };
	const struct kube_reporter by = { "bulla.dev/test", identity };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	int64_t end;

	recorder = kube_recorder_new(client, &by);
	lease = kube_lease_new(client, &options, &handler, NULL);
	do {
		kube_work(client);
		in.revents = 0;
		if (!over)
			kube_wait(client, &in, 1, -1);
	} while (!over && (in.revents == 0 || commands()));
	/* what was told of is to be heard */
	for (end = clock_monotonic_ms() + 2000;
	     kube_recorder_pending(recorder) > 0 && clock_monotonic_ms() < end; kube_work(client))
		kube_wait(client, NULL, 0, 100);
	kube_lease_free(lease);
	kube_recorder_free(recorder);
}

int main(int argc, char **argv)
{
	static const struct option names[] = { { "kubeconfig", 1, NULL, 'k' },
					       { "duration", 1, NULL, 'd' },
					       { "renew", 1, NULL, 'n' },
					       { "retry", 1, NULL, 't' },
					       { NULL, 0, NULL, 0 } };
	struct err err = ERR_INIT;
	struct kube_config config = { .server = NULL };
	struct kube_config_options from = { .kubeconfig = NULL };
	struct kube_client *client = NULL;

	mem_init();
	for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;)
		take_option(o);
	if (optind != argc - 2 || kubeconfig == NULL)
		return ERR_USAGE;
	from.kubeconfig = kubeconfig;
	options.namespace = argv[optind];
	options.name = argv[optind + 1];
	options.identity = identity = kube_lease_identity();
	if (kube_config_load(&from, &config, &err) == 0)
		client = kube_client_new(&config, "lease-tool", &err);
	if (client == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return (int)err.class;
	}
	run(client);
	kube_client_free(client);
	kube_config_clear(&config);
	mem_free(identity);
	return 0;
}
