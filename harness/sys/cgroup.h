/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups of both kinds: cgroup v1 hierarchies (also "hybrid") and the
 * unified v2 tree. A path ("/cryopod/demo/node1") names the same group in every
 * hierarchy. Sources: kernel Documentation/admin-guide/cgroup-v1, cgroup-v2.rst.
 */
#ifndef CRYO_SYS_CGROUP_H
#define CRYO_SYS_CGROUP_H

#include "base/err.h"

#include <sys/types.h>

struct cryo_cgroup_tree {
	char *mount;   /* "/sys/fs/cgroup/cpu" */
	char *options; /* what a mount of the same hierarchy needs: "cpu", "none,name=systemd"; ""
			  for the unified tree */
};

struct cryo_cgroups {
	bool v2;
	/*
	 * v1, and the last tree is the unified one: nothing is controlled there, but a process
	 * is in it all the same, and CRIU keeps what is below its group there.
	 */
	bool hybrid;
	struct cryo_cgroup_tree *tree; /* v2: exactly one */
	size_t n;
};

/* From /proc/self/mountinfo. -CRYO_E_UNFIT: no usable cgroup file system is mounted. */
int cryo_cgroups_find(struct cryo_cgroups *out, struct cryo_err *err);
/* As above from given mountinfo text; the unified tree of a hybrid also where nobody may write to
 * it. */
int cryo_cgroups_parse(const char *mountinfo, struct cryo_cgroups *out, struct cryo_err *err);
/* Those that control something, all but the unified tree of a hybrid; borrowed from `cg`. */
struct cryo_cgroups cryo_cgroups_controlling(const struct cryo_cgroups *cg);
void cryo_cgroups_release(struct cryo_cgroups *cg);
#define cryo_cgroups_releasep cryo_cgroups_release

/* Make the group and its parents everywhere, ready for use (cpusets filled, v2 controllers handed
 * down to it). */
int cryo_cgroup_make(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err);
/* The same for a group whose parent is there, without handing anything down to it. */
int cryo_cgroup_make_bare(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err);
/*
 * v2: hand the controllers of the group down to its children. Not those of a
 * group with processes in it: some would agree and make it a thread root, below
 * which no process may be. v1: nothing to do.
 *   -CRYO_E_UNFIT   what is mounted is the group of a container, and has processes
 */
int cryo_cgroup_delegate(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err);
int cryo_cgroup_enter(const struct cryo_cgroups *cg, const char *path, pid_t pid,
		      struct cryo_err *err);
/* Send a signal to each of them, once; how many there were. */
size_t cryo_cgroup_signal(const struct cryo_cgroups *cg, const char *path, int sig);
/* Memory that the processes in it and below have for themselves, without the page cache; -1: not
 * known. */
int64_t cryo_cgroup_memory(const struct cryo_cgroups *cg, const char *path);
/* How many processes of it and below the kernel ended since it was made, because memory ran out:
 * the group's, or the machine's. */
uint64_t cryo_cgroup_oom_kills(const struct cryo_cgroups *cg, const char *path);
/* A setting, "cpu.shares", from the hierarchy that has it, its first line; NULL: none has. Caller
 * frees. */
char *cryo_cgroup_get(const struct cryo_cgroups *cg, const char *path, const char *file);
/* -CRYO_E_CHECK: no hierarchy has it. */
int cryo_cgroup_set(const struct cryo_cgroups *cg, const char *path, const char *file,
		    const char *value, struct cryo_err *err);
/* Kill what is in it, and remove it with everything below. Not there is fine. */
int cryo_cgroup_remove(const struct cryo_cgroups *cg, const char *path, struct cryo_err *err);
/* The group that a process is in: that of the memory controller; NULL: not known. Caller frees. */
char *cryo_cgroup_of(const struct cryo_cgroups *cg, pid_t pid);
/* Is it there in any hierarchy? */
bool cryo_cgroup_exists(const struct cryo_cgroups *cg, const char *path);

#endif
