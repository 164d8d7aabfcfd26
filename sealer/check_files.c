/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/check_files.h"

#include <stdlib.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/walk.h"
#include "document/document.h"
#include "git/run.h"
#include "guard/baseline.h"
#include "sealer/repo.h"
#include "sealer/target.h"

/* The repository that the file at hand is in; kept while the next file is in the same one. */
struct repository {
	char *top;
	bool configured;
	struct config config;
	struct baseline baseline;
};

struct run {
	struct check *c;
	struct plaintext *plain;
	const char *root;
	struct repository repository;
	char *folder;	   /* of the last file */
	char *real;	   /* the same with links resolved, or NULL */
	struct kv ignored; /* by git, below root; a folder ends with "/" */
};

/* --- the repository --------------------------------------------------------------------------- */

static void repository_clear(struct repository *r)
{
	mem_free(r->top);
	config_clear(&r->config);
	baseline_clear(&r->baseline);
	*r = (struct repository){ 0 };
}

static void load_config(struct run *x)
{
	struct repository *r = &x->repository;
	char *file = mem_printf("%s/%s", r->top, CONFIG_PATH);
	struct finding at = { .file = file, .rule = RULE_CONFIG };
	struct err why = ERR_INIT;

	if (target_config(r->top, &r->config, &r->configured, &why) != 0) {
		findings_add(x->plain->findings, &at, "%s", why.text);
		r->configured = false;
	}
	mem_free(file);
}

static void load_baseline(struct run *x)
{
	struct repository *r = &x->repository;
	char *file = mem_printf("%s/%s", r->top, BASELINE_PATH);
	struct finding at = { .file = file, .rule = RULE_CONFIG };
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	bool exists;

	if (repo_read(r->top, BASELINE_PATH, BASELINE_MAX, &text, NULL, &exists, &why) != 0 ||
	    (exists && baseline_parse(BASELINE_PATH, text.data, text.len, &r->baseline, &why) != 0))
		findings_add(x->plain->findings, &at, "%s", why.text);
	buf_clear(&text);
	mem_free(file);
}

static int read_beside(void *ctx, const char *path, size_t max, struct buf *out, bool *exists,
		       struct err *err)
{
	struct stat st;

	(void)ctx;
	*exists = lstat(path, &st) == 0;
	return *exists ? file_read(path, max, FILE_NOFOLLOW, out, NULL, err) : 0;
}

static void enter_repository(struct run *x, const char *top)
{
	struct repository *r = &x->repository;
	struct check_base base = { .read = read_beside };

	if (top == NULL || r->top == NULL || strcmp(top, r->top) != 0) {
		repository_clear(r);
		r->top = mem_str(top);
		if (top != NULL) {
			load_config(x);
			load_baseline(x);
		}
	}
	base.config = r->configured ? &r->config : NULL;
	base.baseline = &r->baseline;
	x->plain->baseline = &r->baseline;
	check_against(x->c, &base);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_str(".");
	return mem_strn(path, slash == path ? 1 : (size_t)(slash - path));
}

static void report_misplaced(struct run *x, const char *top)
{
	char *misplaced = mem_printf("%s/" REPO_DIR, x->folder);
	struct finding at = { .file = misplaced, .rule = RULE_CONFIG };

	if (top != NULL && x->real != NULL && strcmp(top, x->real) != 0 &&
	    access(misplaced, F_OK) == 0)
		findings_add(x->plain->findings, &at,
			     "only the .bulla/ at the Git top level counts; this one is never read "
			     "and should not be here");
	mem_free(misplaced);
}

/* Called for each file; does something when the folder is another than the last one's. */
static void enter_folder(struct run *x, const char *path)
{
	char *folder = folder_of(path);
	char *top;

	if (x->folder != NULL && strcmp(folder, x->folder) == 0) {
		mem_free(folder);
		return;
	}
	mem_free(x->folder);
	mem_free(x->real);
	x->folder = folder;
	x->real = file_absolute(folder, NULL);
	top = file_git_top(path);
	report_misplaced(x, top);
	enter_repository(x, top);
	mem_free(top);
}

/* The path below the top level; a new string, or NULL.  A file that was named itself may be a link,
 * and is then what it leads to. */
