/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/err.h"

static int find(const struct library *l, void *handle, void *table, struct err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		void *p = dlsym(handle, l->symbols[i].name);

		if (p == NULL)
			return err_set(err, ERR_IO, "%s has no function %s", l->file,
				       l->symbols[i].name);
		/* a function behind a pointer to an object: POSIX promises it, C does not */
		memcpy((char *)table + l->symbols[i].at, &p, sizeof(p));
	}
	return 0;
}

void *library_load(const struct library *l, void *table, struct err *err)
{
	void *handle = dlopen(l->file, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		err_set(err, ERR_IO, "cannot load %s (install %s): %s", l->name, l->package,
			dlerror());
		return NULL;
	}
	if (find(l, handle, table, err) == 0)
		return handle;
	dlclose(handle);
	return NULL;
}
