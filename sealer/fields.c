/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/fields.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "kinds/dotenv.h"
#include "sealer/input.h"

/* Above what a Secret may hold, so that the kind says what is too large, and by how much. */
#define INPUT_MAX ((size_t)2 * KIND_DATA_MAX)

int fields_expires(const char *text, int64_t now, int64_t *t, struct err *err)
{
	if (text == NULL || clock_parse_expiry(text, now, t))
		return 0;
	return err_set(err, ERR_USAGE,
		       "--expires: neither a date (2027-01-31), a time (2027-01-31T12:00:00Z) nor "
		       "a span (90d, 12h, 2w)");
}

/* --- a kind with fields of its own ------------------------------------------------------------ */

static int read_one(const struct kind_field *f, const char *value, struct kv *fields,
		    struct err *err)
{
	struct buf bytes = BUF_INIT;
	int r;

	if ((f->flags & (FIELD_SECRET | FIELD_FILE)) == 0) {
		kv_set_str(fields, f->name, value);
		return 0;
	}
	r = input_read(value, f->name, INPUT_MAX, &bytes, err);
	if (r == 0)
		kv_set(fields, f->name, buf_str(&bytes), bytes.len);
	else
		err_wrap(err, "--%s", f->option);
	buf_clear(&bytes);
	return r;
}

static int prompt_for(const struct kind_field *f, struct kv *fields, struct err *err)
{
	struct buf bytes = BUF_INIT;
	int r = input_prompt(f->name, (f->flags & FIELD_TWICE) != 0, &bytes, err);

	if (r == 0)
		kv_set(fields, f->name, buf_str(&bytes), bytes.len);
	buf_clear(&bytes);
	return r;
}

/* Is something given that stands for all the rest? */
static bool given_alone(const struct kind *k, const char *const values[], const struct kv *fields)
{
	for (size_t i = 0; k->fields[i].name != NULL; i++)
		if ((k->fields[i].flags & FIELD_ALONE) != 0 &&
		    (values[i] != NULL || kv_has(fields, k->fields[i].name)))
			return true;
	return false;
}

int fields_read(const struct kind *k, const char *const values[], struct kv *fields,
		struct err *err)
{
	bool ask = !given_alone(k, values, fields) && input_terminal();

	for (size_t i = 0; k->fields[i].name != NULL; i++) {
		const struct kind_field *f = &k->fields[i];
		int r = 0;

		if (values[i] != NULL)
			r = read_one(f, values[i], fields, err);
		else if (ask && (f->flags & FIELD_PROMPT) != 0 && !kv_has(fields, f->name))
			r = prompt_for(f, fields, err);
		if (r != 0)
			return -1;
	}
	return 0;
}

/* --- free data keys --------------------------------------------------------------------------- */

static int put(struct kv *fields, const char *key, const void *data, size_t len, struct err *err)
{
	if (!name_is_data_key(key))
		return err_set(
		    err, ERR_USAGE,
		    "a key is not one that a Secret takes: letters, digits, \"-\", \"_\" "
		    "and \".\", at most 253");
	if (kv_has(fields, key))
		return err_set(err, ERR_USAGE, "the key %s is given twice", key);
	kv_set(fields, key, data, len);
	return 0;
}

static int pick_one(const struct kv *env, const char *item, struct kv *fields, struct err *err)
{
	size_t n = strcspn(item, "=");
	const char *old = item[n] == '=' ? item + n + 1 : item;
	const struct kv_item *from = kv_get(env, old);
	char *new = mem_strn(item, n);
	int r;

	if (from == NULL)
		r = err_set(err, ERR_USAGE,
			    "--pick: the .env file has no such name (%zu characters)", strlen(old));
	else
		r = put(fields, new, from->data, from->len, err);
	mem_free(new);
	return r;
}

static int read_env(const struct fields_free *from, struct kv *fields, struct notes *notes,
		    struct err *err)
{
	const char *name = strcmp(from->env_file, "-") == 0 ? "standard input" : from->env_file;
	struct buf text = BUF_INIT;
	struct kv env = KV_INIT;
	int r = -1;

	if (input_read(from->env_file, "the .env file", INPUT_MAX, &text, err) != 0 ||
	    dotenv_parse(name, text.data, text.len, &env, notes, err) != 0)
		goto out;
	r = 0;
	for (size_t i = 0; r == 0 && i < from->pick->n; i++)
		r = pick_one(&env, from->pick->items[i], fields, err);
	for (size_t i = 0; r == 0 && from->pick->n == 0 && i < env.n; i++)
		r = put(fields, env.items[i].name, env.items[i].data, env.items[i].len, err);
out:
	kv_clear(&env);
	buf_clear(&text);
	return r;
}

static int read_file(const char *item, struct kv *fields, struct err *err)
{
	const char *equals = strchr(item, '='), *slash;
	const char *path = equals != NULL ? equals + 1 : item;
	struct buf bytes = BUF_INIT;
	char *key;
	int r;

	slash = strrchr(path, '/');
	key = equals != NULL ? mem_strn(item, (size_t)(equals - item))
			     : mem_str(slash != NULL ? slash + 1 : path);
	if (equals == NULL && strcmp(path, "-") == 0)
		r = err_set(err, ERR_USAGE, "--from-file -: say under which key: KEY=-");
	else
		r = input_read(path, key, INPUT_MAX, &bytes, err);
	if (r == 0)
		r = put(fields, key, buf_str(&bytes), bytes.len, err);
	buf_clear(&bytes);
	mem_free(key);
	return r;
}

/* A value that echo, a person or a password manager gives ends with a newline that is not meant. */
static int read_stdin(const char *key, struct kv *fields, struct err *err)
{
	struct buf bytes = BUF_INIT;
	int r;

	if (input_stdin_is_terminal())
		r = input_prompt(key, true, &bytes, err);
	else
		r = input_read("-", key, INPUT_MAX, &bytes, err);
	if (r == 0 && bytes.len > 0 && bytes.data[bytes.len - 1] == '\n')
		buf_truncate(&bytes,
			     bytes.len -
				 (bytes.len > 1 && bytes.data[bytes.len - 2] == '\r' ? 2 : 1));
	if (r == 0)
		r = put(fields, key, buf_str(&bytes), bytes.len, err);
	buf_clear(&bytes);
	return r;
}

int fields_read_free(const struct fields_free *from, struct kv *fields, struct notes *notes,
		     struct err *err)
{
	if (from->env_file == NULL && from->pick->n > 0)
		return err_set(err, ERR_USAGE, "--pick picks from the file of --from-env-file");
	if (from->env_file == NULL && from->from_file->n == 0 && from->stdin_key == NULL)
		return err_set(err, ERR_USAGE,
			       "nothing to seal: give --from-env-file, --from-file or --stdin");
	if (from->env_file != NULL && read_env(from, fields, notes, err) != 0)
		return -1;
	for (size_t i = 0; i < from->from_file->n; i++)
		if (read_file(from->from_file->items[i], fields, err) != 0)
			return -1;
	if (from->stdin_key != NULL && read_stdin(from->stdin_key, fields, err) != 0)
		return -1;
	return 0;
}
