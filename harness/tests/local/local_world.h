/* SPDX-License-Identifier: Apache-2.0 */
/* A local target whose cluster lies in a temporary directory: a fixture for the tests of it. */
#ifndef CRYO_TESTS_LOCAL_LOCAL_WORLD_H
#define CRYO_TESTS_LOCAL_LOCAL_WORLD_H

#include "sys/fs.h"
#include "cluster/local/local.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct {
	char *dir;
	struct cryo_cluster *t;
	struct local *l;
	struct cryo_err err;
} world;

static inline int world_setup(void **state)
{
	(void)state;
	if (cryo_fs_tmpdir("/tmp", "cryo-local-", &world.dir, &world.err) < 0)
		return -1;
	setenv("CRYOPOD_STATE_DIR", world.dir, 1);
	if (cryo_cluster_open("local", "demo", &world.t, &world.err) < 0)
		return -1;
	world.l = (struct local *)world.t;
	return cryo_fs_mkdirs(world.t->dir, 0700, &world.err);
}

static inline int world_teardown(void **state)
{
	int rc = cryo_fs_rmtree(world.dir, &world.err);

	(void)state;
	cryo_cluster_free(world.t);
	free(world.dir);
	return rc;
}

/* Path below the cluster's directory; caller frees. */
static inline char *world_path(const char *name)
{
	return cryo_asprintf("%s/%s", world.t->dir, name);
}

static inline void world_put(const char *name, const char *text)
{
	cryo_auto(cryo_free) char *path = world_path(name);

	assert_int_equal(cryo_fs_write(path, text, strlen(text), 0600, &world.err), 0);
}

#endif
