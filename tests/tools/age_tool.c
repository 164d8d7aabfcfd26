/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys/ on the command line, for tests that drive it beside other age implementations.  Data comes
 * on standard input and goes to standard output; keys and passphrases come from files.
 *
 * usage: age_tool encrypt RECIPIENTS [armor]	   age_tool decrypt IDENTITIES [PASSPHRASE]
 *	  age_tool encrypt-passphrase PASSPHRASE [armor]
 *	  age_tool decrypt-passphrase PASSPHRASE   age_tool inspect
 *	  age_tool keygen			   age_tool ids IDENTITIES|DIRECTORY [PASSPHRASE]
 * Exit status: the class of the error, whose text is on standard error.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "keys/age.h"
#include "keys/keyring.h"
#include "keys/recipients.h"

struct job {
	int argc;
	char **argv; /* from the command's name on */
	struct buf in, out;
};

static const char *argument(const struct job *job, int i)
{
	return i < job->argc ? job->argv[i] : NULL;
}

static int read_line(const char *path, struct buf *out, struct err *err)
{
	if (file_read(path, KEYRING_FILE_MAX, 0, out, NULL, err) != 0)
		return -1;
	if (out->len != 0 && out->data[out->len - 1] == '\n')
		buf_truncate(out, out->len - 1);
	return 0;
}

/* A keyring_ask: ctx is the path of the passphrase, or NULL. */
static int ask(void *ctx, const char *what, struct buf *out, struct err *err)
{
	if (ctx == NULL)
		return err_set(err, ERR_IO, "%s: no passphrase given", what);
	return read_line(ctx, out, err);
}

static int load_keys(const struct job *job, struct keyring *kr, struct err *err)
{
	struct notes notes = NOTES_INIT;
	struct stat st;
	int r;

	if (argument(job, 1) == NULL)
		return err_set(err, ERR_USAGE, "no identities given");
	if (stat(job->argv[1], &st) != 0 || !S_ISDIR(st.st_mode))
		return keyring_add_file(kr, job->argv[1], ask,
					argument(job, 2) ? job->argv[2] : NULL, err);
	r = keyring_add_dir(kr, job->argv[1], &notes, err);
	for (size_t i = 0; i < notes.n; i++)
		fprintf(stderr, "note: %s\n", notes.text[i]);
	notes_clear(&notes);
	return r;
}

/* The outcome of an encryption, armored when the second argument says so. */
static int finish(struct job *job, struct buf *file, struct err *err)
{
	if (argument(job, 2) != NULL && strcmp(job->argv[2], "armor") == 0)
		return age_armor(file->data, file->len, &job->out, err);
	buf_move(&job->out, file);
	return 0;
}

/* Binary, whether it came armored or not. */
static int binary(struct job *job, struct err *err)
{
	struct buf file = BUF_INIT;
	int r = 0;

	if (age_is_armored(job->in.data, job->in.len)) {
		r = age_dearmor(job->in.data, job->in.len, &file, err);
		if (r == 0)
			buf_move(&job->in, &file);
	}
	buf_clear(&file);
	return r;
}

static int encrypt(struct job *job, struct err *err)
{
	struct recipients to = RECIPIENTS_INIT;
	struct age_recipient *keys = NULL;
	struct buf text = BUF_INIT, file = BUF_INIT;
	int r = -1;

	if (argument(job, 1) == NULL ||
	    file_read(job->argv[1], KEYRING_FILE_MAX, 0, &text, NULL, err) != 0 ||
	    recipients_add_lines(&to, job->argv[1], buf_str(&text), text.len, err) != 0)
		goto out;
	keys = recipients_keys(&to);
	if (age_encrypt(keys, to.n, job->in.data, job->in.len, &file, err) == 0)
		r = finish(job, &file, err);
out:
	mem_free(keys);
	buf_clear(&text);
	buf_clear(&file);
	recipients_clear(&to);
	return r;
}

