/* SPDX-License-Identifier: Apache-2.0 */
/* Recipe "debian": the root file system that every node shares. */
#include "recipe/recipe.h"

#include "image/rootfs.h"

int cryo_build_debian(const struct cryo_recipe *r, const struct cryo_built *built,
		      struct cryo_err *err)
{
	const struct cryo_source *src = &built->component->source;
	cryo_auto(cryo_free) char *log = cryo_build_log(built->component);

	int rc;

	(void)r;
	rc = cryo_build_may_fetch(built, "the packages of a root file system are", err);
	return rc < 0 ? rc
		      : cryo_rootfs_make(built->dir, src->suite, cryo_strv_get(&src->packages), log,
					 err);
}
