/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar.h"

#include "sys/fs.h"
#include "sys/intr.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * libarchive (3.6) leaks its buffer once its output has failed. So it never hears
 * of a failure: it is kept here, and what is written after it goes nowhere.
 */
struct cryo_tar_writer {
	struct archive *a;
	int fd;
	int failed; /* errno of the first failure */
	bool discard;
};

static la_ssize_t tar_writer_on_write(struct archive *a, void *arg, const void *data, size_t len)
{
	struct cryo_tar_writer *w = arg;
	const char *p = data;
	size_t left = len;

	(void)a;
	while (left > 0 && !w->failed && !w->discard) {
		ssize_t n = write(w->fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			w->failed = errno;
			break;
		}
		p += n;
		left -= (size_t)n;
	}
	return (la_ssize_t)len;
}

static struct cryo_tar_writer *open_writer(int fd, bool gzip)
{
	struct cryo_tar_writer *w = cryo_alloc(sizeof(*w));

	w->fd = fd;
	w->a = archive_write_new();
	if (!w->a)
		abort();
	archive_write_set_format_pax_restricted(w->a);
	if (gzip) {
		archive_write_add_filter_gzip(w->a);
		archive_write_set_filter_option(w->a, "gzip", "timestamp", NULL);
		/* Programs: level 6 takes 2.5 times as long for an eighth less. */
		archive_write_set_filter_option(w->a, "gzip", "compression-level", "1");
	}
	archive_write_set_bytes_per_block(w->a, 65536);
	archive_write_set_bytes_in_last_block(w->a, 1);
	/* A failure here comes back from the first entry. */
	archive_write_open(w->a, w, NULL, tar_writer_on_write, NULL);
	return w;
}

struct cryo_tar_writer *cryo_tar_writer_new(int fd)
{
	return open_writer(fd, false);
}

struct cryo_tar_writer *cryo_tar_writer_new_gzip(int fd)
{
	return open_writer(fd, true);
}

/* `ok` is what libarchive thinks of its last call. */
static int check_tar_result(struct cryo_tar_writer *w, bool ok, const char *name,
			    struct cryo_err *err)
{
	const char *text = archive_error_string(w->a);

	if (w->failed)
		return cryo_err_sys(err, w->failed, "cannot write '%s' to the tar", name);
	if (ok)
		return 0;
	return cryo_err_set(err, CRYO_E_SYSTEM, "cannot write '%s' to the tar: %s", name,
			    text ? text : "no reason given");
}

static struct archive_entry *make_tar_entry(struct cryo_tar_writer *w, const char *name,
					    unsigned type, mode_t mode, int64_t size)
{
	struct archive_entry *e = archive_entry_new2(w->a);

	if (!e)
		abort();
	archive_entry_copy_pathname(e, name);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, mode);
	archive_entry_set_size(e, size);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	archive_entry_set_mtime(e, 0, 0);
	return e;
}

static bool is_ascii_name(const char *s)
{
	while (s && *s && (unsigned char)*s < 0x80)
		s++;
	return !s || !*s;
}

/* A name beyond ASCII goes as it is, marked as such; libarchive warns of it, as we have no locale.
 */
static bool was_entry_put(int answer, struct archive_entry *e)
{
	return answer == ARCHIVE_OK ||
	       (answer == ARCHIVE_WARN && !(is_ascii_name(archive_entry_pathname(e)) &&
					    is_ascii_name(archive_entry_symlink(e)) &&
					    is_ascii_name(archive_entry_hardlink(e))));
}

/* Takes the entry. */
static int put_tar_entry(struct cryo_tar_writer *w, struct archive_entry *e, const char *name,
			 struct cryo_err *err)
{
	int rc = check_tar_result(w, was_entry_put(archive_write_header(w->a, e), e), name, err);

	archive_entry_free(e);
	return rc;
}

static int put_tar_header(struct cryo_tar_writer *w, const char *name, unsigned type, mode_t mode,
			  int64_t size, struct cryo_err *err)
{
	return put_tar_entry(w, make_tar_entry(w, name, type, mode, size), name, err);
}

