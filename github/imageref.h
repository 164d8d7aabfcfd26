/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name of an image, as a Pod spells it and the kubelet's container runtime reads it: the
 * grammar and the short forms of github.com/distribution/reference ("nginx" is
 * docker.io/library/nginx, and without tag or digest it is ":latest").
 */
#ifndef BULLA_GITHUB_IMAGEREF_H
#define BULLA_GITHUB_IMAGEREF_H

#include "base/buf.h"

struct err;

#define IMAGEREF_MAX 1024 /* bytes of a whole name */

struct imageref {
	char
	    *domain; /* "ghcr.io", "docker.io", "127.0.0.1:5000", "[::1]:5000"; as logins name it */
	char *path;  /* "library/nginx" */
	char *tag;   /* or NULL */
	char *digest; /* "sha256:..." or NULL; where both stand, the digest decides */
};

#define IMAGEREF_INIT                                                                              \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}

/* ERR_INVALID, "image: reason"; it quotes nothing, and out is empty then. */
int imageref_parse(const char *text, struct imageref *out, struct err *err);
void imageref_clear(struct imageref *ref);

/* What stands for the image in its registry's API: the digest, or the tag, or "latest". */
const char *imageref_reference(const struct imageref *ref);

/* Host and port of that API: registry-1.docker.io for docker.io, else the domain. */
const char *imageref_api_host(const struct imageref *ref);

/* The whole name with nothing left out, appended: "docker.io/library/nginx:latest". */
void imageref_format(const struct imageref *ref, struct buf *out);

#endif
