/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/cluster.h"
#include "sealer/documents.h"
#include "sealer/listing.h"
#include "sealer/report.h"
#include "sealer/standing.h"
#include "sealer/target.h"
#include "sealer/wait.h"
#include "sealer/whichcluster.h"

struct status_options {
	struct wait_options wait;
	const char *namespace, *output, *expiring;
};

struct run {
	const struct status_options *o;
	json_t *git;	      /* documents */
	json_t *rows;	      /* of all clusters */
	char *top;	      /* the repository we are in, or NULL */
	struct config config; /* of it */
	bool configured;
	enum err_class worst; /* class of the first file or cluster that could not be read */
	size_t unread;
	int64_t now, soon;
};

static void fail(struct run *r, const char *where, const struct err *why)
{
	out_warn("%s%s%s", where, *where != '\0' ? ": " : "", why->text);
	if (r->worst == ERR_NONE)
		r->worst = why->class;
	r->unread++;
}

/* --- documents in Git ---------------------------------------------------------------------------
 */

static void add(void *ctx, const char *path, const struct document *d)
{
	struct run *r = ctx;

	if (r->o->namespace == NULL || strcmp(d->namespace, r->o->namespace) == 0)
		standing_add_document(r->git, path, d);
}

static void unread(void *ctx, const char *path, const struct err *why)
{
	(void)path;
	fail(ctx, "", why);
}

static int read_git(const struct invocation *in, struct run *r, struct err *err)
{
	const struct documents_visit v = { add, unread, r };
	int ret = 0;

	if (in->n == 0)
		return documents_walk(".", &v, err);
	for (size_t i = 0; ret == 0 && i < in->n; i++)
		ret = documents_walk(in->args[i], &v, err);
	return ret;
}

/* --- documents in a cluster ---------------------------------------------------------------------
 */

/* Worth saying: the name that was given, or the key that it seals by, is not what is there. */
static void tell_which(const struct whichcluster *which)
{
	if (which->state == WHICHCLUSTER_OTHER || which->state == WHICHCLUSTER_BEHIND)
		out_warn("%s: %s", which->label, which->why);
}

static void read_cluster(struct run *r, const char *given)
{
	const struct whichcluster_options o = {
		.given = given,
		.kubeconfig = r->o->wait.kubeconfig,
		.agent_namespace = r->o->wait.agent_namespace,
		.top = r->top,
		.config = r->configured ? &r->config : NULL,
	};
	json_t *objects = json_object();
	struct err why = ERR_INIT;
	struct whichcluster which;
	struct cluster c;

	if (whichcluster_open(&o, &c, &which, &why) != 0) {
		fail(r, "", &why);
	} else if (listing_read(&c, r->o->namespace, objects, &why) != 0) {
		fail(r, which.label, &why);
	} else {
		const struct standing_cluster standing = { which.label, which.name, objects, r->now,
							   r->soon };

		tell_which(&which);
		standing_rows(r->git, &standing, r->rows);
	}
	cluster_close(&c);
	whichcluster_clear(&which);
	json_decref(objects);
}

/* --- waiting ------------------------------------------------------------------------------------
 */

static int wait_for(struct run *r, struct err *err)
{
	const struct wait w = {
		.o = &r->o->wait,
		.git = r->git,
		.namespace = r->o->namespace,
		.top = r->top,
		.config = r->configured ? &r->config : NULL,
		.soon = r->soon,
	};
	enum wait_end end;
	json_t *rows;

	if (r->worst != ERR_NONE) /* what could not be read would be taken for what is not there */
		return err_set(err, r->worst, "%zu file%s could not be read: not waiting",
			       r->unread, r->unread == 1 ? "" : "s");
	if (wait_run(&w, &end, &rows, err) != 0)
		return -1;
	json_array_extend(r->rows, rows);
	json_decref(rows);
	r->now = clock_now();
	if (end == WAIT_TIMEOUT)
		out_warn("not everything was applied in time");
	if (end == WAIT_STALLED)
		out_warn("something waits for a person: no use in waiting on");
	return 0;
}

/* --- printing ------------------------------------------------------------------------------------
 */

static const char *cell(const json_t *row, const char *name)
{
	const char *s = json_string_value(json_object_get(row, name));

	return s != NULL ? s : "-";
}

static void expiry_cell(struct out_table *t, const json_t *row, int64_t now)
{
	char span[24], text[64] = "-";
	int64_t end;

	if (clock_parse(cell(row, "notAfter"), &end)) {
		report_span(end - now, span);
		snprintf(text, sizeof(text), end >= now ? "in %s" : "EXPIRED %s ago", span);
	}
	out_table_cell(t, text);
}

/* Why, where it is not as it should be; else which file it is. */
static void about_cell(struct out_table *t, const json_t *row)
{
	bool good = json_is_true(json_object_get(row, "good"));
	char *text;

	if (good || json_object_get(row, "cluster") == NULL ||
	    json_object_get(row, "reason") == NULL)
		text = mem_str(cell(row, "file"));
	else
		text = mem_printf("%s: %s", cell(row, "reason"), cell(row, "message"));
	out_table_cell(t, text);
	mem_free(text);
}

