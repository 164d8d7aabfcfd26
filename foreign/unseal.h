/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a SealedSecret: RSA-OAEP around a content key, AES-GCM around the value. */
#ifndef BULLA_FOREIGN_UNSEAL_H
#define BULLA_FOREIGN_UNSEAL_H

#include "base/buf.h"
#include "foreign/unseal_keys.h"

enum unseal_verdict {
	UNSEAL_OK,
	UNSEAL_SHORT,	/* too short to be one */
	UNSEAL_NO_KEY,	/* no key opens it under this label */
	UNSEAL_DAMAGED, /* a key opened the content key, and the value is not what was sealed */
};

struct unseal {
	const struct unseal_keys *keys;
	const char *label; /* of OAEP; "" for none */
	size_t first;	   /* tried first; becomes the one that fits */
};

/* out is emptied before, and on failure.  Keys of another size than the value's cost nothing. */
enum unseal_verdict unseal_value(struct unseal *u, const unsigned char *data, size_t len,
				 struct buf *out);

#endif
