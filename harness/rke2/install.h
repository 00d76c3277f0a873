/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Install and rollback of our programs on a node, as one transaction: after a power cut anywhere
 * either of them ends in exactly the new or exactly the old state.
 */
#ifndef CRYO_RKE2_INSTALL_H
#define CRYO_RKE2_INSTALL_H

#include "rke2/journal.h"
#include "rke2/plan.h"
#include "rke2/systemd.h"

struct cryo_rke2_opts {
	const char *root;   /* "" */
	const char *method; /* NULL: runtime-image */
	bool force;	    /* overrule what can be overruled, lose changes of others */
	bool keep;	    /* a node that does not come back is left as it is, to look at it */
	const struct cryo_rke2_service *service;
};

/*
 * Whatever is half done is finished or undone first. 1: nothing was to do.
 * -CRYO_E_UNFIT: an obstacle, or changes of others; nothing was changed.
 * Any other failure: the node is as it was before, if the message does not say otherwise.
 */
int cryo_rke2_install(const struct cryo_rke2_opts *o, const struct cryo_rke2_build *b,
		      struct cryo_err *err);
/*
 * 1: nothing was to do. -CRYO_E_UNFIT: somebody has changed what would be lost; nothing was
 * changed. *left: a directory that RKE2 will remove itself, or NULL; caller frees.
 */
int cryo_rke2_rollback(const struct cryo_rke2_opts *o, char **left, struct cryo_err *err);

/* [{path, what}] of all that a rollback would destroy and that is neither ours nor old. */
int cryo_rke2_changes(const struct cryo_rke2_journal *j, json_t **out, struct cryo_err *err);

/* Is all that was installed there, as it was installed? */
bool cryo_rke2_is_whole(const struct cryo_rke2_journal *j);

/*
 * {state, method, build, node, programs: [{name, disk, running: [{pid, what}]}], changes, notes}:
 * `state` is installed, original, drifted, installing or rolling-back, `what` and `disk` are
 * ours, original, other or missing. New reference.
 */
int cryo_rke2_status(const char *root, json_t **out, struct cryo_err *err);

#endif
