/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/kubeconfig.h"

#include <stdarg.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "kube/strings.h"
#include "kube/yamljson.h"

#define LIST_MAX 1000 /* strings in one list of an entry */
#define EXEC_EXTENSION "client.authentication.k8s.io/exec"

struct reader {
	const char *file;
	struct kubeconfig *out;
	struct err *err;
};

enum field_type { STRING, PATH, DATA, BOOL, STRINGS, OTHER };

/* A field of an entry: where it goes, or the function that reads it. */
struct field {
	const char *name;
	enum field_type type;
	size_t at; /* in the entry's struct */
	int (*read)(const struct reader *r, const struct yaml_node *value, void *entry);
};

/* --- errors ----------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static int fail(const struct reader *r,
						      const struct yaml_node *node,
						      const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(r->err, ERR_INVALID, fmt, ap);
	va_end(ap);
	return err_wrap(r->err, "%s:%u: %s", r->file, node->line, field);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_null(const struct yaml_node *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	if (node->type != YAML_SCALAR || node->style != YAML_PLAIN)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(node->text, words[i]) == 0)
			return true;
	return false;
}

/* 0 with *text NULL for null and "". */
static int get_string(const struct reader *r, const struct yaml_node *node, const char *field,
		      const char **text)
{
	*text = NULL;
	if (is_null(node))
		return 0;
	if (node->type != YAML_SCALAR)
		return fail(r, node, field, "a string is expected, not a %s",
			    node->type == YAML_MAP ? "map" : "list");
	if (yaml_string(node) == NULL)
		return fail(r, node, field,
			    "YAML can read this as something other than a string: put it in "
			    "quotes");
	if (node->len != 0)
		*text = node->text;
	return 0;
}

static int get_bool(const struct reader *r, const struct yaml_node *node, const char *field,
		    bool *value)
{
	static const char *const words[2][3] = { { "false", "False", "FALSE" },
						 { "true", "True", "TRUE" } };

	if (is_null(node))
		return 0;
	for (size_t i = 0; i < 6 && node->type == YAML_SCALAR && node->style == YAML_PLAIN; i++) {
		if (strcmp(node->text, words[i / 3][i % 3]) == 0) {
			*value = i / 3 == 1;
			return 0;
		}
	}
	return fail(r, node, field, "true or false is expected");
}

/* Relative to the folder that the kubeconfig is in. */
static char *resolve(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || slash == NULL)
		return mem_str(path);
	return mem_printf("%.*s/%s", (int)(slash - file), file, path);
}

/* Go's decoder passes over line breaks, as a block scalar has them. */
static int get_data(const struct reader *r, const struct yaml_node *node, const char *field,
		    struct buf *out)
{
	struct buf text = BUF_INIT;
	const char *s;
	int ret = 0;

	if (get_string(r, node, field, &s) != 0)
		return -1;
	for (; s != NULL && *s != '\0'; s++)
		if (*s != '\n' && *s != '\r')
			buf_putc(&text, (unsigned char)*s);
	if (b64_decode(out, buf_str(&text), text.len) != 0)
		ret = fail(r, node, field, "not base64 (%zu characters)", text.len);
	buf_clear(&text);
	return ret;
}

static int get_strings(const struct reader *r, const struct yaml_node *node, const char *field,
		       char ***out)
{
	const char *s;

	if (is_null(node))
		return 0;
	if (node->type != YAML_LIST)
		return fail(r, node, field, "a list of strings is expected");
	if (node->n > LIST_MAX)
		return fail(r, node, field, "more than %d entries", LIST_MAX);
	for (size_t i = 0; i < node->n; i++) {
		if (get_string(r, node->values[i], field, &s) != 0)
			return -1;
		strings_push(out, mem_str(s != NULL ? s : ""));
	}
	return 0;
}

static int get_field(const struct reader *r, const struct field *f, const struct yaml_node *value,
		     void *entry)
{
	void *at = (char *)entry + f->at;
	const char *s;

	switch (f->type) {
	case STRING:
	case PATH:
		if (get_string(r, value, f->name, &s) != 0)
			return -1;
		if (s != NULL)
			*(char **)at = f->type == PATH ? resolve(r->file, s) : mem_str(s);
		return 0;
	case DATA:
		return get_data(r, value, f->name, at);
	case BOOL:
		return get_bool(r, value, f->name, at);
	case STRINGS:
		return get_strings(r, value, f->name, at);
	case OTHER:
		break;
	}
	return f->read(r, value, entry);
}

static int get_fields(const struct reader *r, const struct field *fields,
		      const struct yaml_node *map, void *entry)
{
	for (const struct field *f = fields; f->name != NULL; f++) {
		const struct yaml_node *value = yaml_get(map, f->name);

		if (value != NULL && get_field(r, f, value, entry) != 0)
			return -1;
	}
	return 0;
}

