/* SPDX-License-Identifier: Apache-2.0 */
/* Values of Secrets that hold nothing, and those that only look so. */
#include "tests/unit/test.h"

#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "guard/filled.h"

static void expect(const char *const *values, size_t n, bool is)
{
	for (size_t i = 0; i < n; i++) {
		if (filled_is(values[i], strlen(values[i])) != is)
			print_error("%s\n", values[i]);
		assert_int_equal(filled_is(values[i], strlen(values[i])), is);
	}
}

static void test_one_value(void **state)
{
	(void)state;
	static const char *const yes[] = {
		"",
		" \n\t",
		"${A}",
		"${A:-}",
		"${A:=${B}}",
		"${A}${B}",
		"${USER}:${PASSWORD}",
		"$A",
		"\"$A\"",
		"$(cat /run/x)",
		"$(f $(g))",
		"{{ .Values.a | b64enc | quote }}",
		"{{ if .a }}{{ .b }}{{ end }}",
		"#{Db.Password}",
		"<password>",
		"<your key here>",
		"<path:secret/data/app#password>",
		"<%= ENV[\"A\"] %>",
		"%(db_password)s",
		"%DB_PASSWORD%",
		"@@DB_PASSWORD@@",
		"__DB_PASSWORD__",
		"%s",
		"%[1]s",
		"ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]",
		"changeme",
		"ChangeMe",
		"CHANGE_ME",
		"replace-me",
		"TODO",
		"null",
		"[REDACTED]",
		"your-password-here",
		"your_token",
		"aaaa",
		"****",
		"...",
		"vault:secret/data/app#password",
		"ref+vault://a/b#/c",
		"op://vault/item/field",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
		"projects/a/secrets/b/versions/1",
		"-----BEGIN AGE ENCRYPTED FILE-----\nx",
		"age-encryption.org/v1\nx",
		"{\"a\": \"ENC[AES256_GCM,data:x]\", \"b\": 1, \"sops\": {}}",
		"postgres://${USER}:${PASSWORD}@db.prod:5432/app",
		"jdbc:postgresql://${USER}:${PASSWORD}@${HOST}/app",
	};
	static const char *const no[] = {
		"a",
		"4711",
		"sommer",
		"P@@ssw0rd2026",
		"Winter#{2026}k",
		"Ab1...x9Kq2",
		"abc...",
		"...abc",
		"put-the-blue-lamp-42",
		"put-the-blue-lamp",
		"hidden-falcon-77",
		"your-4711-lamp",
		"your lamp",
		"change the lamp",
		"Som${mer}2026",
		"${A}2026",
		"2026${A}",
		"${A",
		"$A$B2x",
		"$1",
		"p4$$w0rd",
		"$2a$10$abc",
		"$apr1$abc$def",
		"kim:$apr1$abc$def",
		"{{ .a }}:5432",
		"{{ .a",
		"<a>b</a>",
		"<a",
		"<a b=\"8fK2mQ9xLw\"/>",
		"<8fK2mQ9xLw4TzR7vBn3C=>",
		"[\"8fK2mQ9xLw4TzR7vBn3C\"]",
		"{\"a\": \"sommer\"}",
		"config.8fK2mQ9xLw4TzR7vBn3C",
		"config.password=sommer",
		"os.environ",
		"env:sommer",
		"file:sommer",
		"projects/sommer",
		"projects/a/sommer 2026",
		"vault:sommer",
		"op:sommer/2026",
		"ref+ a/b",
		"postgres://app:sommer@${HOST}/app",
		"postgres://${USER}:sommer@db/app",
		"postgres://${USER}:${PASSWORD}@db/app?key=sommer",
		"https://${HOST}/services/8fK2mQ9xLw4TzR7vBn3C",
		"://${A}@b",
		"\xc3\xa4\xc3\xb6",
		"${A}\x01",
		"!!##",
		"{}",
		"-",
		"${A}!",
		"=${A}x",
	};

	expect(yes, COUNT(yes), true);
	expect(no, COUNT(no), false);
}

