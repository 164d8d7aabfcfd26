/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's log: one JSON object a line on standard error, "time", "level", "msg" first, then
 * the given string fields.  Lines are written whole with one write(2).  Never a secret.
 */
#ifndef BULLA_BASE_LOG_H
#define BULLA_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_level_set(enum log_level max);
void log_fd_set(int fd); /* default 2 */
/* fields: name, value (both const char *; a NULL value leaves the field out), ..., (char *)NULL */
void log_line(enum log_level level, const char *msg, ...) __attribute__((sentinel));

#endif