/* --- the parts of an entry -------------------------------------------------------------------- */

/* Lists of {name, OTHER}: env, extensions.  NULL after an error. */
static const char *item_name(const struct reader *r, const struct yaml_node *item,
			     const char *field)
{
	const struct yaml_node *name;
	const char *s = NULL;

	if (item->type != YAML_MAP) {
		fail(r, item, field, "an entry that is not a map");
		return NULL;
	}
	name = yaml_get(item, "name");
	if (name != NULL && get_string(r, name, field, &s) != 0)
		return NULL;
	if (s == NULL)
		fail(r, item, field, "an entry without a name");
	return s;
}

static int read_extensions(const struct reader *r, const struct yaml_node *list, void *entry)
{
	struct kubeconfig_cluster *c = entry;
	const struct yaml_node *value;

	if (is_null(list))
		return 0;
	if (list->type != YAML_LIST)
		return fail(r, list, "extensions", "a list is expected");
	for (size_t i = 0; i < list->n; i++) {
		const char *name = item_name(r, list->values[i], "extensions");

		if (name == NULL)
			return -1;
		value = yaml_get(list->values[i], "extension");
		if (strcmp(name, EXEC_EXTENSION) != 0 || value == NULL || is_null(value))
			continue;
		if (c->exec_config != NULL)
			return fail(r, list->values[i], "extensions",
				    "\"" EXEC_EXTENSION "\" is there twice");
		c->exec_config = yamljson(value);
	}
	return 0;
}

static int read_env(const struct reader *r, const struct yaml_node *list, void *entry)
{
	struct kubeconfig_exec *e = entry;
	const struct yaml_node *value;
	const char *s;

	if (is_null(list))
		return 0;
	if (list->type != YAML_LIST || list->n > LIST_MAX)
		return fail(r, list, "env", "a list of at most %d entries is expected", LIST_MAX);
	for (size_t i = 0; i < list->n; i++) {
		const char *name = item_name(r, list->values[i], "env");

		if (name == NULL)
			return -1;
		if (strchr(name, '=') != NULL)
			return fail(r, list->values[i], "env", "a name with a \"=\" in it");
		value = yaml_get(list->values[i], "value");
		s = NULL;
		if (value != NULL && get_string(r, value, "env", &s) != 0)
			return -1;
		kv_set_str(&e->env, name, s != NULL ? s : "");
	}
	return 0;
}

static int read_version(const struct reader *r, const struct yaml_node *value, void *entry)
{
	static const char *const versions[] = { "client.authentication.k8s.io/v1",
						"client.authentication.k8s.io/v1beta1" };
	struct kubeconfig_exec *e = entry;
	const char *s;

	if (get_string(r, value, "apiVersion", &s) != 0)
		return -1;
	for (size_t i = 0; s != NULL && i < sizeof(versions) / sizeof(versions[0]); i++)
		if (strcmp(s, versions[i]) == 0)
			e->api_version = mem_str(s);
	if (s != NULL && e->api_version == NULL)
		return fail(r, value, "apiVersion",
			    "\"%.64s\" is not supported: it can be %s or %s (a newer version of "
			    "the plugin may have them)",
			    s, versions[0], versions[1]);
	return 0;
}

static int read_mode(const struct reader *r, const struct yaml_node *value, void *entry)
{
	static const char *const modes[] = { [KUBECONFIG_NEVER] = "Never",
					     [KUBECONFIG_IF_AVAILABLE] = "IfAvailable",
					     [KUBECONFIG_ALWAYS] = "Always" };
	struct kubeconfig_exec *e = entry;
	const char *s;

	if (get_string(r, value, "interactiveMode", &s) != 0)
		return -1;
	if (s == NULL)
		return 0;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(s, modes[i]) == 0) {
			e->mode = (enum kubeconfig_mode)i;
			e->mode_given = true;
			return 0;
		}
	}
	return fail(r, value, "interactiveMode", "not one of Never, IfAvailable, Always");
}

static int read_command(const struct reader *r, const struct yaml_node *value, void *entry)
{
	struct kubeconfig_exec *e = entry;
	const char *s;

	if (get_string(r, value, "command", &s) != 0)
		return -1;
	/* a name alone is looked up in PATH */
	if (s != NULL)
		e->command = strchr(s, '/') != NULL ? resolve(r->file, s) : mem_str(s);
	return 0;
}

