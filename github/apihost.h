/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Git host an API of GitHub's speaks for: api.github.com for github.com (and its SSH door
 * ssh.github.com, and ghcr.io), api.NAME.ghe.com for NAME.ghe.com, and an Enterprise Server's
 * https://HOST/api/v3 for HOST (docs.github.com: "Getting started with the REST API", "About
 * GitHub Enterprise Cloud with data residency").
 */
#ifndef BULLA_GITHUB_APIHOST_H
#define BULLA_GITHUB_APIHOST_H

#include <stdbool.h>

enum apihost {
	APIHOST_OWN,   /* it is that host's */
	APIHOST_OTHER, /* it cannot be: one of the two is github.com, the other is not */
	APIHOST_UNTOLD /* two names, which may be one server's; an address of this machine */
};

/* api_url: as struct rest_options (NULL: api.github.com); host: of a Git URL or a registry. */
enum apihost apihost_of(const char *api_url, const char *host);

/* The Git host that the API speaks for, a new string, in small letters. */
char *apihost_git(const char *api_url);

#endif