static void test_files(void **state)
{
	(void)state;
	static const char *const yes[] = {
		"A=${A}\n",
		"A=${A}\r\n\r\nB=${B}\r\n",
		"export A=\"${A}\"\nB='{{ .b }}'\n",
		"a: ${A}\nb:\n  - c: <c>\n    d: changeme\n  - ${D}\n",
		"a = ${A}, b = ${B}; c => $C\n",
		"{\"auths\":{\"ghcr.io\":{\"auth\":\"${AUTH}\",\"b\":null}}}",
		"{\\\"a\\\":\\\"${A}\\\"}\\nB=${B}\\n",
		"<server>\n <password>${A}</password>\n</server>\n",
		"//registry.acme.io/:_authToken=${A}\n",
		"url=jdbc:postgresql://${U}:${P}@db/app\npassword=${P}\n",
		"url: \"postgres://{{ .u }}:{{ .p }}@{{ .host }}:5432/app\"\n",
		"host=$HOST password=$(cat /run/pw)\n",
		"kim:${KIM}\n",
	};
	static const char *const no[] = {
		"A=${A}\nB=sommer\n",
		"sommer\nA=${A}\n",
		"A=sommer\nB=${B}\n",
		"A=${A} # sommer\n",
		"# A=sommer\nB=${B}\n",
		"A: ${A}\nB: sommer\n",
		"A=${A}\nB=8fK2mQ9xLw4TzR7vBn3C==\n",
		"A=${A}\nB: 8fK2mQ9xLw4TzR7vBn3C=\n",
		"A=${A}\n8fK2mQ9xLw4TzR7vBn3C=\n",
		"A=${A}\n8fK2mQ9xLw4TzR7vBn3C==\n",
		"${A}\n8fK2mQ9xLw4TzR7vBn3C=",
		"A=${A}\\n8fK2mQ9xLw4TzR7vBn3C=\\nB=${B}",
		"{\"a\": \"8fK2mQ9xLw4TzR7vBn3C=\", \"b\": \"${B}\"}",
		"A=${A}\n8fK2+Q9x/w=\n",
		"A=${A}\nB=\n",
		"export PGPASSWORD=sommer\npsql -h \"${DB_HOST}\"\n",
		"url=jdbc:postgresql://${DB_HOST}/app\npassword=${P}\n",
		"url=jdbc:postgresql://${DB_HOST}/app\npassword=sommer\n",
		"<a>${A}</a><b>sommer</b>",
		"{\"auths\":{\"ghcr.io\":{\"auth\":\"8fK2mQ9xLw4TzR7vBn3C\"}},\"x\":\"${X}\"}",
		"-----BEGIN PRIVATE KEY-----\n${A}\n-----END PRIVATE KEY-----\n",
		"A=${\nsommer\n}\n",
		"A=$(\nsommer\n)\n",
		"A={{ `\nsommer\n` }}\n",
	};

	expect(yes, COUNT(yes), true);
	expect(no, COUNT(no), false);
}

/* What is not closed is looked for once, not from each of its beginnings. */
static void test_no_end(void **state)
{
	(void)state;
	static const char *const units[] = { "${", "{{",     "$(",     "#{",	  "<",	     "<a ",
					     "%",  "@@a",    "ENC[",   "true:",	  "a:{",     "no ",
					     "\\", "${A}\"", "true\n", "a:${A} ", "x://${A}" };

	for (size_t i = 0; i < COUNT(units); i++) {
		struct buf text = BUF_INIT;
		clock_t from = clock();

		while (text.len < test_repeats(1000000))
			buf_puts(&text, units[i]);
		filled_is(buf_str(&text), text.len);
		if (clock() - from > CLOCKS_PER_SEC)
			print_error("%s\n", units[i]);
		assert_true(clock() - from <= CLOCKS_PER_SEC);
		buf_clear(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_value),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_no_end),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
