/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/hubkey.h"
#include "sealer/hubkey_list.h"
#include "sealer/input.h"
#include "sealer/pick.h"
#include "sealer/readers.h"
#include "sealer/result.h"

#define AT(member) offsetof(struct hubkey_options, member)

/* --- add -------------------------------------------------------------------------------------- */

static char *title_of(const struct hubkey_options *o, const struct hubkey *s, struct err *err)
{
	struct buf names = BUF_INIT;
	char *title = NULL;

	if (o->title != NULL) {
		title = mem_str(o->title);
	} else if (s->document == NULL) {
		err_set(err, ERR_USAGE, "--title: without a document there is nothing to call it");
	} else {
		readers_names(&s->readers, &names);
		title = register_title(buf_str(&names), s->document, s->public);
	}
	buf_clear(&names);
	return title;
}

static void tell_added(const struct hubkey *s, const char *title, bool added)
{
	out_note("%s: the deploy key \"%s\" %s, for reading only", s->hub.repository, title,
		 added ? "is registered" : "was registered already");
	register_tell(&s->hub, added);
}

static int add(const struct invocation *in, struct hubkey *s, struct result *result,
	       struct err *err)
{
	const struct hubkey_options *o = in->options;
	char *title = title_of(o, s, err);
	bool added;
	int r = title != NULL ? hubkey_look(s, err) : -1;

	if (r == 0)
		r = register_key(&s->hub, title, s->public, &added, err);
	if (r == 0) {
		tell_added(s, title, added);
		result_flag(result, "changed", added);
		result_text(result, "repository", s->hub.repository);
		result_text(result, "publicKey", s->public);
		result_text(result, "fingerprint", s->fingerprint);
	}
	mem_free(title);
	return r;
}

/* --- remove ----------------------------------------------------------------------------------- */

/* A key that a document here still holds is read from a Secret somewhere. */
static int check_unheld(const struct hubkey *s, struct err *err)
{
	struct holders all = HOLDERS_INIT;
	int r = s->top != NULL ? holders_find(s->top, &s->keys, &all, err) : 0;

	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (holder_has(&all.items[i], s->public))
			r = err_set(err, ERR_CONFLICT,
				    "%s (%s) %s this key, and who reads its Secret would fetch no "
				    "more: 'bulla rotate deploy-key' puts another in its place and "
				    "removes this one; --force removes it all the same",
				    all.items[i].file, all.items[i].document,
				    all.items[i].proven ? "holds" : "says that it holds");
	if (r == 0 && all.unread > 0)
		r = err_set(err, ERR_CONFLICT,
			    "%zu file%s could not be read, and may hold this key; --force removes "
			    "it all the same",
			    all.unread, all.unread == 1 ? "" : "s");
	holders_clear(&all);
	return r;
}

static int ask(const struct hubkey_options *o, const struct hubkey *s, const struct deploy_key *key,
	       struct err *err)
{
	char used[HUBKEY_SPAN], *text, *title;
	bool yes = o->yes;
	int r = 0;

	if (!yes && !input_terminal())
		return err_set(err, ERR_USAGE,
			       "there is no terminal to ask at; --yes removes it without");
	hubkey_list_used(key->last_used, used);
	/* lines of the question are ours, not of a title */
	title = out_escaped(key->title);
	text = mem_printf("%s, deploy key %lld \"%s\", %s, last used: %s.\nWho fetches with it "
			  "will fail from now on.  Delete it?",
			  s->hub.repository, (long long)key->id, title, s->fingerprint, used);
	mem_free(title);
	if (!yes)
		r = input_confirm(text, &yes, err);
	mem_free(text);
	if (r == 0 && !yes)
		r = err_set(err, ERR_USAGE, "not agreed to: nothing is deleted");
	return r;
}

static int take_away(const struct hubkey_options *o, struct hubkey *s, const struct deploy_key *key,
		     bool *deleted, struct err *err)
{
	if (ask(o, s, key, err) != 0)
		return -1;
	return deploy_keys_delete(s->hub.rest, s->hub.repository, key, deleted, err);
}

static int remove_key(const struct invocation *in, struct hubkey *s, struct result *result,
		      struct err *err)
{
	const struct hubkey_options *o = in->options;
	const struct deploy_key *key;
	bool deleted = false;

