/* SPDX-License-Identifier: Apache-2.0 */
/* After a failed checkpoint or restore: what CRIU and Kubernetes say about it. */
#ifndef CRYO_TARGET_EVIDENCE_H
#define CRYO_TARGET_EVIDENCE_H

#include "target/target.h"

/*
 * Looks for CRIU's newest log of that name ("dump.log", "restore.log") that is
 * not older than since_ns (wall clock), and adds the line that decides and its
 * plain meaning to err's message. Finding nothing leaves err alone.
 */
void cryo_evidence_add(struct cryo_target *t, const char *node, const char *log_name,
		       int64_t since_ns, struct cryo_err *err);

#endif
