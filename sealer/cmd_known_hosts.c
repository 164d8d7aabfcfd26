/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "github/apihost.h"
#include "github/meta.h"
#include "github/rest.h"
#include "kinds/github_hosts.h"
#include "sealer/input.h"
#include "sealer/known_file.h"
#include "sealer/result.h"

#define TOKEN_MAX 4096

struct known_options {
	const char *url, *api_url, *ca_file, *token_file;
	const char *output;
	bool accept, dry_run;
};

struct job {
	const struct known_options *o;
	const char *file; /* NULL: only compared with what is built in */
	struct url url;	  /* whose keys */
	struct buf now;	  /* its lines, as GitHub names them */
	struct buf old;
	struct stat st;
	bool exists;
	struct known_file made;
	struct result result;
};

/* --- asking ----------------------------------------------------------------------------------- */

/* Whose keys the API tells when no URL says it: its own server's, which answers under that name. */
static int find_own(struct job *j, struct err *err)
{
	struct err why = ERR_INIT;
	char *host = apihost_git(j->o->api_url);
	char *url =
	    mem_printf(strchr(host, ':') == NULL ? "ssh://git@%s/" : "ssh://git@[%s]/", host);
	int r = url_parse("--api-url", url, URL_SSH | URL_NO_PATH, &j->url, &why);

	/* the text that was parsed is ours, and goes */
	j->url.path = "/";
	if (r != 0)
		err_set(err, ERR_USAGE,
			"--api-url: not of the form https://HOST/api/v3, from whose HOST the keys "
			"are; --url says another");
	mem_free(url);
	mem_free(host);
	return r;
}

static int find_host(struct job *j, struct err *err)
{
	const char *api = j->o->api_url;

	if (j->o->url == NULL)
		return find_own(j, err);
	if (url_parse("--url", j->o->url, URL_SSH | URL_NO_PATH, &j->url, err) != 0)
		return -1;
	if (api == NULL && !github_hosts_is(j->url.host))
		return err_set(err, ERR_USAGE,
			       "--url: is not at github.com: say whom to ask, --api-url "
			       "https://HOST/api/v3");
	if (apihost_of(api, j->url.host) == APIHOST_OTHER)
		return err_set(err, ERR_USAGE,
			       "--api-url: it is not the API of %s, of which --url is",
			       j->url.host);
	return 0;
}

/* github.com says it to everyone; an Enterprise Server may want to know whom. */
static int read_token(const struct known_options *o, struct buf *token, struct err *err)
{
	if (o->token_file == NULL)
		return 0;
	if (input_read(o->token_file, "the GitHub token", TOKEN_MAX, token, err) != 0)
		return -1;
	if (token->len > 0 && token->data[token->len - 1] == '\n')
		buf_truncate(token, token->len - 1);
	return token->len > 0 ? 0 : err_set(err, ERR_INVALID, "the GitHub token: it is empty");
}

static int ask(struct job *j, struct err *err)
{
	struct buf token = BUF_INIT, host = BUF_INIT;
	const struct rest_options options = { .api_url = j->o->api_url,
					      .ca_file = j->o->ca_file,
					      .token = j->o->token_file != NULL ? &token : NULL };
	struct rest *rest = NULL;
	int r = -1;

	url_format_host(&j->url, &host);
	if (read_token(j->o, &token, err) == 0 && (rest = rest_new(&options, err)) != NULL)
		r = meta_known_hosts(rest, buf_str(&host), &j->now, err);
	rest_free(rest);
	buf_clear(&token);
	buf_clear(&host);
	return r;
}

/* --- comparing -------------------------------------------------------------------------------- */

static int read_old(struct job *j, struct err *err)
{
	struct stat st;

	j->exists = lstat(j->file, &st) == 0;
	return !j->exists ? 0 : file_read(j->file, KNOWN_HOSTS_MAX, 0, &j->old, &j->st, err);
}

static void show(const struct job *j)
{
	static const enum out_style styles[] = { OUT_PLAIN, OUT_CARE, OUT_CARE };
	struct out_table *t = out_table_new(4);
	struct buf host = BUF_INIT;

	url_format_host(&j->url, &host);
	for (size_t i = 0; i < j->made.n; i++) {
		const struct known_key *key = &j->made.keys[i];

		out_table_cell(t, buf_str(&host));
		out_table_cell(t, key->type);
		out_table_cell(t, key->fingerprint);
		out_table_cell(t, known_state_name(key->state));
		out_table_style(t, styles[key->state]);
	}
	/* where a program reads, or a person is about to be asked */
	out_table_print(t, result_asked(j->o->output) ? stderr : stdout);
	out_table_free(t);
	buf_clear(&host);
}

/*
 * Whoever could make us take another key for github.com could read what Flux sends there, so its
 * keys come with Bulla and no answer changes them.
 */
