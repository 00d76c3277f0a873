/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer of an image: an uncompressed tar, put together piece by piece or made
 * of a whole tree. The same pieces in the same order give the same bytes.
 */
#ifndef CRYO_IMAGE_LAYER_H
#define CRYO_IMAGE_LAYER_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

/*
 * Names have no leading slash; the directories above them are added (0755) when they are new.
 * After a failure of any piece the file is of no use: free it and remove what is at `path`.
 */
struct cryo_layer;
/* Makes the file, which may not exist yet. */
int cryo_layer_new(const char *path, struct cryo_layer **out, struct cryo_err *err);
void cryo_layer_free(struct cryo_layer *l);
CRYO_DEFINE_AUTO(struct cryo_layer, cryo_layer_free)

int cryo_layer_dir(struct cryo_layer *l, const char *name, mode_t mode, struct cryo_err *err);
int cryo_layer_file(struct cryo_layer *l, const char *name, mode_t mode, const char *path,
		    struct cryo_err *err);
int cryo_layer_data(struct cryo_layer *l, const char *name, mode_t mode, const void *data,
		    size_t len, struct cryo_err *err);
int cryo_layer_link(struct cryo_layer *l, const char *name, const char *target,
		    struct cryo_err *err);
/*
 * Every file and link below `dir`, at the same place below `prefix` ("": the root), in the order
 * of their names. Owner root; a file that somebody may execute, or that begins with "#!", gets
 * 0755, the others 0644. `except`: names that are left out, or NULL.
 */
int cryo_layer_files(struct cryo_layer *l, const char *prefix, const char *dir,
		     const struct cryo_strv *except, struct cryo_err *err);
/* Members of another layer as they are there, all that one of the shell patterns fits (a '*' does
 * not reach over a slash). A pattern that fits nothing is fine. */
int cryo_layer_borrow(struct cryo_layer *l, const char *tar, const char *const *patterns,
		      struct cryo_err *err);
/* The last piece: the end marker, synced. */
int cryo_layer_finish(struct cryo_layer *l, struct cryo_err *err);

/*
 * A root file system as one layer: owners, modes, links, devices as they are, times 0. What
 * differs from one run of its maker to the next (logs, caches, lists, ids of this machine) is
 * left out.
 */
int cryo_layer_from_tree(const char *tree, const char *path, struct cryo_err *err);

#endif
