/* SPDX-License-Identifier: Apache-2.0 */
/* Is this PEM good to connect with?  Asked before what is in use is replaced. */
#ifndef BULLA_KUBE_CERT_H
#define BULLA_KUBE_CERT_H

#include "base/buf.h"

struct err;

/* At least one certificate, and none that cannot be read.  ERR_INVALID. */
int cert_check_authorities(const struct buf *pem, struct err *err);
/* A certificate and the private key that belongs to it, not encrypted.  ERR_INVALID. */
int cert_check_pair(const struct buf *cert, const struct buf *key, struct err *err);

#endif