static char *below_top(const struct run *x, const char *path)
{
	const char *top = x->repository.top, *name = strrchr(path, '/');
	char *real, *below = NULL;
	size_t n = top == NULL ? 0 : strlen(top);

	if (top == NULL || x->real == NULL)
		return NULL;
	real = strcmp(path, x->root) == 0
		   ? file_absolute(path, NULL)
		   : mem_printf("%s/%s", x->real, name == NULL ? path : name + 1);
	if (real != NULL && strncmp(real, top, n) == 0 && real[n] == '/')
		below = mem_str(real + n + 1);
	mem_free(real);
	return below;
}

/* --- what git ignores ------------------------------------------------------------------------- */

static int keep_ignored(void *ctx, const char *token, size_t len, struct err *err)
{
	(void)len;
	(void)err;
	kv_set(ctx, token, "", 0);
	return 0;
}

/*
 * What .gitignore keeps out of commits.  Without git, and outside of a repository, nothing is
 * ignored: more is searched, not less.
 */
static void ask_ignored(struct run *x)
{
	static const char *const args[] = {
		"ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", NULL
	};
	struct git *g = git_open(x->root, NULL);

	if (g != NULL)
		git_tokens(
		    g,
		    &(struct git_tokens){ .args = args, .visit = keep_ignored, .ctx = &x->ignored },
		    NULL);
	git_close(g);
}

/* What of path is below root. */
static const char *below_root(const struct run *x, const char *path)
{
	size_t n = strlen(x->root);

	if (strcmp(x->root, ".") == 0 || strncmp(path, x->root, n) != 0)
		return path;
	path += n;
	return path + strspn(path, "/");
}

/* Is path, or a folder that it is in, one of the ignored? */
static bool is_ignored(const struct run *x, const char *path)
{
	const char *below = below_root(x, path);

	for (const char *s = strchr(below, '/'); s != NULL; s = strchr(s + 1, '/')) {
		char *folder = mem_strn(below, (size_t)(s - below) + 1);
		bool found = kv_has(&x->ignored, folder);

		mem_free(folder);
		if (found)
			return true;
	}
	return kv_has(&x->ignored, below);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Nothing of an ignored file is read but sealed documents, and those are in YAML. */
static bool skip(void *ctx, const char *path)
{
	const struct run *x = ctx;
	struct stat st;

	if (x->ignored.n == 0 || !is_ignored(x, path) || check_is_manifest(below_root(x, path)))
		return false;
	return lstat(path, &st) != 0 || !S_ISDIR(st.st_mode);
}

static void unreadable(struct run *x, const char *path, bool manifest, const struct err *why)
{
	struct finding at = { .file = (char *)(uintptr_t)path,
			      .rule = RULE_READ,
			      .warning = !manifest };

	findings_add(x->plain->findings, &at, "%s%s", why->text,
		     manifest ? "" : "; not searched for credentials");
}

static int visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	struct run *x = ctx;
	bool root = strcmp(path, x->root) == 0;
	bool manifest = root || check_is_manifest(below_root(x, path));
	struct check_text t = { .name = path, .text = text->data, .len = text->len };
	struct err why = ERR_INIT;
	char *below;

	if (error != NULL) {
		unreadable(x, path, manifest, error);
		return 0;
	}
	enter_folder(x, path);
	t.below = below = below_top(x, path);
	if (text->data == NULL)
		t.text = "";
	if (manifest)
		check_documents(x->c, &t);
	if (!is_ignored(x, path) && plaintext_scan(x->plain, &t, &why) != 0)
		unreadable(x, path, manifest, &why);
	mem_free(below);
	return 0;
}

int check_files(struct check *c, struct plaintext *plain, const char *path, struct err *err)
{
	struct run x = { .c = c, .plain = plain, .root = path };
	struct walk_from from = { .root = path, .max = CHECK_FILE_MAX, .skip = skip };
	struct check_base none = { 0 };
	int r;

	ask_ignored(&x);
	r = walk_files(&from, visit, &x, err);
	plain->baseline = NULL;
	check_against(c, &none);
	repository_clear(&x.repository);
	kv_clear(&x.ignored);
	mem_free(x.folder);
	mem_free(x.real);
	return r;
}
