/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the container runtime restores from: an image whose one layer is the archive. Where the
 * node can, it is an archive without the pages, which stay where they are (criu/pages.h).
 */
#ifndef CRYO_CHECKPOINT_RESTORE_IMAGE_H
#define CRYO_CHECKPOINT_RESTORE_IMAGE_H

#include "cluster/cluster.h"
#include "criu/archive.h"

/* *ref: its name in the runtime of the node, set as soon as something may be there; caller frees.
 * Images are held meanwhile (checkpoint/node_images.h). */
int cryo_restore_image_make(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const char *path, const struct cryo_archive *a, char **ref,
			    struct cryo_err *err);

#endif
