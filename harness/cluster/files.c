/* SPDX-License-Identifier: Apache-2.0 */
/* Files and images into a node and out of it, by whatever way its kind has. */
#include "cluster/kind.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COPY_MS	  600000
#define IMPORT_MS 120000
#define ASK_MS	  10000

static int get_by_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		       const char *from, int to, struct cryo_err *err)
{
	const char *const argv[] = { "cat", "--", from, NULL };
	const struct cryo_exec x = { .argv = argv, .out_fd = to, .timeout_ms = COPY_MS };

	return cryo_cluster_exec(t, node, &x, NULL, err);
}

static int get_file_bytes(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *from, int to, struct cryo_err *err)
{
	return t->ops->get ? t->ops->get(t, node, from, to, err)
			   : get_by_exec(t, node, from, to, err);
}

int cryo_cluster_get(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		     const char *to, struct cryo_err *err)
{
	cryo_auto(cryo_fs_draft_release) struct cryo_fs_draft draft = CRYO_FS_DRAFT_INIT;
	int rc = cryo_fs_draft_open(to, 0600, &draft, err);

	if (rc < 0)
		return rc;
	rc = get_file_bytes(t, node, from, draft.fd, err);
	return rc < 0 ? rc : cryo_fs_draft_publish(&draft, err);
}

int cryo_cluster_take(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const char *from, const char *to, struct cryo_err *err)
{
	int rc = t->ops->link_out ? t->ops->link_out(t, node, from, to, err) : 0;

	if (rc != 0)
		return rc < 0 ? rc : 0;
	return cryo_cluster_get(t, node, from, to, err);
}

int cryo_cluster_read(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		      const char *from, size_t max, struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = memfd_create("nodefile", MFD_CLOEXEC);
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/self/fd/%d", fd);
	int rc;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", from);
	rc = get_file_bytes(t, node, from, fd, err);
	return rc < 0 ? rc : cryo_fs_read(path, max, out, err);
}

static int run_in_node(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		       const char *const *argv, int in_fd, int64_t limit_ms, struct cryo_err *err)
{
	const struct cryo_exec x = { .argv = argv, .in_fd = in_fd, .timeout_ms = limit_ms };

	return cryo_cluster_exec(t, node, &x, NULL, err);
}

/* Beside its place, then renamed. */
static int put_by_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
		       const char *to, struct cryo_err *err)
{
	static unsigned count;
	cryo_auto(cryo_free) char *part = cryo_asprintf("%s.%d-%u.part", to, getpid(), count++);
	const char *const install[] = { "install", "-m", "0600", "--", "/dev/stdin", part, NULL };
	const char *const rename[] = { "mv", "-f", "-T", "--", part, to, NULL };
	const char *const discard[] = { "rm", "-f", "--", part, NULL };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = run_in_node(t, node, install, from, COPY_MS, err);

	if (rc == 0)
		rc = run_in_node(t, node, rename, 0, ASK_MS, err);
	if (rc < 0)
		run_in_node(t, node, discard, 0, ASK_MS, &ignored);
	return rc;
}

static int put_file_bytes(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
			  const char *to, struct cryo_err *err)
{
	if (*to != '/' || to[strlen(to) - 1] == '/')
		return cryo_err_set(err, CRYO_E_USAGE,
				    "'%s' is not a valid place for a file in a node", to);
	return t->ops->put ? t->ops->put(t, node, from, to, err)
			   : put_by_exec(t, node, from, to, err);
}

int cryo_cluster_put(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		     const char *to, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(from, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", from);
	return put_file_bytes(t, node, fd, to, err);
}

int cryo_cluster_link(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
		      const char *to, struct cryo_err *err)
{
	return t->ops->link ? t->ops->link(t, node, from, to, err) : 0;
}

int cryo_cluster_put_data(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const void *data, size_t len, const char *to, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = memfd_create("nodefile", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)
		return cryo_err_sys(err, errno, "cannot prepare '%s'", to);
	return put_file_bytes(t, node, fd, to, err);
}

static int import_image_file(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     const char *tar, struct cryo_err *err)
{
	static unsigned count;
	cryo_auto(cryo_free) char *there =
	    cryo_asprintf("%s/cryopod-%d-%u.tar", node->path.transfer, getpid(), count++);
	const char *const import[] = { node->path.ctr, "--address", node->path.socket,
				       "-n",	       "k8s.io",    "images",
				       "import",       there,	    NULL };
	const char *const discard[] = { "rm", "-f", "--", there, NULL };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_cluster_put(t, node, tar, there, err);

	if (rc == 0)
		rc = run_in_node(t, node, import, 0, IMPORT_MS, err);
	run_in_node(t, node, discard, 0, IMPORT_MS, &ignored);
	return cryo_err_wrap(err, rc, "import of '%s' into node '%s'", tar, node->name);
}

int cryo_cluster_load_image(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const char *tar, struct cryo_err *err)
{
	const struct cryo_cluster_node *first;
	int rc = 0;

	if (node)
		return import_image_file(t, node, tar, err);
	rc = cryo_cluster_find_node(t, NULL, &first, err);
	for (size_t i = 0; rc == 0 && i < t->nodes; i++)
		rc = import_image_file(t, &t->node[i], tar, err);
	return rc;
}
