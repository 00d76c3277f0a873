/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar.h"

#include "sys/fs.h"
#include "sys/intr.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512

struct cryo_tar_reader {
	struct archive *a;
	const char *path;
	int fd;
	int64_t size;
	bool at_end; /* libarchive asked for more than there is */
	bool failed; /* in the content of the current member */
	char *name;  /* of the current member; NULL before the first */
	uint64_t bytes;
	size_t members;
	char buf[65536];
};

static la_ssize_t tar_reader_on_read(struct archive *a, void *arg, const void **buf)
{
	struct cryo_tar_reader *r = arg;
	ssize_t n;

	do
		n = read(r->fd, r->buf, sizeof(r->buf));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "read failed");
	r->at_end = n == 0;
	*buf = r->buf;
	return n;
}

/* Not beyond the end of the file, so that a member that is cut short shows. */
static la_int64_t tar_reader_on_skip(struct archive *a, void *arg, la_int64_t request)
{
	struct cryo_tar_reader *r = arg;
	off_t at = lseek(r->fd, 0, SEEK_CUR);

	(void)a;
	if (at < 0 || request > r->size - at)
		return 0;
	return lseek(r->fd, request, SEEK_CUR) < 0 ? 0 : request;
}

static int open_tar_source(struct cryo_tar_reader *r, struct cryo_err *err)
{
	struct stat st;

	/* Non-blocking: a FIFO in the file's place must not make us wait. */
	r->fd = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0 || fstat(r->fd, &st) < 0)
		return cryo_err_as(err, cryo_err_sys(err, errno, "cannot open '%s'", r->path),
				   CRYO_E_CONFIG);
	if (!S_ISREG(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a regular file", r->path);
	if (st.st_size == 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is empty", r->path);
	r->size = st.st_size;
	return 0;
}

static void open_tar_reader(struct cryo_tar_reader *r)
{
	r->a = archive_read_new();
	if (!r->a)
		abort();
	/* Not "all": that would run outside programs for some of them. */
	archive_read_support_filter_gzip(r->a);
	archive_read_support_filter_bzip2(r->a);
	archive_read_support_filter_xz(r->a);
	archive_read_support_filter_zstd(r->a);
	archive_read_support_format_tar(r->a);
	archive_read_set_callback_data(r->a, r);
	archive_read_set_read_callback(r->a, tar_reader_on_read);
	archive_read_set_skip_callback(r->a, tar_reader_on_skip);
	/* A failure here comes back from the first header. */
	archive_read_open1(r->a);
}

static int report_damaged_tar(struct cryo_tar_reader *r, struct cryo_err *err)
{
	const char *text = archive_error_string(r->a);

	if (!r->name)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a tar archive", r->path);
	if (r->at_end)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is truncated in '%s'", r->path,
				    r->name);
	return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is damaged in or after '%s': %s", r->path,
			    r->name, text ? text : "no reason given");
}

/*
 * libarchive takes the end of the file between two members for the end of the
 * archive. It is one only behind two blocks of zeros, as every writer makes them.
 */
static bool has_end_marker(struct cryo_tar_reader *r)
{
	int64_t at = archive_read_header_position(r->a);
	char mark[2 * BLOCK];

	if (archive_filter_bytes(r->a, 0) - at < (int64_t)sizeof(mark))
		return false;
	if (archive_filter_code(r->a, 0) != ARCHIVE_FILTER_NONE)
		return true;
	if (pread(r->fd, mark, sizeof(mark), at) != (ssize_t)sizeof(mark))
		return false;
	for (size_t i = 0; i < sizeof(mark); i++)
		if (mark[i])
			return false;
	return true;
}

static int check_tar_end(struct cryo_tar_reader *r, struct cryo_err *err)
{
	if (!r->name)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is empty", r->path);
	if (!has_end_marker(r))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is truncated after '%s'", r->path,
				    r->name);
	return 0;
}

/* Every part between slashes is a real name. */
static bool is_plain_path(const char *name)
{
	for (;; name++) {
		size_t n = strcspn(name, "/");

		if (n == 0 || (n == 1 && name[0] == '.') ||
		    (n == 2 && name[0] == '.' && name[1] == '.'))
			return false;
		name += n;
		if (!*name)
			return true;
	}
}

