/* SPDX-License-Identifier: Apache-2.0 */
/* The files that Flux reads (sealer/bootstrap_files.h), and the agent's manifest among them. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/bootstrap.h"
#include "sealer/bootstrap_manifest.h"
#include "sealer/repo.h"

int bootstrap_write(struct bootstrap *b, const char *path, const struct buf *text,
		    const struct stat *expect, struct err *err)
{
	if (repo_write(b->top, path, text, expect, err) != 0)
		return -1;
	kv_set_str(&b->wrote, path, "");
	return 0;
}

void bootstrap_sweep(const struct bootstrap *b)
{
	static const char *const below[] = { "", "/bulla", "/credentials", "/flux-system" };
	static const char *const own[] = { "", "/" REPO_DIR, "/" REPO_KEYS };

	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		char *dir = mem_printf("%s/%s%s", b->top, b->path, below[i]);

		repo_sweep(dir);
		mem_free(dir);
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		char *dir = mem_printf("%s%s", b->top, own[i]);

		repo_sweep(dir);
		mem_free(dir);
	}
}

/* --- the agent's manifest --------------------------------------------------------------------- */

static char *agent_path(const struct bootstrap *b)
{
	return mem_printf("%s/%s", b->path, BOOTSTRAP_AGENT_FILE);
}

/* The image that a manifest runs, a new string; NULL: none is found. */
static char *image_of(const struct buf *text)
{
	const char *s = strstr(buf_str(text), " image: ");

	if (s == NULL)
		return NULL;
	s += strlen(" image: ");
	return mem_strn(s, strcspn(s, " \r\n"));
}

static int make_agent(struct bootstrap *b, const struct buf *there, struct err *err)
{
	char *image = b->o->image != NULL ? mem_str(b->o->image) : image_of(there);
	int r = 0;

	if (image == NULL)
		r = err_set(err, ERR_USAGE,
			    "--image IMAGE is missing: where the agent's image is that the cluster "
			    "is to run; 'scripts/image build' makes one, and %s/%s remembers it",
			    b->path, BOOTSTRAP_AGENT_FILE);
	else
		r = bootstrap_manifest_check_image(image, err);
	if (r == 0)
		bootstrap_manifest_text(image, &b->agent);
	mem_free(image);
	return r;
}

int bootstrap_load_agent(struct bootstrap *b, struct err *err)
{
	char *path = agent_path(b);
	struct buf there = BUF_INIT;
	bool exists;
	int r = repo_read(b->top, path, BOOTSTRAP_FILE_MAX, &there, NULL, &exists, err);

	if (r == 0 && (!exists || b->o->upgrade))
		r = make_agent(b, &there, err);
	else if (r == 0 && b->o->image != NULL &&
		 !bootstrap_manifest_has_image(&there, b->o->image))
		r = err_set(err, ERR_CONFLICT,
			    "%s: it runs another image than --image; --upgrade writes it anew, as "
			    "this version of bulla has it",
			    path);
	else if (r == 0)
		buf_put(&b->agent, there.data, there.len);
	b->agent_new =
	    r == 0 && (there.len != b->agent.len ||
		       (there.len > 0 && memcmp(there.data, b->agent.data, there.len) != 0));
	buf_clear(&there);
	mem_free(path);
	return r;
}

/* --- the files -------------------------------------------------------------------------------- */

/* One of them as it is and as it must be. */
struct one {
	char *path;
	struct buf had, text;
	struct stat st;
	bool exists, changed;
};

static void one_clear(struct one *f)
{
	mem_free(f->path);
	buf_clear(&f->had);
	buf_clear(&f->text);
}

static int look_one(struct bootstrap *b, enum bootstrap_file file, struct one *f, struct err *err)
{
	*f = (struct one){ .path = bootstrap_file_path(&b->names, file) };
	if (repo_read(b->top, f->path, BOOTSTRAP_FILE_MAX, &f->had, &f->st, &f->exists, err) != 0)
		return -1;
	if (f->exists)
		return bootstrap_file_merge(&b->names, file, &f->had, &f->text, &f->changed, err);
	f->changed = true;
	if (file == BOOTSTRAP_SYNC && b->names.branch == NULL)
		return err_set(err, ERR_USAGE,
			       "no branch is checked out here: say with --branch which one Flux is "
			       "to follow");
	bootstrap_file_text(&b->names, file, &f->text);
	return 0;
}

static int look(struct bootstrap *b, struct step_look *l, struct err *err)
{
	struct buf list = BUF_INIT;
	size_t n = 0;

	for (enum bootstrap_file i = 0; i < BOOTSTRAP_FILES; i++) {
		struct one f;
		int r = look_one(b, i, &f, err);

		if (r == 0 && f.changed)
			buf_printf(&list, "%s%s", n++ > 0 ? ", " : "", f.path);
		one_clear(&f);
		if (r != 0) {
			buf_clear(&list);
			return -1;
		}
	}
	if (b->agent_new)
		buf_printf(&list, "%s%s/%s", n++ > 0 ? ", " : "", b->path, BOOTSTRAP_AGENT_FILE);
	if (n > 0)
		step_found(l, true, "%s", buf_str(&list));
	else
		step_found(l, false, "all %d below %s are there", BOOTSTRAP_FILES + 1, b->path);
	buf_clear(&list);
	return 0;
}

static int write_agent(struct bootstrap *b, struct err *err)
{
	char *path = agent_path(b);
	struct buf there = BUF_INIT;
	struct stat st;
	bool exists;
	int r = repo_read(b->top, path, BOOTSTRAP_FILE_MAX, &there, &st, &exists, err);

	if (r == 0)
		r = bootstrap_write(b, path, &b->agent, exists ? &st : NULL, err);
	if (r == 0)
		b->agent_new = false;
	buf_clear(&there);
	mem_free(path);
	return r;
}

static int act(struct bootstrap *b, struct err *err)
{
	int r = b->agent_new ? write_agent(b, err) : 0;

	/* what lists the others comes last, so that a folder is never half of what it says */
	for (size_t i = BOOTSTRAP_FILES; r == 0 && i-- > 0;) {
		struct one f;

		r = look_one(b, (enum bootstrap_file)i, &f, err);
		if (r == 0 && f.changed)
			r = bootstrap_write(b, f.path, &f.text, f.exists ? &f.st : NULL, err);
		one_clear(&f);
	}
	return r;
}

const struct bootstrap_step bootstrap_write_files = { "files", look, act };
