/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify: Linux gives each user a number of inotify instances, 128 by default, for
 * everything that runs on the machine. A node takes 11 (docs/architecture.md,
 * "inotify"); one that gets less shows it in many ways, none of which tells the reason.
 */
#include "cluster/local/local.h"

#include "sys/fs.h"
#include "sys/intr.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define LIMIT "/proc/sys/fs/inotify/max_user_instances"
#define TRIES 5 /* others look at the same moment */
#define LOOK  20

unsigned local_inotify_free(unsigned most)
{
	int fd[64];
	unsigned n = 0;

	if (most > CRYO_ARRAY_LEN(fd))
		most = CRYO_ARRAY_LEN(fd);
	while (n < most && (fd[n] = inotify_init1(IN_CLOEXEC)) >= 0)
		n++;
	for (unsigned i = 0; i < n; i++)
		close(fd[i]);
	return n;
}

int local_blame_memory(const struct local_node *n, int rc, struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	struct cryo_err why = *err, ignored = CRYO_ERR_INIT;
	uint64_t kills;

	if (rc >= 0 || err->status == CRYO_E_INTERRUPTED || cryo_cgroups_find(&cg, &ignored) < 0)
		return rc;
	kills = cryo_cgroup_oom_kills(&cg, n->cgroup);
	if (kills == 0)
		return rc;
	return cryo_err_set(err, CRYO_E_UNFIT,
			    "memory ran out, the kernel ended %llu process%s of '%s' (%s)",
			    (unsigned long long)kills, kills == 1 ? "" : "es", n->name, why.msg);
}

int local_check_inotify(struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str limit = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	unsigned n = 0;
	int rc = 0;

	for (int i = 0; rc == 0 && i < TRIES; i++) {
		n = local_inotify_free(LOCAL_INOTIFY);
		if (n == LOCAL_INOTIFY)
			return 0;
		rc = cryo_intr_sleep(LOOK, err);
	}
	if (rc < 0)
		return rc;
	if (cryo_fs_read(LIMIT, 32, &limit, &ignored) < 0)
		cryo_str_clear(&limit);
	return cryo_err_set(err, CRYO_E_UNFIT,
			    "of the %.*s inotify instances of this user %u are free, a node needs "
			    "%u (sysctl -w fs.inotify.max_user_instances=1024)",
			    (int)strcspn(cryo_str_get(&limit), "\n"), cryo_str_get(&limit), n,
			    LOCAL_INOTIFY);
}
