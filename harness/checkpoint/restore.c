/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restore through the container runtime: each archive becomes the only layer of an
 * image, a pod is created from these images, and containerd (2.1 to 2.3) restores
 * instead of starting (docs/architecture.md, "Restore").
 */
#include "checkpoint/checkpoint.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/reseed.h"
#include "checkpoint/evidence.h"
#include "checkpoint/node_images.h"
#include "checkpoint/pod_adoption.h"
#include "checkpoint/pod_checkpoint.h"
#include "checkpoint/pod_fit.h"
#include "checkpoint/pod_form.h"
#include "checkpoint/pod_rules.h"
#include "checkpoint/pod_hostname.h"
#include "checkpoint/restore_check.h"
#include "checkpoint/restore_image.h"
#include "checkpoint/restore_key.h"
#include "checkpoint/restore_place.h"
#include "checkpoint/restore_pod.h"
#include "checkpoint/restore_rights.h"
#include "checkpoint/sealing.h"
#include "checkpoint/settle.h"
#include "checkpoint/subject.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_RUN_MS 60000
#define CRIU_CONFIG    "org.criu.config"
#define MAX_ARCHIVES   64

static void show_pod_form(const struct cryo_pod_form *form)
{
	for (size_t i = 0; i < form->notes.n; i++)
		cryo_info("%s", form->notes.v[i]);
	for (size_t i = 0; i < form->warnings.n; i++)
		cryo_warn("%s", form->warnings.v[i]);
}

/* That it is called otherwise harms no process; so it is only told. */
static void set_host_name(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const json_t *pod, const struct cryo_restore *r)
{
	struct cryo_err err = CRYO_ERR_INIT;

	for (size_t i = 0; i < r->containers.n; i++) {
		if (cryo_pod_hostname_restore(t, node, pod, r->containers.v[i], &err) == 0)
			continue;
		cryo_warn("the new pod has the source's host name: %s", err.msg);
		return;
	}
}

/* CRIU before 4.2 does not make it read-only again. */
static void check_read_only_root(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				 const json_t *pod, const struct cryo_restore *r)
{
	for (size_t i = 0; i < r->containers.n; i++) {
		const struct cryo_subject s = { .pod = (json_t *)pod,
						.container = r->containers.v[i] };
		const json_t *c = cryo_pod_container((json_t *)pod, r->containers.v[i]);

		if (cryo_json_bool(c, "securityContext.readOnlyRootFilesystem") &&
		    cryo_settle_is_root_writable(t, node, cryo_subject_runtime_id(&s)))
			cryo_warn("the root file system of '%s' is not read-only any more, "
				  "although its pod says so: this runc does not restore that",
				  r->containers.v[i]);
	}
}

/* One restore on its way, from the archive at hand on. */
struct restore_call {
	struct cryo_cluster *t;
	const struct cryo_cluster_node *node;
	struct cryo_kube *k;
	const struct cryo_restore_opts *opts;
	struct cryo_strv paths; /* of the archives */
	struct cryo_archive *archive;
	char *manifest;		   /* of the directory; NULL: none */
	struct cryo_str key, cert; /* PEM; empty: none */
	struct cryo_pod_form form;
	struct cryo_restore_place place;
	int images_fd; /* no image is swept meanwhile; -1: not held */
	struct cryo_restore *out;
};

/* What CRIU is told: of the archive and of the caller. Appended. */
static int add_restore_words(const struct restore_call *c, struct cryo_str *out,
			     struct cryo_err *err)
{
	for (size_t i = 0; i < c->paths.n; i++) {
		cryo_criu_options_pick_beside(c->archive[i].criu_options, &c->opts->criu, out);
		if (c->archive[i].read_only_root)
			cryo_str_add(out, "make-tmp\n");
	}
	if (c->key.len > 0)
		cryo_str_add(out, CRYO_SEALING_KEY_WORDS);
	return cryo_criu_options_add(&c->opts->criu, out, err);
}

