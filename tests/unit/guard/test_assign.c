/* SPDX-License-Identifier: Apache-2.0 */
/* Names that mean a credential, values that are one, and how the two are written. */
#include "tests/unit/test.h"

#include "guard/assign.h"
#include "guard/judge.h"
#include "guard/placeholder.h"
#include "tests/unit/guard/seen.h"

#define RANDOM "8fK2mQ9xLw4TzR7vBn3C"

static void test_modes(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		enum assign_mode mode;
	} cases[] = {
		{ NULL, ASSIGN_CODE },
		{ "", ASSIGN_CODE },
		{ ".env", ASSIGN_ENV },
		{ "a/b/.env", ASSIGN_ENV },
		{ ".env.production", ASSIGN_ENV },
		{ "prod.env", ASSIGN_ENV },
		{ ".envrc", ASSIGN_ENV },
		{ ".npmrc", ASSIGN_ENV },
		{ ".env.example", ASSIGN_CODE },
		{ "a.env.sample", ASSIGN_CODE },
		{ "environment.go", ASSIGN_CODE },
		{ ".env/a.go", ASSIGN_CODE },
		{ "a.tfvars", ASSIGN_TERRAFORM },
		{ "a.tfvars.json", ASSIGN_TERRAFORM },
		{ "x/a.tfstate", ASSIGN_TERRAFORM },
		{ "a.tfstate.backup", ASSIGN_TERRAFORM },
		{ "x/terraform.tfstate.1764180000.backup", ASSIGN_TERRAFORM },
		{ "terraform.tfstate.d/main.go", ASSIGN_CODE },
		{ "terraform.tfstate.example", ASSIGN_CODE },
		{ "a.tf", ASSIGN_CODE },
		{ "a.tfvars.example", ASSIGN_CODE },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(assign_mode_of(cases[i].path), cases[i].mode);
}

