/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that ended by itself meanwhile: a dump interrupts a wait in progress, and
 * some take that for the end of what they waited for (BusyBox sleep).
 */
#ifndef CRYO_CHECKPOINT_ENDED_H
#define CRYO_CHECKPOINT_ENDED_H

#include "cluster/cluster.h"

/* Exit code of a command whose work is done, but whose program has ended. */
#define CRYO_ENDED_EXIT 7

struct cryo_ended {
	bool ended;
	int exit_code; /* of the program; -1: not known */
};

/* `id`: what containerd calls the container that has to run. Waits a little for what the kubelet
 * says of one that is gone. */
void cryo_ended_look(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		     struct cryo_kube *k, const struct cryo_kube_ref *pod, const char *id,
		     struct cryo_ended *out);
/* "ended with 0"; caller frees. */
char *cryo_ended_show(const struct cryo_ended *e);
/* A part of it: does this pod say how that container ended? */
bool cryo_ended_read(const json_t *pod, const char *id, int *exit_code);

#endif
