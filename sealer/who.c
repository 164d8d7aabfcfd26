/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/who.h"

#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "sealer/home.h"
#include "sealer/input.h"

#define FILE_MAX 262144
#define PINS_MAX 4194304
#define PINS_TRIES 20

/* --- gathering -------------------------------------------------------------------------------- */

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

/* A file in a Git tree is as much someone else's word as the config is: its keys are asked about.
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
		    "name the recipients with -r",
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

/* --- pins ------------------------------------------------------------------------------------- */

static int pins_load(const char *path, struct pins *out, struct stat *st, bool *exists,
		     struct err *err)
{
	struct buf text = BUF_INIT;
	int r = 0;

	*exists = lstat(path, st) == 0;
	if (*exists) {
		r = file_read(path, PINS_MAX, FILE_NOFOLLOW, &text, st, err);
		if (r == 0)
			r = pins_parse(path, text.data, text.len, out, err);
	}
	buf_clear(&text);
	return r;
}

static int pins_add(const char *path, const char *top, const struct recipients *r, struct err *err)
{
	struct pins pins = PINS_INIT;
	struct buf text = BUF_INIT;
	struct file_write w = { .path = path, .mode = 0600 };
	struct stat st;
	bool exists;
	int result = pins_load(path, &pins, &st, &exists, err);

	if (result != 0)
		goto out;
	for (size_t i = 0; i < r->n; i++)
		pins_accept(&pins, top, &r->items[i]);
	pins_format(&pins, &text);
	w.exclusive = !exists;
	w.expect = exists ? &st : NULL;
	result = file_write(&w, text.data, text.len, err);
out:
	pins_clear(&pins);
	buf_clear(&text);
	return result;
}

int who_pin(const char *top, const struct recipients *r, struct err *err)
{
	char *path = home_path_made(HOME_PINS, err);
	struct err own = ERR_INIT;
	int result = -1;

	if (path == NULL)
		return -1;
	/* another bulla may write its pins at the same time: read again and add to those */
	for (int i = 0; i < PINS_TRIES; i++) {
		result = pins_add(path, top, r, &own);
		if (result == 0 || own.class != ERR_CONFLICT)
			break;
	}
	if (result != 0 && err != NULL)
		*err = own;
	mem_free(path);
	return result;
}

int who_states(const char *top, const struct recipients *r, enum pins_state *states,
	       struct err *err)
{
	struct pins pins = PINS_INIT;
	char *path = home_path(HOME_PINS, err);
	struct stat st;
	bool exists;
	int result = path != NULL ? pins_load(path, &pins, &st, &exists, err) : -1;

	for (size_t i = 0; result == 0 && i < r->n; i++)
		states[i] = pins_check(&pins, top, &r->items[i]);
	pins_clear(&pins);
	mem_free(path);
	return result;
}

static const struct pin *pinned(const struct pins *pins, const char *top, const char *name)
{
	for (size_t i = 0; i < pins->n; i++)
		if (strcmp(pins->items[i].top, top) == 0 && strcmp(pins->items[i].name, name) == 0)
			return &pins->items[i];
	return NULL;
}

static bool accepted(const struct age_recipient *keys, size_t n, const struct recipient *r)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(keys[i].point, r->key.point, sizeof(r->key.point)) == 0)
			return true;
	return false;
}

static int parse_accept(const struct option_list *list, struct age_recipient **keys,
			struct err *err)
{
	*keys = mem_array(list->n, sizeof(**keys));
	for (size_t i = 0; i < list->n; i++)
		if (age_recipient_parse(list->items[i], &(*keys)[i], err) != 0)
			return err_wrap(err, "--accept");
	return 0;
}

/* What a person must see before saying yes: each name with its key, and the key it had. */
static void describe(const struct pins *pins, const char *top, const struct recipients *unseen,
		     struct buf *out)
{
	char key[AGE_RECIPIENT_TEXT];

