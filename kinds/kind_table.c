/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/kinds.h"

#include <stddef.h>

/* The order is that of help, and in which kind_detect asks them. */
/* clang-format off: one row a line */
const struct kind *const kind_table[] = {
	&kind_registry, &kind_deploy_key,	   &kind_git_https, &kind_github_app,
	&kind_tls,	&kind_basic_auth,	   &kind_proxy,	    &kind_webhook_token,
	&kind_age_key,	&kind_gcp_service_account, &kind_opaque,    NULL,
};
/* clang-format on */
