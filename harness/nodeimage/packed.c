/* SPDX-License-Identifier: Apache-2.0 */
#include "nodeimage/packed.h"

#include "image/oci.h"
#include "recipe/build.h"
#include "source/source.h"

#include <stdlib.h>
#include <string.h>

#define SUITE	 "trixie"
#define MAX_NAME 64

char *cryo_packed_ref(const char *name)
{
	return cryo_asprintf("docker.io/library/%s:latest", name);
}

/* A part of an image's name (distribution's reference): it becomes a file's name as well. */
static bool is_image_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= MAX_NAME && !strchr("-._", s[0]) && !strchr("-._", s[n - 1]) &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-._") == n && !strstr(s, "..");
}

static int add_package_names(const char *text, struct cryo_strv *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *copy = cryo_strdup(text);
	char *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (!cryo_source_is_name(w))
			return cryo_err_set(err, CRYO_E_USAGE,
					    "'%s' is not the name of a Debian package", w);
		cryo_strv_add(out, w);
	}
	return out->n ? 0 : cryo_err_set(err, CRYO_E_USAGE, "no Debian package is given");
}

/* One component, as a stack file would have it. */
static int make_packed_stack(const struct cryo_packed_opts *o, struct cryo_stack *out,
			     struct cryo_err *err)
{
	struct cryo_component *c = cryo_alloc(sizeof(*c));

	*out = (struct cryo_stack){
		.name = cryo_strdup(o->name), .file = cryo_strdup("image"), .component = c, .n = 1
	};
	c->name = cryo_strdup("image");
	c->recipe = cryo_strdup("debian-layer");
	c->file = out->file;
	c->source.kind = CRYO_SOURCE_DEBIAN;
	c->source.suite = cryo_strdup(SUITE);
	return add_package_names(o->packages, &c->source.packages, err);
}

static int write_packed_image(const struct cryo_packed_opts *o, const struct cryo_built *built,
			      const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *ref = cryo_packed_ref(o->name);
	cryo_auto(cryo_free) char *layer = cryo_asprintf("%s/" CRYO_BUILD_LAYER, built->dir);
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
	};

	return cryo_oci_write(
	    &(struct cryo_oci_image){
		.ref = ref, .entrypoint = o->words, .env = env, .layer_path = layer },
	    path, err);
}

int cryo_packed_write(const struct cryo_packed_opts *o, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	cryo_auto(cryo_build_release) struct cryo_build build = { 0 };
	int rc;

	if (!is_image_name(o->name))
		return cryo_err_set(err, CRYO_E_USAGE, "'%s' is not the name of an image", o->name);
	rc = make_packed_stack(o, &stack, err);
	if (rc == 0)
		rc = cryo_build_plan(&stack, NULL, &build, err);
	if (rc == 0)
		rc = cryo_build_run(&build, o->fetch, err);
	if (rc == 0)
		rc = write_packed_image(o, &build.item[0], path, err);
	return cryo_err_wrap(err, rc, "image '%s'", o->name);
}
