/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/driver.h"

#include <string.h>

#include "base/err.h"
#include "git/run.h"
#include "sealer/repo.h"

#define ATTRIBUTES_MAX 1048576

static bool has_line(const struct buf *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *s = buf_str(text); *s != '\0'; s += strcspn(s, "\n"), s += *s == '\n') {
		size_t len = strcspn(s, "\r\n");

		if (len == n && memcmp(s, line, n) == 0)
			return true;
	}
	return false;
}

void driver_attributes(struct buf *text)
{
	static const char *const lines[] = { "*.yaml merge=bulla", "*.yml merge=bulla",
					     "*.yaml diff=bulla", "*.yml diff=bulla" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (has_line(text, lines[i]))
			continue;
		if (text->len > 0 && text->data[text->len - 1] != '\n')
			buf_putc(text, '\n');
		buf_printf(text, "%s\n", lines[i]);
	}
}

/* The text as it is, then as it is to be. */
static int read_attributes(const char *top, struct buf *text, struct stat *st, bool *exists,
			   bool *complete, struct err *err)
{
	size_t had;
	int r = repo_read(top, DRIVER_ATTRIBUTES, ATTRIBUTES_MAX, text, st, exists, err);

	had = text->len;
	if (r == 0)
		driver_attributes(text);
	*complete = text->len == had;
	return r;
}

int driver_is_set_up(const char *top, bool *is, struct err *err)
{
	struct buf text = BUF_INIT;
	struct stat st;
	bool exists;
	int r = read_attributes(top, &text, &st, &exists, is, err);

	buf_clear(&text);
	return r;
}

/* Git falls back to its own merge of text where a clone has not been told what "bulla" is. */
static int add_attributes(const char *top, bool *added, struct err *err)
{
	struct buf text = BUF_INIT;
	bool exists, complete;
	struct stat st;
	int r = read_attributes(top, &text, &st, &exists, &complete, err);

	*added = r == 0 && !complete;
	if (*added)
		r = repo_write(top, DRIVER_ATTRIBUTES, &text, exists ? &st : NULL, err);
	buf_clear(&text);
	return r;
}

/* --- this clone's settings -------------------------------------------------------------------- */

/* The merge driver, and how diffs are shown: with the name of the part at the head of a hunk. */
static const char *const settings[][2] = {
	{ "merge.bulla.name", "join sealed documents part by part" },
	{ "merge.bulla.driver", "bulla merge-driver %O %A %B %L %P" },
	{ "diff.bulla.textconv", "bulla textconv" },
	{ "diff.bulla.xfuncname", "^    ([A-Za-z0-9._\"-]+):[ \t]*$" },
};
#define SETTINGS (sizeof(settings) / sizeof(*settings))

/* "NAME\nVALUE", or a NAME alone; the last one of a name counts. */
static int note_setting(void *ctx, const char *token, size_t len, struct err *err)
{
	bool *right = ctx;
	const char *end = memchr(token, '\n', len);

	(void)err;
	for (size_t i = 0; end != NULL && i < SETTINGS; i++)
		if (strlen(settings[i][0]) == (size_t)(end - token) &&
		    memcmp(settings[i][0], token, (size_t)(end - token)) == 0)
			right[i] = strcmp(settings[i][1], end + 1) == 0;
	return 0;
}

static int set_settings(const char *top, bool *written, struct err *err)
{
	static const char *const list[] = { "config", "--local", "-z", "--list", NULL };
	bool right[SETTINGS] = { false };
	struct git *g = git_open(top, err);
	int r = -1;

	if (g != NULL)
		r = git_tokens(
		    g, &(struct git_tokens){ .args = list, .visit = note_setting, .ctx = right },
		    err);
	for (size_t i = 0; r == 0 && i < SETTINGS; i++) {
		const char *const args[] = { "config", settings[i][0], settings[i][1], NULL };

		if (right[i])
			continue;
		*written = true;
		r = git_run(top, args, err);
	}
	git_close(g);
	return r;
}

int driver_set_up(const char *top, struct driver_done *done, struct err *err)
{
	struct driver_done mine = { false, false };
	int r = add_attributes(top, &mine.attributes, err);

	if (r == 0)
		r = set_settings(top, &mine.settings, err);
	if (done != NULL)
		*done = mine;
	return r;
}
