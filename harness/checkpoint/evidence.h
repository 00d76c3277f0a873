/* SPDX-License-Identifier: Apache-2.0 */
/* After a failed checkpoint or restore: what CRIU and Kubernetes say about it. */
#ifndef CRYO_CHECKPOINT_EVIDENCE_H
#define CRYO_CHECKPOINT_EVIDENCE_H

#include "cluster/cluster.h"

/*
 * After a failed dump: the line that decides of CRIU's log, and its plain meaning,
 * in front of err's message. The log is the one that the message names, else one of the
 * container `id` ("": not known) that is not older than since_ns (wall clock). Without one, only
 * what the message itself tells is explained.
 */
void cryo_evidence_dump(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			const char *id, int64_t since_ns, struct cryo_err *err);
/* The log of the node's runtime that a text names; NULL: none. Caller frees. */
char *cryo_evidence_named_log(const struct cryo_cluster_node *node, const char *text);

/*
 * The runtime removes CRIU's log of a failed restore with the container. So
 * CRIU is told, by a configuration file that the pod's annotation org.criu.config
 * names, to write it elsewhere.
 */
struct cryo_evidence_restore {
	const struct cryo_cluster_node *node;
	char *config, *log; /* paths on the node, owned */
	char *node_words;   /* of the configuration that it takes the place of, owned */
};
/*
 * `instead_of`: the configuration that the pod names itself, NULL: that of runc; what it says holds
 * here, too. `words`: more lines for that file; `token` makes its name (cryo_nodefile_token).
 */
int cryo_evidence_restore_begin(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				const char *token, const char *instead_of, const char *words,
				struct cryo_evidence_restore *e, struct cryo_err *err);
/* err NULL: it went well, and the configuration stays for dumps to come, as the node has it. The
 * log is removed. */
void cryo_evidence_restore_end(struct cryo_cluster *t, struct cryo_evidence_restore *e,
			       struct cryo_err *err);

#endif
