/* SPDX-License-Identifier: Apache-2.0 */
/* Attached clusters, for the files of this folder only. */
#ifndef CRYO_CLUSTER_ATTACHED_ATTACHED_H
#define CRYO_CLUSTER_ATTACHED_ATTACHED_H

#include "cluster/kind.h"
#include "cluster/kubectl.h"

struct attached {
	struct cryo_cluster base;
	struct cryo_kubectl k;
	char *context;
	struct cryo_kubectl_proxy proxy;
};

int attached_open(const struct cryo_record *r, struct cryo_cluster *t, struct cryo_err *err);
void attached_release(struct cryo_cluster *t);
int attached_down(struct cryo_cluster *t, struct cryo_err *err);
const char *attached_state(struct cryo_cluster *t);
int attached_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err);
int attached_status(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err);

#endif
