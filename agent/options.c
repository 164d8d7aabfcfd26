/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define SECONDS_MAX 86400
#define ID_MAX INT64_C(4294967294) /* the next one means none */

enum {
	O_DOCUMENTS,
	O_SECRETS,
	O_KEYS,
	O_KUBERNETES,
	O_KUBECONFIG,
	O_CONTEXT,
	O_NAMESPACES,
	O_AGENT_NAMESPACE,
	O_FAN_OUT,
	O_NO_LEASE,
	O_UNBOUNDED,
	O_FLUX,
	O_OPENER,
	O_OPENER_UID,
	O_ONCE,
	O_GIVE_UP,
	O_FILE_MODE,
	O_LISTEN,
	O_ANONYMOUS,
	O_SETTLE,
	O_FULL_LOOK,
	O_SOCKET,
	O_SOCKET_GROUP,
	O_CLIENT_UID,
	O_SELF_TEST,
	O_GENERATE_KEY,
	O_QUIET,
	O_VERBOSE,
	O_HELP,
	O_VERSION,
	O_COUNT
};

#define RUN OPTIONS_FOR_RUN
#define OPENER OPTIONS_FOR_OPENER
#define BOTH (RUN | OPENER)

const struct options_row options_table[] = {
	[O_DOCUMENTS] = { "documents", 0, "DIR", "the checkout with the sealed documents", RUN,
			  false },
	[O_SECRETS] = { "secrets", 0, "DIR", "where the Secrets are kept, DIR/NAMESPACE/NAME/KEY",
			RUN, false },
	[O_KEYS] = { "keys", 0, "DIR", "the sealing keys, one per file", BOTH, false },
	[O_KUBERNETES] = { "kubernetes", 0, NULL,
			   "serve the SealedCredentials of a cluster, in place of two folders", RUN,
			   false },
	[O_KUBECONFIG] = { "kubeconfig", 0, "FILE",
			   "which cluster, when it is not the one that the agent runs in", RUN,
			   false },
	[O_CONTEXT] = { "context", 0, "NAME", "of the kubeconfig", RUN, false },
	[O_NAMESPACES] = { "namespaces", 0, "NAME,...",
			   "serve these alone, and watch their Secrets", RUN, false },
	[O_AGENT_NAMESPACE] = { "agent-namespace", 0, "NAME",
				"where the agent and its keys live; never served (bulla-system)",
				RUN, false },
	[O_FAN_OUT] = { "fan-out", 0, "FILE",
			"copy Secrets to other namespaces, as far as this map allows", RUN, false },
	[O_NO_LEASE] = { "no-lease", 0, NULL, "work at once, though another agent may be at work",
			 RUN, false },
	[O_UNBOUNDED] = { "unbounded", 0, NULL, "work though no admission policy bounds the agent",
			  RUN, false },
	[O_FLUX] = { "flux", 0, NULL,
		     "tell Flux's sources of new Secrets, and keep those that they use", RUN,
		     false },
	[O_OPENER] = { "opener", 0, "PATH", "in place of --keys: the socket of an opener", RUN,
		       false },
	[O_OPENER_UID] = { "opener-uid", 0, "UID", "the user that it runs as (this one)", RUN,
			   false },
	[O_ONCE] = { "once", 0, NULL, "bring everything up to date and end", RUN, false },
	[O_GIVE_UP] = { "give-up", 0, "SECONDS",
			"with --once: how long to try what cannot be listed (120)", RUN, false },
	[O_FILE_MODE] = { "file-mode", 0, "MODE", "of the files with keys, in octal (0400)", RUN,
			  false },
	[O_LISTEN] = { "listen", 0, "[ADDRESS]:PORT",
		       "serve /healthz, /readyz and /metrics (ADDRESS 127.0.0.1)", RUN, false },
	[O_ANONYMOUS] = { "anonymous-metrics", 0, NULL, "no names of documents in /metrics", RUN,
			  false },
	[O_SETTLE] = { "settle", 0, "SECONDS",
		       "how long a document must be gone before its Secret goes (5; in a cluster "
		       "60)",
		       RUN, false },
	[O_FULL_LOOK] = { "full-look", 0, "SECONDS",
			  "how often to look at everything, whatever stirs (300; in a cluster "
			  "600)",
			  RUN, false },
	[O_SOCKET] = { "socket", 0, "PATH", "where the agent finds the opener", OPENER, false },
	[O_SOCKET_GROUP] = { "socket-group", 0, "GID", "who may connect beside this user", OPENER,
			     false },
	[O_CLIENT_UID] = { "client-uid", 0, "UID", "the user that the agent runs as (this one)",
			   OPENER, false },
	[O_SELF_TEST] = { "self-test", 0, NULL, "try what the opener must not be able to do", RUN,
			  false },
	[O_GENERATE_KEY] = { "generate-key", 0, NULL,
			     "make the first sealing key of a cluster, in its Secret", RUN, false },
	[O_QUIET] = { "quiet", 'q', NULL, "log less; may be repeated", BOTH, true },
	[O_VERBOSE] = { "verbose", 'v', NULL, "log more; may be repeated", BOTH, true },
	[O_HELP] = { "help", 'h', NULL, "show this help", BOTH, false },
	[O_VERSION] = { "version", 0, NULL, "show the version", BOTH, false },
	[O_COUNT] = { NULL, 0, NULL, NULL, 0, false },
};

