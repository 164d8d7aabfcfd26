/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_whom.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

/* Those of a that b does not name or, if rekeyed, names with another key; NULL when none. */
static char *difference(const struct kv *a, const struct kv *b, bool rekeyed, const char *between)
{
	struct buf names = BUF_INIT;
	char *text = NULL;

	for (size_t i = 0; i < a->n; i++) {
		const char *other = kv_get_str(b, a->items[i].name);

		if (rekeyed == (other != NULL) &&
		    (other == NULL || strcmp(other, (const char *)a->items[i].data) != 0))
			buf_printf(&names, "%s%s", names.len == 0 ? "" : between, a->items[i].name);
	}
	if (names.len > 0)
		text = mem_str(buf_str(&names));
	buf_clear(&names);
	return text;
}

#define EXPOSED 2 /* the row below of those who should not */

/* Of a part in the history, those who could open it and should not. */
static void tell_exposed(const struct check_whom *w, struct finding at,
			 const struct document_part *part, const struct kv *wanted)
{
	static const char *const texts[] = {
		"could open it, but the rules of then did not say so; change the credential",
		"(another key of that name than the rules of then had) could open it; change the "
		"credential",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *names = difference(&part->recipients, wanted, i == 1, ", ");

		if (names != NULL)
			findings_add(w->findings, &at, "spec.parts.%s.recipients: %s %s",
				     part->name, names, texts[i]);
		mem_free(names);
	}
}

#define SHA256_TEXT (2 * crypto_hash_sha256_BYTES + 1)

static void sha256_hex(const void *data, size_t len, char hex[static SHA256_TEXT])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, data, len);
	sodium_bin2hex(hex, SHA256_TEXT, hash, sizeof(hash));
}

void check_whom_past(const struct check_whom *w, struct finding at, const struct document *d)
{
	struct recipients to = RECIPIENTS_INIT;
	struct kv wanted = KV_INIT;
	struct err why = ERR_INIT;
	bool told = false;
	int r = -1;

	at.rule = RULE_RECIPIENTS;
	if (w->config != NULL) {
		r = config_select(w->config, at.below, d->namespace, d->kind->name, &to, &why);
		recipients_ids(&to, &wanted);
	}
	for (size_t i = 0; i < d->n; i++) {
		char hex[SHA256_TEXT];

		sha256_hex(d->parts[i].age.data, d->parts[i].age.len, hex);
		snprintf(at.print, sizeof(at.print), "%.8s", hex);
		if (!idset_add(w->judged, hex) || w->config == NULL)
			continue;
		at.line = r == 0 ? d->parts[i].line : d->line;
		if (r == 0)
			tell_exposed(w, at, &d->parts[i], &wanted);
		else if (!told)
			findings_add(w->findings, &at, "%s", why.text);
		told = true;
	}
	recipients_clear(&to);
	kv_clear(&wanted);
}

static void check_part(const struct check_whom *w, struct finding at,
		       const struct document_part *part, const struct kv *wanted)
{
	char *add = difference(wanted, &part->recipients, false, " --add ");
	char *hint =
	    mem_printf("; seal to it with 'bulla reseal --add %s'", add != NULL ? add : "");
	const struct {
		char *names;
		const char *before, *after;
	} found[] = {
		{ difference(wanted, &part->recipients, false, ", "), "the rules also name ",
		  hint },
		{ difference(wanted, &part->recipients, true, ", "), "sealed to another key of ",
		  " than the rules have now; seal it again (bulla reseal)" },
		{ difference(&part->recipients, wanted, false, ", "), "",
		  " may open it, but the rules do not say so; seal it again (bulla reseal) and "
		  "change the credential" },
	};

	at.line = part->line;
	at.rule = RULE_RECIPIENTS;
	for (size_t i = 0; i < sizeof(found) / sizeof(*found); i++) {
		if (found[i].names != NULL && (i == EXPOSED || !w->exposed))
			findings_add(w->findings, &at, "spec.parts.%s.recipients: %s%s%s",
				     part->name, found[i].before, found[i].names, found[i].after);
		mem_free(found[i].names);
	}
	mem_free(hint);
	mem_free(add);
}

void check_whom(const struct check_whom *w, struct finding at, const struct document *d)
{
	struct recipients to = RECIPIENTS_INIT;
	struct kv wanted = KV_INIT;
	struct err why = ERR_INIT;

	if (w->config == NULL || at.below == NULL)
		return;
	if (config_select(w->config, at.below, d->namespace, d->kind->name, &to, &why) == 0) {
		recipients_ids(&to, &wanted);
		for (size_t i = 0; i < d->n; i++)
			check_part(w, at, &d->parts[i], &wanted);
	} else if (!w->exposed) {
		at.rule = RULE_RECIPIENTS;
		findings_add(w->findings, &at, "%s", why.text);
	}
	recipients_clear(&to);
	kv_clear(&wanted);
}
