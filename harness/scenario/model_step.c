/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a scenario file: decoded, and checked as far as that goes without a cluster. */
#include "scenario/step.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 1000

/* Every text below `n` may only use variables that are known where it stands. */
static int check_step_vars(const struct cryo_node *n, const struct cryo_vars *vars,
			   struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = NULL;
	int rc = 0;

	if (n->kind == CRYO_NODE_SCALAR) {
		rc = cryo_vars_expand(vars, n->text, &text, err);
		return cryo_err_wrap(err, rc, "%s:%u", n->file, n->line);
	}
	for (size_t i = 0; rc == 0 && i < n->n; i++)
		rc = check_step_vars(n->child[i], vars, err);
	return rc;
}

static int decode_step_expect(const struct cryo_node *n, struct cryo_expect *out,
			      struct cryo_err *err)
{
	static const struct cryo_field error_rows[] = {
		{ "code", CRYO_FIELD_UINT, offsetof(struct cryo_expect, code), false },
		{ "contains", CRYO_FIELD_STR, offsetof(struct cryo_expect, contains), false },
		{ NULL, 0, 0, false },
	};
	static const struct cryo_field rows[] = {
		{ "error", CRYO_FIELD_NODE, 0, true },
		{ NULL, 0, 0, false },
	};
	const struct cryo_node *error = NULL;
	int rc = cryo_node_decode(n, rows, &error, err);

	if (rc == 0)
		rc = cryo_node_decode(error, error_rows, out, err);
	out->error = rc == 0;
	return rc;
}

struct step_keys {
	char *as, *name;
	int64_t timeout_ms;
	const struct cryo_node *expect, *args;
};

static const struct cryo_field common_rows[] = {
	{ "as", CRYO_FIELD_STR, offsetof(struct step_keys, as), false },
	{ "name", CRYO_FIELD_STR, offsetof(struct step_keys, name), false },
	{ "timeout", CRYO_FIELD_DURATION, offsetof(struct step_keys, timeout_ms), false },
	{ "expect", CRYO_FIELD_NODE, offsetof(struct step_keys, expect), false },
	{ NULL, 0, 0, false },
};

/* The one key of a step that names its kind. */
static int find_step_kind(const struct cryo_node *n, const struct cryo_step_kind **kind,
			  struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv known = { 0 };
	cryo_auto(cryo_free) char *list = NULL;

	for (size_t i = 0; cryo_step_kinds[i]; i++)
		cryo_strv_add(&known, cryo_step_kinds[i]->name);
	list = cryo_strv_join(&known, ", ");
	for (const struct cryo_field *f = common_rows; f->name; f++)
		cryo_strv_add(&known, f->name);
	for (size_t i = 0; i < n->n; i++) {
		const struct cryo_step_kind *k = cryo_step_kind_find(n->key[i]);
		const char *near;

		if (k && *kind)
			return cryo_node_err(n, err, "'%s' and '%s' in one step", (*kind)->name,
					     k->name);
		if (k)
			*kind = k;
		if (cryo_strv_has(&known, n->key[i]))
			continue;
		near = cryo_nearest(n->key[i], cryo_strv_get(&known));
		return near ? cryo_err_set(err, CRYO_E_CONFIG,
					   "%s:%u: unknown step '%s', did you mean '%s'?", n->file,
					   n->key_line[i], n->key[i], near)
			    : cryo_err_set(err, CRYO_E_CONFIG,
					   "%s:%u: unknown step '%.64s' (valid values: %s)",
					   n->file, n->key_line[i], n->key[i], list);
	}
	return *kind ? 0 : cryo_node_err(n, err, "a step needs one of: %s", list);
}

