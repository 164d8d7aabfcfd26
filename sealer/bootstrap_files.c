/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/bootstrap_files.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "kube/yamljson.h"
#include "sealer/subset.h"

#define KUSTOMIZE_API "kustomize.config.k8s.io/v1beta1"
#define SOURCE_API "source.toolkit.fluxcd.io/v1"
#define FLUX_API "kustomize.toolkit.fluxcd.io/v1"

/* --- texts ------------------------------------------------------------------------------------ */

/* A scalar as YAML has it: plain where every reader takes it for a string. */
static void put_scalar(struct buf *out, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-_./@+:";
	size_t n = strlen(s);

	if (n > 0 && strspn(s, plain) == n && strchr("-.@:", s[0]) == NULL && s[n - 1] != ':' &&
	    !yaml_plain_ambiguous(s, n))
		buf_puts(out, s);
	else
		json_format_string(out, s, n);
}

/* "./PATH/BELOW" */
static void put_path(struct buf *out, const struct bootstrap_names *n, const char *below)
{
	char *path = mem_printf("%s%s%s", n->path, below[0] != '\0' ? "/" : "", below);
	struct buf text = BUF_INIT;

	put_scalar(&text, path);
	if (text.len > 0 && text.data[0] == '"')
		buf_printf(out, "\"./%s", buf_str(&text) + 1);
	else
		buf_printf(out, "./%s", buf_str(&text));
	buf_clear(&text);
	mem_free(path);
}

static void put_head(struct buf *out, const char *api, const char *kind, const char *name)
{
	buf_printf(
	    out,
	    "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n  namespace: " BOOTSTRAP_NAMESPACE
	    "\nspec:\n",
	    api, kind, name);
}

static void put_source_ref(struct buf *out)
{
	buf_puts(out, "  sourceRef:\n    kind: GitRepository\n    name: " BOOTSTRAP_SOURCE "\n");
}

static void sync_text(const struct bootstrap_names *n, struct buf *out)
{
	buf_puts(out, "# What Flux follows, and the folder that it applies.\n");
	put_head(out, SOURCE_API, "GitRepository", BOOTSTRAP_SOURCE);
	buf_puts(out, "  interval: 1m\n  url: ");
	put_scalar(out, n->url);
	buf_puts(out, "\n  ref:\n    branch: ");
	put_scalar(out, n->branch != NULL ? n->branch : "");
	buf_puts(out, "\n  secretRef:\n    name: " BOOTSTRAP_DOCUMENT " # from ");
	buf_printf(out, "%s/" BOOTSTRAP_KEY_FILE "\n---\n", n->path);
	put_head(out, FLUX_API, "Kustomization", BOOTSTRAP_SOURCE);
	buf_puts(out, "  interval: 10m\n  path: ");
	put_path(out, n, "");
	buf_puts(out, "\n  prune: true\n");
	put_source_ref(out);
}

/* A Kustomization of a folder beside it, done when all that it applies is ready. */
static void put_kustomization(const struct bootstrap_names *n, const char *name, struct buf *out)
{
	put_head(out, FLUX_API, "Kustomization", name);
	buf_puts(out, "  interval: 10m\n  retryInterval: 1m\n  path: ");
	put_path(out, n, name);
	buf_puts(out, "\n  prune: true\n  wait: true\n  timeout: 3m\n");
	put_source_ref(out);
}

static void bulla_text(const struct bootstrap_names *n, struct buf *out)
{
	buf_puts(out,
		 "# CRD and agent.  Documents never stand in the same Kustomization: nothing of "
		 "it would be applied\n# before the CRD is known.\n");
	put_kustomization(n, "bulla", out);
}

static void credentials_text(const struct bootstrap_names *n, struct buf *out)
{
	buf_puts(out, "# Done when every document is Ready, so what depends on it finds its "
		      "Secrets.\n");
	put_kustomization(n, "credentials", out);
	buf_puts(out, "  dependsOn:\n  - name: bulla\n");
}

/* --- the table -------------------------------------------------------------------------------- */

#define LISTED_MAX 3

