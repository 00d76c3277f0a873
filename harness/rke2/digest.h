/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests of large programs, remembered: a file with the same device, inode, size and times as when
 * it was read last has the same bytes. One that was changed less than two seconds before it was
 * read is read again, as a change within the same tick of the clock would not be seen.
 */
#ifndef CRYO_RKE2_DIGEST_H
#define CRYO_RKE2_DIGEST_H

#include "sys/hash.h"

int cryo_rke2_digest(const char *path, char out[CRYO_HASH_HEX], struct cryo_err *err);
/* What was learnt goes to <state>/rke2/digests.json; that it cannot is no failure. */
void cryo_rke2_digests_save(void);

#endif
