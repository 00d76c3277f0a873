/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same for several clusters at once: a process each (`cryopod internal-cluster`),
 * as many at a time as the machine takes.
 */
#ifndef CRYO_SCENARIO_MANY_H
#define CRYO_SCENARIO_MANY_H

#include "cluster/cluster.h"

#define CRYO_MANY_MOST 64

struct cryo_many {
	char *name; /* owned */
	int rc;
	int64_t ms;
	int64_t memory; /* bytes its processes hold afterwards, -1: not known */
	bool cold;	/* had to start by itself */
	struct cryo_err err;
};

struct cryo_many_run {
	const char *program;	       /* cryopod; NULL: this one */
	const char *kind;	       /* of clusters that are not there yet; NULL: local */
	const struct cryo_up_opts *up; /* NULL: down */
};

/* NAME-1 … NAME-n; the caller releases. */
struct cryo_many *cryo_many_names(const char *name, unsigned n);
/*
 * All of them from `from` on. Each outcome is an info or warning as it comes and
 * is in all[i]; the first failure is returned. Of the runs' own events only
 * warnings are passed on, with the name in front. An interrupt is handed on and
 * waited for.
 */
int cryo_many_run_all(const struct cryo_many_run *run, struct cryo_many *all, unsigned from,
		      unsigned n, struct cryo_err *err);
void cryo_many_free(struct cryo_many *all, unsigned n);

#endif
