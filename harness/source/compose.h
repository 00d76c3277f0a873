/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of source/: commits as mails. */
#ifndef CRYO_SOURCE_COMPOSE_H
#define CRYO_SOURCE_COMPOSE_H

#include "source/repo.h"

/*
 * The commit (of one parent) as `git am` and cryo_patch_parse() take it. Nothing in it
 * depends on the time, the machine, or where in a series it stands. What was written
 * is read and applied again: -CRYO_E_CONFIG if that gives another commit.
 */
int cryo_compose(git_repository *repo, git_commit *commit, struct cryo_str *out,
		 struct cryo_err *err);
/* "0001-kubelet-read-a-body.patch"; caller frees. */
char *cryo_compose_name(git_commit *commit, size_t number);

#endif