static void help_row(FILE *f, const struct options_row *row)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter != 0 ? '-' : ' ',
		 row->letter != 0 ? row->letter : ' ', row->letter != 0 ? ',' : ' ', row->name,
		 row->arg != NULL ? " " : "", row->arg != NULL ? row->arg : "");
	fprintf(f, "  %-30s %s\n", left, row->help);
}

void options_help(FILE *f)
{
	const struct options_row *row;

	fputs("usage: bulla-agent --documents DIR --secrets DIR --keys DIR [OPTION]...\n"
	      "       bulla-agent --kubernetes --keys DIR [OPTION]...\n"
	      "       bulla-agent opener --keys DIR --socket PATH [OPTION]...\n"
	      "       bulla-agent --generate-key [--agent-namespace NAME] [OPTION]...\n\n"
	      "Opens the sealed documents of a checkout, or of a cluster, and keeps the Secrets\n"
	      "they hold.\n"
	      "`opener` is the part that holds the keys, in a container of its own.\n\n",
	      f);
	for (row = options_table; row->name != NULL; row++)
		if ((row->modes & RUN) != 0)
			help_row(f, row);
	fputs("\nOf the opener, beside --keys, -q, -v and -h:\n", f);
	for (row = options_table; row->name != NULL; row++)
		if (row->modes == OPENER)
			help_row(f, row);
}

/* --- values ----------------------------------------------------------------------------------- */

static int read_mode(const char *text, mode_t *out, struct err *err)
{
	unsigned long mode;
	char *end;

	if (strspn(text, "01234567") != strlen(text) || strlen(text) < 3 || strlen(text) > 4)
		return err_set(err, ERR_USAGE, "--file-mode: three or four octal digits, as 0440");
	mode = strtoul(text, &end, 8);
	if ((mode & 0400) == 0)
		return err_set(err, ERR_USAGE,
			       "--file-mode: the agent itself must be able to read "
			       "(0400)");
	if ((mode & ~0644ul) != 0)
		return err_set(
		    err, ERR_USAGE,
		    "--file-mode: only bits of 0644; nobody runs a credential, and nobody "
		    "else writes it");
	*out = (mode_t)mode;
	return 0;
}

static int read_seconds(const char *option, const char *text, unsigned long min, int64_t *out_ms,
			struct err *err)
{
	char *end;
	unsigned long n;

