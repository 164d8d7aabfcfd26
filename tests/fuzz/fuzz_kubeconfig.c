/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kubeconfig is refused with its place, or read; what another file says after it changes nothing
 * of it; and whatever can be chosen has what a client needs.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "kube/address.h"
#include "kube/impersonate.h"
#include "kube/kubeconfig.h"
#include "kube/strings.h"

#define NAME "/f/k"

/* What address_server makes is https, has no "/" at its end, and is made again of itself. */
static void check_server(const char *text)
{
	struct err err = ERR_INIT;
	char *server = address_server(text, &err), *again;

	if (server == NULL) {
		must(err.class == ERR_INVALID);
		return;
	}
	must(strncmp(server, "https://", 8) == 0 && server[8] != '/' && server[8] != '\0');
	must(server[strlen(server) - 1] != '/' && strpbrk(server, " \r\n@?#") == NULL);
	again = address_server(server, &err);
	must(again != NULL && strcmp(again, server) == 0);
	mem_free(again);
	mem_free(server);
}

/* A header line is one line, whatever stands in the file. */
static void check_headers(const struct kubeconfig_user *u)
{
	struct err err = ERR_INIT;
	char **lines;

	if (impersonate_lines(u, &lines, &err) != 0)
		must(err.class == ERR_INVALID && lines == NULL);
	for (char **line = lines; line != NULL && *line != NULL; line++) {
		must(strncmp(*line, "Impersonate-", 12) == 0);
		must(strpbrk(*line, "\r\n") == NULL && strstr(*line, ": ") != NULL);
		must(strcspn(*line, " ") > strcspn(*line, ":"));
	}
	strings_free(lines);
}

static void check_choice(const struct kubeconfig *k, const char *context)
{
	struct kubeconfig_choice c;
	struct err err = ERR_INIT;

	if (kubeconfig_choose(k, context, &c, &err) != 0) {
		must(err.class == ERR_INVALID || err.class == ERR_USAGE);
		return;
	}
	must(context == NULL || strcmp(c.context->at.name, context) == 0);
	must(c.cluster->server != NULL && c.cluster->server[0] != '\0');
	must(!c.cluster->insecure || (c.cluster->ca_file == NULL && c.cluster->ca.len == 0));
	must((c.user->cert.len != 0 || c.user->cert_file != NULL) ==
	     (c.user->key.len != 0 || c.user->key_file != NULL));
	must(c.user->auth_provider == NULL);
	check_server(c.cluster->server);
	check_headers(c.user);
	if (c.user->exec != NULL) {
		struct kubeconfig_exec *e = kubeconfig_exec_copy(c.user->exec);

		must(e->command != NULL && e->api_version != NULL);
		must(kv_equal(&e->env, &c.user->exec->env));
		kubeconfig_exec_free(e);
	}
}

/* A second file with the same names. */
static void check_merge(struct kubeconfig *k, const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	size_t clusters = k->n_clusters, users = k->n_users, contexts = k->n_contexts;

	must(kubeconfig_add(k, "/g/k", data, size, &err) == 0);
	must(k->n_clusters == clusters && k->n_users == users && k->n_contexts == contexts);
	for (size_t i = 0; i < clusters; i++)
		must(strcmp(k->clusters[i].at.file, NAME) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kubeconfig k = KUBECONFIG_INIT;
	struct err err = ERR_INIT;

	if (kubeconfig_add(&k, NAME, data, size, &err) == 0) {
		check_choice(&k, NULL);
		for (size_t i = 0; i < k.n_contexts; i++)
			check_choice(&k, k.contexts[i].at.name);
		check_merge(&k, data, size);
	} else {
		must(err.class == ERR_INVALID);
		must(strncmp(err.text, NAME ":", strlen(NAME ":")) == 0);
	}
	kubeconfig_clear(&k);
	return 0;
}
