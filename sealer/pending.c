/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/pending.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "git/run.h"
#include "keys/age.h"
#include "kinds/pem.h"
#include "sealer/input.h"

#define WHAT "the passphrase of the key that waits"
#define LABEL_REQUEST "CERTIFICATE REQUEST"

/* --- where it is ---------------------------------------------------------------------------------
 */

int pending_find(const char *top, const struct document *d, struct pending *out, struct err *err)
{
	struct git *g;

	*out = (struct pending){ NULL, false, { 0 } };
	if (top == NULL)
		return err_set(
		    err, ERR_INVALID,
		    "in no Git work tree, so there is no place for a key to wait for its "
		    "certificate; make it elsewhere, and give --cert and --private-key");
	g = git_open(top, err);
	if (g == NULL)
		return -1;
	out->path =
	    mem_printf("%s/bulla/waiting/%s/%s.age", git_common_dir(g), d->namespace, d->name);
	git_close(g);
	if (lstat(out->path, &out->st) == 0)
		out->there = true;
	else if (errno != ENOENT && errno != ENOTDIR)
		return err_sys(err, "%s: cannot look at it", out->path);
	return 0;
}

void pending_clear(struct pending *p)
{
	mem_free(p->path);
	*p = (struct pending){ NULL, false, { 0 } };
}

/* --- encrypting ----------------------------------------------------------------------------------
 */

static int encrypt_to_keys(const struct keyring *keys, const struct buf *plain, struct buf *out,
			   struct err *err)
{
	struct age_recipient *to = mem_array(keys->n, sizeof(*to));
	int r;

	for (size_t i = 0; i < keys->n; i++)
		to[i] = *age_identity_recipient(keys->ids[i]);
	r = age_encrypt(to, keys->n, plain->data, plain->len, out, err);
	mem_free(to);
	return r;
}

static int encrypt_to_passphrase(const struct buf *plain, struct buf *out, struct err *err)
{
	struct buf passphrase = BUF_INIT;
	int r;

	if (!input_terminal())
		return err_set(
		    err, ERR_NOKEY,
		    "the new key has to wait for its certificate, and there is nothing to "
		    "encrypt it to: give a key of yours with -i FILE or --keys DIR, or "
		    "type a passphrase at a terminal");
	r = input_prompt(WHAT, true, &passphrase, err);
	if (r == 0)
		r = age_encrypt_passphrase(buf_str(&passphrase), passphrase.len, AGE_SCRYPT_LOG_N,
					   plain->data, plain->len, out, err);
	buf_clear(&passphrase);
	return r;
}

int pending_keep(const struct pending *p, const struct keyring *keys, const struct buf *key,
		 const struct buf *request, struct err *err)
{
	struct buf plain = BUF_INIT, binary = BUF_INIT, text = BUF_INIT;
	struct file_write w = { .path = p->path, .mode = 0600, .exclusive = true };
	int r = -1;

	buf_put(&plain, key->data, key->len);
	buf_put(&plain, request->data, request->len);
	if ((keys->n > 0 ? encrypt_to_keys(keys, &plain, &binary, err)
			 : encrypt_to_passphrase(&plain, &binary, err)) == 0 &&
	    age_armor(binary.data, binary.len, &text, err) == 0 &&
	    file_mkdirs_above(p->path, 0777, err) == 0)
		r = file_write(&w, text.data, text.len, err);
	buf_clear(&plain);
	buf_clear(&binary);
	buf_clear(&text);
	return r;
}

/* --- opening -------------------------------------------------------------------------------------
 */

static int decrypt_by_keys(const struct keyring *keys, const struct buf *file, struct buf *plain,
			   struct err *err)
{
	if (keys->n == 0)
		return err_set(err, ERR_NOKEY,
			       "it was encrypted to a key, and none is at hand; give it with -i "
			       "FILE or --keys DIR");
	return age_decrypt((const struct age_identity *const *)keys->ids, keys->n, 0, file->data,
			   file->len, plain, NULL, err);
}

static int decrypt_by_passphrase(const struct buf *file, struct buf *plain, struct err *err)
{
	struct buf passphrase = BUF_INIT;
	int r = input_prompt(WHAT, false, &passphrase, err);

	if (r == 0)
		r = age_decrypt_passphrase(buf_str(&passphrase), passphrase.len, file->data,
					   file->len, plain, err);
	buf_clear(&passphrase);
	return r;
}

static int decrypt(const struct keyring *keys, const struct buf *text, struct buf *plain,
		   struct err *err)
{
	struct buf binary = BUF_INIT;
	struct age_info info;
	int r = -1;

	if (age_dearmor(text->data, text->len, &binary, err) == 0 &&
	    age_inspect(binary.data, binary.len, &info, err) == 0)
		r = info.scrypt > 0 ? decrypt_by_passphrase(&binary, plain, err)
				    : decrypt_by_keys(keys, &binary, plain, err);
	buf_clear(&binary);
	return r;
}

/* The key first, the request behind it. */
static int split(const struct buf *plain, struct buf *key, struct buf *request, struct err *err)
{
	const struct pem_source src = { "the key that waits", plain->data, plain->len };
	struct pem_block b = PEM_BLOCK_INIT;
	struct pem_reader r;
	int more = -1;

	if (pem_open(&r, &src, PEM_KEY_MAX, 0, err) == 0)
		while ((more = pem_next(&r, &b, err)) == 1)
			buf_put(strcmp(b.label, LABEL_REQUEST) == 0 ? request : key,
				plain->data + b.begin, b.end - b.begin);
	pem_clear(&b);
	if (more == 0 && (key->len == 0 || request->len == 0))
		more = err_set(err, ERR_INVALID, "it does not hold a key and its request");
	return more;
}

int pending_take(const struct pending *p, const struct keyring *keys, struct buf *key,
		 struct buf *request, struct err *err)
{
	struct buf text = BUF_INIT, plain = BUF_INIT;
	int r = -1;

	buf_reset(key);
	buf_reset(request);
	if (file_read(p->path, PENDING_MAX, FILE_NOFOLLOW, &text, NULL, err) == 0 &&
	    decrypt(keys, &text, &plain, err) == 0)
		r = split(&plain, key, request, err);
	buf_clear(&text);
	buf_clear(&plain);
	return r == 0 ? 0 : err_wrap(err, "%s", p->path);
}

int pending_remove(const struct pending *p, struct err *err)
{
	if (unlink(p->path) == 0 || errno == ENOENT)
		return 0;
	return err_sys(err, "%s: cannot be removed", p->path);
}
