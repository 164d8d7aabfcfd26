/* SPDX-License-Identifier: Apache-2.0 */
/* The headers by which a user acts as another (client-go, transport/round_trippers.go). */
#ifndef BULLA_KUBE_IMPERSONATE_H
#define BULLA_KUBE_IMPERSONATE_H

#include "kube/kubeconfig.h"

struct err;

/* Whole header lines, ended by NULL, or NULL without any.  ERR_INVALID for a value with control
 * characters; *lines is then NULL. */
int impersonate_lines(const struct kubeconfig_user *u, char ***lines, struct err *err);

#endif
