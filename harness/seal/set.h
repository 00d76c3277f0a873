/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed sets: the images of one checkpoint, each under its own name but
 * unreadable, and `seal.cms` beside them with what opens them
 * (docs/seal-format.md). This header is all that a program needs that seals or
 * opens; it works on directory descriptors and interprets no path.
 *
 * Nothing but base/, sys/fs, conf/json and libcrypto stands behind it, so that
 * it also fits into a static program.
 */
#ifndef CRYO_SEAL_SET_H
#define CRYO_SEAL_SET_H

#include "seal/cert.h"

#define CRYO_SEAL_CMS_NAME     "seal.cms"
#define CRYO_SEAL_ENVELOPE_MAX (16 << 20) /* bytes of it that are read */

/*
 * Files that lie beside the images and belong to others (runc's descriptors.json,
 * CRIU's logs and statistics). They are never sealed, and never opened: a reader
 * passes them over, so whoever adds one gains nothing.
 */
bool cryo_seal_is_public(const char *name);
/* What an image may be called: a plain file name of at most 255 bytes that is not public. */
bool cryo_seal_is_name(const char *name);
/* Is there a seal.cms? 1: yes, 0: no, <0: cannot tell (err). */
int cryo_seal_is_sealed(int dir_fd, struct cryo_err *err);

/* ---- making a set ---- */

struct cryo_seal_writer;
struct cryo_seal_writer_opts {
	const struct cryo_seal_cert *recipient;	  /* loaded for CRYO_SEAL_ENCRYPT */
	const struct cryo_seal_cert *signer_cert; /* both NULL: the set is not signed */
	const struct cryo_seal_key *signer_key;
	const char *criu; /* what made the images, for people; NULL: unknown */
	unsigned threads; /* 0: one a core */
};

/*
 * Starts a set in `out_dir` (borrowed until the writer is freed) with a fresh
 * key, which lives in locked memory that is left out of core dumps. Nothing is
 * written yet. `o` and what it points to are borrowed as long.
 */
int cryo_seal_writer_new(int out_dir, const struct cryo_seal_writer_opts *o,
			 struct cryo_seal_writer **out, struct cryo_err *err);
/*
 * Seals the regular file `name` of `src_dir` into the file of that name, mode
 * 0600, which may not be there yet. A source that changes its size meanwhile is
 * an error.
 */
int cryo_seal_writer_file(struct cryo_seal_writer *w, int src_dir, const char *name,
			  struct cryo_err *err);
/* The same for an open regular file, read by position: its offset stays. */
int cryo_seal_writer_fd(struct cryo_seal_writer *w, const char *name, int fd, struct cryo_err *err);
/*
 * All regular files of `src_dir` that are not public and not in the set yet. Anything else there
 * (a link, a directory, a file that is called seal.cms) is refused.
 */
int cryo_seal_writer_dir(struct cryo_seal_writer *w, int src_dir, struct cryo_err *err);
/*
 * Writes seal.cms, as the last thing and by a rename: a set without it never
 * was one. Files still followed are refused. No more calls but free after it.
 */
int cryo_seal_writer_finish(struct cryo_seal_writer *w, struct cryo_err *err);
/* Without a successful finish it also removes every file the writer has made. */
void cryo_seal_writer_free(struct cryo_seal_writer *w);
CRYO_DEFINE_AUTO(struct cryo_seal_writer, cryo_seal_writer_free)

/*
 * A file that still grows and is only ever appended to (pages-N.img while CRIU
 * dumps). It belongs to its writer, which frees it.
 */
struct cryo_seal_follow;
/*
 * `fd` is borrowed until finish; open for reading, with `punch` also for
 * writing: then what was sealed is punched out of the file as it goes, so that
 * it takes a few MiB whatever its size.
 */
int cryo_seal_follow_new(struct cryo_seal_writer *w, const char *name, int fd, bool punch,
			 struct cryo_seal_follow **out, struct cryo_err *err);
/*
 * Seals the full segments (1 MiB) that are there now, at most `max_bytes` (0:
 * any number), on all threads. The newest segment always waits, as it could be the last.
 * *consumed (may be NULL) is the offset up to which the file is not needed any more.
 */
int cryo_seal_follow_feed(struct cryo_seal_follow *f, uint64_t max_bytes, uint64_t *consumed,
			  struct cryo_err *err);
/*
 * The rest. -CRYO_E_TAMPER when the file is now smaller than what was sealed, or
 * (with punch) somebody wrote where a hole should be.
 */
int cryo_seal_follow_finish(struct cryo_seal_follow *f, struct cryo_err *err);

/* ---- opening a set ---- */

/* A file of the set that lies in a stretch of another one. */
struct cryo_seal_part {
	const char *name;
	uint64_t at, size;
};

struct cryo_seal_reader;
struct cryo_seal_reader_opts {
	const struct cryo_seal_key *key;
	const struct cryo_seal_cert *cert;     /* whose key it is; NULL: try every recipient */
	const struct cryo_seal_trust *trusted; /* NULL: any maker, and unsigned sets */
	unsigned threads;		       /* 0: one a core */
	/* Files that are not in the directory but in `source`; borrowed until free. */
	const struct cryo_seal_part *part;
	size_t parts;
	int source;
};

/*
 * Reads and authenticates seal.cms and looks at the directory: exactly the
 * files of the manifest, of the right sizes, and public ones. `dir` is borrowed
 * until free.
 *   -CRYO_E_TAMPER  unsealed, cut, mixed, added to, of a foreign maker, …
 *   -CRYO_E_CONFIG  another key is needed
 */
int cryo_seal_reader_new(int dir, const struct cryo_seal_reader_opts *o,
			 struct cryo_seal_reader **out, struct cryo_err *err);
/* From the bytes of seal.cms, of a set that lies in no directory: only the next function is for it.
 */
int cryo_seal_reader_from(const void *der, size_t len, const struct cryo_seal_reader_opts *o,
			  struct cryo_seal_reader **out, struct cryo_err *err);
/* All of `in` is the sealed file `name`; the rest as for cryo_seal_reader_fd. */
int cryo_seal_reader_take(struct cryo_seal_reader *r, const char *name, int in, int out_fd,
			  struct cryo_err *err);
/* Of all files together. */
uint64_t cryo_seal_reader_plain_bytes(const struct cryo_seal_reader *r);
/*
 * Opens one file into `out_fd`, an empty regular file, by position. What was
 * written before a failure is authentic but not whole: the caller removes it.
 */
int cryo_seal_reader_fd(struct cryo_seal_reader *r, const char *name, int out_fd,
			struct cryo_err *err);
/*
 * Opens every file into `out_dir` (mode 0600, none of the names may be there).
 * After a failure none of them is.
 */
int cryo_seal_reader_all(struct cryo_seal_reader *r, int out_dir, struct cryo_err *err);
void cryo_seal_reader_free(struct cryo_seal_reader *r);
CRYO_DEFINE_AUTO(struct cryo_seal_reader, cryo_seal_reader_free)

#endif
