/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this machine fit for a kind of cluster, and if not, what is to be done? Looks
 * only: it changes nothing, and the programs it runs (go, gcc, pkg-config) only
 * tell their versions. Needs no root.
 */
#ifndef CRYO_CLUSTER_MACHINE_H
#define CRYO_CLUSTER_MACHINE_H

#include "base/err.h"
#include "conf/json.h"

#include <sys/types.h>

enum cryo_verdict {
	CRYO_VERDICT_OK,
	CRYO_VERDICT_NOTE, /* works, but something is different or not done yet */
	CRYO_VERDICT_FAIL, /* no cluster without it */
};

struct cryo_finding {
	const char *check; /* what was looked at; static */
	enum cryo_verdict verdict;
	char *detail; /* one line, owned */
	char *fix;    /* what to do, mostly a command; NULL: nothing. Owned */
};

/* Start from CRYO_MACHINE_INIT. */
struct cryo_machine {
	const char *kind;  /* of cluster; NULL: the default */
	const char *stack; /* what is to run here: a name or a path */
	uid_t uid;
	/* Where to look: tests lead it into a world of their own. */
	const char *proc, *modules, *keyring;
	struct cryo_finding *finding; /* owned; in the order of the table of checks */
	size_t n;
};
#define CRYO_MACHINE_INIT                                                                          \
	{                                                                                          \
		.stack = "upstream", .uid = geteuid(), .proc = "/proc", .modules = "/lib/modules", \
		.keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"                        \
	}

/* All checks. Fails only if there is nothing to judge by: the stack file is wrong. */
int cryo_machine_check(struct cryo_machine *m, struct cryo_err *err);
/* Findings of that kind. */
size_t cryo_machine_count(const struct cryo_machine *m, enum cryo_verdict verdict);
/* "ok", "note", "fail". */
const char *cryo_verdict_name(enum cryo_verdict verdict);
/* {fit, stack, checks: [{check, verdict, detail, fix}]}; new reference. */
json_t *cryo_machine_json(const struct cryo_machine *m);
void cryo_machine_release(struct cryo_machine *m);
#define cryo_machine_releasep cryo_machine_release

#endif