static int put_tar_bytes(struct cryo_tar_writer *w, const char *name, const char *data, size_t len,
			 struct cryo_err *err)
{
	while (len > 0) {
		la_ssize_t n = archive_write_data(w->a, data, len);

		if (n <= 0 || w->failed)
			return check_tar_result(w, false, name, err);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int cryo_tar_add_data(struct cryo_tar_writer *w, const char *name, mode_t mode, const void *data,
		      size_t len, struct cryo_err *err)
{
	int rc = put_tar_header(w, name, AE_IFREG, mode, (int64_t)len, err);

	return rc < 0 ? rc : put_tar_bytes(w, name, data, len, err);
}

static int put_tar_content(struct cryo_tar_writer *w, const char *name, int fd, int64_t left,
			   const char *path, struct cryo_err *err)
{
	char buf[65536];

	while (left > 0) {
		size_t want = left < (int64_t)sizeof(buf) ? (size_t)left : sizeof(buf);
		ssize_t n = read(fd, buf, want);
		int rc = cryo_intr_check(err);

		if (rc < 0)
			return rc;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cryo_err_sys(err, errno, "cannot read '%s'", path);
		if (n == 0)
			return cryo_err_set(err, CRYO_E_SYSTEM, "'%s' shrank while it was read",
					    path);
		rc = put_tar_bytes(w, name, buf, (size_t)n, err);
		if (rc < 0)
			return rc;
		left -= n;
	}
	return 0;
}

int cryo_tar_add_file(struct cryo_tar_writer *w, const char *name, mode_t mode, const char *path,
		      struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a regular file", path);
	rc = put_tar_header(w, name, AE_IFREG, mode, st.st_size, err);
	return rc < 0 ? rc : put_tar_content(w, name, fd, st.st_size, path, err);
}

int cryo_tar_add_dir(struct cryo_tar_writer *w, const char *name, mode_t mode, struct cryo_err *err)
{
	return put_tar_header(w, name, AE_IFDIR, mode, 0, err);
}

int cryo_tar_add_link(struct cryo_tar_writer *w, const char *name, const char *target,
		      struct cryo_err *err)
{
	struct archive_entry *e = make_tar_entry(w, name, AE_IFLNK, 0777, 0);

	archive_entry_copy_symlink(e, target);
	return put_tar_entry(w, e, name, err);
}

/* The attributes that a program needs to work; others are the build machine's. */
static int copy_file_capabilities(struct archive_entry *e, const char *path, struct cryo_err *err)
{
	static const char name[] = "security.capability";
	char value[256];
	ssize_t n = lgetxattr(path, name, value, sizeof(value));

	if (n >= 0)
		archive_entry_xattr_add_entry(e, name, value, (size_t)n);
	else if (errno != ENODATA && errno != ENOTSUP)
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	return 0;
}

static int copy_link_target(struct archive_entry *e, const char *path, struct cryo_err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	target[n] = '\0';
	archive_entry_copy_symlink(e, target);
	return 0;
}

int cryo_tar_add_as_is(struct cryo_tar_writer *w, const char *name, const char *path,
		       const char *hard, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	struct archive_entry *e;
	struct stat st;
	int rc = 0;

	if (lstat(path, &st) < 0)
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	if (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is a socket or a pipe", path);
	if (S_ISREG(st.st_mode) && (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", path);
	e = make_tar_entry(w, name, st.st_mode & S_IFMT, st.st_mode & 07777,
			   S_ISREG(st.st_mode) && !hard ? st.st_size : 0);
	archive_entry_set_uid(e, st.st_uid);
	archive_entry_set_gid(e, st.st_gid);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		archive_entry_set_rdev(e, st.st_rdev);
	if (hard)
		archive_entry_copy_hardlink(e, hard);
	else if (S_ISLNK(st.st_mode))
		rc = copy_link_target(e, path, err);
	else
		rc = copy_file_capabilities(e, path, err);
	if (rc < 0) {
		archive_entry_free(e);
		return rc;
	}
	rc = put_tar_entry(w, e, name, err);
	return rc < 0 || fd < 0 || hard ? rc : put_tar_content(w, name, fd, st.st_size, path, err);
}

static bool fits_any_pattern(const char *name, const char *const *patterns)
{
	while (*patterns && fnmatch(*patterns, name, FNM_PATHNAME) != 0)
		patterns++;
	return *patterns != NULL;
}

static int copy_tar_member(struct cryo_tar_writer *w, struct archive *from, struct archive_entry *e,
			   struct cryo_err *err)
{
	const char *name = archive_entry_pathname(e);
	char buf[65536];
	la_ssize_t n;
	int rc = cryo_intr_check(err);

	if (rc == 0)
		rc =
		    check_tar_result(w, was_entry_put(archive_write_header(w->a, e), e), name, err);
	if (rc < 0)
		return rc;
	while ((n = archive_read_data(from, buf, sizeof(buf))) > 0) {
		rc = put_tar_bytes(w, name, buf, (size_t)n, err);
		if (rc < 0)
			return rc;
	}
	return n == 0 ? 0
		      : cryo_err_set(err, CRYO_E_CONFIG, "'%s' is damaged: %s", name,
				     archive_error_string(from));
}

int cryo_tar_add_members(struct cryo_tar_writer *w, const char *from, const char *const *patterns,
			 struct cryo_err *err)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int rc = 0, got;

	if (!a)
		abort();
	archive_read_support_format_tar(a);
	got = archive_read_open_filename(a, from, 65536);
	while (rc == 0 && got == ARCHIVE_OK &&
	       (got = archive_read_next_header(a, &e)) == ARCHIVE_OK)
		if (fits_any_pattern(archive_entry_pathname(e), patterns))
			rc = copy_tar_member(w, a, e, err);
	if (rc == 0 && got != ARCHIVE_EOF)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "cannot read '%s': %s", from,
				  archive_error_string(a));
	archive_read_free(a);
	return rc;
}

int cryo_tar_finish(struct cryo_tar_writer *w, struct cryo_err *err)
{
	bool ok = archive_write_close(w->a) == ARCHIVE_OK;

	return check_tar_result(w, ok, "its end", err);
}

void cryo_tar_writer_free(struct cryo_tar_writer *w)
{
	if (!w)
		return;
	w->discard = true;
	archive_write_free(w->a);
	free(w);
}
