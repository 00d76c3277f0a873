/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/fs.h"

#include "sys/intr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK	  4096
#define MAX_NAMES 65536 /* of a file's extended attributes: XATTR_LIST_MAX */

/* A file with several names, by the first of them that was copied. */
struct linked {
	dev_t dev;
	ino_t ino;
	char *name; /* below the root of the copy */
};

struct copy {
	int root; /* of the copy */
	struct linked *linked;
	size_t n;
};

/* A directory and its copy. */
struct level {
	int from, to;
	const char *name; /* below both roots, "" for these; for links and messages */
};

static int copy_tree_level(struct copy *c, const struct level *l, struct cryo_err *err);

static int fail_tree_copy(struct cryo_err *err, const char *name)
{
	return cryo_err_sys(err, errno, "cannot copy '%s'", *name ? name : "/");
}

static int copy_file_attribute(int from, int to, const char *attribute)
{
	char value[65536]; /* XATTR_SIZE_MAX */
	ssize_t n = fgetxattr(from, attribute, value, sizeof(value));

	return n < 0 ? -1 : fsetxattr(to, attribute, value, (size_t)n, 0);
}

static int copy_file_attributes(int from, int to)
{
	cryo_auto(cryo_free) char *names = NULL;
	ssize_t n = flistxattr(from, NULL, 0);
	int rc = 0;

	if (n <= 0)
		return n < 0 && errno != ENOTSUP ? -1 : 0;
	names = cryo_alloc(MAX_NAMES);
	n = flistxattr(from, names, MAX_NAMES);
	for (ssize_t at = 0; rc == 0 && at < n; at += (ssize_t)strlen(names + at) + 1)
		rc = copy_file_attribute(from, to, names + at);
	return n < 0 ? -1 : rc;
}

/* Owner before mode: a change of it takes set-id bits away. */
static int copy_file_metadata(int from, int to, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0 ||
	    copy_file_attributes(from, to) < 0)
		return -1;
	return futimens(to, times);
}

/* 1: it is one more name of a file that is there already. */
static int link_known_file(struct copy *c, const struct stat *st, const struct level *l,
			   const char *entry, const char *name)
{
	if (st->st_nlink < 2)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (c->linked[i].ino == st->st_ino && c->linked[i].dev == st->st_dev)
			return linkat(c->root, c->linked[i].name, l->to, entry, 0) < 0 ? -1 : 1;
	c->linked = cryo_realloc(c->linked, c->n + 1, sizeof(*c->linked));
	c->linked[c->n++] = (struct linked){ st->st_dev, st->st_ino, cryo_strdup(name) };
	return 0;
}

/* Without the blocks of zeros: what a program has filled with them in advance costs nothing. */
static int copy_nonzero_blocks(int out, const char *buf, size_t n, off_t at)
{
	for (size_t i = 0, piece; i < n; i += piece) {
		piece = n - i < BLOCK ? n - i : BLOCK;
		if (!cryo_is_zero(buf + i, piece) &&
		    pwrite(out, buf + i, piece, at + (off_t)i) != (ssize_t)piece)
			return -1;
	}
	return 0;
}

static int copy_sparse_data(int in, int out, off_t size)
{
	char buf[16 * BLOCK];
	off_t at = 0, end;
	ssize_t n;

	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (ftruncate(out, size) < 0)
		return -1;
	while ((at = lseek(in, at, SEEK_DATA)) >= 0 && at < size) {
		for (end = lseek(in, at, SEEK_HOLE); at < end; at += n) {
			n = pread(in, buf, sizeof(buf), at);
			if (n <= 0 || copy_nonzero_blocks(out, buf, (size_t)n, at) < 0)
				return -1;
		}
	}
	return at < 0 && errno != ENXIO ? -1 : 0;
}

