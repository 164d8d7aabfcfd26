/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/generate_key.h"

#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/name.h"
#include "keys/age_identity.h"
#include "keys/keyring.h"
#include "kube/client.h"

#define RECIPIENTS "bulla-recipients"
#define DOCUMENTS "/apis/bulla.dev/v1/sealedcredentials?limit=1"

struct job {
	const char *namespace;
	struct kube_config config;
	struct kube_client *client;
	const char *found; /* why no key is made, or NULL */
};

/* --- what is sent and what comes -------------------------------------------------------------- */

void generate_key_secret(const char *namespace, const struct age_identity *id, int64_t now,
			 struct buf *out)
{
	struct buf text = BUF_INIT;
	char *name;

	buf_puts(out, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":"
		      "\"" GENERATE_KEY_SECRET "\",\"namespace\":");
	json_format_string(out, namespace, strlen(namespace));
	buf_puts(out, "},\"type\":\"Opaque\"");
	if (id != NULL) {
		name = keyring_file_name(id, now);
		keyring_file_format(id, now, &text);
		buf_printf(out, ",\"data\":{\"%s\":\"", name);
		b64_encode(out, text.data, text.len);
		buf_puts(out, "\"}");
		mem_free(name);
	}
	buf_putc(out, '}');
	buf_clear(&text);
}

int generate_key_any(const json_t *list, bool *any, struct err *err)
{
	const json_t *items = json_object_get(list, "items");
	const char *more =
	    json_string_value(json_object_get(json_object_get(list, "metadata"), "continue"));

	if (!json_is_array(items))
		return err_set(err, ERR_IO,
			       "GET " DOCUMENTS
			       ": the answer is no list, so there may be documents: is this an "
			       "API server?");
	*any = json_array_size(items) != 0 || (more != NULL && *more != '\0');
	return 0;
}

/* --- one request ------------------------------------------------------------------------------ */

struct call {
	const struct kube_request *request;
	json_t *object; /* of a 2xx */
	struct err *err;
	long status;
	bool exists; /* a 409 that says so: another is a quota's */
	bool done;
};

/* Whoever refuses a Secret may have quoted what stands in it: policies make their own texts. */
static void put_error(struct call *c, const struct kube_answer *a)
{
	struct kube_answer said = *a;
	char *what = mem_printf("%s %.200s", c->request->method, c->request->path);

	if (c->request->body != NULL && a->status != 0)
		said.message = said.cause = said.reason = "";
	kube_error(&said, what, c->err);
	mem_free(what);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct call *c = ctx;

	c->done = true;
	c->status = a->status;
	c->exists = a->status == 409 && strcmp(a->reason, "AlreadyExists") == 0;
	if (a->status < 200 || a->status >= 300)
		put_error(c, a);
	else
		c->object = json_incref((json_t *)(uintptr_t)a->object);
}

static void call(struct job *j, const struct kube_request *r, struct call *c, struct err *err)
{
	*c = (struct call){ .request = r, .err = err };
	kube_send(j->client, r, answered, c);
	for (kube_work(j->client); !c->done; kube_work(j->client))
		kube_wait(j->client, NULL, 0, -1);
}

static bool went_well(const struct call *c)
{
	return c->status >= 200 && c->status < 300;
}

/* --- what is there ---------------------------------------------------------------------------- */

static int look_for_recipients(struct job *j, struct err *err)
{
	struct buf path = BUF_INIT;
	struct kube_request r = { .method = "GET", .metadata_only = true, .idempotent = true };
	struct call c;

	kube_path_object(&path, KUBE_CORE, j->namespace, "configmaps", RECIPIENTS);
	r.path = buf_str(&path);
	call(j, &r, &c, err);
	json_decref(c.object);
	buf_clear(&path);
	if (went_well(&c))
		j->found = "the ConfigMap " RECIPIENTS " tells of keys that were in use";
	return went_well(&c) || c.status == 404 ? 0 : -1;
}

