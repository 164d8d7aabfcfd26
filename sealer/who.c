/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/who.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/agree.h"
#include "sealer/command.h"
#include "sealer/progress.h"

#define FILE_MAX 262144

struct gathered {
	struct recipients all;
	struct recipients asked; /* those whom the repository named, not the user */
	char *top;		 /* the repository that did */
};

static void gathered_clear(struct gathered *g)
{
	recipients_clear(&g->all);
	recipients_clear(&g->asked);
	mem_free(g->top);
}

static int add(struct gathered *g, const char *name, const struct age_recipient *key, bool ask,
	       struct err *err)
{
	if (ask && recipients_add(&g->asked, name, key, err) != 0)
		return -1;
	return recipients_add(&g->all, name, key, err);
}

/* The config's name for a key, so that one key has one name everywhere; else NULL. */
static const char *known_name(const struct target *t, const struct age_recipient *key)
{
	const struct recipients *r = &t->config.recipients;

	for (size_t i = 0; i < r->n; i++)
		if (memcmp(r->items[i].key.point, key->point, sizeof(key->point)) == 0)
			return r->items[i].name;
	return NULL;
}

static int unknown_name(const struct target *t, const char *name, struct err *err)
{
	struct buf known = BUF_INIT;

	/* what is no name may be a secret typed at the wrong place */
	if (!name_is_label(name))
		return err_set(err, ERR_RECIPIENT,
			       "-r: neither a recipient's name nor age1... (%zu bytes)",
			       strlen(name));
	if (!t->configured)
		return err_set(err, ERR_RECIPIENT,
			       "-r %s: names stand in %s at the Git top level, and there is none "
			       "here; 'bulla init' makes it",
			       name, CONFIG_PATH);
	for (size_t i = 0; i < t->config.recipients.n && known.len < 300; i++)
		buf_printf(&known, "%s%s", i > 0 ? ", " : "", t->config.recipients.items[i].name);
	err_set(err, ERR_RECIPIENT, "-r %s: no such recipient in %s; it has %s", name, CONFIG_PATH,
		known.len > 0 ? buf_str(&known) : "none");
	buf_clear(&known);
	return -1;
}

static bool looks_like_key(const char *text)
{
	static const char secret[] = "age-secret-key-";

	if (strncmp(text, "age1", 4) == 0 || strncmp(text, "AGE1", 4) == 0)
		return true;
	for (size_t i = 0; i < sizeof(secret) - 1; i++)
		if ((text[i] | 0x20) != (secret[i] | 0x20))
			return false;
	return true;
}

static int add_named(const struct target *t, const char *text, struct gathered *g, struct err *err)
{
	const struct recipient *known;
	struct age_recipient key;

	if (looks_like_key(text)) {
		if (age_recipient_parse(text, &key, err) != 0)
			return err_wrap(err, "-r");
		return add(g, known_name(t, &key), &key, false, err);
	}
	known = t->configured ? recipients_find(&t->config.recipients, text) : NULL;
	if (known == NULL)
		return unknown_name(t, text, err);
	return add(g, known->name, &known->key, true, err);
}

/*
 * A file in a Git tree is as much someone else's word as the config is: its keys are asked about.
 */
static int add_file(const struct target *t, const char *file, struct gathered *g, struct err *err)
{
	struct recipients keys = RECIPIENTS_INIT;
	struct buf text = BUF_INIT;
	char *top = file_git_top(file);
	bool ask = top != NULL;
	int r = -1;

	if (file_read(file, FILE_MAX, 0, &text, NULL, err) != 0 ||
	    recipients_add_lines(&keys, file, text.data, text.len, err) != 0)
		goto out;
	for (size_t i = 0; i < keys.n; i++) {
		const struct age_recipient *key = &keys.items[i].key;

		if (add(g, known_name(t, key), key, ask, err) != 0)
			goto out;
	}
	if (g->top == NULL) {
		g->top = top;
		top = NULL; /* transferred */
	}
	r = 0;
out:
	mem_free(top);
	buf_clear(&text);
	recipients_clear(&keys);
	return r;
}

