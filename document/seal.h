/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing and opening parts: the bound plaintext (DESIGN 4.1) inside, the age file around it.
 */
#ifndef BULLA_DOCUMENT_SEAL_H
#define BULLA_DOCUMENT_SEAL_H

#include <stdint.h>

#include "base/notes.h"
#include "document/document.h"
#include "document/inner.h"
#include "keys/keyring.h"
#include "keys/recipients.h"

/*
 * Seal a built Secret as part `name` of d, whose name, namespace, kind, type, labels and
 * annotations must be set; they are bound, with recipients, facts and sealed-at = now.  The part is
 * added or replaced; on failure d is as it was.  Never emits anything but ciphertext: what whoever
 * opens would refuse is refused (kind_verify), and the result is inspected before return.
 * ERR_INVALID; ERR_RECIPIENT nobody, or too many, to seal to.
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

/*
 * All parts, merged into one Secret; the first that does not open ends it.  key_ids, when given,
 * gets id -> "" of each key that opened one.  Errors as open_part.
 */
int open_document(const struct document *d, const struct keyring *keys, int64_t now,
		  struct kind_secret *out, struct kv *key_ids, struct notes *notes,
		  struct err *err);

#endif
