/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside seal/: does a message have the shape of our envelopes? OpenSSL is more
 * generous than it should be: it takes tags of any length, also one that can be
 * guessed, any version of a recipient and several forms of its key, and older
 * ones write a long nonce behind their buffer (CVE-2025-15467).
 */
#ifndef CRYO_SEAL_SHAPE_H
#define CRYO_SEAL_SHAPE_H

#include "sys/hash.h"

#define CRYO_SEAL_RECIPIENTS_MAX 64

/*
 * `recipient`: hash of the identifiers of all recipients, one behind the other as they stand: the
 * only bytes that may be others than those that were written.
 */
bool cryo_seal_shape(const void *der, size_t len, char recipient[CRYO_HASH_HEX]);

#endif
