/* SPDX-License-Identifier: Apache-2.0 */
#include "image/builtin.h"

#include "base/str.h"
#include "image/oci.h"
#include "source/data.h"

#include <string.h>

const struct cryo_builtin cryo_builtins[] = {
	{ "counter", "docker.io/library/counter:latest", "counter", false },
	/* The name containerd looks for by default: it never leaves the machine. */
	{ "pause", "registry.k8s.io/pause:3.10", "pause", false },
	/* For the table "What survives a restore" (docs/restore.md). */
	{ "faces", "docker.io/library/faces:latest", "faces", true },
	{ NULL, NULL, NULL, false },
};

const struct cryo_builtin *cryo_builtin_find(const char *name)
{
	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

static int report_unknown_image(const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *list = NULL;

	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++)
		cryo_strv_add(&names, b->name);
	list = cryo_strv_join(&names, ", ");
	return cryo_err_set(err, CRYO_E_USAGE, "no image '%s' (there are: %s)", name, list);
}

int cryo_image_builtin(const char *name, const char *out_path, struct cryo_err *err)
{
	const struct cryo_builtin *b = cryo_builtin_find(name);
	cryo_auto(cryo_free) char *relative = NULL;
	cryo_auto(cryo_free) char *program = NULL;
	cryo_auto(cryo_free) char *in_image = NULL;
	int rc;

	if (!b)
		return report_unknown_image(name, err);
	relative = cryo_asprintf("libexec/%s", b->program);
	rc = cryo_data_path(relative, &program, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "image '%s'", name);
	in_image = cryo_asprintf("/%s", b->program);
	return cryo_oci_write(
	    &(struct cryo_oci_image){
		.ref = b->ref,
		.entrypoint = (const char *const[]){ in_image, NULL },
		.file = &(struct cryo_oci_file){ b->program, program, 0755 },
		.n_files = 1,
	    },
	    out_path, err);
}
