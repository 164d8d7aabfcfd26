/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct err_status err_statuses[] = {
	{ ERR_NONE, "ok", "Success." },
	{ ERR_FINDINGS, "findings", "A check found something to mend." },
	{ ERR_USAGE, "usage", "The command line is wrong." },
	{ ERR_INVALID, "invalid", "A credential, document or configuration is refused." },
	{ ERR_RECIPIENT, "recipient", "A recipient is unknown, missing, new or changed." },
	{ ERR_NOKEY, "no-key", "No key at hand opens it." },
	{ ERR_REFUSED, "refused",
	  "The sealed bytes are damaged, or what is inside disagrees with the document." },
	{ ERR_IO, "io", "A file, terminal or process could not be read or written." },
	{ ERR_CONFLICT, "conflict", "It exists already, changed meanwhile, or cannot be merged." },
	{ ERR_INTERNAL, "internal", "An internal error; please report it." },
	{ ERR_MEMORY, "memory", "Out of memory." },
	{ ERR_NONE, NULL, NULL },
};

int err_vset(struct err *err, enum err_class class, const char *fmt, va_list ap)
{
	char text[ERR_TEXT_MAX]; /* fmt's arguments may point into err->text */

	if (err == NULL)
		return -1;
	vsnprintf(text, sizeof(text), fmt, ap);
	err->class = class;
	memcpy(err->text, text, sizeof(text));
	return -1;
}

int err_set(struct err *err, enum err_class class, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(err, class, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(err, ERR_IO, "%s: %s", text, strerror(saved));
	errno = saved;
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, err->class, "%s: %s", text, err->text);
}

const char *err_class_name(enum err_class class)
{
	for (const struct err_status *s = err_statuses; s->meaning != NULL; s++)
		if (s->class == class)
			return s->name;
	return "unknown";
}
