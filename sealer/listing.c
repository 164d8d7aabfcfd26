/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/listing.h"

#include "base/err.h"
#include "document/document.h"
#include "sealer/paging.h"
#include "sealer/standing.h"

#define PAGE 200 /* documents in one answer, which is bounded in bytes as well */

static int take(void *ctx, json_t *item, struct err *err)
{
	if (!standing_add_object(ctx, item))
		return err_set(err, ERR_IO, "list SealedCredentials: an object without a name");
	return 0;
}

static void restart(void *ctx)
{
	json_object_clear(ctx);
}

int listing_read(struct cluster *c, const char *namespace, json_t *objects, struct err *err)
{
	const struct paging p = {
		.what = "list SealedCredentials",
		.group = DOCUMENT_API_PATH,
		.resource = DOCUMENT_PLURAL,
		.namespace = namespace,
		.limit = PAGE,
		.take = take,
		.restart = restart,
		.ctx = objects,
	};

	return paging_read(c, &p, err);
}
