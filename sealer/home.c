/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/home.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* XDG: a relative value is invalid and is to be ignored. */
static const char *absolute(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] == '/' ? value : NULL;
}

static char *home_dir(struct err *err)
{
	const char *config = absolute("XDG_CONFIG_HOME");
	const char *home = absolute("HOME");

	if (config != NULL)
		return mem_printf("%s/bulla", config);
	if (home != NULL)
		return mem_printf("%s/.config/bulla", home);
	err_set(err, ERR_IO, "there is no home folder: set HOME or XDG_CONFIG_HOME");
	return NULL;
}

char *home_path(const char *name, struct err *err)
{
	char *dir = home_dir(err), *path = NULL;

	if (dir != NULL)
		path = mem_printf("%s/%s", dir, name);
	mem_free(dir);
	return path;
}

char *home_path_made(const char *name, struct err *err)
{
	char *dir = home_dir(err), *path = NULL;

	if (dir != NULL && file_mkdirs(dir, 0700, err) == 0)
		path = mem_printf("%s/%s", dir, name);
	mem_free(dir);
	return path;
}
