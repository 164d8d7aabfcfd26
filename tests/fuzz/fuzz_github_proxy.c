/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a proxy and as NO_PROXY.  A host that is taken can stand in a request, and is taken
 * again when written anew; a name is always excepted by itself.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size);
	struct github_proxy p = GITHUB_PROXY_INIT, again = GITHUB_PROXY_INIT;
	struct err err = ERR_INIT;

	github_proxy_excepts(text, "git.example.org", 22);
	if (github_proxy_parse("X", text, &p, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "X: ", 3) == 0);
		must(p.host[0] == '\0' && p.login.len == 0);
	} else {
		char *same = strchr(p.host, ':') == NULL
				 ? mem_printf("http://%s:%u", p.host, p.port)
				 : mem_printf("http://[%s]:%u", p.host, p.port);

		must(strpbrk(p.host, "\r\n \t/@[]") == NULL && p.host[0] != '\0');
		must(p.port >= 1 && p.port <= 65535);
		must(strpbrk(buf_str(&p.login), "\r\n \t") == NULL);
		must(github_proxy_parse("X", same, &again, &err) == 0);
		must(strcmp(p.host, again.host) == 0 && p.port == again.port);
		if (p.host[0] != '.' && strchr(p.host, ':') == NULL)
			must(github_proxy_excepts(p.host, p.host, 22));
		mem_free(same);
	}
	github_proxy_clear(&p);
	github_proxy_clear(&again);
	mem_free(text);
	return 0;
}
