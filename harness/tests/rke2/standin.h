/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for the start of an `rke2` service: configuration, staging of the runtime image, the
 * link `bin`, removal of other releases' data directories. It follows pkg/bootstrap of RKE2 1.33
 * and 1.36.4, whose own code was run with images of ours; each rule has its row in test_standin.c.
 * RKE2's modules cannot be had where this project is tested: what is proven here is proven of this.
 */
#ifndef CRYO_TESTS_RKE2_STANDIN_H
#define CRYO_TESTS_RKE2_STANDIN_H

#include "rke2/config.h"
#include "rke2/ref.h"
#include "sys/fs.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The reference of a release's own runtime image: "v1.33.5+rke2r1"; caller frees. */
static char *standin_release_ref(const char *release)
{
	char *ref = cryo_asprintf("rancher/rke2-runtime:%s", release);

	for (char *c = strchr(ref, '+'); c; c = strchr(c, '+'))
		*c = '-';
	return ref;
}

struct standin {
	const char *config_file, *data_dir,
	    *tasks;	     /* tasks: …/io.containerd.runtime.v2.task/k8s.io */
	const char *release; /* "v1.33.5+rke2r1" */
	const char *base;    /* what it configures containerd with; NULL: not looked at */
	bool no_imports;     /* as before 2026: only a template changes that */
};

/* What a start found out; caller frees. */
struct standin_result {
	char *ref, *name;
	bool extracted;
	char *apiserver_image; /* of the static pod, or NULL: the release's own */
};

static inline void standin_result_release(struct standin_result *r)
{
	free(r->ref);
	free(r->name);
	free(r->apiserver_image);
	*r = (struct standin_result){ 0 };
}
#define standin_result_releasep standin_result_release

/* Endings that are taken, in any case; the compression is not looked for in the file. */
static inline int (*standin_filter(const char *name))(struct archive *)
{
	static const struct {
		const char *end;
		int (*filter)(struct archive *);
	} row[] = {
		{ ".tar", archive_read_support_filter_none },
		{ ".tar.gz", archive_read_support_filter_gzip },
		{ ".tgz", archive_read_support_filter_gzip },
		{ ".tar.zst", archive_read_support_filter_zstd },
		{ ".tzst", archive_read_support_filter_zstd },
		{ ".tar.bz2", archive_read_support_filter_bzip2 },
		{ ".tbz", archive_read_support_filter_bzip2 },
		{ ".tar.lz4", archive_read_support_filter_lz4 },
	};
	size_t len = strlen(name);

	for (size_t i = 0; name[0] != '.' && i < CRYO_ARRAY_LEN(row); i++) {
		size_t n = strlen(row[i].end);

		if (len > n && strcasecmp(name + len - n, row[i].end) == 0)
			return row[i].filter;
	}
	return NULL;
}

typedef int (*standin_filter_fn)(struct archive *);

static inline struct archive *standin_open(const char *path, standin_filter_fn filter)
{
	struct archive *a = archive_read_new();

	filter(a);
	archive_read_support_format_tar(a);
	if (archive_read_open_filename(a, path, 65536) == ARCHIVE_OK)
		return a;
	archive_read_free(a);
	return NULL;
}

/* The bytes of a member, or NULL. */
static inline char *standin_member(const char *path, standin_filter_fn filter, const char *name,
				   size_t *len)
{
	struct archive *a = standin_open(path, filter);
	struct archive_entry *e;
	char *data = NULL;

	while (a && !data && archive_read_next_header(a, &e) == ARCHIVE_OK) {
		if (strcmp(archive_entry_pathname(e), name) != 0)
			continue;
		*len = (size_t)archive_entry_size(e);
		data = cryo_alloc(*len + 1);
		if (archive_read_data(a, data, *len) == (la_ssize_t)*len)
			continue;
		free(data);
		data = NULL;
		break;
	}
	archive_read_free(a);
	return data;
}

/* "docker.io/" and "index.docker.io/" do not count. */
static inline const char *standin_plain_ref(const char *ref)
{
	if (cryo_starts_with(ref, "index.docker.io/"))
		return ref + strlen("index.docker.io/");
	return cryo_starts_with(ref, "docker.io/") ? ref + strlen("docker.io/") : ref;
}

/* The layers of the image with that tag: docker's manifest.json, nothing else. NULL: not here. */
static inline json_t *standin_layers(const char *path, standin_filter_fn filter, const char *ref)
{
	size_t len = 0, i, k;
	char *text = standin_member(path, filter, "manifest.json", &len);
	json_t *all = text ? json_loadb(text, len, 0, NULL) : NULL, *image, *tag, *layers = NULL;

	free(text);
	json_array_foreach(all, i, image)
		json_array_foreach(json_object_get(image, "RepoTags"), k, tag)
			if (!layers && strcmp(standin_plain_ref(json_string_value(tag)),
					      standin_plain_ref(ref)) == 0)
				layers = json_incref(json_object_get(image, "Layers"));
	json_decref(all);
	return layers;
}