static const struct file {
	const char *name;
	const char *comment;		/* of a new kustomization.yaml */
	const char *listed[LISTED_MAX]; /* by a kustomization.yaml; others have a text: */
	void (*text)(const struct bootstrap_names *n, struct buf *out);
} files[] = {
	[BOOTSTRAP_ROOT] = { "kustomization.yaml",
			     "What Flux applies of this cluster; add what else belongs to it.",
			     { "flux-system", "bulla.yaml", "credentials.yaml" },
			     NULL },
	[BOOTSTRAP_FLUX] = { "flux-system/kustomization.yaml", NULL, { "gotk-sync.yaml" }, NULL },
	[BOOTSTRAP_SYNC] = { "flux-system/gotk-sync.yaml", NULL, { NULL }, sync_text },
	[BOOTSTRAP_BULLA] = { "bulla.yaml", NULL, { NULL }, bulla_text },
	[BOOTSTRAP_BULLA_FOLDER] = { "bulla/kustomization.yaml", NULL, { "agent.yaml" }, NULL },
	[BOOTSTRAP_CREDENTIALS] = { "credentials.yaml", NULL, { NULL }, credentials_text },
	[BOOTSTRAP_CREDENTIALS_FOLDER] = { "credentials/kustomization.yaml",
					   "Sealed documents of this cluster.",
					   { BOOTSTRAP_DOCUMENT ".yaml" },
					   NULL },
};

/* The entries of a kustomization.yaml; how many. */
static size_t listed(const struct bootstrap_names *n, enum bootstrap_file file,
		     const char *out[static LISTED_MAX])
{
	size_t count = 0;

	/* before what needs the kinds, though kustomize sorts them anyway */
	if (file == BOOTSTRAP_FLUX && n->components)
		out[count++] = "gotk-components.yaml";
	for (size_t i = 0; i < LISTED_MAX && files[file].listed[i] != NULL; i++)
		out[count++] = files[file].listed[i];
	return count;
}

char *bootstrap_file_path(const struct bootstrap_names *n, enum bootstrap_file file)
{
	return mem_printf("%s/%s", n->path, files[file].name);
}

void bootstrap_file_text(const struct bootstrap_names *n, enum bootstrap_file file, struct buf *out)
{
	const char *entries[LISTED_MAX];
	size_t count;

	if (files[file].text != NULL) {
		files[file].text(n, out);
		return;
	}
	count = listed(n, file, entries);
	if (files[file].comment != NULL)
		buf_printf(out, "# %s\n", files[file].comment);
	buf_puts(out, "apiVersion: " KUSTOMIZE_API "\nkind: Kustomization\nresources:\n");
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "- %s\n", entries[i]);
}

/* --- what is there: kustomization.yaml -------------------------------------------------------- */

/* "./x/" and "x" are one. */
static bool same_entry(const char *a, const char *b)
{
	size_t n = strlen(b);

	if (strncmp(a, "./", 2) == 0)
		a += 2;
	return strncmp(a, b, n) == 0 && (a[n] == '\0' || strcmp(a + n, "/") == 0);
}

static bool lists(const struct yaml_node *resources, const char *entry)
{
	for (size_t i = 0; resources != NULL && i < resources->n; i++)
		if (resources->values[i]->type == YAML_SCALAR &&
		    same_entry(resources->values[i]->text, entry))
			return true;
	return false;
}

static size_t line_begin(const struct buf *text, size_t at)
{
	while (at > 0 && text->data[at - 1] != '\n')
		at--;
	return at;
}

/* Lines before the first entry, indented as it is. */
static int add_entries(const char *path, const struct yaml_node *resources,
		       const char *const entries[], size_t n, struct buf *text, struct err *err)
{
	struct buf lines = BUF_INIT;
	size_t at;
	int r = 0;

	if (resources == NULL || resources->type != YAML_LIST || resources->style == YAML_FLOW ||
	    resources->n == 0)
		return err_set(err, ERR_CONFLICT,
			       "%s: it does not list %s, and has no list of resources, line by "
			       "line, to add it to: put it there, and run this again",
			       path, entries[0]);
	at = line_begin(text, resources->begin);
	for (size_t i = 0; i < n; i++)
		buf_printf(&lines, "%*s- %s\n", (int)resources->column, "", entries[i]);
	if (buf_splice(text, at, 0, lines.data, lines.len) != 0)
		r = err_set(err, ERR_INVALID, "%s: it would become too large", path);
	buf_clear(&lines);
	return r;
}

static int merge_list(const struct bootstrap_names *n, enum bootstrap_file file, const char *path,
		      struct buf *text, bool *changed, struct err *err)
{
	const char *wanted[LISTED_MAX], *missing[LISTED_MAX];
	size_t n_wanted = listed(n, file, wanted), n_missing = 0;
	struct yaml_stream stream = YAML_STREAM_INIT;
	const struct yaml_node *resources = NULL;
	int r = yaml_parse(path, text->data, text->len, &stream, err);