/* A kind that the server does not know (404) is no sign that no document was ever sealed. */
static int look_for_documents(struct job *j, struct err *err)
{
	static const struct kube_request r = { .method = "GET",
					       .path = DOCUMENTS,
					       .idempotent = true };
	struct call c;
	bool any = false;
	int result = -1;

	call(j, &r, &c, err);
	if (went_well(&c))
		result = generate_key_any(c.object, &any, err);
	json_decref(c.object);
	if (any)
		j->found = "there are SealedCredentials in the cluster, sealed to keys of before";
	return result;
}

/* --- the Secret ------------------------------------------------------------------------------- */

/* try: as if, which tells whether there is one without a right to read it. */
static void create(struct job *j, const struct buf *body, bool try, struct call *c, struct err *err)
{
	struct buf path = BUF_INIT;
	struct kube_request r = {
		.method = "POST", .type = KUBE_JSON, .body = body, .metadata_only = true
	};

	kube_path_object(&path, KUBE_CORE, j->namespace, "secrets", NULL);
	buf_printf(&path, "?fieldManager=bulla-agent%s", try ? "&dryRun=All" : "");
	r.path = buf_str(&path);
	call(j, &r, c, err);
	json_decref(c->object);
	c->object = NULL;
	buf_clear(&path);
}

static int there_already(const struct job *j)
{
	log_line(LOG_INFO, "there are sealing keys already; nothing is made", "namespace",
		 j->namespace, "secret", GENERATE_KEY_SECRET, (char *)NULL);
	return 0;
}

/* Unless the Secret is there: only a 409 says that, and all else that comes is no reason to make
 * one. */
static int refuse(struct job *j, struct err *err)
{
	struct buf body = BUF_INIT;
	struct call c;

	generate_key_secret(j->namespace, NULL, 0, &body);
	create(j, &body, true, &c, err);
	buf_clear(&body);
	if (c.exists)
		return there_already(j);
	return err_set(err, ERR_CONFLICT,
		       "no key is made: %s; bring the key itself back with `bulla keys install`",
		       j->found);
}

static int make(struct job *j, struct err *err)
{
	struct age_identity *id = age_identity_generate();
	char recipient[AGE_RECIPIENT_TEXT];
	struct buf body = BUF_INIT;
	struct call c;

	age_recipient_format(age_identity_recipient(id), recipient);
	generate_key_secret(j->namespace, id, clock_now(), &body);
	age_identity_free(id);
	create(j, &body, false, &c, err);
	buf_clear(&body);
	if (c.exists)
		return there_already(j);
	if (!went_well(&c))
		return -1;
	log_line(LOG_INFO, "sealing key made; there is no backup of it", "namespace", j->namespace,
		 "secret", GENERATE_KEY_SECRET, "recipient", recipient, (char *)NULL);
	return 0;
}

static int run(struct job *j, const struct options *o, struct err *err)
{
	const struct kube_config_options config = { .kubeconfig = o->kubeconfig,
						    .context = o->context };

	if (!name_is_label(j->namespace))
		return err_set(err, ERR_USAGE, "--agent-namespace: not a namespace's name");
	if (kube_config_load(&config, &j->config, err) < 0)
		return -1;
	j->client = kube_client_new(&j->config, "bulla-agent", err);
	if (j->client == NULL || look_for_recipients(j, err) < 0 || look_for_documents(j, err) < 0)
		return -1;
	return j->found != NULL ? refuse(j, err) : make(j, err);
}

enum err_class generate_key(const struct options *o, struct err *err)
{
	struct job j = { .namespace = o->agent_namespace };
	struct err why = ERR_INIT; /* a 404 that is good news fills one, too */
	int r;

	log_level_set(o->level);
	r = run(&j, o, &why);
	if (j.client != NULL)
		kube_client_free(j.client);
	kube_config_clear(&j.config);
	if (r == 0)
		return ERR_NONE;
	*err = why;
	return err->class;
}
