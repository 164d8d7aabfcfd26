/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notes.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"

void note_add(struct notes *notes, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (notes == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	notes->text = mem_grow(notes->text, notes->n + 1, sizeof(*notes->text));
	notes->text[notes->n++] = mem_str(text);
}

void notes_clear(struct notes *notes)
{
	for (size_t i = 0; i < notes->n; i++)
		mem_free(notes->text[i]);
	mem_free(notes->text);
	*notes = (struct notes)NOTES_INIT;
}