	buf_printf(out, "%s at %s has recipients that you have not agreed to yet:\n", CONFIG_PATH,
		   top);
	for (size_t i = 0; i < unseen->n; i++) {
		const struct recipient *r = &unseen->items[i];
		const struct pin *pin = pinned(pins, top, r->name);

		age_recipient_format(&r->key, key);
		buf_printf(out, "  %s  %s  %s\n", pin != NULL ? "CHANGED" : "new    ", r->name,
			   key);
		if (pin == NULL)
			continue;
		age_recipient_format(&pin->key, key);
		buf_printf(out, "           it was  %s\n", key);
	}
}

static void print_command(const struct who *who, const struct recipients *unseen)
{
	struct buf line = BUF_INIT;
	char key[AGE_RECIPIENT_TEXT];

	for (int i = 0; i < who->line_n; i++) {
		if (i > 0)
			buf_putc(&line, ' ');
		out_shell(&line, who->line[i]);
	}
	for (size_t i = 0; i < unseen->n; i++) {
		age_recipient_format(&unseen->items[i].key, key);
		buf_printf(&line, " --accept %s", key);
	}
	out_printf(stderr, "  %s\n", buf_str(&line));
	buf_clear(&line);
}

static int ask(const struct pins *pins, const char *top, const struct who *who,
	       const struct recipients *unseen, struct err *err)
{
	struct buf text = BUF_INIT;
	bool yes = false;
	int r = 0;

	describe(pins, top, unseen, &text);
	if (input_terminal()) {
		buf_puts(&text, "Whoever holds these keys will read what is sealed.  Agree?");
		r = input_confirm(buf_str(&text), &yes, err);
	} else {
		out_printf(stderr, "%sTo agree:\n", buf_str(&text));
		print_command(who, unseen);
	}
	if (r == 0 && !yes)
		r = err_set(err, ERR_RECIPIENT, "%zu recipient%s not agreed to; nothing was sealed",
			    unseen->n, unseen->n == 1 ? " is" : "s are");
	buf_clear(&text);
	return r;
}

/* Sort what is not known into agreed (by --accept) and unseen. */
static int sort_out(const struct pins *pins, const struct gathered *g,
		    const struct option_list *list, struct recipients *agreed,
		    struct recipients *unseen, struct err *err)
{
	struct age_recipient *accept = NULL;
	int r = parse_accept(list, &accept, err);

	for (size_t i = 0; r == 0 && i < g->asked.n; i++) {
		const struct recipient *a = &g->asked.items[i];

		if (pins_check(pins, g->top, a) == PINS_KNOWN)
			continue;
		r = recipients_add(accepted(accept, list->n, a) ? agreed : unseen, a->name, &a->key,
				   err);
	}
	mem_free(accept);
	return r;
}

static int check_pins(const struct gathered *g, const struct who *who, struct err *err)
{
	struct recipients agreed = RECIPIENTS_INIT, unseen = RECIPIENTS_INIT;
	struct pins pins = PINS_INIT;
	char *path = NULL;
	struct stat st;
	bool exists;
	int r = -1;

	path = home_path(HOME_PINS, err);
	if (path == NULL || pins_load(path, &pins, &st, &exists, err) != 0 ||
	    sort_out(&pins, g, who->accept, &agreed, &unseen, err) != 0)
		goto out;
	if (unseen.n > 0 && ask(&pins, g->top, who, &unseen, err) != 0)
		goto out;
	for (size_t i = 0; i < unseen.n; i++)
		if (recipients_add(&agreed, unseen.items[i].name, &unseen.items[i].key, err) != 0)
			goto out;
	r = agreed.n > 0 && !who->dry_run ? who_pin(g->top, &agreed, err) : 0;
out:
	mem_free(path);
	pins_clear(&pins);
	recipients_clear(&agreed);
	recipients_clear(&unseen);
	return r;
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
		r = check_pins(&g, who, err);
	if (r == 0) {
		*out = g.all;
		g.all = (struct recipients)RECIPIENTS_INIT; /* transferred */
	}
	gathered_clear(&g);
	return r;
}
