/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our programs in the release's own bin directory. A second directory is made beside it, with the
 * files that stay linked into it, and the two change places in one moment: nobody ever starts a
 * runc of ours from a containerd of theirs. What runs keeps its file, so nothing is "busy".
 */
#include "rke2/step.h"

#include "conf/json.h"
#include "rke2/digest.h"
#include "rke2/durable.h"
#include "rke2/ref.h"
#include "sys/fs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *beside_bin(const char *bin)
{
	const char *slash = strrchr(bin, '/');

	return cryo_asprintf("%.*s/" CRYO_RKE2_TMP "bin", (int)(slash - bin), bin);
}

static const json_t *find_swap(const struct rke2_run *r, const json_t *step)
{
	return json_array_get(json_object_get(r->plan, "steps"),
			      (size_t)cryo_json_int(step, "of", 0));
}

/* Does each program of the list have this digest (NULL: is not there)? */
static bool bin_matches(const char *dir, const json_t *list, const char *key)
{
	const char *name;
	json_t *item;
	char now[CRYO_HASH_HEX];
	struct cryo_err ignored = CRYO_ERR_INIT;

	json_object_foreach((json_t *)list, name, item) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
		const char *want = cryo_json_str(item, key);

		if (cryo_fs_size(path) < 0) {
			if (want)
				return false;
			continue;
		}
		if (!want || cryo_rke2_digest(path, now, &ignored) < 0 || strcmp(now, want) != 0)
			return false;
	}
	return true;
}

/* {name: {sha256, source}} of what goes into bin. */
static json_t *list_ours(const struct rke2_run *r)
{
	json_t *all = json_object(), *product;
	size_t i;

	json_array_foreach(json_object_get(r->plan, "products"), i, product)
		if (!cryo_json_bool(product, "image"))
			json_object_set(all, cryo_json_str(product, "name"), product);
	return all;
}

static int save_replaced(const char *bin, const json_t *before, struct cryo_err *err)
{
	const char *name;
	json_t *was;
	int rc = 0;

	json_object_foreach((json_t *)before, name, was) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", bin, name);
		const char *digest = cryo_json_str(was, "sha256");

		if (rc == 0 && digest)
			rc = rke2_save_original(path, digest, err);
	}
	return rc;
}

static int replace_program(const char *dir, const char *name, const char *source,
			   const struct rke2_attrs *attrs, const char *want, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);
	int rc = cryo_fs_mkparents(path, 0755, err);

	if (rc == 0 && unlink(path) < 0 && errno != ENOENT)
		rc = cryo_err_sys(err, errno, "cannot replace '%s'", path);
	return rc < 0 || !source ? rc : rke2_copy_file(source, path, attrs, want, err);
}

static int put_ours(const json_t *ours, const char *bin, const char *dir, struct cryo_err *err)
{
	const char *name;
	json_t *product;
	int rc = 0;

	json_object_foreach((json_t *)ours, name, product) {
		cryo_auto(cryo_free) char *old = cryo_asprintf("%s/%s", bin, name);
		cryo_auto(cryo_free) char *runc = cryo_asprintf("%s/runc", bin);
		const struct rke2_attrs attrs = { 0755, geteuid(), getegid(),
						  cryo_fs_exists(old) ? old : runc };

		if (rc == 0)
			rc = replace_program(dir, name, cryo_json_str(product, "source"), &attrs,
					     cryo_json_str(product, "sha256"), err);
	}
	return rc;
}

/* The new directory becomes `bin`, what was there goes. */
static int change_places(const char *dir, const char *bin, struct cryo_err *err)
{
	int rc = rke2_sync_tree(dir, err);

	if (rc == 0)
		rc = rke2_exchange(dir, bin, err);
	return rc < 0 ? rc : rke2_remove_tree(dir, err);
}

static int clear_beside(const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *gone = cryo_asprintf("%s.cryopod-gone", dir);
	int rc = cryo_fs_rmtree(gone, err);

	return rc < 0 ? rc : cryo_fs_rmtree(dir, err);
}

