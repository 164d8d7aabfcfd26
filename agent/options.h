/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of bulla-agent.  options_table is the one place that lists it. */
#ifndef BULLA_AGENT_OPTIONS_H
#define BULLA_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/log.h"

struct err;

#define OPTIONS_SETTLE 5 /* seconds */
#define OPTIONS_LOOK 300 /* seconds */
#define OPTIONS_LOOK_KUBERNETES 600
#define OPTIONS_SETTLE_KUBERNETES 60
#define OPTIONS_GIVE_UP 120 /* seconds */
#define OPTIONS_AGENT_NAMESPACE "bulla-system"

enum options_mode {
	OPTIONS_RUN,
	OPTIONS_OPENER, /* bulla-agent opener */
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_SELF_TEST,
	OPTIONS_GENERATE_KEY
};

/* Where an option may stand. */
enum options_modes { OPTIONS_FOR_RUN = 1, OPTIONS_FOR_OPENER = 2 };

struct options {
	enum options_mode mode;
	bool kubernetes;       /* mode RUN: an API server, in place of two folders */
	const char *documents; /* as given; not NULL in mode RUN without kubernetes, as secrets */
	const char *secrets;
	const char *keys; /* NULL in mode RUN with */
	const char *kubeconfig;
	const char *context;
	const char *namespaces; /* "a,b", or NULL: all */
	const char *agent_namespace;
	const char *fan_out; /* the file of the map, or NULL */
	bool no_lease;
	bool unbounded;
	bool flux;
	const char *opener;   /* the path of another process's socket, or NULL */
	int64_t opener_uid;   /* -1: our own */
	const char *socket;   /* mode OPENER: not NULL */
	int64_t client_uid;   /* -1: our own */
	int64_t socket_group; /* -1: none */
	const char *listen;   /* ADDRESS:PORT or NULL */
	bool once;
	bool anonymous; /* no names of documents in the metrics */
	mode_t file_mode;
	int64_t settle_ms;
	int64_t look_ms;
	int64_t give_up_ms; /* with once and kubernetes: so long is tried what cannot be listed */
	enum log_level level;
};

struct options_row {
	const char *name; /* long, without dashes */
	char letter;	  /* short, or 0 */
	const char *arg;  /* what the help calls its argument; NULL: none */
	const char *help; /* one line */
	int modes;	  /* enum options_modes */
	bool many;	  /* may be given more than once */
};

extern const struct options_row options_table[]; /* ends with a NULL name */

/* ERR_USAGE.  Texts of out point into argv. */
int options_parse(int argc, char **argv, struct options *out, struct err *err);
void options_help(FILE *f);

#endif
