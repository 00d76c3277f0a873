/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios each in a cluster of its own, several at once. Each runs in a process
 * of its own (`cryopod internal-scenario`, cryo_scenario_run_alone), so that a
 * crash, an interrupt or anything global of one is no matter of the others. Its
 * events come as lines (scenario/wire.h) and are relayed in its lane, which is
 * its place among all scenarios.
 *
 * Clusters are called NAME-fN-PID: N is the lane and PID that of the process that
 * runs them all. So two runs never meet, and remains of a run that was killed are
 * known by a PID that is gone.
 */
#ifndef CRYO_SCENARIO_FRESH_H
#define CRYO_SCENARIO_FRESH_H

#include "scenario/runner.h"

struct cryo_fresh_opts {
	const char *program; /* cryopod */
	const char *target;  /* kind; NULL: the default */
	const char *name;    /* what the clusters' names start with */
	unsigned jobs;	     /* at once; 0: one per processor */
	bool verbose;	     /* debug events too */
	struct cryo_scenario_opts scenario;
};

/*
 * Returns as cryo_scenario_run_files does. The others start when the first one's
 * cluster is up, so that what all of them need is made only once. If it does not
 * come up, the reason is the error, and nothing else is tried.
 */
int cryo_fresh_run(const struct cryo_fresh_opts *opts, const char *const *files,
		   struct cryo_scenario_totals *out, struct cryo_err *err);

/* The process that runs `cluster`, a name as above that starts with `name`; 0: it is none. */
pid_t cryo_fresh_owner(const char *name, const char *cluster);

#endif
