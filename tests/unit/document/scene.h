/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents from templates.  "$A" alone behind the indentation of a line stands for the armor of
 * age file A, each line indented alike; "$A" in quotes for the same with \n between the lines.
 * Files A to F are made for one recipient, a to f for two.
 */
#ifndef BULLA_TESTS_UNIT_DOCUMENT_SCENE_H
#define BULLA_TESTS_UNIT_DOCUMENT_SCENE_H

#include "tests/unit/document/sample.h"

#define ID1 "4c1d9a0e5b7f22338d01c6b2a4e7f905"
#define ID2 "91b2a64c0d7e8f105a3b2c1d0e9f8a7b"
#define ID3 "00000000000000000000000000000003"
#define AT "2026-11-23T08:00:00Z"
#define AT2 "2027-01-01T00:00:00Z"

#define TOP                                                                                        \
	"apiVersion: bulla.dev/v1\n"                                                               \
	"kind: SealedCredential\n"                                                                 \
	"metadata:\n"                                                                              \
	"  name: api-env\n"                                                                        \
	"  namespace: team-a\n"
#define SPEC                                                                                       \
	"spec:\n"                                                                                  \
	"  kind: opaque\n"                                                                         \
	"  secret:\n"                                                                              \
	"    type: Opaque\n"
#define HEAD TOP SPEC "  parts:\n"

/* a part as the sealer writes it: key, age file */
#define PART(name, file) PART_AT(name, file, AT)
#define PART_AT(name, file, at)                                                                    \
	"    " name ":\n"                                                                          \
	"      recipients:\n"                                                                      \
	"        eu: \"" ID1 "\"\n"                                                                \
	"      facts:\n"                                                                           \
	"        sealed-at: \"" at "\"\n"                                                          \
	"      sealed: |\n"                                                                        \
	"        $" file "\n"

#define SCENE_FILES 6

static struct buf scene_age[2][SCENE_FILES];

static inline struct buf *scene_file(char letter)
{
	struct buf *age = letter >= 'a' ? &scene_age[1][letter - 'a'] : &scene_age[0][letter - 'A'];

	if (age->len == 0)
		sample_age(letter >= 'a' ? 2 : 1, 16, age);
	return age;
}

static inline void scene_clear(void)
{
	for (size_t i = 0; i < 2 * SCENE_FILES; i++)
		buf_clear(&scene_age[i / SCENE_FILES][i % SCENE_FILES]);
}

static inline void scene_armor(char letter, struct buf *armor)
{
	struct err err = ERR_INIT;

	if (age_armor(scene_file(letter)->data, scene_file(letter)->len, armor, &err) != 0)
		fail_msg("%s", err.text);
}

/* One line of a template, n bytes and its newline if it has one. */
static inline void scene_line(const char *line, size_t n, const char *eol, struct buf *out)
{
	const char *dollar = memchr(line, '$', n);
	struct buf armor = BUF_INIT;
	bool last = line[n] != '\n';

	if (dollar == NULL) {
		buf_printf(out, "%.*s%s", (int)n, line, last ? "" : eol);
		return;
	}
	scene_armor(dollar[1], &armor);
	if (dollar == line || dollar[-1] == '"') {
		buf_put(out, line, (size_t)(dollar - line));
		for (size_t i = 0; i < armor.len; i++)
			if (armor.data[i] == '\n')
				buf_puts(out, "\\n");
			else
				buf_putc(out, armor.data[i]);
		buf_clear(&armor);
		scene_line(dollar + 2, n - (size_t)(dollar + 2 - line), eol, out);
		return;
	}
	for (const char *s = buf_str(&armor); *s != '\0'; s += strcspn(s, "\n") + 1) {
		bool end = s[strcspn(s, "\n") + 1] == '\0';

		buf_printf(out, "%.*s%.*s%s", (int)(dollar - line), line, (int)strcspn(s, "\n"), s,
			   end && last ? "" : eol);
	}
	buf_clear(&armor);
}

static inline void scene_text(const char *template, const char *eol, struct buf *out)
{
	while (*template != '\0') {
		size_t n = strcspn(template, "\n");

		scene_line(template, n, eol, out);
		template += n + (template[n] == '\n');
	}
}

/* "name=value;name=value" */
static inline void scene_kv(const char *list, struct kv *kv)
{
	char *copy = mem_str(list), *item, *rest = NULL;

	for (item = strtok_r(copy, ";", &rest); item != NULL; item = strtok_r(NULL, ";", &rest)) {
		char *eq = strchr(item, '=');

		*eq = '\0';
		kv_set_str(kv, item, eq + 1);
	}
	mem_free(copy);
}

#endif
