/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes while a server is used: authorities, client certificate, token; and where each comes
 * from.  Loaded once, then read again when it is due.
 *
 * Times are those of client-go (transport/token_source.go, ca_rotation.go, cert_rotation.go): a
 * token's file is read again after a minute less ten seconds, the others after five minutes; a
 * plugin is run again when what it gave has expired.  What cannot be read is tried again after ten
 * seconds.  Beyond client-go, a server that is not trusted has the files read again at once.
 */
#ifndef BULLA_KUBE_CREDENTIALS_H
#define BULLA_KUBE_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "kube/kubeconfig.h"

struct err;

/* Secret: token, key; wiped. */
struct credentials {
	struct buf ca, cert, key;
	char *token;
	unsigned generation; /* grows with every change of ca, cert or key */

	char *ca_file, *cert_file, *key_file, *token_file; /* NULL: not from a file */
	struct kubeconfig_exec *exec;			   /* or NULL */
	char *exec_info;
	bool exec_terminal;
	int exec_timeout_ms;

	int64_t token_due, files_due, exec_due; /* monotonic ms */
	int64_t files_read;			/* when they were; the same */
	int64_t exec_expires;			/* seconds since 1970 */
};

/* Read ca_file, if it is set, and check what there is. */
int credentials_load_ca(struct credentials *c, struct err *err);
/*
 * Read certificate, key and token where they come from files, or run the plugin.  A token that is
 * there already gives way to its file's at the first refresh.
 */
int credentials_load(struct credentials *c, int64_t now_ms, struct err *err);

/*
 * Read again what is due; with rejected all, the plugin at most every ten seconds.  What fails
 * leaves what was there; the first failure is told.
 */
int credentials_refresh(struct credentials *c, bool rejected, int64_t now_ms, struct err *err);

/*
 * The server's certificate was none of our authorities: their file may be another by now, and the
 * next refresh reads it, two seconds after the last time at the soonest.
 */
void credentials_untrusted(struct credentials *c, int64_t now_ms);

void credentials_clear(struct credentials *c);

/* 0 when s can stand in a header as a bearer token. */
int credentials_check_token(const char *s, struct err *err);

#endif