/* In place, over what is there: a program that runs is "text file busy". */
static inline int standin_write(struct archive *a, struct archive_entry *e, const char *to,
				struct cryo_err *err)
{
	mode_t mode = archive_entry_perm(e) & 0755;
	int fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, mode ? mode : 0755);
	char buf[65536];
	la_ssize_t n;

	if (fd < 0)
		return cryo_err_sys(err, errno, "failed to extract runtime image: open %s", to);
	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			break;
	close(fd);
	return n == 0 ? 0 : cryo_err_set(err, CRYO_E_SYSTEM, "failed to extract %s", to);
}

static inline int standin_layer(char *data, size_t len, const char *dir, struct cryo_err *err)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int rc = 0;

	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	if (archive_read_open_memory(a, data, len) != ARCHIVE_OK)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "no layer");
	while (rc == 0 && archive_read_next_header(a, &e) == ARCHIVE_OK) {
		const char *name =
		    archive_entry_pathname(e) + strspn(archive_entry_pathname(e), "/");
		cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%s", dir, name);

		if (!cryo_starts_with(name, "bin/") && !cryo_starts_with(name, "charts/"))
			continue;
		if (archive_entry_hardlink(e) || archive_entry_filetype(e) != AE_IFREG)
			continue;
		rc = cryo_fs_mkparents(to, 0755, err);
		if (rc == 0)
			rc = standin_write(a, e, to, err);
	}
	archive_read_free(a);
	return rc;
}

static inline int standin_extract(const char *path, standin_filter_fn filter, json_t *layers,
				  const char *dir, struct cryo_err *err)
{
	json_t *layer;
	size_t i, len = 0;
	int rc = 0;

	json_array_foreach(layers, i, layer) {
		char *data = rc == 0 ? standin_member(path, filter, json_string_value(layer), &len)
				     : NULL;

		if (data)
			rc = standin_layer(data, len, dir, err);
		free(data);
	}
	return rc;
}

/* 1: the image was in an archive below `images`. Sub-directories too; not if it is a link itself.
 */
static inline int standin_find_image(const char *images, const char *ref, const char *dir, bool top,
				     struct cryo_err *err)
{
	struct stat st;
	DIR *d = lstat(images, &st) == 0 && (!top || S_ISDIR(st.st_mode)) ? opendir(images) : NULL;
	struct dirent *e;
	int rc = 0;

	while (d && rc == 0 && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", images, e->d_name);
		standin_filter_fn filter = standin_filter(e->d_name);
		json_t *layers;

		if (e->d_name[0] != '.' && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
			rc = standin_find_image(path, ref, dir, false, err);
		if (!filter || cryo_fs_size(path) < 0)
			continue;
		layers = standin_layers(path, filter, ref);
		if (layers) {
			rc = standin_extract(path, filter, layers, dir, err);
			rc = rc < 0 ? rc : 1;
		}
		json_decref(layers);
	}
	if (d)
		closedir(d);
	return rc;
}

static inline int standin_need_dir(const char *dir, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, name);

	return cryo_fs_is_dir(path)
		   ? 0
		   : cryo_err_set(err, CRYO_E_CONFIG, "chmod %s: no such file or directory", path);
}

static inline int standin_stage(const struct standin *s, struct standin_result *r,
				struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/data/%s", s->data_dir, r->name);
	cryo_auto(cryo_free) char *bin = cryo_asprintf("%s/bin", dir);
	cryo_auto(cryo_free) char *charts = cryo_asprintf("%s/charts", dir);
	cryo_auto(cryo_free) char *marker = cryo_asprintf("%s/.extracted", dir);
	cryo_auto(cryo_free) char *images = cryo_asprintf("%s/agent/images", s->data_dir);
	cryo_auto(cryo_free) char *full =
	    cryo_asprintf("index.docker.io/%s", standin_plain_ref(r->ref));
	int rc;

	if (cryo_fs_is_dir(bin) && cryo_fs_is_dir(charts) && cryo_fs_size(marker) >= 0)
		return 0;
	rc = standin_find_image(images, r->ref, dir, true, err);
	if (rc == 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "failed to get runtime image %s", r->ref);
	if (rc > 0)
		rc = standin_need_dir(dir, "bin", err);
	r->extracted = true;
	return rc < 0 ? rc : cryo_fs_write(marker, full, strlen(full), 0644, err);
}