	if ((!o->force && check_unheld(s, err) != 0) || hubkey_look(s, err) != 0)
		return -1;
	key = deploy_keys_find(&s->hub.keys, s->public);
	if (key != NULL && take_away(o, s, key, &deleted, err) != 0)
		return -1;
	if (deleted)
		out_note("%s: deploy key %lld \"%s\" is deleted", s->hub.repository,
			 (long long)key->id, key->title);
	else
		out_note("%s: it has no such deploy key", s->hub.repository);
	result_flag(result, "changed", deleted);
	result_text(result, "repository", s->hub.repository);
	result_text(result, "fingerprint", s->fingerprint);
	return 0;
}

/* --- the commands ----------------------------------------------------------------------------- */

typedef int work(const struct invocation *in, struct hubkey *s, struct result *result,
		 struct err *err);

static int run_on_key(const struct invocation *in, work *does, struct err *err)
{
	const struct hubkey_options *o = in->options;
	struct hubkey s = HUBKEY_INIT;
	struct result result = { NULL };
	int r = -1;

	result_begin(&result, o->output);
	if (hubkey_open(o, &s, err) == 0 && hubkey_read(in, &s, err) == 0)
		r = does(in, &s, &result, err);
	hubkey_clear(&s);
	if (r == 0)
		r = result_print(&result, err);
	result_clear(&result);
	return r;
}

static int run_add(const struct invocation *in, struct err *err)
{
	return run_on_key(in, add, err);
}

static int run_remove(const struct invocation *in, struct err *err)
{
	return run_on_key(in, remove_key, err);
}

static const struct option_spec list_specs[] = {
	REGISTER_AS_OPTIONS(hubkey_options),
	RING_OPTIONS(hubkey_options),
	{ 'o', "output", "table|json", "how to print them", AT(output), 0 },
	{ 0 },
};

#define PUBLIC_KEY                                                                                 \
	{                                                                                          \
		0, "public-key", "FILE|-", "the key, by its public half", AT(public_key), 0        \
	}

static const struct option_spec add_specs[] = {
	PUBLIC_KEY,
	{ 0, "title", "TEXT", "its title (default: of clusters, document and key)", AT(title), 0 },
	PICK_OPTION(hubkey_options),
	REGISTER_AS_OPTIONS(hubkey_options),
	RING_OPTIONS(hubkey_options),
	RESULT_OPTION(hubkey_options),
	{ 0 },
};

static const struct option_spec remove_specs[] = {
	PUBLIC_KEY,
	{ 0, "yes", NULL, "do not ask", AT(yes), 0 },
	{ 0, "force", NULL, "also a key that a document here still holds", AT(force), 0 },
	PICK_OPTION(hubkey_options),
	REGISTER_AS_OPTIONS(hubkey_options),
	RING_OPTIONS(hubkey_options),
	RESULT_OPTION(hubkey_options),
	{ 0 },
};

static const struct command subcommands[] = {
	{
	    .name = "list",
	    .summary = "list the deploy keys of a repository at GitHub",
	    .arguments = "",
	    .about =
		"List the deploy keys that GitHub has for a repository: what each may do, when "
		"it was last used, who added it, and which sealed document of this repository "
		"holds it: proven where a key at hand opens the document, claimed where only "
		"its facts say so.",
	    .options = list_specs,
	    .options_size = sizeof(struct hubkey_options),
	    .run = hubkey_list,
	},
	{
	    .name = "add",
	    .summary = "register a deploy key at GitHub, for reading only",
	    .arguments = "[NAME|FILE]",
	    .about =
		"Register the public half of the key in a sealed document, which is opened, or "
		"of a file.  What is registered already stays.",
	    .options = add_specs,
	    .options_size = sizeof(struct hubkey_options),
	    .run = run_add,
	},
	{
	    .name = "remove",
	    .summary = "delete a deploy key at GitHub",
	    .arguments = "[NAME|FILE]",
	    .about =
		"Delete the deploy key that a sealed document holds, which is opened, or whose "
		"public half is given; never by a title or a fact.  Asks first.",
	    .options = remove_specs,
	    .options_size = sizeof(struct hubkey_options),
	    .run = run_remove,
	},
	{ .name = NULL },
};

static const struct command *sub(void)
{
	return subcommands;
}

const struct command cmd_deploy_key = {
	.name = "deploy-key",
	.summary = "list, register and delete deploy keys at GitHub",
	.arguments = "",
	.about = "The deploy keys of a repository at GitHub.  'bulla rotate deploy-key' puts a new "
		 "one in the place of an old one.",
	.sub = sub,
};
