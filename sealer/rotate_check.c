/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/rotate_check.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* Ends the list of names that had no room: ",+7 more" (kinds/x509_facts.h). */
#define MORE '+'

static bool matches(const char *pattern, size_t n, const char *name)
{
	const char *dot = strchr(name, '.');

	if (strlen(name) == n && strncasecmp(pattern, name, n) == 0)
		return true;
	return n > 2 && pattern[0] == '*' && pattern[1] == '.' && dot != NULL && dot != name &&
	       strlen(dot) == n - 1 && strncasecmp(pattern + 1, dot, n - 1) == 0;
}

bool rotate_covers(const char *names, const char *name)
{
	while (*names != '\0') {
		size_t n = strcspn(names, ",");

		if (matches(names, n, name))
			return true;
		names += n + (names[n] == ',');
	}
	return false;
}

/* The old names that the new ones do not serve, with commas between; *more: some were not listed.
 */
static void find_missing(const char *old, const char *new, struct buf *missing, bool *more)
{
	while (*old != '\0') {
		size_t n = strcspn(old, ",");
		char *name = mem_strn(old, n);

		if (*name == MORE)
			*more = true;
		else if (!rotate_covers(new, name))
			buf_printf(missing, "%s%s", missing->len > 0 ? ", " : "", name);
		mem_free(name);
		old += n + (old[n] == ',');
	}
}

static int check_names(const struct rotate_pair *p, const struct rotate_allowed *allowed,
		       struct notes *notes, struct err *err)
{
	const char *old = kv_get_str(p->old_facts, "dns-names");
	const char *new = kv_get_str(&p->new->facts, "dns-names");
	struct buf missing = BUF_INIT;
	bool more = false;
	int r = 0;

	if (old != NULL)
		find_missing(old, new != NULL ? new : "", &missing, &more);
	if (new != NULL && strchr(new, MORE) != NULL &&missing.len > 0) {
		note_add(notes,
			 "the certificate has more names than its facts list; not compared: %.400s",
			 buf_str(&missing));
		buf_reset(&missing);
	}
	if (more)
		note_add(notes,
			 "the old certificate had more names than its facts list; those were "
			 "not compared");
	if (missing.len > 0 && !allowed->names)
		r = err_set(err, ERR_INVALID,
			    "the new certificate is not for names that the old one is for: %.400s; "
			    "--allow names seals it all the same",
			    buf_str(&missing));
	else if (missing.len > 0)
		note_add(notes, "no longer served: %.400s", buf_str(&missing));
	buf_clear(&missing);
	return r;
}

static bool is_certificate(const struct rotate_pair *p)
{
	return kv_has(&p->new->data, "tls.crt");
}

static int check_end(const struct rotate_pair *p, const struct rotate_allowed *allowed,
		     struct notes *notes, struct err *err)
{
	const char *old = kv_get_str(p->old_facts, "not-after");
	const char *new = kv_get_str(&p->new->facts, "not-after");

	if (old == NULL)
		return 0;
	if (new == NULL) {
		note_add(notes, "the old value's expiry is not the new one's; give --expires");
		return 0;
	}
	if (strcmp(new, old) >= 0) /* one spelling of a time, so its text is in order */
		return 0;
	if (is_certificate(p) && !allowed->sooner)
		return err_set(err, ERR_INVALID,
			       "the new certificate ends at %s, before the old one (%s); --allow "
			       "sooner seals it all the same",
			       new, old);
	note_add(notes, "the new value ends at %s, before the old one (%s)", new, old);
	return 0;
}

/* With the old value opened by its bytes, else by what facts tell of a public half. */
static bool is_same(const struct rotate_pair *p)
{
	const struct kv_item *old = kv_get(p->old_facts, "fingerprint");
	const struct kv_item *new = kv_get(&p->new->facts, "fingerprint");

	if (p->old != NULL)
		return kv_equal(&p->old->data, &p->new->data);
	return is_certificate(p) && old != NULL && new != NULL &&
	       old->len == new->len &&memcmp(old->data, new->data, old->len) == 0;
}

static int check_same(const struct rotate_pair *p, const struct rotate_allowed *allowed,
		      struct notes *notes, struct err *err)
{
	const struct kv_item *old = p->old != NULL ? kv_get(&p->old->data, "tls.key") : NULL;
	const struct kv_item *new = kv_get(&p->new->data, "tls.key");

	if (is_same(p) && !allowed->same)
		return err_set(err, ERR_INVALID,
			       "the new value is the old one, so nothing would be rotated; --allow "
			       "same seals it all the same");
	if (old != NULL && new != NULL &&
	    old->len == new->len &&memcmp(old->data, new->data, old->len) == 0)
		note_add(notes, "the private key is the old one: whoever has it can use the new "
				"certificate too");
	return 0;
}

/* What a program that failed has printed into the pipe is no new secret. */
static int check_empty(const struct rotate_pair *p, struct err *err)
{
	for (size_t i = 0; i < p->new->data.n; i++)
		if (p->new->data.items[i].len == 0)
			return err_set(
			    err, ERR_INVALID,
			    "the new value is empty; 'bulla set' seals one that is meant "
			    "to be");
	return 0;
}

int rotate_check(const struct rotate_pair *p, const struct rotate_allowed *allowed,
		 struct notes *notes, struct err *err)
{
	if (check_empty(p, err) != 0 || check_same(p, allowed, notes, err) != 0)
		return -1;
	if (is_certificate(p) && check_names(p, allowed, notes, err) != 0)
		return -1;
	return check_end(p, allowed, notes, err);
}
