/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario file as structs (docs/architecture.md, "Scenarios"). Loading checks
 * everything that can be known without a cluster: keys, types, kinds of steps,
 * variables, the files that steps name. Nothing here runs anything.
 */
#ifndef CRYO_SCENARIO_MODEL_H
#define CRYO_SCENARIO_MODEL_H

#include "base/err.h"
#include "base/str.h"
#include "conf/yaml.h"
#include "scenario/vars.h"

struct cryo_step_kind; /* scenario/step.h */

struct cryo_expect {
	bool error;	/* the step has to fail */
	uint64_t code;	/* with this HTTP code; 0: any */
	char *contains; /* with this in its message; NULL: anything. Owned */
};

struct cryo_step {
	const struct cryo_step_kind *kind;
	const struct cryo_node *node; /* the step, for messages; borrowed from the scenario */
	const struct cryo_node *args; /* the value of its kind's key; borrowed */
	char *title;		      /* for people; owned */
	char *as;		      /* NULL: its result has no name; owned */
	int64_t timeout_ms;
	struct cryo_expect expect;
};

struct cryo_steps {
	struct cryo_step *v;
	size_t n;
};

struct cryo_scenario {
	struct cryo_yaml yaml;
	char *file;	  /* as given */
	char *dir;	  /* of the file: what paths in it are relative to */
	char *name;	  /* a DNS label of at most 40 characters */
	char *title;	  /* for people: the name and the row's values, "memory[ballast=64Mi]" */
	size_t row, rows; /* of the matrix; 0 of 1 if there is none */
	struct cryo_strv needs;
	int64_t timeout_ms;
	struct cryo_steps steps;
	struct cryo_steps catch; /* after a failure */
};

/*
 * One row of the file's matrix (scenario/matrix.h); 0 is the only one if it has none.
 * -CRYO_E_CONFIG: "FILE:LINE: what"; -CRYO_E_SYSTEM: cannot be read. `out` needs no release then.
 */
int cryo_scenario_load(const char *path, size_t row, struct cryo_scenario *out,
		       struct cryo_err *err);
/* The same from memory; `path` gives the name and the directory. */
int cryo_scenario_parse(const char *path, size_t row, const char *text, size_t len,
			struct cryo_scenario *out, struct cryo_err *err);
void cryo_scenario_release(struct cryo_scenario *s);
#define cryo_scenario_releasep cryo_scenario_release

struct cryo_scenarios {
	struct cryo_scenario *v;
	size_t n;
};
/* All rows of all files, in order; `out` needs no release after a failure. */
int cryo_scenarios_load(const char *const *files, struct cryo_scenarios *out, struct cryo_err *err);
void cryo_scenarios_release(struct cryo_scenarios *s);
#define cryo_scenarios_releasep cryo_scenarios_release

/* A path of the scenario file: relative ones start at its directory. Caller frees. */
char *cryo_scenario_path(const struct cryo_scenario *s, const char *path);

/* A DNS label of at most 40 characters. */
#define CRYO_SCENARIO_NAME_MAX 40
bool cryo_scenario_is_name(const char *s);

/* What a scenario may need, NULL-terminated; names of capabilities in a target's status. */
extern const char *const cryo_scenario_needs[];

#endif
