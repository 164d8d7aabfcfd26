/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the guard goes over text: files as repositories have them, made here, and texts made to
 * be slow.  CPU time of one core, the best of several runs.
 *
 * usage: bench_guard [MEGABYTES]      one line a text: name, MB a second, findings
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "guard/scan.h"

#define RUNS 5

static uint32_t state = 1;

static uint32_t next(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static void random_base64(struct buf *b, size_t bytes)
{
	unsigned char block[600];

	for (size_t i = 0; i < bytes && i < sizeof(block); i++)
		block[i] = (unsigned char)next(256);
	b64_encode(b, block, bytes < sizeof(block) ? bytes : sizeof(block));
}

static void word(struct buf *b)
{
	static const char *const words[] = { "app",	"token",  "config", "name",  "spec",
					     "replica", "server", "value",  "image", "handler",
					     "secret",	"field",  "error",  "index", "request" };

	buf_puts(b, words[next(sizeof(words) / sizeof(*words))]);
}

static void add_manifest(struct buf *b)
{
	buf_printf(b,
		   "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-%u\n"
		   "  namespace: web\n  labels:\n    app.kubernetes.io/name: app\nspec:\n"
		   "  replicas: %u\n  template:\n    spec:\n      containers:\n"
		   "        - name: app\n          image: ghcr.io/acme/app:v1.%u.0\n"
		   "          env:\n            - name: DB_PASSWORD\n"
		   "              valueFrom:\n                secretKeyRef:\n"
		   "                  name: db\n                  key: password\n"
		   "            - name: LOG_LEVEL\n              value: info\n",
		   next(1000), next(9), next(100));
}

static void add_code(struct buf *b)
{
	buf_puts(b, "// ");
	for (int i = 0; i < 8; i++) {
		word(b);
		buf_putc(b, ' ');
	}
	buf_puts(b, "\nfunc (s *Server) ");
	word(b);
	buf_puts(b, "(ctx context.Context, token string) error {\n\tif err := s.");
	word(b);
	buf_puts(b, "(ctx, token); err != nil {\n\t\treturn fmt.Errorf(\"");
	word(b);
	buf_puts(b, ": %w\", err)\n\t}\n\ts.token = token\n\treturn nil\n}\n\n");
}

static void add_json(struct buf *b)
{
	buf_puts(b, "{\"metadata\":{\"name\":\"");
	word(b);
	buf_printf(b, "-%u\",\"uid\":\"%08x-0000-4000-8000-%012u\"},\"spec\":{\"", next(1000),
		   next(1u << 24), next(1u << 24));
	word(b);
	buf_puts(b, "\":[1,2,3],\"enabled\":true,\"url\":\"https://acme.io/");
	word(b);
	buf_puts(b, "\"}}\n");
}

static void add_lock(struct buf *b)
{
	buf_printf(b, "github.com/acme/lib%u v1.%u.0 h1:", next(1000), next(50));
	random_base64(b, 32);
	buf_puts(b, "\n");
}

static void add_sealed(struct buf *b)
{
	buf_puts(b, "---\napiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata:\n"
		    "  name: flux-ssh\n  namespace: flux-system\nspec:\n  kind: deploy-key\n"
		    "  parts:\n    credential:\n      sealed: |\n"
		    "        -----BEGIN AGE ENCRYPTED FILE-----\n");
	for (int i = 0; i < 40; i++) {
		buf_puts(b, "        ");
		random_base64(b, 48);
		buf_puts(b, "\n");
	}
	buf_puts(b, "        -----END AGE ENCRYPTED FILE-----\n");
}

static void add_secrets(struct buf *b)
{
	buf_puts(b, "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ndata:\n  password: ");
	random_base64(b, 18);
	buf_puts(b, "\n");
}

static void add_prose(struct buf *b)
{
	for (int i = 0; i < 12; i++) {
		word(b);
		buf_putc(b, ' ');
	}
	buf_puts(b, "\n");
}

static void add_mix(struct buf *b)
{
	static void (*const all[])(struct buf *) = { add_manifest, add_code,   add_json,
						     add_lock,	   add_sealed, add_prose };

	all[next(sizeof(all) / sizeof(*all))](b);
}

static void add_long_base64(struct buf *b)
{
	random_base64(b, 600);
}

static void add_random(struct buf *b)
{
	buf_putc(b, (unsigned char)next(256));
}

/* The names begin as what they are made to slow down. */
static const struct sort {
	const char *name, *path;
	void (*add)(struct buf *b); /* or the same text again and again: */
	const char *text;
} sorts[] = {
	{ "a mix of all below", "mix.yaml", add_mix, NULL },
	{ "manifests", "deploy.yaml", add_manifest, NULL },
	{ "sealed documents", "sealed.yaml", add_sealed, NULL },
	{ "code", "main.go", add_code, NULL },
	{ "JSON", "data.json", add_json, NULL },
	{ "a lock file", "go.sum", add_lock, NULL },
	{ "prose", "README.md", add_prose, NULL },
	{ "random bytes", "a.bin", add_random, NULL },
	{ "worst: Secrets alone", "secret.yaml", add_secrets, NULL },
	{ "worst: one run of base64", "a.txt", add_long_base64, NULL },
	{ "worst: names of passwords", ".env", NULL, "password=" },
	{ "worst: passwords", ".env", NULL, "a_password=changeme-changeme-changeme-a\n" },
	{ "worst: headers of keys", "a.pem", NULL, "-----BEGIN RSA PRIVATE KEY-----\n" },
	{ "worst: prefixes of tokens", "a.txt", NULL, "ghp_ghs_1_github_pat_xoxb-sk-" },
	{ "worst: parts of JWTs", "a.txt", NULL, "eyJhbGciOiJSUzI1NiJ9." },
	{ "worst: docker configs", "a.json", NULL, "\"auths\" \"auth\":" },
	{ "worst: PuTTY's headers", "a.ppk", NULL, "PuTTY-User-Key-File-3: " },
	{ "worst: curl and netrc", "a.sh", NULL, "curl -u machine login password " },
	{ "worst: URLs", "a.txt", NULL, "a://b:c" },
	{ "worst: quotes and brackets", "a.yaml", NULL, "kind: [\"Secret\n- \"value" },
	{ "worst: block scalars", "a.yaml", NULL, "kind: |\n Secret: |\n  value: |\n" },
	{ "worst: dashes", "a.txt", NULL, "-" },
};

static void count(void *ctx, const struct guard_hit *hit)
{
	(void)hit;
	++*(size_t *)ctx;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const struct sort *s, size_t bytes)
{
	struct buf text = BUF_INIT;
	double best = 1e9;
	size_t hits = 0;

	while (text.len < bytes) {
		if (s->add != NULL)
			s->add(&text);
		else
			buf_puts(&text, s->text);
	}
	for (int i = 0; i < RUNS; i++) {
		double from = seconds(), took;

		hits = 0;
		guard_scan(s->path, text.data, text.len, count, &hits);
		took = seconds() - from;
		best = took < best ? took : best;
	}
	printf("%-28s %8.1f MB/s %6zu findings\n", s->name, (double)text.len / 1e6 / best, hits);
	fflush(stdout);
	buf_clear(&text);
}

int main(int argc, char **argv)
{
	size_t megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 16;

	mem_init();
	for (size_t i = 0; i < sizeof(sorts) / sizeof(*sorts); i++)
		measure(&sorts[i], megabytes * 1000000);
	return 0;
}
