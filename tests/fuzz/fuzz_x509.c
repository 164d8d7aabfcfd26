/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates.  A first byte of 0 puts the rest into one PEM block, 1 into two, cut where the two
 * next bytes say; any other leaves the rest as the text.
 *
 * Whatever is read, its facts are facts, and the steps agree with each other.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <openssl/err.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/name.h"
#include "kinds/x509.h"
#include "kinds/x509_ca.h"
#include "kinds/x509_facts.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */

static void put_block(const uint8_t *data, size_t size, struct buf *out)
{
	struct buf text = BUF_INIT;

	b64_encode(&text, data, size);
	buf_printf(out, "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n",
		   buf_str(&text));
	buf_clear(&text);
}

static void make_text(const uint8_t *data, size_t size, struct buf *out)
{
	size_t cut;

	if (data[0] == 0) {
		put_block(data + 1, size - 1, out);
	} else if (data[0] == 1 && size > 3) {
		cut = ((size_t)data[1] << 8 | data[2]) % (size - 3);
		put_block(data + 3, cut, out);
		put_block(data + 3 + cut, size - 3 - cut, out);
	} else {
		buf_put(out, data + 1, size - 1);
	}
}

/* Sorted, each once, and a count at the end at most. */
static void check_names(const char *text)
{
	const char *last = NULL;
	size_t last_len = 0;

	while (*text != '\0' && *text != '+') {
		size_t len = strcspn(text, ",");

		must(len > 0 && len <= 253);
		if (last != NULL) {
			int order = memcmp(last, text, last_len < len ? last_len : len);

			must(order < 0 || (order == 0 && last_len < len));
		}
		last = text;
		last_len = len;
		text += len;
		text += *text == ',';
	}
}

static void check_facts(const struct x509_list *l)
{
	struct kv facts = KV_INIT;
	bool has_names;
	struct err err = ERR_INIT;
	int64_t t;

	if (x509_facts("cert", l, &facts, &has_names, &err) == 0) {
		for (size_t i = 0; i < facts.n; i++)
			must(name_is_fact(kv_get_str(&facts, facts.items[i].name)));
		must(clock_parse(kv_get_str(&facts, "not-after"), &t));
		must(kv_get(&facts, "fingerprint")->len == 102);
		if (kv_has(&facts, "dns-names")) {
			must(has_names);
			check_names(kv_get_str(&facts, "dns-names"));
		}
	} else {
		must(err.class == ERR_INVALID);
	}
	kv_clear(&facts);
}

static void check_dates(const struct x509_list *l)
{
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	bool valid = x509_check_dates("cert", l, &(struct x509_when){ NOW, X509_DATES_REFUSE },
				      NULL, &err) == 0;

	if (x509_check_dates("cert", l, &(struct x509_when){ NOW, X509_DATES_NOTE }, &notes,
			     &err) == 0)
		must(valid || notes.n > 0);
	else
		must(!valid);
	notes_clear(&notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT, fact = BUF_INIT;
	struct x509_list l = X509_LIST_INIT;
	struct err err = ERR_INIT;
	struct pem_source src;
	struct x509_ca ca = { .what = "ca", .now = NOW, .dates = X509_DATES_NOTE };

	if (size == 0)
		return 0;
	make_text(data, size, &text);
	src = (struct pem_source){ "cert", text.data, text.len };
	ca.text = text.data;
	ca.len = text.len;
	if (x509_parse(&src, X509_CHAIN_MAX, &l, &err) == 0) {
		must(l.n >= 1 && l.n <= X509_CHAIN_MAX);
		/* a chain whose every certificate is good has no double and an order */
		if (x509_check_chain("cert", &l, &err) == 0) {
			must(x509_check_doubles("cert", &l, &err) == 0);
			for (size_t i = 0; i < l.n; i++)
				must(x509_check_one("cert", i, l.certs[i], i == 0, &err) == 0);
		}
		check_facts(&l);
		check_dates(&l);
		ca.chain = &l;
	} else {
		must(err.class == ERR_INVALID && l.n == 0);
	}
	if (x509_ca_check(&ca, &fact, NULL, &err) == 0)
		must(name_is_fact(buf_str(&fact)) && fact.len >= 102);
	must(ERR_peek_error() == 0);
	x509_clear(&l);
	buf_clear(&text);
	buf_clear(&fact);
	return 0;
}
