/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/notes.h"
#include "kube/address.h"
#include "kube/credentials.h"
#include "kube/exec.h"
#include "kube/impersonate.h"
#include "kube/kubeconfig.h"
#include "kube/pod.h"
#include "kube/strings.h"

#define EXEC_MS 60000		   /* for a plugin that nobody waits for */
#define EXEC_PERSON_MS (5 * 60000) /* for one that may ask a person, in a browser for example */

/* What a client uses of these is moved to struct kube_config, and back to be refreshed. */
struct kube_source {
	struct credentials with;
};

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		return mem_str(".");
	return slash == file ? mem_str("/") : mem_strn(file, (size_t)(slash - file));
}

size_t kube_config_folders(const struct kube_config *c, char *out[static KUBE_CONFIG_FOLDERS])
{
	static const struct credentials none;
	const struct credentials *w = c->source == NULL ? &none : &c->source->with;
	const char *const files[KUBE_CONFIG_FOLDERS] = { w->ca_file, w->cert_file, w->key_file,
							 w->token_file };
	size_t n = 0;

	for (size_t i = 0; i < KUBE_CONFIG_FOLDERS; i++)
		if (files[i] != NULL)
			out[n++] = folder_of(files[i]);
	return n;
}

bool kube_config_runs(const struct kube_config *c)
{
	return c->source != NULL && c->source->with.exec != NULL;
}

void kube_config_clear(struct kube_config *c)
{
	char *const strings[] = { c->context, c->namespace, c->server,	 c->tls_server_name,
				  c->proxy,   c->token,	    c->username, c->password };

	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		mem_free(strings[i]);
	buf_clear(&c->ca);
	buf_clear(&c->cert);
	buf_clear(&c->key);
	strings_free(c->impersonate);
	if (c->source != NULL) {
		credentials_clear(&c->source->with);
		mem_free(c->source);
	}
	memset(c, 0, sizeof(*c));
}

static void lend(struct kube_config *c)
{
	struct credentials *with = &c->source->with;

	buf_move(&c->ca, &with->ca);
	buf_move(&c->cert, &with->cert);
	buf_move(&c->key, &with->key);
	c->token = with->token;
	with->token = NULL;
	c->generation = with->generation;
}

static void take_back(struct kube_config *c)
{
	struct credentials *with = &c->source->with;

	buf_move(&with->ca, &c->ca);
	buf_move(&with->cert, &c->cert);
	buf_move(&with->key, &c->key);
	with->token = c->token;
	c->token = NULL;
	with->generation = c->generation;
}

static int load_credentials(struct kube_config *c, struct err *err)
{
	if (credentials_load(&c->source->with, clock_monotonic_ms(), err) != 0)
		return -1;
	lend(c);
	return 0;
}

int kube_config_refresh(struct kube_config *c, bool rejected, int64_t now_ms, struct err *err)
{
	int r;

	take_back(c);
	r = credentials_refresh(&c->source->with, rejected, now_ms, err);
	lend(c);
	return r;
}

void kube_config_untrusted(struct kube_config *c, int64_t now_ms)
{
	if (c->source != NULL)
		credentials_untrusted(&c->source->with, now_ms);
}

/* --- the pod ---------------------------------------------------------------------------------- */

static int load_pod(struct kube_config *out, struct err *err)
{
	struct pod pod;

	memset(out, 0, sizeof(*out));
	if (pod_find(POD_FOLDER, &pod, err) != 0)
		return -1;
	out->source = mem_alloc(sizeof(*out->source));
	out->server = mem_str(pod.server);
	out->namespace = mem_str(pod.namespace);
	out->gzip = true;
	out->source->with.token_file = mem_str(pod.token_file);
	out->source->with.ca_file = mem_str(pod.ca_file);
	pod_clear(&pod);
	if (credentials_load_ca(&out->source->with, err) != 0)
		return -1;
	return load_credentials(out, err);
}

int kube_config_pod(struct kube_config *out, struct err *err)
{
	if (load_pod(out, err) == 0)
		return 0;
	kube_config_clear(out);
	return -1;
}

/* --- which files ------------------------------------------------------------------------------ */

