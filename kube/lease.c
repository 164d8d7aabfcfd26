/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/lease.h"

#include <sodium.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/election.h"
#include "kube/microtime.h"
#include "kube/timer.h"

#define TIMEOUT_MS 5000

struct kube_lease {
	struct kube_client *client;
	struct kube_lease_handler handler;
	void *ctx;
	struct kube_timer *timer;
	struct kube_election election;
	enum kube_role told; /* the role that the owner knows of */
	bool was_leader;
	char *namespace, *name, *identity;
	char *path;    /* of all leases of the namespace */
	char *at_path; /* of this one */
};

char *kube_lease_identity(void)
{
	struct utsname host;
	unsigned char id[16];
	char hex[2 * sizeof(id) + 1];

	randombytes_buf(id, sizeof(id));
	/* version 4, variant 1 */
	id[6] = (unsigned char)((id[6] & 0x0f) | 0x40);
	id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
	sodium_bin2hex(hex, sizeof(hex), id, sizeof(id));
	if (uname(&host) != 0)
		host.nodename[0] = '\0';
	return mem_printf("%.63s_%.8s-%.4s-%.4s-%.4s-%.12s", host.nodename, hex, hex + 8, hex + 12,
			  hex + 16, hex + 20);
}

/*
 * The election's clock goes on while the machine is suspended, as that of the others does who wait
 * for our lease to end.  The timers' does not: they come late then, and find it over.
 */
static void set_timer(struct kube_lease *l)
{
	int64_t due = kube_election_due(&l->election);

	if (due != INT64_MAX)
		due += clock_monotonic_ms() - clock_boottime_ms();
	kube_timer_set(l->timer, due);
}

/* Tell the owner of a new role, and set the timer. */
static void settle(struct kube_lease *l)
{
	enum kube_role before = l->told, role = l->election.role;

	set_timer(l);
	if (role == before)
		return;
	l->told = role;
	if (role == KUBE_LEADER) {
		l->was_leader = true;
		l->handler.acquired(l->ctx);
	} else if (role == KUBE_OVER && before == KUBE_LEADER) {
		l->handler.lost(l->ctx);
	} else if (role == KUBE_OVER) {
		l->handler.released(l->ctx);
	}
}

static void on_answer(void *ctx, const struct kube_answer *a)
{
	struct kube_lease *l = ctx;
	bool expected = a->status == 200 || a->status == 201 || a->status == 409 ||
			(a->status == 404 && l->election.step == KUBE_STEP_GET);

	kube_election_answer(&l->election, clock_boottime_ms(), a->status, a->object);
	if (!expected)
		l->handler.failed(l->ctx, a);
	settle(l);
}

static void send_step(struct kube_lease *l, enum kube_step step, const struct buf *body)
{
	static const char *const methods[] = {
		[KUBE_STEP_GET] = "GET", [KUBE_STEP_CREATE] = "POST", [KUBE_STEP_PUT] = "PUT"
	};
	const struct kube_request r = { .method = methods[step],
					.path = step == KUBE_STEP_CREATE ? l->path : l->at_path,
					.type = step == KUBE_STEP_GET ? KUBE_NO_BODY : KUBE_JSON,
					.body = step == KUBE_STEP_GET ? NULL : body,
					.urgent = true,
					.timeout_ms = TIMEOUT_MS };

	kube_send(l->client, &r, on_answer, l);
}

static void on_time(void *ctx, int64_t now_ms)
{
	struct kube_lease *l = ctx;
	struct buf body = BUF_INIT;
	char wall[KUBE_MICROTIME_SIZE];
	enum kube_step step;

	(void)now_ms;
	kube_microtime_format(kube_microtime_now(), wall);
	if (kube_election_tick(&l->election, clock_boottime_ms(), wall, &step, &body))
		send_step(l, step, &body);
	buf_clear(&body);
	settle(l);
}

static void set_paths(struct kube_lease *l)
{
	struct buf path = BUF_INIT;

	buf_puts(&path, "/apis/coordination.k8s.io/v1/namespaces/");
	kube_path_put(&path, l->namespace);
	buf_puts(&path, "/leases");
	l->path = mem_str(buf_str(&path));
	buf_putc(&path, '/');
	kube_path_put(&path, l->name);
	l->at_path = mem_str(buf_str(&path));
	buf_clear(&path);
}

struct kube_lease *kube_lease_new(struct kube_client *k, const struct kube_lease_options *o,
				  const struct kube_lease_handler *h, void *ctx)
{
	struct kube_lease *l = mem_alloc(sizeof(*l));

	l->client = k;
	l->handler = *h;
	l->ctx = ctx;
	l->namespace = mem_str(o->namespace);
	l->name = mem_str(o->name);
	l->identity = mem_str(o->identity);
	set_paths(l);
	l->election = (struct kube_election){ .namespace = l->namespace,
					      .name = l->name,
					      .identity = l->identity,
					      .duration_ms = o->duration_ms,
					      .renew_ms = o->renew_ms,
					      .retry_ms = o->retry_ms };
	kube_election_init(&l->election, clock_boottime_ms());
	l->told = l->election.role;
	l->timer = kube_timer_new(kube_client_timers(k), on_time, l);
	set_timer(l);
	return l;
}

void kube_lease_free(struct kube_lease *l)
{
	if (l == NULL)
		return;
	kube_cancel(l->client, l);
	kube_timer_free(l->timer);
	kube_election_clear(&l->election);
	mem_free(l->namespace);
	mem_free(l->name);
	mem_free(l->identity);
	mem_free(l->path);
	mem_free(l->at_path);
	mem_free(l);
}

void kube_lease_release(struct kube_lease *l)
{
	kube_election_leave(&l->election, clock_boottime_ms());
	/* the owner hears of it from kube_work, not from here */
	if (l->election.role == KUBE_LEAVING)
		l->told = KUBE_LEAVING;
	kube_timer_set(l->timer, clock_monotonic_ms());
}

bool kube_lease_held(const struct kube_lease *l)
{
	return kube_election_held(&l->election, clock_boottime_ms());
}

int64_t kube_lease_age(const struct kube_lease *l)
{
	return l->was_leader ? clock_boottime_ms() - l->election.renewed_ms : -1;
}

const char *kube_lease_holder(const struct kube_lease *l)
{
	return kube_election_holder(&l->election);
}
