/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/bundle.h"

#include "conf/json.h"
#include "image/oci.h"
#include "image/tar.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "bundle.json"
#define SBOM	 "sbom.spdx.json"
#define PROGRAM	 "files/cryopod"
#define MAX_JSON (8u << 20)

static void add_manifest_file(json_t *files, const char *name, const char *path, const char *sha256,
			      int64_t bytes, bool image)
{
	json_array_append_new(files,
			      json_pack("{ss ss ss sI sb}", "name", name, "path", path, "sha256",
					sha256, "bytes", (json_int_t)bytes, "image", image));
}

static json_t *make_manifest(const struct cryo_rke2_build *b, const struct cryo_bundle_opts *o,
			     struct cryo_err *err)
{
	json_t *files = json_array();
	char digest[CRYO_HASH_HEX];

	for (size_t i = 0; i < b->n; i++) {
		const struct cryo_rke2_product *p = &b->product[i];
		cryo_auto(cryo_free) char *path = rke2_member_path(b, i);

		add_manifest_file(files, p->name, path, p->sha256, (int64_t)p->bytes, p->image);
	}
	if (o->program && cryo_hash_file(o->program, digest, err) < 0) {
		json_decref(files);
		return NULL;
	}
	if (o->program)
		add_manifest_file(files, "", PROGRAM, digest, cryo_fs_size(o->program), false);
	return json_pack("{ss ss ss ss ss ss ss* so}", "apiVersion", "cryopod.dev/v1alpha1", "kind",
			 "Bundle", "for", "rke2", "stack", b->stack, "kubernetes", b->version,
			 "arch", cryo_oci_arch(), "apiserverImage", b->apiserver_image, "files",
			 files);
}

static int add_json_member(struct cryo_tar_writer *w, const char *name, json_t *j,
			   struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_json_dump_pretty(j, &text);
	cryo_str_add(&text, "\n");
	return cryo_tar_add_data(w, name, 0644, text.p, text.len, err);
}

static int write_bundle(int fd, const struct cryo_rke2_build *b, const struct cryo_bundle_opts *o,
			struct cryo_err *err)
{
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new_gzip(fd);
	cryo_auto(cryo_json_decref) json_t *manifest = make_manifest(b, o, err);
	cryo_auto(cryo_json_decref) json_t *sbom = rke2_make_sbom(b, o->components);
	int rc = manifest ? add_json_member(w, MANIFEST, manifest, err) : -(int)err->status;

	if (rc == 0)
		rc = add_json_member(w, SBOM, sbom, err);
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		cryo_auto(cryo_free) char *path = rke2_member_path(b, i);

		if (rke2_is_member(b, i))
			rc = cryo_tar_add_file(w, path, 0755, b->product[i].source, err);
	}
	if (rc == 0 && o->program)
		rc = cryo_tar_add_file(w, PROGRAM, 0755, o->program, err);
	return rc < 0 ? rc : cryo_tar_finish(w, err);
}

int cryo_bundle_create(const char *path, const struct cryo_rke2_build *b,
		       const struct cryo_bundle_opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s.XXXXXX", path);
	cryo_auto(cryo_fd_close) int fd = mkostemp(tmp, O_CLOEXEC);
	int rc = fd < 0 ? cryo_err_sys(err, errno, "cannot write '%s'", path) : 0;

	if (rc == 0)
		rc = write_bundle(fd, b, o, err);
	if (rc == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0))
		rc = cryo_err_sys(err, errno, "cannot write '%s'", path);
	if (rc < 0 && fd >= 0)
		unlink(tmp);
	return rc;
}

struct bundle_walk {
	const char *path, *dir; /* dir NULL: nothing is written */
	bool only_manifest;
	json_t *manifest, *seen;
};

static int refuse_bundle(const struct bundle_walk *b, struct cryo_err *err, const char *what,
			 const char *name)
{
	return cryo_err_set(err, CRYO_E_TAMPER, "bundle '%s': %s '%s'", b->path, what, name);
}

static int read_manifest(struct bundle_walk *b, struct cryo_tar_reader *r,
			 const struct cryo_tar_entry *e, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc;

	if (strcmp(e->name, MANIFEST) != 0 || e->size > MAX_JSON)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a cryopod bundle", b->path);
	cryo_tar_read_all(r, &text);
	rc = cryo_json_parse(MANIFEST, cryo_str_get(&text), text.len, &b->manifest, err);
	if (rc == 0 && (!cryo_streq(cryo_json_str(b->manifest, "kind"), "Bundle") ||
			!cryo_streq(cryo_json_str(b->manifest, "for"), "rke2")))
		rc = cryo_err_set(err, CRYO_E_CONFIG, "'%s' is not a bundle for RKE2", b->path);
	return rc < 0 ? rc : b->only_manifest;
}

static const json_t *find_listed(const struct bundle_walk *b, const char *path)
{
	return cryo_json_find(json_object_get(b->manifest, "files"), "path", path);
}

static int open_member(const struct bundle_walk *b, const char *name, int *fd, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *to = b->dir ? cryo_asprintf("%s/%s", b->dir, name) : NULL;
	int rc = to ? cryo_fs_mkparents(to, 0700, err) : 0;

	if (!to || rc < 0)
		return rc;
	*fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	return *fd < 0 ? cryo_err_sys(err, errno, "cannot write '%s'", to) : 0;
}

