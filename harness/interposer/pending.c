/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/pending.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define REASON_BYTES 4096

/* When the disk is full later that is the reason, and it needs a place. */
static int reserve_reason_space(int fd, struct cryo_err *err)
{
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, REASON_BYTES) == 0 || errno == EOPNOTSUPP)
		return 0;
	return cryo_err_sys(err, errno, "cannot write '%s'", CRYO_PENDING_NAME);
}

int cryo_pending_begin(int dir, int *lock, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = openat(
	    dir, CRYO_PENDING_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot create '%s'", CRYO_PENDING_NAME);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return cryo_err_sys(err, errno, "cannot lock '%s'", CRYO_PENDING_NAME);
	rc = reserve_reason_space(fd, err);
	if (rc < 0) {
		unlinkat(dir, CRYO_PENDING_NAME, 0);
		return rc;
	}
	*lock = fd;
	fd = -1;
	return 0;
}

void cryo_pending_failed(int lock, const char *why)
{
	dprintf(lock, "%s\n", why);
}
