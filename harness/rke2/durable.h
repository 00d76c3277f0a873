/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of rke2/: files and trees that are on the disk before anything relies on them. What is
 * made anew has a name of its own until it is whole and synced, then it is renamed.
 *
 * Every point after which the power may fail is announced to a hook: that is how the tests cut it
 * everywhere.
 */
#ifndef CRYO_RKE2_DURABLE_H
#define CRYO_RKE2_DURABLE_H

#include "sys/hash.h"

#include <jansson.h>
#include <sys/stat.h>

/* Called after each sync and each change of a name; NULL: there is no listener. */
void cryo_rke2_set_hook(void (*hook)(const char *what, void *arg), void *arg);
void rke2_announce_point(const char *what);

int rke2_sync_dir(const char *dir, struct cryo_err *err);
/* Every file and directory below. */
int rke2_sync_tree(const char *dir, struct cryo_err *err);

/* What a file is beside its bytes. */
struct rke2_attrs {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	const char *label_from; /* a file whose SELinux label it gets; NULL: none */
};

/*
 * A new file at `dst`, synced, its name not yet. `want`: the digest it has to have, or NULL.
 * -CRYO_E_CONFIG: it has another.
 */
int rke2_copy_file(const char *src, const char *dst, const struct rke2_attrs *a, const char *want,
		   struct cryo_err *err);
/* Whole or not at all, also for the power; what was there is replaced. */
int rke2_publish_file(const char *path, const void *data, size_t len, const struct rke2_attrs *a,
		      struct cryo_err *err);
int rke2_publish_copy(const char *path, const char *src, const struct rke2_attrs *a,
		      const char *want, struct cryo_err *err);
/* A path that is not there is fine. */
int rke2_remove_file(const char *path, struct cryo_err *err);
/* Under another name first, so that half of it is never visible. */
int rke2_remove_tree(const char *path, struct cryo_err *err);
int rke2_rename(const char *from, const char *to, struct cryo_err *err);
/* Two names change places in one moment (renameat2 with RENAME_EXCHANGE). */
int rke2_exchange(const char *a, const char *b, struct cryo_err *err);
/* The same files under other names: directories are made, files are linked. Not synced. */
int rke2_link_tree(const char *from, const char *to, struct cryo_err *err);

/*
 * {"bin/kubelet": {sha256, mode, uid, gid} or {link}}, of all files below. New reference, NULL on
 * failure. Digests come from the cache of digest.h.
 */
json_t *rke2_list_tree(const char *dir, struct cryo_err *err);

#endif