static void test_names(void **state)
{
	(void)state;
	static const char *const yes[] = {
		"password",
		"PASSWORD",
		"DB_PASSWORD",
		"dbPassword",
		"db-passwd",
		"adminPwd",
		"secret",
		"client_secret",
		"clientSecret",
		"token",
		"GITHUB_TOKEN",
		"authToken",
		"apiKey",
		"API_KEY",
		"x-api-key",
		"accessKey",
		"privateKey",
		"SMTP_PASS",
		"spring.datasource.password",
		"_authToken",
		"passphrase",
		"AccountKey",
		"credentials",
		"SECRET_KEY_BASE",
	};
	static const char *const no[] = {
		"",
		"user",
		"passwordFile",
		"PASSWORD_FILE",
		"secretName",
		"tokenTtl",
		"TOKEN_URL",
		"tokens",
		"bypass",
		"compass",
		"publicKey",
		"key",
		"primary_key",
		"nextPageToken",
		"checksum/secret",
		"csrfToken",
		"passwordHash",
		"existingSecret",
		"imagePullSecret",
		"keyId",
		"secret_sha256",
	};

	for (size_t i = 0; i < COUNT(yes); i++)
		assert_true(judge_name(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < COUNT(no); i++)
		assert_false(judge_name(no[i], strlen(no[i])));
}

static void test_long_name(void **state)
{
	(void)state;
	char *yes = mem_printf("%0400d_password", 0), *no = mem_printf("password%0400d", 0);

	assert_true(judge_name(yes, strlen(yes)));
	assert_false(judge_name(no, strlen(no)));
	mem_free(yes);
	mem_free(no);
}

#define HEX32 "08b1cd1f84c3a0e27f5b6d9e10a2c4f3"

/* A key is a credential when its value looks like one, and only among settings. */
static void test_keys(void **state)
{
	(void)state;
	static const char *const names[] = { "SESSION_KEY", "session_key", "HMAC-KEY", "A_KEY" };
	static const char *const not_names[] = {
		"KEY",		"_KEY",	      "sessionKey",
		"KEY_ID",	"PUBLIC_KEY", "SSH_PUB_KEY",
		"SSH_HOST_KEY", "GPG_KEY",    "RECAPTCHA_SITE_KEY"
	};
	static const char *const values[] = { RANDOM, HEX32, "base64:" RANDOM RANDOM "=",
					      "8fK2+mQ9x/Lw4TzR==" };
	static const char *const not_values[] = { "",	       "tenant_id",	"v2-sessions",
						  "08b1cd1f8", "a/b/app-2.zip", "base64:",
						  "a,b",       "a@" RANDOM };

	for (size_t i = 0; i < COUNT(names); i++)
		assert_true(judge_is_key(names[i], strlen(names[i])));
	for (size_t i = 0; i < COUNT(not_names); i++)
		assert_false(judge_is_key(not_names[i], strlen(not_names[i])));
	for (size_t i = 0; i < COUNT(values); i++)
		assert_true(judge_is_key_value(values[i], strlen(values[i])));
	for (size_t i = 0; i < COUNT(not_values); i++)
		assert_false(judge_is_key_value(not_values[i], strlen(not_values[i])));
	seen_expect(".env", "SESSION_KEY=" HEX32 "\nCACHE_KEY=" RANDOM "\n",
		    "env-credential SESSION_KEY\nenv-credential CACHE_KEY\n");
	seen_expect(".env", "SECRET_KEY_BASE=" HEX32 HEX32 "\nPUBLIC_KEY=" HEX32 "\nSORT_KEY=id\n",
		    "env-credential SECRET_KEY_BASE\n");
	seen_expect(".env", "SESSION_KEY=${A}\nB_KEY=/run/" RANDOM "\nC_KEY=changeme\n", "");
	seen_expect("a.tfvars", "session_key = \"" HEX32 "\"\n",
		    "terraform-credential session_key\n");
	seen_expect("a.yaml", "session_key: " HEX32 "\n", "");
	seen_expect("a.py", "SESSION_KEY = '" HEX32 "'\n", "");
}

#define STATE(type, attributes)                                                                    \
	"{\"type\": \"" type "\", \"name\": \"a\", \"instances\": [{\"attributes\": {" attributes  \
	"}}]}"

/* What random_password made stands under "result", as do things that are no secret. */
static void test_state(void **state)
{
	(void)state;
	static const char made[] = "terraform-credential result\n";
	struct buf many = BUF_INIT;

	seen_expect("a.tfstate", STATE("random_password", "\"result\": \"0ld-passw0rd\""), made);
	seen_expect("a.tfstate", STATE("random_string", "\"result\": \"0ld-passw0rd\""), "");
	seen_expect("a.tfvars", "result = \"0ld-passw0rd\"\n", "");
	seen_expect("a.json", STATE("random_password", "\"result\": \"0ld-passw0rd\""), "");
	seen_expect("a.tfstate",
		    STATE("random_password", "\"result\": \"\"")
			STATE("random_string", "\"result\": \"0ld-passw0rd\""),
		    "");
	seen_expect("a.tfstate",
		    "{\"type\":\"random_password\",\"name\":\"a\",\"attributes\":{\"bcrypt_hash\":"
		    "\"$2a$10$" RANDOM "\",\"result\":\"0ld-passw0rd\"}}",
		    "terraform-credential bcrypt_hash\nterraform-credential result\n");
	seen_expect("a.tfstate", "\"result\": \"0ld-passw0rd\"", "");
	seen_expect("a.tfstate", "\"type\"\"result\": \"0ld-passw0rd\"", "");
	/* its type is far from the last instance, the hash is not */
	buf_puts(&many, "{\"type\": \"random_password\", \"name\": \"a\", \"instances\": [");
	for (int i = 0; i < 40; i++)
		buf_printf(&many, "{\"attributes\": {\"bcrypt_hash\": \"\", \"length\": %d}},", i);
	buf_puts(&many,
		 "{\"attributes\": {\"bcrypt_hash\": \"\", \"result\": \"0ld-passw0rd\"}}]}");
	seen_expect("a.tfstate", buf_str(&many), made);
	buf_clear(&many);
}

/* In code only what is random counts, and only as a whole. */
static void test_code(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *where; /* NULL: none */
	} cases[] = {
		{ "password = \"" RANDOM "\"", "password" },
		{ "password: '" RANDOM "'", "password" },
		{ "password: " RANDOM "\n", "password" },
		{ "password: " RANDOM "  # old\r\n", "password" },
		{ "db.password=" RANDOM "\n", "db.password" },
		{ "token := \"" RANDOM "\"", "token" },
		{ "{\"apiKey\":\"" RANDOM "\"}", "apiKey" },
		{ "{\\\"apiKey\\\":\\\"" RANDOM "\\\"}", "apiKey" },
		{ "x[\"api_key\"] = \"" RANDOM "\"", "api_key" },
		{ ":password => \"" RANDOM "\"", "password" },
		{ "ENV API_TOKEN=" RANDOM "\n", "API_TOKEN" },
		{ "<password>" RANDOM "</password>", "password" },
		{ "\"Server=db;Password=" RANDOM ";\"", "Password" },
		{ "https://acme.io/?api_key=" RANDOM "&x=1", "api_key" },
		{ "define('DB_PASSWORD', '" RANDOM "');", "DB_PASSWORD" },
		{ "let api_key: &str = \"" RANDOM "\";", "api_key" },
		{ "const password: string = '" RANDOM "';", "password" },
		{ "variable \"db_password\" {\n  default = \"" RANDOM "\"\n}", "db_password" },
		{ "variable \"size\" {\n  default = \"" RANDOM "\"\n}", NULL },
		{ "helm --set db.password=" RANDOM " --wait", "db.password" },
		{ "?user=a&password=" RANDOM "\n", "password" },
		{ "[\"my-secret\", \"--from=" RANDOM "\"]", NULL },
		{ "f(password, '" RANDOM "')", NULL },
		{ "f('password', " RANDOM ")", NULL },
		{ "x: string = \"" RANDOM "\"", NULL },
		{ "password = " RANDOM ".x()\n", NULL },
		{ "password = f(" RANDOM ")\n", NULL },
		{ "password == \"" RANDOM "\"", NULL },
		{ "password != \"" RANDOM "\"", NULL },
		{ "password = \"" RANDOM "\n", NULL },
		{ "password = \"sommer\"", NULL },
		{ "password = \"sonnenblume42\"", NULL },
		{ "password = \"passwordResetTokenV2\"", NULL },
		{ "password = \"123e4567-e89b-12d3-a456-426614174000\"", NULL },
		{ "password = \"${" RANDOM "}\"", NULL },
		{ "password = \"xxxxxxxxxxxxxxxxxxxx\"", NULL },
		{ "password = \"abcdefghij1234567890\"", NULL },
		{ "password = \"/run/" RANDOM "\"", NULL },
		{ "password = \"a b " RANDOM "\"", NULL },
		{ "secret := v1.Secret{\n", NULL },
		{ "token = resp.NextContinuationToken2\n", NULL },
		{ "secret: arn:aws:secretsmanager:eu-1:12:secret:prod/" RANDOM "\n", NULL },
		{ "public_key = \"" RANDOM "\"", NULL },
		{ "name = \"" RANDOM "\"", NULL },
		{ "password", NULL },
		{ "password=", NULL },
		{ "=" RANDOM, NULL },
	};
	struct seen s = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		bool none = cases[i].where == NULL;

		seen_scan(&s, "a.txt", cases[i].text);
		if (s.n != !none)
			print_error("%s\n", cases[i].text);
		assert_int_equal(s.n, !none);
		if (!none) {
			assert_string_equal(s.rule[0], "assigned-credential");
			assert_string_equal(s.where[0], cases[i].where);
		}
	}
	seen_clear(&s);
}

