/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when the network is first needed: linked, it and the libraries it brings would
 * cost every start 2.6 ms.  Its types come from its own header, its functions from this table.
 *
 * All of its memory is base/mem.h's, so it is wiped; what nghttp2 and the resolver hold for it is
 * not.  It reads no file of its own (no .curlrc, no .netrc, no OpenSSL configuration).  Names are
 * looked up in threads by the C library, later, which then reads /etc/resolv.conf, hosts,
 * nsswitch.conf and gai.conf and loads the modules that nsswitch.conf names: a jail that closes
 * before must leave these open.  A server given by address needs none of that.
 */
#ifndef BULLA_BASE_CURL_H
#define BULLA_BASE_CURL_H

#include <curl/curl.h>

struct err;

struct curl_api {
	CURLcode (*global_init_mem)(long flags, curl_malloc_callback m, curl_free_callback f,
				    curl_realloc_callback r, curl_strdup_callback s,
				    curl_calloc_callback c);
	curl_version_info_data *(*version_info)(CURLversion age);
	struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
	void (*slist_free_all)(struct curl_slist *list);
	CURL *(*easy_init)(void);
	void (*easy_cleanup)(CURL *easy);
	CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
	void (*easy_reset)(CURL *easy);
	CURLcode (*easy_perform)(CURL *easy);
	CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
	const char *(*easy_strerror)(CURLcode code);
	CURLM *(*multi_init)(void);
	CURLMcode (*multi_cleanup)(CURLM *multi);
	CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
	CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
	CURLMcode (*multi_perform)(CURLM *multi, int *running);
	CURLMcode (*multi_fdset)(CURLM *multi, fd_set *r, fd_set *w, fd_set *e, int *max);
	CURLMcode (*multi_timeout)(CURLM *multi, long *ms);
	CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
	CURLU *(*url)(void);
	void (*url_cleanup)(CURLU *url);
	CURLUcode (*url_set)(CURLU *url, CURLUPart part, const char *text, unsigned flags);
	CURLUcode (*url_get)(const CURLU *url, CURLUPart part, char **text, unsigned flags);
};

/*
 * The table, loaded and set up by the first call (before threads are started, mem_init before it).
 * NULL and ERR_IO: libcurl is not there, or older than CURL_API_VERSION, or not built with OpenSSL
 * and a resolver of its own threads.
 */
const struct curl_api *curl_api_load(struct err *err);

#define CURL_API_VERSION 0x075500 /* 7.85.0, for CURLOPT_PROTOCOLS_STR */

#endif
