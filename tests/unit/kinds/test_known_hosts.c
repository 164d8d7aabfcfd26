/* SPDX-License-Identifier: Apache-2.0 */
/* known_hosts, its host patterns, GitHub's keys */
#include "base/b64.h"
#include "tests/unit/kinds/keys.h"

#include <openssl/hmac.h>

#include "base/err.h"
#include "kinds/github_hosts.h"
#include "kinds/hostpat.h"
#include "kinds/known_hosts.h"

static const char old_rsa[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEAq2A7hRGmdnm9tUDbO9IDSwBK6TbQa+PXYPCPy6rbTrTtw7PHkccKrpp0"
    "yVhp5HdEIcKr6pLlVDBfOLX9QUsyCOV0wzfjIJNlGEYsdlLJizHhbn2mUjvSAHQqZETYP81eFzLQNnPHt4EVVUh7VfDE"
    "SU84KezmD5QlWpXLmvU31/yMf+Se8xhHTvKSCZIFImWwoG6mbUoWf9nzpIoaSjB+weqqUUmpaaasXVal72J+UX2B+2RP"
    "W3RcT0eOzQgqlJL3RKrTJvdsjE3JEAvGq3lGHSZXy28G3skua2SmVi/w4yCE6gbODqnTWlg7+wC604ydGXA8VJiS5ap4"
    "3JXiUFFAaQ==";

static struct err err;
static struct url github, example, other_port;

/* "TYPE BASE64" of a test key; the texts live as long as the process. */
static char *texts[16];

static const char *key_of(const char *name)
{
	static const char *names[16];
	struct buf blob = BUF_INIT, text = BUF_INIT;
	struct sshpub info;
	size_t i = 0;

	for (; texts[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return texts[i];
	test_public_blob(test_key(name), &blob);
	assert_null(sshpub_check(blob.data, blob.len, &info));
	sshpub_format(info.name, blob.data, blob.len, &text);
	names[i] = name;
	texts[i] = mem_strn(buf_str(&text), text.len);
	buf_clear(&blob);
	buf_clear(&text);
	return texts[i];
}

/* Put keys in for {name}. */
static char *fill(const char *pattern)
{
	struct buf out = BUF_INIT;
	char *text;

	while (*pattern != '\0') {
		const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;
		char name[32] = "";

		if (end == NULL) {
			buf_putc(&out, (unsigned char)*pattern++);
			continue;
		}
		memcpy(name, pattern + 1, (size_t)(end - pattern - 1));
		if (strcmp(name, "old") == 0)
			buf_puts(&out, old_rsa);
		else
			buf_puts(&out, key_of(strcmp(name, "p256") == 0	     ? "p256"
					      : strcmp(name, "other") == 0   ? "other-p256"
					      : strcmp(name, "ed25519") == 0 ? "ed25519"
					      : strcmp(name, "p384") == 0    ? "p384"
					      : strcmp(name, "p521") == 0    ? "p521"
									     : "rsa2048"));
		pattern = end + 1;
	}
	text = mem_strn(buf_str(&out), out.len);
	buf_clear(&out);
	return text;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(url_parse("url", "ssh://git@github.com/a/b", URL_SSH, &github, &err), 0);
	assert_int_equal(url_parse("url", "ssh://git@git.example.org/r", URL_SSH, &example, &err),
			 0);
	assert_int_equal(
	    url_parse("url", "ssh://git@git.example.org:2222/r", URL_SSH, &other_port, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		mem_free(texts[i]);
	return 0;
}

static int check(const char *pattern, const struct url *u, struct notes *notes, struct buf *fact)
{
	char *text = fill(pattern);
	struct known_hosts kh = KNOWN_HOSTS_INIT;
	int rc = known_hosts_parse("kh", text, strlen(text), &kh, &err);

	if (rc == 0)
		rc = known_hosts_check("kh", &kh, u, notes, &err);
	else
		assert_null(kh.lines);
	if (rc == 0 && fact != NULL)
		assert_int_equal(known_hosts_fact("kh", &kh, u, fact, &err), 0);
	known_hosts_clear(&kh);
	mem_free(text);
	assert_int_equal(ERR_peek_error(), 0);
	return rc;
}

static void test_accepts(void **state)
{
	(void)state;
	const struct {
		const char *text;
		const struct url *url;
		size_t notes;
	} cases[] = {
		{ "git.example.org {p256}\n", &example, 0 },
		{ "git.example.org {p256}", &example, 0 },
		{ "# all of them\n\n git.example.org\t{ed25519} a comment \n\t# more\n"
		  "git.example.org {p256}\ngit.example.org {p384}\ngit.example.org {p521}\n"
		  "git.example.org {rsa}\n",
		  &example, 0 },
		{ "a.example.org,git.example.org,10.0.0.1 {rsa}\n", &example, 0 },
		{ "*.example.org {p256}\n", &example, 0 },
		{ "git.*.or? {p256}\n", &example, 0 },
		{ "* {p256}\n", &example, 0 },
		{ "*.example.org,!www.example.org {p256}\n", &example, 0 },
		{ "[git.example.org]:2222 {p256}\n", &other_port, 0 },
		{ "[git.example.org]:22 {p256}\n", &example, 0 },
		{ "[*.example.org]:2222,x {p256}\n", &other_port, 0 },
		{ "git.example.org {p256}\nx {p256}\nx {ed25519}\n", &example, 1 },
		{ "git.example.org {p256}\n10.0.0.1,git.example.org {p256}\n", &example, 0 },
		{ "git.example.org {p256}\n@revoked * {other}\n", &example, 0 },
		{ "git.example.org {p256}\n@revoked * {old}\n", &example, 0 },
		{ "git.example.org {p256}\n@cert-authority *.example.com {ed25519}\n", &example,
		  1 },
		{ "@cert-authority *.example.org {ed25519}\ngit.example.org {p256}\n", &example,
		  0 },
		{ "git.example.org {p256}\nx {other}\n", &example, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct notes notes = NOTES_INIT;

		if (check(cases[i].text, cases[i].url, &notes, NULL) != 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(notes.n, cases[i].notes);
		notes_clear(&notes);
	}
}

static void test_refuses(void **state)
{
	(void)state;
	static const char form[] = "kh: line 1: is not of the form HOSTS TYPE KEY";
	static const char hashed[] = "kh: line 1: a hashed host is not of the form |1|SALT|HASH";
	static const char brackets[] =
	    "kh: line 1: a host in brackets needs its port: \"[host]:port\"";
	static const char two_keys[] = "kh: line 1: has two keys: Flux reads only the first; put "
				       "each on a line of its own";
	static const char missing[] =
	    "kh: holds no key for git.example.org, the host of the URL: 'ssh-keyscan -p 22 "
	    "git.example.org' shows them (compare the fingerprints with its owner's)";
	static const char missing_port[] =
	    "kh: holds no key for [git.example.org]:2222, the host of the URL: 'ssh-keyscan -p "
	    "2222 git.example.org' shows them (compare the fingerprints with its owner's)";
	const struct {
		const char *text, *error;
		const struct url *url;
	} cases[] = {
		{ "", "kh: holds no key", &example },
		{ "# nothing\n\n", "kh: holds no key", &example },
		{ "git.example.org\n", form, &example },
		{ "git.example.org ssh-ed25519\n", form, &example },
		{ "@revoked\n", form, &example },
		{ "@cert-authority git.example.org\n", form, &example },
		{ "@trusted git.example.org {p256}\n",
		  "kh: line 1: has an unknown marker (@cert-authority and @revoked are known)",
		  &example },
		{ "{p256}\n", "kh: line 1: begins with a key: the host must stand before it",
		  &example },
		{ "git.example.org ssh-ed25519 AAAA=\n", "kh: line 1: the key is not base64",
		  &example },
		{ "git.example.org ssh-ed25519 AAAA\n", "kh: line 1: is not an SSH public key",
		  &example },
		{ "git.example.org ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9ok"
		  "Wi0dh2l9GKJl\n",
		  "kh: line 1: names another type than its key has", &example },
		{ "git.example.org ssh-dss AAAAB3NzaC1kc3MAAAAA\n",
		  "kh: line 1: is a DSA key, which its readers no longer take", &example },
		{ "git.example.org sk-ssh-ed25519@openssh.com "
		  "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t"
		  "\n",
		  "kh: line 1: is a key of a security key (sk-), which cannot be used here",
		  &example },
		{ "git.example.org x AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29t\n",
		  "kh: line 1: is a certificate, not a key", &example },
		{ "git.example.org x AAAAA2Zvbw==\n",
		  "kh: line 1: is of a type other than ssh-ed25519, ecdsa-sha2-nistp256/384/521 "
		  "and "
		  "ssh-rsa",
		  &example },
		{ "git.example.org {p256} git.example.org {ed25519}\n", two_keys, &example },
		{ "git.example.org {p256} {ed25519}\n", two_keys, &example },
		{ "git.example.org {p256} a comment {ed25519}\n", two_keys, &example },
		{ "git.example.org {p256}\r\n",
		  "kh: line 1: ends with a carriage return: save the file with Unix line ends",
		  &example },
		{ "git.example.org {p256}\x07\n", "kh: line 1: holds a control character",
		  &example },
		{ "x {p256}\n# a\x7f\n", "kh: line 2: holds a control character", &example },
		{ ",git.example.org {p256}\n", "kh: line 1: a host name is empty", &example },
		{ "git.example.org, {p256}\n", "kh: line 1: a host name is empty", &example },
		{ "a,,b {p256}\n", "kh: line 1: a host name is empty", &example },
		{ "a,! {p256}\n", "kh: line 1: a host name is empty", &example },
		{ "git.example.org:22 {p256}\n",
		  "kh: line 1: a host with a port is written \"[host]:port\"", &example },
		{ "[git.example.org] {p256}\n", brackets, &example },
		{ "[git.example.org]:ssh {p256}\n", brackets, &example },
		{ "[git.example.org]: {p256}\n", brackets, &example },
		{ "[git.example.org]:0 {p256}\n", brackets, &example },
		{ "[git.example.org]:65536 {p256}\n", brackets, &example },
		{ "[git.example.org]x:22 {p256}\n", brackets, &example },
		{ "[git.example.org {p256}\n", brackets, &example },
		{ "[]:22 {p256}\n", brackets, &example },
		{ "[[a]:22 {p256}\n", brackets, &example },
		{ "|1|abc|def {p256}\n", hashed, &example },
		{ "|2|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= {p256}\n", hashed,
		  &example },
		{ "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA= {p256}\n", hashed, &example },
		{ "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAA {p256}\n", hashed, &example },
		{ "|1 {p256}\n", hashed, &example },
		{ "www.example.org {p256}\n", missing, &example },
		{ "GIT.example.org {p256}\n", missing, &example },
		{ "git.example.org* {p256}\n", missing, &example },
		{ "*.example.org,!git.* {p256}\n", missing, &example },
		{ "[git.example.org]:2222 {p256}\n", missing, &example },
		{ "@revoked git.example.org {p256}\n", missing, &example },
		{ "git.example.org {p256}\n", missing_port, &other_port },
		{ "* {p256}\n", missing_port, &other_port },
		{ "@cert-authority *.example.org {p256}\n",
		  "kh: holds only a @cert-authority for git.example.org, and Flux never asks for "
		  "host certificates: give the host's own keys",
		  &example },
		{ "git.example.org {p256}\nx {ed25519}\n*.example.org {other}\n",
		  "kh: line 3: a second ecdsa-sha2-nistp256 key for the host (line 1 has the "
		  "first), which Flux never looks at: keep the right one",
		  &example },
		{ "@cert-authority * {p256}\ngit.example.org {other}\n",
		  "kh: line 2: a second ecdsa-sha2-nistp256 key for the host (line 1 has the "
		  "first), which Flux never looks at: keep the right one",
		  &example },
		{ "git.example.org {p256}\n@revoked x {p256}\n",
		  "kh: line 1: its key is revoked by a @revoked line", &example },
		{ "git.example.org {p256}\ngithub.com {old}\n",
		  "kh: line 2: is GitHub's old RSA key, revoked in March 2023: remove it",
		  &example },
		{ "github.com {old}\n",
		  "kh: line 1: is GitHub's old RSA key, revoked in March 2023: remove it",
		  &github },
		{ "github.com {p256}\n",
		  "kh: line 1: is not one of GitHub's host keys: leave --known-hosts out, the real "
		  "ones are built in",
		  &github },
		{ "@cert-authority *.com {p256}\n",
		  "kh: line 1: is not one of GitHub's host keys: leave --known-hosts out, the real "
		  "ones are built in",
		  &github },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (check(cases[i].text, cases[i].url, NULL, NULL) == 0)
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.class, ERR_INVALID);
		assert_string_equal(err.text, cases[i].error);
	}
}

/* Damaged blobs: points off the curve, bad numbers, bytes behind. */
static void test_blobs(void **state)
{
	(void)state;
	struct buf blob = BUF_INIT;
	struct sshpub info;
	struct pkey_case {
		const char *key, *reason;
		size_t flip; /* from the end, 1 is the last byte */
	} cases[] = {
		{ "p256", "is a damaged ECDSA key", 1 },
		{ "p384", "is a damaged ECDSA key", 48 },
		{ "p521", "is a damaged ECDSA key", 133 },
		{ "rsa2048", "is a damaged RSA key", 1 },
	};
	static const struct {
		const char *e, *n;
		size_t e_len, n_len;
		const char *reason;
	} rsa[] = {
		{ "\x01", "\x81", 1, 1, "is an RSA key with an exponent that its reader refuses" },
		{ "\x02", "\x81", 1, 1, "is an RSA key with an exponent that its reader refuses" },
		{ "\x04", "\x81", 1, 1, "is an RSA key with an exponent that its reader refuses" },
		{ "\x01\0\0\x01", "\x81", 4, 1,
		  "is an RSA key with an exponent that its reader refuses" },
		{ "\x03", "\x80", 1, 1, "is a damaged RSA key" },
		{ "", "\x81", 0, 1, "is a damaged RSA key" },
		{ "\x03", "", 1, 0, "is a damaged RSA key" },
	};
	unsigned char big[2049];

	for (size_t i = 0; i < COUNT(cases); i++) {
		test_public_blob(test_key(cases[i].key), &blob);
		assert_null(sshpub_check(blob.data, blob.len, &info));
		blob.data[blob.len - cases[i].flip] ^= 1;
		assert_string_equal(sshpub_check(blob.data, blob.len, &info), cases[i].reason);
		blob.data[blob.len - cases[i].flip] ^= 1;
		buf_putc(&blob, 0);
		assert_string_equal(sshpub_check(blob.data, blob.len, &info), cases[i].reason);
		for (size_t len = 0; len < blob.len - 1; len++)
			assert_non_null(sshpub_check(blob.data, len, &info));
		buf_reset(&blob);
	}
	for (size_t i = 0; i < COUNT(rsa); i++) {
		sshwire_put_string(&blob, "ssh-rsa", 7);
		sshwire_put_mpint(&blob, (const unsigned char *)rsa[i].e, rsa[i].e_len);
		sshwire_put_mpint(&blob, (const unsigned char *)rsa[i].n, rsa[i].n_len);
		assert_string_equal(sshpub_check(blob.data, blob.len, &info), rsa[i].reason);
		buf_reset(&blob);
	}
	/* numbers with a superfluous zero, negative ones */
	sshwire_put_string(&blob, "ssh-rsa", 7);
	sshwire_put_string(&blob, "\0\3", 2);
	sshwire_put_string(&blob, "\x81", 1);
	assert_string_equal(sshpub_check(blob.data, blob.len, &info), "is a damaged RSA key");
	buf_reset(&blob);
	sshwire_put_string(&blob, "ssh-rsa", 7);
	sshwire_put_string(&blob, "\3", 1);
	sshwire_put_string(&blob, "\x81", 1);
	assert_string_equal(sshpub_check(blob.data, blob.len, &info), "is a damaged RSA key");
	buf_reset(&blob);
	memset(big, 0xff, sizeof(big));
	for (size_t len = 2048; len <= 2049; len++) {
		const char *reason;

		sshwire_put_string(&blob, "ssh-rsa", 7);
		sshwire_put_mpint(&blob, (const unsigned char *)"\3", 1);
		sshwire_put_mpint(&blob, big, len);
		reason = sshpub_check(blob.data, blob.len, &info);
		if (len == 2048)
			assert_null(reason);
		else
			assert_string_equal(reason, "is an RSA key of more than 16384 bits");
		buf_reset(&blob);
	}
	sshwire_put_string(&blob, "ssh-ed25519", 11);
	sshwire_put_string(&blob, big, 31);
	assert_string_equal(sshpub_check(blob.data, blob.len, &info), "is a damaged Ed25519 key");
	buf_clear(&blob);
	memset(big, 0, sizeof(big));
	assert_string_equal(sshpub_check(big, sizeof(big), &info),
			    "is of a type other than ssh-ed25519, ecdsa-sha2-nistp256/384/521 and "
			    "ssh-rsa");
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_wire(void **state)
{
	(void)state;
	struct buf out = BUF_INIT;
	struct sshwire r, n;
	uint32_t value;

	sshwire_put_mpint(&out, (const unsigned char *)"\0\0\x81", 3);
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "\0\0\0\2\0\x81", 6);
	r = (struct sshwire){ out.data, out.len };
	assert_true(sshwire_mpint(&r, &n));
	assert_int_equal(n.len, 1);
	assert_int_equal(r.len, 0);
	assert_false(sshwire_u32(&r, &value));
	/* a length beyond the end takes nothing */
	r = (struct sshwire){ out.data, 5 };
	assert_false(sshwire_string(&r, &n));
	assert_false(sshwire_mpint(&r, &n));
	assert_int_equal(r.len, 5);
	buf_clear(&out);
}

static void test_small_rsa(void **state)
{
	(void)state;
	struct buf line = BUF_INIT, blob = BUF_INIT;
	struct known_hosts kh = KNOWN_HOSTS_INIT;
	unsigned char n[96];

	memset(n, 0xff, sizeof(n)); /* 768 bits */
	sshwire_put_string(&blob, "ssh-rsa", 7);
	sshwire_put_mpint(&blob, (const unsigned char *)"\3", 1);
	sshwire_put_mpint(&blob, n, sizeof(n));
	buf_puts(&line, "h ");
	sshpub_format("ssh-rsa", blob.data, blob.len, &line);
	assert_int_equal(known_hosts_parse("kh", buf_str(&line), line.len, &kh, &err), -1);
	assert_string_equal(err.text,
			    "kh: line 1: is an RSA key of less than 1024 bits, which Flux "
			    "refuses");
	buf_clear(&line);
	buf_clear(&blob);
}

/* |1|SALT|HASH of a name, as ssh-keygen -H writes it. */
static char *hashed_line(const char *name)
{
	static const unsigned char salt[20] = "twenty bytes of salt";
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct buf out = BUF_INIT;
	char *text;

	assert_non_null(HMAC(EVP_sha1(), salt, sizeof(salt), (const unsigned char *)name,
			     strlen(name), mac, &n));
	buf_puts(&out, "|1|");
	b64_encode(&out, salt, sizeof(salt));
	buf_puts(&out, "|");
	b64_encode(&out, mac, n);
	buf_puts(&out, " {p256}\n");
	text = mem_strn(buf_str(&out), out.len);
	buf_clear(&out);
	return text;
}

static void test_hashed(void **state)
{
	(void)state;
	char *plain = hashed_line("git.example.org"), *port = hashed_line("[git.example.org]:2222");

	assert_int_equal(check(plain, &example, NULL, NULL), 0);
	assert_int_equal(check(plain, &other_port, NULL, NULL), -1);
	assert_int_equal(check(port, &other_port, NULL, NULL), 0);
	assert_int_equal(check(port, &example, NULL, NULL), -1);
	mem_free(plain);
	mem_free(port);
}

static void test_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *host;
		bool matches;
	} cases[] = {
		{ "a", "a", true },	{ "a", "b", false },	     { "a", "aa", false },
		{ "?", "a", true },	{ "??", "a", false },	     { "*", "a", true },
		{ "**", "a", true },	{ "a*", "a", false },	     { "a*", "ab", true },
		{ "a**", "ab", true },	{ "a**", "a", false },	     { "*a", "a", true },
		{ "*a", "ba", true },	{ "*a", "ab", false },	     { "*a*", "a", false },
		{ "*a*", "bab", true }, { "*b*", "bab", true },	     { "a*c", "ac", true },
		{ "a*c", "abc", true }, { "a*b*c", "abxc", true },   { "a*b*c", "acb", false },
		{ "*.a", "b.a", true }, { "*.a", ".a", true },	     { "*.a", "a", false },
		{ "b,a", "a", true },	{ "!a", "a", false },	     { "*,!a", "a", false },
		{ "!a,*", "a", false }, { "*,!b", "a", true },	     { "a.b", "a-b", false },
		{ "::1", "::1", true }, { "[::1]:22", "::1", true },
	};
	char *stars = mem_alloc(300), *as = mem_alloc(300);

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct url u = { .scheme = URL_SSH, .port = 22 };

		strcpy(u.host, cases[i].host);
		assert_null(hostpat_check(cases[i].pattern, strlen(cases[i].pattern)));
		if (hostpat_match(cases[i].pattern, strlen(cases[i].pattern), &u) !=
		    cases[i].matches)
			fail_msg("%s %s", cases[i].pattern, cases[i].host);
	}
	/* what takes x/crypto for ever */
	for (int i = 0; i < 130; i++)
		memcpy(stars + 2 * i, "*a", 2);
	memset(as, 'a', 252);
	as[252] = 'b';
	for (int i = 0; i < 1000; i++) {
		struct url u = { .scheme = URL_SSH, .port = 22 };

		strcpy(u.host, as);
		assert_false(hostpat_match(stars, 260, &u));
	}
	assert_string_equal(hostpat_check(as, 253) == NULL ? "" : "x", "");
	memset(as, 'a', 262);
	assert_string_equal(hostpat_check(as, 262), "a host name is too long");
	mem_free(stars);
	mem_free(as);
}

/* The built-in keys against the fingerprints that GitHub publishes. */
static void test_github(void **state)
{
	(void)state;
	static const char *const published[] = {
		"SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
		"SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
		"SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
	};
	static const char *const types[] = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa" };
	struct buf text = BUF_INIT, old = BUF_INIT;
	struct known_hosts kh = KNOWN_HOSTS_INIT;
	char fingerprint[B64_FINGERPRINT];

	github_hosts_format(&github, &text);
	assert_int_equal(known_hosts_parse("kh", buf_str(&text), text.len, &kh, &err), 0);
	assert_int_equal(kh.n, GITHUB_HOSTS_KEYS);
	for (size_t i = 0; i < kh.n; i++) {
		b64_fingerprint(kh.lines[i].blob.data, kh.lines[i].blob.len, fingerprint);
		assert_string_equal(fingerprint, published[i]);
		assert_string_equal(kh.lines[i].pub.name, types[i]);
		assert_int_equal(github_hosts_find(kh.lines[i].blob.data, kh.lines[i].blob.len), i);
		assert_false(github_hosts_is_revoked(kh.lines[i].blob.data, kh.lines[i].blob.len));
	}
	assert_int_equal(known_hosts_check("kh", &kh, &github, NULL, &err), 0);
	known_hosts_clear(&kh);
	buf_clear(&text);
	assert_int_equal(sshpub_parse_line("key", old_rsa, strlen(old_rsa), &old, &err), 0);
	b64_fingerprint(old.data, old.len, fingerprint);
	assert_string_equal(fingerprint, GITHUB_HOSTS_REVOKED);
	assert_true(github_hosts_is_revoked(old.data, old.len));
	assert_int_equal(github_hosts_find(old.data, old.len), -1);
	buf_clear(&old);
	assert_true(github_hosts_is("github.com"));
	assert_true(github_hosts_is("ssh.github.com"));
	assert_false(github_hosts_is("www.github.com"));
	assert_false(github_hosts_is("github.com.example.org"));
}

static void test_fact(void **state)
{
	(void)state;
	struct buf fact = BUF_INIT, lines = BUF_INIT;
	char prints[2][B64_FINGERPRINT], *want;
	struct url u;

	github_hosts_format(&github, &lines);
	assert_int_equal(check(buf_str(&lines), &github, NULL, &fact), 0);
	assert_string_equal(buf_str(&fact), "github.com");
	buf_reset(&fact);
	/* two of the three are not all of them */
	buf_truncate(&lines,
		     (size_t)(strstr(buf_str(&lines), "github.com ssh-rsa") - buf_str(&lines)));
	assert_int_equal(check(buf_str(&lines), &github, NULL, &fact), 0);
	assert_string_equal(buf_str(&fact), "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU "
					    "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM");
	buf_reset(&fact);
	buf_reset(&lines);
	/* nor are they all, with another host's beside them */
	github_hosts_format(&github, &lines);
	buf_printf(&lines, "x %s\n", key_of("p384"));
	assert_int_equal(check(buf_str(&lines), &github, NULL, &fact), 0);
	assert_int_equal(fact.len, 4 * 51 - 1);
	buf_reset(&fact);
	buf_reset(&lines);
	assert_int_equal(url_parse("url", "ssh://git@ssh.github.com:443/a/b", URL_SSH, &u, &err),
			 0);
	github_hosts_format(&u, &lines);
	assert_memory_equal(lines.data, "[ssh.github.com]:443 ssh-ed25519 ", 33);
	assert_int_equal(check(buf_str(&lines), &u, NULL, &fact), 0);
	assert_string_equal(buf_str(&fact), "github.com");
	buf_reset(&fact);
	/* sorted, each once, without the revoked */
	assert_int_equal(check("git.example.org {p256}\ngit.example.org {ed25519}\nx {p256}\n"
			       "@revoked x {p384}\n",
			       &example, NULL, &fact),
			 0);
	for (int i = 0; i < 2; i++) {
		buf_reset(&lines);
		test_public_blob(test_key(i == 0 ? "p256" : "ed25519"), &lines);
		b64_fingerprint(lines.data, lines.len, prints[i]);
	}
	want = strcmp(prints[0], prints[1]) < 0 ? mem_printf("%s %s", prints[0], prints[1])
						: mem_printf("%s %s", prints[1], prints[0]);
	assert_string_equal(buf_str(&fact), want);
	mem_free(want);
	buf_clear(&fact);
	buf_clear(&lines);
}

static void test_many_keys(void **state)
{
	(void)state;
	struct buf text = BUF_INIT, fact = BUF_INIT;
	struct known_hosts kh = KNOWN_HOSTS_INIT;

	for (unsigned char i = 0; i < KNOWN_HOSTS_KEYS_MAX + 1; i++) {
		struct buf blob = BUF_INIT;
		unsigned char point[32] = { i };

		sshwire_put_string(&blob, "ssh-ed25519", 11);
		sshwire_put_string(&blob, point, sizeof(point));
		buf_printf(&text, "%s%u ", i == 0 ? "git.example.org,h" : "h", i);
		sshpub_format("ssh-ed25519", blob.data, blob.len, &text);
		buf_putc(&text, '\n');
		buf_clear(&blob);
	}
	assert_int_equal(known_hosts_parse("kh", buf_str(&text), text.len, &kh, &err), 0);
	assert_int_equal(known_hosts_check("kh", &kh, &example, NULL, &err), 0);
	assert_int_equal(known_hosts_fact("kh", &kh, &example, &fact, &err), -1);
	assert_string_equal(err.text, "kh: holds more than 20 keys: keep only those of "
				      "git.example.org ('ssh-keygen -F git.example.org -f FILE' "
				      "shows them)");
	assert_int_equal(fact.len, 0);
	kh.n--;
	buf_clear(&kh.lines[kh.n].blob);
	assert_int_equal(known_hosts_fact("kh", &kh, &example, &fact, &err), 0);
	assert_int_equal(fact.len, 20 * 51 - 1);
	buf_clear(&fact);
	known_hosts_clear(&kh);
	buf_reset(&text);
	while (text.len <= KNOWN_HOSTS_MAX)
		buf_puts(&text, "#################################\n");
	assert_int_equal(known_hosts_parse("kh", buf_str(&text), text.len, &kh, &err), -1);
	assert_string_equal(err.text, "kh: has 65552 bytes, more than the 65535 allowed");
	buf_clear(&text);
}

static void test_lines(void **state)
{
	(void)state;
	struct buf blob = BUF_INIT, want = BUF_INIT;
	char *text = mem_printf("%s\n", key_of("p256"));
	static const char *const bad[] = { "", "ssh-ed25519", "ssh-ed25519 \n\n", "\n" };

	test_public_blob(test_key("p256"), &want);
	assert_int_equal(sshpub_parse_line("key", text, strlen(text), &blob, &err), 0);
	assert_int_equal(blob.len, want.len);
	assert_memory_equal(blob.data, want.data, want.len);
	buf_reset(&blob);
	mem_free(text);
	text = mem_printf("%s user@host x", key_of("p256"));
	assert_int_equal(sshpub_parse_line("key", text, strlen(text), &blob, &err), 0);
	mem_free(text);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(sshpub_parse_line("key", bad[i], strlen(bad[i]), &blob, &err), -1);
		assert_string_equal(err.text, "key: is not a line 'TYPE BASE64 [COMMENT]'");
	}
	text = mem_printf("ssh-rsa %s", strchr(key_of("p256"), ' ') + 1);
	assert_int_equal(sshpub_parse_line("key", text, strlen(text), &blob, &err), -1);
	assert_string_equal(err.text, "key: names another type than its key has");
	mem_free(text);
	buf_clear(&blob);
	buf_clear(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),	  cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_blobs),	  cmocka_unit_test(test_wire),
		cmocka_unit_test(test_small_rsa), cmocka_unit_test(test_hashed),
		cmocka_unit_test(test_patterns),  cmocka_unit_test(test_github),
		cmocka_unit_test(test_fact),	  cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_lines),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/known_hosts", tests, setup, teardown);
}
