/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sealed file: Tink's streaming AEAD, AES256_GCM_HKDF_1MB. A header (length
 * byte, salt, nonce prefix), then segments that together with their tags are
 * 1 MiB long; the first is shorter by the header, the last as long as it is.
 * Each segment stands for itself, so any number of threads can work on a file.
 */
#ifndef CRYO_SEAL_STREAM_H
#define CRYO_SEAL_STREAM_H

#include "seal/crypto.h"

#define CRYO_SEAL_SEGMENT UINT64_C(1048576) /* of ciphertext, tag included */
#define CRYO_SEAL_HEADER  40
#define CRYO_SEAL_TAG	  16
/* Segment numbers have 32 bits. */
#define CRYO_SEAL_PLAIN_MAX                                                                        \
	((UINT64_C(1) << 32) * (CRYO_SEAL_SEGMENT - CRYO_SEAL_TAG) - CRYO_SEAL_HEADER)

/* Geometry of a file of `plain` bytes (at most CRYO_SEAL_PLAIN_MAX). */
uint64_t cryo_seal_stream_segments(uint64_t plain); /* at least 1: an empty file has a tag */
uint64_t cryo_seal_stream_size(uint64_t plain);	    /* sealed */
uint64_t cryo_seal_stream_at(uint64_t segment);	    /* where its plaintext begins */

struct cryo_seal_stream; /* the key of one file */

/*
 * For the file `name` of the set. `header` is that of a sealed file, NULL makes
 * a new one.
 *   -CRYO_E_TAMPER  no header of this format
 */
int cryo_seal_stream_new(const struct cryo_seal_secret *secret, const char *name,
			 const unsigned char *header, struct cryo_seal_stream **out,
			 struct cryo_err *err);
void cryo_seal_stream_free(struct cryo_seal_stream *s);
CRYO_DEFINE_AUTO(struct cryo_seal_stream, cryo_seal_stream_free)

/* Segments [first, end) from one descriptor to the other. */
struct cryo_seal_run {
	int in, out;
	uint64_t in_base, out_base; /* where the file begins in them */
	uint64_t first, end;
	uint64_t plain;	  /* size; UINT64_MAX: not known yet, the last segment is not among these */
	unsigned threads; /* 0: one a processor */
};

/* -CRYO_E_TAMPER when the input is shorter than it should be. */
int cryo_seal_stream_seal(const struct cryo_seal_stream *s, const struct cryo_seal_run *run,
			  struct cryo_err *err);
/* Only what is authentic is written. -CRYO_E_TAMPER: it was changed, or cut. */
int cryo_seal_stream_open(const struct cryo_seal_stream *s, const struct cryo_seal_run *run,
			  struct cryo_err *err);

/* pread(2)/pwrite(2) until all is done. *got may be less than n only at end of file. */
int cryo_seal_pread(int fd, void *buf, size_t n, uint64_t at, size_t *got, struct cryo_err *err);
int cryo_seal_pwrite(int fd, const void *buf, size_t n, uint64_t at, struct cryo_err *err);

#endif
