/* SPDX-License-Identifier: Apache-2.0 */
#include "github/deploy_keys.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "github/rest.h"

#define TITLE_MAX 1024 /* bytes; what is longer is cut: nobody wants to read it */
#define NEEDS_READ "Administration (read)"
#define NEEDS_WRITE "Administration (write), and its owner must administer the repository"

/* --- one key -----------------------------------------------------------------------------------
 */

/* Type and base64, without what follows. */
static size_t key_length(const char *key)
{
	size_t n = strcspn(key, " \t\r\n");

	if (key[n] != ' ')
		return n;
	return n + 1 + strcspn(key + n + 1, " \t\r\n");
}

bool deploy_key_same(const char *a, const char *b)
{
	size_t n = key_length(a);

	return n > 0 && n == key_length(b) && memcmp(a, b, n) == 0;
}

int deploy_key_read(const json_t *v, struct deploy_key *out, struct err *err)
{
	const json_t *id = json_object_get(v, "id");
	const char *key = json_string_value(json_object_get(v, "key"));
	const char *title = json_string_value(json_object_get(v, "title"));

	memset(out, 0, sizeof(*out));
	if (!json_is_integer(id) || json_integer_value(id) <= 0 || key == NULL || title == NULL ||
	    !json_is_boolean(json_object_get(v, "read_only")))
		return err_set(err, ERR_IO,
			       "GitHub's answer is not a deploy key: id, key, title or read_only "
			       "is missing or of another type");
	out->id = json_integer_value(id);
	out->title = mem_strn(title, text_cut(title, TITLE_MAX));
	out->key = mem_strn(key, key_length(key));
	out->added_by = mem_str(json_string_value(json_object_get(v, "added_by")));
	out->created = rest_time(json_object_get(v, "created_at"));
	out->last_used = rest_time(json_object_get(v, "last_used"));
	out->read_only = json_is_true(json_object_get(v, "read_only"));
	out->verified = json_is_true(json_object_get(v, "verified"));
	out->disabled = json_is_false(json_object_get(v, "enabled"));
	return 0;
}

void deploy_key_clear(struct deploy_key *key)
{
	mem_free(key->title);
	mem_free(key->key);
	mem_free(key->added_by);
	memset(key, 0, sizeof(*key));
}

/* --- list --------------------------------------------------------------------------------------
 */

/* A page that moved while the list was read shows a key twice. */
static bool is_there(const struct deploy_keys *keys, int64_t id)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keys->items[i].id == id)
			return true;
	return false;
}

int deploy_keys_read(const json_t *list, struct deploy_keys *out, struct err *err)
{
	size_t n = json_array_size(list);

	deploy_keys_clear(out);
	if (n > REST_LIST_MAX)
		return err_set(err, ERR_IO, "GitHub lists more than %d deploy keys", REST_LIST_MAX);
	out->items = mem_array(n, sizeof(*out->items));
	for (size_t i = 0; i < n; i++) {
		struct deploy_key key;

		if (deploy_key_read(json_array_get(list, i), &key, err) != 0) {
			deploy_keys_clear(out);
			return -1;
		}
		if (is_there(out, key.id))
			deploy_key_clear(&key);
		else
			out->items[out->n++] = key;
	}
	return 0;
}

int deploy_keys_list(struct rest *r, const char *repository, struct deploy_keys *out,
		     struct err *err)
{
	char *path = mem_printf("/repos/%s/keys?per_page=100", repository);
	char *what = mem_printf("list the deploy keys of %s", repository);
	const struct rest_request q = { .path = path, .what = what, .needs = NEEDS_READ };
	json_t *list;
	int result = -1;

	deploy_keys_clear(out);
	list = rest_list(r, &q, err);
	if (list != NULL) {
		result = deploy_keys_read(list, out, err);
		if (result != 0)
			err_wrap(err, "%s", what);
	}
	json_decref(list);
	mem_free(what);
	mem_free(path);
	return result;
}

void deploy_keys_clear(struct deploy_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		deploy_key_clear(&keys->items[i]);
	mem_free(keys->items);
	memset(keys, 0, sizeof(*keys));
}

const struct deploy_key *deploy_keys_find(const struct deploy_keys *keys, const char *key)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->items[i].key != NULL && deploy_key_same(keys->items[i].key, key))
			return &keys->items[i];
	}
	return NULL;
}

