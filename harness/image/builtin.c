/* SPDX-License-Identifier: Apache-2.0 */
#include "image/builtin.h"

#include "base/str.h"
#include "image/oci.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <string.h>

const struct cryo_builtin cryo_builtins[] = {
	{ "counter", "docker.io/library/counter:latest", "counter", false },
	/* The name containerd looks for by default: it never leaves the machine. */
	{ "pause", "registry.k8s.io/pause:3.10", "pause", false },
	/* For the table "What survives a restore" (docs/restore.md). */
	{ "faces", "docker.io/library/faces:latest", "faces", true },
	/* For the tests of Services. */
	{ "web", "docker.io/library/web:latest", "web", true },
	{ NULL, NULL, NULL, false },
};

const struct cryo_builtin *cryo_builtin_find(const char *name)
{
	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++)
		if (strcmp(b->name, name) == 0)
			return b;
	return NULL;
}

/* What stands in front of a name that says no place, as docker writes RepoTags. */
#define IMPLIED "docker.io/library/"

static bool is_ref_of(const struct cryo_builtin *b, const char *ref)
{
	const char *is = cryo_starts_with(b->ref, IMPLIED) ? b->ref + strlen(IMPLIED) : b->ref;
	cryo_auto(cryo_free) char *latest = cryo_asprintf("%s:latest", ref);

	if (cryo_starts_with(ref, IMPLIED))
		return strcmp(ref, b->ref) == 0 || strcmp(latest, b->ref) == 0;
	return strcmp(ref, is) == 0 || strcmp(latest, is) == 0;
}

const struct cryo_builtin *cryo_builtin_of_ref(const char *ref)
{
	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++)
		if (is_ref_of(b, ref))
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
	return cryo_err_set(err, CRYO_E_USAGE, "no image '%s' (valid values: %s)", name, list);
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

int cryo_image_is_builtin(const struct cryo_builtin *b, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = NULL, *own = NULL;
	char is[CRYO_HASH_HEX], should_be[CRYO_HASH_HEX];
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_hash_file(path, is, err);

	if (rc == 0)
		rc = cryo_fs_tmpdir(cryo_dir_cache(), ".image-", &dir, err);
	if (rc < 0)
		return rc;
	own = cryo_asprintf("%s/image.tar", dir);
	rc = cryo_image_builtin(b->name, own, err);
	if (rc == 0)
		rc = cryo_hash_file(own, should_be, err);
	cryo_fs_rmtree(dir, &ignored);
	return rc < 0 ? rc : cryo_streq(is, should_be);
}
