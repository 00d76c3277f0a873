/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/node_images.h"

#include "base/event.h"
#include "checkpoint/node_pages.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/lock.h"

#include <string.h>

#define ASK_MS	  10000
#define WAIT_MS	  30000
#define MAX_SWEEP 200 /* images in one go: an argument list has an end */

static int run_ctr_images(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *verb, const struct cryo_strv *args,
			  struct cryo_proc_result *res, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	struct cryo_exec x = { .timeout_ms = ASK_MS };

	cryo_strv_addl(&argv, node->path.ctr, "--address", node->path.socket, "-n", "k8s.io",
		       "images", verb, NULL);
	cryo_strv_addv(&argv, cryo_strv_get(args));
	x.argv = cryo_strv_get(&argv);
	return cryo_cluster_exec(t, node, &x, res, err);
}

/* One line of `ctr images ls`: REF TYPE DIGEST …. */
struct image_row {
	const char *ref, *digest;
};

/* The next row of the table; false at its end. `*save` is strtok_r's. */
static bool next_image_row(char *text, char **save, struct image_row *row)
{
	for (char *line = strtok_r(text, "\n", save); line; line = strtok_r(NULL, "\n", save)) {
		char *in = NULL;

		row->ref = strtok_r(line, " \t", &in);
		strtok_r(NULL, " \t", &in);
		row->digest = strtok_r(NULL, " \t", &in);
		if (row->ref && row->digest && strcmp(row->ref, "REF") != 0)
			return true;
	}
	return false;
}

/* The ID of an image is not the digest that its name has; NAME@DIGEST is. */
static bool is_base_image(const struct cryo_archive *a, const struct image_row *row)
{
	const char *at = strchr(a->image_ref, '@');

	if (!*a->image_ref)
		return strcmp(row->ref, a->image_name) == 0;
	return strcmp(row->ref, a->image_ref) == 0 ||
	       (at && strcmp(row->ref, a->image_name) == 0 && strcmp(at + 1, row->digest) == 0);
}

int cryo_node_images_find_base(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			       const struct cryo_archive *a, enum cryo_base_image *out,
			       struct cryo_str *table, struct cryo_err *err)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv filters = { 0 };
	struct image_row row = { NULL, NULL };
	char *save = NULL;
	int rc;

	cryo_str_clear(table);
	*out = CRYO_BASE_ABSENT;
	cryo_strv_addf(&filters, "name==\"%s\"", a->image_name);
	if (*a->image_ref)
		cryo_strv_addf(&filters, "name==\"%s\"", a->image_ref);
	/* For the sweep: theirs, and the IDs that each image also has. */
	cryo_strv_add(&filters, "name~=\"^" CRYO_RESTORE_IMAGES "\"");
	cryo_strv_add(&filters, "name~=\"^sha256:\"");
	rc = run_ctr_images(t, node, "ls", &filters, &res, err);
	if (rc < 0 || !res.out.p)
		return rc;
	cryo_str_add(table, res.out.p);
	for (char *text = res.out.p; next_image_row(text, &save, &row); text = NULL) {
		if (is_base_image(a, &row))
			*out = CRYO_BASE_THERE;
		else if (*out == CRYO_BASE_ABSENT && strcmp(row.ref, a->image_name) == 0)
			*out = CRYO_BASE_OTHER;
	}
	return 0;
}

/* Has it run, as far as the kubelet knows? */
static bool has_begun(const json_t *pod, const char *list, const char *container)
{
	const json_t *status = cryo_json_find(cryo_json_at(pod, list), "name", container);

	return cryo_json_at(status, "state.running") || cryo_json_at(status, "state.terminated");
}

/* One that has begun and does not begin again needs its image no more, nor does anybody else. */
static bool needs_image(const json_t *pod, const char *statuses, const json_t *container)
{
	const char *policy = cryo_json_str(container, "restartPolicy");
	const char *name = cryo_json_str(container, "name");

	if (!policy)
		policy = cryo_json_str(pod, "spec.restartPolicy");
	return !cryo_streq(policy, "Never") || !name || !has_begun(pod, statuses, name);
}

static void add_images_in_use(const json_t *pod, struct cryo_strv *used)
{
	static const char *const list[][2] = {
		{ "spec.containers", "status.containerStatuses" },
		{ "spec.initContainers", "status.initContainerStatuses" },
	};
	json_t *c;
	size_t i;

	for (size_t l = 0; l < CRYO_ARRAY_LEN(list); l++)
		json_array_foreach(cryo_json_at(pod, list[l][0]), i, c)
			if (cryo_json_str(c, "image") && needs_image(pod, list[l][1], c))
				cryo_strv_add(used, cryo_json_str(c, "image"));
}