	if (r == 0 && stream.n > 0 && stream.docs[0].root != NULL &&
	    stream.docs[0].root->type == YAML_MAP)
		resources = yaml_get(stream.docs[0].root, "resources");
	for (size_t i = 0; r == 0 && i < n_wanted; i++)
		if (resources == NULL || resources->type != YAML_LIST ||
		    !lists(resources, wanted[i]))
			missing[n_missing++] = wanted[i];
	if (r == 0 && n_missing > 0)
		r = add_entries(path, resources, missing, n_missing, text, err);
	*changed = r == 0 && n_missing > 0;
	yaml_clear(&stream);
	return r;
}

/* --- what is there: objects ------------------------------------------------------------------- */

/* What a person may change is taken out of ours. */
static void keep_needed(json_t *object, const struct bootstrap_names *n)
{
	static const char *const free_to_choose[] = { "interval", "retryInterval", "timeout",
						      "prune" };
	json_t *spec = json_object_get(object, "spec");

	for (size_t i = 0; i < sizeof(free_to_choose) / sizeof(free_to_choose[0]); i++)
		json_object_del(spec, free_to_choose[i]);
	if (n->branch == NULL)
		json_object_del(spec, "ref");
}

static bool same_object(const json_t *a, const json_t *b)
{
	static const char *const names[] = { "name", "namespace" };
	const json_t *x = json_object_get(a, "metadata"), *y = json_object_get(b, "metadata");

	for (size_t i = 0; i < 2; i++)
		if (json_equal(json_object_get(x, names[i]), json_object_get(y, names[i])) != 1)
			return false;
	return json_equal(json_object_get(a, "kind"), json_object_get(b, "kind")) == 1;
}

static int hold(const char *path, const json_t *wanted, const struct yaml_stream *there,
		struct err *err)
{
	const char *kind = json_string_value(json_object_get(wanted, "kind"));
	const char *name =
	    json_string_value(json_object_get(json_object_get(wanted, "metadata"), "name"));
	struct buf where = BUF_INIT;
	bool found = false, same = false;
	unsigned line = 0;
	int r = 0;

	for (size_t i = 0; !found && i < there->n; i++) {
		json_t *v = there->docs[i].root != NULL ? yamljson(there->docs[i].root) : NULL;

		found = v != NULL && same_object(wanted, v);
		if (found) {
			line = there->docs[i].line;
			same = subset(wanted, v, SUBSET_ANY, &where);
		}
		json_decref(v);
	}
	if (!found)
		r = err_set(err, ERR_CONFLICT,
			    "%s: it has no %s " BOOTSTRAP_NAMESPACE
			    "/%s; remove the file or put it in, and run this again",
			    path, kind, name);
	else if (!same)
		r = err_set(err, ERR_CONFLICT,
			    "%s:%u: %s %s: %s is not what this command line makes it; change the "
			    "one or the other, and run this again",
			    path, line, kind, name, buf_str(&where));
	buf_clear(&where);
	return r;
}

static int check_objects(const struct bootstrap_names *n, enum bootstrap_file file,
			 const char *path, const struct buf *text, struct err *err)
{
	struct yaml_stream ours = YAML_STREAM_INIT, there = YAML_STREAM_INIT;
	struct buf wanted = BUF_INIT;
	int r;

	bootstrap_file_text(n, file, &wanted);
	r = yaml_parse(path, text->data, text->len, &there, err);
	if (r == 0)
		r = yaml_parse(path, wanted.data, wanted.len, &ours, err);
	for (size_t i = 0; r == 0 && i < ours.n; i++) {
		json_t *v = yamljson(ours.docs[i].root);

		keep_needed(v, n);
		r = hold(path, v, &there, err);
		json_decref(v);
	}
	yaml_clear(&ours);
	yaml_clear(&there);
	buf_clear(&wanted);
	return r;
}

int bootstrap_file_merge(const struct bootstrap_names *n, enum bootstrap_file file,
			 const struct buf *had, struct buf *out, bool *changed, struct err *err)
{
	char *path = bootstrap_file_path(n, file);
	int r;

	*changed = false;
	buf_put(out, had->data, had->len);
	if (files[file].text != NULL)
		r = check_objects(n, file, path, out, err);
	else
		r = merge_list(n, file, path, out, changed, err);
	mem_free(path);
	return r;
}
