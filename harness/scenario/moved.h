/* SPDX-License-Identifier: Apache-2.0 */
/* A migration as a part of a scenario: for the steps that make some. */
#ifndef CRYO_SCENARIO_MOVED_H
#define CRYO_SCENARIO_MOVED_H

#include "checkpoint/migrate.h"
#include "scenario/run.h"

/* What reports want to know is in run->result. -CRYO_E_CHECK: it is there, but did not go on. */
int cryo_run_move(struct cryo_run *run, const struct cryo_migrate_opts *opts,
		  struct cryo_migration *out, struct cryo_err *err);

#endif
