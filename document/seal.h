/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening parts: the bound plaintext (DESIGN 4.1) inside, the age file around it.
 */
#ifndef BULLA_DOCUMENT_SEAL_H
#define BULLA_DOCUMENT_SEAL_H

#include <stdint.h>

#include "base/notes.h"
#include "document/document.h"
#include "keys/keyring.h"
#include "keys/recipients.h"

/*
 * Seal a built Secret as part `name` of d, whose name, namespace, kind, type, labels and
 * annotations must be set; they are bound, with recipients, facts and sealed-at = now.  The part is
 * added or replaced.  Never emits anything but ciphertext: the result is inspected before return.
 */
int seal_part(struct document *d, const char *name, const struct kind_secret *secret,
	      const struct recipients *to, int64_t now, struct err *err);

/*
 * Open one part: bounds, the age file, then every bound field against d, then the kind
 * (kind_verify).  out gets type, data and facts; KIND_SECRET_INIT before, empty on failure.
 * key_id, when given, gets the id of the key that opened it.
 * ERR_NOKEY not sealed to us; ERR_REFUSED damaged, moved, renamed or mixed; ERR_INVALID otherwise.
 */
int open_part(const struct document *d, const struct document_part *part,
	      const struct keyring *keys, int64_t now, struct kind_secret *out,
	      char key_id[AGE_KEY_ID_TEXT], struct notes *notes, struct err *err);

/* All parts, merged into one Secret; a data key in two parts is ERR_REFUSED.  key_ids gets id -> "". */
int open_document(const struct document *d, const struct keyring *keys, int64_t now,
		  struct kind_secret *out, struct kv *key_ids, struct notes *notes,
		  struct err *err);

/* The plaintext of one part, before padding; split out for tests and fuzzing. */
int inner_format(const struct document *d, const char *part, const struct kv *recipients,
		 const struct kind_secret *secret, int64_t sealed_at, struct buf *out,
		 struct err *err);
int inner_parse(const struct document *d, const struct document_part *part, const void *text,
		size_t len, struct kind_secret *out, struct err *err);

/* Padded length in bytes of a plaintext of len bytes: at least 1,024, then Padme (security 2.6). */
size_t inner_padded(size_t len);

#endif
