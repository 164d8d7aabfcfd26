/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/known_file.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "kinds/github_hosts.h"
#include "kinds/hostpat.h"

struct merge {
	const struct known_question *q;
	struct buf host; /* as known_hosts spells it */
	struct known_hosts old, now;
	struct known_file *out;
};

const char *known_state_name(enum known_state state)
{
	static const char *const names[] = {
		[KNOWN_KEPT] = "kept",
		[KNOWN_NEW] = "new",
		[KNOWN_GONE] = "gone",
	};

	return names[state];
}

/* Does the line say which keys this host has, and nothing of another one? */
static bool is_own(const struct merge *m, const struct known_hosts_line *l)
{
	return l->marker == MARKER_NONE && l->hosts_len == m->host.len &&
	       memcmp(l->hosts, m->host.data, m->host.len) == 0;
}

static bool has(const struct merge *m, const struct known_hosts *kh, const struct buf *blob)
{
	for (size_t i = 0; i < kh->n; i++)
		if (is_own(m, &kh->lines[i]) && kh->lines[i].blob.len == blob->len &&
		    memcmp(kh->lines[i].blob.data, blob->data, blob->len) == 0)
			return true;
	return false;
}

static int check_others(const struct merge *m, struct err *err)
{
	for (size_t i = 0; i < m->old.n; i++) {
		const struct known_hosts_line *l = &m->old.lines[i];

		if (l->marker != MARKER_REVOKED && !is_own(m, l) &&
		    hostpat_match(l->hosts, l->hosts_len, m->q->url))
			return err_set(err, ERR_INVALID,
				       "%s: line %u: means %s by a list, a pattern, a hashed name "
				       "or an authority; write it as a line of its own, or remove "
				       "it",
				       m->q->file, l->line, buf_str(&m->host));
	}
	return 0;
}

/* A key that was given up stays so (fluxcd/pkg ssh/knownhosts, sshd(8)), for whatever host. */
static int check_revoked(const struct merge *m, struct err *err)
{
	for (size_t i = 0; i < m->old.n; i++)
		for (size_t k = 0; k < m->now.n; k++) {
			const struct buf *old = &m->old.lines[i].blob, *now = &m->now.lines[k].blob;

			if (m->old.lines[i].marker == MARKER_REVOKED && old->len == now->len &&
			    memcmp(old->data, now->data, now->len) == 0)
				return err_set(err, ERR_INVALID,
					       "%s: line %u: revokes a key that %s is said to have "
					       "now; find out which of both is right",
					       m->q->file, m->old.lines[i].line, buf_str(&m->host));
		}
	return 0;
}

/* --- the keys --------------------------------------------------------------------------------- */

static void add_key(struct known_file *out, const struct known_hosts_line *l,
		    enum known_state state)
{
	struct known_key *key;

	out->keys = mem_grow(out->keys, out->n + 1, sizeof(*out->keys));
	key = &out->keys[out->n++];
	key->type = l->pub.name;
	key->state = state;
	b64_fingerprint(l->blob.data, l->blob.len, key->fingerprint);
	out->changed = out->changed || state != KNOWN_KEPT;
}

static void list_keys(struct merge *m)
{
	for (size_t i = 0; i < m->now.n; i++)
		add_key(m->out, &m->now.lines[i],
			has(m, &m->old, &m->now.lines[i].blob) ? KNOWN_KEPT : KNOWN_NEW);
	for (size_t i = 0; i < m->old.n; i++)
		if (is_own(m, &m->old.lines[i]) && !has(m, &m->now, &m->old.lines[i].blob))
			add_key(m->out, &m->old.lines[i], KNOWN_GONE);
}

/* --- the file --------------------------------------------------------------------------------- */

static const struct known_hosts_line *line_at(const struct merge *m, unsigned number)
{
	for (size_t i = 0; i < m->old.n; i++)
		if (m->old.lines[i].line == number)
			return &m->old.lines[i];
	return NULL;
}

static void put_now(const struct merge *m, bool *done)
{
	if (!*done)
		buf_put(&m->out->text, m->q->now->data, m->q->now->len);
	*done = true;
}

static void make_text(struct merge *m)
{
	const char *text = buf_str(m->q->old), *end = text + m->q->old->len;
	struct buf *out = &m->out->text;
	bool done = false;

	for (unsigned number = 1; text < end; number++) {
		const struct known_hosts_line *l = line_at(m, number);
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = newline != NULL ? (size_t)(newline - text) + 1 : (size_t)(end - text);

		if (l != NULL && is_own(m, l))
			put_now(m, &done);
		else
			buf_put(out, text, n);
		text += n;
	}
	if (!done && out->len > 0 && out->data[out->len - 1] != '\n')
		buf_putc(out, '\n');
	put_now(m, &done);
}

int known_file_make(const struct known_question *q, struct known_file *out, struct err *err)
{
	struct merge m = { .q = q,
			   .host = BUF_INIT,
			   .old = KNOWN_HOSTS_INIT,
			   .now = KNOWN_HOSTS_INIT,
			   .out = out };
	int r = -1;

	url_format_host(q->url, &m.host);
	if (known_hosts_parse("what was answered", buf_str(q->now), q->now->len, &m.now, err) !=
		0 ||
	    (q->old->len > 0 &&
	     known_hosts_parse(q->file, buf_str(q->old), q->old->len, &m.old, err) != 0) ||
	    check_others(&m, err) != 0 || check_revoked(&m, err) != 0)
		goto out;
	list_keys(&m);
	if (out->changed)
		make_text(&m);
	else
		buf_put(&out->text, q->old->data, q->old->len);
	r = 0;
out:
	known_hosts_clear(&m.old);
	known_hosts_clear(&m.now);
	buf_clear(&m.host);
	return r;
}

int known_file_built_in(const struct url *url, const struct buf *now, struct known_file *out,
			struct err *err)
{
	struct buf old = BUF_INIT;
	const struct known_question q = { "built in", &old, url, now };
	int r;

	github_hosts_format(url, &old);
	r = known_file_make(&q, out, err);
	buf_clear(&old);
	return r;
}

void known_file_clear(struct known_file *f)
{
	mem_free(f->keys);
	buf_clear(&f->text);
	*f = (struct known_file)KNOWN_FILE_INIT;
}

json_t *known_file_json(const struct known_file *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "type", f->keys[i].type,
						      "fingerprint", f->keys[i].fingerprint,
						      "state", known_state_name(f->keys[i].state)));
	return list;
}
