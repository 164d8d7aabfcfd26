/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a URL: what is taken has one meaning, its parts written again are the same URL. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/name.h"
#include "kinds/url.h"

static void write_again(const struct url *u, bool with_port, struct buf *out)
{
	bool brackets = strchr(u->host, ':') != NULL;

	buf_puts(out, u->scheme == URL_SSH ? "ssh://" : "https://");
	if (u->user[0] != '\0')
		buf_printf(out, "%s@", u->user);
	buf_printf(out, "%s%s%s", brackets ? "[" : "", u->host, brackets ? "]" : "");
	if (with_port)
		buf_printf(out, ":%u", u->port);
	buf_puts(out, u->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size);
	struct buf plain = BUF_INIT, ported = BUF_INIT;
	struct err err = ERR_INIT;
	struct url u, again;
	int schemes = URL_SSH | URL_HTTPS | (size % 2 == 0 ? URL_NO_PATH : 0);

	if (url_parse("url", text, schemes, &u, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "url: ", 5) == 0);
	} else {
		must(name_is_fact(text) && u.port >= 1 && u.port <= 65535 && u.host[0] != '\0');
		must(u.scheme == URL_SSH || u.user[0] == '\0');
		write_again(&u, false, &plain);
		write_again(&u, true, &ported);
		must(strcmp(text, buf_str(&ported)) == 0 ||
		     (strcmp(text, buf_str(&plain)) == 0 &&
		      u.port == (u.scheme == URL_SSH ? 22U : 443U)));
		must(strlen(buf_str(&ported)) > URL_MAX ||
		     url_parse("url", buf_str(&ported), schemes, &again, &err) == 0);
		/* what was let through as a path alone is no path to a repository */
		must(u.path[0] == '/' || (schemes & URL_NO_PATH) != 0);
	}
	buf_clear(&plain);
	buf_clear(&ported);
	mem_free(text);
	return 0;
}
