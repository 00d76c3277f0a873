/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario/model.h"

#include "scenario/matrix.h"
#include "scenario/step.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE	 (4u << 20)
#define DEFAULT_LIMIT_MS (5 * 60 * 1000)

const char *const cryo_scenario_needs[] = { "checkpoint",    "pods-checkpoint",
					    "pod-at-once",   "restore",
					    "encryption",    "ip-sockets",
					    "several-nodes", NULL };

static int check_scenario_needs(const struct cryo_scenario *s, const struct cryo_node *spec,
				struct cryo_err *err)
{
	const struct cryo_node *n = cryo_node_get(spec, "needs");

	for (size_t i = 0; i < s->needs.n; i++) {
		const char *near;
		bool known = false;

		for (const char *const *k = cryo_scenario_needs; *k; k++)
			known = known || strcmp(*k, s->needs.v[i]) == 0;
		if (known)
			continue;
		near = cryo_nearest(s->needs.v[i], cryo_scenario_needs);
		return near
			   ? cryo_node_err(n->child[i], err,
					   "unknown need '%s', did you mean '%s'?", s->needs.v[i],
					   near)
			   : cryo_node_err(n->child[i], err, "unknown need '%.64s'", s->needs.v[i]);
	}
	return 0;
}

struct spec_keys {
	struct cryo_strv needs;
	int64_t timeout_ms;
	const struct cryo_node *steps, *catch, *matrix;
};

static int decode_scenario_spec(const struct cryo_node *spec, struct cryo_scenario *s,
				struct cryo_err *err)
{
	static const struct cryo_field rows[] = {
		{ "needs", CRYO_FIELD_STRV, offsetof(struct spec_keys, needs), false },
		{ "timeout", CRYO_FIELD_DURATION, offsetof(struct spec_keys, timeout_ms), false },
		{ "matrix", CRYO_FIELD_NODE, offsetof(struct spec_keys, matrix), false },
		{ "steps", CRYO_FIELD_NODE, offsetof(struct spec_keys, steps), true },
		{ "catch", CRYO_FIELD_NODE, offsetof(struct spec_keys, catch), false },
		{ NULL, 0, 0, false },
	};
	cryo_auto(cryo_vars_release) struct cryo_vars vars = { 0 };
	struct spec_keys keys = { .timeout_ms = DEFAULT_LIMIT_MS };
	int rc = cryo_node_decode(spec, rows, &keys, err);

	s->needs = keys.needs;
	s->timeout_ms = keys.timeout_ms;
	if (rc == 0)
		rc = check_scenario_needs(s, spec, err);
	if (rc == 0)
		rc = cryo_steps_decode(s, keys.steps, &vars, &s->steps, err);
	if (rc == 0 && keys.catch)
		rc = cryo_steps_decode(s, keys.catch, &vars, &s->catch, err);
	return rc;
}

struct metadata_keys {
	char *name;
	const struct cryo_node *labels;
};

static int decode_scenario_meta(const struct cryo_node *n, struct cryo_scenario *s,
				struct cryo_err *err)
{
	static const struct cryo_field rows[] = {
		{ "name", CRYO_FIELD_STR, offsetof(struct metadata_keys, name), true },
		{ "labels", CRYO_FIELD_NODE, offsetof(struct metadata_keys, labels), false },
		{ NULL, 0, 0, false },
	};
	struct metadata_keys keys = { 0 };
	int rc = cryo_node_decode(n, rows, &keys, err);

	s->name = keys.name;
	if (rc < 0)
		return rc;
	if (!cryo_scenario_is_name(s->name))
		return cryo_node_err(
		    cryo_node_get(n, "name"), err,
		    "'%.64s' is not a name (small letters, digits, '-', at most %d)", s->name,
		    CRYO_SCENARIO_NAME_MAX);
	if (keys.labels && keys.labels->kind != CRYO_NODE_MAP)
		return cryo_node_err(keys.labels, err, "'labels' must be a map");
	return 0;
}

struct top_keys {
	char *version, *kind;
	const struct cryo_node *metadata, *spec;
};

static int check_top_level_keys(const struct cryo_node *n, const struct top_keys *keys,
				struct cryo_err *err)
{
	if (!cryo_streq(keys->version, "cryopod.dev/v1alpha1"))
		return cryo_node_err(cryo_node_get(n, "apiVersion"), err,
				     "apiVersion '%.64s', expected 'cryopod.dev/v1alpha1'",
				     keys->version);
	if (!cryo_streq(keys->kind, "Scenario"))
		return cryo_node_err(cryo_node_get(n, "kind"), err,
				     "kind '%.64s', expected 'Scenario'", keys->kind);
	return 0;
}

