/* SPDX-License-Identifier: Apache-2.0 */
/* apply: {file: MANIFEST, set: {"spec.containers[0].args": […]}} */
#include "conf/json.h"
#include "scenario/run.h"

#include <stdlib.h>
#include <string.h>

struct apply_args {
	char *file;
	const struct cryo_node *set;
};

static const struct cryo_field fields[] = {
	{ "file", CRYO_FIELD_STR, offsetof(struct apply_args, file), true },
	{ "set", CRYO_FIELD_NODE, offsetof(struct apply_args, set), false },
	{ NULL, 0, 0, false },
};

static void format_apply_title(const void *args, struct cryo_str *out)
{
	const struct apply_args *a = args;
	const char *slash = strrchr(a->file, '/');

	cryo_str_addf(out, "apply %s", slash ? slash + 1 : a->file);
}

/* A node of the scenario as JSON with its variables expanded; `vars` NULL: left as they are. */
static json_t *expand_node_json(json_t *j, const struct cryo_vars *vars, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = NULL;
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(j))
		return cryo_vars_expand(vars, json_string_value(j), &text, err) == 0
			   ? json_string(text)
			   : NULL;
	json_object_foreach(j, key, value) {
		json_t *new = expand_node_json(value, vars, err);

		if (!new || json_object_set_new(j, key, new) < 0)
			return NULL;
	}
	json_array_foreach(j, i, value) {
		json_t *new = expand_node_json(value, vars, err);

		if (!new || json_array_set_new(j, i, new) < 0)
			return NULL;
	}
	return json_incref(j);
}

static int set_object_paths(const struct cryo_node *set, const struct cryo_vars *vars,
			    json_t *object, struct cryo_err *err)
{
	for (size_t i = 0; set && i < set->n; i++) {
		cryo_auto(cryo_json_decref) json_t *raw = cryo_node_to_json(set->child[i]);
		json_t *value = vars ? expand_node_json(raw, vars, err) : json_incref(raw);
		int rc = value ? cryo_json_set(object, set->key[i], value, err) : -CRYO_E_CONFIG;

		if (rc < 0)
			return cryo_err_wrap(err, rc, "%s:%u", set->file, set->key_line[i]);
	}
	return 0;
}

static int load_apply_manifest(const struct cryo_scenario *s, const struct cryo_step *step,
			       const struct apply_args *a, struct cryo_yaml *out,
			       struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_scenario_path(s, a->file);
	int rc = cryo_yaml_load(path, out, err);

	if (rc < 0)
		return cryo_err_wrap(err, cryo_err_as(err, rc, CRYO_E_CONFIG), "%s:%u",
				     step->node->file, step->node->line);
	if (out->n == 0 || (a->set && out->n > 1))
		return cryo_node_err(step->node, err, "'%s' holds %zu documents, %s", a->file,
				     out->n,
				     a->set ? "'set' needs exactly one" : "nothing to apply");
	return 0;
}

static int lint_apply_step(const struct cryo_scenario *s, const struct cryo_step *step,
			   const void *args, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml yaml = { 0 };
	cryo_auto(cryo_json_decref) json_t *object = NULL;
	const struct apply_args *a = args;
	int rc;

	if (a->set && a->set->kind != CRYO_NODE_MAP)
		return cryo_node_err(a->set, err, "'set' must be a map of paths and values");
	if (strstr(a->file, "${"))
		return 0;
	rc = load_apply_manifest(s, step, a, &yaml, err);
	if (rc < 0)
		return rc;
	object = cryo_node_to_json(yaml.doc[0]);
	return set_object_paths(a->set, NULL, object, err);
}

static int apply_manifest_object(struct cryo_run *run, const struct apply_args *a,
				 const struct cryo_node *doc, struct cryo_str *said,
				 struct cryo_err *err)
{
	static const char *const verb[] = { "created", "configured", "unchanged" };
	cryo_auto(cryo_json_decref) json_t *object = cryo_node_to_json(doc);
	enum cryo_kube_change change = CRYO_KUBE_UNCHANGED;
	const char *name, *kind;
	int rc = set_object_paths(a->set, &run->vars, object, err);

	if (rc < 0)
		return rc;
	/* A run stays in its own namespace, whatever the manifest says. */
	json_object_del(json_object_get(object, "metadata"), "namespace");
	rc = cryo_kube_apply(run->kube, object, run->ns, &change, err);
	name = cryo_json_str(object, "metadata.name");
	kind = cryo_json_str(object, "kind");
	cryo_str_addf(said, "%s%s '%s' %s", said->len ? ", " : "", kind ? kind : "?",
		      name ? name : "?", verb[change]);
	return rc;
}

static int run_apply_step(struct cryo_run *run, const struct cryo_step *step, const void *args,
			  struct cryo_str *said, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml yaml = { 0 };
	const struct apply_args *a = args;
	int rc = load_apply_manifest(run->scenario, step, a, &yaml, err);

	for (size_t i = 0; rc == 0 && i < yaml.n; i++)
		rc = apply_manifest_object(run, a, yaml.doc[i], said, err);
	return rc;
}

const struct cryo_step_kind cryo_step_apply = {
	.name = "apply",
	.size = sizeof(struct apply_args),
	.fields = fields,
	.timeout_ms = 30 * 1000,
	.title = format_apply_title,
	.lint = lint_apply_step,
	.run = run_apply_step,
};
