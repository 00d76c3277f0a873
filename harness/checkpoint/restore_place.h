/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a restored pod will run: its image, the key and CRIU's log are there and
 * nowhere else, so that is not left to the scheduler.
 */
#ifndef CRYO_CHECKPOINT_RESTORE_PLACE_H
#define CRYO_CHECKPOINT_RESTORE_PLACE_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/node_images.h"
#include "checkpoint/pod_form.h"

/* Which nodes have the base image, as the search goes on. */
struct cryo_restore_place {
	const struct cryo_archive *archive; /* borrowed; the caller sets it */
	enum cryo_base_image best;
	struct cryo_str table; /* of images, of the node that was asked last; owned by the caller */
};

/*
 * The node that opts or the pod names, else the source's own, else a worker, else any. *out is the
 * cluster's.
 *   -CRYO_E_CHECK   the base image is not there, or is another one
 */
int cryo_restore_place_choose(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
			      const struct cryo_pod_form *form, struct cryo_restore_place *s,
			      const struct cryo_cluster_node **out, struct cryo_err *err);
/* Of one more archive of the pod: that node has its base image as well. Errors as above. */
int cryo_restore_place_check(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     const struct cryo_archive *a, struct cryo_err *err);

#endif
