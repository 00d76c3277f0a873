/* SPDX-License-Identifier: Apache-2.0 */
/* Whole trees: synced, linked, listed. */
#include "rke2/durable.h"

#include "base/str.h"
#include "rke2/digest.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Calls visit for all below `dir` (and itself, with name ""), parents before what is in them. */
static int walk_tree(const char *dir, bool parents_last,
		     int (*visit)(const FTSENT *f, const char *name, void *arg,
				  struct cryo_err *err),
		     void *arg, struct cryo_err *err)
{
	char *const roots[] = { (char *)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	size_t skip = strlen(dir);
	FTSENT *f;
	int rc = 0;

	if (!fts)
		return cryo_err_sys(err, errno, "cannot read '%s'", dir);
	while (rc == 0 && (f = fts_read(fts))) {
		const char *name = f->fts_path + skip;

		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS)
			rc = cryo_err_sys(err, f->fts_errno, "cannot read '%s'", f->fts_path);
		else if (f->fts_info != (parents_last ? FTS_D : FTS_DP))
			rc = visit(f, name + (*name == '/'), arg, err);
	}
	fts_close(fts);
	return rc;
}

static int sync_entry(const FTSENT *f, const char *name, void *arg, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = -1;

	(void)name;
	(void)arg;
	if (f->fts_info == FTS_DP)
		return rke2_sync_dir(f->fts_path, err);
	if (f->fts_info != FTS_F)
		return 0;
	fd = open(f->fts_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return cryo_err_sys(err, errno, "cannot sync '%s'", f->fts_path);
	rke2_announce_point(f->fts_path);
	return 0;
}

int rke2_sync_tree(const char *dir, struct cryo_err *err)
{
	return walk_tree(dir, true, sync_entry, NULL, err);
}

/* A directory made anew gets the owner, mode and SELinux label of the one it stands for. */
static int make_like(const char *from, const char *to, const struct stat *st)
{
	char label[512];
	ssize_t n = getxattr(from, "security.selinux", label, sizeof(label));

	if (mkdir(to, 0700) < 0 || chown(to, st->st_uid, st->st_gid) < 0 ||
	    chmod(to, st->st_mode & 07777) < 0)
		return -1;
	if (n > 0 && setxattr(to, "security.selinux", label, (size_t)n, 0) < 0 && errno != ENOTSUP)
		return -1;
	return 0;
}

static int link_entry(const FTSENT *f, const char *name, void *arg, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%s", (const char *)arg, name);
	int rc = f->fts_info == FTS_D ? make_like(f->fts_path, to, f->fts_statp)
				      : linkat(AT_FDCWD, f->fts_path, AT_FDCWD, to, 0);

	return rc < 0 ? cryo_err_sys(err, errno, "cannot link '%s'", to) : 0;
}

int rke2_link_tree(const char *from, const char *to, struct cryo_err *err)
{
	return walk_tree(from, false, link_entry, (void *)to, err);
}

static int list_entry(const FTSENT *f, const char *name, void *arg, struct cryo_err *err)
{
	const struct stat *st = f->fts_statp;
	char digest[CRYO_HASH_HEX], target[4096];
	ssize_t n;
	int rc;

	if (f->fts_info == FTS_D)
		return 0;
	if (f->fts_info == FTS_SL || f->fts_info == FTS_SLNONE) {
		n = readlink(f->fts_path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		json_object_set_new(arg, name, json_pack("{ss}", "link", target));
		return 0;
	}
	rc = cryo_rke2_digest(f->fts_path, digest, err);
	if (rc == 0)
		json_object_set_new(arg, name,
				    json_pack("{ss si si si}", "sha256", digest, "mode",
					      (int)(st->st_mode & 07777), "uid", (int)st->st_uid,
					      "gid", (int)st->st_gid));
	return rc;
}

json_t *rke2_list_tree(const char *dir, struct cryo_err *err)
{
	json_t *all = json_object();

	if (walk_tree(dir, false, list_entry, all, err) == 0)
		return all;
	json_decref(all);
	return NULL;
}