	if (strspn(text, "0123456789") != strlen(text) || *text == '\0' || strlen(text) > 6)
		return err_set(err, ERR_USAGE, "--%s: a number of seconds", option);
	n = strtoul(text, &end, 10);
	if (n < min || n > SECONDS_MAX)
		return err_set(err, ERR_USAGE, "--%s: between %lu and %d seconds", option, min,
			       SECONDS_MAX);
	*out_ms = (int64_t)n * 1000;
	return 0;
}

/* A user or group by its number: no name is looked up, in no file and on no network. */
static int read_id(const char *option, const char *text, int64_t *out, struct err *err)
{
	if (strspn(text, "0123456789") != strlen(text) || *text == '\0' || strlen(text) > 10 ||
	    strtoll(text, NULL, 10) > ID_MAX)
		return err_set(err, ERR_USAGE, "--%s: a number from 0 to %lld", option,
			       (long long)ID_MAX);
	*out = strtoll(text, NULL, 10);
	return 0;
}

static int take_text(const char *option, const char *text, const char **out, struct err *err)
{
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "--%s: is empty", option);
	*out = text;
	return 0;
}

static int take_socket(const char *option, const char *text, const char **out, struct err *err)
{
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "--%s: the path of a socket", option);
	*out = text;
	return 0;
}

/* --- parse ------------------------------------------------------------------------------------ */

/* Counts of -q and -v, and what was seen. */
struct parse {
	struct options *out;
	int mode; /* RUN or OPENER */
	int louder;
	bool seen[O_COUNT];
	struct err *err;
};

/* Where an option that is a plain text goes; NULL: it is none. */
static const char **text_of(struct options *o, int i)
{
	const char **texts[O_COUNT] = {
		[O_DOCUMENTS] = &o->documents,
		[O_SECRETS] = &o->secrets,
		[O_KEYS] = &o->keys,
		[O_KUBECONFIG] = &o->kubeconfig,
		[O_CONTEXT] = &o->context,
		[O_NAMESPACES] = &o->namespaces,
		[O_AGENT_NAMESPACE] = &o->agent_namespace,
		[O_FAN_OUT] = &o->fan_out,
	};

	return texts[i];
}

/* The same of an option that is there or not. */
static bool *flag_of(struct options *o, int i)
{
	bool *flags[O_COUNT] = {
		[O_KUBERNETES] = &o->kubernetes,
		[O_UNBOUNDED] = &o->unbounded,
		[O_FLUX] = &o->flux,
		[O_NO_LEASE] = &o->no_lease,
		[O_ONCE] = &o->once,
		[O_ANONYMOUS] = &o->anonymous,
	};

	return flags[i];
}

static int take(struct parse *p, int i, const char *value)
{
	struct options *o = p->out;

	if (text_of(o, i) != NULL)
		return take_text(options_table[i].name, value, text_of(o, i), p->err);
	if (flag_of(o, i) != NULL) {
		*flag_of(o, i) = true;
		return 0;
	}
	switch (i) {
	case O_OPENER:
		return take_socket("opener", value, &o->opener, p->err);
	case O_SOCKET:
		return take_socket("socket", value, &o->socket, p->err);
	case O_OPENER_UID:
		return read_id("opener-uid", value, &o->opener_uid, p->err);
	case O_CLIENT_UID:
		return read_id("client-uid", value, &o->client_uid, p->err);
	case O_SOCKET_GROUP:
		return read_id("socket-group", value, &o->socket_group, p->err);
	case O_FILE_MODE:
		return read_mode(value, &o->file_mode, p->err);
	case O_SETTLE:
		return read_seconds("settle", value, 0, &o->settle_ms, p->err);
	case O_FULL_LOOK:
		return read_seconds("full-look", value, 1, &o->look_ms, p->err);
	case O_GIVE_UP:
		return read_seconds("give-up", value, 1, &o->give_up_ms, p->err);
	case O_LISTEN:
		o->listen = value;
		return 0;
	case O_QUIET:
	case O_VERBOSE:
		p->louder += i == O_VERBOSE ? 1 : -1;
		return 0;
	case O_HELP:
		o->mode = OPTIONS_HELP;
		return 0;
	case O_VERSION:
		o->mode = OPTIONS_VERSION;
		return 0;
	case O_GENERATE_KEY:
		if (o->mode == OPTIONS_RUN)
			o->mode = OPTIONS_GENERATE_KEY;
		return 0;
	default:
		o->mode = OPTIONS_SELF_TEST;
		return 0;
	}
}

