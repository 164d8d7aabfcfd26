/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/text.h"
#include "guard/rules.h"
#include "sealer/findings.h"
#include "sealer/report.h"

/*
 * SARIF 2.1.0 (OASIS), as code hosts show it beside the lines of a change.  Of what it could hold,
 * only what is needed: no text of the file, no absolute path of this machine.
 */
#define SARIF_SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

/* A path as a URI reference: every byte but the plain ones is %XX. */
static json_t *uri(const char *path)
{
	struct buf out = BUF_INIT;
	json_t *v;

	text_percent(&out, path, "-._~/");
	v = json_string(buf_str(&out));
	buf_clear(&out);
	return v;
}

static json_t *message(const char *text)
{
	char *escaped = out_escaped(text);
	json_t *v = json_pack("{s:s}", "text", escaped);

	mem_free(escaped);
	return v;
}

static json_t *location(const struct finding *item)
{
	json_t *place, *region = json_object();

	place = json_pack("{s:{s:o, s:s}}", "artifactLocation", "uri",
			  uri(item->below != NULL ? item->below : item->file), "uriBaseId",
			  "%SRCROOT%");
	if (item->line > 0)
		json_object_set_new(region, "startLine", json_integer(item->line));
	if (item->line > 0 && item->column > 0)
		json_object_set_new(region, "startColumn", json_integer(item->column));
	if (item->line > 0)
		json_object_set(place, "region", region);
	json_decref(region);
	return json_pack("{s:o}", "physicalLocation", place);
}

/* Rules stand in the order of finding_rules, then of guard_rules. */
static size_t rule_index(const struct finding *item)
{
	if (item->guard != NULL)
		return RULE_COUNT + (size_t)(item->guard - guard_rules);
	return item->rule;
}

static json_t *result(const struct finding *item)
{
	json_t *v = json_pack("{s:s, s:I, s:s, s:o}", "ruleId", finding_rule_name(item),
			      "ruleIndex", (json_int_t)rule_index(item), "level",
			      item->warning ? "warning" : "error", "message", message(item->text));

	json_object_set_new(v, "locations",
			    item->file != NULL ? json_pack("[o]", location(item)) : json_array());
	if (item->print[0] != '\0')
		json_object_set_new(v, "partialFingerprints",
				    json_pack("{s:s}", "bulla/v1", item->print));
	if (item->commit != NULL)
		json_object_set_new(v, "properties", json_pack("{s:s}", "commit", item->commit));
	return v;
}

static json_t *rules(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < RULE_COUNT; i++)
		json_array_append_new(list, json_pack("{s:s, s:{s:s}}", "id", finding_rules[i].name,
						      "shortDescription", "text",
						      finding_rules[i].summary));
	for (size_t i = 0; i < GUARD_RULES; i++)
		json_array_append_new(list, json_pack("{s:s, s:{s:s}, s:{s:s}}", "id",
						      guard_rules[i].name, "shortDescription",
						      "text", guard_rules[i].summary, "help",
						      "text", guard_rules[i].advice));
	return list;
}

int findings_print_sarif(struct findings *f, struct err *err)
{
	json_t *results = json_array(), *run;

	findings_sort(f);
	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(results, result(&f->items[i]));
	run = json_pack("{s:{s:{s:s, s:s, s:o}}, s:s, s:o}", "tool", "driver", "name", "bulla",
			"version", BULLA_VERSION, "rules", rules(), "columnKind",
			"unicodeCodePoints", "results", results);
	return report_json(json_pack("{s:s, s:s, s:[o]}", "$schema", SARIF_SCHEMA, "version",
				     "2.1.0", "runs", run),
			   err);
}
