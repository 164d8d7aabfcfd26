/* SPDX-License-Identifier: Apache-2.0 */
/* What programs read: a JSON tree on standard output, as JSON or as YAML. */
#ifndef BULLA_SEALER_REPORT_H
#define BULLA_SEALER_REPORT_H

#include <jansson.h>

struct err;

/* Print v, indented, and let go of it (the reference is taken over).  ERR_IO. */
int report_json(json_t *v, struct err *err);
int report_yaml(json_t *v, struct err *err);

/*
 * A new JSON string of what need not be UTF-8 (a path, an error that names one): as it is, or
 * escaped as for people (base/out.h) where JSON cannot hold it.
 */
json_t *report_text(const char *s);

/* Seconds as a person says them: "29 d", "5 h", "3 min"; negative ones without the sign. */
void report_span(long long seconds, char text[static 24]);

#endif
