/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/lock.h"

#include "base/clock.h"
#include "base/event.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who has it: the number in the file. Only for the message, so any reading error is "". */
static char *read_lock_holder(const char *path)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_str s = { 0 };

	if (cryo_fs_read(path, 32, &s, &ignored) < 0)
		cryo_str_clear(&s);
	return cryo_str_detach(&s);
}

/*
 * Got it? A lock whose file was removed by its last holder (cryo_lock_remove) is
 * nobody's: then errno is ESTALE and the file must be opened again.
 */
static bool try_lock_file(int fd, const char *path, int how)
{
	struct stat mine, there;

	if (flock(fd, how | LOCK_NB) < 0)
		return false;
	if (fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_ino == there.st_ino)
		return true;
	errno = ESTALE;
	return false;
}

static int wait_for_lock_file(const char *path, int how, int64_t wait_ms, int *fd,
			      struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int lock = -1;
	int64_t end = cryo_now_ms() + wait_ms;
	int rc = cryo_fs_mkparents(path, 0700, err);

	if (rc < 0)
		return rc;
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return cryo_err_sys(err, errno, "cannot open lock '%s'", path);
	while (!try_lock_file(lock, path, how)) {
		if (errno == ESTALE) {
			close(lock);
			lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			if (lock >= 0)
				continue;
		}
		if (errno != EWOULDBLOCK)
			return cryo_err_sys(err, errno, "cannot lock '%s'", path);
		if (cryo_now_ms() >= end) {
			cryo_auto(cryo_free) char *who = read_lock_holder(path);

			return cryo_err_set(err, CRYO_E_TIMEOUT,
					    "'%s' is held by another cryopod%s%s%s", path,
					    *who ? " (pid " : "", who, *who ? ")" : "");
		}
		rc = cryo_intr_sleep(50, err);
		if (rc < 0)
			return rc;
	}
	*fd = lock;
	lock = -1;
	return 0;
}

int cryo_lock_take(const char *path, int64_t wait_ms, int *fd, struct cryo_err *err)
{
	int rc = wait_for_lock_file(path, LOCK_EX, wait_ms, fd, err);

	if (rc == 0 && (ftruncate(*fd, 0) < 0 || dprintf(*fd, "%d", getpid()) < 0)) {
		rc = cryo_err_sys(err, errno, "cannot write lock '%s'", path);
		cryo_fd_closep(fd);
	}
	return rc;
}

int cryo_lock_join(const char *path, int64_t wait_ms, int *fd, struct cryo_err *err)
{
	return wait_for_lock_file(path, LOCK_SH, wait_ms, fd, err);
}

int cryo_lock_wait(const char *path, int64_t wait_ms, int *fd, struct cryo_err *err)
{
	int rc = cryo_lock_take(path, 0, fd, err);

	if (rc == 0 || err->status != CRYO_E_TIMEOUT)
		return rc;
	cryo_step_note("waiting: %s", err->msg);
	return cryo_lock_take(path, wait_ms, fd, err);
}

void cryo_lock_remove(const char *path, int *fd)
{
	unlink(path);
	cryo_fd_closep(fd);
}

bool cryo_lock_is_free(const char *path)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* The one of that name, which somebody may have put another one in the place of. */
static int lock_directory_fd(const char *dir, int how)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && !try_lock_file(fd, dir, how))
		cryo_fd_closep(&fd);
	return fd;
}

int cryo_lock_hold_dir(const char *dir)
{
	return lock_directory_fd(dir, LOCK_SH);
}

int cryo_lock_only_dir(const char *dir)
{
	return lock_directory_fd(dir, LOCK_EX);
}