/* --- one ---------------------------------------------------------------------------------------
 */

/* Take one out of a list: its texts go along. */
static void move_key(struct deploy_keys *keys, const struct deploy_key *key, struct deploy_key *out)
{
	size_t i = (size_t)(key - keys->items);

	*out = *key;
	memset(&keys->items[i], 0, sizeof(keys->items[i]));
}

/* A 404 can also mean that the token sees nothing there: the list tells. */
static int look_in_list(struct rest *r, const char *repository, int64_t id, struct deploy_key *out,
			bool *found, struct err *err)
{
	struct deploy_keys keys = DEPLOY_KEYS_INIT;
	int result = deploy_keys_list(r, repository, &keys, err);

	for (size_t i = 0; result == 0 && i < keys.n && !*found; i++) {
		if (keys.items[i].id != id)
			continue;
		*found = true;
		move_key(&keys, &keys.items[i], out);
	}
	deploy_keys_clear(&keys);
	return result;
}

int deploy_keys_get(struct rest *r, const char *repository, int64_t id, struct deploy_key *out,
		    bool *found, struct err *err)
{
	char *path = mem_printf("/repos/%s/keys/%lld", repository, (long long)id);
	char *what = mem_printf("read deploy key %lld of %s", (long long)id, repository);
	const struct rest_request q = { .path = path, .what = what, .needs = NEEDS_READ };
	struct rest_answer a = REST_ANSWER_INIT;
	int result;

	*found = false;
	memset(out, 0, sizeof(*out));
	result = rest_call(r, &q, &a, err);
	if (result == 0) {
		result = deploy_key_read(a.body, out, err);
		*found = result == 0;
		if (result != 0)
			err_wrap(err, "%s", what);
	} else if (a.http.status == 404) {
		result = look_in_list(r, repository, id, out, found, err);
	}
	rest_answer_clear(&a);
	mem_free(what);
	mem_free(path);
	return result;
}

/* --- add ---------------------------------------------------------------------------------------
 */

static int refused(const struct deploy_key_new *new, const struct rest_answer *a, struct err *err)
{
	if (strcasestr(a->message, "already in use") != NULL)
		return err_set(err, ERR_CONFLICT,
			       "add a deploy key to %s: this key is in use already, in another "
			       "repository or an account, which GitHub does not name (422): each "
			       "repository needs a key of its own",
			       new->repository);
	if (strcasestr(a->message, "deploy keys are disabled") != NULL)
		return err_set(err, ERR_REFUSED,
			       "add a deploy key to %s: a policy of its organisation or enterprise "
			       "forbids deploy keys (%ld, %s); an owner can allow them, or use a "
			       "GitHub App (kind github-app)",
			       new->repository, a->http.status, a->message);
	return -1;
}

/* Is it there already, from an earlier run or from a try whose answer was lost? */
static int take_existing(struct rest *r, const struct deploy_key_new *new, struct deploy_key *out,
			 bool *found, struct err *err)
{
	struct deploy_keys keys = DEPLOY_KEYS_INIT;
	const struct deploy_key *key;
	int result = deploy_keys_list(r, new->repository, &keys, err);

	*found = false;
	key = result == 0 ? deploy_keys_find(&keys, new->key) : NULL;
	if (key != NULL && key->read_only != new->read_only) {
		result = err_set(err, ERR_CONFLICT,
				 "add a deploy key to %s: this key is there already (id %lld, "
				 "\"%.100s\"), but it may %s; delete that one first",
				 new->repository, (long long)key->id, key->title,
				 key->read_only ? "only read" : "write");
	} else if (key != NULL) {
		*found = true;
		move_key(&keys, key, out);
	}
	deploy_keys_clear(&keys);
	return result;
}

static int add(struct rest *r, const struct deploy_key_new *new, struct rest_answer *a,
	       struct err *err)
{
	char *path = mem_printf("/repos/%s/keys", new->repository);
	char *what = mem_printf("add a deploy key to %s", new->repository);
	json_t *body = json_pack("{s:s, s:s%, s:b}", "title", new->title, "key", new->key,
				 key_length(new->key), "read_only", (int)new->read_only);
	/* sent twice it would be refused the second time, and found in the list */
	const struct rest_request q = { .method = "POST",
					.path = path,
					.body = body,
					.what = what,
					.needs = NEEDS_WRITE,
					.idempotent = true };
	int result = body == NULL ? err_set(err, ERR_INVALID, "%s: the title is not UTF-8", what)
				  : rest_call(r, &q, a, err);

