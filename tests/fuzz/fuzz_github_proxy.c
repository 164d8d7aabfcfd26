/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a proxy and as NO_PROXY.  A host that is taken can stand in a request, and is taken
 * again when written anew; a name is always excepted by itself, and an address by each network that
 * is made of its own bits and by no other.
 */
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/proxy.h"

/* 1 + 16 bytes: how many bits, and an address. */
static void check_network(const uint8_t *data, bool v6)
{
	unsigned max = v6 ? 128 : 32, bits = data[0] % (max + 1);
	uint8_t other[16];
	char host[INET6_ADDRSTRLEN], near[INET6_ADDRSTRLEN];
	char *net;

	memcpy(other, data + 1, sizeof(other));
	must(inet_ntop(v6 ? AF_INET6 : AF_INET, data + 1, host, sizeof(host)) != NULL);
	net = v6 ? mem_printf("[%s]/%u", host, bits) : mem_printf("x %s/%u,y", host, bits);
	must(github_proxy_excepts(net, host, 22) && !github_proxy_excepts(net, "x.org", 22));
	for (unsigned i = 0; i < max; i++) {
		other[i / 8] ^= (uint8_t)(0x80 >> i % 8);
		must(inet_ntop(v6 ? AF_INET6 : AF_INET, other, near, sizeof(near)) != NULL);
		must(github_proxy_excepts(net, near, 22) == (i >= bits));
		other[i / 8] ^= (uint8_t)(0x80 >> i % 8);
	}
	mem_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size);
	struct github_proxy p = GITHUB_PROXY_INIT, again = GITHUB_PROXY_INIT;
	struct err err = ERR_INIT;

	if (size == 17) {
		check_network(data, true);
		check_network(data, false);
	}
	github_proxy_excepts(text, "git.example.org", 22);
	/* what stands behind an address and its port cannot take away what stands before */
	if (strstr(text, "::1") == text && (text[3] == '\0' || text[3] == ','))
		must(github_proxy_excepts(text, "::1", 22));
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
