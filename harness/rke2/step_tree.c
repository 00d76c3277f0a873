/* SPDX-License-Identifier: Apache-2.0 */
/* Whole data directories: the release's is kept and given back, ours is made and removed. */
#include "rke2/step.h"

#include "conf/json.h"
#include "rke2/durable.h"
#include "rke2/ref.h"
#include "sys/fs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* "<data>/cryopod-tmp-NAME" for "<data>/NAME". */
static char *temporary_path(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return cryo_asprintf("%.*s" CRYO_RKE2_TMP "%s", (int)(name - path), path, name);
}

static int publish_tree(const char *tmp, const char *path, struct cryo_err *err)
{
	int rc = rke2_sync_tree(tmp, err);

	return rc < 0 ? rc : rke2_rename(tmp, path, err);
}

static int keep_tree(const struct rke2_run *r, const json_t *step, json_t **result,
		     struct cryo_err *err)
{
	const char *from = cryo_json_str(step, "from"), *to = cryo_json_str(step, "to");
	cryo_auto(cryo_free) char *tmp = temporary_path(to);
	int rc = cryo_fs_rmtree(tmp, err);

	(void)r;
	if (rc == 0 && !cryo_fs_exists(to)) {
		rc = cryo_fs_copy_tree(from, tmp, err);
		if (rc == 0)
			rc = publish_tree(tmp, to, err);
	}
	if (rc < 0)
		return rc;
	*result = rke2_list_tree(to, err);
	return *result ? 0 : -(int)err->status;
}

/* A change of the original since then: the copy would not be what was there. */
static int changes_of_original(const struct rke2_run *r, const json_t *step, const json_t *result,
			       json_t *out, struct cryo_err *err)
{
	(void)r;
	return json_is_object(result)
		   ? rke2_compare_tree(cryo_json_str(step, "from"), result, out, err)
		   : 0;
}

static const json_t *original_step(const struct rke2_run *r, const json_t *step)
{
	return json_array_get(json_object_get(r->plan, "steps"),
			      (size_t)cryo_json_int(step, "of", 0));
}

/* Is it there as it was, every file of it? */
static bool tree_is_whole(const char *dir, const json_t *want)
{
	cryo_auto(cryo_json_decref) json_t *have = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!cryo_fs_is_dir(dir))
		return false;
	if (!json_is_object(want))
		return true;
	have = rke2_list_tree(dir, &ignored);
	return have && json_equal(have, want);
}

/*
 * The kept copy stays until all is done, under its own name: should RKE2 remove the original once
 * more in between, it is made again. So the files are linked, not moved.
 */
static int give_tree_back(const struct rke2_run *r, const json_t *step, json_t **result,
			  struct cryo_err *err)
{
	const json_t *keep = original_step(r, step);
	const char *from = cryo_json_str(keep, "from"), *kept = cryo_json_str(keep, "to");
	const json_t *want = rke2_journal_result(r->journal, (size_t)cryo_json_int(step, "of", 0));
	cryo_auto(cryo_free) char *tmp = temporary_path(from);
	int rc;

	(void)result;
	if (tree_is_whole(from, want))
		return 0;
	if (!cryo_fs_is_dir(kept))
		return cryo_fs_is_dir(from)
			   ? 0
			   : cryo_err_set(err, CRYO_E_PROVISION,
					  "the original of '%s' is gone, and so is its copy '%s'",
					  from, kept);
	rc = cryo_fs_rmtree(tmp, err);
	if (rc == 0)
		rc = rke2_link_tree(kept, tmp, err);
	if (rc == 0)
		rc = rke2_sync_tree(tmp, err);
	if (rc == 0)
		rc = rke2_remove_tree(from, err);
	return rc < 0 ? rc : rke2_rename(tmp, from, err);
}

static int drop_kept(const struct rke2_run *r, const json_t *step, json_t **result,
		     struct cryo_err *err)
{
	const char *kept = cryo_json_str(original_step(r, step), "to");
	cryo_auto(cryo_free) char *tmp = temporary_path(kept);
	int rc = cryo_fs_rmtree(tmp, err);

	(void)result;
	return rc < 0 ? rc : rke2_remove_tree(kept, err);
}

/* Labels are those of the programs ours stand for, or of runc for what was not there. */
static int put_program(const char *dir, const char *base, const json_t *product,
		       struct cryo_err *err)
{
	const char *name = cryo_json_str(product, "name");
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/bin/%s", dir, name);
	cryo_auto(cryo_free) char *old = cryo_asprintf("%s/bin/%s", base, name);
	cryo_auto(cryo_free) char *runc = cryo_asprintf("%s/bin/runc", base);
	const struct rke2_attrs attrs = { 0755, geteuid(), getegid(),
					  cryo_fs_exists(old) ? old : runc };
	int rc = cryo_fs_mkparents(to, 0755, err);

