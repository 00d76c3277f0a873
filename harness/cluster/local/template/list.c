/* SPDX-License-Identifier: Apache-2.0 */
/* All templates at once: what there is, what may go. */
#include "cluster/local/template/template.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "cluster/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP 4 /* of several stacks, or of a program that is being changed; 300 MB each */

/* Names of what lies there, with suffix or without. Nothing there is fine. */
static void list_stored_names(bool snapshots, struct cryo_strv *names)
{
	cryo_auto(cryo_free) char *path = template_store(snapshots);
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && template_is_key(e->d_name) != snapshots)
			cryo_strv_add(names, e->d_name);
	if (dir)
		closedir(dir);
}

static const char *explain_key_input(const char *input)
{
	static const char *const words[][2] = {
		{ "kernel", "made on another kernel" },
		{ "boot", "made before the last boot" },
		{ "cpu", "made on another processor" },
		{ "cgroups", "made with other control groups" },
		{ "capabilities", "made with other capabilities" },
		{ "criu", "made by another CRIU" },
		{ "packages", "made with other packages" },
		{ "cache", "made with another cache directory" },
		{ "program", "made by another build of cryopod" },
		{ "interposer", "made by another build of cryopod" },
		{ "preload", "made by another build of cryopod" },
		{ "revision", "made by another version of cryopod" },
	};

	for (size_t i = 0; i < CRYO_ARRAY_LEN(words); i++)
		if (strcmp(words[i][0], input) == 0)
			return words[i][1];
	return "made under different conditions";
}

/* Why nobody will ever take it again; NULL: somebody may. */
static const char *explain_stale(const json_t *meta)
{
	size_t i;
	json_t *b;

	if (template_is_key(cryo_json_str(meta, "key")) &&
	    template_age_s(meta) > CRYO_TEMPLATE_MAX_AGE_S)
		return "too old";
	json_array_foreach(json_object_get(meta, "builds"), i, b) {
		const char *dir = cryo_json_str(b, "dir");

		if (!dir || !cryo_fs_exists(dir))
			return "its build is gone";
	}
	return NULL;
}

/* NULL: this machine could take it. `now`: its inputs without those of a stack. */
static const char *explain_unusable(const json_t *meta, const json_t *now)
{
	const json_t *inputs = json_object_get(meta, "inputs");
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)now, key, value)
		if (!json_equal(value, json_object_get(inputs, key)))
			return explain_key_input(key);
	return NULL;
}

/* Of the files that nodes are configured from nothing counts for one that is. */
static const char *const only_templates[] = { "program", "interposer", "preload" };

static const char *find_first_difference(const char *stamp, const char *rootfs, const json_t *meta)
{
	cryo_auto(cryo_json_decref) json_t *now = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!stamp || !rootfs || template_inputs(stamp, rootfs, &now, &ignored) < 0)
		return "its root file system is gone";
	for (size_t i = 0; i < CRYO_ARRAY_LEN(only_templates); i++)
		json_object_del(now, only_templates[i]);
	return explain_unusable(meta, now);
}

char *template_snapshot_unfit(const char *name, const json_t *meta)
{
	cryo_auto(cryo_free) char *dir = template_path(name, "");
	const struct local_record r = { .builds = json_object_get(meta, "builds") };
	const char *kernel = cryo_json_str(meta, "inputs.kernel"), *why;

	if (local_certs_over(dir))
		return cryo_strdup("its certificates have expired: make it again");
	if (explain_stale(meta))
		return cryo_asprintf("programs of its stack are gone: cryopod build --stack %s",
				     cryo_json_str(meta, "stack"));
	why = find_first_difference(cryo_json_str(meta, "stamp"), local_record_rootfs(&r), meta);
	if (cryo_streq(why, explain_key_input("kernel")) && kernel)
		return cryo_asprintf("%s (%.*s)", why, (int)strcspn(kernel, " "), kernel);
	return cryo_strdup(why);
}

/* 0 if it is one, and of that name. */
static int load_listed_meta(const char *name, json_t **meta)
{
	cryo_auto(cryo_free) char *path = template_path(name, "/" CRYO_TEMPLATE_RECORD);
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_json_load(path, TEMPLATE_MAX_JSON, meta, &ignored);

	return rc < 0 || !cryo_streq(cryo_json_str(*meta, "key"), name) ? -1 : 0;
}

static json_t *describe_damaged(const char *name)
{
	return json_pack("{ss sI sI sb sb ss}", "key", name, "age", (json_int_t)-1, "bytes",
			 (json_int_t)0, "usable", 0, "stale", 1, "reason", "damaged");
}

static json_t *describe_template(const char *name, const json_t *now)
{
	cryo_auto(cryo_free) char *created = NULL;
	cryo_auto(cryo_json_decref) json_t *meta = NULL;
	const char *stale, *why;

	if (load_listed_meta(name, &meta) < 0)
		return describe_damaged(name);
	created = cryo_rfc3339(cryo_json_int(meta, "created", 0));
	stale = explain_stale(meta);
	why = stale ? stale : explain_unusable(meta, now);
	return json_pack("{ss ss? ss? ss sI sI sb sb ss*}", "key", name, "stack",
			 cryo_json_str(meta, "stack"), "stamp", cryo_json_str(meta, "stamp"),
			 "created", created, "age", (json_int_t)template_age_s(meta), "bytes",
			 (json_int_t)cryo_json_int(meta, "bytes", 0), "usable", why == NULL,
			 "stale", stale != NULL, "reason", why);
}