/* Names stay as they were given, links and all: paths in the file are relative to that name. */
static int push_path(char ***paths, const char *path, size_t n, struct err *err)
{
	char *cwd;

	if (n == 0)
		return 0;
	if (*path == '/') {
		strings_push(paths, mem_strn(path, n));
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		return err_sys(err, "the current folder has no name");
	strings_push(paths, mem_printf("%s/%.*s", cwd, (int)n, path));
	free(cwd);
	return 0;
}

/* --kubeconfig alone, else $KUBECONFIG, else ~/.kube/config. */
static int list_files(const char *given, char ***paths, struct err *err)
{
	const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
	char *file;

	if (given != NULL)
		return push_path(paths, given, strlen(given), err);
	if (list != NULL && *list != '\0') {
		while (*list != '\0') {
			size_t n = strcspn(list, ":");

			if (push_path(paths, list, n, err) != 0)
				return -1;
			list += n;
			list += *list == ':';
		}
		return 0;
	}
	if (home != NULL && *home == '/') {
		file = mem_printf("%s/.kube/config", home);
		strings_push(paths, file);
	}
	return 0;
}

/* Who can write it can run programs as its user; who can read it can act as him. */
static void warn(const char *file, const struct stat *st, struct notes *notes)
{
	unsigned mode = (unsigned)(st->st_mode & 0777);

	if (notes == NULL || !S_ISREG(st->st_mode))
		return;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		note_add(notes, "%s: it belongs to another user, who can change it", file);
	else if ((mode & 022) != 0)
		note_add(notes, "%s: other users can write it (mode %04o); chmod 600 it", file,
			 mode);
	else if ((mode & 044) != 0)
		note_add(notes, "%s: other users can read it (mode %04o); chmod 600 it", file,
			 mode);
}

static int add_file(const char *file, struct kubeconfig *k, struct notes *notes, struct err *err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int r = file_read(file, KUBECONFIG_MAX, 0, &text, &st, err);

	if (r == 0) {
		warn(file, &st, notes);
		r = kubeconfig_add(k, file, text.data, text.len, err);
	}
	buf_clear(&text);
	return r;
}

/* Files of a list that are not there are passed over; one that was named alone must be there. */
static int add_files(const struct kube_config_options *o, struct kubeconfig *k, struct err *err)
{
	char **paths = NULL;
	struct stat st;
	int r = list_files(o->kubeconfig, &paths, err);

	for (size_t i = 0; r == 0 && paths != NULL && paths[i] != NULL; i++) {
		if (o->kubeconfig == NULL && stat(paths[i], &st) != 0 && errno == ENOENT)
			continue;
		r = add_file(paths[i], k, o->notes, err);
	}
	strings_free(paths);
	return r;
}

/* --- from a choice to a configuration --------------------------------------------------------- */

static int fill_cluster(const struct kubeconfig_cluster *k, struct kube_config *out,
			struct err *err)
{
	out->server = address_server(k->server, err);
	if (out->server == NULL)
		return err_wrap(err, "server");
	if (k->tls_server_name != NULL && address_check_host(k->tls_server_name, err) != 0)
		return err_wrap(err, "tls-server-name");
	if (k->proxy != NULL && address_check_proxy(k->proxy, err) != 0)
		return err_wrap(err, "proxy-url");
	out->tls_server_name = mem_str(k->tls_server_name);
	out->proxy = mem_str(k->proxy);
	out->insecure = k->insecure;
	out->gzip = !k->no_compression;
	buf_put(&out->source->with.ca, k->ca.data, k->ca.len);
	if (k->ca.len == 0)
		out->source->with.ca_file = mem_str(k->ca_file);
	return credentials_load_ca(&out->source->with, err);
}

static int check_basic(const struct kubeconfig_user *k, struct err *err)
{
	const char *const values[] = { k->username, k->password };

	if (k->username != NULL && strchr(k->username, ':') != NULL)
		return err_set(err, ERR_INVALID, "username: with a \":\" in it");
	for (size_t i = 0; i < 2; i++)
		for (const char *s = values[i]; s != NULL && *s != '\0'; s++)
			if ((unsigned char)*s < ' ' || *s == 0x7f)
				return err_set(err, ERR_INVALID,
					       "%s: with control characters or line breaks",
					       i == 0 ? "username" : "password");
	return 0;
}

/* *-data counts before a file.  A plugin counts only where nothing else is there. */
static int fill_user(const struct kubeconfig_user *k, struct kube_config *out, struct err *err)
{
	struct credentials *with = &out->source->with;
	bool cert = k->cert.len != 0 || k->cert_file != NULL;

	if (k->token != NULL && credentials_check_token(k->token, err) != 0)
		return err_wrap(err, "token");
	if (check_basic(k, err) != 0 || impersonate_lines(k, &out->impersonate, err) != 0)
		return -1;
	out->username = mem_str(k->username);
	out->password = mem_str(k->password);
	with->token = mem_str(k->token);
	with->token_file = mem_str(k->token_file);
	buf_put(&with->cert, k->cert.data, k->cert.len);
	buf_put(&with->key, k->key.data, k->key.len);
	with->cert_file = k->cert.len == 0 ? mem_str(k->cert_file) : NULL;
	with->key_file = k->key.len == 0 ? mem_str(k->key_file) : NULL;
	if (k->exec != NULL && k->token == NULL && k->token_file == NULL && k->username == NULL &&
	    !cert)
		with->exec = kubeconfig_exec_copy(k->exec);
	return 0;
}

static int prepare_plugin(const struct kubeconfig_choice *choice, bool interactive,
			  struct credentials *with, struct err *err)
{
	struct buf info = BUF_INIT;

	if (with->exec == NULL)
		return 0;
	if (kube_exec_terminal(with->exec, interactive, &with->exec_terminal, err) != 0)
		return -1;
	kube_exec_info(with->exec, choice->cluster, &with->ca, with->exec_terminal, &info);
	with->exec_info = mem_str(buf_str(&info));
	with->exec_timeout_ms = interactive ? EXEC_PERSON_MS : EXEC_MS;
	buf_clear(&info);
	return 0;
}

static int fill(const struct kubeconfig_choice *choice, bool interactive, struct kube_config *out,
		struct err *err)
{
	const struct kubeconfig_context *context = choice->context;

	out->source = mem_alloc(sizeof(*out->source));
	out->context = mem_str(context->at.name);
	out->namespace = mem_str(context->namespace != NULL ? context->namespace : "default");
	if (!name_is_label(out->namespace)) {
		err_set(err, ERR_INVALID, "namespace: not the name of a namespace");
		return kubeconfig_wrap(&context->at, "context", err);
	}
	if (fill_cluster(choice->cluster, out, err) != 0)
		return kubeconfig_wrap(&choice->cluster->at, "cluster", err);
	if (fill_user(choice->user, out, err) != 0 ||
	    prepare_plugin(choice, interactive, &out->source->with, err) != 0 ||
	    load_credentials(out, err) != 0)
		return kubeconfig_wrap(&choice->user->at, "user", err);
	return 0;
}

static int choose(const struct kubeconfig *k, const struct kube_config_options *o,
		  struct kube_config *out, struct err *err)
{
	struct kubeconfig_choice choice;

	if (kubeconfig_choose(k, o->context, &choice, err) != 0)
		return -1;
	return fill(&choice, o->interactive, out, err);
}

static bool is_empty(const struct kubeconfig *k)
{
	return k->n_contexts == 0 && k->n_clusters == 0 && k->n_users == 0 && k->current == NULL;
}

static int nothing(struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "there is no kubeconfig: neither in $KUBECONFIG nor in ~/.kube/config; name "
		       "one with --kubeconfig");
}

int kube_config_load(const struct kube_config_options *o, struct kube_config *out, struct err *err)
{
	struct kubeconfig k = KUBECONFIG_INIT;
	int r;

	memset(out, 0, sizeof(*out));
	r = add_files(o, &k, err);
	if (r == 0 && is_empty(&k) && o->kubeconfig == NULL)
		r = o->context == NULL && pod_here() ? load_pod(out, err) : nothing(err);
	else if (r == 0)
		r = choose(&k, o, out, err);
	kubeconfig_clear(&k);
	if (r != 0)
		kube_config_clear(out);
	return r;
}
