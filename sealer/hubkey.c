/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/hubkey.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/seal.h"
#include "github/deploy_keys.h"
#include "kinds/kinds.h"
#include "kinds/sshpub.h"
#include "sealer/input.h"
#include "sealer/pick.h"
#include "sealer/readers.h"

#define PUBLIC_MAX 16384 /* bytes of a public key file */

int hubkey_open(const struct hubkey_options *o, struct hubkey *out, struct err *err)
{
	struct err why = ERR_INIT;

	out->top = file_git_top(".");
	out->at = o->at;
	if (o->at.app != NULL && o->at.token_file != NULL)
		return register_check(&o->at, err);
	if (ring_load(&o->ring, &out->keys, &why) != 0 &&
	    (ring_given(&o->ring) || why.class != ERR_NOKEY))
		return err_set(err, why.class, "%s", why.text);
	out->at.at_hand = &out->keys;
	return 0;
}

/* --- a public key file ------------------------------------------------------------------------ */

/* One line of OpenSSH, its comment left out. */
static int read_public(const char *path, char **public, struct err *err)
{
	struct buf text = BUF_INIT, blob = BUF_INIT, line = BUF_INIT;
	struct sshpub pub;
	const char *wrong;
	int r = input_read(path, "the public key", PUBLIC_MAX, &text, err);

	if (r == 0)
		r = sshpub_parse_line("--public-key", buf_str(&text), text.len, &blob, err);
	wrong = r == 0 ? sshpub_check(blob.data, blob.len, &pub) : NULL;
	if (wrong != NULL)
		r = err_set(err, ERR_INVALID, "--public-key: %s", wrong);
	if (r == 0) {
		sshpub_format(pub.name, blob.data, blob.len, &line);
		*public = mem_str(buf_str(&line));
	}
	buf_clear(&text);
	buf_clear(&blob);
	buf_clear(&line);
	return r;
}

/* --- a document ------------------------------------------------------------------------------- */

static int take_opened(const struct kind_secret *s, struct hubkey *out, struct err *err)
{
	const char *line = kv_get_str(&s->data, "identity.pub");
	char *public = line != NULL ? mem_strn(line, strcspn(line, "\r\n")) : NULL;
	int r = 0;

	if (public == NULL)
		r = err_set(err, ERR_INVALID, "it holds no public key");
	else if (out->public != NULL && !deploy_key_same(out->public, public))
		r = err_set(err, ERR_INVALID, "--public-key: not that of the document's key");
	mem_free(out->public);
	out->public = public;
	out->url = mem_str(kv_get_str(&s->facts, "url"));
	return r;
}

/* Not opened: the key that was given must be what the document says, and it says nothing more. */
static int take_given(const struct document_part *part, struct hubkey *out, struct err *err)
{
	const char *says = kv_get_str(&part->facts, "public-key");

	if (says != NULL && !deploy_key_same(says, out->public))
		return err_set(err, ERR_INVALID, "--public-key: not that of the document's key");
	if (out->at.repository == NULL)
		return err_set(err, ERR_USAGE,
			       "no key at hand opens the document, so its URL is not proven: say "
			       "which repository with --repo OWNER/NAME");
	return 0;
}

static int read_document(const struct document *d, struct hubkey *out, struct err *err)
{
	const struct document_part *part = document_part(d, KIND_PART);
	struct kind_secret s = KIND_SECRET_INIT;
	struct err why = { .class = ERR_NOKEY };
	int r;

	if (d->kind != &kind_deploy_key || part == NULL)
		return err_set(err, ERR_USAGE, "%s/%s is of kind %s, not deploy-key", d->namespace,
			       d->name, d->kind->name);
	out->document = mem_str(d->name);
	if (readers_of(out->top, part, &out->readers, err) != 0)
		return -1;
	if (out->keys.n > 0)
		r = open_document(d, &out->keys, clock_now(), &s, NULL, NULL, &why);
	else
		r = -1;
	if (r == 0)
		r = take_opened(&s, out, err);
	else if (why.class == ERR_NOKEY && out->public != NULL)
		r = take_given(part, out, err);
	else if (why.class == ERR_NOKEY)
		err_set(err, ERR_NOKEY,
			"no key at hand opens it, and what its facts say is not proven; give a key "
			"with -i FILE or --keys DIR, or the public key with --public-key FILE");
	else
		err_set(err, why.class, "%s", why.text);
	kind_secret_clear(&s);
	return r;
}

static int load_document(const struct invocation *in, struct hubkey *out, struct err *err)
{
	const struct hubkey_options *o = in->options;
	struct edit_file file = EDIT_FILE_INIT;
	struct stat st;
	size_t index;
	int r = pick_load(in->args[0], o->which, &file, &index, &st, err);

	if (r == 0 && read_document(&file.documents[index], out, err) != 0)
		r = err_wrap(err, "%s", in->args[0]);
	edit_clear(&file);
	return r;
}

int hubkey_read(const struct invocation *in, struct hubkey *out, struct err *err)
{
	const struct hubkey_options *o = in->options;

	if (in->n == 0 && (o->public_key == NULL || o->at.repository == NULL))
		return err_set(err, ERR_USAGE,
			       "say which key: NAME|FILE, the document that holds it, or "
			       "--public-key FILE and --repo OWNER/NAME");
	if (o->public_key != NULL && read_public(o->public_key, &out->public, err) != 0)
		return -1;
	if (in->n > 0 && load_document(in, out, err) != 0)
		return -1;
	out->fingerprint = holders_fingerprint(out->public);
	return 0;
}

/* --- GitHub ----------------------------------------------------------------------------------- */

int hubkey_look(struct hubkey *out, struct err *err)
{
	const char *url = out->at.repository == NULL ? out->url : NULL;

	if (register_need(&out->at, url, err) != 0)
		return -1;
	if (register_open(&out->at, url, &out->hub, err) != 0)
		return -1;
	return register_look(&out->hub, err);
}

void hubkey_clear(struct hubkey *s)
{
	register_close(&s->hub);
	keyring_clear(&s->keys);
	kv_clear(&s->readers);
	mem_free(s->top);
	mem_free(s->public);
	mem_free(s->fingerprint);
	mem_free(s->url);
	mem_free(s->document);
}
