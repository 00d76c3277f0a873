/* SPDX-License-Identifier: Apache-2.0 */
/* The image of a container on the node that it is about to come to. */
#ifndef CRYO_CHECKPOINT_MIGRATE_IMAGE_H
#define CRYO_CHECKPOINT_MIGRATE_IMAGE_H

#include "cluster/cluster.h"

/*
 * Copied from the runtime of `from` to that of `to` if it is not there. `name` and `id`
 * are those of the container's status. -CRYO_E_CHECK: it is not there afterwards.
 */
int cryo_migrate_image(struct cryo_cluster *t, const struct cryo_cluster_node *from,
		       const struct cryo_cluster_node *to, const char *name, const char *id,
		       struct cryo_err *err);

#endif
