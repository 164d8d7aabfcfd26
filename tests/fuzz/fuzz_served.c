/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as the certificate that a server shows, and as the address where it is asked for. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "github/served.h"
#include "github/served_cert.h"
#include "github/served_trust.h"

static void check_address(const char *text)
{
	struct err err = ERR_INIT;
	char *host, *port;

	if (served_address(text, &host, &port, &err) != 0) {
		must(err.class == ERR_INVALID && host == NULL && port == NULL);
		return;
	}
	must(host[0] != '\0' && host[0] != '-' && strpbrk(host, " /?#@\\[]") == NULL);
	must(strtoul(port, NULL, 10) >= 1 && strtoul(port, NULL, 10) <= 65535);
	mem_free(host);
	mem_free(port);
}

static void check_chain(const char *text, size_t size)
{
	const struct served_question q = { .leaf = text, .len = size };
	const struct buf none = BUF_INIT;
	struct served s = SERVED_INIT;
	struct err err = ERR_INIT;

	if (served_cert_add(&s, text, &err) != 0) {
		must(err.class == ERR_INVALID && s.n == 0 && s.chain == NULL);
		return;
	}
	must(s.n == 1 && strlen(s.chain[0].fingerprint) == strlen("SHA256") + 32 * 3);
	/* itself is the same, with the same key where it has one that can be read */
	must(served_cert_compare(&s, text, &q, "www.example.com", &err) == 0);
	must(s.likeness == SERVED_SAME);
	must(served_trust(&s, &text, &none, &err) == -1 && !s.trusted);
	served_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size);

	check_address(text);
	check_chain(text, strlen(text));
	mem_free(text);
	return 0;
}