static int add_recovery(const struct target *t, struct gathered *g, struct err *err)
{
	const struct recipient *recovery =
	    t->configured ? recipients_find(&t->config.recipients, CONFIG_RECOVERY) : NULL;

	if (recovery == NULL)
		return 0;
	return add(g, recovery->name, &recovery->key, true, err);
}

static bool same_recipients(const struct recipients *a, const struct recipients *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->items[i].id, b->items[i].id) == 0;
	return same;
}

/* Who is named with -r and -R need not be who the rules say; whoever checks will hear of it. */
static void compare_with_rules(const struct target *t, const struct who *who,
			       const struct recipients *given)
{
	struct recipients by_rule = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	if (!t->configured || t->below == NULL)
		return;
	progress_aside();
	if (config_select(&t->config, t->below, who->namespace, who->kind, &by_rule, &err) != 0)
		out_warn("%s", err.text);
	else if (!same_recipients(given, &by_rule))
		out_warn(
		    "%s: the rules of %s say other recipients here; 'bulla check' reports that",
		    t->path, CONFIG_PATH);
	recipients_clear(&by_rule);
}

static int gather_given(const struct target *t, const struct who *who, struct gathered *g,
			struct err *err)
{
	for (size_t i = 0; i < who->names->n; i++)
		if (add_named(t, who->names->items[i], g, err) != 0)
			return -1;
	for (size_t i = 0; i < who->files->n; i++)
		if (add_file(t, who->files->items[i], g, err) != 0)
			return -1;
	if (g->all.n == 0)
		return err_set(err, ERR_RECIPIENT, "-R: the files name nobody to seal to");
	if (add_recovery(t, g, err) != 0)
		return -1;
	compare_with_rules(t, who, &g->all);
	return 0;
}

static int gather_by_rule(const struct target *t, const struct who *who, struct gathered *g,
			  struct err *err)
{
	if (t->path == NULL)
		return err_set(
		    err, ERR_RECIPIENT,
		    "nobody to seal to: without -w there is no path for the rules of %s; "
		    "say with -w where it is to stand, or name the recipients with -r",
		    CONFIG_PATH);
	if (t->top == NULL)
		return err_set(
		    err, ERR_RECIPIENT,
		    "nobody to seal to: %s is in no Git work tree, so there are no rules; "
		    "name the recipients with -r",
		    t->path);
	if (!t->configured)
		return err_set(err, ERR_RECIPIENT,
			       "nobody to seal to: there is no %s at %s; 'bulla init' makes it, or "
			       "name the recipients with -r",
			       CONFIG_PATH, t->top);
	if (config_select(&t->config, t->below, who->namespace, who->kind, &g->all, err) != 0)
		return -1;
	for (size_t i = 0; i < g->all.n; i++)
		if (recipients_add(&g->asked, g->all.items[i].name, &g->all.items[i].key, err) != 0)
			return -1;
	return 0;
}

static int check_agreed(const struct gathered *g, const struct who *who, struct err *err)
{
	struct agree a = {
		.top = g->top,
		.asked = &g->asked,
		.accept = who->accept,
		.dry_run = who->dry_run,
		.line = who->line,
		.line_n = who->line_n,
	};

	return agree_check(&a, err);
}

int who_select(const struct target *t, const struct who *who, struct recipients *out,
	       struct err *err)
{
	struct gathered g = { RECIPIENTS_INIT, RECIPIENTS_INIT, mem_str(t->top) };
	int r;

	if (who->names->n + who->files->n > 0)
		r = gather_given(t, who, &g, err);
	else
		r = gather_by_rule(t, who, &g, err);
	if (r == 0 && g.all.n > RECIPIENTS_MAX)
		r = err_set(err, ERR_RECIPIENT, "%zu recipients; a part has at most %d", g.all.n,
			    RECIPIENTS_MAX);
	if (r == 0 && g.asked.n > 0)
		r = check_agreed(&g, who, err);
	if (r == 0) {
		*out = g.all;
		g.all = (struct recipients)RECIPIENTS_INIT; /* transferred */
	}
	gathered_clear(&g);
	return r;
}
