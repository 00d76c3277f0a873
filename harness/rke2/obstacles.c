/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the way of an install, and what people should know before it. */
#include "rke2/plan.h"

#include "base/clock.h"
#include "conf/json.h"
#include "conf/yaml.h"
#include "rke2/journal.h"
#include "rke2/ref.h"
#include "rke2/release.h"
#include "sys/fs.h"

#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

struct obstacle_look {
	const struct cryo_rke2_node *n;
	const struct cryo_rke2_build *b;
	json_t *plan;
};

static void check_current(const struct obstacle_look *l)
{
	const struct cryo_rke2_data *d = cryo_rke2_node_data(l->n, l->n->current);
	cryo_auto(cryo_rke2_journal_release) struct cryo_rke2_journal j = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!l->n->current)
		rke2_add_obstacle(l->plan, false, "start the service once, then install",
				  "'%s/bin' points to no release: RKE2 has not been started yet",
				  l->n->data_dir);
	else if (!d || !d->complete)
		rke2_add_obstacle(l->plan, false, "restart the service, then install",
				  "the runtime of the release is incomplete: '%s'", l->n->bin);
	else if (strstr(d->ref, CRYO_RKE2_OUR_IMAGE) && cryo_rke2_journal_load(&j, &ignored) == 0 &&
		 j.state == CRYO_RKE2_ORIGINAL)
		rke2_add_obstacle(
		    l->plan, false, "roll back with the state directory of that install",
		    "our programs already run here, but '%s' records no install", cryo_dir_state());
}

static void check_root(const struct obstacle_look *l)
{
	if (geteuid() != 0 && !*l->n->root)
		rke2_add_obstacle(l->plan, false, "sudo cryopod node install",
				  "only root can change a node");
}

/*
 * Kubernetes' version skew policy: a kubelet may be up to three minor versions older than the API
 * server and never newer; on a server ours also replaces the API server, which may not be older
 * than the controller manager and the scheduler, nor newer than the data of etcd allow.
 */
static void check_skew(const struct obstacle_look *l)
{
	unsigned major, ours, theirs;
	bool server = l->n->role[0] == 's';

	if (!cryo_rke2_minor(l->b->version, &major, &ours) ||
	    !cryo_rke2_minor(l->n->release, &major, &theirs)) {
		if (!l->n->release)
			rke2_add_note(l->plan,
				      "cannot determine the RKE2 release: '%s' did not report it",
				      l->n->program ? l->n->program : "rke2");
		return;
	}
	if (ours > theirs)
		rke2_add_obstacle(
		    l->plan, true, "a stack of the release's minor version, or a newer release",
		    "Kubernetes %s is newer than the release %s: a kubelet may not be newer "
		    "than the API server",
		    l->b->version, l->n->release);
	else if (server && ours < theirs)
		rke2_add_obstacle(
		    l->plan, true, "a stack of the release's minor version",
		    "Kubernetes %s is older than the release %s: an API server may not be "
		    "older than the controller manager beside it",
		    l->b->version, l->n->release);
	else if (ours + 3 < theirs)
		rke2_add_obstacle(l->plan, true,
				  "a stack that is at most three minor versions older",
				  "Kubernetes %s is more than three minor versions older than %s",
				  l->b->version, l->n->release);
}

static void check_disk(const struct obstacle_look *l)
{
	uint64_t need = (uint64_t)cryo_json_int(l->plan, "bytes", 0);
	uint64_t have = (uint64_t)cryo_json_int(l->plan, "free", 0);
	cryo_auto(cryo_free) char *want = cryo_size_show(need + need / 20);
	cryo_auto(cryo_free) char *there = cryo_size_show(have);
	struct statvfs v;

	if (statvfs(l->n->data_dir, &v) < 0) {
		rke2_add_obstacle(l->plan, false, "start the service once",
				  "there is no data directory '%s'", l->n->data_dir);
		return;
	}
	if (v.f_flag & ST_RDONLY)
		rke2_add_obstacle(l->plan, false, "mount it writable", "'%s' is mounted read-only",
				  l->n->data_dir);
	if (v.f_flag & ST_NOEXEC)
		rke2_add_obstacle(
		    l->plan, false, "mount it without noexec, or use another data-dir",
		    "'%s' is mounted noexec: no program could run from it", l->n->data_dir);
	if (have < need + need / 20)
		rke2_add_obstacle(l->plan, false, "free some space",
				  "too little space in '%s': %s are needed, %s are free",
				  l->n->data_dir, want, there);
}

/* Settings that put something else in the place of our programs. */
static void check_settings(const struct obstacle_look *l)
{
	static const struct {
		const char *key, *program;
	} row[] = { { "kubelet-path", "kubelet" }, { "container-runtime-endpoint", "containerd" } };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (cryo_rke2_node_setting(l->n, row[i].key))
			rke2_add_obstacle(l->plan, false, "remove the setting",
					  "'%s' is set: this node would not use our %s", row[i].key,
					  row[i].program);
}

static void check_wins(const struct obstacle_look *l, const struct cryo_rke2_config *merged,
		       const char *key, const char *value)
{
	const char *from = json_string_value(json_object_get(merged->from, key));
	const char *fixed = json_string_value(json_object_get(l->n->fixed, key));

	if (fixed)
		rke2_add_obstacle(l->plan, false, "remove it there",
				  "'%s' is set on the command line or in the environment of the "
				  "service, which override configuration files",
				  key);
	else if (!cryo_rke2_config_has(merged, key, value))
		rke2_add_obstacle(l->plan, false, "write the key as 'KEY+' there, or remove it",
				  "'%s' in '%s' overrides ours", key, from ? from : "?");
}