static int take_once(struct parse *p, int i, const char *value)
{
	if ((options_table[i].modes & p->mode) == 0)
		return err_set(p->err, ERR_USAGE, "--%s is %sfor bulla-agent opener",
			       options_table[i].name, p->mode == OPENER ? "not " : "only ");
	if (p->seen[i] && !options_table[i].many)
		return err_set(p->err, ERR_USAGE, "--%s is given twice", options_table[i].name);
	p->seen[i] = true;
	return take(p, i, value);
}

static int row_of_letter(int letter)
{
	int i;

	for (i = 0; i < O_COUNT; i++)
		if (options_table[i].letter == letter)
			return i;
	return O_COUNT;
}

static void make_long(struct option *out)
{
	int i;

	for (i = 0; i < O_COUNT; i++)
		out[i] = (struct option){ .name = options_table[i].name,
					  .has_arg = options_table[i].arg != NULL,
					  .val = 256 + i };
}

static int need(const char *what, const char *value, struct err *err)
{
	return value != NULL ? 0 : err_set(err, ERR_USAGE, "--%s is needed", what);
}

/* Options of one store are none of the other's. */
static int check_store(const struct parse *p)
{
	static const int folders[] = { O_DOCUMENTS, O_SECRETS, O_FILE_MODE, -1 };
	static const int cluster[] = { O_KUBECONFIG, O_CONTEXT,	 O_NAMESPACES, O_AGENT_NAMESPACE,
				       O_FAN_OUT,    O_NO_LEASE, O_UNBOUNDED,  O_FLUX,
				       O_GIVE_UP,    -1 };
	const int *others = p->out->kubernetes ? folders : cluster;

	for (size_t i = 0; others[i] >= 0; i++)
		if (p->seen[others[i]])
			return err_set(p->err, ERR_USAGE, "--%s %s --kubernetes",
				       options_table[others[i]].name,
				       p->out->kubernetes ? "does not go with" : "needs");
	if (p->out->kubernetes && !p->seen[O_SETTLE])
		p->out->settle_ms = INT64_C(1000) * OPTIONS_SETTLE_KUBERNETES;
	if (p->out->kubernetes && !p->seen[O_FULL_LOOK])
		p->out->look_ms = INT64_C(1000) * OPTIONS_LOOK_KUBERNETES;
	return 0;
}

static int finish_run(const struct parse *p)
{
	const struct options *o = p->out;
	struct err *err = p->err;

	if ((!o->kubernetes && (need("documents DIR", o->documents, err) < 0 ||
				need("secrets DIR", o->secrets, err) < 0)) ||
	    need("keys DIR or --opener PATH", o->keys != NULL ? o->keys : o->opener, err) < 0)
		return -1;
	if (o->keys != NULL && o->opener != NULL)
		return err_set(err, ERR_USAGE,
			       "--keys and --opener: the keys are either here or there");
	if (o->opener == NULL && o->opener_uid >= 0)
		return err_set(err, ERR_USAGE, "--opener-uid is of use only with --opener");
	if (o->fan_out != NULL && o->namespaces != NULL)
		return err_set(err, ERR_USAGE,
			       "--fan-out does not go with --namespaces: with Roles alone "
			       "nobody sees which namespaces there are");
	if (!o->once && p->seen[O_GIVE_UP])
		return err_set(err, ERR_USAGE,
			       "--give-up needs --once: an agent that stays tries for ever");
	if (o->once && o->listen != NULL)
		return err_set(err, ERR_USAGE, "--once ends before anyone could ask --listen");
	return 0;
}

