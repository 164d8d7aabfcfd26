/* SPDX-License-Identifier: Apache-2.0 */
/* The key file of a Google service account, for Terraform and applications. */
#include "kinds/gcp_key.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/value.h"

#define KEY "credentials.json"

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	const struct kv_item *item = kv_get(&in->fields, "key");

	(void)notes;
	kv_set(&out->data, KEY, item->data, item->len);
	return gcp_key_check("key", item->data, item->len, NULL, err);
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	const struct kv_item *item = kv_get(&s->data, KEY);

	(void)now;
	(void)notes;
	return gcp_key_check("data key " KEY, item->data, item->len, derived, err);
}

static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	if (!kv_has(data, KEY))
		return -1;
	value_copy(data, KEY, fields, "key");
	return 0;
}

const struct kind kind_gcp_service_account = {
	.name = "gcp-service-account",
	.summary = "the key file of a Google service account",
	.types = (const char *const[]){ TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "key",
		  .option = "key-file",
		  .arg = "FILE|-",
		  .help = "the JSON file that Google made for the account",
		  .flags = FIELD_SECRET | FIELD_REQUIRED | FIELD_MAIN | FIELD_KEEP },
		{ .name = NULL },
	    },
	.keys = (const struct kind_key[]){ { KEY, true }, { NULL, false } },
	.facts = (const char *const[]){ "project", "user", "fingerprint", NULL },
	.build = build,
	.check = check,
	.adopt = adopt,
};
