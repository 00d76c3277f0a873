/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/migrate_image.h"

#include "base/event.h"
#include "checkpoint/node_images.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define EXPORT_MS 120000

/* What the search for a base image wants of an archive, before there is one. */
static int look_for_image(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *name, const char *id, enum cryo_base_image *out,
			  struct cryo_err *err)
{
	const struct cryo_archive wanted = { .image_name = (char *)name, .image_ref = (char *)id };
	cryo_auto(cryo_str_release) struct cryo_str table = { 0 };

	return cryo_node_images_find_base(t, node, &wanted, out, &table, err);
}

static int export_image(struct cryo_cluster *t, const struct cryo_cluster_node *from,
			const char *name, const char *file, struct cryo_err *err)
{
	const char *const argv[] = { from->path.ctr, "--address", from->path.socket, "-n",
				     "k8s.io",	     "images",	  "export",	     "-",
				     name,	     NULL };
	cryo_auto(cryo_fd_close) int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	const struct cryo_exec x = { .argv = argv, .out_fd = fd, .timeout_ms = EXPORT_MS };

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", file);
	return cryo_cluster_exec(t, from, &x, NULL, err);
}

static int copy_image(struct cryo_cluster *t, const struct cryo_cluster_node *from,
		      const struct cryo_cluster_node *to, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = NULL;
	cryo_auto(cryo_free) char *file = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_cluster_tmpdir(t, ".migrate-", &dir, err);

	if (rc < 0)
		return rc;
	file = cryo_asprintf("%s/image.tar", dir);
	rc = export_image(t, from, name, file, err);
	if (rc == 0)
		rc = cryo_cluster_load_image(t, to, file, err);
	cryo_fs_rmtree(dir, &ignored);
	return rc;
}

int cryo_migrate_image(struct cryo_cluster *t, const struct cryo_cluster_node *from,
		       const struct cryo_cluster_node *to, const char *name, const char *id,
		       struct cryo_err *err)
{
	struct cryo_err why = CRYO_ERR_INIT;
	enum cryo_base_image found;
	int rc = look_for_image(t, to, name, id, &found, err);

	if (rc < 0 || found == CRYO_BASE_THERE)
		return rc;
	if (copy_image(t, from, to, name, &why) == 0)
		rc = look_for_image(t, to, name, id, &found, err);
	if (rc < 0)
		return rc;
	if (found == CRYO_BASE_THERE) {
		cryo_info("image '%s' was copied to node '%s'", name, to->name);
		return 0;
	}
	return cryo_err_set(err, CRYO_E_CHECK, "its image '%s' is not on node '%s'%s%s%s", name,
			    to->name, *why.msg ? ", and cannot be copied there (" : "", why.msg,
			    *why.msg ? ")" : "");
}
