/* SPDX-License-Identifier: Apache-2.0 */
/* From pieces to the archive, once for each key: <cache>/builds/kind-node/KEY/image.tar. */
#include "nodeimage/inside.h"

#include "base/clock.h"
#include "base/event.h"
#include "image/oci.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "sys/places.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What kind's own node image says of itself; and a resolver that nobody answers (a machine without
 * network) holds the entry point up for a second instead of five. */
static const char *const node_env[] = { "container=docker", "RES_OPTIONS=timeout:1 attempts:1",
					NULL };
static const char *const node_entrypoint[] = { "/usr/local/bin/entrypoint", "/sbin/init", NULL };

static int check_space(const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *need = cryo_size_show(CRYO_NODEIMAGE_BYTES);
	cryo_auto(cryo_free) char *have = NULL;
	uint64_t bytes;
	int rc = cryo_fs_free_bytes(dir, &bytes, err);

	if (rc < 0 || bytes >= CRYO_NODEIMAGE_BYTES)
		return rc;
	have = cryo_size_show(bytes);
	return cryo_err_set(err, CRYO_E_UNFIT, "'%s' has %s free, making a node image needs %s",
			    dir, have, need);
}

static int find_lower(const struct cryo_nodeimage *n, const char *work, struct cryo_strv *lower,
		      struct cryo_strv *env, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *base = NULL;

	cryo_strv_addv(env, node_env);
	if (n->onto)
		return nodeimage_take_onto(n->onto, work, lower, env, err);
	base = cryo_nodeimage_program(n, "kind-base", CRYO_BUILD_LAYER);
	if (!base)
		return cryo_err_set(err, CRYO_E_PROVISION, "component 'kind-base' has no layer");
	cryo_strv_take(lower, cryo_steal(&base));
	return 0;
}

static int write_archive(const struct cryo_nodeimage *n, const char *work, const char *path,
			 struct cryo_err *err)
{
	cryo_auto(cryo_free) char *top = cryo_asprintf("%s/top.tar", work);
	cryo_auto(cryo_strv_release) struct cryo_strv lower = { 0 }, env = { 0 };
	int rc = find_lower(n, work, &lower, &env, err);

	if (rc == 0)
		rc = nodeimage_write_top(n, lower.v[0], work, top, err);
	if (rc < 0)
		return rc;
	cryo_step_note("archive");
	return cryo_oci_write(&(struct cryo_oci_image){ .ref = n->ref,
							.entrypoint = node_entrypoint,
							.env = cryo_strv_get(&env),
							.stop_signal = "SIGRTMIN+3",
							.lower = cryo_strv_get(&lower),
							.layer_path = top,
							.docker = true },
			      path, err);
}

/* Made beside its place, so that nobody finds half of it. */
static int make_archive(const struct cryo_nodeimage *n, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *work = cryo_cache_path(CRYO_CACHE_WORK "/kind-node");
	cryo_auto(cryo_free) char *made = cryo_asprintf("%s/made", work);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/image.tar", made);
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_fs_rmtree(work, err);

	if (rc == 0)
		rc = cryo_fs_mkdirs(made, 0755, err);
	if (rc == 0)
		rc = check_space(work, err);
	if (rc == 0)
		rc = write_archive(n, work, path, err);
	if (rc == 0)
		rc = cryo_fs_mkparents(dir, 0755, err);
	if (rc == 0 && rename(made, dir) < 0)
		rc = cryo_err_sys(err, errno, "cannot publish '%s'", dir);
	cryo_fs_rmtree(work, &ignored);
	return rc;
}

static int make_locked(const struct cryo_nodeimage *n, const char *dir, const char *path,
		       struct cryo_err *err)
{
	int64_t bytes;
	int rc;

	cryo_step_begin("node image");
	if (cryo_fs_size(path) > 0) {
		cryo_step_same("%s", n->ref);
		return 0;
	}
	rc = make_archive(n, dir, err);
	bytes = cryo_fs_size(path);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
	} else {
		cryo_auto(cryo_free) char *size = cryo_size_show((uint64_t)bytes);

		cryo_step_ok("%s, %s", n->ref, size);
	}
	return cryo_err_wrap(err, rc, "node image");
}

int cryo_nodeimage_make(const struct cryo_nodeimage *n, char **path, int *hold,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_cache_path(CRYO_CACHE_BUILDS "/kind-node/%s", n->key);
	cryo_auto(cryo_free) char *lock_path = cryo_build_lock("kind-node");
	cryo_auto(cryo_free) char *file = cryo_asprintf("%s/image.tar", dir);
	int lock = -1, rc = cryo_fs_mkparents(lock_path, 0755, err);

	if (rc == 0)
		rc = cryo_lock_wait(lock_path, CRYO_LOCK_BUILD_MS, &lock, err);
	if (rc < 0)
		return rc;
	rc = make_locked(n, dir, file, err);
	*hold = rc == 0 ? cryo_lock_hold_dir(dir) : -1;
	cryo_lock_remove(lock_path, &lock);
	if (rc == 0)
		*path = cryo_steal(&file);
	return rc;
}
