/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container after its checkpoint, whatever became of that: it runs, or it is
 * gone. containerd lets it go on by itself, unless it was killed, its call was
 * cancelled, or the dump does not end.
 */
#ifndef CRYO_CHECKPOINT_SETTLE_H
#define CRYO_CHECKPOINT_SETTLE_H

#include "cluster/cluster.h"

enum cryo_settled {
	CRYO_SETTLED_UNKNOWN, /* the node does not answer, or has no interposer */
	CRYO_SETTLED_GONE,
	CRYO_SETTLED_RUNS,
	CRYO_SETTLED_FROZEN, /* still: nothing helped */
};

/* Only looks. `id`: containerd's, 64 hex digits. */
enum cryo_settled cryo_settle_look(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				   const char *id);
/* Can its root be written to? Also false: unknown. */
bool cryo_settle_is_root_writable(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				  const char *id);
/*
 * After a failure. `end_dump`: nobody else's dump of this container can be going on, so
 * one that is is ended. Holds interrupts off; a few seconds at most.
 */
enum cryo_settled cryo_settle_container(struct cryo_cluster *t,
					const struct cryo_cluster_node *node, const char *id,
					bool end_dump);

/* A part of it: does the output of `ctr tasks list` call the container paused? */
bool cryo_settle_is_paused(const char *tasks, const char *id);

#endif
