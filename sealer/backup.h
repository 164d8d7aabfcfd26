/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backups of sealing keys in .bulla/keys (DESIGN 4.4): armored age files, encrypted to recovery
 * alone, of the Secret manifest that gives a cluster its key back.
 *
 * NAME.age is that of the key which .bulla/config has for NAME, NAME.KEYID.age that of another one.
 * A new key comes in by steps that may end anywhere, by SIGKILL too, without a key being lost:
 *
 *	1. the new key's backup is written as NAME.NEWID.age
 *	2. NAME.age is copied to NAME.OLDID.age (backup_keep)
 *	3. .bulla/config gets the new key, and this user's pins
 *	4. NAME.NEWID.age takes the place of NAME.age (backup_settle)
 *
 * Until 3 the new key is nobody's; from then on backup_settle, which every later change of NAME
 * begins with, ends what is left.
 */
#ifndef BULLA_SEALER_BACKUP_H
#define BULLA_SEALER_BACKUP_H

#include "base/buf.h"
#include "base/kv.h"
#include "keys/keyring.h"
#include "keys/recipients.h"

struct err;

#define BACKUP_SECRET "bulla-sealing-keys" /* the Secret that agents have their keys from */

/* Key files (name -> text) as an armored backup, appended to out. */
int backup_seal(const struct kv *files, const struct age_recipient *recovery, struct buf *out,
		struct err *err);

/* Two key files with the same bytes, or with the same one key (comments do not count). */
bool backup_same_key(const struct kv_item *a, const struct kv_item *b);

struct backup {
	struct kv files;     /* key file name -> text */
	struct keyring keys; /* the same, parsed: one key a file, in their order */
	size_t readers;	  /* stanzas of the age file: more than one, and others can read it too */
	size_t opened_by; /* index in the recovery ring */
};

#define BACKUP_INIT                                                                                \
	{                                                                                          \
		KV_INIT, KEYRING_INIT, 0, 0                                                        \
	}

/*
 * Open a backup's text.  path is for errors.  out must be BACKUP_INIT, and is for backup_clear in
 * every case.  ERR_NOKEY: not encrypted to these keys; ERR_REFUSED damaged; ERR_INVALID it is
 * something else than a backup.
 */
int backup_open(const char *path, const struct buf *text, const struct keyring *recovery,
		struct backup *out, struct err *err);
void backup_clear(struct backup *b);

/* Step 2; nothing is done when there is no NAME.age.  ERR_CONFLICT: NAME.OLDID.age is another. */
int backup_keep(const char *top, const char *name, const char *old_id, struct err *err);
/*
 * Step 4, also of a run that was ended before it.  id: the key that .bulla/config has for name; ""
 * when it has none (any more).  A NAME.age that no other file is a copy of stays as it is.
 */
int backup_settle(const char *top, const char *name, const char *id, struct err *err);
/* Is there a NAME.ID.age: a run for this key did not get to its end? */
int backup_pending(const char *top, const char *name, const char *id, bool *pending,
		   struct err *err);

#endif
