/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs scenarios on a target, one after the other, each in a namespace of its
 * own that is removed afterwards. What happens is told by events: one step per
 * scenario at the outermost level, in it one per step. What came out is in the
 * totals.
 */
#ifndef CRYO_SCENARIO_RUNNER_H
#define CRYO_SCENARIO_RUNNER_H

#include "scenario/model.h"
#include "cluster/cluster.h"
#include "verify/continuity.h"

enum cryo_outcome { CRYO_PASSED, CRYO_FAILED, CRYO_SKIPPED };

/* What was seen of encryption; only steps that went as they should count. */
struct cryo_secrecy {
	bool plain, sealed;   /* such an archive was looked into */
	uint64_t plain_times; /* how often the plain one held the canary */
	size_t images;	      /* that were sealed */
	bool refused;	      /* a sealed one was not restored without a key */
	bool opened;	      /* … and was with it */
};

struct cryo_scenario_result {
	char *name; /* the scenario's title */
	enum cryo_outcome outcome;
	struct cryo_err err; /* why it failed or was skipped */
	int64_t ms;
	size_t steps;  /* that went well */
	char *kept;    /* directory left behind (opts.keep), NULL if none */
	char *cluster; /* of its own, left running (opts.keep_cluster); NULL if none */
	int64_t up_ms; /* that its own cluster took to come up; -1: it has none, or none came up */
	/* Of the last such step that went well; *_ms is -1 if there was none. */
	int64_t checkpoint_ms, restore_ms;
	char *node, *archive; /* where the archive lies on the node */
	uint64_t archive_bytes;
	struct cryo_secrecy secrecy;
	bool judged;
	struct cryo_continuity continuity;
};

void cryo_scenario_result_init(struct cryo_scenario_result *r, const struct cryo_scenario *s);
void cryo_scenario_result_release(struct cryo_scenario_result *r);

struct cryo_scenario_opts {
	bool keep;	   /* archives and namespace of a scenario that failed stay */
	bool keep_cluster; /* so does its own cluster (cryo_scenario_run_alone) */
};

struct cryo_scenario_totals {
	struct cryo_scenario_result *result;
	size_t n;
	size_t passed, failed, skipped;
};
void cryo_scenario_totals_release(struct cryo_scenario_totals *t);
#define cryo_scenario_totals_releasep cryo_scenario_totals_release

/*
 * All files are loaded before the first one runs.
 *   0                     all were run or skipped; out tells how that went
 *   -CRYO_E_CONFIG        a file is wrong; nothing was run
 *   -CRYO_E_CHECK         the cluster does not run
 *   -CRYO_E_INTERRUPTED   out holds what was run until then
 */
int cryo_scenario_run_files(struct cryo_cluster *t, const char *const *files,
			    const struct cryo_scenario_opts *opts, struct cryo_scenario_totals *out,
			    struct cryo_err *err);
/*
 * One scenario on a cluster that is its own: brought up before and taken down
 * afterwards, whatever happened; steps of the scenario's, both of them. All that
 * can go wrong is in `out`.
 */
void cryo_scenario_run_alone(struct cryo_cluster *t, const struct cryo_scenario *s,
			     const struct cryo_scenario_opts *opts,
			     struct cryo_scenario_result *out);
/* In the directory of a cluster that was left running on purpose. */
#define CRYO_SCENARIO_KEPT "kept"

/* Counts what is in `result`. */
void cryo_scenario_count(struct cryo_scenario_totals *t);
/* 0 passed; 1 some failed; 5 those that failed all did so at a time limit; 77 all were skipped. */
int cryo_scenario_exit_code(const struct cryo_scenario_totals *t);
/* Loads each file, without a cluster; a WARN event for each that is wrong. -CRYO_E_CONFIG if any.
 */
int cryo_scenario_lint(const char *const *files, struct cryo_err *err);

#endif
