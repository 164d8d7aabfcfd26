/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/rules.h"

#include <string.h>

#define REVOKE "revoke it where it was made, then 'bulla seal' the new one"
#define SEAL "change it, then seal the new one and read it from the Secret"

const struct guard_rule guard_rules[GUARD_RULES] = {
	[GUARD_GITHUB_TOKEN] = { "github-token", "a GitHub token",
				 "revoke it at https://github.com/settings/tokens, then seal a new "
				 "one as registry or git-https",
				 true },
	[GUARD_AGE_IDENTITY] = { "age-identity", "an age private key",
				 "make a new key, encrypt to it what the old one could open, and "
				 "treat all of that as read",
				 true },
	[GUARD_GCP_KEY] = { "gcp-key", "the key file of a Google service account",
			    "delete the key at Google, then seal a new one as "
			    "gcp-service-account",
			    true },
	[GUARD_PRIVATE_KEY] = { "private-key", "a private key",
				"take it out of use, then seal a new one as deploy-key, tls or "
				"github-app",
				true },
	[GUARD_ENCRYPTED_KEY] = { "encrypted-key", "a private key under a passphrase",
				  "whoever reads the repository can try passphrases on it; seal "
				  "the key instead",
				  true },
	[GUARD_SERVICE_TOKEN] = { "service-token", "a token of a known service", REVOKE, true },
	[GUARD_AWS_KEY] = { "aws-key", "an AWS access key", REVOKE, true },
	[GUARD_DOCKER_CONFIG] = { "docker-config", "a docker config with a login",
				  "revoke the token in it, then seal a new one as registry",
				  false },
	[GUARD_KUBECONFIG] = { "kubeconfig", "a kubeconfig with a credential",
			       "revoke it in the cluster; a kubeconfig belongs in no repository",
			       false },
	[GUARD_JWT] = { "jwt", "a signed JSON web token", REVOKE, true },
	[GUARD_URL_PASSWORD] = { "url-password", "a URL with a password", SEAL, false },
	[GUARD_HTTP_LOGIN] = { "http-login", "a login for HTTP: a header, or curl's -u", SEAL,
			       false },
	[GUARD_NETRC] = { "netrc", "a .netrc with a password", SEAL, false },
	[GUARD_SECRET] = { "kubernetes-secret", "a Kubernetes Secret with a value in plain text",
			   "change the value, then 'bulla seal -f FILE' the new manifest", false },
	[GUARD_CONFIGMAP] = { "configmap-credential", "a credential in a ConfigMap",
			      "change it, then seal the new one and read it from the Secret with "
			      "secretKeyRef",
			      false },
	[GUARD_ENV] = { "env-credential", "a credential in an environment file",
			"change it, then 'bulla seal opaque --from-env-file'", false },
	[GUARD_TERRAFORM] = { "terraform-credential",
			      "a credential in Terraform's state or variables",
			      "change it; keep state out of the repository and the value out of "
			      "Terraform",
			      false },
	[GUARD_ASSIGNMENT] = { "assigned-credential",
			       "a random value given to a name that means a credential", SEAL,
			       false },
};

const struct guard_rule *guard_rule_find(const char *name, size_t len)
{
	for (size_t i = 0; i < GUARD_RULES; i++)
		if (strlen(guard_rules[i].name) == len &&
		    memcmp(guard_rules[i].name, name, len) == 0)
			return &guard_rules[i];
	return NULL;
}
