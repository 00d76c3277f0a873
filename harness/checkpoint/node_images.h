/* SPDX-License-Identifier: Apache-2.0 */
/* Images in the container runtime of a node: the one a checkpoint is based on, and those that
 * restores made. */
#ifndef CRYO_CHECKPOINT_NODE_IMAGES_H
#define CRYO_CHECKPOINT_NODE_IMAGES_H

#include "cluster/cluster.h"
#include "criu/archive.h"

/* What restores call their images; the archive's container and digest follow. */
#define CRYO_RESTORE_IMAGES "localhost/checkpoint/"
/* As many digits of it; the pages that an image needs have a name that begins with them. */
#define CRYO_RESTORE_TAG 12

enum cryo_base_image {
	CRYO_BASE_ABSENT,
	CRYO_BASE_OTHER, /* one of that name, but not the one that was checkpointed */
	CRYO_BASE_THERE,
};

/*
 * The runtime looks for rootfsImageRef (an image ID, or NAME@DIGEST) and not for the name.
 * 0 and *out; `table`, emptied first, is what the node answered: cryo_node_images_sweep() takes it.
 */
int cryo_node_images_find_base(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			       const struct cryo_archive *a, enum cryo_base_image *out,
			       struct cryo_str *table, struct cryo_err *err);

/*
 * Removes images of restores that no pod of the cluster needs, and pages that no image needs:
 * whoever makes pods, in any namespace, could start what lies in one by its name. A container that
 * has begun and is not restarted does not need its image. What fails is left to the next call.
 * Another restore that is about to use its image holds the lock (cryo_node_images_hold), and then
 * nothing is removed. `table`, from cryo_node_images_find_base(): if it has no image of a restore
 * but those of `keep`, just loaded, the node is not asked; NULL: it always is.
 */
void cryo_node_images_sweep(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    struct cryo_kube *k, const char *table, const struct cryo_strv *keep);

/* From before the image is loaded until its pod exists; closing *fd ends it. */
int cryo_node_images_hold(struct cryo_cluster *t, int *fd, struct cryo_err *err);

#endif
