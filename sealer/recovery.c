/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/recovery.h"

#include <assert.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "keys/recipients.h"
#include "sealer/home.h"
#include "sealer/input.h"
#include "sealer/repo.h"

#define PASSPHRASE_MAX 1024

/* Lower case, without the letters that are mistaken for digits or each other (i l o u). */
static void make_passphrase(struct buf *out)
{
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	struct buf random = BUF_INIT;
	size_t n = (size_t)RECOVERY_GROUPS * 5;

	static_assert(sizeof(alphabet) == 33, "a passphrase character is five bits");
	randombytes_buf(buf_reserve(&random, n), n);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && i % 5 == 0)
			buf_putc(out, '-');
		buf_putc(out, (unsigned char)alphabet[random.data[i] & 31]);
	}
	buf_clear(&random);
}

static int make(int64_t now, struct recovery *out, struct err *err)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT, file = BUF_INIT;
	int r = -1;

	out->key = *age_identity_recipient(id);
	keyring_file_format(id, now, &text);
	make_passphrase(&out->passphrase);
	if (age_encrypt_passphrase((const char *)out->passphrase.data, out->passphrase.len,
				   AGE_SCRYPT_LOG_N, text.data, text.len, &file, err) == 0 &&
	    age_armor(file.data, file.len, &out->file, err) == 0)
		r = 0;
	buf_clear(&text);
	buf_clear(&file);
	age_identity_free(id);
	return r;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The one key of an existing file, of recipients or of identities. */
static int take_existing(const char *path, struct recovery *out, struct err *err)
{
	struct recipients recipients = RECIPIENTS_INIT;
	struct keyring kr = KEYRING_INIT;
	struct buf text = BUF_INIT;
	int r = file_read(path, KEYRING_FILE_MAX, 0, &text, NULL, err);

	if (r != 0)
		return -1;
	if (recipients_add_lines(&recipients, path, text.data, text.len, NULL) != 0 ||
	    recipients.n == 0) {
		recipients_clear(&recipients);
		r = keyring_add_bytes(&kr, path, text.data, text.len, input_passphrase, NULL, err);
	}
	if (r == 0 && kr.n + recipients.n != 1)
		r = err_set(err, ERR_RECIPIENT, "--recovery: %s holds not exactly one key", path);
	else if (r == 0)
		out->key = kr.n == 1 ? *age_identity_recipient(kr.ids[0]) : recipients.items[0].key;
	keyring_clear(&kr);
	recipients_clear(&recipients);
	buf_clear(&text);
	return r;
}

static int take_default(int64_t now, struct recovery *out, struct err *err)
{
	out->path = home_path(HOME_RECOVERY, err);
	if (out->path == NULL || repo_refuse_path(out->path, "the recovery key", err) != 0)
		return -1;
	if (is_there(out->path))
		return err_set(
		    err, ERR_CONFLICT,
		    "%s is there already: use it with --recovery %s, or name another file "
		    "or age1... with --recovery",
		    out->path, out->path);
	return make(now, out, err);
}

static int take(const char *given, int64_t now, struct recovery *out, struct err *err)
{
	if (given == NULL)
		return take_default(now, out, err);
	if (strncmp(given, "age1", 4) == 0)
		return age_recipient_parse(given, &out->key, err) == 0
			   ? 0
			   : err_wrap(err, "--recovery");
	if (is_there(given))
		return take_existing(given, out, err);
	if (repo_refuse_path(given, "--recovery", err) != 0)
		return -1;
	out->path = mem_str(given);
	return make(now, out, err);
}

bool recovery_is_new(const char *given)
{
	return given == NULL || (strncmp(given, "age1", 4) != 0 && !is_there(given));
}

int recovery_take(const char *given, int64_t now, struct recovery *out, struct err *err)
{
	*out = (struct recovery){ .path = NULL };
	if (take(given, now, out, err) == 0)
		return 0;
	recovery_clear(out);
	return -1;
}

static int write_and_show(const struct recovery *r, struct err *err)
{
	struct file_write w = { .path = r->path, .mode = 0600, .exclusive = true };
	struct buf text = BUF_INIT;
	int shown;

	if (file_write(&w, r->file.data, r->file.len, err) != 0)
		return -1;
	buf_printf(&text,
		   "The recovery key is in %s.  Keep it and its passphrase offline, apart "
		   "from each other;\nwithout them a lost cluster's key cannot be brought "
		   "back.  The passphrase, shown this once:\n\n    ",
		   r->path);
	buf_put(&text, r->passphrase.data, r->passphrase.len);
	buf_puts(&text, "\n\n");
	shown = input_show(&text, err);
	buf_clear(&text);
	if (shown == 0)
		return 0;
	unlink(r->path); /* nobody could ever open it */
	return err_wrap(err, "the passphrase of the recovery key cannot be shown");
}

int recovery_write(const struct recovery *r, struct err *err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t set, before;
	int result;

	if (r->path == NULL)
		return 0;
	if (file_mkdirs_above(r->path, 0700, err) != 0)
		return -1;
	/* between the two there is a key that nobody has the passphrase of */
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&set, ending[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	result = write_and_show(r, err);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return result;
}

void recovery_clear(struct recovery *r)
{
	mem_free(r->path);
	buf_clear(&r->file);
	buf_clear(&r->passphrase);
	r->path = NULL;
}

/* A keyring_ask over a file, of which the last newline is no part of the passphrase. */
static int from_file(void *ctx, const char *what, struct buf *out, struct err *err)
{
	int r = input_read(ctx, what, PASSPHRASE_MAX, out, err);

	if (r == 0 && out->len > 0 && out->data[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
	return r;
}

int recovery_load(const char *given, const char *passphrase_file, struct keyring *out,
		  struct err *err)
{
	char *path = given != NULL ? mem_str(given) : home_path(HOME_RECOVERY, err);
	char *ctx = mem_str(passphrase_file);
	int r = -1;

	if (path != NULL && given == NULL && !is_there(path))
		err_set(err, ERR_NOKEY, "there is no recovery key %s; give one with -i FILE", path);
	else if (path != NULL)
		r = keyring_add_file(out, path, ctx != NULL ? from_file : input_passphrase, ctx,
				     err);
	mem_free(path);
	mem_free(ctx);
	return r;
}
