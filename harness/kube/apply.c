/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/internal.h"

#include "base/event.h"
#include "conf/json.h"
#include "conf/yaml.h"

#include <ctype.h>
#include <string.h>

/* Where an object goes: the path of its kind, and of itself below it. */
struct place {
	struct cryo_str kind_path, path;
	char *shown; /* "pod/counter", "deployment.apps/web" */
};

static void place_releasep(struct place *p)
{
	cryo_str_release(&p->kind_path);
	cryo_str_release(&p->path);
	cryo_freep(&p->shown);
}

static char *make_shown_name(const char *api_version, const char *kind, const char *name)
{
	size_t n = strcspn(api_version, "/");
	char *shown = api_version[n] ? cryo_asprintf("%s.%.*s/%s", kind, (int)n, api_version, name)
				     : cryo_asprintf("%s/%s", kind, name);

	for (char *c = shown; *c && *c != '/' && *c != '.'; c++)
		*c = (char)tolower((unsigned char)*c);
	return shown;
}

static int find_object_place(struct cryo_kube *k, const json_t *object, const char *ns,
			     struct place *p, struct cryo_err *err)
{
	const char *api_version = cryo_json_str(object, "apiVersion");
	const char *kind = cryo_json_str(object, "kind");
	const char *name = cryo_json_str(object, "metadata.name");
	const char *own_ns = cryo_json_str(object, "metadata.namespace");
	const char *resource;
	bool namespaced;
	int rc;

	if (!api_version || !kind || !name)
		return cryo_err_set(err, CRYO_E_CONFIG, "the object has no %s",
				    !api_version ? "apiVersion"
				    : !kind	 ? "kind"
						 : "metadata.name");
	rc = cryo_kube_find_kind(k, api_version, kind, &resource, &namespaced, err);
	if (rc < 0)
		return rc;
	ns = own_ns ? own_ns : ns ? ns : "default";
	cryo_kube_base(api_version, &p->kind_path);
	cryo_str_add(&p->path, p->kind_path.p);
	rc = cryo_kube_path_below(resource, namespaced ? ns : NULL, NULL, &p->kind_path, err);
	if (rc == 0)
		rc = cryo_kube_path_below(resource, namespaced ? ns : NULL, name, &p->path, err);
	p->shown = make_shown_name(api_version, kind, name);
	return rc;
}

/* The object as it is now, NULL if there is none. */
static int get_current_object(struct cryo_kube *k, const char *path, json_t **now,
			      struct cryo_err *err)
{
	struct cryo_err refusal = CRYO_ERR_INIT;
	int rc = cryo_kube_raw(k, NULL, path, NULL, 0, now, &refusal);

	if (rc == 0 || refusal.http_code == 404)
		return 0;
	*err = refusal;
	return rc;
}

/* The server's bookkeeping may change without the object: the first apply to a namespace does. */
static bool is_same_object(json_t *before, json_t *after)
{
	static const char *const own[] = { "resourceVersion", "managedFields" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(own); i++) {
		json_object_del(cryo_json_at(before, "metadata"), own[i]);
		json_object_del(cryo_json_at(after, "metadata"), own[i]);
	}
	return json_equal(before, after);
}

static int apply_object_at(struct cryo_kube *k, const json_t *object, const struct place *p,
			   enum cryo_kube_change *change, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s?fieldManager=cryopod&force=true", p->path.p);
	const struct cryo_http_req req = { .method = "PATCH",
					   .path = path,
					   .content_type = "application/apply-patch+yaml" };
	cryo_auto(cryo_json_decref) json_t *after = NULL;
	cryo_auto(cryo_json_decref) json_t *before = NULL;
	int rc = get_current_object(k, p->path.p, &before, err);

	if (rc == 0)
		rc = cryo_kube_json(k, &req, object, &after, err);
	if (rc < 0)
		return rc;
	*change = !before			  ? CRYO_KUBE_CREATED
		  : is_same_object(before, after) ? CRYO_KUBE_UNCHANGED
						  : CRYO_KUBE_CONFIGURED;
	return 0;
}

int cryo_kube_apply(struct cryo_kube *k, const json_t *object, const char *ns,
		    enum cryo_kube_change *change, struct cryo_err *err)
{
	cryo_auto(place_release) struct place p = { 0 };
	int rc = find_object_place(k, object, ns, &p, err);

	return rc < 0 ? rc : apply_object_at(k, object, &p, change, err);
}

int cryo_kube_create_get(struct cryo_kube *k, const json_t *object, const char *ns,
			 json_t **created, struct cryo_err *err)
{
	cryo_auto(place_release) struct place p = { 0 };
	int rc = find_object_place(k, object, ns, &p, err);

	return rc < 0 ? rc : cryo_kube_raw(k, "POST", p.kind_path.p, object, 0, created, err);
}

int cryo_kube_create(struct cryo_kube *k, const json_t *object, const char *ns,
		     struct cryo_err *err)
{
	return cryo_kube_create_get(k, object, ns, NULL, err);
}

static int apply_yaml_node(struct cryo_kube *k, const struct cryo_node *node, const char *ns,
			   struct cryo_err *err)
{
	static const char *const word[] = {
		[CRYO_KUBE_CREATED] = "created",
		[CRYO_KUBE_CONFIGURED] = "configured",
		[CRYO_KUBE_UNCHANGED] = "unchanged",
	};
	cryo_auto(cryo_json_decref) json_t *object = cryo_node_to_json(node);
	cryo_auto(place_release) struct place p = { 0 };
	enum cryo_kube_change change;
	int rc = find_object_place(k, object, ns, &p, err);

	if (rc == 0)
		rc = apply_object_at(k, object, &p, &change, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "%s:%u", node->file, node->line);
	cryo_info("%s %s", p.shown, word[change]);
	return 0;
}

int cryo_kube_apply_file(struct cryo_kube *k, const char *path, const char *ns,
			 struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	int rc = cryo_yaml_load(path, &y, err);

	if (rc == 0 && y.n == 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' contains no object", path);
	for (size_t i = 0; rc == 0 && i < y.n; i++)
		rc = apply_yaml_node(k, y.doc[i], ns, err);
	return rc;
}
