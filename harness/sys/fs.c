/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/statvfs.h>
#include <unistd.h>

void cryo_fd_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool cryo_fs_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

bool cryo_fs_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int64_t cryo_fs_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

static int read_whole_fd(int fd, const char *path, size_t max, struct cryo_str *out,
			 struct cryo_err *err)
{
	size_t total = 0;
	char buf[65536];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cryo_err_sys(err, errno, "cannot read '%s'", path);
		total += (size_t)n;
		if (total > max)
			return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is larger than %zu bytes",
					    path, max);
		cryo_str_addn(out, buf, (size_t)n);
	}
	return 0;
}

int cryo_fs_read(const char *path, size_t max, struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", path);
	return read_whole_fd(fd, path, max, out, err);
}

int cryo_fs_read_regular(const char *path, size_t max, struct cryo_str *out, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	struct stat st;

	/* Some devices act on being opened: looked at before, and again, should it have changed. */
	if (stat(path, &st) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", path);
	if (S_ISREG(st.st_mode)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 || fstat(fd, &st) < 0)
			return cryo_err_sys(err, errno, "cannot open '%s'", path);
	}
	if (!S_ISREG(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a regular file", path);
	return read_whole_fd(fd, path, max, out, err);
}

static int write_all_bytes(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Sync, close, rename into place; the temporary file is gone in any case. */
static int publish_temp_file(int *fd, const char *tmp, const char *path, struct cryo_err *err)
{
	int rc = 0;

	if (fsync(*fd) < 0 && errno != EINVAL)
		rc = cryo_err_sys(err, errno, "cannot write '%s'", path);
	close(*fd);
	*fd = -1;
	if (rc == 0 && rename(tmp, path) < 0)
		rc = cryo_err_sys(err, errno, "cannot write '%s'", path);
	if (rc < 0)
		unlink(tmp);
	return rc;
}

/*
 * A rename replaces whatever has the name. For root that could be a device of the machine:
 * /dev/full, or /dev/stdout, a link into /proc. Directories are rename's to refuse.
 */
static int check_replaceable(const char *path, struct cryo_err *err)
{
	char to[sizeof("/proc/") - 1];
	struct stat st;
	bool fine;

	if (lstat(path, &st) < 0)
		return 0;
	fine = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
	if (S_ISLNK(st.st_mode))
		fine = (readlink(path, to, sizeof(to)) != (ssize_t)sizeof(to) ||
			memcmp(to, "/proc/", sizeof(to)) != 0) &&
		       (stat(path, &st) < 0 || S_ISREG(st.st_mode));
	return fine ? 0
		    : cryo_err_set(err, CRYO_E_CONFIG,
				   "cannot write '%s': it is not a regular file", path);
}

int cryo_fs_check_place(const char *path, struct cryo_err *err)
{
	const char *slash = strrchr(path, '/');
	cryo_auto(cryo_free) char *dir = slash ? cryo_strndup(path, (size_t)(slash - path) + 1)
					       : cryo_strdup(".");

	if (!*path || cryo_fs_is_dir(path))
		return cryo_err_sys(err, *path ? EISDIR : ENOENT, "cannot write '%s'", path);
	if (access(dir, W_OK | X_OK) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	return check_replaceable(path, err);
}

static int open_temp_beside(const char *path, mode_t mode, char **tmp, struct cryo_err *err)
{
	int fd;

	if (check_replaceable(path, err) < 0)
		return -1;
	*tmp = cryo_asprintf("%s.XXXXXX", path);
	fd = mkostemp(*tmp, O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) < 0) {
		cryo_err_sys(err, errno, "cannot write '%s'", path);
		cryo_fd_closep(&fd);
	}
	return fd;
}

int cryo_fs_draft_open(const char *path, mode_t mode, struct cryo_fs_draft *out,
		       struct cryo_err *err)
{
	*out = (struct cryo_fs_draft)CRYO_FS_DRAFT_INIT;
	out->fd = open_temp_beside(path, mode, &out->tmp, err);
	if (out->fd < 0) {
		free(cryo_steal(&out->tmp));
		return -(int)err->status;
	}
	out->path = cryo_strdup(path);
	return 0;
}

int cryo_fs_draft_publish(struct cryo_fs_draft *d, struct cryo_err *err)
{
	int rc = publish_temp_file(&d->fd, d->tmp, d->path, err);

	free(cryo_steal(&d->tmp));
	return rc;
}

void cryo_fs_draft_release(struct cryo_fs_draft *d)
{
	cryo_fd_closep(&d->fd);
	if (d->tmp)
		unlink(d->tmp);
	free(d->tmp);
	free(d->path);
	*d = (struct cryo_fs_draft)CRYO_FS_DRAFT_INIT;
}

int cryo_fs_write(const char *path, const void *data, size_t len, mode_t mode, struct cryo_err *err)
{
	cryo_auto(cryo_fs_draft_release) struct cryo_fs_draft d = CRYO_FS_DRAFT_INIT;
	int rc = cryo_fs_draft_open(path, mode, &d, err);

	if (rc < 0)
		return rc;
	if (write_all_bytes(d.fd, data, len) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	return cryo_fs_draft_publish(&d, err);
}

int cryo_fs_write_scratch(const char *path, const void *data, size_t len, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || write_all_bytes(fd, data, len) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	return 0;
}

int cryo_fs_poke(const char *path, const char *text, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s' to '%s'", text, path);
	return 0;
}

int cryo_fs_mkdirs(const char *path, mode_t mode, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *p = cryo_strdup(path);

	for (char *slash = p + 1;; slash++) {
		char c = *slash;

		if (c != '/' && c != '\0')
			continue;
		*slash = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return cryo_err_sys(err, errno, "cannot make directory '%s'", p);
		*slash = c;
		if (c == '\0')
			break;
	}
	if (!cryo_fs_is_dir(path))
		return cryo_err_sys(err, ENOTDIR, "cannot make directory '%s'", path);
	return 0;
}

int cryo_fs_mkparents(const char *path, mode_t mode, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *p = cryo_strdup(path);
	char *slash = strrchr(p, '/');

	if (!slash || slash == p)
		return 0;
	*slash = '\0';
	return cryo_fs_mkdirs(p, mode, err);
}

/*
 * Bytes copied at `at`, up to n. Within a file system the kernel does it; between
 * two, or where one cannot, it goes through memory.
 */
static ssize_t copy_some_bytes(int in, int out, off_t at, size_t n)
{
	off_t from = at, to = at;
	char buf[65536];
	ssize_t got = copy_file_range(in, &from, out, &to, n, 0);

	if (got < 0 &&
	    (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
		got = pread(in, buf, n < sizeof(buf) ? n : sizeof(buf), at);
		if (got > 0)
			got = pwrite(out, buf, (size_t)got, at);
	}
	if (got == 0)
		errno = EIO; /* somebody made the file shorter meanwhile */
	return got;
}

static int copy_data_ranges(int in, int out, off_t size)
{
	off_t at = 0;

	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (ftruncate(out, size) < 0)
		return -1;
	while ((at = lseek(in, at, SEEK_DATA)) >= 0 && at < size) {
		off_t end = lseek(in, at, SEEK_HOLE);

		while (at < end) {
			ssize_t n = copy_some_bytes(in, out, at, (size_t)(end - at));

			if (n <= 0)
				return -1;
			at += n;
		}
	}
	return at < 0 && errno != ENXIO ? -1 : 0;
}

int cryo_fs_copy_fd(int in, int out, const char *name, struct cryo_err *err)
{
	struct stat st;

	if (fstat(in, &st) < 0 || copy_data_ranges(in, out, st.st_size) < 0)
		return cryo_err_sys(err, errno, "cannot copy '%s'", name);
	return 0;
}

static int copy_open_file(int in, const char *src, const char *dst, mode_t mode,
			  struct cryo_err *err)
{
	cryo_auto(cryo_fs_draft_release) struct cryo_fs_draft d = CRYO_FS_DRAFT_INIT;
	struct stat st;
	int rc;

	if (in < 0 || fstat(in, &st) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", src);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a regular file", src);
	rc = cryo_fs_draft_open(dst, mode, &d, err);
	if (rc < 0)
		return rc;
	if (copy_data_ranges(in, d.fd, st.st_size) < 0)
		return cryo_err_sys(err, errno, "cannot copy '%s' to '%s'", src, dst);
	return cryo_fs_draft_publish(&d, err);
}

int cryo_fs_copy(const char *src, const char *dst, mode_t mode, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int in = open(src, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return copy_open_file(in, src, dst, mode, err);
}

int cryo_fs_copy_inside(const char *root, const char *path, const char *dst, mode_t mode,
			struct cryo_err *err)
{
	static const struct open_how how = { .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
					     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	cryo_auto(cryo_fd_close) int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cryo_auto(cryo_fd_close) int in = -1;

	if (dir < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", root);
	in = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	return copy_open_file(in, path, dst, mode, err);
}

int cryo_fs_tmpdir(const char *parent, const char *prefix, char **path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *p = cryo_asprintf("%s/%sXXXXXX", parent, prefix);
	int rc = cryo_fs_mkdirs(parent, 0755, err);

	if (rc < 0)
		return rc;
	if (!mkdtemp(p))
		return cryo_err_sys(err, errno, "cannot make a directory in '%s'", parent);
	*path = cryo_steal(&p);
	return 0;
}

int cryo_fs_free_bytes(const char *path, uint64_t *bytes, struct cryo_err *err)
{
	struct statvfs v;

	if (statvfs(path, &v) < 0)
		return cryo_err_sys(err, errno, "cannot stat the file system of '%s'", path);
	*bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}
