/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of ours in a node, below its node->path.run: made 0600, from memory, removed again.
 */
#ifndef CRYO_CHECKPOINT_NODEFILE_H
#define CRYO_CHECKPOINT_NODEFILE_H

#include "cluster/cluster.h"

/*
 * 32 hex digits that nobody guesses. A pod can name any file of its node to
 * CRIU, so what one call lays down there has no name another one could know.
 * Caller frees.
 */
int cryo_nodefile_token(char **token, struct cryo_err *err);
/* The directory for them and one below it (NULL: none), 0700. */
int cryo_nodefile_dir(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const char *below, struct cryo_err *err);
/* 0: it is not there any more. */
int cryo_nodefile_remove(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 const char *path, struct cryo_err *err);

#endif
