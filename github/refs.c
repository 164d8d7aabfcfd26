/* SPDX-License-Identifier: Apache-2.0 */
#include "github/refs.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define LENGTH 4 /* hex digits before each line */

struct text {
	const char *data;
	size_t len;
};

static int refuse(const char *reason, struct err *err)
{
	return err_set(err, ERR_INVALID, "what the server sent is not Git's protocol: %s", reason);
}

static bool starts(const struct text *t, const char *prefix)
{
	size_t n = strlen(prefix);

	return t->len >= n && memcmp(t->data, prefix, n) == 0;
}

/* Where the id ends: 40 or 64 digits and a space behind; 0 when it is none. */
static size_t id_length(const struct text *t)
{
	size_t n = 0;

	while (n < t->len && text_hex(t->data[n]) >= 0)
		n++;
	return (n == 40 || n == 64) && n < t->len && t->data[n] == ' ' ? n : 0;
}

static bool is_zero(const char *id, size_t n)
{
	while (n > 0 && id[n - 1] == '0')
		n--;
	return n == 0;
}

/* Names come from a stranger and are shown: nothing that git-check-ref-format refuses. */
static bool is_name(const struct text *t)
{
	for (size_t i = 0; i < t->len; i++)
		if ((unsigned char)t->data[i] <= ' ' || t->data[i] == 0x7f)
			return false;
	return t->len > 0;
}

static void keep(char *to, size_t size, const struct text *t)
{
	size_t n = t->len < size ? t->len : size - 1;

	memcpy(to, t->data, n);
	to[n] = '\0';
}

/* "symref=HEAD:refs/heads/main" among words with spaces between. */
static void take_capabilities(struct github_refs *r, struct text caps)
{
	static const char symref[] = "symref=HEAD:";

	while (caps.len > 0) {
		const char *space = memchr(caps.data, ' ', caps.len);
		struct text word = { caps.data,
				     space == NULL ? caps.len : (size_t)(space - caps.data) };

		caps.data += word.len + (space != NULL);
		caps.len -= word.len + (space != NULL);
		if (!starts(&word, symref))
			continue;
		word.data += sizeof(symref) - 1;
		word.len -= sizeof(symref) - 1;
		if (is_name(&word) && word.len < sizeof(r->head_ref))
			keep(r->head_ref, sizeof(r->head_ref), &word);
	}
}

static int take_ref(struct github_refs *r, struct text line, struct err *err)
{
	const char *nul = memchr(line.data, '\0', line.len);
	size_t whole = line.len, id;
	struct text name;

	if (nul != NULL)
		line.len = (size_t)(nul - line.data);
	id = id_length(&line);
	if (id == 0)
		return refuse("a line holds no object id", err);
	name = (struct text){ line.data + id + 1, line.len - id - 1 };
	if (!is_name(&name))
		return refuse("a reference has no name, or a control character in it", err);
	if (nul != NULL && r->begun)
		return refuse("capabilities stand behind another line than the first", err);
	if (nul != NULL)
		take_capabilities(r, (struct text){ nul + 1, whole - line.len - 1 });
	r->begun = true;
	/* how a repository without references tells its capabilities */
	if (is_zero(line.data, id))
		return 0;
	if (name.len == 4 && memcmp(name.data, "HEAD", 4) == 0)
		keep(r->head, sizeof(r->head), &(struct text){ line.data, id });
	else if (name.len < 3 || memcmp(name.data + name.len - 3, "^{}", 3) != 0)
		r->refs++;
	return 0;
}

static int take_line(struct github_refs *r, struct err *err)
{
	struct text line = { buf_str(&r->line) + LENGTH, r->line.len - LENGTH };

	if (line.len > 0 && line.data[line.len - 1] == '\n')
		line.len--;
	if (starts(&line, "ERR ")) {
		keep(r->refusal, sizeof(r->refusal),
		     &(struct text){ line.data + LENGTH, line.len - LENGTH });
		return r->refusal[0] != '\0' ? 0 : refuse("an ERR line says nothing", err);
	}
	if (!r->begun && starts(&line, "version 1") && line.len == 9)
		return 0;
	if (r->begun && starts(&line, "shallow "))
		return 0;
	return take_ref(r, line, err);
}

/* The length that a line begins with; -1 when it is none. */
static long line_length(const struct github_refs *r)
{
	long n = 0;

	for (size_t i = 0; i < LENGTH; i++) {
		int digit = text_hex((char)r->line.data[i]);

		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n;
}

/* Move bytes into the line until it has that many; how many were moved. */
static size_t fill(struct github_refs *r, const char *data, size_t len, size_t want)
{
	size_t n = want - r->line.len;

	n = n < len ? n : len;
	buf_put(&r->line, data, n);
	return n;
}

static int take_length(struct github_refs *r, long *length, struct err *err)
{
	*length = line_length(r);
	if (*length < 0)
		return refuse("the length of a line is not four hex digits", err);
	if (*length > GITHUB_REFS_LINE_MAX || (*length > 0 && *length <= LENGTH))
		return refuse("the length of a line is one that no line has", err);
	if (*length == 0)
		r->done = true;
	return 0;
}

bool github_refs_over(const struct github_refs *r)
{
	return r->done || r->more || r->refusal[0] != '\0';
}

int github_refs_feed(struct github_refs *r, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len > 0 && !github_refs_over(r)) {
		long length = LENGTH;
		size_t n;

		if (r->line.len >= LENGTH && take_length(r, &length, err) != 0)
			return -1;
		n = fill(r, p, len, (size_t)length);
		p += n;
		len -= n;
		r->read += n;
		if (r->line.len == LENGTH && take_length(r, &length, err) != 0)
			return -1;
		if (r->line.len > LENGTH && r->line.len == (size_t)length) {
			if (take_line(r, err) != 0)
				return -1;
			buf_reset(&r->line);
		}
		r->more = r->read >= GITHUB_REFS_BYTES_MAX && !r->done;
	}
	return 0;
}

void github_refs_clear(struct github_refs *r)
{
	buf_clear(&r->line);
	*r = (struct github_refs)GITHUB_REFS_INIT;
}