static void print_table(const json_t *rows)
{
	static const char *const heads[] = { "DOCUMENT", "KIND",    "CLUSTER",
					     "STATE",	 "EXPIRES", "ABOUT" };
	struct out_table *t = out_table_new(sizeof(heads) / sizeof(heads[0]));
	int64_t now = clock_now();
	const json_t *row;
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		out_table_cell(t, heads[i]);
	json_array_foreach(rows, i, row)
	{
		out_table_cell(t, cell(row, "document"));
		out_table_cell(t, cell(row, "kind"));
		out_table_cell(t, cell(row, "cluster"));
		out_table_cell(t, cell(row, "state"));
		out_table_style(t, json_is_true(json_object_get(row, "good")) ? OUT_GOOD : OUT_BAD);
		expiry_cell(t, row, now);
		about_cell(t, row);
	}
	if (json_array_size(rows) > 0)
		out_table_print(t, stdout);
	out_table_free(t);
}

static int finish(struct run *r, struct err *err)
{
	json_t *sorted = standing_sorted(r->rows);
	bool good = standing_good(sorted), any = json_array_size(sorted) > 0;
	int ret = 0;

	if (r->o->output != NULL && strcmp(r->o->output, "json") == 0)
		ret = report_json(json_pack("{s:O}", "documents", sorted), err);
	else
		print_table(sorted);
	json_decref(sorted);
	if (ret == 0 && r->worst != ERR_NONE)
		return err_set(err, r->worst, "%zu file%s or cluster%s could not be read",
			       r->unread, r->unread == 1 ? "" : "s", r->unread == 1 ? "" : "s");
	if (ret == 0 && !any)
		out_note(r->o->wait.contexts.n > 0 ? "no sealed documents, neither here nor there"
						   : "no sealed documents here");
	return ret == 0 && !good ? err_set(err, ERR_FINDINGS, "%s", "") : ret;
}

static int read_expiring(struct run *r, struct err *err)
{
	int64_t end;

	r->now = clock_now();
	if (r->o->expiring == NULL)
		return 0;
	if (!clock_parse_expiry(r->o->expiring, r->now, &end) || end <= r->now)
		return err_set(err, ERR_USAGE,
			       "--expiring: neither a span (30d, 12h, 2w) nor a date to come "
			       "(2027-01-31)");
	r->soon = end - r->now;
	return 0;
}

/* Without a cluster to ask: Git, by what it claims of itself. */
static void read_alone(struct run *r)
{
	const struct standing_cluster nowhere = { .now = r->now, .soon = r->soon };

	standing_git_rows(r->git, &nowhere, r->rows);
}

/* Clusters are recognised by what it says of them; without it they are called by their context. */
static void read_repository(struct run *r)
{
	struct err why = ERR_INIT;

	r->top = r->o->wait.contexts.n > 0 ? file_git_top(".") : NULL;
	if (r->top != NULL && target_config(r->top, &r->config, &r->configured, &why) != 0)
		fail(r, "", &why);
}

static int read_all(const struct invocation *in, struct run *r, struct err *err)
{
	const struct wait_options *o = &r->o->wait;

	if (read_git(in, r, err) != 0)
		return -1;
	if (o->wait)
		return wait_for(r, err);
	if (o->contexts.n == 0)
		read_alone(r);
	for (size_t i = 0; i < o->contexts.n; i++)
		read_cluster(r, o->contexts.items[i]);
	return 0;
}

static int run(const struct invocation *in, struct err *err)
{
	const struct status_options *o = in->options;
	struct run r = { .o = o, .config = CONFIG_INIT };
	int ret;

	if (read_expiring(&r, err) != 0 || wait_check(&o->wait, err) != 0)
		return -1;
	if (o->namespace != NULL && !name_is_label(o->namespace))
		return err_set(err, ERR_USAGE, "-n: not a namespace's name");
	r.git = json_object();
	r.rows = json_array();
	read_repository(&r);
	ret = read_all(in, &r, err);
	if (ret == 0)
		ret = finish(&r, err);
	json_decref(r.git);
	json_decref(r.rows);
	config_clear(&r.config);
	mem_free(r.top);
	return ret;
}

static const struct option_spec options[] = {
	WAIT_OPTIONS(status_options),
	{ 0, "expiring", "30d|DATE", "what ends sooner is a finding (default: 14d)",
	  offsetof(struct status_options, expiring), 0 },
	{ 'n', "namespace", "NAMESPACE", "documents of this namespace alone",
	  offsetof(struct status_options, namespace), 0 },
	{ 'o', "output", "table|json", "how to print it", offsetof(struct status_options, output),
	  0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_status = {
	.name = "status",
	.summary = "say how the documents of Git stand in clusters",
	.arguments = "[PATH...]",
	.about =
	    "Hold the sealed documents of files and folders (default: this folder) against "
	    "those in clusters and what the agents say of them: applied, expiring, expired, "
	    "stale, paused, failing, waiting, missing or orphaned.  Without --context, say of the "
	    "files alone what expires.  Exit status 1 when one is not as it should be.",
	.options = options,
	.options_size = sizeof(struct status_options),
	.run = run,
};
