/* SPDX-License-Identifier: Apache-2.0 */
#include "image/names.h"

#include "conf/json.h"
#include "image/tar.h"

#include <string.h>

#define MAX_INDEX (4u << 20)
#define MAX_NAMES 256

struct names {
	struct cryo_strv *out;
	bool seen;
};

/* Source: distribution's grammar of references. */
static bool has_odd_bytes(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-_/:@[]")] != '\0';
}

static int add_image_name(struct names *n, const char *name, struct cryo_err *err)
{
	if (!name || !*name || cryo_strv_has(n->out, name))
		return 0;
	if (n->out->n == MAX_NAMES)
		return cryo_err_set(err, CRYO_E_CONFIG, "it has more than %d names", MAX_NAMES);
	if (has_odd_bytes(name))
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    "it has a name with characters that are not valid in an image name");
	cryo_strv_add(n->out, name);
	return 0;
}

/* containerd's own annotation is the whole name; of the other one tools make different things. */
static int take_layout_names(struct names *n, const json_t *index, struct cryo_err *err)
{
	json_t *manifest;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(index, "manifests"), i, manifest) {
		const json_t *notes = json_object_get(manifest, "annotations");
		const char *name =
		    json_string_value(json_object_get(notes, "io.containerd.image.name"));

		if (!name)
			name = json_string_value(
			    json_object_get(notes, "org.opencontainers.image.ref.name"));
		rc = add_image_name(n, name, err);
		if (rc < 0)
			break;
	}
	return rc;
}

static int take_docker_names(struct names *n, const json_t *images, struct cryo_err *err)
{
	json_t *image, *tag;
	size_t i, k;

	json_array_foreach(images, i, image) {
		json_array_foreach(json_object_get(image, "RepoTags"), k, tag) {
			int rc = add_image_name(n, json_string_value(tag), err);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int names_on_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			   struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	bool layout = cryo_streq(e->name, "index.json");
	struct names *n = arg;
	int rc;

	if (!layout && !cryo_streq(e->name, "manifest.json"))
		return 0;
	if (e->size > MAX_INDEX)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is larger than %u bytes", e->name,
				    MAX_INDEX);
	cryo_tar_read_all(r, &text);
	rc = cryo_json_parse(e->name, cryo_str_get(&text), text.len, &j, err);
	n->seen = true;
	if (rc < 0)
		return rc;
	return layout ? take_layout_names(n, j, err) : take_docker_names(n, j, err);
}

int cryo_image_names(const char *path, struct cryo_strv *out, struct cryo_err *err)
{
	struct names n = { .out = out };
	int rc = cryo_tar_walk(path, names_on_member, &n, err);

	if (rc == 0 && !n.seen)
		rc = cryo_err_set(err, CRYO_E_CONFIG,
				  "it has neither index.json (OCI layout) nor manifest.json "
				  "(docker-archive)");
	return cryo_err_wrap(err, rc, "image '%s'", path);
}
