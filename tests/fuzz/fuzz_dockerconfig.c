/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A docker config is refused, or read; what was read, written and read again is the same, and
 * written again the same bytes.  A registry's key, once spelled right, is its own key.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/dockerconfig.h"

static void check_key(const char *server)
{
	struct buf key = BUF_INIT, again = BUF_INIT;

	if (dockerconfig_key("server", server, &key, NULL, NULL) == 0) {
		must(dockerconfig_key("server", buf_str(&key), &again, NULL, NULL) == 0);
		must(strcmp(buf_str(&key), buf_str(&again)) == 0);
		must(strcmp(server, buf_str(&key)) == 0 ||
		     strcmp(buf_str(&key), DOCKERCONFIG_HUB) == 0);
	}
	buf_clear(&key);
	buf_clear(&again);
}

static void check_config(const struct dockerconfig *c)
{
	struct dockerconfig again = DOCKERCONFIG_INIT;
	struct buf text = BUF_INIT, second = BUF_INIT;

	must(c->users.n != 0 && c->users.n == c->passwords.n);
	for (size_t i = 0; i < c->users.n; i++)
		check_key(c->users.items[i].name);
	/* "auth" may hold a password that is not UTF-8 */
	if (dockerconfig_format(c, &text, NULL) == 0 &&
	    dockerconfig_parse("config", text.data, text.len, &again, NULL, NULL) == 0) {
		must(kv_equal(&c->users, &again.users) &&
		     kv_equal(&c->passwords, &again.passwords));
		must(dockerconfig_format(&again, &second, NULL) == 0);
		must(strcmp(buf_str(&text), buf_str(&second)) == 0);
	}
	dockerconfig_clear(&again);
	buf_clear(&text);
	buf_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dockerconfig c = DOCKERCONFIG_INIT;
	struct err err = ERR_INIT;
	char *text = mem_strn((const char *)data, size);

	check_key(text);
	if (dockerconfig_parse("config", data, size, &c, NULL, &err) == 0)
		check_config(&c);
	else
		must(err.class == ERR_INVALID && strncmp(err.text, "config", 6) == 0 &&
		     c.users.n + c.passwords.n == 0);
	dockerconfig_clear(&c);
	mem_free(text);
	return 0;
}