static int list_images_in_use(struct cryo_kube *k, struct cryo_strv *used, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *pods = NULL;
	json_t *pod;
	size_t i;
	int rc = cryo_kube_list(k, "pods", NULL, NULL, &pods, err);

	json_array_foreach(pods, i, pod)
		add_images_in_use(pod, used);
	return rc;
}

/* Its name, and the ID under which the runtime knows it, too: while that is there, its data stays.
 */
static void choose_unused_images(char *table, const struct cryo_strv *used,
				 struct cryo_strv *unused)
{
	cryo_auto(cryo_free) char *again = cryo_strdup(table);
	cryo_auto(cryo_strv_release) struct cryo_strv digests = { 0 };
	struct image_row row = { NULL, NULL };
	char *save = NULL;

	for (char *text = table; next_image_row(text, &save, &row); text = NULL) {
		if (!cryo_starts_with(row.ref, CRYO_RESTORE_IMAGES) ||
		    cryo_strv_has(used, row.ref) || digests.n == MAX_SWEEP)
			continue;
		cryo_strv_add(unused, row.ref);
		cryo_strv_add(&digests, row.digest);
	}
	save = NULL;
	for (char *text = again; next_image_row(text, &save, &row); text = NULL)
		if (cryo_starts_with(row.ref, "sha256:") && cryo_strv_has(&digests, row.digest))
			cryo_strv_add(unused, row.ref);
}

static bool has_others_than(const char *table, const struct cryo_strv *keep)
{
	cryo_auto(cryo_free) char *copy = cryo_strdup(table);
	struct image_row row = { NULL, NULL };
	char *save = NULL;

	for (char *text = copy; next_image_row(text, &save, &row); text = NULL)
		if (cryo_starts_with(row.ref, CRYO_RESTORE_IMAGES) && !cryo_strv_has(keep, row.ref))
			return true;
	return false;
}

/* Pages of images that are not there, or in `gone`. `listed` (written to): what is there now. */
static void drop_unused_pages(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      char *listed, const struct cryo_strv *gone)
{
	cryo_auto(cryo_strv_release) struct cryo_strv tags = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct image_row row;
	char *save = NULL;
	size_t n = 0;

	for (char *text = listed; next_image_row(text, &save, &row); text = NULL)
		if (cryo_starts_with(row.ref, CRYO_RESTORE_IMAGES) &&
		    !cryo_strv_has(gone, row.ref) && strrchr(row.ref, ':'))
			cryo_strv_add(&tags, strrchr(row.ref, ':') + 1);
	cryo_node_pages_drop(t, node, &tags, &n, &ignored);
	if (n > 0)
		cryo_debug("%zu files of pages that no image needs are removed", n);
}

void cryo_node_images_sweep(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    struct cryo_kube *k, const char *table, const struct cryo_strv *keep)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv used = { 0 }, unused = { 0 };
	const struct cryo_strv all = { 0 };
	cryo_auto(cryo_free) char *lock = cryo_asprintf("%s/.images.lock", t->dir);
	cryo_auto(cryo_free) char *listed = NULL;
	cryo_auto(cryo_fd_close) int fd = -1;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (table && !has_others_than(table, keep))
		return;
	if (cryo_lock_take(lock, 0, &fd, &ignored) < 0)
		return;
	/* The table was made before the images of this restore and perhaps of others. */
	if (run_ctr_images(t, node, "ls", &all, &res, &ignored) < 0 || !res.out.p)
		return;
	listed = cryo_strdup(res.out.p);
	if (list_images_in_use(k, &used, &ignored) < 0)
		return;
	choose_unused_images(res.out.p, &used, &unused);
	if (unused.n > 0) {
		cryo_debug("%zu restored images that no pod uses are removed", unused.n);
		run_ctr_images(t, node, "rm", &unused, NULL, &ignored);
	}
	drop_unused_pages(t, node, listed, &unused);
}

int cryo_node_images_hold(struct cryo_cluster *t, int *fd, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *lock = cryo_asprintf("%s/.images.lock", t->dir);

	return cryo_lock_join(lock, WAIT_MS, fd, err);
}