static const struct field exec_fields[] = {
	{ "command", OTHER, 0, read_command },
	{ "args", STRINGS, offsetof(struct kubeconfig_exec, args), NULL },
	{ "env", OTHER, 0, read_env },
	{ "apiVersion", OTHER, 0, read_version },
	{ "installHint", STRING, offsetof(struct kubeconfig_exec, install_hint), NULL },
	{ "provideClusterInfo", BOOL, offsetof(struct kubeconfig_exec, cluster_info), NULL },
	{ "interactiveMode", OTHER, 0, read_mode },
	{ NULL, OTHER, 0, NULL },
};

static int read_exec(const struct reader *r, const struct yaml_node *value, void *entry)
{
	struct kubeconfig_user *u = entry;

	if (is_null(value))
		return 0;
	if (value->type != YAML_MAP)
		return fail(r, value, "exec", "a map is expected");
	u->exec = mem_alloc(sizeof(*u->exec));
	u->exec->mode = KUBECONFIG_IF_AVAILABLE;
	return get_fields(r, exec_fields, value, u->exec);
}

static int read_auth_provider(const struct reader *r, const struct yaml_node *value, void *entry)
{
	struct kubeconfig_user *u = entry;
	const struct yaml_node *name;
	const char *s = NULL;

	if (is_null(value))
		return 0;
	if (value->type != YAML_MAP)
		return fail(r, value, "auth-provider", "a map is expected");
	name = yaml_get(value, "name");
	if (name != NULL && get_string(r, name, "auth-provider", &s) != 0)
		return -1;
	u->auth_provider = mem_str(s != NULL ? s : "");
	return 0;
}

static int read_extra(const struct reader *r, const struct yaml_node *map, void *entry)
{
	struct kubeconfig_user *u = entry;
	size_t n = 0;

	if (is_null(map))
		return 0;
	if (map->type != YAML_MAP)
		return fail(r, map, "as-user-extra", "a map of names to lists is expected");
	for (size_t i = 0; i < map->n; i++) {
		char **values = NULL;

		if (get_strings(r, map->values[i], "as-user-extra", &values) != 0) {
			strings_free(values);
			return -1;
		}
		for (size_t j = 0; values != NULL && values[j] != NULL && n < LIST_MAX; j++, n++) {
			strings_push(&u->as_extra, mem_str(map->keys[i]->text));
			strings_push(&u->as_extra, mem_str(values[j]));
		}
		strings_free(values);
	}
	return n < LIST_MAX ? 0 : fail(r, map, "as-user-extra", "more than %d values", LIST_MAX);
}

#define AT(type, member) offsetof(struct kubeconfig_##type, member)

static const struct field cluster_fields[] = {
	{ "server", STRING, AT(cluster, server), NULL },
	{ "tls-server-name", STRING, AT(cluster, tls_server_name), NULL },
	{ "proxy-url", STRING, AT(cluster, proxy), NULL },
	{ "certificate-authority", PATH, AT(cluster, ca_file), NULL },
	{ "certificate-authority-data", DATA, AT(cluster, ca), NULL },
	{ "insecure-skip-tls-verify", BOOL, AT(cluster, insecure), NULL },
	{ "disable-compression", BOOL, AT(cluster, no_compression), NULL },
	{ "extensions", OTHER, 0, read_extensions },
	{ NULL, OTHER, 0, NULL },
};

static const struct field user_fields[] = {
	{ "token", STRING, AT(user, token), NULL },
	{ "tokenFile", PATH, AT(user, token_file), NULL },
	{ "username", STRING, AT(user, username), NULL },
	{ "password", STRING, AT(user, password), NULL },
	{ "client-certificate", PATH, AT(user, cert_file), NULL },
	{ "client-certificate-data", DATA, AT(user, cert), NULL },
	{ "client-key", PATH, AT(user, key_file), NULL },
	{ "client-key-data", DATA, AT(user, key), NULL },
	{ "as", STRING, AT(user, as), NULL },
	{ "as-uid", STRING, AT(user, as_uid), NULL },
	{ "as-groups", STRINGS, AT(user, as_groups), NULL },
	{ "as-user-extra", OTHER, 0, read_extra },
	{ "auth-provider", OTHER, 0, read_auth_provider },
	{ "exec", OTHER, 0, read_exec },
	{ NULL, OTHER, 0, NULL },
};

static const struct field context_fields[] = {
	{ "cluster", STRING, AT(context, cluster), NULL },
	{ "user", STRING, AT(context, user), NULL },
	{ "namespace", STRING, AT(context, namespace), NULL },
	{ NULL, OTHER, 0, NULL },
};

/* --- entries ---------------------------------------------------------------------------------- */

/* One of the three lists.  Every entry's struct begins with its place. */
struct section {
	const char *list, *item;
	const struct field *fields;
	size_t size, entries, n; /* of an entry; where pointer and count are in struct kubeconfig */
};

