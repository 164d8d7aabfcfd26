/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/quarantine.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static bool has_suspects(const struct quarantine *q)
{
	return q->suspects[0].digest[0] != '\0'; /* the first place is taken first */
}

bool quarantine_has(const struct quarantine *q, const struct document *d)
{
	char digest[DOCUMENT_DIGEST_TEXT];

	if (q->n == 0)
		return false;
	document_digest(d, digest);
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->digests[i], digest) == 0)
			return true;
	return false;
}

void quarantine_add(struct quarantine *q, const struct document *d)
{
	size_t i = q->next;

	if (q->n < QUARANTINE_MAX)
		q->digests = mem_grow(q->digests, ++q->n, sizeof(*q->digests));
	document_digest(d, q->digests[i]);
	q->next = (i + 1) % QUARANTINE_MAX;
	log_line(LOG_ERROR, "document quarantined", "namespace", d->namespace, "name", d->name,
		 "digest", q->digests[i], (char *)NULL);
}

static struct quarantine_suspect *find_suspect(struct quarantine *q, const char *digest)
{
	for (size_t i = 0; i < QUARANTINE_SUSPECTS; i++)
		if (strcmp(q->suspects[i].digest, digest) == 0)
			return &q->suspects[i];
	return NULL;
}

bool quarantine_suspect(struct quarantine *q, const struct document *d)
{
	char digest[DOCUMENT_DIGEST_TEXT];
	struct quarantine_suspect *s;

	document_digest(d, digest);
	s = find_suspect(q, digest);
	if (s == NULL) {
		s = &q->suspects[q->next_suspect];
		q->next_suspect = (q->next_suspect + 1) % QUARANTINE_SUSPECTS;
		memcpy(s->digest, digest, sizeof(digest));
		s->strikes = 0;
	}
	if (++s->strikes < QUARANTINE_STRIKES)
		return false;
	s->strikes = 0;
	quarantine_add(q, d);
	return true;
}

void quarantine_clear_of(struct quarantine *q, const struct document *d)
{
	char digest[DOCUMENT_DIGEST_TEXT];
	struct quarantine_suspect *s;

	if (!has_suspects(q))
		return;
	document_digest(d, digest);
	s = find_suspect(q, digest);
	if (s != NULL)
		s->strikes = 0;
}

void quarantine_clear(struct quarantine *q)
{
	mem_free(q->digests);
	*q = (struct quarantine){ 0 };
}
