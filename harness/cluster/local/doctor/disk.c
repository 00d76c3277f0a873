/* SPDX-License-Identifier: Apache-2.0 */
/* Where clusters and builds are to be stored. */
#include "base/clock.h"
#include "sys/fs.h"
#include "cluster/local/local.h"
#include "cluster/local/doctor/doctor.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Measured: etcd, images and logs of a cluster; programs, root file system and build root. */
#define STATE_BYTES (1ull << 30)
#define CACHE_BYTES (3ull << 30)

/* Not in linux/magic.h; sources: fs/xfs, fs/smb, OpenZFS. */
#define MAGIC_XFS  0x58465342
#define MAGIC_CIFS 0xff534d42
#define MAGIC_ZFS  0x2fc12fc1

const char *machine_fs_name(unsigned long type, enum cryo_verdict *verdict)
{
	static const struct {
		unsigned long type;
		enum cryo_verdict verdict;
		const char *name;
	} known[] = {
		{ EXT4_SUPER_MAGIC, CRYO_VERDICT_OK, "ext4" },
		{ MAGIC_XFS, CRYO_VERDICT_OK, "xfs" },
		{ BTRFS_SUPER_MAGIC, CRYO_VERDICT_OK, "btrfs" },
		{ F2FS_SUPER_MAGIC, CRYO_VERDICT_OK, "f2fs" },
		{ TMPFS_MAGIC, CRYO_VERDICT_OK, "tmpfs" },
		{ MAGIC_ZFS, CRYO_VERDICT_NOTE, "zfs" }, /* from OpenZFS 2.2 on */
		{ OVERLAYFS_SUPER_MAGIC, CRYO_VERDICT_FAIL, "overlayfs" },
		{ NFS_SUPER_MAGIC, CRYO_VERDICT_FAIL, "nfs" },
		{ FUSE_SUPER_MAGIC, CRYO_VERDICT_FAIL, "fuse" },
		{ V9FS_MAGIC, CRYO_VERDICT_FAIL, "9p" },
		{ MAGIC_CIFS, CRYO_VERDICT_FAIL, "cifs" },
		{ SMB2_SUPER_MAGIC, CRYO_VERDICT_FAIL, "smb" },
		{ MSDOS_SUPER_MAGIC, CRYO_VERDICT_FAIL, "vfat" },
		{ ECRYPTFS_SUPER_MAGIC, CRYO_VERDICT_FAIL, "ecryptfs" },
		{ RAMFS_MAGIC, CRYO_VERDICT_FAIL, "ramfs" },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++) {
		if (known[i].type == (type & 0xffffffff)) {
			*verdict = known[i].verdict;
			return known[i].name;
		}
	}
	*verdict = CRYO_VERDICT_NOTE;
	return NULL;
}

/* Writable by us, with that much space? Says so if not. */
static bool check_free_space(struct cryo_finding *f, const char *what, const char *variable,
			     const char *path, uint64_t need)
{
	cryo_auto(cryo_free) char *dir = machine_nearest_dir(path);
	cryo_auto(cryo_free) char *fix =
	    cryo_asprintf("free some space, or name another place: export %s=DIRECTORY", variable);
	cryo_auto(cryo_free) char *wanted = cryo_size_show(need);
	cryo_auto(cryo_free) char *have = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	uint64_t bytes = 0;

	if (access(dir, W_OK | X_OK) < 0) {
		machine_say(f, CRYO_VERDICT_FAIL, fix, "cannot write in '%s': %s", dir,
			    strerror(errno));
		return false;
	}
	if (cryo_fs_free_bytes(dir, &bytes, &err) < 0) {
		machine_say(f, CRYO_VERDICT_FAIL, fix, "%s", err.msg);
		return false;
	}
	if (bytes >= need)
		return true;
	have = cryo_size_show(bytes);
	machine_say(f, CRYO_VERDICT_FAIL, fix, "%s free in '%s', but %s needs %s", have, path, what,
		    wanted);
	return false;
}

static bool check_plain_path(struct cryo_finding *f, const char *variable, const char *path)
{
	cryo_auto(cryo_free) char *fix = cryo_asprintf("export %s=DIRECTORY", variable);

	if (path[0] == '/' && !strpbrk(path, LOCAL_BAD_IN_PATH))
		return true;
	machine_say(f, CRYO_VERDICT_FAIL, fix, "'%s' %s", path,
		    path[0] == '/' ? "contains a comma, colon or backslash: overlayfs cannot use it"
				   : "is not an absolute path");
	return false;
}

void machine_state_dir(struct machine_look *k, struct cryo_finding *f)
{
	static const char fix[] = "export CRYOPOD_STATE_DIR=DIRECTORY, on ext4, xfs or btrfs";
	static const char variable[] = "CRYOPOD_STATE_DIR";
	const char *path = cryo_dir_state(), *name;
	cryo_auto(cryo_free) char *dir = machine_nearest_dir(path);
	enum cryo_verdict verdict;
	struct statfs s = { 0 };

	(void)k;
	if (!check_plain_path(f, variable, path) ||
	    !check_free_space(f, "a cluster", variable, path, STATE_BYTES))
		return;
	if (statfs(dir, &s) < 0) {
		machine_say(f, CRYO_VERDICT_FAIL, fix, "cannot look at '%s': %s", dir,
			    strerror(errno));
		return;
	}
	name = machine_fs_name((unsigned long)s.f_type, &verdict);
	if (verdict == CRYO_VERDICT_FAIL)
		machine_say(f, verdict, fix, "'%s' is on %s, which overlayfs cannot write to", path,
			    name);
	else if (verdict == CRYO_VERDICT_NOTE)
		machine_say(f, verdict, fix, "'%s' is on %s: not known to work with overlayfs",
			    path, name ? name : "an unknown file system");
	else
		machine_say(f, verdict, NULL, "%s (%s)", path, name);
}

void machine_cache_dir(struct machine_look *k, struct cryo_finding *f)
{
	static const char variable[] = "CRYOPOD_CACHE_DIR";
	const char *path = cryo_dir_cache();
	cryo_auto(cryo_free) char *dir = machine_nearest_dir(path);
	uint64_t need = k->complete ? 0 : CACHE_BYTES;
	struct statvfs v = { 0 };

	if (!check_plain_path(f, variable, path) ||
	    !check_free_space(f, "building", variable, path, need))
		return;
	if (statvfs(dir, &v) == 0 && v.f_flag & ST_NOEXEC)
		machine_say(f, CRYO_VERDICT_FAIL, "export CRYOPOD_CACHE_DIR=DIRECTORY",
			    "'%s' is mounted noexec: programs of a node could not be run", path);
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "%s", path);
}
