/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: read whole, publish whole or not at all, make and remove trees. Paths
 * are used as given; nothing here interprets them.
 */
#ifndef CRYO_SYS_FS_H
#define CRYO_SYS_FS_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

void cryo_fd_closep(int *fd); /* cryo_auto(cryo_fd_close) int fd = -1; */

bool cryo_fs_exists(const char *path);
bool cryo_fs_is_dir(const char *path);
/* Size of a regular file in bytes, -1 if there is none. */
int64_t cryo_fs_size(const char *path);

/*
 * Appends the file to `out`. A file of more than `max` bytes is refused.
 * -CRYO_E_SYSTEM with sys_errno ENOENT when it is not there.
 */
int cryo_fs_read(const char *path, size_t max, struct cryo_str *out, struct cryo_err *err);
/*
 * The same for a path that somebody else chose: a pipe without a writer does not
 * hold us up, and anything but a regular file is refused (-CRYO_E_CONFIG).
 */
int cryo_fs_read_regular(const char *path, size_t max, struct cryo_str *out, struct cryo_err *err);
/*
 * Beside its place, synced, renamed: readers see the old file or the new one.
 * The temporary file has `mode` from its birth.
 */
int cryo_fs_write(const char *path, const void *data, size_t len, mode_t mode,
		  struct cryo_err *err);
/* A new file in a temporary directory, for as long as that lives: nothing is synced. */
int cryo_fs_write_scratch(const char *path, const void *data, size_t len, struct cryo_err *err);
/*
 * The same for what somebody else writes, to `fd`: nothing is seen of it until it is
 * published. Start from CRYO_FS_DRAFT_INIT.
 */
struct cryo_fs_draft {
	int fd;
	char *path, *tmp; /* owned; tmp NULL: nothing to be removed */
};
#define CRYO_FS_DRAFT_INIT                                                                         \
	{                                                                                          \
		.fd = -1                                                                           \
	}
int cryo_fs_draft_open(const char *path, mode_t mode, struct cryo_fs_draft *out,
		       struct cryo_err *err);
int cryo_fs_draft_publish(struct cryo_fs_draft *d, struct cryo_err *err);
/* What was not published is gone. */
void cryo_fs_draft_release(struct cryo_fs_draft *d);
#define cryo_fs_draft_releasep cryo_fs_draft_release
/*
 * Could a file be published at a path that somebody else chose? Asked before the work, not after
 * it: its directory is there and can be written, and no directory, device or pipe has that name.
 */
int cryo_fs_check_place(const char *path, struct cryo_err *err);
/* Absolute and without links, also what is not there yet: two spellings of a place are one; caller
 * frees. */
char *cryo_fs_resolve(const char *path);
/* Straight to an existing file (procfs, cgroups, sysfs): one write(2), no rename. */
int cryo_fs_poke(const char *path, const char *text, struct cryo_err *err);

/* mkdir -p; `mode` is that of directories made now. An existing one is left as it is. */
int cryo_fs_mkdirs(const char *path, mode_t mode, struct cryo_err *err);
/* mkdir -p for the directory that holds `path`. */
int cryo_fs_mkparents(const char *path, mode_t mode, struct cryo_err *err);
/*
 * rm -rf that follows no link and does not cross into another mount: a directory
 * that is one (also a bind mount, also `path` itself) makes it fail with EXDEV,
 * before anything there is touched.
 * A path that is not there is fine.
 */
int cryo_fs_rmtree(const char *path, struct cryo_err *err);
/* Byte copy, sparse stays sparse, reflink where the file system can; dst is replaced whole. */
int cryo_fs_copy(const char *src, const char *dst, mode_t mode, struct cryo_err *err);
/*
 * The same for a regular file of a tree that strangers wrote: `path` is looked up with `root` as
 * the root directory, so no link leads out of it. Anything but a regular file is refused, and a
 * FIFO is not waited for. Linux 5.6.
 */
int cryo_fs_copy_inside(const char *root, const char *path, const char *dst, mode_t mode,
			struct cryo_err *err);
/*
 * The open file under one more name (a hard link), which appears whole and replaces what a rename
 * may replace. `sync`: its data first. 1: it has it; 0: it cannot, as it is on another file system.
 */
int cryo_fs_link(int from, const char *to, bool sync, struct cryo_err *err);
/* The same between two files that are open; `name` is for the message. */
int cryo_fs_copy_fd(int in, int out, const char *name, struct cryo_err *err);
/*
 * A directory with all that is in it: types, owners, modes, times, extended
 * attributes, hard links, devices; data as above, and zeros become holes. Not synced. `dst` must
 * not be there; of a copy that failed something may be.
 */
int cryo_fs_copy_tree(const char *src, const char *dst, struct cryo_err *err);
/* A fresh 0700 directory `<parent>/<prefix>XXXXXX`; caller frees and removes. */
int cryo_fs_tmpdir(const char *parent, const char *prefix, char **path, struct cryo_err *err);
/* Bytes a user may still write at path's file system. */
int cryo_fs_free_bytes(const char *path, uint64_t *bytes, struct cryo_err *err);
/* What a file, or a directory with all below it, takes on the disk; 0 for what is not there. */
uint64_t cryo_fs_disk(const char *path);
/*
 * Its time of last change becomes now, at most once an hour: that tells roughly when it was used
 * last. A file that is not there is made (0644) if `make`. That it cannot be done is no failure.
 */
void cryo_fs_touch(const char *path, bool make);
/* Time of its last change, in seconds since 1970; 0: it is not there. */
int64_t cryo_fs_changed_s(const char *path);
/* Absolute path of a program: PATH search with X_OK, or NULL. Caller frees. */
char *cryo_fs_which(const char *program);

/* State, caches, locks: where they live for this user (XDG; root: /var/lib, /var/cache, /run).
 * CRYOPOD_STATE_DIR, CRYOPOD_CACHE_DIR and CRYOPOD_RUN_DIR override. Static memory. */
const char *cryo_dir_state(void);
const char *cryo_dir_cache(void);
const char *cryo_dir_run(void);

#endif
