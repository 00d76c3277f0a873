/* SPDX-License-Identifier: Apache-2.0 */
#include "image/oci.h"

#include "conf/json.h"
#include "image/tar.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TYPE_INDEX    "application/vnd.oci.image.index.v1+json"
#define TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define TYPE_CONFIG   "application/vnd.oci.image.config.v1+json"
#define TYPE_LAYER    "application/vnd.oci.image.layer.v1.tar"

struct blob {
	char digest[sizeof("sha256:") + CRYO_HASH_HEX];
	int64_t size;
	struct cryo_str text; /* JSON blobs; the layer is a file */
};

struct layout {
	const struct cryo_oci_image *img;
	char *dir;	  /* where we work; gone at the end */
	char *layer_path; /* given or made */
	struct stat stat; /* of the layer when its digest was made */
	struct blob layer, config, manifest;
	struct cryo_str index;
};

static void layout_releasep(struct layout *l)
{
	struct cryo_err ignored;

	/* What cannot be removed now is no worse than what a killed run leaves. */
	if (l->dir)
		cryo_fs_rmtree(l->dir, &ignored);
	cryo_freep(&l->dir);
	cryo_freep(&l->layer_path);
	cryo_str_release(&l->config.text);
	cryo_str_release(&l->manifest.text);
	cryo_str_release(&l->index);
}

const char *cryo_oci_arch(void)
{
	static const struct {
		const char *machine, *arch;
	} row[] = {
		{ "x86_64", "amd64" },
		{ "aarch64", "arm64" },
		{ "i686", "386" },
	};
	static struct utsname u;

	uname(&u);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (strcmp(u.machine, row[i].machine) == 0)
			return row[i].arch;
	return u.machine; /* the same name in both worlds: riscv64, s390x, ppc64le */
}

/* The tag of a full reference; NULL if it has none (or a digest). */
static const char *find_reference_tag(const char *ref)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	const char *slash = strrchr(ref, '/');
	const char *colon = slash ? strchr(slash, ':') : NULL;
	size_t n = colon ? strlen(colon + 1) : 0;

	if (n == 0 || n > 128 || strchr(ref, '@') || slash == ref || colon == slash + 1)
		return NULL;
	return strspn(colon + 1, letters) == n ? colon + 1 : NULL;
}

static bool is_utf8_text(const char *text)
{
	json_t *j = json_string(text);

	json_decref(j);
	return j != NULL;
}

static int check_image_options(const struct cryo_oci_image *img, struct cryo_err *err)
{
	if (!find_reference_tag(img->ref) || !is_utf8_text(img->ref))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "'%s' is no full image name (write host/name:tag)", img->ref);
	for (const char *const *a = img->annotations; a && *a; a++)
		if (!strchr(*a, '=') || **a == '=' || !is_utf8_text(*a))
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "'%s' is no annotation (write key=value)", *a);
	for (const char *const *e = img->entrypoint; e && *e; e++)
		if (!is_utf8_text(*e))
			return cryo_err_set(err, CRYO_E_CONFIG, "entry point '%s' is no UTF-8", *e);
	return 0;
}

static json_t *make_blob_descriptor(const char *type, const struct blob *b)
{
	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", b->digest, "size",
			 (json_int_t)b->size);
}

static void dump_json_blob(struct blob *b, json_t *j)
{
	char hex[CRYO_HASH_HEX];

	cryo_json_dump(j, &b->text);
	json_decref(j);
	cryo_hash_bytes(cryo_str_get(&b->text), b->text.len, hex);
	snprintf(b->digest, sizeof(b->digest), "sha256:%s", hex);
	b->size = (int64_t)b->text.len;
}

static void make_image_config(struct layout *l)
{
	json_t *run = json_object(), *list = json_array();

	for (const char *const *e = l->img->entrypoint; e && *e; e++)
		json_array_append_new(list, json_string(*e));
	if (json_array_size(list) > 0)
		json_object_set(run, "Entrypoint", list);
	json_decref(list);
	dump_json_blob(&l->config,
		       json_pack("{s:s, s:s, s:o, s:{s:s, s:[s]}}", "architecture", cryo_oci_arch(),
				 "os", "linux", "config", run, "rootfs", "type", "layers",
				 "diff_ids", l->layer.digest));
}

static void make_manifest(struct layout *l)
{
	json_t *j = json_pack("{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType",
			      TYPE_MANIFEST, "config",
			      make_blob_descriptor(TYPE_CONFIG, &l->config), "layers",
			      make_blob_descriptor(TYPE_LAYER, &l->layer));
	json_t *notes = json_object();

	for (const char *const *a = l->img->annotations; a && *a; a++) {
		cryo_auto(cryo_free) char *key = cryo_strndup(*a, strcspn(*a, "="));

		json_object_set_new(notes, key, json_string(*a + strlen(key) + 1));
	}
	if (json_object_size(notes) > 0)
		json_object_set(j, "annotations", notes);
	json_decref(notes);
	dump_json_blob(&l->manifest, j);
}

static void make_image_index(struct layout *l)
{
	json_t *entry = make_blob_descriptor(TYPE_MANIFEST, &l->manifest), *index;

	json_object_set_new(
	    entry, "platform",
	    json_pack("{s:s, s:s}", "architecture", cryo_oci_arch(), "os", "linux"));
	json_object_set_new(entry, "annotations",
			    json_pack("{s:s, s:s}", "io.containerd.image.name", l->img->ref,
				      "org.opencontainers.image.ref.name",
				      find_reference_tag(l->img->ref)));
	index = json_pack("{s:i, s:s, s:[o]}", "schemaVersion", 2, "mediaType", TYPE_INDEX,
			  "manifests", entry);
	cryo_json_dump(index, &l->index);
	json_decref(index);
}

