/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of rke2/: the kinds of steps. Each can be run again after it was stopped anywhere, also
 * when it had already ended, and leaves the same.
 *
 *   keep       a copy of the release's data directory under a name that RKE2 does not clean
 *   stage      a data directory of ours: the original with our programs over it
 *   image      an archive in agent/images with our API server
 *   file       a file of configuration; what was there is kept
 *   swap       another `bin` in the place of the release's, in one moment
 *   restart    of the service
 *
 *   give-back  the release's data directory is there as it was, also when RKE2 has removed it
 *   unstage    ours goes, unless sandboxes still run from it (then RKE2 removes it later)
 *   unkeep, unimage, unfile, unswap
 */
#ifndef CRYO_RKE2_STEP_H
#define CRYO_RKE2_STEP_H

#include "rke2/journal.h"
#include "rke2/node.h"
#include "rke2/systemd.h"

#include <jansson.h>

struct rke2_run {
	struct cryo_rke2_journal *journal;
	const json_t *plan;
	const struct cryo_rke2_service *service;
	bool active; /* RKE2 may have been started with ours: it has to be started again */
	bool force;  /* changes of others may be lost */
};

struct rke2_step_kind {
	const char *name;
	/* `step` of the plan; *result (NULL at first) is kept in the journal. */
	int (*run)(const struct rke2_run *r, const json_t *step, json_t **result,
		   struct cryo_err *err);
	/* Adds {path, what} of all that an undo would destroy and that is neither ours nor old. */
	int (*find_changes)(const struct rke2_run *r, const json_t *step, const json_t *result,
			    json_t *out, struct cryo_err *err);
	/* Is what it makes there, as it made it? NULL: it makes nothing that stays. */
	bool (*is_done)(const struct rke2_run *r, const json_t *step, const json_t *result);
};

extern const struct rke2_step_kind rke2_step_keep, rke2_step_stage, rke2_step_image, rke2_step_file,
    rke2_step_swap, rke2_step_restart, rke2_step_give_back, rke2_step_unstage, rke2_step_unkeep,
    rke2_step_unimage, rke2_step_unfile, rke2_step_unswap;

const struct rke2_step_kind *rke2_step_find(const char *name);

/* Where bytes that were replaced are kept, by digest; caller frees. */
char *rke2_original_path(const char *sha256);
/* Keeps what is at `path` under that digest. */
int rke2_save_original(const char *path, const char *sha256, struct cryo_err *err);
void rke2_add_change(json_t *out, const char *path, const char *what);
/* Compares a list of rke2_list_tree with what is there now. `what` may be absent. */
int rke2_compare_tree(const char *dir, const json_t *want, json_t *out, struct cryo_err *err);

/*
 * An archive in docker's format (manifest.json) with one image of one layer, which RKE2 takes from
 * agent/images. `names` and `sources` are n files.
 */
struct rke2_archive_file {
	const char *name, *source;
};
int rke2_write_archive(const char *path, const char *ref, const struct rke2_archive_file *file,
		       size_t n, struct cryo_err *err);

#endif
