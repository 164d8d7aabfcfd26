/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libssh, loaded when a deploy key is first tried: linked, it and the Kerberos libraries it brings
 * would be paid for at every start.  Its types come from its own header, its functions from this
 * table.
 *
 * Not libssh2, because that of Debian 12 (1.10) signs with SHA-1 only, for RSA host keys and RSA
 * deploy keys alike, which OpenSSH and GitHub refuse, and has no way to put in another signature.
 * libssh's memory is the C library's, and it wipes only most of what it frees; OpenSSL's part is
 * base/mem.h's.
 */
#ifndef BULLA_GITHUB_LIBSSH_H
#define BULLA_GITHUB_LIBSSH_H

#include <libssh/libssh.h>
#include <stdint.h>

struct err;

struct github_libssh {
	const char *(*version)(int at_least);
	ssh_session (*new)(void);
	void (*free)(ssh_session session);
	void (*set_blocking)(ssh_session session, int blocking);
	int (*options_set)(ssh_session session, enum ssh_options_e type, const void *value);
	int (*connect)(ssh_session session);
	void (*disconnect)(ssh_session session);
	const char *(*get_error)(void *session);
	const char *(*get_serverbanner)(ssh_session session);
	int (*get_poll_flags)(ssh_session session);
	int (*get_server_publickey)(ssh_session session, ssh_key *key);
	int (*userauth_publickey)(ssh_session session, const char *user, const ssh_key key);
	int (*pki_import_privkey_base64)(const char *pem, const char *password, ssh_auth_callback f,
					 void *ctx, ssh_key *key);
	int (*pki_export_pubkey_base64)(const ssh_key key, char **text);
	const char *(*key_type_to_char)(enum ssh_keytypes_e type);
	enum ssh_keytypes_e (*key_type)(const ssh_key key);
	void (*key_free)(ssh_key key);
	void (*string_free_char)(char *text);
	ssh_channel (*channel_new)(ssh_session session);
	void (*channel_free)(ssh_channel channel);
	int (*channel_open_session)(ssh_channel channel);
	int (*channel_request_exec)(ssh_channel channel, const char *command);
	int (*channel_read_nonblocking)(ssh_channel channel, void *to, uint32_t max, int is_stderr);
	int (*channel_write)(ssh_channel channel, const void *data, uint32_t len);
	int (*channel_send_eof)(ssh_channel channel);
	int (*channel_is_eof)(ssh_channel channel);
	int (*channel_is_closed)(ssh_channel channel);
	int (*channel_get_exit_status)(ssh_channel channel);
};

/*
 * The table, loaded by the first call (mem_init before it; from one thread).  NULL and ERR_IO:
 * libssh is not there, or is older than 0.10.6, the first that withstands prefix truncation
 * (CVE-2023-48795).
 */
const struct github_libssh *github_libssh_load(struct err *err);

/*
 * Overwrite what libssh has freed: with glibc what is freed is overwritten from load on, but for
 * the few blocks of each size that a thread keeps for itself, and this does those.  And, anywhere,
 * what is left on the stack: libssh's Ed25519 does not wipe its own.
 */
void github_libssh_wipe(void);

#endif
