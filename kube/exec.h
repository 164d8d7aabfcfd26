/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credential plugins: a program that a kubeconfig names is run and prints a credential
 * (client-go, plugin/pkg/client/auth/exec).
 *
 * It runs as we do, without a shell, with our environment, what the kubeconfig adds and
 * KUBERNETES_EXEC_INFO.  Its standard error is ours.  A name without "/" is looked up in the
 * absolute folders of PATH only.
 */
#ifndef BULLA_KUBE_EXEC_H
#define BULLA_KUBE_EXEC_H

#include <stdbool.h>

#include "base/buf.h"
#include "kube/exec_answer.h"
#include "kube/kubeconfig.h"

struct err;

#define KUBE_EXEC_OUTPUT_MAX (1024 * 1024) /* bytes */

struct kube_exec_run {
	const char *info; /* from kube_exec_info */
	bool terminal;	  /* it gets our standard input and stays in our process group */
	int timeout_ms;	  /* then it is killed */
};

/*
 * Will it get our terminal?  ERR_INVALID where it needs one (interactiveMode: Always) and there is
 * none.  wanted: the caller lets it.
 */
int kube_exec_terminal(const struct kubeconfig_exec *e, bool wanted, bool *terminal,
		       struct err *err);

/* The text of KUBERNETES_EXEC_INFO.  ca: PEM, what cluster's certificate-authority is. */
void kube_exec_info(const struct kubeconfig_exec *e, const struct kubeconfig_cluster *cluster,
		    const struct buf *ca, bool terminal, struct buf *out);

/*
 * Run it and read its answer.  ERR_IO it cannot be run (with its installHint), fails, or takes
 * longer; ERR_INVALID its answer is wrong.  out is cleared on failure.
 */
int kube_exec_run(const struct kubeconfig_exec *e, const struct kube_exec_run *run,
		  struct exec_answer *out, struct err *err);

#endif