static int read_member(struct bundle_walk *b, struct cryo_tar_reader *r, const char *name,
		       const char *want, struct cryo_err *err)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	cryo_auto(cryo_fd_close) int fd = -1;
	char buf[65536], digest[CRYO_HASH_HEX];
	int rc = open_member(b, name, &fd, err);
	ssize_t n;

	while (rc == 0 && (n = cryo_tar_read(r, buf, sizeof(buf))) > 0) {
		cryo_hash_add(h, buf, (size_t)n);
		if (fd >= 0 && write(fd, buf, (size_t)n) != n)
			rc = cryo_err_sys(err, errno, "cannot write '%s'", name);
	}
	cryo_hash_hex(h, digest);
	if (rc == 0 && !cryo_streq(digest, want))
		rc = refuse_bundle(b, err, "wrong digest:", name);
	return rc;
}

static int visit_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			struct cryo_err *err)
{
	struct bundle_walk *b = arg;
	const json_t *listed;

	if (!b->manifest)
		return read_manifest(b, r, e, err);
	if (strcmp(e->name, SBOM) == 0 || e->is_dir)
		return 0;
	listed = find_listed(b, e->name);
	if (!listed || json_object_get(b->seen, e->name))
		return refuse_bundle(b, err, "unexpected file:", e->name);
	json_object_set_new(b->seen, e->name, json_true());
	return read_member(b, r, e->name, cryo_json_str(listed, "sha256"), err);
}

static int walk_bundle(struct bundle_walk *b, struct cryo_err *err)
{
	json_t *f;
	size_t i;
	int rc;

	b->seen = json_object();
	rc = cryo_tar_walk(b->path, visit_member, b, err);
	json_array_foreach(json_object_get(b->manifest, "files"), i, f) {
		const char *path = cryo_json_str(f, "path");

		if (rc == 0 && (!path || !json_object_get(b->seen, path)))
			rc = refuse_bundle(b, err, "missing:", path ? path : "");
	}
	json_decref(b->seen);
	return rc;
}

int cryo_bundle_verify(const char *path, json_t **manifest, struct cryo_err *err)
{
	struct bundle_walk b = { .path = path };
	int rc = walk_bundle(&b, err);

	if (rc == 0 && manifest)
		*manifest = json_incref(b.manifest);
	json_decref(b.manifest);
	return rc;
}

static void add_unread(struct cryo_rke2_build *out, const char *name, const json_t *f)
{
	const char *digest = cryo_json_str(f, "sha256");
	struct cryo_rke2_product p = { .name = cryo_strdup(name),
				       .source = cryo_strdup(""),
				       .bytes = (uint64_t)cryo_json_int(f, "bytes", 0),
				       .image = cryo_json_bool(f, "image") };

	snprintf(p.sha256, sizeof(p.sha256), "%s", digest ? digest : "");
	out->product = cryo_realloc(out->product, out->n + 1, sizeof(p));
	out->product[out->n++] = p;
}

static int take_files(const struct bundle_walk *b, struct cryo_rke2_build *out,
		      struct cryo_err *err)
{
	json_t *f;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(b->manifest, "files"), i, f) {
		const char *name = cryo_json_str(f, "name");
		cryo_auto(cryo_free) char *source =
		    cryo_asprintf("%s/%s", b->dir ? b->dir : "", cryo_json_str(f, "path"));

		if (rc < 0 || !name || !*name)
			continue;
		if (b->dir)
			rc = cryo_rke2_build_add(out, name, source, cryo_json_str(f, "sha256"),
						 cryo_json_bool(f, "image"), err);
		else
			add_unread(out, name, f);
	}
	return rc;
}

static int take_build(const struct bundle_walk *b, struct cryo_rke2_build *out,
		      struct cryo_err *err)
{
	const char *arch = cryo_json_str(b->manifest, "arch");

	if (arch && strcmp(arch, cryo_oci_arch()) != 0)
		return cryo_err_set(err, CRYO_E_UNFIT, "bundle '%s' is for %s, this node is %s",
				    b->path, arch, cryo_oci_arch());
	out->stack = cryo_strdup(cryo_json_str(b->manifest, "stack"));
	out->version = cryo_strdup(cryo_json_str(b->manifest, "kubernetes"));
	out->apiserver_image = cryo_strdup(cryo_json_str(b->manifest, "apiserverImage"));
	return take_files(b, out, err);
}

int cryo_bundle_unpack(const char *path, const char *dir, struct cryo_rke2_build *out,
		       struct cryo_err *err)
{
	struct bundle_walk b = { .path = path, .dir = dir };
	int rc = walk_bundle(&b, err);

	if (rc == 0)
		rc = take_build(&b, out, err);
	json_decref(b.manifest);
	return rc;
}

int cryo_bundle_read(const char *path, struct cryo_rke2_build *out, struct cryo_err *err)
{
	struct bundle_walk b = { .path = path, .only_manifest = true };
	int rc = cryo_tar_walk(path, visit_member, &b, err);

	if (rc == 0)
		rc = take_build(&b, out, err);
	json_decref(b.manifest);
	return rc;
}