/* Read as RKE2 will read it, with our drop-in in its place: each key of ours has to win. */
static void check_merged(const struct obstacle_look *l)
{
	const char *text = cryo_json_str(l->plan, "config");
	const struct cryo_rke2_dropin dropin = { CRYO_RKE2_DROPIN, text };
	cryo_auto(cryo_rke2_config_release) struct cryo_rke2_config merged = { 0 };
	cryo_auto(cryo_yaml_release) struct cryo_yaml own = { 0 };
	struct cryo_err why = CRYO_ERR_INIT;

	if (!text || cryo_yaml_parse("drop-in", text, strlen(text), &own, &why) < 0)
		return;
	if (cryo_rke2_config_load(l->n->config_file, &dropin, &merged, &why) < 0) {
		rke2_add_obstacle(l->plan, false, "correct the file", "%s", why.msg);
		return;
	}
	for (size_t i = 0; i < own.doc[0]->n; i++) {
		const struct cryo_node *value = own.doc[0]->child[i];
		const char *key = own.doc[0]->key[i];
		cryo_auto(cryo_free) char *name = cryo_strndup(key, strcspn(key, "+"));

		check_wins(l, &merged, name,
			   value->kind == CRYO_NODE_SEQ ? value->child[0]->text : value->text);
	}
}

/* An administrator's own template that names another runc; RKE2 uses it as it is. */
static void check_template(const struct obstacle_look *l, const char *name)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/agent/etc/containerd/%s", l->n->data_dir, name);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	const char *at;

	if (cryo_fs_read_regular(path, 4u << 20, &text, &ignored) < 0)
		return;
	for (at = strstr(cryo_str_get(&text), "BinaryName"); at;
	     at = strstr(at + 1, "BinaryName")) {
		const char *quote = at + strcspn(at, "\"'\n");

		if ((*quote == '"' || *quote == '\'') && quote[1] == '/' &&
		    !cryo_starts_with(quote + 1, l->n->data_dir))
			rke2_add_obstacle(
			    l->plan, true, "remove BinaryName there",
			    "the containerd template '%s' names a runc of its own: ours "
			    "would not be used",
			    path);
	}
}

static void check_templates(const struct obstacle_look *l)
{
	const struct cryo_rke2_release *r = cryo_rke2_release_find(l->n->release);

	if (r && r->config_version == 2)
		rke2_add_note(
		    l->plan,
		    "release %s writes containerd's configuration in version 2: containerd "
		    "2.x reads it, but a template for version 3 is not looked at",
		    l->n->release);
	check_template(l, "config.toml.tmpl");
	check_template(l, "config-v3.toml.tmpl");
}

/* The shims of pods that run now go on with the code they were started with. */
static void note_pods(const struct obstacle_look *l)
{
	cryo_auto(cryo_free) char *all = cryo_strv_join(&l->n->pods, ", ");

	if (l->n->shims.n)
		rke2_add_note(l->plan,
			      "running pods keep the shim they were started with until they are "
			      "started anew (--restart-pods does it): %.600s",
			      all);
}

static void note_system(const struct obstacle_look *l)
{
	cryo_auto(cryo_free) char *selinux = cryo_asprintf("%s/sys/fs/selinux/enforce", l->n->root);
	cryo_auto(cryo_free) char *marker = cryo_asprintf("%s/data/%s/.extracted", l->n->data_dir,
							  l->n->current ? l->n->current : "?");
	int64_t made = cryo_fs_changed_s(marker);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_fs_read(selinux, 16, &text, &ignored) == 0)
		rke2_add_note(l->plan,
			      "SELinux is %s: programs get the label of those they stand for",
			      cryo_str_get(&text)[0] == '1' ? "enforcing" : "permissive");
	if (made > (int64_t)time(NULL) + 60)
		rke2_add_note(l->plan,
			      "the clock is wrong: RKE2 has staged this release in the future; "
			      "certificates may not be valid yet");
	if (l->n->pid == 0)
		rke2_add_note(
		    l->plan,
		    "'%s' is not running: it is not started, and will use our programs when "
		    "it is",
		    l->n->unit);
}

/* RKE2 takes a random one of two archives with one tag. */
static void check_archives(const struct obstacle_look *l)
{
	json_t *step;
	size_t i;

	json_array_foreach(json_object_get(l->plan, "steps"), i, step) {
		const char *path = cryo_json_str(step, "path");

		if (cryo_streq(cryo_json_str(step, "kind"), "image") && cryo_fs_exists(path))
			rke2_add_note(l->plan, "'%s' is there already and is written anew", path);
	}
}

void rke2_find_obstacles(const struct cryo_rke2_node *n, const struct cryo_rke2_build *b,
			 json_t *plan)
{
	const struct obstacle_look l = { n, b, plan };

	check_root(&l);
	check_current(&l);
	check_skew(&l);
	check_disk(&l);
	check_settings(&l);
	check_merged(&l);
	check_templates(&l);
	check_archives(&l);
	note_pods(&l);
	note_system(&l);
}
