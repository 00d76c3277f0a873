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
	char *dir; /* where we work; gone at the end */
	struct layer {
		char *path;	  /* given or made */
		struct stat stat; /* when its digest was made */
		struct blob blob;
	} * layer; /* the lowest first */
	size_t n;
	struct blob config, manifest;
	struct cryo_str index, docker;
};

static void layout_releasep(struct layout *l)
{
	struct cryo_err ignored;

	/* What cannot be removed now is no worse than what a killed run leaves. */
	if (l->dir)
		cryo_fs_rmtree(l->dir, &ignored);
	cryo_freep(&l->dir);
	for (size_t i = 0; i < l->n; i++)
		free(l->layer[i].path);
	cryo_freep(&l->layer);
	cryo_str_release(&l->docker);
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
				    "'%s' is not a full image name (write host/name:tag)",
				    img->ref);
	for (const char *const *a = img->annotations; a && *a; a++)
		if (!strchr(*a, '=') || **a == '=' || !is_utf8_text(*a))
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "'%s' is not an annotation (write key=value)", *a);
	for (const char *const *e = img->entrypoint; e && *e; e++)
		if (!is_utf8_text(*e))
			return cryo_err_set(err, CRYO_E_CONFIG, "entry point '%s' is not UTF-8",
					    *e);
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

static json_t *list_config_strings(const char *const *list)
{
	json_t *out = json_array();

	for (; list && *list; list++)
		json_array_append_new(out, json_string(*list));
	return out;
}

static void set_config_list(json_t *object, const char *key, const char *const *list)
{
	if (list && *list)
		json_object_set_new(object, key, list_config_strings(list));
}

static void make_image_config(struct layout *l)
{
	json_t *run = json_object(), *ids = json_array();

	set_config_list(run, "Entrypoint", l->img->entrypoint);
	set_config_list(run, "Env", l->img->env);
	if (l->img->stop_signal)
		json_object_set_new(run, "StopSignal", json_string(l->img->stop_signal));
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(ids, json_string(l->layer[i].blob.digest));
	dump_json_blob(&l->config, json_pack("{s:s, s:s, s:o, s:{s:s, s:o}}", "architecture",
					     cryo_oci_arch(), "os", "linux", "config", run,
					     "rootfs", "type", "layers", "diff_ids", ids));
}

static void make_manifest(struct layout *l)
{
	json_t *notes = json_object(), *layers = json_array(), *j;

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(layers, make_blob_descriptor(TYPE_LAYER, &l->layer[i].blob));
	j = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", TYPE_MANIFEST,
		      "config", make_blob_descriptor(TYPE_CONFIG, &l->config), "layers", layers);
	for (const char *const *a = l->img->annotations; a && *a; a++) {
		cryo_auto(cryo_free) char *key = cryo_strndup(*a, strcspn(*a, "="));

		json_object_set_new(notes, key, json_string(*a + strlen(key) + 1));
	}
	if (json_object_size(notes) > 0)
		json_object_set(j, "annotations", notes);
	json_decref(notes);
	dump_json_blob(&l->manifest, j);
}

static json_t *name_docker_blob(const struct blob *b)
{
	return json_sprintf("blobs/sha256/%s", b->digest + strlen("sha256:"));
}

/* What `docker save` of today writes as well: names of blobs instead of directories. */
static void make_docker_manifest(struct layout *l)
{
	json_t *layers, *j;

	if (!l->img->docker)
		return;
	layers = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(layers, name_docker_blob(&l->layer[i].blob));
	j = json_pack("[{s:o, s:[s], s:o}]", "Config", name_docker_blob(&l->config), "RepoTags",
		      l->img->ref, "Layers", layers);
	cryo_json_dump(j, &l->docker);
	json_decref(j);
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

static int write_layer_tar(struct layout *l, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv done = { 0 };
	int rc = 0;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	w = cryo_tar_writer_new(fd);
	for (size_t i = 0; rc == 0 && i < l->img->n_files; i++) {
		const struct cryo_oci_file *f = &l->img->file[i];

		rc = add_parent_directories(w, f->name, &done, err);
		if (rc == 0)
			rc = cryo_tar_add_file(w, f->name, f->mode, f->path, err);
	}
	return rc < 0 ? rc : cryo_tar_finish(w, err);
}

/* Takes the path. */
static int take_image_layer(struct layout *l, char *path, struct cryo_err *err)
{
	struct layer *layer;
	char hex[CRYO_HASH_HEX];
	int rc;

	l->layer = cryo_realloc(l->layer, l->n + 1, sizeof(*l->layer));
	layer = &l->layer[l->n++];
	*layer = (struct layer){ .path = path };
	if (stat(path, &layer->stat) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", path);
	if (!S_ISREG(layer->stat.st_mode))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a regular file", path);
	rc = cryo_hash_file(path, hex, err);
	if (rc < 0)
		return rc;
	snprintf(layer->blob.digest, sizeof(layer->blob.digest), "sha256:%s", hex);
	layer->blob.size = layer->stat.st_size;
	return 0;
}

static int make_image_layers(struct layout *l, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *made = cryo_asprintf("%s/layer.tar", l->dir);
	int rc = 0;

	for (const char *const *p = l->img->lower; rc == 0 && p && *p; p++)
		rc = take_image_layer(l, cryo_strdup(*p), err);
	if (rc < 0)
		return rc;
	if (l->img->layer_path)
		return take_image_layer(l, cryo_strdup(l->img->layer_path), err);
	rc = write_layer_tar(l, made, err);
	return rc < 0 ? rc : take_image_layer(l, cryo_steal(&made), err);
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
	if (rc == 0 && l->docker.len > 0)
		rc = cryo_tar_add_data(w, "manifest.json", 0644, l->docker.p, l->docker.len, err);
	if (rc == 0)
		rc = cryo_tar_add_dir(w, "blobs", 0755, err);
	if (rc == 0)
		rc = cryo_tar_add_dir(w, "blobs/sha256", 0755, err);
	if (rc == 0)
		rc = add_blob_member(w, &l->manifest, NULL, err);
	if (rc == 0)
		rc = add_blob_member(w, &l->config, NULL, err);
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = add_blob_member(w, &l->layer[i].blob, l->layer[i].path, err);
	return rc < 0 ? rc : cryo_tar_finish(w, err);
}

/* The digest was made before the copy: both must be of the same bytes. */
static int check_layer_unchanged(const struct layer *l, struct cryo_err *err)
{
	struct stat now;

	if (stat(l->path, &now) < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", l->path);
	if (now.st_dev != l->stat.st_dev || now.st_ino != l->stat.st_ino ||
	    now.st_size != l->stat.st_size || now.st_ctim.tv_sec != l->stat.st_ctim.tv_sec ||
	    now.st_ctim.tv_nsec != l->stat.st_ctim.tv_nsec)
		return cryo_err_set(err, CRYO_E_SYSTEM, "'%s' changed while it was read", l->path);
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
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		rc = check_layer_unchanged(&l->layer[i], err);
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
		rc = make_image_layers(&l, err);
	if (rc == 0) {
		make_image_config(&l);
		make_manifest(&l);
		make_image_index(&l);
		make_docker_manifest(&l);
		rc = publish_image_tar(&l, path, err);
	}
	return cryo_err_wrap(err, rc, "image '%s'", img->ref);
}