	json_decref(body);
	mem_free(what);
	mem_free(path);
	return result;
}

/* What was asked for, or nothing is to be built on it. */
static int take_added(const struct rest_answer *a, const struct deploy_key_new *new,
		      struct deploy_key *out, struct err *err)
{
	if (deploy_key_read(a->body, out, err) != 0)
		return err_wrap(err, "add a deploy key to %s", new->repository);
	if (deploy_key_same(out->key, new->key) && out->read_only == new->read_only)
		return 0;
	err_set(err, ERR_CONFLICT,
		"add a deploy key to %s: what was added, id %lld, is not what was asked for; look "
		"at it there",
		new->repository, (long long)out->id);
	deploy_key_clear(out);
	return -1;
}

int deploy_keys_add(struct rest *r, const struct deploy_key_new *new, struct deploy_key *out,
		    bool *added, struct err *err)
{
	struct rest_answer a = REST_ANSWER_INIT;
	struct err first = ERR_INIT, second = ERR_INIT;
	bool found = false;
	int result;

	*added = false;
	memset(out, 0, sizeof(*out));
	result = add(r, new, &a, &first);
	if (result == 0) {
		result = take_added(&a, new, out, &first);
		*added = result == 0;
	} else if (a.http.status == 422 || rest_may_be_done(&a)) {
		if (take_existing(r, new, out, &found, &second) == 0)
			result = found ? 0 : refused(new, &a, &first);
		else if (second.class == ERR_CONFLICT)
			first = second;
	} else if (a.http.status == 403) {
		refused(new, &a, &first);
	}
	if (result != 0 && err != NULL)
		*err = first;
	rest_answer_clear(&a);
	return result;
}

/* --- delete ------------------------------------------------------------------------------------
 */

/* *look: whether it is gone now only a look can tell. */
static int remove_key(struct rest *r, const char *repository, int64_t id, bool *look,
		      struct err *err)
{
	char *path = mem_printf("/repos/%s/keys/%lld", repository, (long long)id);
	char *what = mem_printf("delete deploy key %lld of %s", (long long)id, repository);
	const struct rest_request q = {
		.method = "DELETE", .path = path, .what = what, .needs = NEEDS_WRITE
	};
	struct rest_answer a = REST_ANSWER_INIT;
	int result = rest_call(r, &q, &a, err);

	/* 404: a try whose answer was lost did it; or there is no right to, told the same way */
	*look = result != 0 ? a.http.status == 404 || rest_may_be_done(&a) : a.http.status != 204;
	if (result == 0 && *look)
		result =
		    err_set(err, ERR_IO, "%s: %s answers with status %ld, and not that it is done",
			    what, rest_host(r), a.http.status);
	rest_answer_clear(&a);
	mem_free(what);
	mem_free(path);
	return result;
}

int deploy_keys_delete(struct rest *r, const char *repository, const struct deploy_key *key,
		       bool *deleted, struct err *err)
{
	struct deploy_key now = { 0 };
	struct err denied = ERR_INIT;
	bool found = false, look = false;
	int result;

	*deleted = false;
	result = deploy_keys_get(r, repository, key->id, &now, &found, err);
	if (result != 0 || !found)
		return result;
	if (now.key == NULL || !deploy_key_same(now.key, key->key)) {
		deploy_key_clear(&now);
		return err_set(err, ERR_CONFLICT,
			       "delete deploy key %lld of %s: it is not the key it was taken for; "
			       "nothing is deleted",
			       (long long)key->id, repository);
	}
	deploy_key_clear(&now);
	result = remove_key(r, repository, key->id, &look, &denied);
	*deleted = result == 0;
	if (result != 0 && look &&
	    deploy_keys_get(r, repository, key->id, &now, &found, NULL) == 0) {
		*deleted = !found;
		result = found ? -1 : 0;
		deploy_key_clear(&now);
	}
	if (result != 0 && err != NULL)
		*err = denied;
	return result;
}
