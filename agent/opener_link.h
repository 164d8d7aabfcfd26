/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the opener, part of agent/opener.h: the supervisor, of our own or in another
 * container, and the socket of the opener that it handed over last.
 */
#ifndef BULLA_AGENT_OPENER_LINK_H
#define BULLA_AGENT_OPENER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/dial.h"
#include "base/err.h"
#include "base/kv.h"

struct opener_link {
	pid_t supervisor; /* of our own; 0: in another container, reached by */
	struct dial dial;
	int control;	 /* to the supervisor; -1: not connected just now */
	int epoll, poke; /* opener_fd: control, the dial's timer, or poke, an eventfd of our own */
	bool lost;	 /* our own supervisor is gone; why: */
	char why[500];
	enum err_class refused; /* why the last try to connect failed; its text is why, too */

	int fd; /* of the current opener; -1: none */
	pid_t pid;
	uint32_t generation;
	size_t adopted; /* openers so far */
	bool given_up;	/* waiting for a fresh one was in vain; cleared when it comes */
	uint32_t died;	/* generation of the last death told, and its wait status */
	int died_status;

	struct kv keys;	      /* as opener_keys */
	struct kv recipients; /* as opener_recipients */
	size_t bad;
	bool changed; /* keys, since the last opener_link_poll */
};

#define OPENER_LINK_INIT                                                                           \
	{                                                                                          \
		.dial = DIAL_INIT, .control = -1, .epoll = -1, .poke = -1, .fd = -1                \
	}

/*
 * As opener_start and opener_connect, with the members of their options; opener_link_clear in every
 * case.
 */
int opener_link_start(struct opener_link *l, const char *keys_dir, int audit_fd, struct err *err);
int opener_link_connect(struct opener_link *l, const char *path, uid_t uid, int wait_ms,
			struct err *err);
/* As opener_poll. */
bool opener_link_poll(struct opener_link *l);

/* See that there is an opener: 0 and l->fd, or wait for a fresh one, once, and opener_link_none. */
int opener_link_need(struct opener_link *l, struct err *err);
/* -1, and why there is none: ERR_IO. */
int opener_link_none(const struct opener_link *l, struct err *err);
/* Let go of the current opener, which ends by it. */
void opener_link_drop(struct opener_link *l);
/* Have one killed that was dropped because it does not answer. */
void opener_link_kill(const struct opener_link *l, uint32_t generation);
/* How one that was dropped has ended, when the supervisor says it in time: "died of signal 9". */
void opener_link_death(struct opener_link *l, uint32_t generation, char *text, size_t size);

/* End supervisor and opener, and wait for both. */
void opener_link_clear(struct opener_link *l);

#endif
