/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/path.h"

#include "seal/archive.h"
#include "seal/dir.h"
#include "seal/stream.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX		".cryopod-seal-"
#define DESCRIPTORS	"descriptors.json"
#define DESCRIPTORS_MAX (16 << 20)

/* One conversion: what to read with, or what to write with. */
struct job {
	const struct cryo_seal_writer_opts *seal;
	const struct cryo_seal_reader_opts *open;
};

/* runc wants it for a restore; it holds names of pipes and the like, nothing of the memory. */
static int take_descriptors(int from, int to, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_fd_close) int fd = -1;
	int rc = cryo_seal_dir_read(from, DESCRIPTORS, DESCRIPTORS_MAX, &text, err);

	if (rc < 0)
		return err->status == CRYO_E_SYSTEM && err->sys_errno == ENOENT ? 0 : rc;
	fd = openat(to, DESCRIPTORS, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot create '%s'", DESCRIPTORS);
	return cryo_seal_pwrite(fd, cryo_str_get(&text), text.len, 0, err);
}

static int seal_directory_set(int from, int to, const struct cryo_seal_writer_opts *o,
			      struct cryo_err *err)
{
	cryo_auto(cryo_seal_writer_free) struct cryo_seal_writer *w = NULL;
	int rc = cryo_seal_writer_new(to, o, &w, err);

	if (rc == 0)
		rc = cryo_seal_writer_dir(w, from, err);
	return rc < 0 ? rc : cryo_seal_writer_finish(w, err);
}

static int open_directory_set(int from, int to, const struct cryo_seal_reader_opts *o,
			      struct cryo_err *err)
{
	cryo_auto(cryo_seal_reader_free) struct cryo_seal_reader *r = NULL;
	int rc = cryo_seal_reader_new(from, o, &r, err);

	return rc < 0 ? rc : cryo_seal_reader_all(r, to, err);
}

static int convert_directory(const struct job *j, int from, const char *out, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int to = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (to < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", out);
	rc = j->seal ? seal_directory_set(from, to, j->seal, err)
		     : open_directory_set(from, to, j->open, err);
	if (rc == 0)
		rc = take_descriptors(from, to, err);
	return rc;
}

static int convert_single_file(const struct job *j, int from, const char *out, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int to =
	    open(out, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (to < 0)
		return cryo_err_sys(err, errno, "cannot create '%s'", out);
	rc = j->seal ? cryo_seal_archive_make(from, to, j->seal, err)
		     : cryo_seal_archive_open(from, to, j->open, err);
	if (rc == 0 && fsync(to) < 0)
		rc = cryo_err_sys(err, errno, "cannot write '%s'", out);
	return rc;
}

static int publish_converted(const char *from, const char *dst, struct cryo_err *err)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, dst, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' already exists", dst);
	return cryo_err_sys(err, errno, "cannot publish '%s'", dst);
}

/* "dir/" means the same as "dir". */
static char *cut_trailing_slash(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return cryo_strndup(path, n);
}

/* Makes `out`, a name within the fresh directory `tmp`, and moves it to its place. */
static int convert_in_temporary(const struct job *j, int from, bool dir, const char *tmp,
				const char *dst, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *out = cryo_asprintf("%s/out", tmp);
	int rc;

	if (dir && mkdir(out, 0700) < 0)
		return cryo_err_sys(err, errno, "cannot create '%s'", out);
	rc = (dir ? convert_directory : convert_single_file)(j, from, out, err);
	return rc < 0 ? rc : publish_converted(out, dst, err);
}

static int convert_to_target(const struct job *j, int from, bool dir, const char *dst_arg,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dst = cut_trailing_slash(dst_arg);
	cryo_auto(cryo_free) char *copy = cryo_strdup(dst);
	cryo_auto(cryo_free) char *tmp = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc;

	if (cryo_fs_exists(dst))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' already exists", dst);
	rc = cryo_fs_check_place(dst, err);
	if (rc < 0)
		return rc;
	rc = cryo_fs_tmpdir(dirname(copy), PREFIX, &tmp, err);
	if (rc < 0)
		return rc;
	rc = convert_in_temporary(j, from, dir, tmp, dst, err);
	cryo_fs_rmtree(tmp, &ignored);
	return rc;
}

static int convert_sealed_path(const struct job *j, const char *src, const char *dst,
			       struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int from = open(src, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return cryo_err_as(err, cryo_err_sys(err, errno, "cannot open '%s'", src),
				   CRYO_E_CONFIG);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is neither a file nor a directory",
				    src);
	return cryo_err_wrap(err, convert_to_target(j, from, S_ISDIR(st.st_mode), dst, err), "'%s'",
			     src);
}

int cryo_seal_path(const char *src, const char *dst, const struct cryo_seal_writer_opts *o,
		   struct cryo_err *err)
{
	const struct job j = { .seal = o };

	return cryo_err_wrap(err, convert_sealed_path(&j, src, dst, err), "cannot seal");
}

int cryo_seal_path_open(const char *src, const char *dst, const struct cryo_seal_reader_opts *o,
			struct cryo_err *err)
{
	const struct job j = { .open = o };

	return cryo_err_wrap(err, convert_sealed_path(&j, src, dst, err), "cannot open");
}
