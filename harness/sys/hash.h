/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, as lower-case hex, through OpenSSL. */
#ifndef CRYO_SYS_HASH_H
#define CRYO_SYS_HASH_H

#include "base/err.h"

#define CRYO_HASH_HEX 65 /* 64 digits and NUL */
/* Is it one: 64 of 0-9a-f and nothing else? NULL is not. */
bool cryo_hash_is_hex(const char *text);

struct cryo_hash; /* a running hash */
struct cryo_hash *cryo_hash_new(void);
void cryo_hash_add(struct cryo_hash *h, const void *data, size_t n);
/* One item of a list: its length, then itself, so that ("ab","c") differs from ("a","bc"). */
void cryo_hash_item(struct cryo_hash *h, const char *text);
void cryo_hash_hex(struct cryo_hash *h, char out[CRYO_HASH_HEX]); /* the end of h's use */
void cryo_hash_free(struct cryo_hash *h);
CRYO_DEFINE_AUTO(struct cryo_hash, cryo_hash_free)

void cryo_hash_bytes(const void *data, size_t n, char out[CRYO_HASH_HEX]);
int cryo_hash_file(const char *path, char out[CRYO_HASH_HEX], struct cryo_err *err);
/*
 * A whole tree: relative names, types, modes, link targets and contents of
 * regular files, in sorted order; owners and times do not count.
 */
int cryo_hash_tree(const char *dir, char out[CRYO_HASH_HEX], struct cryo_err *err);

#endif
