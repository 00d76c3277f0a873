/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar.h"

#include "sys/fs.h"
#include "sys/intr.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
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

static int put_tar_header(struct cryo_tar_writer *w, const char *name, unsigned type, mode_t mode,
			  int64_t size, struct cryo_err *err)
{
	struct archive_entry *e = archive_entry_new2(w->a);
	int rc;

	if (!e)
		abort();
	archive_entry_copy_pathname(e, name);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, mode);
	archive_entry_set_size(e, size);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	archive_entry_set_mtime(e, 0, 0);
	rc = check_tar_result(w, archive_write_header(w->a, e) == ARCHIVE_OK, name, err);
	archive_entry_free(e);
	return rc;
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
			return cryo_err_set(err, CRYO_E_SYSTEM,
					    "'%s' got shorter while it was read", path);
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
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is no regular file", path);
	rc = put_tar_header(w, name, AE_IFREG, mode, st.st_size, err);
	return rc < 0 ? rc : put_tar_content(w, name, fd, st.st_size, path, err);
}

int cryo_tar_add_dir(struct cryo_tar_writer *w, const char *name, mode_t mode, struct cryo_err *err)
{
	return put_tar_header(w, name, AE_IFDIR, mode, 0, err);
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
