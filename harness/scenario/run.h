/* SPDX-License-Identifier: Apache-2.0 */
/* One scenario while it runs: what the kinds of steps share. */
#ifndef CRYO_SCENARIO_RUN_H
#define CRYO_SCENARIO_RUN_H

#include "scenario/runner.h"
#include "scenario/step.h"
#include "checkpoint/checkpoint.h"

/* A checkpoint step's result; lives as long as the run. */
struct cryo_run_checkpoint {
	char *name; /* what the step's `as` says; NULL if nothing */
	struct cryo_checkpoint cp;
	char *before; /* the container's log right before the call, API form */
	char *after;  /* … and right after it */
};

struct cryo_run {
	const struct cryo_scenario *scenario;
	struct cryo_cluster *target;
	struct cryo_kube *kube;
	char *ns;		/* the namespace made for this run */
	char *tmp;		/* its private directory */
	int64_t scenario_until; /* monotonic ms */
	int64_t step_until;
	struct cryo_vars vars;
	struct cryo_run_checkpoint **cp;
	size_t cps;
	struct cryo_strv cordoned;	     /* nodes that are open again when it ends */
	struct cryo_scenario_result *result; /* what reports want to know */
};

/* One scenario from namespace to clean-up; its steps are events. `out` must be there already.
 * `tmp`: where its private directory is made; NULL: $TMPDIR or /var/tmp. */
int cryo_run_scenario(struct cryo_cluster *t, struct cryo_kube *k, const struct cryo_scenario *s,
		      const char *tmp, bool keep, struct cryo_scenario_result *out);

/* No pod is scheduled there until the scenario ends. */
int cryo_run_cordon(struct cryo_run *run, const char *node, struct cryo_err *err);
/* What is left of the step's time limit in ms; at least 1. */
int64_t cryo_run_left(const struct cryo_run *run);
/* By the name given with `as`, or by the archive's path on this machine; NULL if there is none. */
const struct cryo_run_checkpoint *cryo_run_checkpoint_named(const struct cryo_run *run,
							    const char *name);
/* Of a pod's several the one of that container; `container` NULL: as above. */
const struct cryo_run_checkpoint *cryo_run_checkpoint_in(const struct cryo_run *run,
							 const char *name, const char *container);
const struct cryo_run_checkpoint *cryo_run_checkpoint_of(const struct cryo_run *run,
							 const char *archive);

#endif
