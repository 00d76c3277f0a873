/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of a tree: no link is followed, no mount is entered. */
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_tree_at(int parent, const char *name, const char *shown, struct cryo_err *err);

static int remove_dir_entries(int fd, const char *shown, struct cryo_err *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int rc = 0;

	if (!dir) {
		close(fd);
		return cryo_err_sys(err, errno, "cannot read '%s'", shown);
	}
	while (rc == 0 && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = remove_tree_at(dirfd(dir), e->d_name, shown, err);
	}
	closedir(dir);
	return rc;
}

/* The attribute and not the device number: a bind mount has that of its parent. */
static bool is_mount_root(int fd)
{
	struct statx stx;

	return statx(fd, "", AT_EMPTY_PATH, 0, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int remove_tree_at(int parent, const char *name, const char *shown, struct cryo_err *err)
{
	int fd, rc;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return cryo_err_sys(err, errno, "cannot remove '%s' in '%s'", name, shown);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Another process may remove the same tree. */
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot remove '%s' in '%s'", name, shown);
	if (is_mount_root(fd)) {
		close(fd);
		return cryo_err_sys(err, EXDEV, "'%s' in '%s' is a mount", name, shown);
	}
	rc = remove_dir_entries(fd, shown, err);
	if (rc == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = cryo_err_sys(err, errno, "cannot remove '%s' in '%s'", name, shown);
	return rc;
}

int cryo_fs_rmtree(const char *path, struct cryo_err *err)
{
	return remove_tree_at(AT_FDCWD, path, path, err);
}
