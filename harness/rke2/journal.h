/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a node: <state>/rke2/journal.jsonl. Its first line is the plan; each step has a
 * line before it begins and one after it has ended, synced. A line that the power cut short does
 * not count. From it `install` and `rollback` go on wherever they were stopped.
 */
#ifndef CRYO_RKE2_JOURNAL_H
#define CRYO_RKE2_JOURNAL_H

#include "base/err.h"

#include <jansson.h>

enum cryo_rke2_state {
	CRYO_RKE2_ORIGINAL,   /* nothing of ours: no journal */
	CRYO_RKE2_INSTALLING, /* an install was stopped half way */
	CRYO_RKE2_INSTALLED,
	CRYO_RKE2_ROLLING_BACK, /* a rollback was stopped half way */
};

struct cryo_rke2_journal {
	char *path;
	json_t *plan;	 /* NULL: no journal */
	json_t *results; /* step "install 0": what it left in its second line */
	json_t *begun;	 /* "install 0": true */
	enum cryo_rke2_state state;
};

/* <state>/rke2; caller frees. */
char *cryo_rke2_state_dir(void);

/* -CRYO_E_CONFIG: it is damaged in another way than by a power cut. */
int cryo_rke2_journal_load(struct cryo_rke2_journal *j, struct cryo_err *err);
void cryo_rke2_journal_release(struct cryo_rke2_journal *j);
#define cryo_rke2_journal_releasep cryo_rke2_journal_release
const char *cryo_rke2_state_name(enum cryo_rke2_state s);

/* Inside of rke2/. A new journal with this plan (borrowed): the node is CRYO_RKE2_INSTALLING. */
int rke2_journal_begin(struct cryo_rke2_journal *j, json_t *plan, struct cryo_err *err);
/* `list` is "install" or "back"; `result` (borrowed, may be NULL) only with end. */
int rke2_journal_mark(struct cryo_rke2_journal *j, const char *list, size_t step, bool end,
		      const json_t *result, struct cryo_err *err);
int rke2_journal_state(struct cryo_rke2_journal *j, enum cryo_rke2_state s, struct cryo_err *err);
/* The node is as it was: the journal becomes last.jsonl. */
int rke2_journal_close(struct cryo_rke2_journal *j, struct cryo_err *err);
bool rke2_journal_has_begun(const struct cryo_rke2_journal *j, const char *list, size_t step);
bool rke2_journal_has_ended(const struct cryo_rke2_journal *j, const char *list, size_t step);
const json_t *rke2_journal_result(const struct cryo_rke2_journal *j, size_t step);

#endif
