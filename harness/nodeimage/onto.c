/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node image that somebody has, as an archive (docker save): its layers become
 * the lower ones. Names in it are not trusted, they only choose members.
 */
#include "nodeimage/inside.h"

#include "conf/json.h"
#include "image/oci.h"
#include "image/tar.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_JSON   (4u << 20)
#define MAX_LAYERS 128

/* One member that is looked for: as text, or into a file. */
struct wanted {
	const char *name;
	struct cryo_str *text;
	const char *path;
	bool found;
};

static int take_text(struct cryo_tar_reader *r, struct cryo_str *out, struct cryo_err *err)
{
	char buf[16384];
	ssize_t n;

	while ((n = cryo_tar_read(r, buf, sizeof(buf))) > 0) {
		cryo_str_addn(out, buf, (size_t)n);
		if (out->len > MAX_JSON)
			return cryo_err_set(err, CRYO_E_CONFIG, "a description is too long");
	}
	return 0;
}

static int take_bytes(struct cryo_tar_reader *r, const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char buf[65536];
	ssize_t n;

	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot write '%s'", path);
	while ((n = cryo_tar_read(r, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0, put; at < n; at += put)
			if ((put = write(fd, buf + at, (size_t)(n - at))) < 0)
				return cryo_err_sys(err, errno, "cannot write '%s'", path);
	return 0;
}

static int visit_member(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
			struct cryo_err *err)
{
	struct wanted *w = arg;
	int rc;

	if (e->is_dir || strcmp(e->name, w->name) != 0)
		return 0;
	w->found = true;
	rc = w->text ? take_text(r, w->text, err) : take_bytes(r, w->path, err);
	return rc < 0 ? rc : 1;
}

static int take_member(const char *archive, struct wanted *w, struct cryo_err *err)
{
	int rc = cryo_tar_walk(archive, visit_member, w, err);

	if (rc == 0 && !w->found)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "'%s' has no member '%s'", archive, w->name);
	return rc;
}

static int read_json(const char *archive, const char *name, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct wanted w = { .name = name, .text = &text };
	int rc = take_member(archive, &w, err);

	return rc < 0 ? rc : cryo_json_parse(name, cryo_str_get(&text), text.len, out, err);
}

static int take_env(const char *archive, const json_t *config, struct cryo_strv *env,
		    struct cryo_err *err)
{
	const char *arch = cryo_json_str(config, "architecture");
	json_t *one;
	size_t i;

	if (arch && strcmp(arch, cryo_oci_arch()) != 0)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' is an image for %s, not for %s",
				    archive, arch, cryo_oci_arch());
	json_array_foreach(cryo_json_at(config, "config.Env"), i, one)
		if (json_is_string(one) && !cryo_strv_has(env, json_string_value(one)))
			cryo_strv_add(env, json_string_value(one));
	return 0;
}

static int take_lower(const char *archive, const json_t *layers, const char *work,
		      struct cryo_strv *out, struct cryo_err *err)
{
	json_t *one;
	size_t i;

	if (json_array_size(layers) == 0 || json_array_size(layers) > MAX_LAYERS)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' has %zu layers", archive,
				    json_array_size(layers));
	json_array_foreach(layers, i, one) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/lower-%zu.tar", work, i);
		struct wanted w = { .name = json_string_value(one), .path = path };
		int rc;

		if (!w.name)
			return cryo_err_set(err, CRYO_E_CONFIG, "'%s': a layer has no name",
					    archive);
		rc = take_member(archive, &w, err);
		if (rc < 0)
			return rc;
		cryo_strv_take(out, cryo_steal(&path));
	}
	return 0;
}

int nodeimage_take_onto(const char *onto, const char *work, struct cryo_strv *layers,
			struct cryo_strv *env, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *manifest = NULL, *config = NULL;
	int rc = read_json(onto, "manifest.json", &manifest, err);

	if (rc < 0)
		return rc;
	if (json_array_size(manifest) != 1 || !cryo_json_str(manifest, "[0].Config"))
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' does not hold exactly one image",
				    onto);
	rc = read_json(onto, cryo_json_str(manifest, "[0].Config"), &config, err);
	if (rc == 0)
		rc = take_env(onto, config, env, err);
	return rc < 0 ? rc
		      : take_lower(onto, cryo_json_at(manifest, "[0].Layers"), work, layers, err);
}