	if (rc == 0 && unlink(to) < 0 && errno != ENOENT)
		rc = cryo_err_sys(err, errno, "cannot replace '%s'", to);
	return rc < 0 ? rc
		      : rke2_copy_file(cryo_json_str(product, "source"), to, &attrs,
				       cryo_json_str(product, "sha256"), err);
}

/* What we do not bring stays the release's own: crictl, the charts. Linked: nobody writes it. */
static int fill_stage(const struct rke2_run *r, const json_t *step, const char *tmp,
		      struct cryo_err *err)
{
	const char *base = cryo_json_str(step, "base");
	cryo_auto(cryo_free) char *marker = cryo_asprintf("%s/.extracted", tmp);
	const char *ref = cryo_json_str(step, "ref");
	json_t *product;
	size_t i;
	int rc = rke2_link_tree(base, tmp, err);

	json_array_foreach(json_object_get(r->plan, "products"), i, product)
		if (rc == 0 && !cryo_json_bool(product, "image"))
			rc = put_program(tmp, base, product, err);
	return rc < 0 ? rc : cryo_fs_write(marker, ref, strlen(ref), 0644, err);
}

static int stage_tree(const struct rke2_run *r, const json_t *step, json_t **result,
		      struct cryo_err *err)
{
	const char *to = cryo_json_str(step, "to");
	cryo_auto(cryo_free) char *tmp = temporary_path(to);
	int rc = cryo_fs_rmtree(tmp, err);

	if (rc == 0 && !cryo_fs_exists(to)) {
		rc = fill_stage(r, step, tmp, err);
		if (rc == 0)
			rc = publish_tree(tmp, to, err);
	}
	if (rc < 0)
		return rc;
	*result = rke2_list_tree(to, err);
	return *result ? 0 : -(int)err->status;
}

static int changes_of_stage(const struct rke2_run *r, const json_t *step, const json_t *result,
			    json_t *out, struct cryo_err *err)
{
	(void)r;
	return json_is_object(result)
		   ? rke2_compare_tree(cryo_json_str(step, "to"), result, out, err)
		   : 0;
}

/* RKE2 makes this link anew at its start; should it not be started, it still leads somewhere. */
static int relink_bin(const struct rke2_run *r, const char *ours, struct cryo_err *err)
{
	const char *data = cryo_json_str(r->plan, "node.dataDir");
	const char *current = cryo_json_str(r->plan, "node.current");
	cryo_auto(cryo_free) char *link = cryo_asprintf("%s/bin", data);
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s/.cryopod-bin", data);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/data/%s/bin", data, current);
	char target[4096];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0)
		return 0;
	target[n] = '\0';
	if (!cryo_starts_with(target, ours) || target[strlen(ours)] != '/')
		return 0;
	unlink(tmp);
	if (symlink(to, tmp) < 0)
		return cryo_err_sys(err, errno, "cannot make the link '%s'", link);
	return rke2_rename(tmp, link, err);
}

static bool has_sandboxes(const char *root, const char *dir)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_rke2_node_look(root, &n, &ignored) == 0 &&
	       cryo_rke2_node_sandboxes(&n, strrchr(dir, '/') + 1) > 0;
}

static int drop_stage(const struct rke2_run *r, const json_t *step, json_t **result,
		      struct cryo_err *err)
{
	const char *ours = cryo_json_str(original_step(r, step), "to");
	const char *root = cryo_json_str(r->plan, "node.root");
	cryo_auto(cryo_free) char *tmp = temporary_path(ours);
	int rc = cryo_fs_rmtree(tmp, err);

	if (rc == 0)
		rc = relink_bin(r, ours, err);
	if (rc < 0)
		return rc;
	if (!has_sandboxes(root ? root : "", ours))
		return rke2_remove_tree(ours, err);
	*result = json_pack("{ss}", "left", ours);
	return 0;
}

static bool kept_is_there(const struct rke2_run *r, const json_t *step, const json_t *result)
{
	(void)r;
	(void)result;
	return cryo_fs_is_dir(cryo_json_str(step, "to"));
}

static bool stage_is_whole(const struct rke2_run *r, const json_t *step, const json_t *result)
{
	(void)r;
	return tree_is_whole(cryo_json_str(step, "to"), result);
}

const struct rke2_step_kind rke2_step_keep = { "keep", keep_tree, changes_of_original,
					       kept_is_there };
const struct rke2_step_kind rke2_step_stage = { "stage", stage_tree, changes_of_stage,
						stage_is_whole };
const struct rke2_step_kind rke2_step_give_back = { "give-back", give_tree_back, NULL, NULL };
const struct rke2_step_kind rke2_step_unkeep = { "unkeep", drop_kept, NULL, NULL };
const struct rke2_step_kind rke2_step_unstage = { "unstage", drop_stage, NULL, NULL };