/* The newest first. */
static void insert_by_age(json_t *list, json_t *t)
{
	int64_t age = cryo_json_int(t, "age", -1);
	size_t i = 0;

	while (i < json_array_size(list) &&
	       cryo_json_int(json_array_get(list, i), "age", -1) <= age)
		i++;
	json_array_insert_new(list, i, t);
}

int local_template_list(json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_json_decref) json_t *now = json_object();
	int rc = template_machine(now, err);

	if (rc < 0)
		return rc;
	*out = json_array();
	list_stored_names(false, &names);
	for (size_t i = 0; i < names.n; i++)
		if (!strchr(names.v[i], '.'))
			insert_by_age(*out, describe_template(names.v[i], now));
	return 0;
}

static json_t *describe_snapshot(const char *name)
{
	cryo_auto(cryo_free) char *created = NULL;
	cryo_auto(cryo_free) char *why = NULL;
	cryo_auto(cryo_json_decref) json_t *meta = NULL;

	if (load_listed_meta(name, &meta) < 0)
		return json_pack("{ss sI sI sb ss s[]}", "name", name, "age", (json_int_t)-1,
				 "bytes", (json_int_t)0, "usable", 0, "reason", "damaged", "pods");
	created = cryo_rfc3339(cryo_json_int(meta, "created", 0));
	why = template_snapshot_unfit(name, meta);
	return json_pack("{ss ss? ss? ss? ss sI sI sb ss* sO*}", "name", name, "cluster",
			 cryo_json_str(meta, "holds.cluster"), "stack",
			 cryo_json_str(meta, "stack"), "stamp", cryo_json_str(meta, "stamp"),
			 "created", created, "age", (json_int_t)template_age_s(meta), "bytes",
			 (json_int_t)cryo_json_int(meta, "bytes", 0), "usable", why == NULL,
			 "reason", why, "pods", cryo_json_at(meta, "holds.pods"));
}

int local_snapshot_list(json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	(void)err;
	*out = json_array();
	list_stored_names(true, &names);
	for (size_t i = 0; i < names.n; i++)
		if (cryo_cluster_good_name(names.v[i]))
			insert_by_age(*out, describe_snapshot(names.v[i]));
	return 0;
}

int local_snapshot_remove(const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = template_path(name, "");
	cryo_auto(cryo_free) char *store = template_store(true);
	int rc;

	if (!cryo_cluster_good_name(name) || !cryo_fs_exists(dir))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "no snapshot '%s' (see cryopod snapshot list)", name);
	rc = template_discard(name, err);
	template_prune_snapshots();
	if (rmdir(store) == 0)
		rmdir(cryo_dir_state());
	return rc;
}

int local_template_remove(const char *key, size_t *n, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = 0;

	*n = 0;
	list_stored_names(false, &names);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		cryo_auto(cryo_free) char *path = template_path(names.v[i], "");

		if (key && !cryo_starts_with(names.v[i], key))
			continue;
		if (cryo_ends_with(path, ".failed"))
			unlink(path);
		if (strchr(names.v[i], '.'))
			continue;
		rc = template_discard(names.v[i], err);
		*n += rc == 0;
	}
	if (!key && rc == 0)
		template_prune(NULL);
	return rc;
}

/* Half a template whose maker is gone, and its lock. */
static void remove_half_template(const char *name)
{
	cryo_auto(cryo_free) char *key = cryo_strndup(name, strcspn(name, "."));
	cryo_auto(cryo_free) char *lock = template_path(key, ".lock");
	cryo_auto(cryo_free) char *half = template_path(key, ".new");
	struct cryo_err ignored = CRYO_ERR_INIT;
	int fd = -1;

	if (cryo_lock_take(lock, 0, &fd, &ignored) < 0)
		return;
	cryo_fs_rmtree(half, &ignored);
	cryo_lock_remove(lock, &fd);
}

static void remove_leftover(const char *name)
{
	cryo_auto(cryo_free) char *path = template_path(name, "");
	cryo_auto(cryo_free) char *key = cryo_strndup(name, strcspn(name, "."));
	cryo_auto(cryo_free) char *why = template_failed(key);
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_ends_with(name, ".new") || cryo_ends_with(name, ".lock"))
		remove_half_template(name);
	else if (cryo_ends_with(name, ".old"))
		cryo_fs_rmtree(path, &ignored);
	else if (cryo_ends_with(name, ".failed") && !why)
		unlink(path);
}

void template_prune_snapshots(void)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	list_stored_names(true, &names);
	for (size_t i = 0; i < names.n; i++)
		if (strchr(names.v[i], '.'))
			remove_leftover(names.v[i]);
}

void local_template_clean(void)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	list_stored_names(false, &names);
	for (size_t i = 0; i < names.n; i++)
		if (strchr(names.v[i], '.'))
			remove_leftover(names.v[i]);
}

static bool is_template_in_use(const char *key)
{
	cryo_auto(cryo_free) char *path = template_path(key, "");
	cryo_auto(cryo_fd_close) int fd = cryo_lock_only_dir(path);

	return fd < 0;
}

void template_prune(const char *keep)
{
	cryo_auto(cryo_json_decref) json_t *list = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	size_t i, kept = 0;
	json_t *t;

	local_template_clean();
	if (local_template_list(&list, &ignored) < 0)
		return;
	json_array_foreach(list, i, t) {
		const char *key = cryo_json_str(t, "key");

		if (cryo_streq(key, keep) || (!cryo_json_bool(t, "stale") && kept++ < KEEP))
			continue;
		if (!is_template_in_use(key))
			template_discard(key, &ignored);
	}
}
