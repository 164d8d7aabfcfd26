/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses that a kubeconfig holds.  None is quoted in an error: it may hold a password. */
#ifndef BULLA_KUBE_ADDRESS_H
#define BULLA_KUBE_ADDRESS_H

struct err;

/*
 * A server as https://HOST[:PORT][/PREFIX], without "/" at the end; a new string, or NULL and
 * ERR_INVALID.  "HOST[:PORT]" alone is taken as https.  Plain http is refused.
 */
char *address_server(const char *text, struct err *err);

/* 0 when text is an http, https or socks5 URL with a host; else -1 and ERR_INVALID. */
int address_check_proxy(const char *text, struct err *err);

/* 0 when text can be a host name or an IP address. */
int address_check_host(const char *text, struct err *err);

#endif