static int check_built_in(struct job *j, struct err *err)
{
	int r = known_file_built_in(&j->url, &j->now, &j->made, err);

	if (r != 0 || !j->made.changed)
		return r;
	show(j);
	return err_set(err, ERR_FINDINGS,
		       "GitHub names other keys for %s than are built in: see github.blog, then "
		       "use a Bulla that has them; nothing is written",
		       j->url.host);
}

static int agree(const struct job *j, struct err *err)
{
	char *text;
	bool yes = false;
	int r;

	if (j->o->accept || j->o->dry_run)
		return 0;
	if (!input_terminal())
		return err_set(err, ERR_USAGE,
			       "there is no terminal to ask at; --accept takes the keys above");
	text = mem_printf("Take these as the keys of %s into %s?", j->url.host, j->file);
	r = input_confirm(text, &yes, err);
	mem_free(text);
	if (r == 0 && !yes)
		r = err_set(err, ERR_USAGE, "not agreed to: %s is as it was", j->file);
	return r;
}

static int take(struct job *j, struct err *err)
{
	struct file_write w = { .path = j->file, .mode = 0644 };
	const struct known_question q = { j->file, &j->old, &j->url, &j->now };

	known_file_clear(&j->made);
	if (read_old(j, err) != 0 || known_file_make(&q, &j->made, err) != 0)
		return -1;
	show(j);
	if (!j->made.changed)
		return 0;
	if (agree(j, err) != 0)
		return -1;
	w.exclusive = !j->exists;
	w.expect = j->exists ? &j->st : NULL;
	return j->o->dry_run ? 0 : file_write(&w, j->made.text.data, j->made.text.len, err);
}

/* --- the command ------------------------------------------------------------------------------ */

static int finish(struct job *j, struct err *err)
{
	bool taken = j->file != NULL && j->made.changed;

	if (j->file == NULL)
		out_note("GitHub names the keys that are built in");
	else
		out_note("%s: %s", j->file,
			 !taken		 ? "it has these keys already"
			 : j->o->dry_run ? "would have them; give it to bulla seal as --known-hosts"
					 : "has them; give it to bulla seal as --known-hosts");
	result_begin(&j->result, j->o->output);
	result_flag(&j->result, "changed", taken);
	result_flag(&j->result, "dryRun", j->o->dry_run);
	result_text(&j->result, "host", j->url.host);
	result_text(&j->result, "file", j->file);
	result_value(&j->result, "keys", known_file_json(&j->made));
	return result_print(&j->result, err);
}

static int refresh(struct job *j, struct err *err)
{
	bool built_in;

	if (find_host(j, err) != 0)
		return -1;
	built_in = github_hosts_is(j->url.host);
	if (j->file == NULL && !built_in)
		return err_set(err, ERR_USAGE,
			       "say which known_hosts FILE takes them: only those of github.com "
			       "are built in to compare with");
	if (ask(j, err) != 0 || (built_in && check_built_in(j, err) != 0))
		return -1;
	if (j->file != NULL)
		return take(j, err);
	show(j);
	return 0;
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .o = in->options, .file = in->n > 0 ? in->args[0] : NULL };
	int r = refresh(&j, err);

	if (r == 0)
		r = finish(&j, err);
	known_file_clear(&j.made);
	result_clear(&j.result);
	buf_clear(&j.now);
	buf_clear(&j.old);
	return r;
}

#define AT(member) offsetof(struct known_options, member)

static const struct option_spec options[] = {
	{ 0, "url", "URL", "a repository at the host, as for bulla seal (default: github.com)",
	  AT(url), 0 },
	{ 0, "api-url", "URL", "GitHub Enterprise Server: https://HOST/api/v3", AT(api_url), 0 },
	{ 0, "ca-file", "FILE", "authorities to trust in place of the system's", AT(ca_file), 0 },
	{ 0, "token-file", "FILE|-", "a token, for a server that tells nobody else", AT(token_file),
	  0 },
	{ 0, "accept", NULL, "take the keys without being asked", AT(accept), 0 },
	{ 0, "dry-run", NULL, "show what would be taken", AT(dry_run), 0 },
	RESULT_OPTION(known_options),
	{ 0 },
};

static const struct command subcommands[] = {
	{
	    .name = "refresh",
	    .summary = "ask GitHub which SSH host keys it has",
	    .arguments = "[FILE]",
	    .about = "Ask GitHub's API over verified TLS which keys its SSH servers have, and "
		     "hold them against those that are built in; with FILE, put them there in "
		     "place of the host's old ones, once they were shown and agreed to.",
	    .options = options,
	    .options_size = sizeof(struct known_options),
	    .run = run,
	},
	{ .name = NULL },
};

static const struct command *sub(void)
{
	return subcommands;
}

const struct command cmd_known_hosts = {
	.name = "known-hosts",
	.summary = "the SSH host keys of GitHub",
	.arguments = "",
	.about =
	    "The host keys that are sealed beside a deploy key.  Those of github.com are built "
	    "in; GitHub's API says which ones an Enterprise Server has, and whether the ones "
	    "that are built in still hold.",
	.sub = sub,
};
