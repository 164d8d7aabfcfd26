/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/ring.h"

#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/home.h"
#include "sealer/input.h"

bool ring_given(const struct ring_options *o)
{
	return o->identities.n > 0 || o->keys != NULL;
}

static int add_folder(struct keyring *kr, const char *dir, struct err *err)
{
	struct notes notes = NOTES_INIT;
	int r = keyring_add_dir(kr, dir, &notes, err);

	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s", notes.text[i]);
	notes_clear(&notes);
	return r;
}

/* A user without keys has no folder: not an error, the caller says what that means. */
static int add_own(struct keyring *kr, struct err *err)
{
	char *dir = home_path(HOME_KEYS, err);
	int r = 0;

	if (dir == NULL)
		return -1;
	if (access(dir, F_OK) == 0)
		r = add_folder(kr, dir, err);
	mem_free(dir);
	return r;
}

int ring_load(const struct ring_options *o, struct keyring *out, struct err *err)
{
	for (size_t i = 0; i < o->identities.n; i++)
		if (keyring_add_file(out, o->identities.items[i], input_passphrase, NULL, err) != 0)
			return -1;
	if (o->keys != NULL && add_folder(out, o->keys, err) != 0)
		return -1;
	if (!ring_given(o) && add_own(out, err) != 0)
		return -1;
	if (out->n == 0)
		return err_set(
		    err, ERR_NOKEY,
		    "there is no private key at hand; give one with -i FILE or --keys DIR");
	return 0;
}
