/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/dir.h"

#include "seal/stream.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_NAMES 200000

static int compare_dir_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int cryo_seal_dir_list(int dir, struct cryo_strv *names, struct cryo_err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int failed;

	if (!d)
		return cryo_err_sys(err, errno, "cannot list the directory");
	while ((errno = 0, e = readdir(d)) && names->n < MAX_NAMES)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			cryo_strv_add(names, e->d_name);
	failed = errno;
	closedir(d);
	if (failed)
		return cryo_err_sys(err, failed, "cannot list the directory");
	if (names->n >= MAX_NAMES)
		return cryo_err_set(err, CRYO_E_CONFIG, "too many files");
	if (names->n > 0)
		qsort(names->v, names->n, sizeof(*names->v), compare_dir_names);
	return 0;
}

int cryo_seal_dir_open(int dir, const char *name, int *out, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	struct stat st;

	/* Some devices act on being opened: looked at before, and again, should it have changed. */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", name);
	if (S_ISREG(st.st_mode)) {
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			return cryo_err_sys(err, errno, "cannot open '%s'", name);
	}
	if (S_ISLNK(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is a link", name);
	if (!S_ISREG(st.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a regular file", name);
	*out = fd;
	fd = -1;
	return 0;
}

int cryo_seal_dir_read(int dir, const char *name, size_t max, struct cryo_str *out,
		       struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	int rc = cryo_seal_dir_open(dir, name, &fd, err);
	char buf[65536];
	size_t got = 1;

	for (uint64_t at = 0; rc == 0 && got > 0; at += got) {
		rc = cryo_seal_pread(fd, buf, sizeof(buf), at, &got, err);
		if (rc == 0 && at + got > max)
			rc = cryo_err_set(err, CRYO_E_CONFIG, "'%s' is too large", name);
		if (rc == 0)
			cryo_str_addn(out, buf, got);
	}
	return rc;
}
