/* SPDX-License-Identifier: Apache-2.0 */
/* Pull secrets: hosts, docker configs, logins. */
#include "tests/unit/kinds/kindtest.h"

#include "kinds/dockerconfig.h"

/* a token that opens nothing, split so that no scanner takes it for a real one */
#define PAT                                                                                        \
	"ghp"                                                                                      \
	"_0123456789abcdefghijABCDEFGHIJ3mpbCX"
#define U "username=octocat"
#define T "token=" PAT
#define CONFIG "docker-config="
/* base64 of "u:p" and of what else "auth" is tried with */
#define UP "dTpw"
#define AUTHS(entries) CONFIG "{\"auths\":{" entries "}}"
#define LOGIN(host, user, password)                                                                \
	"\"" host "\":{\"username\":\"" user "\",\"password\":\"" password "\"}"

static void test_taken(void **state)
{
	(void)state;
	static const struct kindtest_taken cases[] = {
		{ { "server=ghcr.io", U, T "\n" },
		  ".dockerconfigjson={\"auths\":{\"ghcr.io\":{\"username\":\"octocat\","
		  "\"password\":\"" PAT "\",\"auth\":"
		  "\"b2N0b2NhdDpnaHBfMDEyMzQ1Njc4OWFiY2RlZmdoaWpBQkNERUZHSElKM21wYkNY\"}}}",
		  "registry=ghcr.io user=octocat",
		  NULL },
		{ { "server=registry.example.com:5000", "username=u", "token=p" },
		  ".dockerconfigjson={\"auths\":{\"registry.example.com:5000\":{\"username\":\"u\","
		  "\"password\":\"p\",\"auth\":\"" UP "\"}}}",
		  "registry=registry.example.com:5000 user=u",
		  NULL },
		{ { "server=localhost:5000", "username=u", "token=p" },
		  NULL,
		  "registry=localhost:5000 user=u",
		  NULL },
		{ { "server=[fd00::1]:5000", "username=u", "token=p" },
		  NULL,
		  "registry=[fd00::1]:5000 user=u",
		  NULL },
		{ { "server=[fd00::1]", "username=u", "token=p" },
		  NULL,
		  "registry=[fd00::1] user=u",
		  NULL },
		/* what Flux's HelmRepository asks for; the kubelet asks for docker.io */
		{ { "server=registry-1.docker.io", "username=u", "token=p" },
		  NULL,
		  "registry=registry-1.docker.io user=u",
		  NULL },
		{ { "server=registry:5000", "username=u", "token=p" },
		  NULL,
		  "registry=registry:5000 user=u",
		  NULL },
		{ { "server=10.0.0.1:80", "username=u", "token=p" },
		  NULL,
		  "registry=10.0.0.1:80 user=u",
		  NULL },
		{ { "server=docker.io", "username=u", "token=p" },
		  ".dockerconfigjson={\"auths\":{\"https://index.docker.io/v1/"
		  "\":{\"username\":\"u\","
		  "\"password\":\"p\",\"auth\":\"" UP "\"}}}",
		  "registry=docker.io user=u",
		  "server: written as https://index.docker.io/v1/, where the kubelet looks for it; "
		  "a HelmRepository at oci://registry-1.docker.io needs that host" },
		{ { "server=index.docker.io", "username=u", "token=p" },
		  NULL,
		  "registry=docker.io user=u",
		  "server: written as https://index.docker.io/v1/, where the kubelet looks for it; "
		  "a HelmRepository at oci://registry-1.docker.io needs that host" },
		{ { "server=https://index.docker.io/v1/", "username=u", "token=p" },
		  NULL,
		  "registry=docker.io user=u",
		  NULL },
		{ { "server=*.example.com", "username=u", "token=p" },
		  NULL,
		  "registry=*.example.com user=u",
		  "server: is a pattern, which the kubelet matches; Flux's HelmRepository looks "
		  "for the "
		  "exact host and finds nothing" },
		{ { "server=ghcr.io", U, "token=0123456789abcdef" },
		  NULL,
		  "registry=ghcr.io user=octocat",
		  "token: begins with none of GitHub's prefixes (ghp_, github_pat_, ...), so its "
		  "shape "
		  "was not checked" },
		{ { "server=eu.gcr.io", "username=oauth2accesstoken", "token=ya29" },
		  NULL,
		  "registry=eu.gcr.io user=oauth2accesstoken",
		  "token: Google's access tokens end after an hour; a key file (_json_key) lasts" },
		{ { "server=registry.example.com", "username=u", "token=p w\xc3\xa4" },
		  ".dockerconfigjson={\"auths\":{\"registry.example.com\":{\"username\":\"u\","
		  "\"password\":\"p w\xc3\xa4\",\"auth\":\"dTpwIHfDpA==\"}}}",
		  NULL,
		  NULL },
		/* docker configs: all three spellings of a login, several registries, sorted */
		{ { AUTHS(LOGIN("b.example.com", "u", "p") ",\"a.example.com\":{\"auth\":\"" UP
							   "\"}") },
		  ".dockerconfigjson={\"auths\":{"
		  "\"a.example.com\":{\"username\":\"u\",\"password\":\"p\",\"auth\":\"" UP "\"},"
		  "\"b.example.com\":{\"username\":\"u\",\"password\":\"p\",\"auth\":\"" UP "\"}}}",
		  "registry=a.example.com,b.example.com user=u",
		  NULL },
		{ { AUTHS("\"a.example.com\":{\"username\":\"u\",\"auth\":\"" UP "\"}") },
		  NULL,
		  "registry=a.example.com user=u",
		  NULL },
		{ { AUTHS("\"a.example.com\":{\"password\":\"p\",\"auth\":\"" UP "\"}") },
		  NULL,
		  "registry=a.example.com user=u",
		  NULL },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"dTpwOnE=\"}") },
		  ".dockerconfigjson={\"auths\":{\"a.example.com\":{\"username\":\"u\","
		  "\"password\":\"p:q\","
		  "\"auth\":\"dTpwOnE=\"}}}",
		  NULL,
		  NULL },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"" UP "\",\"email\":\"x@y.z\"}") },
		  NULL,
		  "registry=a.example.com user=u",
		  "docker-config: auths: a.example.com: email is left out; nothing reads it" },
		{ { AUTHS(LOGIN("docker.io", "u", "p")) },
		  NULL,
		  "registry=docker.io user=u",
		  "docker-config: auths: docker.io: written as https://index.docker.io/v1/, where "
		  "the kubelet looks for it; a HelmRepository at oci://registry-1.docker.io needs "
		  "that host" },
		/* a login added to a config */
		{ { AUTHS(LOGIN("a.example.com", "u", "p")), "server=ghcr.io", U, T },
		  NULL,
		  "registry=a.example.com,ghcr.io user=octocat,u",
		  NULL },
		{ { "server=ghcr.io", U, T, "@alias=config.json=.dockerconfigjson",
		    "@extra=namespaces=web-*,api", "@extra=service-accounts=default" },
		  NULL,
		  "aliases=config.json=.dockerconfigjson namespaces=api,web-* registry=ghcr.io "
		  "service-accounts=default user=octocat",
		  NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		kindtest_take(&kind_registry, &cases[i]);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct kindtest_refused cases[] = {
		{ { NULL }, "server: missing; give --server HOST, or --docker-config FILE|-" },
		{ { U, T }, "server: missing; give --server HOST, or --docker-config FILE|-" },
		{ { "server=ghcr.io", T }, "username: missing; give --username USER" },
		{ { "server=ghcr.io", U }, "token: missing; give --token-file FILE|-" },
		{ { "server=ghcr.io", U, "token=" }, "token: is empty" },
		{ { "server=ghcr.io", U, "token=\n" }, "token: is empty" },
		{ { "server=ghcr.io", U, T "\n\n" },
		  "token: holds a line break at byte 41 of 41, which its reader would take as part "
		  "of it" },
		{ { "server=ghcr.io", U,
		    "token="
		    "ghp"
		    "_0123456789abcdefghijABCDEFGHIJ3mpbC" },
		  "token: begins like a classic GitHub personal access token, which has 40 "
		  "characters; this "
		  "has 39: some are missing" },
		{ { "server=ghcr.io", U,
		    "token="
		    "ghp"
		    "_0123456789abcdefghijABCDEFGHIJ3mpbCY" },
		  "token: the checksum in its last 6 characters does not match: a character is "
		  "wrong or two "
		  "have changed places; copy it again" },
		{ { "server=ghcr.io", U,
		    "token="
		    "github"
		    "_pat_11ABCDEFG0abcdefghij01_"
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456" },
		  "token: is a fine-grained GitHub personal access token: GitHub's registry takes "
		  "no "
		  "fine-grained token; make a classic one (ghp_) with read:packages" },
		{ { "server=ghcr.io", "username=octo:cat", T },
		  "username: holds a colon, at which HTTP Basic authentication would cut it" },
		{ { "server=ghcr.io", "username=octocat\n", T },
		  "username: holds a line break at byte 8 of 8, which its reader would take as "
		  "part of it" },
		{ { "server=ghcr.io", "username=", T }, "username: is empty" },
		{ { "server=registry.example.com", "username=u", "token=\xff\xfe" },
		  "registry.example.com: the password is not UTF-8, and a docker config is JSON" },
		/* hosts */
		{ { "server=", U, T }, "server: is empty" },
		{ { "server=https://ghcr.io", U, T },
		  "server: begins with a scheme; give the host as the names of images do: "
		  "ghcr.io" },
		{ { "server=http://ghcr.io", U, T },
		  "server: begins with a scheme; give the host as the names of images do: "
		  "ghcr.io" },
		{ { "server=oci://ghcr.io/org", U, T },
		  "server: begins with a scheme; give the host as the names of images do: "
		  "ghcr.io" },
		{ { "server=octocat@ghcr.io", U, T },
		  "server: holds an \"@\"; the user name is given by itself" },
		{ { "server=ghcr.io/", U, T }, "server: ends with a slash; give the host alone" },
		{ { "server=ghcr.io/org", U, T },
		  "server: holds a path, which the kubelet takes for a beginning, so that org also "
		  "means org-other, and Flux for nothing; give the host alone" },
		{ { "server=ghcr.io/org/", U, T },
		  "server: holds a path, which the kubelet takes for a beginning, so that org also "
		  "means org-other, and Flux for nothing; give the host alone" },
		{ { "server=GHCR.io", U, T },
		  "server: holds a capital at character 1; readers compare with the names of "
		  "images, which "
		  "are in lower case" },
		{ { "server=ghcr.io:443", U, T },
		  "server: leave out the port 443: readers compare it as text, and images are "
		  "named without "
		  "it" },
		{ { "server=ghcr.io:", U, T }, "server: the port is not a number from 1 to 65535" },
		{ { "server=ghcr.io:0", U, T },
		  "server: the port is not a number from 1 to 65535" },
		{ { "server=ghcr.io:080", U, T },
		  "server: the port is not a number from 1 to 65535" },
		{ { "server=ghcr.io:65536", U, T },
		  "server: the port is not a number from 1 to 65535" },
		{ { "server=ghcr.io:999999999", U, T },
		  "server: the port is not a number from 1 to 65535" },
		{ { "server=ghcr.io:a", U, T },
		  "server: the port is not a number from 1 to 65535" },
		{ { "server=ghcr.io:5000:1", U, T },
		  "server: the port is not a number from 1 to 65535" },
		{ { "server=[::1", U, T }, "server: has brackets that hold no IPv6 address" },
		{ { "server=[]:5000", U, T }, "server: has brackets that hold no IPv6 address" },
		{ { "server=[::g]:5000", U, T }, "server: has brackets that hold no IPv6 address" },
		{ { "server=[::1]x", U, T }, "server: has brackets that hold no IPv6 address" },
		{ { "server=a[::1].b", U, T }, "server: has brackets that hold no IPv6 address" },
		{ { "server=::1]", U, T }, "server: has brackets that hold no IPv6 address" },
		{ { "server=[::1]:", U, T }, "server: the port is not a number from 1 to 65535" },
		{ { "server=[::1]:443", U, T },
		  "server: leave out the port 443: readers compare it as text, and images are "
		  "named without "
		  "it" },
		{ { "server=localhost", U, T },
		  "server: has neither a dot nor a port, so the kubelet takes it for a folder of "
		  "Docker Hub" },
		{ { "server=ghcr io", U, T }, "server: holds a blank at byte 5" },
		{ { "server=ghcr_io.x", U, T },
		  "server: holds a character at position 5 that no host has" },
		{ { "server=ghcr.io\n", U, T },
		  "server: holds a line break at byte 8 of 8, which its reader would take as part "
		  "of it" },
		{ { "server=gh\xc3\xa7r.io", U, T },
		  "server: holds a character that is not ASCII at byte 3" },
		{ { "server=.ghcr.io", U, T },
		  "server: between two dots (or before the first, or after the last) stands no "
		  "part of a host "
		  "name" },
		{ { "server=ghcr.io.", U, T },
		  "server: between two dots (or before the first, or after the last) stands no "
		  "part of a host "
		  "name" },
		{ { "server=ghcr..io", U, T },
		  "server: between two dots (or before the first, or after the last) stands no "
		  "part of a host "
		  "name" },
		{ { "server=-ghcr.io", U, T },
		  "server: between two dots (or before the first, or after the last) stands no "
		  "part of a host "
		  "name" },
		{ { "server=ghcr-.io", U, T },
		  "server: between two dots (or before the first, or after the last) stands no "
		  "part of a host "
		  "name" },
		{ { "server=:5000", U, T },
		  "server: between two dots (or before the first, or after the last) stands no "
		  "part of a host "
		  "name" },
		{ { "server=registry", U, T },
		  "server: has neither a dot nor a port, so the kubelet takes it for a folder of "
		  "Docker Hub" },
		{ { "server=github.com", U, T },
		  "server: github.com serves no images; give ghcr.io" },
		{ { "server=docker.pkg.github.com", U, T },
		  "server: docker.pkg.github.com serves no images; give ghcr.io" },
		{ { "server=hub.docker.com", U, T },
		  "server: hub.docker.com serves no images; give docker.io" },
		{ { "server=gitlab.com", U, T },
		  "server: gitlab.com serves no images; give registry.gitlab.com" },
		/* docker configs */
		{ { CONFIG "auths" }, "docker-config: line 1, column 5: not valid JSON" },
		{ { CONFIG "[]" }, "docker-config: not an object" },
		{ { CONFIG "{}" }, "docker-config.auths: missing" },
		{ { CONFIG "{\"auths\":[]}" }, "docker-config.auths: not an object" },
		{ { CONFIG "{\"auths\":{}}" }, "docker-config: auths is empty" },
		{ { CONFIG "{\"auths\":{},\"auths\":{}}" },
		  "docker-config: line 1, column 19: a name stands twice" },
		{ { CONFIG "{\"ghcr.io\":{\"auth\":\"" UP "\"}}" },
		  "docker-config: unknown field \"ghcr.io\"" },
		{ { CONFIG "{\"auths\":{},\"credHelpers\":{\"ghcr.io\":\"x\"}}" },
		  "docker-config: credHelpers names programs on your machine; log in without one" },
		{ { CONFIG "{\"auths\":{},\"credsStore\":\"desktop\"}" },
		  "docker-config: credsStore names a program on your machine that holds the "
		  "passwords; log in "
		  "without it" },
		{ { CONFIG "{\"auths\":{},\"HttpHeaders\":{}}" },
		  "docker-config: HttpHeaders is not sent by the kubelet and Flux, and may hold "
		  "secrets" },
		{ { CONFIG "{\"auths\":{},\"currentContext\":\"x\"}" },
		  "docker-config: unknown field \"currentContext\"" },
		{ { AUTHS("\"a.example.com\":\"" UP "\"") },
		  "docker-config: auths: a.example.com: not an object" },
		{ { AUTHS("\"a.example.com\":{}") },
		  "docker-config: auths: a.example.com: has neither auth nor username and "
		  "password" },
		{ { AUTHS("\"a.example.com\":{\"username\":\"u\"}") },
		  "docker-config: auths: a.example.com: has no password" },
		{ { AUTHS("\"a.example.com\":{\"password\":\"p\"}") },
		  "docker-config: auths: a.example.com: has no username" },
		{ { AUTHS("\"a.example.com\":{\"username\":1,\"password\":\"p\"}") },
		  "docker-config: auths: a.example.com.username: not a string" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"" UP "\",\"identitytoken\":\"x\"}") },
		  "docker-config: auths: a.example.com: identitytoken is not used by the kubelet "
		  "and Flux; log "
		  "in with a password or a token" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"" UP "\",\"registrytoken\":\"x\"}") },
		  "docker-config: auths: a.example.com: registrytoken is not used by the kubelet "
		  "and Flux; log "
		  "in with a password or a token" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"" UP "\",\"token\":\"x\"}") },
		  "docker-config: auths: a.example.com: unknown field \"token\"" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"\"}") },
		  "docker-config: auths: a.example.com: auth has no colon between user and "
		  "password" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"u:p\"}") },
		  "docker-config: auths: a.example.com: auth is not base64" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"dTpw\\n\"}") },
		  "docker-config: auths: a.example.com: auth is not base64" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"dTpwcQ\"}") },
		  "docker-config: auths: a.example.com: auth is base64 without its padding, which "
		  "not every "
		  "reader takes" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"dXA=\"}") },
		  "docker-config: auths: a.example.com: auth has no colon between user and "
		  "password" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"OnA=\"}") },
		  "docker-config: auths: a.example.com: username: is empty" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"dTo=\"}") },
		  "docker-config: auths: a.example.com: password: is empty" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"dTpwCg==\"}") },
		  "docker-config: password of a.example.com: holds a line break at byte 2 of 2, "
		  "which its "
		  "reader would take as part of it" },
		{ { AUTHS("\"a.example.com\":{\"auth\":\"dTpwAA==\"}") },
		  "docker-config: password of a.example.com: holds a control character at byte 2" },
		{ { AUTHS("\"a.example.com\":{\"username\":\"v\",\"auth\":\"" UP "\"}") },
		  "docker-config: auths: a.example.com: auth and username disagree" },
		{ { AUTHS("\"a.example.com\":{\"username\":\"u\",\"password\":\"q\",\"auth\":\"" UP
			  "\"}") },
		  "docker-config: auths: a.example.com: auth and password disagree" },
		{ { AUTHS(LOGIN("https://ghcr.io", "u", "p")) },
		  "docker-config: auths: https://ghcr.io: begins with a scheme; give the host as "
		  "the names of "
		  "images do: ghcr.io" },
		{ { AUTHS(LOGIN("ghcr.io/v2/", "u", "p")) },
		  "docker-config: auths: ghcr.io/v2/: holds a path, which the kubelet takes for a "
		  "beginning, so that org also means org-other, and Flux for nothing; give the "
		  "host alone" },
		{ { AUTHS(LOGIN("", "u", "p")) }, "docker-config: auths: : is empty" },
		{ { AUTHS(LOGIN("https://u:hunter2@ghcr.io", "u", "p")) },
		  "docker-config: auths: (a key with \"@\", \"?\" or \"#\"): begins with a "
		  "scheme; give the host as the names of images do: ghcr.io" },
		{ { AUTHS("\"u:hunter2@ghcr.io\":{}") },
		  "docker-config: auths: (a key with \"@\", \"?\" or \"#\"): has neither auth "
		  "nor username and password" },
		{ { AUTHS(LOGIN("docker.io", "u", "p") "," LOGIN("index.docker.io", "u", "p")) },
		  "docker-config: docker.io stands there under two names" },
		{ { AUTHS(LOGIN("ghcr.io", "u",
				"glpat"
				"-0123456789abcdefghij")) },
		  "docker-config: password of ghcr.io: is a GitLab personal access token, and "
		  "ghcr.io is "
		  "GitHub's" },
		{ { AUTHS(LOGIN("docker.io", "u", PAT)) },
		  "docker-config: password of docker.io: is a classic GitHub personal access "
		  "token, and "
		  "docker.io is Docker's" },
		{ { AUTHS(LOGIN("ghcr.io", "u", "p w")) },
		  "docker-config: password of ghcr.io: holds a blank at byte 2" },
		{ { AUTHS(LOGIN("ghcr.io", "u", PAT)), "server=ghcr.io", U, T },
		  "server: stands in the docker config already" },
		{ { AUTHS(LOGIN("a.example.com", "u", "p")), "server=ghcr.io" },
		  "username: missing; give --username USER" },
		{ { "server=ghcr.io", U, T, "@type=Opaque" },
		  "type Opaque: not one that this kind makes (kubernetes.io/dockerconfigjson)" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		kindtest_refuse(&kind_registry, &cases[i]);
}

