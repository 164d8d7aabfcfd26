/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as known_hosts, for hosts that its first byte chooses.  What is taken is taken again
 * when written anew, its fact fits, and each pattern matches as the library's own slow matcher
 * says.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/name.h"
#include "kinds/github_hosts.h"
#include "kinds/hostpat.h"
#include "kinds/known_hosts.h"

static const char *const urls[] = {
	"ssh://git@git.example.org/r",
	"ssh://git@git.example.org:2222/r",
	"ssh://git@github.com/a/b",
	"ssh://git@[::1]/r",
};

/* wildcardMatch of golang.org/x/crypto/ssh/knownhosts, for few stars: it backtracks. */
static bool slow_match(const char *p, size_t n, const char *s)
{
	if (n == 0)
		return *s == '\0';
	if (*s == '\0')
		return false;
	if (*p == '*') {
		if (n == 1)
			return true;
		for (; *s != '\0'; s++)
			if (slow_match(p + 1, n - 1, s))
				return true;
		return false;
	}
	return (*p == '?' || *p == *s) && slow_match(p + 1, n - 1, s + 1);
}

static void check_pattern(const struct known_hosts_line *l, const struct url *u)
{
	size_t stars = 0;

	for (size_t i = 0; i < l->hosts_len; i++) {
		stars += l->hosts[i] == '*';
		if (strchr("|,![:", l->hosts[i]) != NULL)
			return;
	}
	if (stars <= 3 && u->port == 22)
		must(hostpat_match(l->hosts, l->hosts_len, u) ==
		     slow_match(l->hosts, l->hosts_len, u->host));
}

static void write_again(const struct known_hosts *kh, struct buf *out)
{
	static const char *const markers[] = { "", "@cert-authority ", "@revoked " };

	for (size_t i = 0; i < kh->n; i++) {
		const struct known_hosts_line *l = &kh->lines[i];

		buf_puts(out, markers[l->marker]);
		buf_put(out, l->hosts, l->hosts_len);
		buf_putc(out, ' ');
		sshpub_format(l->pub.name, l->blob.data, l->blob.len, out);
		buf_putc(out, '\n');
	}
}

static void check_again(const struct known_hosts *kh, const struct url *u)
{
	struct known_hosts again = KNOWN_HOSTS_INIT;
	struct buf text = BUF_INIT, fact = BUF_INIT, same = BUF_INIT;
	struct err err;
	bool good = known_hosts_check("kh", kh, u, NULL, &err) == 0;

	write_again(kh, &text);
	if (text.len <= KNOWN_HOSTS_MAX) {
		must(known_hosts_parse("kh", buf_str(&text), text.len, &again, &err) == 0);
		must(again.n == kh->n);
		must((known_hosts_check("kh", &again, u, NULL, &err) == 0) == good);
		if (known_hosts_fact("kh", kh, u, &fact, &err) == 0) {
			must(known_hosts_fact("kh", &again, u, &same, &err) == 0);
			must(strcmp(buf_str(&fact), buf_str(&same)) == 0);
			must(name_is_fact(buf_str(&fact)) && (!good || fact.len > 0));
		}
	}
	known_hosts_clear(&again);
	buf_clear(&text);
	buf_clear(&fact);
	buf_clear(&same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct known_hosts kh = KNOWN_HOSTS_INIT;
	struct err err = ERR_INIT;
	struct url u;

	if (size == 0)
		return 0;
	must(url_parse("url", urls[data[0] % (sizeof(urls) / sizeof(*urls))], URL_SSH, &u, &err) ==
	     0);
	if (known_hosts_parse("kh", (const char *)data + 1, size - 1, &kh, &err) != 0) {
		must(err.class == ERR_INVALID && kh.n == 0 && kh.lines == NULL);
		return 0;
	}
	must(kh.n > 0);
	for (size_t i = 0; i < kh.n; i++) {
		struct sshpub info;

		must(sshpub_check(kh.lines[i].blob.data, kh.lines[i].blob.len, &info) == NULL);
		check_pattern(&kh.lines[i], &u);
	}
	check_again(&kh, &u);
	known_hosts_clear(&kh);
	return 0;
}