static int swap_bin(const struct rke2_run *r, const json_t *step, json_t **result,
		    struct cryo_err *err)
{
	const char *bin = cryo_json_str(step, "dir");
	cryo_auto(cryo_free) char *dir = beside_bin(bin);
	cryo_auto(cryo_json_decref) json_t *ours = list_ours(r);
	int rc = clear_beside(dir, err);

	(void)result;
	if (rc < 0 || bin_matches(bin, ours, "sha256"))
		return rc;
	rc = save_replaced(bin, json_object_get(step, "before"), err);
	if (rc == 0)
		rc = rke2_link_tree(bin, dir, err);
	if (rc == 0)
		rc = put_ours(ours, bin, dir, err);
	return rc < 0 ? rc : change_places(dir, bin, err);
}

static int put_back(const json_t *before, const char *bin, const char *dir, struct cryo_err *err)
{
	const char *name;
	json_t *was;
	int rc = 0;

	json_object_foreach((json_t *)before, name, was) {
		const char *digest = cryo_json_str(was, "sha256");
		cryo_auto(cryo_free) char *kept = digest ? rke2_original_path(digest) : NULL;
		cryo_auto(cryo_free) char *label = cryo_asprintf("%s/%s", bin, name);
		const struct rke2_attrs attrs = { (mode_t)cryo_json_int(was, "mode", 0755),
						  (uid_t)cryo_json_int(was, "uid", 0),
						  (gid_t)cryo_json_int(was, "gid", 0), label };

		if (rc == 0)
			rc = replace_program(dir, name, kept, &attrs, digest, err);
	}
	return rc;
}

/* Directories that only our programs needed: "cryopod-libs". */
static void drop_empty_dirs(const json_t *before, const char *dir)
{
	const char *name;
	json_t *was;

	json_object_foreach((json_t *)before, name, was) {
		const char *slash = strchr(name, '/');
		cryo_auto(cryo_free) char *path =
		    slash ? cryo_asprintf("%s/%.*s", dir, (int)(slash - name), name) : NULL;

		if (path)
			rmdir(path);
	}
}

static int unswap_bin(const struct rke2_run *r, const json_t *step, json_t **result,
		      struct cryo_err *err)
{
	const json_t *done = find_swap(r, step), *before = json_object_get(done, "before");
	const char *bin = cryo_json_str(done, "dir");
	cryo_auto(cryo_free) char *dir = beside_bin(bin);
	int rc = clear_beside(dir, err);

	(void)result;
	/* An upgrade has taken the whole directory away: there is nothing to go back to in it. */
	if (rc < 0 || !cryo_fs_is_dir(bin) || bin_matches(bin, before, "sha256"))
		return rc;
	rc = rke2_link_tree(bin, dir, err);
	if (rc == 0)
		rc = put_back(before, bin, dir, err);
	if (rc < 0)
		return rc;
	drop_empty_dirs(before, dir);
	return change_places(dir, bin, err);
}

static int changes_of_swap(const struct rke2_run *r, const json_t *step, const json_t *result,
			   json_t *out, struct cryo_err *err)
{
	const json_t *before = json_object_get(step, "before");
	cryo_auto(cryo_json_decref) json_t *ours = list_ours(r);
	const char *bin = cryo_json_str(step, "dir"), *name;
	char now[CRYO_HASH_HEX];
	json_t *product;
	int rc = 0;

	(void)result;
	json_object_foreach(ours, name, product) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", bin, name);
		const json_t *was = json_object_get(before, name);

		if (rc < 0 || cryo_fs_size(path) < 0)
			continue;
		rc = cryo_rke2_digest(path, now, err);
		if (rc == 0 && !cryo_streq(now, cryo_json_str(product, "sha256")) &&
		    !cryo_streq(now, cryo_json_str(was, "sha256")))
			rke2_add_change(out, path, "other content");
	}
	return rc;
}

static bool bin_is_ours(const struct rke2_run *r, const json_t *step, const json_t *result)
{
	cryo_auto(cryo_json_decref) json_t *ours = list_ours(r);

	(void)result;
	return bin_matches(cryo_json_str(step, "dir"), ours, "sha256");
}

const struct rke2_step_kind rke2_step_swap = { "swap", swap_bin, changes_of_swap, bin_is_ours };
const struct rke2_step_kind rke2_step_unswap = { "unswap", unswap_bin, NULL, NULL };
