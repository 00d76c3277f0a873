/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/node.h"

#include "conf/json.h"
#include "sys/fs.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TASKS "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io"

void cryo_rke2_node_release(struct cryo_rke2_node *n)
{
	char *const owned[] = { n->root,     n->unit, n->program, n->release, n->config_file,
				n->data_dir, n->name, n->current, n->bin };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(owned); i++)
		free(owned[i]);
	for (size_t i = 0; i < n->n_data; i++) {
		free(n->data[i].name);
		free(n->data[i].ref);
	}
	for (size_t i = 0; i < n->n_processes; i++) {
		free(n->process[i].name);
		free(n->process[i].exe);
		free(n->process[i].id);
	}
	free(n->data);
	free(n->process);
	json_decref(n->fixed);
	cryo_rke2_config_release(&n->config);
	cryo_strv_release(&n->shims);
	cryo_strv_release(&n->pods);
	cryo_strv_release(&n->sandboxes);
	*n = (struct cryo_rke2_node){ 0 };
}

const struct cryo_rke2_data *cryo_rke2_node_data(const struct cryo_rke2_node *n, const char *name)
{
	for (size_t i = 0; name && i < n->n_data; i++)
		if (strcmp(n->data[i].name, name) == 0)
			return &n->data[i];
	return NULL;
}

size_t cryo_rke2_node_sandboxes(const struct cryo_rke2_node *n, const char *name)
{
	cryo_auto(cryo_free) char *prefix = cryo_asprintf("%s/data/%s/", n->data_dir, name);
	size_t count = 0;

	for (size_t i = 0; i < n->shims.n; i++)
		count += cryo_starts_with(n->shims.v[i], prefix);
	return count;
}

bool cryo_rke2_node_shim_is_old(const struct cryo_rke2_node *n, size_t i)
{
	cryo_auto(cryo_free) char *prefix = cryo_asprintf("%s/", n->bin ? n->bin : "?");

	if (!cryo_starts_with(n->shims.v[i], prefix))
		return true;
	for (size_t k = 0; k < n->n_processes; k++)
		if (cryo_streq(n->process[k].id, n->sandboxes.v[i]))
			return strstr(n->process[k].exe, " (deleted)") != NULL;
	return false;
}

const char *cryo_rke2_node_setting(const struct cryo_rke2_node *n, const char *key)
{
	const char *text = json_string_value(json_object_get(n->fixed, key));

	return text && *text ? text : cryo_rke2_config_text(&n->config, key);
}

static int compare_data(const void *a, const void *b)
{
	return strcmp(((const struct cryo_rke2_data *)a)->name,
		      ((const struct cryo_rke2_data *)b)->name);
}

/* What RKE2 asks before it extracts: directories bin and charts, and a regular file .extracted. */
static void look_at_data(struct cryo_rke2_data *d, const char *dir)
{
	cryo_auto(cryo_free) char *bin = cryo_asprintf("%s/%s/bin", dir, d->name);
	cryo_auto(cryo_free) char *charts = cryo_asprintf("%s/%s/charts", dir, d->name);
	cryo_auto(cryo_free) char *marker = cryo_asprintf("%s/%s/.extracted", dir, d->name);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	d->complete = cryo_fs_is_dir(bin) && cryo_fs_is_dir(charts) && cryo_fs_size(marker) >= 0;
	if (cryo_fs_read_regular(marker, 4096, &text, &ignored) < 0)
		cryo_str_clear(&text);
	d->ref = cryo_strndup(cryo_str_get(&text), strcspn(cryo_str_get(&text), "\n"));
}

static void list_data(struct cryo_rke2_node *n)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/data", n->data_dir);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", dir, e->d_name);

		if (e->d_name[0] == '.' || !cryo_fs_is_dir(path))
			continue;
		n->data = cryo_realloc(n->data, n->n_data + 1, sizeof(*n->data));
		n->data[n->n_data].name = cryo_strdup(e->d_name);
		look_at_data(&n->data[n->n_data++], dir);
	}
	if (d)
		closedir(d);
	if (n->n_data)
		qsort(n->data, n->n_data, sizeof(*n->data), compare_data);
}

