/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of restored archives that a node keeps (criu/pages.h). */
#ifndef CRYO_CHECKPOINT_NODE_PAGES_H
#define CRYO_CHECKPOINT_NODE_PAGES_H

#include "cluster/cluster.h"
#include "cluster/status.h"

/* Does its interposer take pages that do not come with the images? */
bool cryo_node_pages_can(struct cryo_cluster *t, const struct cryo_cluster_node *node);
/*
 * The open file `from` is there under that name afterwards: the same file where node and archive
 * are on one file system of this machine (then nothing is copied), else a copy; one that is there
 * already stays.
 */
int cryo_node_pages_keep(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
			 const char *name, struct cryo_err *err);
/* Removes those whose name begins with none of `prefixes`; *n of them. */
int cryo_node_pages_drop(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 const struct cryo_strv *prefixes, size_t *n, struct cryo_err *err);
/* What each node of a running cluster keeps, into its status. */
void cryo_node_pages_count(struct cryo_cluster *t, struct cryo_cluster_status *s);

#endif