static int finish_opener(const struct options *o, struct err *err)
{
	if (need("keys DIR", o->keys, err) < 0 || need("socket PATH", o->socket, err) < 0)
		return -1;
	if (o->client_uid > 0 && o->client_uid != (int64_t)geteuid() && o->socket_group < 0)
		return err_set(err, ERR_USAGE,
			       "--client-uid needs --socket-group: a group of both users, else the "
			       "other cannot open the socket");
	return 0;
}

/* It needs to know the cluster, and no more. */
static int finish_generate(const struct parse *p)
{
	static const bool goes[O_COUNT] = {
		[O_GENERATE_KEY] = true, [O_AGENT_NAMESPACE] = true, [O_KUBECONFIG] = true,
		[O_CONTEXT] = true,	 [O_QUIET] = true,	     [O_VERBOSE] = true
	};

	for (int i = 0; i < O_COUNT; i++)
		if (p->seen[i] && !goes[i])
			return err_set(p->err, ERR_USAGE, "--%s does not go with --generate-key",
				       options_table[i].name);
	return 0;
}

static int finish_mode(const struct parse *p)
{
	switch (p->out->mode) {
	case OPTIONS_GENERATE_KEY:
		return finish_generate(p);
	case OPTIONS_OPENER:
		return finish_opener(p->out, p->err);
	default:
		return check_store(p) < 0 ? -1 : finish_run(p);
	}
}

static int finish(struct parse *p, int rest, char **argv)
{
	struct options *o = p->out;
	int level;

	if (o->mode == OPTIONS_HELP || o->mode == OPTIONS_VERSION || o->mode == OPTIONS_SELF_TEST)
		return 0;
	if (argv[rest] != NULL)
		return err_set(p->err, ERR_USAGE, "unexpected argument %s", argv[rest]);
	if (finish_mode(p) < 0)
		return -1;
	/* with --once the list at the end says what a log would */
	level = (o->once ? LOG_ERROR : LOG_INFO) + p->louder;
	o->level = level < LOG_ERROR   ? LOG_ERROR
		   : level > LOG_DEBUG ? LOG_DEBUG
				       : (enum log_level)level;
	return 0;
}

static int parse(struct parse *p, int argc, char **argv)
{
	struct option longs[O_COUNT + 1] = { { NULL, 0, NULL, 0 } };
	int c;

	make_long(longs);
	opterr = 0;
	optind = 0; /* glibc: start anew, whatever was parsed before */
	while ((c = getopt_long(argc, argv, ":qvh", longs, NULL)) != -1) {
		int i = c >= 256 ? c - 256 : row_of_letter(c);

		if (c == ':')
			return err_set(p->err, ERR_USAGE, "%s needs a value", argv[optind - 1]);
		if (c == '?' || i == O_COUNT)
			return err_set(p->err, ERR_USAGE, "unknown option %s", argv[optind - 1]);
		if (take_once(p, i, optarg) < 0)
			return -1;
	}
	return finish(p, optind, argv);
}

int options_parse(int argc, char **argv, struct options *out, struct err *err)
{
	struct parse p = { .out = out, .mode = RUN, .err = err };

	*out = (struct options){ .agent_namespace = OPTIONS_AGENT_NAMESPACE,
				 .file_mode = 0400,
				 .settle_ms = INT64_C(1000) * OPTIONS_SETTLE,
				 .look_ms = INT64_C(1000) * OPTIONS_LOOK,
				 .give_up_ms = INT64_C(1000) * OPTIONS_GIVE_UP,
				 .opener_uid = -1,
				 .client_uid = -1,
				 .socket_group = -1 };
	if (argc > 1 && strcmp(argv[1], "opener") == 0) {
		out->mode = OPTIONS_OPENER;
		p.mode = OPENER;
		argc--;
		argv++;
	}
	return parse(&p, argc, argv);
}
