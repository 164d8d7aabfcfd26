/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/whichcluster.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "sealer/repo.h"

const char *whichcluster_split(const char *given, char **name)
{
	const char *sign = strchr(given, '=');

	*name = sign != NULL ? mem_strn(given, (size_t)(sign - given)) : NULL;
	if (*name != NULL && name_is_label(*name))
		return sign + 1;
	mem_free(*name);
	*name = NULL;
	return given;
}

/* --- judging ---------------------------------------------------------------------------------- */

/* Whose key this is, now or before; NULL: nobody's here. */
static const char *owner(const struct recipients *known, const struct kv *earlier, const char *id)
{
	const struct recipient *r = recipients_find_id(known, id);

	return r != NULL ? r->name : kv_get_str(earlier, id);
}

static const char *active_owner(const struct recipients *known, const struct kv *earlier,
				const struct published *p)
{
	return p->active != NULL ? owner(known, earlier, p->active->id) : NULL;
}

/* The one recipient whose keys are published, the active one's before the others. */
static const char *recognise(const struct recipients *known, const struct kv *earlier,
			     const struct published *p)
{
	const char *found = active_owner(known, earlier, p);

	if (found != NULL)
		return found;
	for (size_t i = 0; i < p->keys.n; i++) {
		const char *name = owner(known, earlier, p->keys.items[i].id);

		if (name != NULL && found != NULL && strcmp(name, found) != 0)
			return NULL;
		found = name != NULL ? name : found;
	}
	return found;
}

static bool publishes(const struct recipients *known, const struct kv *earlier,
		      const struct published *p, const char *name)
{
	for (size_t i = 0; i < p->keys.n; i++) {
		const char *whose = owner(known, earlier, p->keys.items[i].id);

		if (whose != NULL && strcmp(whose, name) == 0)
			return true;
	}
	return false;
}

static void set_why(struct whichcluster *out, enum whichcluster_state state, char *why)
{
	out->state = state;
	mem_free(out->why);
	out->why = why;
}

static void judge_named(const struct recipients *known, const struct kv *earlier,
			struct whichcluster *out)
{
	const struct published *p = &out->published;
	const struct recipient *now = recipients_find(known, out->name);
	const char *other = recognise(known, earlier, p);

	if (now != NULL && p->active != NULL && strcmp(now->id, p->active->id) == 0)
		set_why(out, WHICHCLUSTER_CURRENT, NULL);
	else if (publishes(known, earlier, p, out->name))
		set_why(out, WHICHCLUSTER_BEHIND,
			mem_printf("its active key is %s, and %s has %s for %s",
				   p->active != NULL ? p->active->id : "not known", CONFIG_PATH,
				   now != NULL ? now->id : "none", out->name));
	else if (other != NULL)
		set_why(out, WHICHCLUSTER_OTHER,
			mem_printf("it publishes the key of %s and none of %s", other, out->name));
	else
		set_why(out, WHICHCLUSTER_UNKNOWN,
			mem_printf("it publishes no key that this repository knows"));
}

void whichcluster_judge(const struct recipients *known, const struct kv *earlier, bool there,
			struct whichcluster *out)
{
	if (there && out->name == NULL)
		out->name = mem_str(recognise(known, earlier, &out->published));
	if (!there)
		set_why(out, WHICHCLUSTER_UNKNOWN, mem_printf("its agent publishes no keys"));
	else if (out->name == NULL)
		set_why(out, WHICHCLUSTER_UNKNOWN,
			mem_printf("it publishes no key that this repository knows, or those of "
				   "several recipients"));
	else
		judge_named(known, earlier, out);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* KEYID -> NAME, of the backups NAME.KEYID.age. */
static int read_earlier(const char *top, struct kv *out, struct err *err)
{
	struct kv files = KV_INIT;
	int r = repo_list_keys(top, &files, err);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		char *name, id[AGE_KEY_ID_TEXT];

		if (!repo_key_parse(files.items[i].name, &name, id))
			continue;
		if (id[0] != '\0')
			kv_set_str(out, id, name);
		mem_free(name);
	}
	kv_clear(&files);
	return r;
}

static int ask(const struct whichcluster_options *o, struct cluster *c, struct whichcluster *out,
	       struct err *err)
{
	const char *namespace = o->agent_namespace != NULL ? o->agent_namespace : CLUSTER_NAMESPACE;
	const struct recipients none = RECIPIENTS_INIT;
	struct kv earlier = KV_INIT;
	struct err why = ERR_INIT;
	bool there = false;
	int r = published_read(c, namespace, &out->published, &there, &why);

	if (r != 0 && why.class == ERR_REFUSED) {
		set_why(out, WHICHCLUSTER_UNKNOWN, mem_str(why.text));
		return 0;
	}
	if (r != 0 && err != NULL)
		*err = why;
	if (r == 0 && o->top != NULL)
		r = read_earlier(o->top, &earlier, err);
	if (r == 0)
		whichcluster_judge(o->config != NULL ? &o->config->recipients : &none, &earlier,
				   there, out);
	kv_clear(&earlier);
	return r;
}

int whichcluster_open(const struct whichcluster_options *o, struct cluster *c,
		      struct whichcluster *out, struct err *err)
{
	int r;

	memset(out, 0, sizeof(*out));
	out->context = mem_str(whichcluster_split(o->given, &out->name));
	r = cluster_open(o->kubeconfig, out->context, c, err);
	if (r == 0)
		r = ask(o, c, out, err);
	out->label = mem_str(out->name != NULL ? out->name : out->context);
	if (r != 0)
		err_wrap(err, "%s", out->label);
	return r;
}

int whichcluster_refuse(const struct whichcluster *w, struct err *err)
{
	if (w->state != WHICHCLUSTER_OTHER)
		return 0;
	return err_set(err, ERR_RECIPIENT, "context %s is not %s: %s; nothing was done there",
		       w->context, w->name, w->why);
}

void whichcluster_clear(struct whichcluster *w)
{
	mem_free(w->context);
	mem_free(w->name);
	mem_free(w->label);
	mem_free(w->why);
	published_clear(&w->published);
	memset(w, 0, sizeof(*w));
}

int whichcluster_open_as(const struct whichcluster_options *o, const char *name, struct cluster *c,
			 struct err *err)
{
	struct whichcluster w;
	int r = whichcluster_open(o, c, &w, err);

	if (r == 0 && name != NULL && w.name != NULL && strcmp(w.name, name) != 0)
		r = err_set(err, ERR_RECIPIENT,
			    "context %s is the cluster of %s, not of %s; nothing was done there",
			    w.context, w.name, name);
	if (r == 0)
		r = whichcluster_refuse(&w, err);
	whichcluster_clear(&w);
	return r;
}