/* `bin` is a link to <data-dir>/data/NAME/bin. */
static void resolve_bin(struct cryo_rke2_node *n)
{
	cryo_auto(cryo_free) char *link = cryo_asprintf("%s/bin", n->data_dir);
	cryo_auto(cryo_free) char *prefix = cryo_asprintf("%s/data/", n->data_dir);
	char target[4096];
	ssize_t len = readlink(link, target, sizeof(target) - 1);
	char *rest;

	if (len <= 0)
		return;
	target[len] = '\0';
	rest = target + strlen(prefix);
	if (!cryo_starts_with(target, prefix) || strcspn(rest, "/") == 0 ||
	    strcmp(rest + strcspn(rest, "/"), "/bin") != 0)
		return;
	n->bin = cryo_strdup(target);
	n->current = cryo_strndup(rest, strcspn(rest, "/"));
}

/* The bundle of a sandbox says whose it is. */
static char *name_pod(const char *dir, const char *sandbox)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s/config.json", dir, sandbox);
	cryo_auto(cryo_json_decref) json_t *config = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	const json_t *a;
	const char *space, *name;

	if (cryo_json_load(path, 4u << 20, &config, &ignored) < 0)
		return cryo_strdup("?");
	a = json_object_get(config, "annotations");
	space = json_string_value(json_object_get(a, "io.kubernetes.cri.sandbox-namespace"));
	name = json_string_value(json_object_get(a, "io.kubernetes.cri.sandbox-name"));
	return space && name ? cryo_asprintf("%s/%s", space, name) : cryo_strdup("?");
}

static void list_shims(struct cryo_rke2_node *n)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s" TASKS, n->root);
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/%s/shim-binary-path", dir, e->d_name);
		cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
		struct cryo_err ignored = CRYO_ERR_INIT;

		if (e->d_name[0] == '.' || cryo_fs_read_regular(path, 4096, &text, &ignored) < 0)
			continue;
		cryo_strv_add(&n->shims, cryo_str_get(&text));
		cryo_strv_take(&n->pods, name_pod(dir, e->d_name));
		cryo_strv_add(&n->sandboxes, e->d_name);
	}
	if (d)
		closedir(d);
}

static void name_node(struct cryo_rke2_node *n)
{
	const char *given = cryo_rke2_node_setting(n, "node-name");
	char host[256] = "";

	if (!given && gethostname(host, sizeof(host) - 1) < 0)
		return;
	n->name = cryo_strdup(given ? given : host);
	for (char *c = n->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

static int read_node_config(struct cryo_rke2_node *n, struct cryo_err *err)
{
	const char *dir;
	int rc = cryo_rke2_config_load(n->config_file, NULL, &n->config, err);

	if (rc < 0)
		return rc;
	dir = cryo_rke2_node_setting(n, "data-dir");
	n->data_dir = dir ? cryo_strdup(dir) : cryo_asprintf("%s" CRYO_RKE2_DATA_DIR, n->root);
	for (size_t len = strlen(n->data_dir); len > 1 && n->data_dir[len - 1] == '/';)
		n->data_dir[--len] = '\0';
	if (n->data_dir[0] != '/')
		return cryo_err_set(err, CRYO_E_CONFIG, "the data directory is not absolute: '%s'",
				    n->data_dir);
	return 0;
}

int cryo_rke2_node_look(const char *root, struct cryo_rke2_node *n, struct cryo_err *err)
{
	int rc;

	n->root = cryo_strdup(root);
	n->fixed = json_object();
	rc = rke2_find_service(n, err);
	if (rc == 0)
		rc = read_node_config(n, err);
	if (rc < 0)
		return rc;
	name_node(n);
	list_data(n);
	resolve_bin(n);
	list_shims(n);
	rke2_find_processes(n);
	return 0;
}
