/* SPDX-License-Identifier: Apache-2.0 */
#include "base/curl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/library.h"
#include "base/mem.h"

#ifdef __APPLE__
#define LIBRARY "libcurl.4.dylib"
#else
#define LIBRARY "libcurl.so.4"
#endif

#define SYMBOL(name)                                                                               \
	{                                                                                          \
		"curl_" #name, offsetof(struct curl_api, name)                                     \
	}

static const struct library_symbol symbols[] = {
	SYMBOL(global_init_mem), SYMBOL(version_info),	  SYMBOL(slist_append),
	SYMBOL(slist_free_all),	 SYMBOL(easy_init),	  SYMBOL(easy_cleanup),
	SYMBOL(easy_reset),	 SYMBOL(easy_setopt),	  SYMBOL(easy_perform),
	SYMBOL(easy_getinfo),	 SYMBOL(easy_strerror),	  SYMBOL(multi_init),
	SYMBOL(multi_cleanup),	 SYMBOL(multi_setopt),	  SYMBOL(multi_add_handle),
	SYMBOL(multi_perform),	 SYMBOL(multi_fdset),	  SYMBOL(multi_remove_handle),
	SYMBOL(multi_timeout),	 SYMBOL(multi_info_read), SYMBOL(url),
	SYMBOL(url_cleanup),	 SYMBOL(url_set),	  SYMBOL(url_get),
};

#define COUNT (sizeof(symbols) / sizeof(symbols[0]))

_Static_assert(sizeof(struct curl_api) == COUNT * sizeof(void (*)(void)), "a symbol is missing");

static void *grow(void *p, size_t size)
{
	return mem_grow(p, size, 1);
}

static int check(const struct curl_api *table, struct err *err)
{
	const curl_version_info_data *v = table->version_info(CURLVERSION_NOW);
	const int needed = CURL_VERSION_SSL | CURL_VERSION_ASYNCHDNS;

	if (v->version_num < CURL_API_VERSION)
		return err_set(err, ERR_IO, "%s is version %s; 7.85.0 or newer is needed", LIBRARY,
			       v->version);
	/* the other TLS libraries take no certificates from memory, or look for more elsewhere */
	if ((v->features & needed) != needed || v->ssl_version == NULL ||
	    strncmp(v->ssl_version, "OpenSSL/", 8) != 0)
		return err_set(err, ERR_IO,
			       "%s is not built with OpenSSL and a threaded resolver (TLS: %s)",
			       LIBRARY, v->ssl_version == NULL ? "none" : v->ssl_version);
	return 0;
}

const struct curl_api *curl_api_load(struct err *err)
{
	static struct curl_api table;
	static bool loaded;
	static const struct library l = { LIBRARY, "libcurl", "libcurl4", symbols, COUNT };
	void *handle;

	if (loaded)
		return &table;
	handle = library_load(&l, &table, err);
	if (handle == NULL)
		return NULL;
	if (check(&table, err) != 0) {
		dlclose(handle);
		return NULL;
	}
	/* by it libcurl would write the keys of every connection, with the tokens in it, to a file
	 */
	unsetenv("SSLKEYLOGFILE");
	if (table.global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free, grow, mem_str,
				  mem_array) != CURLE_OK) {
		err_set(err, ERR_IO, "libcurl cannot be set up");
		return NULL;
	}
	loaded = true;
	return &table;
}