static int decode_step_keys(const struct cryo_node *n, struct cryo_step *out, struct cryo_err *err)
{
	struct cryo_field rows[CRYO_ARRAY_LEN(common_rows) + 1] = { 0 };
	struct step_keys keys = { 0 };
	int rc;

	out->node = n;
	if (n->kind != CRYO_NODE_MAP)
		return cryo_node_err(n, err, "a step is a map with the key of its kind");
	rc = find_step_kind(n, &out->kind, err);
	if (rc < 0)
		return rc;
	rows[0] = (struct cryo_field){ out->kind->name, CRYO_FIELD_NODE,
				       offsetof(struct step_keys, args), true };
	memcpy(rows + 1, common_rows, sizeof(common_rows));
	rc = cryo_node_decode(n, rows, &keys, err);
	out->as = keys.as;
	out->title = keys.name;
	out->timeout_ms = keys.timeout_ms > 0 ? keys.timeout_ms : out->kind->timeout_ms;
	out->args = keys.args;
	if (rc == 0 && keys.expect)
		rc = decode_step_expect(keys.expect, &out->expect, err);
	return rc;
}

static int check_step_alias(const struct cryo_step *step, const struct cryo_vars *vars,
			    struct cryo_err *err)
{
	if (!step->as)
		return 0;
	if (!step->kind->results)
		return cryo_node_err(step->node, err, "'as': a step '%s' has no result to name",
				     step->kind->name);
	if (step->expect.error)
		return cryo_node_err(step->node, err,
				     "'as': a step that is expected to fail has no result to name");
	if (!cryo_scenario_is_name(step->as))
		return cryo_node_err(step->node, err,
				     "'as': '%.64s' is not a name (small letters, digits, '-')",
				     step->as);
	if (cryo_strv_has(&vars->name, step->as))
		return cryo_node_err(step->node, err, "'as': '%s' is already taken", step->as);
	return 0;
}

static void declare_step_vars(struct cryo_vars *vars, const struct cryo_step *step)
{
	if (!step->as)
		return;
	cryo_vars_set(vars, step->as, "");
	for (const char *const *r = step->kind->results; *r; r++) {
		cryo_auto(cryo_free) char *name = cryo_asprintf("%s.%s", step->as, *r);

		cryo_vars_set(vars, name, "");
	}
}

static int decode_single_step(const struct cryo_scenario *s, const struct cryo_node *n,
			      struct cryo_vars *vars, struct cryo_step *out, struct cryo_err *err)
{
	void *args = NULL;
	int rc = decode_step_keys(n, out, err);

	if (rc == 0)
		rc = check_step_alias(out, vars, err);
	if (rc == 0)
		rc = cryo_step_args_new(out, &args, err);
	if (rc == 0)
		rc = check_step_vars(out->args, vars, err);
	if (rc == 0 && out->kind->lint)
		rc = out->kind->lint(s, out, args, err);
	if (rc == 0 && !out->title) {
		struct cryo_str title = { 0 };

		out->kind->title(args, &title);
		out->title = cryo_str_detach(&title);
	}
	cryo_step_args_free(out->kind, args);
	if (rc == 0)
		declare_step_vars(vars, out);
	return rc;
}

int cryo_steps_decode(const struct cryo_scenario *s, const struct cryo_node *n,
		      struct cryo_vars *vars, struct cryo_steps *out, struct cryo_err *err)
{
	int rc = 0;

	if (n->kind != CRYO_NODE_SEQ || n->n == 0)
		return cryo_node_err(n, err, "expected a list of steps");
	if (n->n > MAX_STEPS)
		return cryo_node_err(n, err, "more than %d steps", MAX_STEPS);
	out->v = cryo_alloc(n->n * sizeof(*out->v));
	/* Counted before it is decoded: a half-decoded step is released with the others. */
	while (rc == 0 && out->n < n->n) {
		struct cryo_step *step = &out->v[out->n];

		rc = decode_single_step(s, n->child[out->n++], vars, step, err);
	}
	return rc;
}

void cryo_steps_release(struct cryo_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		free(steps->v[i].title);
		free(steps->v[i].as);
		free(steps->v[i].expect.contains);
	}
	free(steps->v);
	*steps = (struct cryo_steps){ 0 };
}
