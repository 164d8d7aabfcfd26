/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define SECONDS_MAX 86400

enum {
	O_DOCUMENTS,
	O_SECRETS,
	O_KEYS,
	O_ONCE,
	O_FILE_MODE,
	O_LISTEN,
	O_ANONYMOUS,
	O_SETTLE,
	O_FULL_LOOK,
	O_SELF_TEST,
	O_QUIET,
	O_VERBOSE,
	O_HELP,
	O_VERSION,
	O_COUNT
};

const struct options_row options_table[] = {
	[O_DOCUMENTS] = { "documents", 0, "DIR", "the checkout with the sealed documents", false },
	[O_SECRETS] = { "secrets", 0, "DIR", "where the Secrets are kept, DIR/NAMESPACE/NAME/KEY",
			false },
	[O_KEYS] = { "keys", 0, "DIR", "the sealing keys, one per file", false },
	[O_ONCE] = { "once", 0, NULL, "bring everything up to date and end", false },
	[O_FILE_MODE] = { "file-mode", 0, "MODE", "of the files with keys, in octal (0400)",
			  false },
	[O_LISTEN] = { "listen", 0, "[ADDRESS]:PORT",
		       "serve /healthz, /readyz and /metrics (ADDRESS 127.0.0.1)", false },
	[O_ANONYMOUS] = { "anonymous-metrics", 0, NULL, "no names of documents in /metrics",
			  false },
	[O_SETTLE] = { "settle", 0, "SECONDS",
		       "how long a document must be gone before its Secret goes (5)", false },
	[O_FULL_LOOK] = { "full-look", 0, "SECONDS",
			  "how often to look at everything, whatever stirs (300)", false },
	[O_SELF_TEST] = { "self-test", 0, NULL, "try what the opener must not be able to do",
			  false },
	[O_QUIET] = { "quiet", 'q', NULL, "log less; may be repeated", true },
	[O_VERBOSE] = { "verbose", 'v', NULL, "log more; may be repeated", true },
	[O_HELP] = { "help", 'h', NULL, "show this help", false },
	[O_VERSION] = { "version", 0, NULL, "show the version", false },
	[O_COUNT] = { NULL, 0, NULL, NULL, false },
};

void options_help(FILE *f)
{
	const struct options_row *row;

	fputs("usage: bulla-agent --documents DIR --secrets DIR --keys DIR [OPTION]...\n\n"
	      "Opens the sealed documents of a checkout and keeps the Secrets they hold.\n\n",
	      f);
	for (row = options_table; row->name != NULL; row++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter != 0 ? '-' : ' ',
			 row->letter != 0 ? row->letter : ' ', row->letter != 0 ? ',' : ' ',
			 row->name, row->arg != NULL ? " " : "", row->arg != NULL ? row->arg : "");
		fprintf(f, "  %-30s %s\n", left, row->help);
	}
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

static int take_folder(const char *option, const char *text, const char **out, struct err *err)
{
	if (*text == '\0')
		return err_set(err, ERR_USAGE, "--%s: the name of a folder", option);
	*out = text;
	return 0;
}

/* --- parse ------------------------------------------------------------------------------------ */

/* Counts of -q and -v, and what was seen. */
struct parse {
	struct options *out;
	int louder;
	bool seen[O_COUNT];
	struct err *err;
};

static int take(struct parse *p, int i, const char *value)
{
	struct options *o = p->out;

	switch (i) {
	case O_DOCUMENTS:
		return take_folder("documents", value, &o->documents, p->err);
	case O_SECRETS:
		return take_folder("secrets", value, &o->secrets, p->err);
	case O_KEYS:
		return take_folder("keys", value, &o->keys, p->err);
	case O_FILE_MODE:
		return read_mode(value, &o->file_mode, p->err);
	case O_SETTLE:
		return read_seconds("settle", value, 0, &o->settle_ms, p->err);
	case O_FULL_LOOK:
		return read_seconds("full-look", value, 1, &o->look_ms, p->err);
	case O_LISTEN:
		o->listen = value;
		return 0;
	case O_ONCE:
		o->once = true;
		return 0;
	case O_ANONYMOUS:
		o->anonymous = true;
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
	default:
		o->mode = OPTIONS_SELF_TEST;
		return 0;
	}
}

static int take_once(struct parse *p, int i, const char *value)
{
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

static int finish(struct parse *p, int rest, char **argv)
{
	struct options *o = p->out;
	int level;

	if (o->mode != OPTIONS_RUN)
		return 0;
	if (argv[rest] != NULL)
		return err_set(p->err, ERR_USAGE, "unexpected argument %s", argv[rest]);
	if (o->documents == NULL || o->secrets == NULL || o->keys == NULL)
		return err_set(p->err, ERR_USAGE, "--%s DIR is needed",
			       o->documents == NULL ? "documents"
			       : o->secrets == NULL ? "secrets"
						    : "keys");
	if (o->once && o->listen != NULL)
		return err_set(p->err, ERR_USAGE, "--once ends before anyone could ask --listen");
	/* with --once the list at the end says what a log would */
	level = (o->once ? LOG_ERROR : LOG_INFO) + p->louder;
	o->level = level < LOG_ERROR   ? LOG_ERROR
		   : level > LOG_DEBUG ? LOG_DEBUG
				       : (enum log_level)level;
	return 0;
}

int options_parse(int argc, char **argv, struct options *out, struct err *err)
{
	struct option longs[O_COUNT + 1] = { { NULL, 0, NULL, 0 } };
	struct parse p = { .out = out, .err = err };
	int c;

	*out = (struct options){ .file_mode = 0400,
				 .settle_ms = INT64_C(1000) * OPTIONS_SETTLE,
				 .look_ms = INT64_C(1000) * OPTIONS_LOOK };
	make_long(longs);
	opterr = 0;
	optind = 0; /* glibc: start anew, whatever was parsed before */
	while ((c = getopt_long(argc, argv, ":qvh", longs, NULL)) != -1) {
		int i = c >= 256 ? c - 256 : row_of_letter(c);

		if (c == ':')
			return err_set(err, ERR_USAGE, "%s needs a value", argv[optind - 1]);
		if (c == '?' || i == O_COUNT)
			return err_set(err, ERR_USAGE, "unknown option %s", argv[optind - 1]);
		if (take_once(&p, i, optarg) < 0)
			return -1;
	}
	return finish(&p, optind, argv);
}
