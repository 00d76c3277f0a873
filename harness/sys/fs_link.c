/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* What a link says when it is the file systems, and not the place, that do not fit. */
static bool is_no_failure(int e)
{
	return e == EXDEV || e == EPERM || e == EMLINK || e == EOPNOTSUPP || e == ENOENT;
}

int cryo_fs_link(int from, const char *to, bool sync, struct cryo_err *err)
{
	static atomic_uint count;
	cryo_auto(cryo_free) char *open = cryo_asprintf("/proc/self/fd/%d", from);
	cryo_auto(cryo_free) char *draft = cryo_asprintf("%s.%d-%u.part", to, getpid(), count++);
	int rc = cryo_fs_check_place(to, err);

	if (rc < 0)
		return rc;
	unlink(draft);
	if (linkat(AT_FDCWD, open, AT_FDCWD, draft, AT_SYMLINK_FOLLOW) < 0)
		return is_no_failure(errno) ? 0 : cryo_err_sys(err, errno, "cannot write '%s'", to);
	if ((sync && fsync(from) < 0) || rename(draft, to) < 0)
		rc = cryo_err_sys(err, errno, "cannot write '%s'", to);
	/* Two names of one file are left as they are by a rename. */
	unlink(draft);
	return rc < 0 ? rc : 1;
}
