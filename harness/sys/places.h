/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places in the cache and in the state directory: each is spelt here and nowhere
 * else (`make layers`), as several rooms look at most of them. Of a cluster's own
 * directory, <state>/NAME, cluster/record.h knows the rest.
 */
#ifndef CRYO_SYS_PLACES_H
#define CRYO_SYS_PLACES_H

#include "base/util.h"

#define CRYO_CACHE_ARCHIVES  "archives"	 /* what was downloaded, by its hash */
#define CRYO_CACHE_BUILDS    "builds"	 /* COMPONENT/STAMP, COMPONENT.lock, .users */
#define CRYO_CACHE_GIT	     "git"	 /* repositories, by the hash of their address */
#define CRYO_CACHE_GO	     "go"	 /* Go's own caches */
#define CRYO_CACHE_LOGS	     "logs"	 /* of builds and templates, the last one each */
#define CRYO_CACHE_PATCHING  "patching"	 /* trees that people work in */
#define CRYO_CACHE_ROOTS     "roots"	 /* what builds run in */
#define CRYO_CACHE_TEMPLATES "templates" /* KEY: cluster/template.h */
#define CRYO_CACHE_TRASH     "trash"	 /* on its way out */
#define CRYO_CACHE_TREES     "trees"	 /* COMPONENT/HASH: sources as they are built */
#define CRYO_CACHE_WORK	     "work"	 /* builds under way */

/* In the state directory; with a dot, the name of no cluster lies there. */
#define CRYO_STATE_ENGINE    ".engine"	  /* the private container engine */
#define CRYO_STATE_RKE2	     "rke2"	  /* what was done to the node that this machine is */
#define CRYO_STATE_SNAPSHOTS ".snapshots" /* NAME: cluster/snapshot.h */

/* "<cache>/…", "<state>/…", "<run>/…"; caller frees. */
char *cryo_cache_path(const char *fmt, ...) CRYO_PRINTF(1, 2);
char *cryo_state_path(const char *fmt, ...) CRYO_PRINTF(1, 2);
char *cryo_run_path(const char *fmt, ...) CRYO_PRINTF(1, 2);

#endif
