/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/serve.h"

#include <unistd.h>

#include "agent/listen.h"
#include "agent/supervisor.h"
#include "base/file.h"
#include "base/mem.h"

enum err_class serve_run(const struct options *o, struct err *err)
{
	char *keys = file_absolute(o->keys, err);
	const struct listen_options listen = {
		.path = o->socket,
		.uid = o->client_uid < 0 ? geteuid() : (uid_t)o->client_uid,
		.gid = o->socket_group < 0 ? LISTEN_NO_GROUP : (gid_t)o->socket_group,
	};
	const struct supervisor_options so = { .keys_dir = keys,
					       .audit_fd = STDOUT_FILENO,
					       .listen = &listen };
	int r = -1;

	log_level_set(o->level);
	if (keys != NULL)
		r = supervisor_serve(&so, err);
	mem_free(keys);
	return r < 0 ? err->class : ERR_NONE;
}