/* The configuration that the pod would have for CRIU without us; NULL: that of its node. */
static const char *get_own_criu_config(const struct restore_call *c)
{
	const json_t *meta = json_object_get(c->form.pod, "metadata");
	const json_t *notes = json_object_get(meta, "annotations");
	const char *path = json_string_value(json_object_get(notes, CRIU_CONFIG));

	return path && *path == '/' ? path : NULL;
}

static void look_after_restored(const struct restore_call *c, const json_t *pod)
{
	const struct cryo_kube_ref ref = { "pods", c->out->ns, c->out->pod };

	for (size_t i = 0; i < c->out->containers.n && !c->out->ended.ended; i++) {
		const struct cryo_subject s = { .pod = (json_t *)pod,
						.container = c->out->containers.v[i] };
		cryo_auto(cryo_free) char *how = NULL;

		cryo_ended_look(c->t, c->node, c->k, &ref, cryo_subject_runtime_id(&s),
				&c->out->ended);
		if (!c->out->ended.ended)
			continue;
		how = cryo_ended_show(&c->out->ended);
		cryo_warn("the restored program %s right after the restore", how);
	}
}

/* One for each container; without a key only the first has a name. */
static int begin_keys(struct restore_call *c, struct cryo_sealing_key *key, struct cryo_err *err)
{
	int rc = 0;

	cryo_sealing_sweep(c->t, c->node);
	for (size_t i = 0; rc == 0 && i < c->paths.n && (i == 0 || c->key.len > 0); i++)
		rc = cryo_sealing_key_begin(c->t, c->node, &c->key, &c->cert, &key[i], err);
	return rc;
}

static void end_keys(const struct restore_call *c, struct cryo_sealing_key *key)
{
	for (size_t i = 0; i < c->paths.n; i++)
		cryo_sealing_key_end(&key[i]);
	free(key);
}

/* `token` makes the names of what lies on the node. */
static int run_restored_pod(struct restore_call *c, struct cryo_sealing_key *key, const char *token,
			    struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *running = NULL;
	struct cryo_evidence_restore evidence = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str words = { 0 };
	int64_t limit = c->opts->timeout_ms ? c->opts->timeout_ms : DEFAULT_RUN_MS;
	int rc = add_restore_words(c, &words, err);

	if (rc == 0)
		rc = cryo_evidence_restore_begin(c->t, c->node, token, get_own_criu_config(c),
						 cryo_str_get(&words), &evidence, err);
	if (rc == 0) {
		cryo_restore_pod_adapt(c->form.pod, c->out, evidence.config);
		/* The interposer does it as well; but only this one can tell, and stands on every
		 * stack. */
		cryo_random_reseed_or_warn("the restored pod");
		rc = cryo_restore_pod_run(c->k, c->form.pod, c->out, key, c->paths.n, limit,
					  &running, err);
	}
	if (rc == 0)
		set_host_name(c->t, c->node, running, c->out);
	if (rc == 0)
		check_read_only_root(c->t, c->node, running, c->out);
	if (rc == 0)
		look_after_restored(c, running);
	cryo_evidence_restore_end(c->t, &evidence, rc < 0 ? err : NULL);
	if (rc < 0)
		cryo_pod_fit_explain(c->form.pod, c->out->containers.v[0], err);
	return rc;
}

static int run_with_keys(struct restore_call *c, struct cryo_err *err)
{
	struct cryo_sealing_key *key = cryo_alloc((c->paths.n + 1) * sizeof(*key));
	int rc;

	for (size_t i = 0; i < c->paths.n; i++)
		key[i].lock_fd = -1;
	rc = begin_keys(c, key, err);
	if (rc == 0)
		rc = run_restored_pod(c, key, key[0].token, err);
	end_keys(c, key);
	return rc;
}

/* Who names a key has it before anything is made of it, and so have we. */
static int check_restored_rights(struct restore_call *c, struct cryo_err *err)
{
	int rc = cryo_restore_key_get(c->k, c->opts, c->out->ns, &c->key, &c->cert, err);

	for (size_t i = 0; rc == 0 && !c->opts->allow_privileges && i < c->paths.n; i++)
		rc = cryo_restore_rights_check(c->paths.v[i], &c->archive[i], c->form.pod, &c->key,
					       &c->cert, err);
	return rc;
}