static inline void standin_copy_charts(const struct standin *s, const char *name)
{
	cryo_auto(cryo_free) char *charts = cryo_asprintf("%s/data/%s/charts", s->data_dir, name);
	DIR *d = opendir(charts);
	struct dirent *e;
	struct cryo_err ignored = CRYO_ERR_INIT;

	while (d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *from = cryo_asprintf("%s/%s", charts, e->d_name);
		cryo_auto(cryo_free) char *to =
		    cryo_asprintf("%s/server/manifests/%s", s->data_dir, e->d_name);

		if (cryo_fs_size(from) >= 0 && cryo_fs_mkparents(to, 0755, &ignored) == 0)
			cryo_fs_copy(from, to, 0644, &ignored);
	}
	if (d)
		closedir(d);
}

static inline int standin_link_bin(const struct standin *s, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *link = cryo_asprintf("%s/bin", s->data_dir);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/data/%s/bin", s->data_dir, name);
	int rc = cryo_fs_rmtree(link, err);

	if (rc == 0 && symlink(to, link) < 0)
		rc = cryo_err_sys(err, errno, "symlink");
	return rc;
}

static inline bool standin_has_shim(const struct standin *s, const char *dir)
{
	cryo_auto(cryo_free) char *prefix = cryo_asprintf("%s/", dir);
	DIR *d = opendir(s->tasks);
	struct dirent *e;
	bool found = false;

	while (d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/%s/shim-binary-path", s->tasks, e->d_name);
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		struct cryo_err ignored = CRYO_ERR_INIT;

		if (cryo_fs_read_regular(path, 4096, &text, &ignored) == 0)
			found = found || cryo_starts_with(cryo_str_get(&text), prefix);
	}
	if (d)
		closedir(d);
	return found;
}

/* Of other releases, as soon as there are tasks at all and no shim of it is among them. */
static inline int standin_clean(const struct standin *s, const char *current, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *data = cryo_asprintf("%s/data", s->data_dir);
	DIR *d = cryo_fs_is_dir(s->tasks) ? opendir(data) : NULL;
	struct dirent *e;
	int rc = 0;

	while (d && rc == 0 && (e = readdir(d))) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", data, e->d_name);

		if (strcmp(e->d_name, current) != 0 && e->d_name[0] == 'v' &&
		    isdigit((unsigned char)e->d_name[1]) && !standin_has_shim(s, dir))
			rc = cryo_fs_rmtree(dir, err);
	}
	if (d)
		closedir(d);
	return rc;
}

#define STANDIN_BASE "{{ template \"base\" . }}"

/* RKE2's own configuration of containerd, or an administrator's template, which may hold it. */
static inline int standin_configure(const struct standin *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/agent/etc/containerd", s->data_dir);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/config.toml", dir);
	cryo_auto(cryo_free) char *template =
	    cryo_asprintf("%s/%s", dir,
			  s->base && s->base[strlen("version = ")] == '2' ? "config.toml.tmpl"
									  : "config-v3.toml.tmpl");
	size_t first = s->base ? strcspn(s->base, "\n") : 0;
	cryo_auto(cryo_free) char *imports =
	    s->no_imports ? cryo_strdup("")
			  : cryo_asprintf("\nimports = ['%s/config-v3.toml.d/*.toml']", dir);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 }, own = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *at = NULL;
	int rc;

	if (!s->base)
		return 0;
	if (cryo_fs_read(template, 1u << 20, &own, &ignored) == 0)
		at = strstr(cryo_str_get(&own), STANDIN_BASE);
	cryo_str_addn(&text, cryo_str_get(&own), at ? (size_t)(at - own.p) : own.len);
	if (at || own.len == 0)
		cryo_str_addf(&text, "%.*s%s%s", (int)first, s->base, imports, s->base + first);
	cryo_str_add(&text, at ? at + strlen(STANDIN_BASE) : "");
	rc = cryo_fs_mkparents(path, 0755, err);
	return rc < 0 ? rc : cryo_fs_write(path, text.p, text.len, 0600, err);
}

/* What `rke2 server` does before it starts anything. */
static inline int standin_start(const struct standin *s, struct standin_result *r,
				struct cryo_err *err)
{
	cryo_auto(cryo_rke2_config_release) struct cryo_rke2_config c = { 0 };
	const char *given, *image;
	int rc = cryo_rke2_config_load(s->config_file, NULL, &c, err);

	if (rc < 0)
		return rc;
	given = cryo_rke2_config_text(&c, "runtime-image");
	image = cryo_rke2_config_text(&c, "kube-apiserver-image");
	r->ref = given ? cryo_strdup(given) : standin_release_ref(s->release);
	r->apiserver_image = cryo_strdup(image);
	rc = cryo_rke2_data_name(r->ref, &r->name, err);
	if (rc == 0)
		rc = standin_stage(s, r, err);
	if (rc < 0)
		return rc;
	standin_copy_charts(s, r->name);
	rc = standin_link_bin(s, r->name, err);
	if (rc == 0)
		rc = standin_configure(s, err);
	return rc < 0 ? rc : standin_clean(s, r->name, err);
}

#endif
