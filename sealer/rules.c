/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/keygen.h"

/* Folders found, path below the top level -> name. */
struct search {
	const struct recipients *names; /* NULL: any that can be a recipient's name */
	struct kv found;
	size_t seen;
	struct err *err;
};

static bool wanted(const struct search *s, const char *name)
{
	if (s->names == NULL)
		return keygen_check_name(name, NULL) == 0;
	return strcmp(name, CONFIG_RECOVERY) != 0 && recipients_find(s->names, name) != NULL;
}

static int look(struct search *s, int dir, const char *path, int depth);

static int look_at(struct search *s, int dir, const char *path, const char *name, int depth)
{
	char *below;
	int fd, r = 0;

	if (name[0] == '.')
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0; /* a file, a link, or not for us */
	if (s->seen++ >= RULES_FOLDERS) {
		close(fd);
		return err_set(
		    s->err, ERR_INVALID,
		    "more than %d folders here; name the recipients' folders in %s by hand",
		    RULES_FOLDERS, CONFIG_PATH);
	}
	below = mem_printf("%s%s%s", path, path[0] != '\0' ? "/" : "", name);
	if (wanted(s, name))
		kv_set_str(&s->found, below, name);
	else if (depth > 1)
		r = look(s, dup(fd), below, depth - 1);
	close(fd);
	mem_free(below);
	return r;
}

/* Takes dir over. */
static int look(struct search *s, int dir, const char *path, int depth)
{
	DIR *d = fdopendir(dir);
	int r = 0;

	if (d == NULL) {
		close(dir);
		return err_sys(s->err, "%s: cannot be read", path);
	}
	for (struct dirent *e = readdir(d); e != NULL && r == 0; e = readdir(d))
		r = look_at(s, dir, path, e->d_name, depth);
	closedir(d);
	return r;
}

int rules_cluster_names(const char *top, struct kv *out, struct err *err)
{
	struct search s = { .err = err };
	char *path = mem_printf("%s/%s", top, RULES_CLUSTERS);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dir >= 0 ? look(&s, dir, RULES_CLUSTERS, 1) : 0;

	for (size_t i = 0; r == 0 && i < s.found.n; i++)
		kv_set_str(out, kv_get_str(&s.found, s.found.items[i].name), "");
	kv_clear(&s.found);
	mem_free(path);
	return r;
}

/* A folder's name that a glob or a reader could take for something else gets no rule. */
static bool is_plain(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-_./@+ ";

	return strspn(path, plain) == strlen(path);
}

static void add_rule(struct config_rule *rule, char *path, size_t n)
{
	*rule = (struct config_rule){ .path = path, .to = mem_array(n, sizeof(char *)), .n = n };
}

static void add_rest(struct config_rule *rule, const struct recipients *r)
{
	size_t n = 0;

	add_rule(rule, mem_str("**"), r->n);
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->items[i].name, CONFIG_RECOVERY) != 0)
			rule->to[n++] = mem_str(r->items[i].name);
	rule->n = n;
}

int rules_make(const char *top, const struct recipients *r, struct config_rule **rules, size_t *n,
	       struct err *err)
{
	struct search s = { .names = r, .err = err };
	int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), x;

	if (dir < 0)
		return err_sys(err, "%s: cannot open", top);
	x = look(&s, dir, "", RULES_DEPTH);
	*rules = mem_array(s.found.n + 1, sizeof(**rules));
	*n = 0;
	for (size_t i = 0; x == 0 && i < s.found.n; i++) {
		const char *path = s.found.items[i].name;

		if (!is_plain(path))
			continue;
		add_rule(&(*rules)[*n], mem_printf("%s/**", path), 1);
		(*rules)[(*n)++].to[0] = mem_str(kv_get_str(&s.found, path));
	}
	add_rest(&(*rules)[(*n)++], r);
	kv_clear(&s.found);
	if (x != 0) {
		rules_free(*rules, *n);
		*rules = NULL;
		*n = 0;
	}
	return x;
}

void rules_free(struct config_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mem_free(rules[i].path);
		for (size_t k = 0; k < rules[i].n; k++)
			mem_free(rules[i].to[k]);
		mem_free(rules[i].to);
	}
	mem_free(rules);
}
