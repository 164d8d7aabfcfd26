/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/yamljson.h"

#include <string.h>

static json_t *scalar(const struct yaml_node *node)
{
	json_t *v = NULL;

	if (node->style == YAML_PLAIN) {
		if (node->len == 0 || strcmp(node->text, "~") == 0)
			return json_null();
		v = json_loadb(node->text, node->len, JSON_DECODE_ANY, NULL);
	}
	return v != NULL ? v : json_stringn(node->text, node->len);
}

json_t *yamljson(const struct yaml_node *node)
{
	json_t *v;

	if (node->type == YAML_SCALAR)
		return scalar(node);
	if (node->type == YAML_LIST) {
		v = json_array();
		for (size_t i = 0; i < node->n; i++)
			json_array_append_new(v, yamljson(node->values[i]));
		return v;
	}
	v = json_object();
	for (size_t i = 0; i < node->n; i++)
		json_object_set_new(v, node->keys[i]->text, yamljson(node->values[i]));
	return v;
}
