/* SPDX-License-Identifier: Apache-2.0 */
/* Single files: configuration, and the archive of the API server's image. */
#include "rke2/step.h"

#include "conf/json.h"
#include "rke2/digest.h"
#include "rke2/durable.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_RM_MS 20000
#define SOCKET	    "/run/k3s/containerd/containerd.sock"

static const json_t *file_step(const struct rke2_run *r, const json_t *step)
{
	return json_array_get(json_object_get(r->plan, "steps"),
			      (size_t)cryo_json_int(step, "of", 0));
}

/* The digest of what is there; "" for nothing or something else than a file. */
static void digest_of_file(const char *path, char out[CRYO_HASH_HEX])
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	out[0] = '\0';
	if (cryo_fs_size(path) < 0 || cryo_hash_file(path, out, &ignored) < 0)
		out[0] = '\0';
}

static int write_config(const struct rke2_run *r, const json_t *step, json_t **result,
			struct cryo_err *err)
{
	const char *path = cryo_json_str(step, "path"), *text = cryo_json_str(step, "content");
	const char *before = cryo_json_str(step, "before.sha256");
	const struct rke2_attrs attrs = { (mode_t)cryo_json_int(step, "mode", 0600), geteuid(),
					  getegid(), before ? path : NULL };
	char now[CRYO_HASH_HEX];
	int rc = 0;

	(void)r;
	(void)result;
	digest_of_file(path, now);
	if (cryo_streq(now, cryo_json_str(step, "sha256")))
		return 0;
	if (before)
		rc = rke2_save_original(path, before, err);
	return rc < 0 ? rc : rke2_publish_file(path, text, strlen(text), &attrs, err);
}

/* Neither what we wrote nor what was there before is somebody else's. */
static int changes_of_config(const struct rke2_run *r, const json_t *step, const json_t *result,
			     json_t *out, struct cryo_err *err)
{
	const char *path = cryo_json_str(step, "path");
	char now[CRYO_HASH_HEX];

	(void)r;
	(void)result;
	(void)err;
	digest_of_file(path, now);
	if (*now && !cryo_streq(now, cryo_json_str(step, "sha256")) &&
	    !cryo_streq(now, cryo_json_str(step, "before.sha256")))
		rke2_add_change(out, path, "other content");
	return 0;
}

/* Directories that were not there before, unless somebody has put something into them. */
static void drop_new_dirs(const json_t *done)
{
	const json_t *dirs = json_object_get(done, "newDirs");

	for (size_t i = json_array_size(dirs); i > 0; i--)
		rmdir(json_string_value(json_array_get(dirs, i - 1)));
}

static int remove_new_file(const json_t *done, struct cryo_err *err)
{
	int rc = rke2_remove_file(cryo_json_str(done, "path"), err);

	if (rc == 0)
		drop_new_dirs(done);
	return rc;
}

static int restore_config(const struct rke2_run *r, const json_t *step, json_t **result,
			  struct cryo_err *err)
{
	const json_t *done = file_step(r, step);
	const char *path = cryo_json_str(done, "path");
	const char *before = cryo_json_str(done, "before.sha256");
	cryo_auto(cryo_free) char *kept = before ? rke2_original_path(before) : NULL;
	const struct rke2_attrs attrs = { (mode_t)cryo_json_int(done, "before.mode", 0600),
					  (uid_t)cryo_json_int(done, "before.uid", 0),
					  (gid_t)cryo_json_int(done, "before.gid", 0), path };
	char now[CRYO_HASH_HEX];

	(void)result;
	if (!before)
		return remove_new_file(done, err);
	digest_of_file(path, now);
	if (cryo_streq(now, before))
		return 0;
	return rke2_publish_copy(path, kept, &attrs, before, err);
}

static int write_image(const struct rke2_run *r, const json_t *step, json_t **result,
		       struct cryo_err *err)
{
	const char *path = cryo_json_str(step, "path");
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s.cryopod-new", path);
	struct rke2_archive_file file[8];
	char digest[CRYO_HASH_HEX];
	json_t *product;
	size_t i, n = 0;
	int rc;

	json_array_foreach(json_object_get(r->plan, "products"), i, product)
		if (cryo_json_bool(product, "image") && n < CRYO_ARRAY_LEN(file))
			file[n++] = (struct rke2_archive_file){ cryo_json_str(product, "name"),
								cryo_json_str(product, "source") };
	rc = cryo_fs_mkparents(path, 0755, err);
	if (rc == 0)
		rc = rke2_write_archive(tmp, cryo_json_str(step, "ref"), file, n, err);
	if (rc == 0)
		rc = cryo_hash_file(tmp, digest, err);
	if (rc == 0)
		rc = rke2_rename(tmp, path, err);
	if (rc < 0)
		unlink(tmp);
	else
		*result = json_pack("{ss}", "sha256", digest);
	return rc;
}

static int changes_of_image(const struct rke2_run *r, const json_t *step, const json_t *result,
			    json_t *out, struct cryo_err *err)
{
	const char *path = cryo_json_str(step, "path"), *want = cryo_json_str(result, "sha256");
	char now[CRYO_HASH_HEX];

	(void)r;
	(void)err;
	digest_of_file(path, now);
	if (*now && want && strcmp(now, want) != 0)
		rke2_add_change(out, path, "other content");
	return 0;
}

/* Out of containerd as well, as far as it can be asked: an image is no harm. */
static void forget_image(const struct rke2_run *r, const char *ref)
{
	const char *root = cryo_json_str(r->plan, "node.root");
	cryo_auto(cryo_free) char *socket = cryo_asprintf("%s" SOCKET, root ? root : "");
	cryo_auto(cryo_free) char *ctr =
	    cryo_asprintf("%s/bin/ctr", cryo_json_str(r->plan, "node.dataDir"));
	const char *const argv[] = { ctr,      "--address", socket, "--namespace", "k8s.io",
				     "images", "rm",	    ref,    NULL };
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct cryo_proc p = { .argv = argv, .timeout_ms = IMAGE_RM_MS };

	if (cryo_fs_exists(socket) && access(ctr, X_OK) == 0)
		cryo_proc_run(&p, NULL, &ignored);
}

static int drop_image(const struct rke2_run *r, const json_t *step, json_t **result,
		      struct cryo_err *err)
{
	const json_t *done = file_step(r, step);

	(void)result;
	forget_image(r, cryo_json_str(done, "ref"));
	return remove_new_file(done, err);
}

static bool config_is_ours(const struct rke2_run *r, const json_t *step, const json_t *result)
{
	char now[CRYO_HASH_HEX];

	(void)r;
	(void)result;
	digest_of_file(cryo_json_str(step, "path"), now);
	return cryo_streq(now, cryo_json_str(step, "sha256"));
}

static bool image_is_ours(const struct rke2_run *r, const json_t *step, const json_t *result)
{
	char now[CRYO_HASH_HEX];
	struct cryo_err ignored = CRYO_ERR_INIT;

	(void)r;
	return cryo_rke2_digest(cryo_json_str(step, "path"), now, &ignored) == 0 &&
	       cryo_streq(now, cryo_json_str(result, "sha256"));
}

const struct rke2_step_kind rke2_step_file = { "file", write_config, changes_of_config,
					       config_is_ours };
const struct rke2_step_kind rke2_step_unfile = { "unfile", restore_config, NULL, NULL };
const struct rke2_step_kind rke2_step_image = { "image", write_image, changes_of_image,
						image_is_ours };
const struct rke2_step_kind rke2_step_unimage = { "unimage", drop_image, NULL, NULL };
