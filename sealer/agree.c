/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/agree.h"

#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "keys/config.h"
#include "sealer/home.h"
#include "sealer/input.h"
#include "sealer/progress.h"

#define PINS_MAX 4194304
#define PINS_TRIES 20

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

int agree_pin(const char *top, const struct recipients *r, struct err *err)
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

int agree_states(const char *top, const struct recipients *r, enum pins_state *states,
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

static void print_command(const struct agree *a, const struct recipients *unseen)
{
	struct buf line = BUF_INIT;
	char key[AGE_RECIPIENT_TEXT];

	for (int i = 0; i < a->line_n; i++) {
		if (i > 0)
			buf_putc(&line, ' ');
		out_shell(&line, a->line[i]);
	}
	for (size_t i = 0; i < unseen->n; i++) {
		age_recipient_format(&unseen->items[i].key, key);
		buf_printf(&line, " --accept %s", key);
	}
	out_printf(stderr, "  %s\n", buf_str(&line));
	buf_clear(&line);
}

static int ask(const struct pins *pins, const struct agree *a, const struct recipients *unseen,
	       struct err *err)
{
	struct buf text = BUF_INIT;
	bool yes = false;
	int r = 0;

	describe(pins, a->top, unseen, &text);
	progress_aside();
	if (input_terminal()) {
		buf_puts(&text, "Whoever holds these keys will read what is sealed.  Agree?");
		r = input_confirm(buf_str(&text), &yes, err);
	} else {
		out_printf(stderr, "%sTo agree:\n", buf_str(&text));
		print_command(a, unseen);
	}
	if (r == 0 && !yes)
		r = err_set(err, ERR_RECIPIENT, "%zu recipient%s not agreed to; nothing was sealed",
			    unseen->n, unseen->n == 1 ? " is" : "s are");
	buf_clear(&text);
	return r;
}

/* Sort what is not known into agreed (by --accept) and unseen. */
static int sort_out(const struct pins *pins, const struct agree *a, struct recipients *agreed,
		    struct recipients *unseen, struct err *err)
{
	struct age_recipient *accept = NULL;
	int r = parse_accept(a->accept, &accept, err);

	for (size_t i = 0; r == 0 && i < a->asked->n; i++) {
		const struct recipient *one = &a->asked->items[i];
		bool yes = accepted(accept, a->accept->n, one);

		if (pins_check(pins, a->top, one) != PINS_KNOWN)
			r = recipients_add(yes ? agreed : unseen, one->name, &one->key, err);
	}
	mem_free(accept);
	return r;
}

int agree_check(const struct agree *a, struct err *err)
{
	struct recipients agreed = RECIPIENTS_INIT, unseen = RECIPIENTS_INIT;
	struct pins pins = PINS_INIT;
	char *path = NULL;
	struct stat st;
	bool exists;
	int r = -1;

	path = home_path(HOME_PINS, err);
	if (path == NULL || pins_load(path, &pins, &st, &exists, err) != 0 ||
	    sort_out(&pins, a, &agreed, &unseen, err) != 0)
		goto out;
	if (unseen.n > 0 && ask(&pins, a, &unseen, err) != 0)
		goto out;
	for (size_t i = 0; i < unseen.n; i++)
		if (recipients_add(&agreed, unseen.items[i].name, &unseen.items[i].key, err) != 0)
			goto out;
	r = agreed.n > 0 && !a->dry_run ? agree_pin(a->top, &agreed, err) : 0;
out:
	mem_free(path);
	pins_clear(&pins);
	recipients_clear(&agreed);
	recipients_clear(&unseen);
	return r;
}
