/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "conf/json.h"

#include <stdlib.h>
#include <string.h>

int cryo_kube_group_version(struct cryo_kube *k, const char *group, const char **version,
			    struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *answer = NULL;
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	int rc;

	*version = json_string_value(json_object_get(k->cache, group));
	if (*version)
		return 0;
	cryo_str_add(&path, "/apis");
	rc = cryo_kube_add_piece(&path, "group", group, err);
	if (rc == 0)
		rc = cryo_kube_raw(k, NULL, path.p, NULL, 0, &answer, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "API group '%s'", group);
	if (!cryo_json_str(answer, "preferredVersion.version"))
		return cryo_err_set(err, CRYO_E_REMOTE, "API group '%s' names no version", group);
	json_object_set(k->cache, group, cryo_json_at(answer, "preferredVersion.version"));
	*version = json_string_value(json_object_get(k->cache, group));
	return 0;
}

/* The main resource of a kind; "pods/log" and the like are parts of one. */
static const json_t *find_resource_row(const json_t *resources, const char *kind)
{
	const json_t *row;
	size_t i;

	json_array_foreach(resources, i, row) {
		const char *name = cryo_json_str(row, "name");

		if (name && !strchr(name, '/') && cryo_streq(cryo_json_str(row, "kind"), kind))
			return row;
	}
	return NULL;
}

static int fetch_resources(struct cryo_kube *k, const char *api_version, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *answer = NULL;
	cryo_auto(cryo_str_release) struct cryo_str path = { 0 };
	int rc;

	cryo_kube_base(api_version, &path);
	rc = cryo_kube_raw(k, NULL, path.p, NULL, 0, &answer, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "apiVersion '%s'", api_version);
	if (!json_is_array(cryo_json_at(answer, "resources")))
		return cryo_err_set(err, CRYO_E_REMOTE, "apiVersion '%s' lists no resources",
				    api_version);
	json_object_set(k->cache, api_version, cryo_json_at(answer, "resources"));
	return 0;
}

int cryo_kube_find_kind(struct cryo_kube *k, const char *api_version, const char *kind,
			const char **resource, bool *namespaced, struct cryo_err *err)
{
	const json_t *row = find_resource_row(json_object_get(k->cache, api_version), kind);

	/* Asked again for an unknown kind: it may have been added since. */
	if (!row) {
		int rc = fetch_resources(k, api_version, err);

		if (rc < 0)
			return rc;
		row = find_resource_row(json_object_get(k->cache, api_version), kind);
	}
	if (!row)
		return cryo_err_set(err, CRYO_E_CONFIG, "the server has no kind '%s' in '%s'", kind,
				    api_version);
	*resource = cryo_json_str(row, "name");
	*namespaced = cryo_json_bool(row, "namespaced");
	return 0;
}

static bool has_resource_verb(const json_t *row, const char *verb)
{
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(row, "verbs"), i, v)
		if (cryo_streq(json_string_value(v), verb))
			return true;
	return false;
}

int cryo_kube_has_verb(struct cryo_kube *k, const char *api_version, const char *resource,
		       const char *verb, bool *there, struct cryo_err *err)
{
	const json_t *row;
	size_t i;
	int rc = json_object_get(k->cache, api_version) ? 0 : fetch_resources(k, api_version, err);

	*there = false;
	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(k->cache, api_version), i, row)
		*there = *there || (cryo_streq(cryo_json_str(row, "name"), resource) &&
				    has_resource_verb(row, verb));
	return 0;
}