static void test_long_host(void **state)
{
	(void)state;
	char *host = mem_printf("server=%0251d.io", 0);
	struct kindtest_refused t = { { host, U, T },
				      "server: the host is longer than 253 characters" };

	kindtest_refuse(&kind_registry, &t);
	mem_free(host);
}

#define DATA ".dockerconfigjson="
#define GOOD DATA "{\"auths\":{\"a.example.com\":{\"username\":\"u\",\"password\":\"p\"}}}"

static void test_unverified(void **state)
{
	(void)state;
	static const struct kindtest_unverified cases[] = {
		{ { GOOD, "@fact=registry=a.example.com" }, ERR_REFUSED, "fact user: missing" },
		{ { GOOD, "@fact=registry=b.example.com", "@fact=user=u" },
		  ERR_REFUSED,
		  "fact registry: the data says something else" },
		{ { GOOD, "@fact=registry=a.example.com", "@fact=user=u", "@fact=url=x" },
		  ERR_INVALID,
		  "fact url: not one of this kind" },
		{ { "config.json={}" },
		  ERR_INVALID,
		  "data key config.json: neither a key of this kind nor an alias" },
		{ { DATA "{}" }, ERR_INVALID, "data key .dockerconfigjson.auths: missing" },
		{ { DATA "{\"auths\":{\"https://ghcr.io\":{\"auth\":\"" UP "\"}}}" },
		  ERR_INVALID,
		  "data key .dockerconfigjson: auths: https://ghcr.io: begins with a scheme; give "
		  "the host as "
		  "the names of images do: ghcr.io" },
		{ { DATA "{\"auths\":{\"docker.io\":{\"auth\":\"" UP "\"}}}" },
		  ERR_INVALID,
		  "data key .dockerconfigjson: auths: docker.io: the key of Docker Hub is "
		  "https://index.docker.io/v1/" },
		{ { DATA "{\"auths\":{\"ghcr.io\":{\"username\":\"u\",\"password\":\"ghp"
			 "_short\"}}}" },
		  ERR_INVALID,
		  "data key .dockerconfigjson: password of ghcr.io: begins like a classic GitHub "
		  "personal "
		  "access token, which has 40 characters; this has 9: some are missing" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		kindtest_unverify(&kind_registry, &cases[i]);
}

static void test_restore(void **state)
{
	(void)state;
	struct kind_input in = { .now = KINDTEST_NOW };
	struct kv facts = KV_INIT;
	struct err err = ERR_INIT;

	kv_set_str(&facts, "registry", "docker.io");
	kv_set_str(&facts, "user", "a,b");
	kv_set_str(&facts, "namespaces", "web");
	assert_int_equal(kind_restore(&kind_registry, &facts, &in, &err), 0);
	kindtest_same(&in.fields, "server=docker.io username=a,b");
	kindtest_same(&in.extra, "namespaces=web");
	kind_input_clear(&in);

	kv_set_str(&facts, "registry", "a.example.com,b.example.com");
	assert_int_equal(kind_restore(&kind_registry, &facts, &in, &err), -1);
	assert_string_equal(err.text,
			    "registry: token: the document holds the logins of several "
			    "registries, which only a whole --docker-config FILE|- can replace");
	kv_set_str(&in.fields, "docker-config", "{}");
	assert_int_equal(kind_restore(&kind_registry, &facts, &in, &err), 0);
	kindtest_same(&in.fields, "docker-config={}");
	kind_input_clear(&in);
	kv_clear(&facts);
}

/* What one side writes the other reads, whatever JSON makes of the strings. */
static void test_round_trip(void **state)
{
	(void)state;
	static const char *const passwords[] = { "\"", "\\", "/", "p:q", "{}", "\xf0\x9f\x98\x80",
						 "\t" };

	for (size_t i = 0; i < COUNT(passwords); i++) {
		struct dockerconfig a = DOCKERCONFIG_INIT, b = DOCKERCONFIG_INIT;
		struct buf text = BUF_INIT;
		struct err err = ERR_INIT;

		kv_set_str(&a.users, "a.example.com", "\"u\\");
		kv_set_str(&a.passwords, "a.example.com", passwords[i]);
		assert_int_equal(dockerconfig_format(&a, &text, &err), 0);
		assert_int_equal(dockerconfig_parse("x", text.data, text.len, &b, NULL, &err), 0);
		assert_true(kv_equal(&a.users, &b.users));
		assert_true(kv_equal(&a.passwords, &b.passwords));
		dockerconfig_clear(&a);
		dockerconfig_clear(&b);
		buf_clear(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),	  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_host), cmocka_unit_test(test_unverified),
		cmocka_unit_test(test_restore),	  cmocka_unit_test(test_round_trip),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/registry", tests, NULL, NULL);
}
