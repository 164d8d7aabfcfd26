/* SPDX-License-Identifier: Apache-2.0 */
/* Google's key files, by themselves and as a registry's password. */
#include "tests/unit/kinds/keys.h"
#include "tests/unit/kinds/kindtest.h"

#include <jansson.h>

#include "kinds/gcp_key.h"

#define EMAIL "ci@foobar.iam.gserviceaccount.com"
#define ID "0123456789abcdef0123456789abcdef01234567"

/*
 * A key file with the key named by key ("rsa2048", see keys.h), and one member set to value, or
 * taken out when value is NULL, or nothing changed when member is NULL.
 */
static char *key_file(const char *key, const char *member, const char *value)
{
	char *pem = test_pkcs8(test_key(key), NULL), *text;
	json_t *v =
	    json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "type", "service_account", "project_id",
		      "foobar", "private_key_id", ID, "private_key", pem, "client_email", EMAIL,
		      "client_id", "1", "token_uri", "https://oauth2.googleapis.com/token");
	char *dump;

	if (member != NULL && value != NULL)
		json_object_set_new(v, member, json_string(value));
	else if (member != NULL)
		json_object_del(v, member);
	dump = json_dumps(v, JSON_INDENT(2));
	text = mem_printf("%s\n", dump);
	mem_free(dump);
	mem_free(pem);
	json_decref(v);
	return text;
}

