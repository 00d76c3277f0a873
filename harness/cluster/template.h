/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: clusters that were dumped right after their first start, whole, and
 * from which the next ones are restored. A template is memory and disk of the
 * same frozen moment, below <cache>/templates/<key>/ (0700), published by rename:
 *
 *   template.json   what it depends on, when it was made, all its files
 *   images/         CRIU's
 *   state/ upper/   the node's disk
 *   pki/            of the cluster
 *
 * Beside it may lie <key>.lock (somebody makes it), <key>.new (half of it) and
 * <key>.failed (why it cannot be made here: not tried again for a while).
 * It holds the keys of every cluster that is made from it: private to this
 * machine, never shipped.
 */
#ifndef CRYO_CLUSTER_TEMPLATE_H
#define CRYO_CLUSTER_TEMPLATE_H

#include "base/err.h"

#include <jansson.h>

/* Certificates last a year; what else gets old in a cluster that does not run was not measured
 * beyond this. */
#define CRYO_TEMPLATE_MAX_AGE_S (7 * 24 * 3600)
#define CRYO_TEMPLATE_RECORD	"template.json" /* of a snapshot as well */

/* Of all kinds of clusters that have templates, but where one is named. */
/*
 * All there are: [{key, stack, stamp, created, age, bytes, usable, stale, reason}],
 * the newest first; age in seconds. `usable`: this program on this machine, as it
 * is now, could take it; else `reason` tells why not, and `stale` whether nobody
 * ever will again. New reference.
 */
int cryo_template_list(json_t **out, struct cryo_err *err);
/* Make the template of that stack again, from a temporary cluster of that kind. */
int cryo_template_make(const char *kind, const char *stack, struct cryo_err *err);
/* What killed makers left, and what is remembered of vain attempts for too long. */
void cryo_template_clean(void);
/* Remove those whose key starts with `key`; NULL: all. *n: how many there were. One in use: waited
 * for. */
int cryo_template_remove(const char *key, size_t *n, struct cryo_err *err);

#endif
