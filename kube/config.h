/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which API server, and as whom: the files of a pod, or a kubeconfig by the rules of client-go
 * (tools/clientcmd).
 *
 * A configuration is loaded once and refreshed for as long as it is used: tokens and certificates
 * are files that others replace, or come from a program that is run again.
 */
#ifndef BULLA_KUBE_CONFIG_H
#define BULLA_KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;
struct notes;
struct kube_source; /* where the parts came from, for kube_config_refresh */

/* Secret: token, password, key; all are wiped by kube_config_clear. */
struct kube_config {
	char *context; /* name of the context; NULL in a pod */
	char *namespace;
	char *server;	       /* https://HOST:PORT[/PREFIX], without a slash at the end */
	char *tls_server_name; /* or NULL */
	char *proxy;	       /* http, https or socks5 URL, or NULL */
	bool insecure;	       /* insecure-skip-tls-verify */
	bool gzip;	       /* answers may be compressed */
	struct buf ca;	       /* PEM; empty: the system's authorities */
	struct buf cert, key;  /* PEM; empty: no client certificate */
	char *token;	       /* or NULL */
	char *username, *password;
	char *
	    *impersonate; /* whole header lines, "Impersonate-Group: ops", ended by NULL; or NULL */
	unsigned generation; /* grows whenever ca, cert or key changed: connections must be new */
	struct kube_source *source;
};

struct kube_config_options {
	const char *kubeconfig; /* --kubeconfig; NULL: $KUBECONFIG, ~/.kube/config, then the pod */
	const char *context;	/* --context; NULL: current-context */
	bool interactive;	/* an exec plugin may use the terminal */
	struct notes *notes;	/* gets warnings: a kubeconfig that others can read; or NULL */
};

/*
 * Load.  With neither kubeconfig nor context given, and no kubeconfig file there, the pod's own
 * (KUBERNETES_SERVICE_HOST, /var/run/secrets/kubernetes.io/serviceaccount).  out is cleared on
 * failure.  ERR_USAGE no such context, nothing to load; ERR_INVALID a file that is wrong, with file
 * and field; ERR_IO.
 */
int kube_config_load(const struct kube_config_options *o, struct kube_config *out, struct err *err);
/* The pod's own, whatever kubeconfig there is. */
int kube_config_pod(struct kube_config *out, struct err *err);

/*
 * Bring token, CA and certificates up to date when they are due (token: a minute, the rest: five)
 * or, with rejected, because the server just answered 401.  What cannot be read stays as it was and
 * is told; 0 when all is up to date.  now_ms is monotonic.
 */
int kube_config_refresh(struct kube_config *c, bool rejected, int64_t now_ms, struct err *err);

/* The server is not trusted: the next refresh reads the CA again, if it comes from a file. */
void kube_config_untrusted(struct kube_config *c, int64_t now_ms);

/*
 * The folders that kube_config_refresh reads from, as new strings: at most KUBE_CONFIG_FOLDERS.
 * What a jail must leave open.
 */
#define KUBE_CONFIG_FOLDERS 4
size_t kube_config_folders(const struct kube_config *c, char *out[static KUBE_CONFIG_FOLDERS]);
/* It runs a program for its credentials, again and again: no jail can be closed around that. */
bool kube_config_runs(const struct kube_config *c);

void kube_config_clear(struct kube_config *c);

#endif