static const struct section sections[] = {
	{ "clusters", "cluster", cluster_fields, sizeof(struct kubeconfig_cluster),
	  offsetof(struct kubeconfig, clusters), offsetof(struct kubeconfig, n_clusters) },
	{ "users", "user", user_fields, sizeof(struct kubeconfig_user),
	  offsetof(struct kubeconfig, users), offsetof(struct kubeconfig, n_users) },
	{ "contexts", "context", context_fields, sizeof(struct kubeconfig_context),
	  offsetof(struct kubeconfig, contexts), offsetof(struct kubeconfig, n_contexts) },
};

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

static void *entry_at(const struct section *s, const struct kubeconfig *k, size_t i)
{
	return *(char *const *)((const char *)k + s->entries) + i * s->size;
}

static size_t count_of(const struct section *s, const struct kubeconfig *k)
{
	return *(const size_t *)((const char *)k + s->n);
}

static struct kubeconfig_place *find(const struct section *s, const struct kubeconfig *k,
				     const char *name)
{
	for (size_t i = 0; i < count_of(s, k); i++) {
		struct kubeconfig_place *at = entry_at(s, k, i);

		if (strcmp(at->name, name) == 0)
			return at;
	}
	return NULL;
}

static void *add_entry(const struct section *s, struct kubeconfig *k)
{
	void **entries = (void **)((char *)k + s->entries);
	size_t *n = (size_t *)((char *)k + s->n);

	if ((*n & (*n + 1)) == 0)
		*entries = mem_grow(*entries, 2 * (*n + 1), s->size);
	return (char *)*entries + (*n)++ * s->size;
}

static int read_entry(const struct reader *r, const struct section *s, const char *name,
		      const struct yaml_node *item)
{
	const struct yaml_node *body = yaml_get(item, s->item);
	struct kubeconfig_place *at = add_entry(s, r->out);

	at->name = mem_str(name);
	at->file = mem_str(r->file);
	at->line = item->line;
	if (body == NULL || is_null(body))
		return 0;
	if (body->type != YAML_MAP)
		return fail(r, body, s->item, "a map is expected");
	return get_fields(r, s->fields, body, at);
}

static int read_section(const struct reader *r, const struct section *s,
			const struct yaml_node *list)
{
	size_t before = count_of(s, r->out);
	const struct kubeconfig_place *twice;

	if (list == NULL || is_null(list))
		return 0;
	if (list->type != YAML_LIST)
		return fail(r, list, s->list, "a list is expected");
	for (size_t i = 0; i < list->n; i++) {
		const struct yaml_node *item = list->values[i];
		const char *name = item_name(r, item, s->list);

		if (name == NULL)
			return -1;
		twice = find(s, r->out, name);
		if (twice != NULL &&
		    (const char *)twice >= (const char *)entry_at(s, r->out, before))
			return fail(r, item, s->list, "the name \"%.64s\" is there twice", name);
		if (twice == NULL && read_entry(r, s, name, item) != 0)
			return -1;
	}
	return 0;
}

static int read_root(const struct reader *r, const struct yaml_node *root)
{
	static const struct {
		const char *name, *value;
	} type[] = { { "apiVersion", "v1" }, { "kind", "Config" } };
	const struct yaml_node *node;
	const char *s;

	if (is_null(root))
		return 0;
	if (root->type != YAML_MAP)
		return fail(r, root, "kubeconfig", "a map is expected");
	for (size_t i = 0; i < 2; i++) {
		node = yaml_get(root, type[i].name);
		s = NULL;
		if (node != NULL && get_string(r, node, type[i].name, &s) != 0)
			return -1;
		if (s != NULL && strcmp(s, type[i].value) != 0)
			return fail(r, node, type[i].name,
				    "not \"%s\": this is no kubeconfig of a known version",
				    type[i].value);
	}
	for (size_t i = 0; i < N_SECTIONS; i++)
		if (read_section(r, &sections[i], yaml_get(root, sections[i].list)) != 0)
			return -1;
	node = yaml_get(root, "current-context");
	s = NULL;
	if (node != NULL && get_string(r, node, "current-context", &s) != 0)
		return -1;
	if (r->out->current == NULL)
		r->out->current = mem_str(s);
	return 0;
}

int kubeconfig_add(struct kubeconfig *k, const char *file, const void *text, size_t len,
		   struct err *err)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;
	const struct reader r = { file, k, err };
	int ret = 0;

	if (yaml_parse(file, text, len, &yaml, err) != 0)
		return -1;
	if (yaml.n > 1 && yaml.docs[1].root != NULL)
		ret = fail(&r, yaml.docs[1].root, "kubeconfig",
			   "a second YAML document, which other programs do not see");
	else if (yaml.n > 0 && yaml.docs[0].root != NULL)
		ret = read_root(&r, yaml.docs[0].root);
	yaml_clear(&yaml);
	return ret;
}
