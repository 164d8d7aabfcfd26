/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy of a Flux source (spec.proxySecretRef). */
#include <string.h>

#include "base/err.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"
#include "kinds/value.h"

#define ADDRESS_MAX 2048	 /* Flux's limit */
#define SOCKS_CREDENTIAL_MAX 255 /* RFC 1929 has one byte for their lengths */

static const char *const schemes[] = { "http://", "https://", "socks5://", NULL };

/* The text behind the scheme, or NULL. */
static const char *authority_of(const char *address)
{
	for (size_t i = 0; schemes[i] != NULL; i++)
		if (strncmp(address, schemes[i], strlen(schemes[i])) == 0)
			return address + strlen(schemes[i]);
	return NULL;
}

static bool is_host_char(char c, bool v6)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
	       (v6 ? c == ':' || c == '.'
		   : (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.');
}

static int check_port(const char *port, struct err *err)
{
	unsigned long n = 0;
	size_t len = strlen(port);

	for (size_t i = 0; i < len && i < 6; i++)
		n = port[i] >= '0' && port[i] <= '9' ? n * 10 + (unsigned long)(port[i] - '0')
						     : 100000;
	if (len == 0 || len > 5 || port[0] == '0' || n > 65535)
		return err_set(err, ERR_INVALID,
			       "address: the port is not a number from 1 to 65535");
	return 0;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static int check_authority(const char *s, struct err *err)
{
	bool v6 = s[0] == '[';
	const char *end = v6 ? strchr(s, ']') : s + strcspn(s, ":");

	s += v6;
	if (end == NULL || end == s)
		return err_set(err, ERR_INVALID, "address: has no host");
	for (; s < end; s++)
		if (!is_host_char(*s, v6))
			return err_set(err, ERR_INVALID,
				       "address: the host holds a character that none has");
	end += v6;
	if (*end == '\0')
		return 0;
	if (*end != ':')
		return err_set(err, ERR_INVALID, "address: something follows the host");
	return check_port(end + 1, err);
}

static int check_address(const struct kv_item *item, struct err *err)
{
	const char *address = (const char *)item->data, *authority;

	if (value_word("address", item->data, item->len, err) != 0)
		return -1;
	if (item->len > ADDRESS_MAX)
		return err_set(err, ERR_INVALID, "address: has %zu characters, and Flux takes %d",
			       item->len, ADDRESS_MAX);
	authority = authority_of(address);
	if (authority == NULL)
		return err_set(
		    err, ERR_INVALID,
		    "address: must begin with http://, https:// or socks5://, in lower case");
	if (strchr(authority, '@') != NULL)
		return err_set(
		    err, ERR_INVALID,
		    "address: holds credentials, and it is public; give them as --username "
		    "and --password-file");
	if (strpbrk(authority, "/?#") != NULL)
		return err_set(err, ERR_INVALID,
			       "address: ends with its host and port; a proxy has no path");
	return check_authority(authority, err);
}

static int check_credentials(const struct kv *data, struct notes *notes, struct err *err)
{
	const struct kv_item *user = kv_get(data, "username"), *password = kv_get(data, "password");
	const char *address = kv_get_str(data, "address");

	if (user == NULL && password == NULL)
		return 0;
	if (user == NULL)
		return err_set(err, ERR_INVALID, "username: missing; Flux takes both or neither");
	if (password == NULL)
		return err_set(err, ERR_INVALID, "password: missing; Flux takes both or neither");
	if (value_user("username", user->data, user->len, err) != 0 ||
	    value_password("password", password->data, password->len, err) != 0)
		return -1;
	if (strncmp(address, "socks5", 6) == 0 &&
	    (user->len > SOCKS_CREDENTIAL_MAX || password->len > SOCKS_CREDENTIAL_MAX))
		return err_set(
		    err, ERR_INVALID,
		    "password: SOCKS 5 carries no user name or password longer than %d bytes",
		    SOCKS_CREDENTIAL_MAX);
	if (strncmp(address, "https", 5) != 0)
		note_add(
		    notes,
		    "password: goes to this proxy unencrypted; only an https:// proxy hides it");
	return 0;
}

static int validate(const struct kind_secret *s, struct notes *notes, struct err *err)
{
	if (check_address(kv_get(&s->data, "address"), err) != 0)
		return -1;
	return check_credentials(&s->data, notes, err);
}

static int build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		 struct err *err)
{
	value_copy(&in->fields, "address", &out->data, "address");
	value_copy(&in->fields, "username", &out->data, "username");
	value_copy(&in->fields, "password", &out->data, "password");
	return validate(out, notes, err);
}

static int check(const struct kind_secret *s, int64_t now, struct kv *derived, struct notes *notes,
		 struct err *err)
{
	(void)now;
	(void)notes;
	value_copy(&s->data, "address", derived, "url");
	value_copy(&s->data, "username", derived, "user");
	return validate(s, NULL, err);
}

static int adopt(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	if (!kv_has(data, "address"))
		return -1;
	value_copy(data, "address", fields, "address");
	value_copy(data, "username", fields, "username");
	value_copy(data, "password", fields, "password");
	return 0;
}

const struct kind kind_proxy = {
	.name = "proxy",
	.summary = "the proxy of a Flux source",
	.types = (const char *const[]){ TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ .name = "address",
		  .option = "address",
		  .arg = "URL",
		  .help = "http://HOST:PORT, https:// or socks5://, without credentials",
		  .flags = FIELD_REQUIRED,
		  .fact = "url" },
		{ .name = "username",
		  .option = "username",
		  .arg = "USER",
		  .help = "the user name, when the proxy asks for one",
		  .fact = "user" },
		{ .name = "password",
		  .option = "password-file",
		  .arg = "FILE|-",
		  .help = "the password, with --username",
		  .flags = FIELD_SECRET | FIELD_MAIN },
		{ .name = NULL },
	    },
	.keys =
	    (const struct kind_key[]){
		{ "address", true },
		{ "username", false },
		{ "password", false },
		{ NULL, false },
	    },
	.facts = (const char *const[]){ "url", "user", NULL },
	.build = build,
	.check = check,
	.adopt = adopt,
};
