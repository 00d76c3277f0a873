/* SPDX-License-Identifier: Apache-2.0 */
/* For checks of a machine: those of a kind of cluster, and those that all of them can use
 * (machine_build.c). */
#ifndef CRYO_CLUSTER_MACHINE_CHECKS_H
#define CRYO_CLUSTER_MACHINE_CHECKS_H

#include "recipe/build.h"
#include "recipe/toolchain.h"
#include "cluster/machine.h"

/* What several checks need, found out once. */
struct machine_look {
	const struct cryo_machine *m;
	char *release; /* of the kernel */
	struct cryo_stack stack;
	struct cryo_build build;	       /* empty if plan_rc < 0 */
	struct cryo_toolchain tool[2];	       /* without and with cgo */
	int plan_rc, tool_rc[2];	       /* 0, or -CRYO_E_UNFIT: then … */
	struct cryo_err plan_err, tool_err[2]; /* … tells why */
	bool complete;			       /* everything of the stack is built */
};

typedef void machine_check(struct machine_look *k, struct cryo_finding *f);

/* Sets a finding; `fix` is copied and may be NULL. */
void machine_say(struct cryo_finding *f, enum cryo_verdict verdict, const char *fix,
		 const char *fmt, ...) CRYO_PRINTF(4, 5);
/* Text of a file below m->proc, "" if there is none. Caller frees. */
char *machine_proc(const struct machine_look *k, const char *file);

/* The nearest directory at or above an absolute path that exists. Caller frees. */
char *machine_nearest_dir(const char *path);

/* A kind's table of them (cluster/kind.h). */
struct machine_check_row {
	const char *name;
	machine_check *run;
};

/* Those that any kind may take into its table: what builds need, and what is there. */
machine_check machine_git, machine_go, machine_cgo, machine_debian, machine_shipped, machine_built;

#endif