static int copy_tree_file(const struct level *l, const char *entry, const struct stat *st)
{
	cryo_auto(cryo_fd_close) int in = openat(l->from, entry, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cryo_auto(cryo_fd_close) int out =
	    in < 0 ? -1 : openat(l->to, entry, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (out < 0 || (st->st_size > 0 && copy_sparse_data(in, out, st->st_size) < 0))
		return -1;
	return copy_file_metadata(in, out, st);
}

static int copy_tree_link(const struct level *l, const char *entry)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(l->from, entry, target, sizeof(target) - 1);

	if (n < 0)
		return -1;
	target[n] = '\0';
	return symlinkat(target, l->to, entry);
}

/* Devices (also those that hide a name in an overlay), pipes and sockets. */
static int copy_special_file(const struct level *l, const char *entry, const struct stat *st)
{
	if (mknodat(l->to, entry, st->st_mode & ~(mode_t)07777, st->st_rdev) < 0)
		return -1;
	return fchmodat(l->to, entry, st->st_mode & 07777, 0);
}

static int copy_other_kind(const struct level *l, const char *entry, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };
	int rc = S_ISLNK(st->st_mode) ? copy_tree_link(l, entry) : copy_special_file(l, entry, st);

	if (rc < 0 || fchownat(l->to, entry, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return utimensat(l->to, entry, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_tree_directory(struct copy *c, const struct level *l, const char *entry,
			       const char *name, const struct stat *st, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int from =
	    openat(l->from, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cryo_auto(cryo_fd_close) int to = -1;
	int rc;

	if (from < 0 || mkdirat(l->to, entry, 0700) < 0)
		return fail_tree_copy(err, name);
	to = openat(l->to, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return fail_tree_copy(err, name);
	rc = copy_tree_level(c, &(struct level){ from, to, name }, err);
	if (rc == 0 && copy_file_metadata(from, to, st) < 0)
		rc = fail_tree_copy(err, name);
	return rc;
}

static int copy_tree_entry(struct copy *c, const struct level *l, const char *entry,
			   struct cryo_err *err)
{
	cryo_auto(cryo_free) char *name =
	    cryo_asprintf("%s%s%s", l->name, *l->name ? "/" : "", entry);
	struct stat st;
	int rc = fstatat(l->from, entry, &st, AT_SYMLINK_NOFOLLOW);

	if (rc == 0 && S_ISDIR(st.st_mode))
		return copy_tree_directory(c, l, entry, name, &st, err);
	if (rc == 0)
		rc = link_known_file(c, &st, l, entry, name);
	if (rc == 0)
		rc = S_ISREG(st.st_mode) ? copy_tree_file(l, entry, &st)
					 : copy_other_kind(l, entry, &st);
	return rc < 0 ? fail_tree_copy(err, name) : 0;
}

static int copy_tree_level(struct copy *c, const struct level *l, struct cryo_err *err)
{
	int fd = fcntl(l->from, F_DUPFD_CLOEXEC, 0), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		rc = fail_tree_copy(err, l->name);
		cryo_fd_closep(&fd);
		return rc;
	}
	while (rc == 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			rc = copy_tree_entry(c, l, e->d_name, err);
			if (rc == 0)
				rc = cryo_intr_check(err);
		}
	closedir(dir);
	return rc;
}

int cryo_fs_copy_tree(const char *src, const char *dst, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int from = open(src, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct copy c = { .root = -1 };
	struct stat st;
	int rc;

	if (from < 0 || fstat(from, &st) < 0 || mkdir(dst, 0700) < 0)
		return cryo_err_sys(err, errno, "cannot copy '%s' to '%s'", src, dst);
	c.root = open(dst, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c.root < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", dst);
	rc = copy_tree_level(&c, &(struct level){ from, c.root, "" }, err);
	if (rc == 0 && copy_file_metadata(from, c.root, &st) < 0)
		rc = fail_tree_copy(err, "");
	for (size_t i = 0; i < c.n; i++)
		free(c.linked[i].name);
	free(c.linked);
	close(c.root);
	return cryo_err_wrap(err, rc, "copy of '%s' to '%s'", src, dst);
}
