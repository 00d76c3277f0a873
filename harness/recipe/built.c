/* SPDX-License-Identifier: Apache-2.0 */
/* One component on its way, whatever its recipe: places, and what all make functions need. */
#include "recipe/gobuild.h"

#include "sys/fs.h"
#include "sys/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct cryo_built *cryo_build_find(const struct cryo_build *b, const char *component)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->item[i].component->name, component) == 0)
			return &b->item[i];
	return NULL;
}

char *cryo_build_log(const struct cryo_component *c)
{
	return cryo_cache_path(CRYO_CACHE_LOGS "/%s.log", c->name);
}

int cryo_build_may_fetch(const struct cryo_built *b, const char *what, struct cryo_err *err)
{
	if (!b->fetch || !b->fetch->offline)
		return 0;
	return cryo_err_set(err, CRYO_E_PROVISION,
			    "%s not in the cache, and --offline forbids fetching %s", what,
			    strstr(what, " are") ? "them" : "it");
}

int cryo_build_workdir(const struct cryo_component *c, char **work, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *parent = cryo_cache_path(CRYO_CACHE_WORK "/%s", c->name);
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	/* If something of it still writes there, that is no reason to stop. */
	cryo_fs_rmtree(parent, &ignored);
	rc = cryo_fs_mkdirs(parent, 0700, err);
	return rc < 0 ? rc : cryo_fs_tmpdir(parent, "", work, err);
}

int cryo_build_publish(const char *from, const char *to, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(from, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fchmod(fd, 0755) < 0 || fsync(fd) < 0 || rename(from, to) < 0)
		return cryo_err_sys(err, errno, "cannot publish '%s'", to);
	return 0;
}
