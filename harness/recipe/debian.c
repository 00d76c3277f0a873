/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recipe "debian": the root file system that every node shares. Recipe
 * "debian-layer": one that becomes the lower layer of an image, as a tar.
 */
#include "recipe/gobuild.h"

#include "base/event.h"
#include "image/rootfs.h"
#include "image/layer.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>

static int make_rootfs(const struct cryo_built *built, const char *dir, struct cryo_err *err)
{
	const struct cryo_source *src = &built->component->source;
	cryo_auto(cryo_free) char *log = cryo_build_log(built->component);
	int rc = cryo_build_may_fetch(built, "the packages of a root file system are", err);

	if (rc < 0)
		return rc;
	return cryo_rootfs_make(dir, src->suite, cryo_strv_get(&src->packages), log, err);
}

int cryo_build_debian(const struct cryo_recipe *r, const struct cryo_built *built,
		      struct cryo_err *err)
{
	(void)r;
	return make_rootfs(built, built->dir, err);
}

/* The exact versions stay beside the layer as they do beside a root file system. */
static int publish_layer(const char *tree, const char *made, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s.packages", tree);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s.packages", dir);
	int rc = cryo_fs_copy(from, to, 0644, err);

	if (rc < 0)
		return rc;
	if (rename(made, dir) < 0)
		return cryo_err_sys(err, errno, "cannot publish '%s'", dir);
	return 0;
}

static int make_layer(const struct cryo_built *built, const char *work, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tree = cryo_asprintf("%s/tree", work);
	cryo_auto(cryo_free) char *made = cryo_asprintf("%s/made", work);
	cryo_auto(cryo_free) char *layer = cryo_asprintf("%s/" CRYO_BUILD_LAYER, made);
	int rc = make_rootfs(built, tree, err);

	if (rc == 0)
		rc = cryo_fs_mkdirs(made, 0755, err);
	if (rc < 0)
		return rc;
	cryo_step_note("layer of %s", built->component->source.suite);
	rc = cryo_layer_from_tree(tree, layer, err);
	return rc < 0 ? rc : publish_layer(tree, made, built->dir, err);
}

int cryo_build_debian_layer(const struct cryo_recipe *r, const struct cryo_built *built,
			    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *work = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_build_workdir(built->component, &work, err);

	(void)r;
	if (rc < 0)
		return rc;
	rc = make_layer(built, work, err);
	cryo_fs_rmtree(work, &ignored);
	return rc;
}
