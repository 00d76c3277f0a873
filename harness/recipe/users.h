/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What uses what in the cache, recorded when it is used: it cannot be determined later
 * from a stack file alone, as a stamp also depends on the Go that was there. One
 * small file each in <cache>/builds/.users, so that caches that share their builds
 * share this as well:
 *
 *   {"stack": FILE, "name": NAME, "stamp": OF ALL, "builds": [{"component", "stamp"}…]}
 *       what that stack file was built to when it was used last; no "stamp" if not all of it was
 *   {"state": DIR}
 *       a directory of clusters and snapshots, each of which tells its builds
 *
 * That it cannot be written is no failure: then nothing can be removed either.
 */
#ifndef CRYO_RECIPE_USERS_H
#define CRYO_RECIPE_USERS_H

#include "recipe/build.h"

/* <cache>/builds/.users; caller frees. */
char *cryo_users_dir(void);
/*
 * `b`: what of it is used just now, maybe not all components, or is about to be built: what
 * is done of it counts also when the rest fails, and what it was built to before counts
 * until then. NULL: only its sources.
 */
void cryo_users_note_stack(const struct cryo_stack *stack, const struct cryo_build *b);
/* This process' directory of clusters. */
void cryo_users_note_state(void);

/*
 * Held by everything that makes something in the cache or reads sources there (shared), and
 * by who removes such things (alone). Builds that are done and templates have locks of their own.
 */
char *cryo_users_lock(void); /* its path; caller frees */
/* Waits while somebody prunes. Closing *fd lets go. Where nothing can be written (*fd stays -1)
 * nobody can prune either. */
int cryo_users_join(int *fd, struct cryo_err *err);

#endif