/* What can be refused before anything is created anywhere. */
static int prepare_restore(struct restore_call *c, struct cryo_err *err)
{
	const struct cryo_restore_opts *o = c->opts;
	const struct cryo_pod_form_opts form = { .archive = c->archive,
						 .archives = c->paths.n,
						 .manifest = o->manifest ? o->manifest
									 : c->manifest,
						 .source = o->source,
						 .restart_policy = o->restart_policy,
						 .run_init = o->run_init,
						 .host_namespaces = o->allow_privileges,
						 .sealed = o->key_secret || o->key_file };
	int rc = cryo_restore_key_check(o, err);

	for (size_t i = 0; rc == 0 && i < c->paths.n; i++)
		rc = cryo_restore_check_archive(o, c->paths.v[i], &c->archive[i], err);
	if (rc == 0)
		rc = cryo_pod_form_make(&form, &c->form, err);
	if (rc == 0)
		rc = cryo_cluster_kube(c->t, &c->k, err);
	if (rc == 0)
		rc = check_restored_rights(c, err);
	if (rc == 0)
		rc = cryo_restore_place_choose(c->t, o, &c->form, &c->place, &c->node, err);
	for (size_t i = 1; rc == 0 && i < c->paths.n; i++)
		rc = cryo_restore_place_check(c->t, c->node, &c->archive[i], err);
	if (rc < 0)
		return rc;
	c->out->node = cryo_strdup(c->node->name);
	if (!o->ns && *c->archive[0].ns && strcmp(c->archive[0].ns, c->out->ns) != 0)
		cryo_strv_addf(&c->form.notes,
			       "the source was in namespace '%s', the new pod is in '%s' (-n)",
			       c->archive[0].ns, c->out->ns);
	cryo_pod_adoption_avoid(c->k, c->out->ns, c->out->pod, c->form.pod, &c->form.notes);
	show_pod_form(&c->form);
	return 0;
}

static int restore_into_cluster(struct restore_call *c, struct cryo_err *err)
{
	int rc = prepare_restore(c, err);

	if (rc == 0)
		rc = cryo_node_images_hold(c->t, &c->images_fd, err);
	for (size_t i = 0; rc == 0 && i < c->paths.n; i++) {
		cryo_auto(cryo_free) char *ref = NULL;

		rc = cryo_restore_image_make(c->t, c->node, c->paths.v[i], &c->archive[i], &ref,
					     err);
		if (ref)
			cryo_strv_add(&c->out->images, ref);
	}
	if (rc == 0)
		rc = run_with_keys(c, err);
	return rc;
}

/* Will the kubelet look for an image of it again? */
static bool may_restart(const struct restore_call *c)
{
	bool restarts = !cryo_streq(cryo_json_str(c->form.pod, "spec.restartPolicy"), "Never");

	for (size_t i = 0; i < c->out->containers.n; i++)
		restarts |= cryo_json_str(cryo_pod_container(c->form.pod, c->out->containers.v[i]),
					  "restartPolicy") != NULL;
	return restarts;
}

/* Of what was restored nothing stays under a name that others could use; those of before may have
 * gone meanwhile. */
static void sweep_restore_images(const struct restore_call *c, bool held, int rc)
{
	if (!c->k || !c->node || !held)
		return;
	if (rc < 0 || !may_restart(c))
		cryo_node_images_sweep(c->t, c->node, c->k, NULL, NULL);
	else
		cryo_node_images_sweep(c->t, c->node, c->k, cryo_str_get(&c->place.table),
				       &c->out->images);
}

static void end_restore_call(struct restore_call *c, int rc)
{
	bool held = c->images_fd >= 0;

	if (held)
		close(c->images_fd);
	sweep_restore_images(c, held, rc);
	cryo_str_release(&c->place.table);
	if (c->key.p)
		explicit_bzero(c->key.p, c->key.len);
	cryo_str_release(&c->key);
	cryo_str_release(&c->cert);
	cryo_kube_free(c->k);
	cryo_pod_form_release(&c->form);
	for (size_t i = 0; c->archive && i < c->paths.n; i++)
		cryo_archive_release(&c->archive[i]);
	free(c->archive);
	free(c->manifest);
	cryo_strv_release(&c->paths);
}

