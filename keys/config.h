/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .bulla/config (DESIGN 4.4): recipients, recovery and rules of one repository.
 *
 *	recipients:
 *	  eu-west9: "age1..."
 *	  us-east1: "age1..."
 *	recovery: "age1..."
 *	rules:
 *	  - path: "clusters/eu-west9-*.yaml"
 *	    to: [eu-west9]
 *	  - path: "**"
 *	    namespace: "team-*"		# optional, as is kind
 *	    to: [eu-west9, us-east1]
 *
 * The first rule that matches decides; recovery is added to every rule under the name "recovery",
 * which is reserved.  Nothing else may stand in the file; each of the three may be missing, though
 * then there is nobody to seal to.  Keys are single- or double-quoted or plain, on one line.
 */
#ifndef BULLA_KEYS_CONFIG_H
#define BULLA_KEYS_CONFIG_H

#include <stddef.h>

#include "base/buf.h"
#include "keys/recipients.h"

#define CONFIG_PATH ".bulla/config"
#define CONFIG_MAX 262144
#define CONFIG_RECOVERY "recovery"

struct config_rule {
	char *path;	 /* glob over the path below the top level (name_glob_path) */
	char *namespace; /* glob or NULL: any */
	char *kind;	 /* exact or NULL: any */
	char **to;	 /* names of recipients, each once, without recovery */
	size_t n;
	unsigned line;
};

struct config {
	struct recipients recipients; /* with recovery, under its name */
	struct config_rule *rules;
	size_t n;
};

#define CONFIG_INIT                                                                                \
	{                                                                                          \
		RECIPIENTS_INIT, NULL, 0                                                           \
	}

/*
 * name is put before errors as "name:line: field: ".  ERR_INVALID; ERR_RECIPIENT for a key or a
 * name of a recipient.  out must be CONFIG_INIT; it is empty on failure.
 */
int config_parse(const char *name, const void *text, size_t len, struct config *out,
		 struct err *err);
void config_clear(struct config *c);

/*
 * Who a document at path (below the top level, "/" between) is sealed to, added to out.  namespace
 * and kind may be NULL: rules that ask for one do not match then.  ERR_RECIPIENT when no rule
 * matches or a rule names nobody.
 */
int config_select(const struct config *c, const char *path, const char *namespace, const char *kind,
		  struct recipients *out, struct err *err);

/*
 * Append the text of a new config: the recipients, of which the one named "recovery" may be
 * missing, and the rules as given (UTF-8), whose lines are not looked at.
 */
void config_format(const struct recipients *r, const struct config_rule *rules, size_t n,
		   struct buf *out);

#endif
