/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRIU for a whole node, for the files of this folder only. The CRIU is that of
 * the node's stack or root file system, with the programs of the latter that it
 * calls (ip, tar, iptables), so the host needs none: it runs in a mount namespace
 * whose root that file system is, with the host's view of processes and cgroups.
 */
#ifndef CRYO_CLUSTER_LOCAL_NODE_CRIU_H
#define CRYO_CLUSTER_LOCAL_NODE_CRIU_H

#include "cluster/local/local.h"

struct local_room {
	const struct local_node *node;
	const char *group; /* cgroup for the CRIU of a dump: what is left of it is found there */
	/* Whose root file system and CRIU they are. */
	const struct local_record *record;
	const char *images; /* of this machine */
	const char *work;   /* logs and statistics; made if missing, 0700 */
};

/*
 * Dump all of the node into `images`; afterwards it is dead. After any failure but
 * these two nothing is known of its state:
 *   -CRYO_E_CHILD   CRIU said no, and let the node go on
 *   -CRYO_E_UNFIT   so it did, because this machine has too little of something
 */
int local_room_dump(const struct local_room *r, const struct cryo_pid *init, struct cryo_err *err);
/* Restore it above node->dir/upper and node->state, into the node's cgroup, which is made here.
 * What a failure leaves behind is in that cgroup. */
int local_room_restore(const struct local_room *r, struct cryo_pid *init, struct cryo_err *err);
/* Groups of pods: what they are limited to is kept in `images`, which is there; made before CRIU
 * restores; given their limits after it. */
int local_groups_save(const struct cryo_cgroups *cg, const struct local_node *n, const char *images,
		      struct cryo_err *err);
int local_groups_make(const struct cryo_cgroups *cg, const struct local_node *n,
		      struct cryo_err *err);
int local_groups_restore(const struct cryo_cgroups *cg, const struct local_node *n,
			 const char *images, struct cryo_err *err);

#endif
