/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kind of step is a const row in its own file, step_<name>.c, and a line in
 * step_kinds.c. To add one: write the struct its arguments are decoded into, the rows,
 * run(); then the JSON schema (scenarios/schema.json; test_scenario_model checks
 * that it knows every key).
 */
#ifndef CRYO_SCENARIO_STEP_H
#define CRYO_SCENARIO_STEP_H

#include "scenario/model.h"

struct cryo_run; /* scenario/run.h */

struct cryo_step_kind {
	const char *name;
	size_t size;			 /* of the struct that `fields` fill */
	const struct cryo_field *fields; /* of types STR, UINT, BOOL and NODE */
	const char *const *results;	 /* X in ${as.X}; NULL: this kind has no result to name */
	int64_t timeout_ms;		 /* unless the step says otherwise */
	/* A capability it cannot do without, as in `needs`; NULL: the cluster's API is enough. */
	const char *needs;
	/* What a line of output calls the step. */
	void (*title)(const void *args, struct cryo_str *out);
	/* Beyond keys and types; may be NULL. Texts may still hold variables. */
	int (*lint)(const struct cryo_scenario *s, const struct cryo_step *step, const void *args,
		    struct cryo_err *err);
	/* Variables are expanded. `said`: what to show behind the title when it went well. */
	int (*run)(struct cryo_run *run, const struct cryo_step *step, const void *args,
		   struct cryo_str *said, struct cryo_err *err);
};

extern const struct cryo_step_kind *const cryo_step_kinds[]; /* NULL-terminated */
const struct cryo_step_kind *cryo_step_kind_find(const char *name);

/* Zeroed memory for a kind's arguments, filled from `step`; free with the second. */
int cryo_step_args_new(const struct cryo_step *step, void **args, struct cryo_err *err);
void cryo_step_args_free(const struct cryo_step_kind *kind, void *args);
/* Expand the variables in all its texts. */
int cryo_step_args_expand(const struct cryo_step *step, void *args, const struct cryo_vars *vars,
			  struct cryo_err *err);

/* Lint for an argument `checkpoint`: it must be "${NAME}". */
int cryo_step_check_checkpoint(const struct cryo_step *step, const char *text,
			       struct cryo_err *err);

/*
 * A list of steps, each checked; names it declares are added to `vars`. `out` is
 * to be released also after a failure.
 */
int cryo_steps_decode(const struct cryo_scenario *s, const struct cryo_node *n,
		      struct cryo_vars *vars, struct cryo_steps *out, struct cryo_err *err);
void cryo_steps_release(struct cryo_steps *steps);

extern const struct cryo_step_kind cryo_step_apply, cryo_step_checkpoint, cryo_step_checkpoint_pod,
    cryo_step_ciphertext, cryo_step_continuity, cryo_step_create_secret, cryo_step_delete,
    cryo_step_drain, cryo_step_logs, cryo_step_migrate, cryo_step_restore, cryo_step_standstill,
    cryo_step_wait;

#endif
