/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/step.h"

#include "conf/json.h"
#include "rke2/durable.h"
#include "sys/fs.h"

#include <sys/stat.h>

char *rke2_original_path(const char *sha256)
{
	cryo_auto(cryo_free) char *dir = cryo_rke2_state_dir();

	return cryo_asprintf("%s/originals/%s", dir, sha256);
}

int rke2_save_original(const char *path, const char *sha256, struct cryo_err *err)
{
	const struct rke2_attrs attrs = { 0600, 0, 0, NULL };
	cryo_auto(cryo_free) char *to = rke2_original_path(sha256);
	int rc;

	if (cryo_fs_exists(to))
		return 0;
	rc = cryo_fs_mkparents(to, 0700, err);
	return rc < 0 ? rc : rke2_publish_copy(to, path, &attrs, sha256, err);
}

void rke2_add_change(json_t *out, const char *path, const char *what)
{
	json_array_append_new(out, json_pack("{ss ss}", "path", path, "what", what));
}

/* What two descriptions of a file differ in; NULL: in nothing. */
static const char *find_difference(const json_t *want, const json_t *have)
{
	static const char *const key[][2] = { { "sha256", "other content" },
					      { "link", "leads elsewhere" },
					      { "mode", "other mode" },
					      { "uid", "other owner" },
					      { "gid", "other group" } };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(key); i++) {
		const json_t *a = json_object_get(want, key[i][0]);
		const json_t *b = json_object_get(have, key[i][0]);

		if (a != b && !json_equal(a, b))
			return key[i][1];
	}
	return NULL;
}

int rke2_compare_tree(const char *dir, const json_t *want, json_t *out, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *have = NULL;
	const char *name, *what;
	json_t *value;

	if (!cryo_fs_is_dir(dir))
		return 0;
	have = rke2_list_tree(dir, err);
	if (!have)
		return -(int)err->status;
	json_object_foreach(have, name, value) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
		const json_t *was = json_object_get(want, name);

		what = was ? find_difference(was, value) : "not ours";
		if (what)
			rke2_add_change(out, path, what);
	}
	return 0;
}
