/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "sealer/import.h"

int import_cluster(struct import *im, struct err *err)
{
	(void)im;
	return err_set(err, ERR_INTERNAL, "-");
}
