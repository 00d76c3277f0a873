/* SPDX-License-Identifier: Apache-2.0 */
/* One image in docker's format: layer, its configuration, manifest.json. */
#include "rke2/step.h"

#include "conf/json.h"
#include "image/oci.h"
#include "image/tar.h"
#include "rke2/durable.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PATH_ENV "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Directories above "usr/local/bin/x" first: "usr", "usr/local", "usr/local/bin". */
static int add_parents(struct cryo_tar_writer *w, struct cryo_strv *made, const char *name,
		       struct cryo_err *err)
{
	int rc = 0;

	for (const char *slash = strchr(name, '/'); slash && rc == 0;
	     slash = strchr(slash + 1, '/')) {
		cryo_auto(cryo_free) char *dir = cryo_strndup(name, (size_t)(slash - name));

		if (cryo_strv_has(made, dir))
			continue;
		cryo_strv_add(made, dir);
		rc = cryo_tar_add_dir(w, dir, 0755, err);
	}
	return rc;
}

static int write_layer(const char *path, const struct rke2_archive_file *file, size_t n,
		       struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv made = { 0 };
	int rc = 0;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	w = cryo_tar_writer_new(fd);
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = add_parents(w, &made, file[i].name, err);
		if (rc == 0)
			rc = cryo_tar_add_file(w, file[i].name, 0755, file[i].source, err);
	}
	return rc < 0 ? rc : cryo_tar_finish(w, err);
}

static int add_json(struct cryo_tar_writer *w, const char *name, json_t *j, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_json_dump(j, &text);
	return cryo_tar_add_data(w, name, 0644, text.p, text.len, err);
}

static int write_members(int fd, const char *layer, const char *ref, struct cryo_err *err)
{
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	cryo_auto(cryo_json_decref) json_t *config = NULL, *manifest = NULL;
	cryo_auto(cryo_free) char *id = NULL;
	char digest[CRYO_HASH_HEX];
	int rc = cryo_hash_file(layer, digest, err);

	if (rc < 0)
		return rc;
	id = cryo_asprintf("sha256:%s", digest);
	config = json_pack("{ss ss s{s[s]} s{ss s[s]}}", "architecture", cryo_oci_arch(), "os",
			   "linux", "config", "Env", PATH_ENV, "rootfs", "type", "layers",
			   "diff_ids", id);
	manifest = json_pack("[{ss s[s] s[s]}]", "Config", "config.json", "RepoTags", ref, "Layers",
			     "layer.tar");
	rc = add_json(w, "manifest.json", manifest, err);
	if (rc == 0)
		rc = add_json(w, "config.json", config, err);
	if (rc == 0)
		rc = cryo_tar_add_file(w, "layer.tar", 0644, layer, err);
	return rc < 0 ? rc : cryo_tar_finish(w, err);
}

int rke2_write_archive(const char *path, const char *ref, const struct rke2_archive_file *file,
		       size_t n, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *layer = cryo_asprintf("%s.layer", path);
	cryo_auto(cryo_fd_close) int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = fd < 0 ? cryo_err_sys(err, errno, "cannot write '%s'", path) : 0;

	if (rc == 0)
		rc = write_layer(layer, file, n, err);
	if (rc == 0)
		rc = write_members(fd, layer, ref, err);
	unlink(layer);
	if (rc < 0)
		return rc;
	if (fchmod(fd, 0644) < 0 || (fsync(fd) < 0 && errno != EINVAL))
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	rke2_announce_point(path);
	return 0;
}
