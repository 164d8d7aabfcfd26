/* SPDX-License-Identifier: Apache-2.0 */
#include "github/registry_say.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

#define VALUES_MAX 10000 /* of an answer with errors */

static const char *const steps[] = {
	[REGISTRY_ASK] = "before any login was sent",
	[REGISTRY_LOGIN] = "step 1 of 2, the login",
	[REGISTRY_IMAGE] = "step 2 of 2, the image",
};

static const struct {
	const char *name;
	enum err_class class;
	const char *meaning; /* for the kubelet */
} verdicts[] = {
	[REGISTRY_PULLS] = { "pulls", ERR_NONE, NULL },
	[REGISTRY_LOGIN_REFUSED] = { "login-refused", ERR_REFUSED,
				     "with it, Pods of any image there stay in ImagePullBackOff" },
	[REGISTRY_NO_RIGHT] = { "no-right", ERR_REFUSED,
				"Pods of this image would stay in ImagePullBackOff (denied)" },
	[REGISTRY_NO_IMAGE] = { "no-image", ERR_REFUSED,
				"Pods of this image would stay in ImagePullBackOff (not found)" },
	[REGISTRY_LIMITED] = { "rate-limited", ERR_IO,
			       "nothing is known of the login; the kubelet would try again later" },
	[REGISTRY_DOWN] = { "down", ERR_IO,
			    "nothing is known of the login; the kubelet would try again later" },
	[REGISTRY_STRANGE] = { "not-a-registry", ERR_INVALID, "nothing is known of the login" },
	[REGISTRY_UNSAFE] = { "unsafe", ERR_INVALID, "the login was not sent" },
};

#define GHCR                                                                                       \
	"GHCR takes a classic personal access token (ghp_...) with the scope read:packages, of "   \
	"an "                                                                                      \
	"account that may read the package"
#define GCP                                                                                        \
	"log in as _json_key with the key file of a service account that has "                     \
	"roles/artifactregistry.reader on the repository"

/* By the end of the registry's name; the first that fits.  Reference: flux-kubelet-github 5.3. */
static const struct {
	const char *end;
	enum registry_verdict verdict;
	const char *text;
} advices[] = {
	{ "ghcr.io", REGISTRY_LOGIN_REFUSED,
	  GHCR ": no fine-grained token, and none that has expired or was revoked" },
	{ "ghcr.io", REGISTRY_NO_RIGHT,
	  GHCR ", authorised for the organisation where that demands SSO; the tokens of GitHub "
	       "Apps log in there but do not pull" },
	{ "ghcr.io", REGISTRY_NO_IMAGE,
	  "see the package's page for its tags; names are in lower case" },
	{ "docker.io", REGISTRY_LOGIN_REFUSED,
	  "Docker Hub takes the account's name (no e-mail address) with an access token" },
	{ "docker.io", REGISTRY_NO_RIGHT,
	  "give the account a read right on the repository, or spell its name right: Docker Hub "
	  "says the same of both" },
	{ ".pkg.dev", REGISTRY_LOGIN_REFUSED, GCP },
	{ ".pkg.dev", REGISTRY_NO_RIGHT, GCP },
	{ "gcr.io", REGISTRY_LOGIN_REFUSED, GCP },
	{ "gcr.io", REGISTRY_NO_RIGHT, GCP },
	{ ".azurecr.io", REGISTRY_LOGIN_REFUSED,
	  "log in with a repository token, or a service principal that has the role AcrPull" },
	{ ".azurecr.io", REGISTRY_NO_RIGHT, "give the login the role AcrPull" },
	{ ".amazonaws.com", REGISTRY_LOGIN_REFUSED,
	  "ECR takes the user AWS with a password not older than twelve hours, which is no "
	  "credential to seal" },
	{ "registry.gitlab.com", REGISTRY_LOGIN_REFUSED,
	  "use a deploy token with read_registry, and its own user name" },
	{ "registry.gitlab.com", REGISTRY_NO_RIGHT,
	  "use a deploy token with read_registry of that project or its group" },
	{ "quay.io", REGISTRY_LOGIN_REFUSED, "use a robot account: ORG+NAME and its token" },
	{ "quay.io", REGISTRY_NO_RIGHT, "give the robot account Read on the repository" },
	{ "", REGISTRY_LOGIN_REFUSED,
	  "check user name and password, and that they have not expired or been revoked there" },
	{ "", REGISTRY_NO_RIGHT, "give the login the right to pull it, or check the image's name" },
	{ "", REGISTRY_NO_IMAGE, "check name and tag, and push the image first" },
	{ "", REGISTRY_LIMITED, "try again later" },
	{ "", REGISTRY_DOWN, "try again, or see whether the host's name is right" },
	{ "", REGISTRY_STRANGE,
	  "check the registry's name, and that no sign-in page of the network answers for it" },
	{ "", REGISTRY_UNSAFE, "ask whoever runs the registry" },
};

const char *registry_verdict_name(enum registry_verdict v)
{
	return verdicts[v].name;
}

static const char *advice(const char *domain, enum registry_verdict v)
{
	size_t len = strlen(domain);

	for (size_t i = 0; i < sizeof(advices) / sizeof(*advices); i++) {
		size_t n = strlen(advices[i].end);

		if (advices[i].verdict == v && n <= len &&
		    strcmp(domain + len - n, advices[i].end) == 0)
			return advices[i].text;
	}
	return "";
}

void registry_code(const struct buf *body, char code[static REGISTRY_CODE_SIZE])
{
	json_t *v = body->len > 0
			? json_parse_few(buf_str(body), body->len, VALUES_MAX, "answer", NULL)
			: NULL;
	const json_t *first = json_array_get(json_object_get(v, "errors"), 0);
	const char *s = json_string_value(json_object_get(first, "code"));
	size_t n = s != NULL ? strlen(s) : 0;

	code[0] = '\0';
	if (n > 0 && n < REGISTRY_CODE_SIZE && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == n)
		memcpy(code, s, n + 1);
	json_decref(v);
}

int registry_say(const struct imageref *image, const struct registry_result *r, const char *what,
		 struct err *err)
{
	return err_set(err, verdicts[r->verdict].class, "%s/%s: %s: %.400s; %s; %s", image->domain,
		       image->path, steps[r->step], what, verdicts[r->verdict].meaning,
		       advice(image->domain, r->verdict));
}
