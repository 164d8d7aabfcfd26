/* SPDX-License-Identifier: Apache-2.0 */
#include "github/libssh.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __GLIBC__
#include <malloc.h>
#include <stdlib.h>
#endif

#include "base/err.h"
#include "base/library.h"
#include "base/mem.h"

#ifdef __APPLE__
#define LIBRARY "libssh.4.dylib"
#else
#define LIBRARY "libssh.so.4"
#endif

#define SYMBOL(name)                                                                               \
	{                                                                                          \
		"ssh_" #name, offsetof(struct github_libssh, name)                                 \
	}

static const struct library_symbol symbols[] = {
	SYMBOL(version),
	SYMBOL(new),
	SYMBOL(free),
	SYMBOL(set_blocking),
	SYMBOL(options_set),
	SYMBOL(connect),
	SYMBOL(disconnect),
	SYMBOL(get_error),
	SYMBOL(get_serverbanner),
	SYMBOL(get_poll_flags),
	SYMBOL(get_server_publickey),
	SYMBOL(userauth_publickey),
	SYMBOL(pki_import_privkey_base64),
	SYMBOL(pki_export_pubkey_base64),
	SYMBOL(key_type_to_char),
	SYMBOL(key_type),
	SYMBOL(key_free),
	SYMBOL(string_free_char),
	SYMBOL(channel_new),
	SYMBOL(channel_free),
	SYMBOL(channel_open_session),
	SYMBOL(channel_request_exec),
	SYMBOL(channel_read_nonblocking),
	SYMBOL(channel_write),
	SYMBOL(channel_send_eof),
	SYMBOL(channel_is_eof),
	SYMBOL(channel_is_closed),
	SYMBOL(channel_get_exit_status),
};

#define COUNT (sizeof(symbols) / sizeof(symbols[0]))

_Static_assert(sizeof(struct github_libssh) == COUNT * sizeof(void (*)(void)), "one is missing");

static int check(const struct github_libssh *table, struct err *err)
{
	if (table->version(SSH_VERSION_INT(0, 10, 6)) == NULL)
		return err_set(err, ERR_IO, "%s is version %s; 0.10.6 or newer is needed", LIBRARY,
			       table->version(0));
	return 0;
}

const struct github_libssh *github_libssh_load(struct err *err)
{
	static struct github_libssh table;
	static bool loaded;
	static const struct library l = { LIBRARY, "libssh", "libssh-4", symbols, COUNT };
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
#ifdef __GLIBC__
	mallopt(M_PERTURB, 1);
#endif
	loaded = true;
	return &table;
}

#ifdef __GLIBC__
#define CACHED 7 /* blocks of a size, as far as nobody tuned it */

static void wipe_size(size_t size)
{
	void *blocks[CACHED];

	for (size_t i = 0; i < CACHED; i++) {
		blocks[i] = malloc(size);
		if (blocks[i] != NULL)
			mem_wipe(blocks[i], size);
	}
	for (size_t i = 0; i < CACHED; i++)
		free(blocks[i]);
}

void github_libssh_wipe(void)
{
	mem_wipe_stack();
	/* the sizes that a thread's cache holds */
	for (size_t size = 24; size <= 1032; size += 16)
		wipe_size(size);
}
#else
void github_libssh_wipe(void)
{
	mem_wipe_stack();
}
#endif
