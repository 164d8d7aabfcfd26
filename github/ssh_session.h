/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SSH connection, step by step, each within the deadline of all: what github/ssh.c is made of.
 * Every step returns 0, or -1 with the outcome and err; after a failure only github_session_close
 * may follow.
 */
#ifndef BULLA_GITHUB_SSH_SESSION_H
#define BULLA_GITHUB_SSH_SESSION_H

#include "github/libssh.h"
#include "github/ssh_types.h"

struct github_session {
	const struct github_libssh *lib;
	const struct github_ssh_request *q;
	int64_t deadline; /* clock_monotonic_ms */
	enum github_ssh_outcome outcome;
	int fd;
	ssh_session session;
	char address[64];
	bool heard, not_ssh;   /* the server said something; it was no SSH */
	bool no_host_key;      /* it has no host key for the algorithms that were offered */
	const char *host_type; /* of its key; a constant, NULL when it is none of the five */
	struct buf host_blob;
};

/* A session that is not connected; close it in any case. */
#define GITHUB_SESSION_INIT(library, request, until)                                               \
	{                                                                                          \
		.lib = (library), .q = (request), .deadline = (until), .fd = -1,                   \
		.host_blob = BUF_INIT                                                              \
	}

/*
 * Connect and shake hands, offering these host key algorithms: host_type and host_blob are then
 * proven to be the server's.
 */
int github_session_open(struct github_session *s, const char *algorithms, struct err *err);

/* What the server calls itself, "" before it did; until close. */
const char *github_session_software(const struct github_session *s);

int github_session_authenticate(struct github_session *s, ssh_key key, struct err *err);

/* What came of a command. */
struct github_session_run {
	struct github_refs refs;
	char said[GITHUB_SSH_TEXT]; /* the last line on its standard error */
	int status;		    /* -1: none was told */
};

#define GITHUB_SESSION_RUN_INIT                                                                    \
	{                                                                                          \
		GITHUB_REFS_INIT, "", -1                                                           \
	}

/*
 * "git-upload-pack" or "git-receive-pack" on the path, until its references are there or it ends;
 * with enough, only until the first of them.  A command that ends is no failure of this step.
 */
int github_session_git(struct github_session *s, const char *service, bool first_only,
		       struct github_session_run *run, struct err *err);

void github_session_close(struct github_session *s);

/* 'path', as a shell and GitHub read it; appended. */
void github_session_quote(const char *path, struct buf *out);

#endif
