/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git (2.34 or newer) as a program: it reads mails, applies, merges and writes patches. It
 * works in a directory of its own, with the objects of a repository and nothing else of it:
 * no work tree, and no configuration, hook, filter or attribute of anybody has a say.
 */
#ifndef CRYO_GIT_BOX_H
#define CRYO_GIT_BOX_H

#include "base/str.h"
#include "git/repo.h"
#include "sys/proc.h"

struct cryo_gitbox {
	char *dir;	      /* 0700, for files of the caller's too; gone when it is closed */
	git_repository *repo; /* borrowed; NULL: it has no objects but its own */
	struct cryo_strv env; /* of the programs */
	struct cryo_proc_result last; /* of the program that ran last */
};

int cryo_gitbox_open(git_repository *repo, struct cryo_gitbox *out, struct cryo_err *err);
void cryo_gitbox_close(struct cryo_gitbox *box);
#define cryo_gitbox_closep cryo_gitbox_close

/* A file in its directory; caller frees. */
char *cryo_gitbox_path(const struct cryo_gitbox *box, const char *name);

/* A run of git: its words, and what it differs in from other runs. */
struct cryo_gitrun {
	const char *const *argv; /* from "git" on */
	const char *const *env;	 /* further variables, or NULL */
	const char *input;	 /* or NULL */
	const char *index;	 /* a file in the box; NULL: "index" */
};
#define CRYO_GIT(...) ((const char *const[]){ "git", __VA_ARGS__, NULL })

/* As cryo_proc_run(); what it said is in box->last. */
int cryo_gitbox_run(struct cryo_gitbox *box, const struct cryo_gitrun *run, struct cryo_err *err);
/* The only line it said: an object's id. */
int cryo_gitbox_id(struct cryo_gitbox *box, const struct cryo_gitrun *run, git_oid *id,
		   struct cryo_err *err);
/* The last line of what went wrong, without "error: "; caller frees. */
char *cryo_gitbox_reason(const struct cryo_gitbox *box);

#endif
