/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (events.k8s.io/v1) about objects, as text to be sent; kube/recorder.h sends them
 * (kubernetes-agent rules 2.6).
 */
#ifndef BULLA_KUBE_EVENT_H
#define BULLA_KUBE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define KUBE_EVENT_NAME_MAX 253
#define KUBE_EVENT_WORD_MAX 128	 /* bytes of reason, action, instance; the rest is cut off */
#define KUBE_EVENT_NOTE_MAX 1024 /* and of the note */

/* What happened to whom.  resource_version may be NULL; all others are needed. */
struct kube_event {
	const char *api_version, *kind; /* of the object */
	const char *namespace;		/* "": it has none; its events are in "default" */
	const char *name, *uid, *resource_version;
	const char *reason; /* "Applied": why, one word in CamelCase */
	const char *action; /* "Apply": what was done or tried */
	const char *note;   /* for people */
	bool warning;
};

/* How often, when it was more than once. */
struct kube_series {
	uint32_t count; /* 2 or more; else there is no series */
	int64_t last_us;
};

/* Who tells. */
struct kube_reporter {
	const char *controller; /* "bulla.dev/agent" */
	const char *instance;	/* the pod */
};

/* "default" for objects without namespace. */
const char *kube_event_namespace(const struct kube_event *e);
/* NAME.HEX of the time, at most KUBE_EVENT_NAME_MAX; owned by the caller. */
char *kube_event_name(const struct kube_event *e, int64_t us);
/* Append the object that is created.  us: when it happened first, in microseconds since 1970. */
void kube_event_format(const struct kube_event *e, const struct kube_reporter *by, const char *name,
		       int64_t us, const struct kube_series *series, struct buf *out);
/* Append the merge patch that tells of repetitions. */
void kube_event_format_series(const struct kube_series *series, struct buf *out);

#endif
