/* SPDX-License-Identifier: Apache-2.0 */
#include "interposer/store.h"

#include "base/clock.h"
#include "sys/fs.h"
#include "sys/meminfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PREFIX	  "criu-"
#define MAX_TASKS 65536
#define MAX_DEPTH 64

/* The sum of "Key: N kB" lines in a file of /proc. */
static uint64_t sum_kilobyte_lines(const char *path, const char *const *keys)
{
	char line[256];
	uint64_t sum = 0;
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; keys[i]; i++)
			if (cryo_starts_with(line, keys[i]))
				sum += strtoull(line + strlen(keys[i]), NULL, 10) << 10;
	if (f)
		fclose(f);
	return sum;
}

static uint64_t estimate_process_tree(pid_t pid, unsigned depth, unsigned *budget);

static uint64_t estimate_children(pid_t pid, pid_t tid, unsigned depth, unsigned *budget)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/%d/task/%d/children", pid, tid);
	FILE *f = fopen(path, "re");
	uint64_t sum = 0;
	int child;

	while (f && fscanf(f, "%d", &child) == 1)
		sum += estimate_process_tree(child, depth + 1, budget);
	if (f)
		fclose(f);
	return sum;
}

static uint64_t estimate_process_tree(pid_t pid, unsigned depth, unsigned *budget)
{
	static const char *const keys[] = { "Pss_Anon:", "Pss_Shmem:", NULL };
	cryo_auto(cryo_free) char *rollup = cryo_asprintf("/proc/%d/smaps_rollup", pid);
	cryo_auto(cryo_free) char *tasks = cryo_asprintf("/proc/%d/task", pid);
	uint64_t sum = 0;
	DIR *d;

	if (depth > MAX_DEPTH || *budget == 0)
		return 0;
	(*budget)--;
	sum = sum_kilobyte_lines(rollup, keys);
	d = opendir(tasks);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			sum += estimate_children(pid, atoi(e->d_name), depth, budget);
	if (d)
		closedir(d);
	return sum;
}

uint64_t cryo_store_estimate(pid_t pid)
{
	unsigned budget = MAX_TASKS;

	return estimate_process_tree(pid, 0, &budget);
}

static int check_memory(uint64_t need, uint64_t *limit, struct cryo_err *err)
{
	uint64_t available = cryo_memory_available();
	cryo_auto(cryo_free) char *wanted = cryo_size_show(need);
	cryo_auto(cryo_free) char *there = NULL;

	if (*limit == 0 || *limit > available)
		*limit = available;
	if (need <= *limit)
		return 0;
	there = cryo_size_show(*limit);
	return cryo_err_set(err, CRYO_E_UNFIT,
			    "not enough memory for the plain images: about %s are needed, %s are "
			    "available: free memory, or raise 'memory' in the configuration",
			    wanted, there);
}

/* 0, or the errno of the step that failed. */
static int mount_store_tmpfs(uint64_t limit, int *mount)
{
	char size[32];
	int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), e = 0;

	if (fs < 0)
		return errno;
	snprintf(size, sizeof(size), "%llu", (unsigned long long)limit);
	syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "noswap", NULL, 0); /* since 6.4 */
	/*
	 * Pages as large as a write, not larger than the file (since 6.14): CRIU dumps
	 * twice as fast. At most 2 MiB where the small ones have 4 KiB: holes of whole
	 * PUNCHes (seal/follow.c) then never go through one.
	 */
	if (sysconf(_SC_PAGESIZE) == 4096)
		syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "huge", "within_size", 0);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		e = errno;
	else if ((*mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
					MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)) <
		 0)
		e = errno;
	close(fs);
	return e;
}

/*
 * A directory belongs to whoever holds its lock; the lock goes with the last
 * process. Its maker may not have it yet: such a directory is empty, and its
 * maker notices and makes another one.
 */
static void remove_left_store(const char *parent, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", parent, name);
	cryo_auto(cryo_fd_close) int fd =
	    open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct cryo_err ignored;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		cryo_fs_rmtree(path, &ignored);
}

static void remove_left_stores(const char *parent)
{
	DIR *d = opendir(parent);

	for (struct dirent *e; d && (e = readdir(d));)
		if (cryo_starts_with(e->d_name, PREFIX))
			remove_left_store(parent, e->d_name);
	if (d)
		closedir(d);
}

static int take_directory(const char *parent, struct cryo_store *s, struct cryo_err *err)
{
	struct stat st;
	int rc;

	do {
		if (s->dir >= 0)
			close(s->dir);
		cryo_freep(&s->path);
		rc = cryo_fs_tmpdir(parent, PREFIX, &s->path, err);
		if (rc < 0)
			return rc;
		s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (s->dir < 0 && errno != ENOENT)
			return cryo_err_sys(err, errno, "cannot open '%s'", s->path);
	} while (s->dir < 0 || flock(s->dir, LOCK_EX | LOCK_NB) < 0 || fstat(s->dir, &st) < 0 ||
		 st.st_nlink == 0);
	return 0;
}

static int make_directory(const char *parent, uint64_t need, struct cryo_store *s,
			  struct cryo_err *err)
{
	struct statfs fs;
	int rc = cryo_fs_mkdirs(parent, 0700, err);

	if (rc < 0)
		return rc;
	if (statfs(parent, &fs) < 0)
		return cryo_err_sys(err, errno, "cannot look at '%s'", parent);
	if (fs.f_type != TMPFS_MAGIC)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "'%s' is not on a tmpfs: plain images would reach a disk",
				    parent);
	remove_left_stores(parent);
	if (statfs(parent, &fs) == 0 && (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < need)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "the tmpfs at '%s' is too small for the plain images", parent);
	return take_directory(parent, s, err);
}

int cryo_store_check(uint64_t need, uint64_t limit, struct cryo_err *err)
{
	return check_memory(need, &limit, err);
}

int cryo_store_make(const char *tmpfs, const char *run, uint64_t need, uint64_t limit,
		    struct cryo_store *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *plain = cryo_asprintf("%s/plain", run);
	int rc = check_memory(need, &limit, err), e;

	if (rc < 0)
		return rc;
	*s = (struct cryo_store)CRYO_STORE_INIT;
	if (tmpfs)
		return make_directory(tmpfs, need, s, err);
	e = mount_store_tmpfs(limit, &s->mount);
	if (e == ENOSYS)
		return make_directory(plain, need, s, err);
	if (e)
		return cryo_err_sys(err, e, "cannot make a tmpfs");
	s->dir = openat(s->mount, ".", O_RDONLY | O_DIRECTORY);
	return s->dir < 0 ? cryo_err_sys(err, errno, "cannot open the tmpfs") : 0;
}

void cryo_store_remove(struct cryo_store *s)
{
	struct cryo_err ignored;

	if (s->path)
		cryo_fs_rmtree(s->path, &ignored);
	if (s->dir >= 0)
		close(s->dir);
	if (s->mount >= 0)
		close(s->mount);
	free(s->path);
	*s = (struct cryo_store)CRYO_STORE_INIT;
}
