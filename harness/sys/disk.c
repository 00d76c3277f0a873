/* SPDX-License-Identifier: Apache-2.0 */
/* How much of it there is, and how long ago somebody wanted it. */
#include "sys/fs.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOUCH_S 3600 /* a write for each use would be one for each `up` */

uint64_t cryo_fs_disk(const char *path)
{
	char *const roots[] = { (char *)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	uint64_t blocks = 0;
	const FTSENT *f;

	while (fts && (f = fts_read(fts)))
		if (f->fts_info != FTS_DP && f->fts_info != FTS_NS)
			blocks += (uint64_t)f->fts_statp->st_blocks;
	if (fts)
		fts_close(fts);
	return blocks * 512;
}

void cryo_fs_touch(const char *path, bool make)
{
	cryo_auto(cryo_fd_close) int fd = -1;
	int64_t now = cryo_wall_ns() / 1000000000, then = cryo_fs_changed_s(path);

	if (then > now - TOUCH_S && then <= now)
		return;
	if (then == 0 && make)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	else
		utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

int64_t cryo_fs_changed_s(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mtime : 0;
}