static int decrypt(struct job *job, struct err *err)
{
	struct keyring kr = KEYRING_INIT;
	int r = -1;

	if (load_keys(job, &kr, err) == 0 && binary(job, err) == 0)
		r = age_decrypt((const struct age_identity *const *)kr.ids, kr.n, 0, job->in.data,
				job->in.len, &job->out, NULL, err);
	keyring_clear(&kr);
	return r;
}

static int encrypt_passphrase(struct job *job, struct err *err)
{
	struct buf passphrase = BUF_INIT, file = BUF_INIT;
	int r = -1;

	if (argument(job, 1) != NULL && read_line(job->argv[1], &passphrase, err) == 0 &&
	    age_encrypt_passphrase(buf_str(&passphrase), passphrase.len, AGE_SCRYPT_LOG_N,
				   job->in.data, job->in.len, &file, err) == 0)
		r = finish(job, &file, err);
	buf_clear(&passphrase);
	buf_clear(&file);
	return r;
}

static int decrypt_passphrase(struct job *job, struct err *err)
{
	struct buf passphrase = BUF_INIT;
	int r = -1;

	if (argument(job, 1) != NULL && read_line(job->argv[1], &passphrase, err) == 0 &&
	    binary(job, err) == 0)
		r = age_decrypt_passphrase(buf_str(&passphrase), passphrase.len, job->in.data,
					   job->in.len, &job->out, err);
	buf_clear(&passphrase);
	return r;
}

static int inspect(struct job *job, struct err *err)
{
	struct age_info info;

	if (binary(job, err) != 0 || age_inspect(job->in.data, job->in.len, &info, err) != 0)
		return -1;
	return buf_printf(&job->out,
			  "{\"x25519\":%zu,\"scrypt\":%zu,\"hybrid\":%zu,\"other\":%zu,"
			  "\"stanzas\":%zu,\"plain_len\":%zu}\n",
			  info.x25519, info.scrypt, info.hybrid, info.other, info.stanzas,
			  info.plain_len);
}

static int keygen(struct job *job, struct err *err)
{
	struct age_identity *id = age_identity_generate();

	(void)err;
	keyring_file_format(id, clock_now(), &job->out);
	age_identity_free(id);
	return 0;
}

/* One line a key: its id, recipient, and where it came from. */
static int ids(struct job *job, struct err *err)
{
	struct keyring kr = KEYRING_INIT;
	int r = load_keys(job, &kr, err);

	for (size_t i = 0; r == 0 && i < kr.n; i++) {
		char text[AGE_RECIPIENT_TEXT];

		age_recipient_format(age_identity_recipient(kr.ids[i]), text);
		buf_printf(&job->out, "%s %s %s\n", age_identity_id(kr.ids[i]), text, kr.names[i]);
	}
	keyring_clear(&kr);
	return r;
}

static const struct command {
	const char *name;
	bool reads; /* standard input */
	int (*run)(struct job *job, struct err *err);
} commands[] = {
	{ "encrypt", true, encrypt },
	{ "decrypt", true, decrypt },
	{ "encrypt-passphrase", true, encrypt_passphrase },
	{ "decrypt-passphrase", true, decrypt_passphrase },
	{ "inspect", true, inspect },
	{ "keygen", false, keygen },
	{ "ids", false, ids },
};

static int run(const struct command *command, struct job *job, struct err *err)
{
	if (command->reads && file_read_fd(STDIN_FILENO, "input", BUF_MAX - 1, &job->in, err) != 0)
		return -1;
	if (command->run(job, err) != 0)
		return -1;
	return file_write_fd(STDOUT_FILENO, job->out.data, job->out.len, err);
}

int main(int argc, char **argv)
{
	struct job job = { argc - 1, argv + 1, BUF_INIT, BUF_INIT };
	struct err err = { ERR_USAGE, "see the head of tests/tools/age_tool.c" };
	int r = -1;

	mem_init();
	for (size_t i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			r = run(&commands[i], &job, &err);
	buf_clear(&job.in);
	buf_clear(&job.out);
	if (r == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return (int)err.class;
}
