/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of kind_table (kind.h), for it, the kinds themselves and their tests. */
#ifndef BULLA_KINDS_KINDS_H
#define BULLA_KINDS_KINDS_H

struct kind;

extern const struct kind kind_registry;
extern const struct kind kind_deploy_key;
extern const struct kind kind_git_https;
extern const struct kind kind_github_app;
extern const struct kind kind_tls;
extern const struct kind kind_basic_auth;
extern const struct kind kind_proxy;
extern const struct kind kind_webhook_token;
extern const struct kind kind_age_key;
extern const struct kind kind_gcp_service_account;
extern const struct kind kind_opaque;

#endif