static void test_taken(void **state)
{
	(void)state;
	static const struct {
		const char *member, *value;
	} cases[] = {
		{ NULL, NULL },
		{ "token_uri", NULL },
		{ "token_uri", "https://accounts.google.com/o/oauth2/token" },
		{ "token_uri", "https://www.googleapis.com/oauth2/v4/token" },
		{ "universe_domain", "googleapis.com" },
		{ "client_id", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *file = key_file("rsa2048", cases[i].member, cases[i].value);
		char *word = mem_printf("key=%s", file);
		char *data = mem_printf("credentials.json=%s", file);
		struct kindtest_taken t = {
			{ word }, data, "fingerprint=" ID " project=foobar user=" EMAIL, NULL
		};

		kindtest_take(&kind_gcp_service_account, &t);
		mem_free(file);
		mem_free(word);
		mem_free(data);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *key, *member, *value, *text;
	} cases[] = {
		{ "rsa2048", "type", NULL, "key.type: missing" },
		{ "rsa2048", "type", "authorized_user",
		  "key: is of type authorized_user: a person's login (gcloud auth "
		  "application-default "
		  "login)" },
		{ "rsa2048", "type", "external_account",
		  "key: is of type external_account: workload identity federation, which holds no "
		  "key and "
		  "is no secret" },
		{ "rsa2048", "type", "impersonated_service_account",
		  "key: is of type impersonated_service_account: a person's login in the place of "
		  "a service "
		  "account" },
		{ "rsa2048", "type", "external_account_authorized_user",
		  "key: is of type external_account_authorized_user: a person's login by workforce "
		  "federation" },
		{ "rsa2048", "type", "gdch_service_account",
		  "key: is of type gdch_service_account: of Google Distributed Cloud, whose "
		  "readers are "
		  "others" },
		{ "rsa2048", "type", "Service_Account", "key: is not of type service_account" },
		{ "rsa2048", "installed", "x",
		  "key: is the file of an OAuth client, not of a service account" },
		{ "rsa2048", "web", "x",
		  "key: is the file of an OAuth client, not of a service account" },
		{ "rsa2048", "project_id", NULL, "key.project_id: missing" },
		{ "rsa2048", "project_id", "", "key.project_id: is empty" },
		{ "rsa2048", "project_id", "foo bar", "key.project_id: holds a blank at byte 4" },
		{ "rsa2048", "private_key_id", NULL, "key.private_key_id: missing" },
		{ "rsa2048", "private_key_id", "a\nb",
		  "key.private_key_id: holds a line break at byte 2 of 3, which its reader would "
		  "take as "
		  "part of it" },
		{ "rsa2048", "client_email", NULL, "key.client_email: missing" },
		{ "rsa2048", "client_email", "ci",
		  "key.client_email: is not NAME@PROJECT.iam.gserviceaccount.com" },
		{ "rsa2048", "client_email", "ci@",
		  "key.client_email: is not NAME@PROJECT.iam.gserviceaccount.com" },
		{ "rsa2048", "client_email", "@x",
		  "key.client_email: is not NAME@PROJECT.iam.gserviceaccount.com" },
		{ "rsa2048", "client_email", "a@b@c",
		  "key.client_email: is not NAME@PROJECT.iam.gserviceaccount.com" },
		{ "rsa2048", "client_email", "gr\xc3\xbc@x",
		  "key.client_email: holds a character that is not ASCII at byte 3" },
		{ "rsa2048", "token_uri", "http://oauth2.googleapis.com/token",
		  "key.token_uri: does not begin with https://" },
		{ "rsa2048", "token_uri", "https://oauth2.example.com/token",
		  "key.token_uri: is not at Google" },
		{ "rsa2048", "token_uri", "https://example.com/.googleapis.com",
		  "key.token_uri: is not at Google" },
		{ "rsa2048", "token_uri", "https://evilgoogleapis.com/token",
		  "key.token_uri: is not at Google" },
		{ "rsa2048", "token_uri", "https://u@x.googleapis.com/token",
		  "key.token_uri: is not at Google" },
		{ "rsa2048", "token_uri", "https://x.googleapis.com:8443/token",
		  "key.token_uri: is not at Google" },
		{ "rsa2048", "universe_domain", "example.com", "key.token_uri: is not at Google" },
		{ "rsa2048", "private_key", NULL, "key.private_key: missing" },
		{ "rsa1024", NULL, NULL,
		  "key.private_key: has 1024 bits, and Google's have at least 2048" },
		{ "p256", NULL, NULL, "key.private_key: is ECDSA P-256, and Google's are RSA" },
		{ "ed25519", NULL, NULL, "key.private_key: is Ed25519, and Google's are RSA" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *file = key_file(cases[i].key, cases[i].member, cases[i].value);
		char *word = mem_printf("key=%s", file);
		struct kindtest_refused t = { { word }, cases[i].text };

		kindtest_refuse(&kind_gcp_service_account, &t);
		mem_free(file);
		mem_free(word);
	}
}

static void test_not_a_file(void **state)
{
	(void)state;
	static const struct kindtest_refused cases[] = {
		{ { NULL }, "key: missing; give --key-file FILE|-" },
		{ { "key=" }, "key: is empty" },
		{ { "key=0\x82" }, "key: line 1, column 1: not valid JSON" },
		{ { "key=[]" }, "key: is not a JSON object" },
		{ { "key={}" }, "key.type: missing" },
		{ { "key={\"type\":1}" }, "key.type: not a string" },
		{ { "key={\"type\":\"service_account\",\"type\":\"x\"}" },
		  "key: line 1, column 32: a name stands twice" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		kindtest_refuse(&kind_gcp_service_account, &cases[i]);
}

static void test_unverified(void **state)
{
	(void)state;
	char *file = key_file("rsa2048", NULL, NULL);
	char *data = mem_printf("credentials.json=%s", file);
	struct kindtest_unverified cases[] = {
		{ { data, "@fact=project=foobar", "@fact=user=" EMAIL },
		  ERR_REFUSED,
		  "fact fingerprint: missing" },
		{ { data, "@fact=project=other", "@fact=user=" EMAIL, "@fact=fingerprint=" ID },
		  ERR_REFUSED,
		  "fact project: the data says something else" },
		{ { data, "@fact=project=foobar", "@fact=user=x", "@fact=fingerprint=" ID },
		  ERR_REFUSED,
		  "fact user: the data says something else" },
		{ { "credentials.json={}" },
		  ERR_INVALID,
		  "data key credentials.json.type: missing" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		kindtest_unverify(&kind_gcp_service_account, &cases[i]);
	mem_free(file);
	mem_free(data);
}

/* Google's registries: the key file is the password, line breaks and all. */
static void test_registry(void **state)
{
	(void)state;
	char *file = key_file("rsa2048", NULL, NULL), *broken = key_file("rsa2048", "type", "x");
	struct buf b64 = BUF_INIT;
	char *words[5];

	b64_encode(&b64, file, strlen(file));
	words[0] = mem_printf("token=%s", file);
	words[1] = mem_printf("token=%s", broken);
	words[2] = mem_printf("token=%s", buf_str(&b64));
	words[3] = mem_printf("token=%.64s\n%s", buf_str(&b64), buf_str(&b64) + 64);
	words[4] = mem_printf("docker-config={\"auths\":{\"eu.gcr.io\":{\"username\":"
			      "\"_json_key_base64\",\"password\":\"%s\"}}}",
			      buf_str(&b64));
	{
		const char *server = "server=europe-west9-docker.pkg.dev";
		const struct kindtest_taken taken[] = {
			{ { server, "username=_json_key", words[0] },
			  NULL,
			  "registry=europe-west9-docker.pkg.dev user=_json_key",
			  NULL },
			{ { server, "username=_json_key_base64", words[2] },
			  NULL,
			  "registry=europe-west9-docker.pkg.dev user=_json_key_base64",
			  NULL },
			{ { words[4] }, NULL, "registry=eu.gcr.io user=_json_key_base64", NULL },
		};
		const struct kindtest_refused refused[] = {
			{ { server, "username=_json_key", words[1] },
			  "token: is not of type service_account" },
			{ { server, "username=_json_key", words[2] },
			  "token: line 1, column 7: not valid JSON" },
			{ { server, "username=_json_key_base64", words[0] },
			  "token: for the user _json_key_base64 it is a key file in base64, on one "
			  "line" },
			{ { server, "username=_json_key_base64", words[3] },
			  "token: for the user _json_key_base64 it is a key file in base64, on one "
			  "line" },
		};

		for (size_t i = 0; i < COUNT(taken); i++)
			kindtest_take(&kind_registry, &taken[i]);
		for (size_t i = 0; i < COUNT(refused); i++)
			kindtest_refuse(&kind_registry, &refused[i]);
	}
	for (size_t i = 0; i < COUNT(words); i++)
		mem_free(words[i]);
	mem_free(file);
	mem_free(broken);
	buf_clear(&b64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),	   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_a_file), cmocka_unit_test(test_unverified),
		cmocka_unit_test(test_registry),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/gcp", tests, NULL, NULL);
}
