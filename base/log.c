/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

static enum log_level max_level = LOG_INFO;
static int log_fd = STDERR_FILENO;

void log_level_set(enum log_level max)
{
	max_level = max;
}

void log_fd_set(int fd)
{
	log_fd = fd;
}

void log_line(enum log_level level, const char *msg, ...)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char now[CLOCK_TEXT_SIZE];
	struct buf line = BUF_INIT;
	const char *name, *value;
	va_list ap;

	if (level > max_level)
		return;
	clock_format(clock_now(), now);
	buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", now, names[level]);
	json_format_string(&line, msg, strlen(msg));
	va_start(ap, msg);
	while ((name = va_arg(ap, const char *)) != NULL) {
		value = va_arg(ap, const char *);
		if (value == NULL)
			continue;
		buf_putc(&line, ',');
		json_format_string(&line, name, strlen(name));
		buf_putc(&line, ':');
		json_format_string(&line, value, strlen(value));
	}
	va_end(ap);
	buf_puts(&line, "}\n");
	file_write_fd(log_fd, line.data, line.len, NULL); /* nowhere to report a failing log */
	buf_clear(&line);
}
