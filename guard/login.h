/* SPDX-License-Identifier: Apache-2.0 */
/* A user's name beside a password: in a URL, a docker config, a .netrc, for HTTP.  Within guard/
 * only. */
#ifndef BULLA_GUARD_LOGIN_H
#define BULLA_GUARD_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/hits.h"

/*
 * "://" stands at v->text[at].  Not the hosts that are reserved for documentation, and not a
 * password that documentation uses or that is the user's name.
 */
bool login_url_at(const struct view *v, size_t at, struct hit_new *hit);

/* The word "auths" stands at v->text[at]: an "auth" or "password" that is one, before the next. */
bool login_docker_at(const struct view *v, size_t at, struct hit_new *hit);

/* The word "machine" stands at v->text[at]: with login and password as in a .netrc. */
bool login_netrc_at(const struct view *v, size_t at, struct hit_new *hit);

/* The word "Authorization" stands at v->text[at], in any case: Basic with a login, or Bearer. */
bool login_header_at(const struct view *v, size_t at, struct hit_new *hit);

/* The word "curl" stands at v->text[at]: -u or --user with a password on the same line. */
bool login_curl_at(const struct view *v, size_t at, struct hit_new *hit);

#endif
