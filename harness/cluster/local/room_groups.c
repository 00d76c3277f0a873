/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups of a node's pods. There is no process in them when a node is dumped,
 * and CRIU leaves alone what was there before it. They have to be: the kubelet
 * watches them. It gives them their limits when it starts, some of them never
 * again: so these are kept beside the images.
 */
#include "cluster/local/room.h"

#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"

#include <string.h>

#define MAX_JSON 65536

static const char *const pod_groups[] = { "/kubepods", "/kubepods/besteffort",
					  "/kubepods/burstable" };

/* What a kubelet sets there: v1, v2. A period before its quota. */
static const char *const settings[] = {
	"cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "pids.max", "memory.limit_in_bytes",
	"cpu.weight", "cpu.max",	   "memory.max"
};

static char *make_settings_path(const char *images)
{
	return cryo_asprintf("%s/pod-groups.json", images);
}

static json_t *read_group_settings(const struct cryo_cgroups *cg, const char *path)
{
	json_t *j = json_object();

	for (size_t i = 0; i < CRYO_ARRAY_LEN(settings); i++) {
		cryo_auto(cryo_free) char *value = cryo_cgroup_get(cg, path, settings[i]);

		if (value && *value)
			json_object_set_new(j, settings[i], json_string(value));
	}
	return j;
}

int local_groups_save(const struct cryo_cgroups *cg, const struct local_node *n, const char *images,
		      struct cryo_err *err)
{
	cryo_auto(cryo_free) char *file = make_settings_path(images);
	cryo_auto(cryo_json_decref) json_t *all = json_object();
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(pod_groups); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s%s", n->cgroup, pod_groups[i]);

		json_object_set_new(all, pod_groups[i], read_group_settings(cg, path));
	}
	cryo_json_dump(all, &text);
	return cryo_fs_write(file, text.p, text.len, 0600, err);
}

/*
 * v2: on its way CRIU puts the node's init into the node's own group, and that is
 * possible only as long as it hands no controller down.
 */
int local_groups_make(const struct cryo_cgroups *cg, const struct local_node *n,
		      struct cryo_err *err)
{
	/* Of the unified tree of a hybrid a pod's archive has all that is below the node. */
	const struct cryo_cgroups pods = cryo_cgroups_controlling(cg);
	cryo_auto(cryo_free) char *leaf = cryo_asprintf("%s" LOCAL_LEAF, n->cgroup);
	int rc = cryo_cgroup_make(cg, n->cgroup, err);

	if (rc == 0 && cg->v2)
		rc = cryo_cgroup_make_bare(cg, leaf, err);
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(pod_groups); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s%s", n->cgroup, pod_groups[i]);

		rc = cryo_cgroup_make_bare(&pods, path, err);
	}
	return rc;
}

/* One that is not to be had makes no cluster unusable. */
static void write_group_settings(const struct cryo_cgroups *cg, const char *path,
				 const json_t *values)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(settings); i++) {
		const char *value = json_string_value(json_object_get(values, settings[i]));
		struct cryo_err err = CRYO_ERR_INIT;

		if (value && cryo_cgroup_set(cg, path, settings[i], value, &err) < 0)
			cryo_debug("%s", err.msg);
	}
}

/* v2: the rest of it, now that the node's processes are in their leaf. */
int local_groups_restore(const struct cryo_cgroups *cg, const struct local_node *n,
			 const char *images, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *file = make_settings_path(images);
	cryo_auto(cryo_json_decref) json_t *all = NULL;
	/* None beside images of before it was kept. */
	int rc = cryo_fs_exists(file) ? cryo_json_load(file, MAX_JSON, &all, err) : 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(pod_groups); i++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s%s", n->cgroup, pod_groups[i]);

		if (cg->v2)
			rc = cryo_cgroup_make(cg, path, err);
		if (rc == 0)
			write_group_settings(cg, path, json_object_get(all, pod_groups[i]));
	}
	return rc;
}
