/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar through libarchive. Writing is reproducible: entries as given, owner 0:0,
 * time 0, no names of people, ustar/pax; names are ASCII. Reading is for hostile input: names
 * that are absolute or hold "..", entries that are neither file nor directory,
 * and archives above the limits below are refused.
 */
#ifndef CRYO_IMAGE_TAR_H
#define CRYO_IMAGE_TAR_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

/* What a reader takes at most: an archive that unfolds to more is meant to hurt. */
#define CRYO_TAR_MAX_MEMBERS 1000000
#define CRYO_TAR_MAX_BYTES   ((uint64_t)1 << 40)

struct cryo_tar_writer;
/* Writes to fd (borrowed) from its current position. */
struct cryo_tar_writer *cryo_tar_writer_new(int fd);
/* The same, compressed, without a time in it. */
struct cryo_tar_writer *cryo_tar_writer_new_gzip(int fd);
int cryo_tar_add_data(struct cryo_tar_writer *w, const char *name, mode_t mode, const void *data,
		      size_t len, struct cryo_err *err);
/* A file that gets shorter while it is read makes it fail. */
int cryo_tar_add_file(struct cryo_tar_writer *w, const char *name, mode_t mode, const char *path,
		      struct cryo_err *err);
int cryo_tar_add_dir(struct cryo_tar_writer *w, const char *name, mode_t mode,
		     struct cryo_err *err);
int cryo_tar_add_link(struct cryo_tar_writer *w, const char *name, const char *target,
		      struct cryo_err *err);
/*
 * What lies at `path` as it is: type, mode, owner, capabilities of the file; time 0. Of a
 * directory only itself. `hard`: an earlier member that it is the same file as, or NULL.
 * -CRYO_E_CONFIG: neither file, directory, link nor device.
 */
int cryo_tar_add_as_is(struct cryo_tar_writer *w, const char *name, const char *path,
		       const char *hard, struct cryo_err *err);
/*
 * Members of a tar that cryopod wrote itself, as they are there: those whose name one of the shell
 * patterns fits ('*' stops at a slash).
 */
int cryo_tar_add_members(struct cryo_tar_writer *w, const char *from, const char *const *patterns,
			 struct cryo_err *err);
int cryo_tar_finish(struct cryo_tar_writer *w,
		    struct cryo_err *err); /* end marker written; free comes after */
/* Without a finish before it, what was written stays without its end marker. */
void cryo_tar_writer_free(struct cryo_tar_writer *w);
CRYO_DEFINE_AUTO(struct cryo_tar_writer, cryo_tar_writer_free)

struct cryo_tar_entry {
	const char *name; /* borrowed for the call; no leading "./", no trailing slash */
	bool is_dir;
	mode_t mode; /* permission bits */
	uint64_t size;
	uint64_t at; /* where its first header is in the archive, uncompressed */
};
/*
 * Called per entry; cryo_tar_read gives the entry's content in order (0 at its
 * end, -1 on a damaged archive: then the walk fails whatever visit returns), may
 * be left unread. Return 0 to go on, 1 to stop (success), negative cryo error to
 * fail.
 */
struct cryo_tar_reader;
ssize_t cryo_tar_read(struct cryo_tar_reader *r, void *buf, size_t n);
/* All that is left of it, appended; the caller has looked at the entry's size. */
void cryo_tar_read_all(struct cryo_tar_reader *r, struct cryo_str *out);
/* The next `most` bytes of it, or all that is left. */
void cryo_tar_read_most(struct cryo_tar_reader *r, size_t most, struct cryo_str *out);
typedef int (*cryo_tar_visit)(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			      struct cryo_err *err);
/*
 * Plain, or compressed by gzip, bzip2, xz or zstd. An archive without its end
 * marker is cut short, also when the cut is between two members; what follows
 * the marker does not count. -CRYO_E_CONFIG: "'FILE' is not a tar archive",
 * "… is cut short in 'MEMBER'", "… is empty" (no member in it).
 */
int cryo_tar_walk(const char *path, cryo_tar_visit visit, void *arg, struct cryo_err *err);

#endif