/* The directories above `name`, each once per archive. */
static int add_parent_directories(struct cryo_tar_writer *w, const char *name,
				  struct cryo_strv *done, struct cryo_err *err)
{
	int rc = 0;

	for (const char *s = strchr(name, '/'); rc == 0 && s; s = strchr(s + 1, '/')) {
		cryo_auto(cryo_free) char *dir = cryo_strndup(name, (size_t)(s - name));

		if (cryo_strv_has(done, dir))
			continue;
		rc = cryo_tar_add_dir(w, dir, 0755, err);
		cryo_strv_add(done, dir);
	}
	return rc;
}

static int write_layer_tar(struct layout *l, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd =
	    open(l->layer_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv done = { 0 };
	int rc = 0;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", l->layer_path);
	w = cryo_tar_writer_new(fd);
	for (size_t i = 0; rc == 0 && i < l->img->n_files; i++) {
		const struct cryo_oci_file *f = &l->img->file[i];

		rc = add_parent_directories(w, f->name, &done, err);
		if (rc == 0)
			rc = cryo_tar_add_file(w, f->name, f->mode, f->path, err);
	}
	return rc < 0 ? rc : cryo_tar_finish(w, err);
}

static int make_image_layer(struct layout *l, struct cryo_err *err)
{
	char hex[CRYO_HASH_HEX];
	int rc = 0;

	if (l->img->layer_path) {
		l->layer_path = cryo_strdup(l->img->layer_path);
	} else {
		l->layer_path = cryo_asprintf("%s/layer.tar", l->dir);
		rc = write_layer_tar(l, err);
	}
	if (rc == 0 && stat(l->layer_path, &l->stat) < 0)
		rc = cryo_err_sys(err, errno, "cannot open '%s'", l->layer_path);
	if (rc == 0 && !S_ISREG(l->stat.st_mode))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "'%s' is no regular file", l->layer_path);
	if (rc == 0)
		rc = cryo_hash_file(l->layer_path, hex, err);
	if (rc < 0)
		return rc;
	snprintf(l->layer.digest, sizeof(l->layer.digest), "sha256:%s", hex);
	l->layer.size = l->stat.st_size;
	return 0;
}

static int add_blob_member(struct cryo_tar_writer *w, const struct blob *b, const char *path,
			   struct cryo_err *err)
{
	cryo_auto(cryo_free) char *name =
	    cryo_asprintf("blobs/sha256/%s", b->digest + strlen("sha256:"));

	if (path)
		return cryo_tar_add_file(w, name, 0644, path, err);
	return cryo_tar_add_data(w, name, 0644, cryo_str_get(&b->text), b->text.len, err);
}

static int write_members(struct layout *l, int fd, struct cryo_err *err)
{
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	int rc = cryo_tar_add_data(w, "oci-layout", 0644, version, strlen(version), err);

	if (rc == 0)
		rc = cryo_tar_add_data(w, "index.json", 0644, cryo_str_get(&l->index), l->index.len,
				       err);
	if (rc == 0)
		rc = cryo_tar_add_dir(w, "blobs", 0755, err);
	if (rc == 0)
		rc = cryo_tar_add_dir(w, "blobs/sha256", 0755, err);
	if (rc == 0)
		rc = add_blob_member(w, &l->manifest, NULL, err);
	if (rc == 0)
		rc = add_blob_member(w, &l->config, NULL, err);
	if (rc == 0)
		rc = add_blob_member(w, &l->layer, l->layer_path, err);
	return rc < 0 ? rc : cryo_tar_finish(w, err);
}

/* The digest was made before the copy: both must be of the same bytes. */
static int check_layer_unchanged(const struct layout *l, struct cryo_err *err)
{
	struct stat now;

	if (stat(l->layer_path, &now) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", l->layer_path);
	if (now.st_dev != l->stat.st_dev || now.st_ino != l->stat.st_ino ||
	    now.st_size != l->stat.st_size || now.st_ctim.tv_sec != l->stat.st_ctim.tv_sec ||
	    now.st_ctim.tv_nsec != l->stat.st_ctim.tv_nsec)
		return cryo_err_set(err, CRYO_E_SYSTEM, "'%s' changed while it was read",
				    l->layer_path);
	return 0;
}

static int publish_image_tar(struct layout *l, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s/layout.tar", l->dir);
	cryo_auto(cryo_fd_close) int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", tmp);
	rc = write_members(l, fd, err);
	if (rc == 0)
		rc = check_layer_unchanged(l, err);
	if (rc < 0)
		return rc;
	if (fsync(fd) < 0 || rename(tmp, path) < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	return 0;
}

static int make_work_beside(struct layout *l, const char *path, struct cryo_err *err)
{
	const char *slash = strrchr(path, '/');
	cryo_auto(cryo_free) char *parent = slash ? cryo_strndup(path, (size_t)(slash - path) + 1)
						  : cryo_strdup(".");

	return cryo_fs_tmpdir(parent, ".oci-", &l->dir, err);
}

int cryo_oci_write(const struct cryo_oci_image *img, const char *path, struct cryo_err *err)
{
	cryo_auto(layout_release) struct layout l = { .img = img };
	int rc = check_image_options(img, err);

	if (rc == 0)
		rc = make_work_beside(&l, path, err);
	if (rc == 0)
		rc = make_image_layer(&l, err);
	if (rc == 0) {
		make_image_config(&l);
		make_manifest(&l);
		make_image_index(&l);
		rc = publish_image_tar(&l, path, err);
	}
	return cryo_err_wrap(err, rc, "image '%s'", img->ref);
}
