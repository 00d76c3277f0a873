/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of this room: the pieces of the upper layer. */
#ifndef CRYO_NODEIMAGE_INSIDE_H
#define CRYO_NODEIMAGE_INSIDE_H

#include "image/layer.h"
#include "nodeimage/nodeimage.h"

/* Raise it when the same inputs give another image. */
#define NODEIMAGE_REVISION "1"

/*
 * What kubeadm of the stack starts its control plane from, by its own words:
 * "registry.k8s.io/etcd:3.5.24-0"; appended.
 */
int nodeimage_refs(const struct cryo_nodeimage *n, struct cryo_strv *refs, struct cryo_err *err);
/* Of these the one of a program ("etcd"); NULL if there is none. Borrowed. */
const char *nodeimage_ref_of(const struct cryo_strv *refs, const char *program);

/*
 * Archives of all these images, first those that a control plane's static pods need. `lower`: the
 * layer below, kube-proxy's image has files of it; `work`: a scratch directory.
 */
int nodeimage_add_images(const struct cryo_nodeimage *n, const struct cryo_strv *refs,
			 const char *lower, const char *work, struct cryo_layer *l,
			 struct cryo_err *err);
/* The upper layer at `path`. */
int nodeimage_write_top(const struct cryo_nodeimage *n, const char *lower, const char *work,
			const char *path, struct cryo_err *err);
/* Lines of a file below images/node, without comments; appended. */
int nodeimage_lines(const char *file, struct cryo_strv *out, struct cryo_err *err);
/*
 * The lower layers of the archive that `onto` names, unpacked into `work`: a tar each, in order,
 * appended; and of its configuration the environment. -CRYO_E_CONFIG: not the archive of one
 * image, or of another architecture.
 */
int nodeimage_take_onto(const char *onto, const char *work, struct cryo_strv *layers,
			struct cryo_strv *env, struct cryo_err *err);

#endif
