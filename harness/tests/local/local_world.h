/* SPDX-License-Identifier: Apache-2.0 */
/* A local target whose cluster lies in a temporary directory: a fixture for the tests of it. */
#ifndef CRYO_TESTS_LOCAL_LOCAL_WORLD_H
#define CRYO_TESTS_LOCAL_LOCAL_WORLD_H

#include "sys/fs.h"
#include "tests/scratch.h"
#include "cluster/local/local.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct {
	struct cryo_cluster *t;
	struct local *l;
	struct cryo_err err;
} world;

static inline int world_setup(void **state)
{
	if (scratch_setup(state) < 0)
		return -1;
	scratch_setenv("CRYOPOD_STATE_DIR", scratch_dir);
	if (cryo_cluster_open("local", "demo", &world.t, &world.err) < 0)
		return -1;
	world.l = (struct local *)world.t;
	return cryo_fs_mkdirs(world.t->dir, 0700, &world.err);
}

static inline int world_teardown(void **state)
{
	cryo_cluster_free(world.t);
	return scratch_teardown(state);
}

/* Path below the cluster's directory; caller frees. */
static inline char *world_path(const char *name)
{
	return cryo_asprintf("%s/%s", world.t->dir, name);
}

static inline void world_put(const char *name, const char *text)
{
	scratch_put_in(world.t->dir, name, text);
}

#endif
