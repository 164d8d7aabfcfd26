/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/name.h"
#include "sealer/import.h"

/* Types that someone else fills, or nobody may seal. */
static const struct {
	const char *type, *why;
} types[] = {
	{ "kubernetes.io/service-account-token", "the API server fills it" },
	{ "bootstrap.kubernetes.io/token", "it lets nodes join the cluster" },
	{ "helm.sh/release.v1", "Helm keeps the state of a release in it" },
};

/* Labels and annotations by which a controller says that it made the Secret. */
static const struct {
	const char *key, *value; /* value NULL: any */
	const char *why;
} marks[] = {
	{ "bulla.dev/owner", NULL, "Bulla's agent made it, of a sealed document" },
	{ "sealedsecrets.bitnami.com/sealed-secrets-key", NULL,
	  "the private key of a sealed-secrets controller" },
	{ "kustomize.toolkit.fluxcd.io/name", NULL, "Flux applies it from Git; convert it there" },
	{ "helm.toolkit.fluxcd.io/name", NULL, "a HelmRelease makes it; convert what that reads" },
	{ "meta.helm.sh/release-name", NULL, "a Helm release makes it" },
	{ "app.kubernetes.io/managed-by", "Helm", "a Helm release makes it" },
	{ "cert-manager.io/certificate-name", NULL, "cert-manager makes it and renews it" },
	{ "cert-manager.io/next-private-key", NULL, "cert-manager makes it and renews it" },
	{ "reconcile.external-secrets.io/managed", NULL, "External Secrets makes it" },
	{ "reflector.v1.k8s.emberstack.com/auto-reflects", NULL, "reflector copied it" },
	{ "reflector.v1.k8s.emberstack.com/reflects", NULL, "reflector copied it" },
	{ "replicator.v1.mittwald.de/replicated-from-version", NULL, "replicator copied it" },
	{ "replicator.v1.mittwald.de/replicated-at", NULL, "replicator copied it" },
	{ "argocd.argoproj.io/tracking-id", NULL, "Argo CD applies it from Git; convert it there" },
	{ "kubernetes.io/service-account.name", NULL, "the API server fills it" },
};

static const char *text(const struct yaml_node *map, const char *name)
{
	const struct yaml_node *v =
	    map != NULL && map->type == YAML_MAP ? yaml_get(map, name) : NULL;

	return v != NULL ? yaml_string(v) : NULL;
}

static const char *marked(const struct yaml_node *map)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		const char *s = text(map, marks[i].key);

		if (s != NULL && (marks[i].value == NULL || strcmp(s, marks[i].value) == 0))
			return marks[i].why;
	}
	return NULL;
}

const char *import_owned(const struct yaml_node *secret)
{
	const struct yaml_node *metadata = yaml_get(secret, "metadata"), *owners;
	const char *kind = text(secret, "kind"), *type = text(secret, "type"), *why, *name;

	if (kind == NULL || strcmp(kind, "Secret") != 0)
		return NULL;
	for (size_t i = 0; type != NULL && i < sizeof(types) / sizeof(*types); i++)
		if (strcmp(types[i].type, type) == 0)
			return types[i].why;
	if (metadata == NULL || metadata->type != YAML_MAP)
		return NULL;
	owners = yaml_get(metadata, "ownerReferences");
	if (owners != NULL && owners->type == YAML_LIST && owners->n > 0) {
		kind = text(owners->values[0], "kind");
		return kind != NULL && strcmp(kind, "SealedSecret") == 0
			   ? "a SealedSecret makes it; use 'bulla import sealed-secrets'"
			   : "another object owns it, whose controller makes it";
	}
	name = text(metadata, "name");
	if (name != NULL && strcmp(name, "bulla-sealing-keys") == 0)
		return "the sealing keys of Bulla's agent";
	why = marked(yaml_get(metadata, "labels"));
	return why != NULL ? why : marked(yaml_get(metadata, "annotations"));
}