static void test_env(void **state)
{
	(void)state;
	static const struct {
		const char *text, *list;
	} cases[] = {
		{ "DB_PASSWORD=sommer\n", "env-credential DB_PASSWORD\n" },
		{ "export DB_PASSWORD='som-mer'\n", "env-credential DB_PASSWORD\n" },
		{ "TOKEN=8a7b6c\n", "env-credential TOKEN\n" },
		{ "PIN_SECRET=83749201\n", "env-credential PIN_SECRET\n" },
		{ "DB_PASSWORD=\nTOKEN=\"\"\n", "" },
		{ "DB_PASSWORD=P@@ssw0rd2026\n", "env-credential DB_PASSWORD\n" },
		{ "DB_PASSWORD=Winter#{2026}k\n", "env-credential DB_PASSWORD\n" },
		{ "DB_PASSWORD=put-the-blue-lamp-42\n", "env-credential DB_PASSWORD\n" },
		{ "DB_PASSWORD=@@PASSWORD@@\nTOKEN=#{Token}\nTOKEN=put-it-here\n", "" },
		{ "DB_PASSWORD=changeme\n", "" },
		{ "DB_PASSWORD=password\n", "" },
		{ "DB_PASSWORD=my-secret-password\n", "" },
		{ "DB_PASSWORD=kurz\n", "" },
		{ "SECRET=db-credentials\n", "" },
		{ "TOKEN=${OTHER}\nTOKEN=$OTHER\nTOKEN=`cat x`\n", "" },
		{ "SECRET=/run/secrets/x\nSECRET=./a\nTOKEN=https://acme.io/x\n", "" },
		{ "TOKEN=12345\n", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		seen_expect(".env", cases[i].text, cases[i].list);
	seen_expect("a.tfvars", "db_password = \"winter-is-coming\"\n",
		    "terraform-credential db_password\n");
	seen_expect("a.yaml", "db:\n  password: sommer2026\n  token: sommer2026\n",
		    "assigned-credential password\n");
	seen_expect("a.yaml", "password: Neues Passwort2\npassword: resp.Password2\n", "");
	seen_expect("a.cs", "var secret = @\"" RANDOM "\";", "assigned-credential secret\n");
	seen_expect("a.txt", "db_password = \"winter-is-coming\"\n", "");
}

/* AWS's secret key is told by its name and length. */
static void test_aws(void **state)
{
	(void)state;
	char *text = mem_printf("aws_secret_access_key = %s%s\n", RANDOM, "Jd83Hs0pQz5Yt6Wc1Xv2");

	seen_expect("a.txt", text, "aws-key aws_secret_access_key\n");
	mem_free(text);
}

static void test_placeholders(void **state)
{
	(void)state;
	static const char *const yes[] = {
		"",	      " ",	    "null",	"None",
		"${A}",	      "a${A}b",	    "$A",	"{{ .a }}",
		"$(a)",	      "<a>",	    "%s",	"%A%",
		"__A__",      "[a]",	    "changeme", "CHANGE-ME",
		"your-token", "my_example", "xxx",	"aaaa",
		"****",	      "abc...",	    "ENC[x]",	"op://a/b",
		"vault:a#b",  "arn:aws:x",  "var.a",	"REPLACE_ME",
		"todo",	      "#{a}",	    "a\n...",	"-----BEGIN AGE ENCRYPTED FILE-----\nx",
		"true",
	};
	static const char *const no[] = {
		"sommer",   "a",     "$2a$10$abc", "Xchangeme2",
		"9put4",    "truex", "a<b>",	   "winter-is-coming",
		"p4$$w0rd", "ENCx",  "[a",
	};

	for (size_t i = 0; i < COUNT(yes); i++)
		assert_true(placeholder_is(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < COUNT(no); i++)
		assert_false(placeholder_is(no[i], strlen(no[i])));
	assert_true(placeholder_is_word("Password", 8));
	assert_true(placeholder_is_word("my-secret", 9));
	assert_false(placeholder_is_word("sommer", 6));
	assert_false(placeholder_is_word("my-winter9", 10));
	assert_int_equal(placeholder_variety("abcabc", 6), 3);
	assert_int_equal(placeholder_variety("", 0), 0);
	assert_true(placeholder_is_counted("abcdef", 6));
	assert_true(placeholder_is_counted("987654", 6));
	assert_true(placeholder_is_counted("aaaaab", 6));
	assert_false(placeholder_is_counted("a7c2e9", 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),	     cmocka_unit_test(test_names),
		cmocka_unit_test(test_long_name),    cmocka_unit_test(test_code),
		cmocka_unit_test(test_env),	     cmocka_unit_test(test_keys),
		cmocka_unit_test(test_state),	     cmocka_unit_test(test_aws),
		cmocka_unit_test(test_placeholders),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