static int is_archive_name(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && e->d_name[0] != '.' && strcmp(e->d_name + n - 4, ".tar") == 0;
}

/* Of a directory all its archives, in the order of their names, and the pod beside them. */
static int find_archives(struct restore_call *c, struct cryo_err *err)
{
	const char *place = c->opts->archive;
	struct dirent **entry = NULL;
	int n;

	if (!cryo_fs_is_dir(place)) {
		cryo_strv_add(&c->paths, place);
		return 0;
	}
	n = scandir(place, &entry, is_archive_name, alphasort);
	if (n < 0)
		return cryo_err_sys(err, errno, "cannot read directory '%s'", place);
	for (int i = 0; i < n; i++) {
		cryo_strv_addf(&c->paths, "%s/%s", place, entry[i]->d_name);
		free(entry[i]);
	}
	free(entry);
	if (n == 0 || n > MAX_ARCHIVES)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    n ? "it has more than %d archives (*.tar)"
				      : "it has no archive (*.tar)",
				    MAX_ARCHIVES);
	c->manifest = cryo_asprintf("%s/" CRYO_POD_SOURCE, place);
	if (!c->opts->source && cryo_fs_exists(c->manifest))
		return 0;
	free(c->manifest);
	c->manifest = NULL;
	return 0;
}

/* Two archives of one container would be restored into each other's place. */
static int load_archives(struct restore_call *c, struct cryo_err *err)
{
	struct cryo_restore *out = c->out;
	int rc = find_archives(c, err);

	c->archive = cryo_alloc((c->paths.n + 1) * sizeof(*c->archive));
	for (size_t i = 0; rc == 0 && i < c->paths.n; i++) {
		rc = cryo_archive_load(c->paths.v[i], &c->archive[i], err);
		if (rc == 0 && cryo_strv_has(&out->containers, c->archive[i].container))
			rc = cryo_err_set(err, CRYO_E_CONFIG, "two archives of container '%s'",
					  c->archive[i].container);
		if (rc == 0 && !cryo_streq(c->archive[i].pod, c->archive[0].pod))
			rc = cryo_err_set(err, CRYO_E_CONFIG, "archives of two pods, '%s' and '%s'",
					  c->archive[0].pod, c->archive[i].pod);
		if (rc == 0)
			cryo_strv_add(&out->containers, c->archive[i].container);
	}
	return rc;
}

int cryo_restore_run(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
		     struct cryo_restore *out, struct cryo_err *err)
{
	struct restore_call c = { .t = t, .opts = opts, .images_fd = -1, .out = out };
	int64_t begin = cryo_now_ms();
	int rc = cryo_restore_check_opts(opts, err);

	*out = (struct cryo_restore){ 0 };
	if (rc == 0 && !cryo_cluster_reaches_nodes(t))
		rc = cryo_err_wrap(err, cryo_cluster_find_node(t, NULL, &c.node, err),
				   "restore of '%s'", opts->archive);
	if (rc < 0)
		return rc;
	rc = load_archives(&c, err);
	c.place.archive = c.archive;
	out->pod = cryo_strdup(opts->pod);
	out->ns = cryo_strdup(opts->ns ? opts->ns : "default");
	if (rc == 0)
		rc = restore_into_cluster(&c, err);
	out->ms = cryo_now_ms() - begin;
	end_restore_call(&c, rc);
	if (rc < 0)
		cryo_restore_release(out);
	return cryo_err_wrap(err, rc, "restore of '%s'", opts->archive);
}

void cryo_restore_release(struct cryo_restore *r)
{
	free(r->ns);
	free(r->pod);
	free(r->node);
	cryo_strv_release(&r->containers);
	cryo_strv_release(&r->images);
	*r = (struct cryo_restore){ 0 };
}