static int decode_top_level(const struct cryo_node *n, struct cryo_scenario *s,
			    struct cryo_err *err)
{
	static const struct cryo_field rows[] = {
		{ "apiVersion", CRYO_FIELD_STR, offsetof(struct top_keys, version), true },
		{ "kind", CRYO_FIELD_STR, offsetof(struct top_keys, kind), true },
		{ "metadata", CRYO_FIELD_NODE, offsetof(struct top_keys, metadata), true },
		{ "spec", CRYO_FIELD_NODE, offsetof(struct top_keys, spec), true },
		{ NULL, 0, 0, false },
	};
	struct top_keys keys = { 0 };
	int rc = cryo_node_decode(n, rows, &keys, err);

	if (rc == 0)
		rc = check_top_level_keys(n, &keys, err);
	if (rc == 0)
		rc = decode_scenario_meta(keys.metadata, s, err);
	if (rc == 0)
		rc = decode_scenario_spec(keys.spec, s, err);
	free(keys.version);
	free(keys.kind);
	return rc;
}

static char *copy_parent_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? cryo_strndup(path, (size_t)(slash - path) + (slash == path))
		     : cryo_strdup(".");
}

/* The row's values are put into the tree first: whoever reads it later knows of no matrix. */
static int use_matrix_row(struct cryo_scenario *s, size_t row, struct cryo_str *shown,
			  struct cryo_err *err)
{
	struct cryo_node *spec = (struct cryo_node *)cryo_node_get(s->yaml.doc[0], "spec");
	const struct cryo_node *matrix = spec ? cryo_node_get(spec, "matrix") : NULL;
	cryo_auto(cryo_matrix_row_release) struct cryo_matrix_row values = { 0 };
	int rc = cryo_matrix_rows(matrix, &s->rows, err);

	if (rc < 0)
		return rc;
	if (row >= s->rows)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s:1: there is no row %zu in 'matrix'",
				    s->file, row);
	s->row = row;
	cryo_matrix_row(matrix, row, &values);
	cryo_matrix_show(&values, shown);
	for (size_t i = 0; spec && rc == 0 && i < spec->n; i++)
		if (spec->child[i] != matrix)
			rc = cryo_matrix_apply(spec->child[i], &values, err);
	return rc;
}

static int decode_scenario_file(const char *path, size_t row, struct cryo_scenario *out,
				struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str shown = { 0 };
	int rc = 0;

	out->file = cryo_strdup(path);
	out->dir = copy_parent_dir(path);
	if (out->yaml.n != 1)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "%s:1: expected one scenario, found %zu",
				  path, out->yaml.n);
	if (rc == 0)
		rc = use_matrix_row(out, row, &shown, err);
	if (rc == 0)
		rc = decode_top_level(out->yaml.doc[0], out, err);
	if (rc < 0)
		cryo_scenario_release(out);
	else
		out->title = cryo_asprintf("%s%s", out->name, cryo_str_get(&shown));
	return rc;
}

int cryo_scenario_parse(const char *path, size_t row, const char *text, size_t len,
			struct cryo_scenario *out, struct cryo_err *err)
{
	int rc;

	*out = (struct cryo_scenario){ 0 };
	rc = cryo_yaml_parse(path, text, len, &out->yaml, err);
	return rc < 0 ? rc : decode_scenario_file(path, row, out, err);
}

int cryo_scenario_load(const char *path, size_t row, struct cryo_scenario *out,
		       struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_fs_read(path, MAX_FILE, &text, err);

	if (rc < 0)
		return cryo_err_as(err, rc, CRYO_E_CONFIG);
	return cryo_scenario_parse(path, row, cryo_str_get(&text), text.len, out, err);
}

static int load_scenario_rows(const char *file, struct cryo_scenarios *out, struct cryo_err *err)
{
	size_t row = 0;
	int rc;

	do {
		out->v = cryo_realloc(out->v, out->n + 1, sizeof(*out->v));
		rc = cryo_scenario_load(file, row++, &out->v[out->n], err);
		out->n += rc == 0;
	} while (rc == 0 && row < out->v[out->n - 1].rows);
	return rc;
}

int cryo_scenarios_load(const char *const *files, struct cryo_scenarios *out, struct cryo_err *err)
{
	int rc = 0;

	*out = (struct cryo_scenarios){ 0 };
	for (size_t i = 0; rc == 0 && files[i]; i++)
		rc = load_scenario_rows(files[i], out, err);
	if (rc < 0)
		cryo_scenarios_release(out);
	return cryo_err_as(err, rc, CRYO_E_CONFIG);
}

void cryo_scenarios_release(struct cryo_scenarios *s)
{
	for (size_t i = 0; i < s->n; i++)
		cryo_scenario_release(&s->v[i]);
	free(s->v);
	*s = (struct cryo_scenarios){ 0 };
}

void cryo_scenario_release(struct cryo_scenario *s)
{
	cryo_steps_release(&s->steps);
	cryo_steps_release(&s->catch);
	cryo_strv_release(&s->needs);
	free(s->file);
	free(s->dir);
	free(s->name);
	free(s->title);
	cryo_yaml_release(&s->yaml);
	*s = (struct cryo_scenario){ 0 };
}
