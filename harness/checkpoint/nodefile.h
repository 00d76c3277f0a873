/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of ours in a node: made 0600, from memory, removed again. */
#ifndef CRYO_CHECKPOINT_NODEFILE_H
#define CRYO_CHECKPOINT_NODEFILE_H

#include "cluster/cluster.h"

#define CRYO_NODEFILE_DIR "/run/cryopod" /* on the node; 0700, tmpfs */

/*
 * 32 hex digits that nobody guesses. A pod can name any file of its node to
 * CRIU, so what one call lays down there has no name another one could know.
 * Caller frees.
 */
int cryo_nodefile_token(char **token, struct cryo_err *err);
/* mkdir -p of a directory there, 0700. */
int cryo_nodefile_dir(struct cryo_cluster *t, const char *node, const char *path,
		      struct cryo_err *err);
int cryo_nodefile_put(struct cryo_cluster *t, const char *node, const void *data, size_t len,
		      const char *to, struct cryo_err *err);
void cryo_nodefile_remove(struct cryo_cluster *t, const char *node, const char *path);

#endif
