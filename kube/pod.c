/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/pod.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "kube/address.h"

#define HOST "KUBERNETES_SERVICE_HOST"
#define PORT "KUBERNETES_SERVICE_PORT"
#define NAMESPACE_MAX 1024

static const char *get(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

bool pod_here(void)
{
	return get(HOST) != NULL;
}

static int find_server(struct pod *out, struct err *err)
{
	const char *host = get(HOST), *port = get(PORT);
	bool ipv6;
	char *text;

	if (host == NULL || port == NULL)
		return err_set(err, ERR_USAGE,
			       "not in a pod: " HOST " and " PORT " are not both set");
	ipv6 = strchr(host, ':') != NULL;
	text = mem_printf("https://%s%s%s:%s", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port);
	out->server = address_server(text, err);
	mem_free(text);
	return out->server != NULL ? 0 : err_wrap(err, HOST ", " PORT);
}

static int find_namespace(const char *folder, struct pod *out, struct err *err)
{
	char *path = mem_printf("%s/namespace", folder);
	const char *given = get("POD_NAMESPACE");
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int r = 0;

	/* a volume may leave the file out: then it is not said */
	if (given == NULL && file_read(path, NAMESPACE_MAX, 0, &text, NULL, &why) == 0)
		given = buf_str(&text);
	out->namespace =
	    mem_strn(given != NULL ? given : "", given != NULL ? strcspn(given, " \t\r\n") : 0);
	if (out->namespace[0] == '\0') {
		mem_replace(&out->namespace, "default");
	}
	if (!name_is_label(out->namespace))
		r = err_set(err, ERR_INVALID, "%s: not the name of a namespace",
			    text.data != NULL ? path : "POD_NAMESPACE");
	buf_clear(&text);
	mem_free(path);
	return r;
}

int pod_find(const char *folder, struct pod *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (find_server(out, err) != 0 || find_namespace(folder, out, err) != 0) {
		pod_clear(out);
		return -1;
	}
	out->token_file = mem_printf("%s/token", folder);
	out->ca_file = mem_printf("%s/ca.crt", folder);
	return 0;
}

void pod_clear(struct pod *p)
{
	mem_free(p->server);
	mem_free(p->namespace);
	mem_free(p->token_file);
	mem_free(p->ca_file);
	memset(p, 0, sizeof(*p));
}