/* The name as we use it, "." for the root itself; NULL if it leads elsewhere. */
static char *clean_member_name(const char *raw)
{
	cryo_auto(cryo_free) char *name = NULL;
	size_t n;

	while (raw[0] == '.' && raw[1] == '/')
		raw += 2;
	n = strlen(raw);
	while (n > 1 && raw[n - 1] == '/')
		n--;
	name = n == 0 ? cryo_strdup(".") : cryo_strndup(raw, n);
	return strcmp(name, ".") == 0 || is_plain_path(name) ? cryo_steal(&name) : NULL;
}

static int take_member_name(struct cryo_tar_reader *r, struct archive_entry *ae,
			    struct cryo_err *err)
{
	const char *raw = archive_entry_pathname(ae);
	char *name;

	if (!raw)
		raw = archive_entry_pathname_utf8(ae);
	name = raw && *raw ? clean_member_name(raw) : NULL;
	if (!name)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' contains the unsafe name '%s'",
				    r->path, raw ? raw : "");
	free(r->name);
	r->name = name;
	return 0;
}

static int check_tar_entry(struct cryo_tar_reader *r, struct archive_entry *ae,
			   struct cryo_tar_entry *e, struct cryo_err *err)
{
	int64_t size = archive_entry_size(ae);
	unsigned type = archive_entry_filetype(ae);
	int rc = take_member_name(r, ae, err);

	if (rc < 0)
		return rc;
	if ((type != AE_IFREG && type != AE_IFDIR) || archive_entry_hardlink(ae))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "'%s': '%s' is neither a file nor a directory", r->path,
				    r->name);
	if (size < 0 || (uint64_t)size > CRYO_TAR_MAX_BYTES - r->bytes)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' expands to too much data at '%s'",
				    r->path, r->name);
	if (++r->members > CRYO_TAR_MAX_MEMBERS)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' has more than %d members", r->path,
				    CRYO_TAR_MAX_MEMBERS);
	r->bytes += (uint64_t)size;
	*e = (struct cryo_tar_entry){ r->name, type == AE_IFDIR, archive_entry_perm(ae),
				      (uint64_t)size,
				      (uint64_t)archive_read_header_position(r->a) };
	return 0;
}

ssize_t cryo_tar_read(struct cryo_tar_reader *r, void *buf, size_t n)
{
	la_ssize_t got;

	do
		got = archive_read_data(r->a, buf, n);
	while (got == ARCHIVE_RETRY);
	if (got < 0)
		r->failed = true;
	return got < 0 ? -1 : got;
}

void cryo_tar_read_most(struct cryo_tar_reader *r, size_t most, struct cryo_str *out)
{
	char buf[65536];
	size_t got = 0;
	ssize_t n = 1;

	/* -1: the walk fails by itself. */
	while (got < most && n > 0) {
		n = cryo_tar_read(r, buf, most - got < sizeof(buf) ? most - got : sizeof(buf));
		if (n > 0) {
			cryo_str_addn(out, buf, (size_t)n);
			got += (size_t)n;
		}
	}
}

void cryo_tar_read_all(struct cryo_tar_reader *r, struct cryo_str *out)
{
	cryo_tar_read_most(r, SIZE_MAX, out);
}

/* 0: go on; 1: no more. */
static int visit_next_member(struct cryo_tar_reader *r, cryo_tar_visit visit, void *arg,
			     struct cryo_err *err)
{
	struct archive_entry *ae;
	struct cryo_tar_entry e;
	int rc = cryo_intr_check(err);

	if (rc < 0)
		return rc;
	do
		rc = archive_read_next_header(r->a, &ae);
	while (rc == ARCHIVE_RETRY);
	if (rc == ARCHIVE_EOF) {
		rc = check_tar_end(r, err);
		return rc < 0 ? rc : 1;
	}
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return report_damaged_tar(r, err);
	rc = check_tar_entry(r, ae, &e, err);
	if (rc == 0)
		rc = visit(r, &e, arg, err);
	return r->failed ? report_damaged_tar(r, err) : rc;
}

int cryo_tar_walk(const char *path, cryo_tar_visit visit, void *arg, struct cryo_err *err)
{
	struct cryo_tar_reader *r = cryo_alloc(sizeof(*r));
	int rc;

	r->path = path;
	rc = open_tar_source(r, err);
	if (rc == 0)
		open_tar_reader(r);
	while (rc == 0)
		rc = visit_next_member(r, visit, arg, err);
	archive_read_free(r->a);
	cryo_fd_closep(&r->fd);
	free(r->name);
	free(r);
	return rc < 0 ? rc : 0;
}
