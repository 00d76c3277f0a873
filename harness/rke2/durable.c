/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/durable.h"

#include "base/str.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NEW_SUFFIX ".cryopod-new" /* RKE2 reads no file that ends like this */
#define LABEL	   "security.selinux"
#define CHUNK	   (1u << 20)

static struct {
	void (*call)(const char *what, void *arg);
	void *arg;
} point_hook;

void cryo_rke2_set_hook(void (*hook)(const char *what, void *arg), void *arg)
{
	point_hook.call = hook;
	point_hook.arg = arg;
}

void rke2_announce_point(const char *what)
{
	if (point_hook.call)
		point_hook.call(what, point_hook.arg);
}

int rke2_sync_dir(const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return cryo_err_sys(err, errno, "cannot sync '%s'", dir);
	rke2_announce_point(dir);
	return 0;
}

static int sync_parent_dir(const char *path, struct cryo_err *err)
{
	const char *slash = strrchr(path, '/');
	cryo_auto(cryo_free) char *dir = cryo_strndup(path, slash ? (size_t)(slash - path) : 0);

	return rke2_sync_dir(*dir ? dir : "/", err);
}

static int copy_label(const char *from, int to)
{
	char value[512];
	ssize_t n = from ? getxattr(from, LABEL, value, sizeof(value)) : -1;

	if (n < 0)
		return 0;
	return fsetxattr(to, LABEL, value, (size_t)n, 0) < 0 && errno != ENOTSUP ? -1 : 0;
}

/* Owner before mode: a change of it takes set-id bits away. */
static int set_attrs(int fd, const struct rke2_attrs *a)
{
	if (fchown(fd, a->uid, a->gid) < 0 || fchmod(fd, a->mode & 07777) < 0)
		return -1;
	return copy_label(a->label_from, fd);
}

static int write_chunk(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* The disk is already at work while the rest is read: a sync at the end has little left to do. */
static int copy_bytes(int in, int out, struct cryo_hash *h, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *buf = cryo_alloc(CHUNK);
	off_t at = 0;
	ssize_t n;
	int rc;

	while ((n = read(in, buf, CHUNK)) > 0) {
		rc = cryo_intr_check(err);
		if (rc < 0)
			return rc;
		cryo_hash_add(h, buf, (size_t)n);
		if (write_chunk(out, buf, (size_t)n) < 0)
			return cryo_err_sys(err, errno, "cannot write");
		sync_file_range(out, at, n, SYNC_FILE_RANGE_WRITE);
		at += n;
	}
	return n < 0 ? cryo_err_sys(err, errno, "cannot read") : 0;
}

static int finish_file(int fd, const char *path, const struct rke2_attrs *a, struct cryo_err *err)
{
	if (set_attrs(fd, a) < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	rke2_announce_point(path);
	return 0;
}

int rke2_copy_file(const char *src, const char *dst, const struct rke2_attrs *a, const char *want,
		   struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int in = open(src, O_RDONLY | O_CLOEXEC);
	cryo_auto(cryo_fd_close) int out = -1;
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	char digest[CRYO_HASH_HEX];
	int rc;

	if (in < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", src);
	out = open(dst, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", dst);
	rc = cryo_err_wrap(err, copy_bytes(in, out, h, err), "copy of '%s' to '%s'", src, dst);
	cryo_hash_hex(h, digest);
	if (rc < 0)
		return rc;
	if (want && strcmp(want, digest) != 0)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "'%s' has changed: its digest is %.12s, not %.12s", src, digest,
				    want);
	return finish_file(out, dst, a, err);
}

int rke2_rename(const char *from, const char *to, struct cryo_err *err)
{
	if (rename(from, to) < 0)
		return cryo_err_sys(err, errno, "cannot rename '%s' to '%s'", from, to);
	rke2_announce_point(to);
	return sync_parent_dir(to, err);
}

int rke2_publish_copy(const char *path, const char *src, const struct rke2_attrs *a,
		      const char *want, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s" NEW_SUFFIX, path);
	int rc = cryo_fs_mkparents(path, 0755, err);

	if (rc == 0)
		rc = rke2_copy_file(src, tmp, a, want, err);
	if (rc == 0)
		rc = rke2_rename(tmp, path, err);
	if (rc < 0)
		unlink(tmp);
	return rc;
}

static int write_new(const char *tmp, const void *data, size_t len, const struct rke2_attrs *a,
		     struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write_chunk(fd, data, len) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", tmp);
	return finish_file(fd, tmp, a, err);
}

int rke2_publish_file(const char *path, const void *data, size_t len, const struct rke2_attrs *a,
		      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s" NEW_SUFFIX, path);
	int rc = cryo_fs_mkparents(path, 0755, err);

	if (rc == 0)
		rc = write_new(tmp, data, len, a, err);
	if (rc == 0)
		rc = rke2_rename(tmp, path, err);
	if (rc < 0)
		unlink(tmp);
	return rc;
}

int rke2_remove_file(const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s" NEW_SUFFIX, path);

	unlink(tmp);
	if (unlink(path) < 0)
		return errno == ENOENT || errno == ENOTDIR
			   ? 0
			   : cryo_err_sys(err, errno, "cannot remove '%s'", path);
	rke2_announce_point(path);
	return sync_parent_dir(path, err);
}

int rke2_remove_tree(const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *gone = cryo_asprintf("%s.cryopod-gone", path);
	int rc = cryo_fs_rmtree(gone, err);

	if (rc < 0 || !cryo_fs_exists(path))
		return rc;
	rc = rke2_rename(path, gone, err);
	return rc < 0 ? rc : cryo_fs_rmtree(gone, err);
}

int rke2_exchange(const char *a, const char *b, struct cryo_err *err)
{
	if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0)
		return cryo_err_sys(err, errno, "cannot exchange '%s' and '%s'", a, b);
	rke2_announce_point(b);
	return sync_parent_dir(b, err);
}
