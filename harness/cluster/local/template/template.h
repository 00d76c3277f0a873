/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates, for the files of this kind only (cluster/template.h is for others).
 *
 *   key.c        what a template depends on
 *   files.c      its files: list, check
 *   store.c      where they are: open, publish, remove
 *   list.c       all of them, and all snapshots: list, clean up
 *   template.c   a node into a template, and a node from it
 */
#ifndef CRYO_CLUSTER_LOCAL_TEMPLATE_TEMPLATE_H
#define CRYO_CLUSTER_LOCAL_TEMPLATE_TEMPLATE_H

#include "sys/hash.h"
#include "cluster/local/local.h"
#include "cluster/template.h"

/* Raise it when nodes change in a way that nothing else of the key tells. */
#define TEMPLATE_REVISION 1
#define TEMPLATE_MAX_JSON (8u << 20)

/* What cluster/template.h and cluster/snapshot.h tell, of this kind of cluster. */
struct cryo_snapshot_opts;
int local_template_list(json_t **out, struct cryo_err *err);
int local_template_remove(const char *key, size_t *n, struct cryo_err *err);
void local_template_clean(void);
int local_snapshot_save(struct cryo_cluster *t, const char *name,
			const struct cryo_snapshot_opts *opts, struct cryo_err *err);
int local_snapshot_list(json_t **out, struct cryo_err *err);
int local_snapshot_remove(const char *name, struct cryo_err *err);

/*
 * What it depends on: {revision, stamp, packages, criu, kernel, boot, cpu,
 * cgroups, capabilities, program, interposer, preload, cache}, all strings. New reference.
 */
int template_inputs(const char *stamp, const char *rootfs, json_t **out, struct cryo_err *err);
/* The part of it that has nothing to do with a stack, added. */
int template_machine(json_t *inputs, struct cryo_err *err);
/* Any change of any of them gives another key. */
void template_key(const json_t *inputs, char out[CRYO_HASH_HEX]);
/* The lines of /proc/cpuinfo that tell what a program may do on its first processor, appended. */
void template_cpu(const char *cpuinfo, struct cryo_str *out);

/* Every regular file below dir, by name: [{name, size, disk, mtime, ctime, ino, hash}]; `hash` is
 * taken only if `with_hash`. template.json itself is not among them. New reference. */
int template_files(const char *dir, bool with_hash, json_t **out, struct cryo_err *err);
/* What those take on the disk. */
uint64_t template_bytes(const json_t *files);
/*
 * Are the files of `dir` those of `want`? `trusted`: files that still have the
 * times and the inode they had are taken for unchanged; else their contents are
 * compared.
 *   0, or -CRYO_E_TAMPER: "'images/pages-1.img' is damaged"
 */
int template_check(const char *dir, const json_t *want, bool trusted, struct cryo_err *err);

struct template
{
	char key[CRYO_HASH_HEX];
	char *dir;
	json_t *meta;	     /* of template.json */
	const json_t *holds; /* of a snapshot that is made: {cluster, pods}; borrowed */
	int lock;	     /* shared: it is not removed while we read it; -1: not open */
};
#define TEMPLATE_INIT                                                                              \
	{                                                                                          \
		.lock = -1                                                                         \
	}

/*
 * Where templates are, or snapshots (snapshot.h): the same directories, named by
 * people. Both go by the word `key` here. None can be taken for the other: a key
 * is longer than names may be. Caller frees.
 */
char *template_store(bool snapshots);
bool template_is_key(const char *name); /* also with a suffix */
/* "<store><key><suffix>"; caller frees. */
char *template_path(const char *key, const char *suffix);
/* Why it cannot be made on this machine; NULL: not known to be impossible. Caller frees. */
char *template_failed(const char *key);
void template_set_failed(const char *key, const char *why);
/*
 * 0 and *out; 1: there is none of that key, or it is too old.
 *   -CRYO_E_TAMPER   it is damaged
 */
int template_open(const char *key, struct template *out, struct cryo_err *err);
void template_release(struct template *t);
#define template_releasep template_release
int64_t template_age_s(const json_t *meta);

/* A place to make one in: <key>.new, empty. 1: another cryopod makes it just now. */
int template_begin(const char *key, struct template *out, struct cryo_err *err);
/* Everything but template.json is there: write that, publish. */
int template_publish(struct template *t, const json_t *inputs, const struct local_record *r,
		     struct cryo_err *err);
/* Not to be published. */
void template_abandon(struct template *t);
/* Remove that one whole; waits for its users. */
int template_discard(const char *key, struct cryo_err *err);
/* Old ones, half ones, more than a few: what can go without anybody waiting for it. `keep`: that
 * key stays. */
void template_prune(const char *keep);

/* Removes what is left of unfinished snapshots. */
void template_prune_snapshots(void);
/* NULL, or why the snapshot cannot be restored here, with what can be done about it. Caller frees.
 */
char *template_snapshot_unfit(const char *name, const json_t *meta);

/* -CRYO_E_UNFIT: there is not as much free where it is to be. `bytes`: of the node's disk, and what
 * its processes hold. */
int template_space(const char *key, uint64_t bytes, struct cryo_err *err);
/*
 * Dump the node of a cluster, which must have no containers. 0: the node is dead,
 * and all but template.json is in *t, which is to be published or abandoned.
 *   1                the node is as it was; *why (owned) tells why there is no template
 *   negative         the node is in an unknown state
 */
int template_take(const struct local *l, const struct local_record *r, const char *key,
		  struct template *t, char **why, struct cryo_err *err);
/* The same, and publish it. */
int template_make(const struct local *l, const struct local_record *r, const char *key,
		  const json_t *inputs, char **why, struct cryo_err *err);
/* The node that was just dumped, in its own place again. */
int template_resume(const struct local *l, const struct template *t, const struct local_record *r,
		    struct cryo_pid *init, struct cryo_err *err);

struct template_times {
	int64_t copy, criu; /* ms */
};
/* Give the cluster, of which nothing may be there, disk, certificates and node of the template. */
int template_restore(const struct local *l, const struct template *t, const struct local_record *r,
		     struct cryo_pid *init, struct template_times *times, struct cryo_err *err);

#endif
