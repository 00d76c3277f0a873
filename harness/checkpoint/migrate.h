/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's container goes on on another node: checkpoint and stop, the archive moved,
 * restore. A pod cannot be in two places, so the source is gone before the new one
 * begins; what can be refused is refused before that, and what fails after it is
 * restored where it came from.
 */
#ifndef CRYO_CHECKPOINT_MIGRATE_H
#define CRYO_CHECKPOINT_MIGRATE_H

#include "checkpoint/checkpoint.h"
#include "verify/continuity.h"

struct cryo_migrate_opts {
	const char *ns, *pod;
	const char *container; /* NULL: the pod's only one */
	const char *to_node;   /* NULL: another node that is Ready, workers first */
	const char *as;	       /* name of the new pod; NULL: the same */
	const char *manifest;  /* as of a restore */
	/* Sealed on its way for the certificate of this Secret, which must hold the key as well. */
	const char *secret;
	int64_t timeout_ms; /* of the dump and of the restore, each; 0: their own */
};

struct cryo_migration {
	char *ns, *pod, *container, *from, *to; /* owned */
	bool sealed;
	uint64_t bytes; /* of the archive */
	int64_t checkpoint_ms, restore_ms, ms;
	bool judged; /* its log has counter lines: `verdict` is there, whatever it is */
	struct cryo_continuity verdict;
};

/*
 *   -CRYO_E_CHECK  nothing was stopped: it is there already, no other node, the node
 *                  is not Ready, its image is not there and could not be copied
 *   other          the message says what became of the pod
 */
int cryo_migrate_run(struct cryo_cluster *t, const struct cryo_migrate_opts *opts,
		     struct cryo_migration *out, struct cryo_err *err);
void cryo_migration_release(struct cryo_migration *m);
#define cryo_migration_releasep cryo_migration_release
json_t *cryo_migration_json(const struct cryo_migration *m); /* new reference */

#endif
