/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restore through the container runtime: the archive becomes the only layer of an
 * image, a pod is created from that image, and containerd (2.1 to 2.3) restores
 * instead of starting (docs/architecture.md, "Restore").
 */
#include "checkpoint/checkpoint.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "image/oci.h"
#include "seal/cert.h"
#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/reseed.h"
#include "checkpoint/evidence.h"
#include "checkpoint/node_images.h"
#include "checkpoint/pod_adoption.h"
#include "checkpoint/pod_fit.h"
#include "checkpoint/pod_form.h"
#include "checkpoint/pod_rules.h"
#include "checkpoint/pod_hostname.h"
#include "checkpoint/sealing.h"
#include "checkpoint/settle.h"
#include "checkpoint/subject.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS	       10000
#define DEFAULT_RUN_MS 60000
#define MAX_PEM	       (1u << 20)
#define CRIU_CONFIG    "org.criu.config"
#define ANNOTATION     "org.criu.checkpoint.container.name"

/* What of it is on which nodes, as the search goes on. */
struct base_search {
	const struct cryo_archive *archive;
	enum cryo_base_image best;
	bool stale; /* images of restores on a node that was looked at */
};

/* 1: the container runtime there has the image of the container; 0: it has not. */
static int has_base_image(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  struct base_search *s, struct cryo_err *err)
{
	enum cryo_base_image found;
	int rc = cryo_node_images_find_base(t, node, s->archive, &found, &s->stale, err);

	if (rc < 0)
		return rc;
	s->best = found > s->best ? found : s->best;
	return found == CRYO_BASE_THERE;
}

/* Without its base image the runtime tries to pull it, and waits long for nothing. `where`: "is
 * not on node 'x'". */
static int report_no_base_image(const struct base_search *s, const char *where,
				struct cryo_err *err)
{
	const struct cryo_archive *a = s->archive;

	if (s->best == CRYO_BASE_OTHER)
		return cryo_err_set(err, CRYO_E_CHECK,
				    "the '%s' that was checkpointed (%.100s) %s: there it is "
				    "another image",
				    a->image_name, a->image_ref, where);
	return cryo_err_set(err, CRYO_E_CHECK,
			    "its base image '%s' %s (load it: cryopod image --load FILE)",
			    a->image_name, where);
}

static int use_named_node(struct cryo_cluster *t, const char *name, struct base_search *s,
			  const struct cryo_cluster_node **out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *where = cryo_asprintf("is not on node '%s'", name);
	int rc = cryo_cluster_find_node(t, name, out, err);

	if (rc == 0)
		rc = has_base_image(t, *out, s, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return report_no_base_image(s, where, err);
}

/* Workers first: pods seldom belong on a control plane. */
static int search_fitting_node(struct cryo_cluster *t, struct base_search *s,
			       const struct cryo_cluster_node **out, struct cryo_err *err)
{
	static const enum cryo_node_role order[] = { CRYO_NODE_WORKER, CRYO_NODE_CONTROL_PLANE };
	int rc = cryo_cluster_find_node(t, NULL, out, err);

	for (size_t r = 0; rc == 0 && r < CRYO_ARRAY_LEN(order); r++)
		for (size_t i = 0; rc == 0 && i < t->nodes; i++) {
			*out = &t->node[i];
			if ((*out)->role == order[r])
				rc = has_base_image(t, *out, s, err);
		}
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return report_no_base_image(s, "is on no node", err);
}

/*
 * Where the pod will run: image, key and CRIU's log are there and nowhere else, so
 * that is not left to the scheduler. The source's own node is only a first guess.
 */
static int choose_restore_node(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
			       const struct cryo_pod_form *form, struct base_search *s,
			       const struct cryo_cluster_node **out, struct cryo_err *err)
{
	const char *name = opts->node ? opts->node : cryo_json_str(form->pod, "spec.nodeName");
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (name)
		return use_named_node(t, name, s, out, err);
	if (form->node && cryo_cluster_find_node(t, form->node, out, &ignored) == 0 &&
	    has_base_image(t, *out, s, &ignored) == 1)
		return 0;
	return search_fitting_node(t, s, out, err);
}

static int make_restore_image(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      const struct cryo_restore_opts *opts, const struct cryo_archive *a,
			      struct cryo_restore *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *note = cryo_asprintf(ANNOTATION "=%s", a->container);
	const char *const annotations[] = { note, NULL };
	struct cryo_oci_image image = { .layer_path = opts->archive, .annotations = annotations };
	cryo_auto(cryo_free) char *dir = NULL;
	cryo_auto(cryo_free) char *layout = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	char digest[CRYO_HASH_HEX];
	int rc = cryo_hash_file(opts->archive, digest, err);

	if (rc == 0)
		rc = cryo_cluster_tmpdir(t, ".restore-", &dir, err);
	if (rc < 0)
		return rc;
	out->image = cryo_asprintf("localhost/checkpoint/%s:%.12s", a->container, digest);
	image.ref = out->image;
	layout = cryo_asprintf("%s/image.tar", dir);
	rc = cryo_oci_write(&image, layout, err);
	if (rc == 0)
		rc = cryo_cluster_load_image(t, node, layout, err);
	cryo_fs_rmtree(dir, &ignored);
	return rc;
}

/* The object of that key, made where there is none. Borrowed. */
static json_t *make_json_object(json_t *parent, const char *key)
{
	if (!json_is_object(json_object_get(parent, key)))
		json_object_set_new(parent, key, json_object());
	return json_object_get(parent, key);
}

/* Name, namespace, node and image of the new pod, and where CRIU writes its log. */
static void adapt_restore_pod(json_t *pod, const struct cryo_restore *r, const char *criu_config)
{
	json_t *meta = make_json_object(pod, "metadata");
	json_t *c = cryo_pod_container(pod, r->container);

	json_object_set_new(meta, "name", json_string(r->pod));
	json_object_set_new(meta, "namespace", json_string(r->ns));
	json_object_set_new(make_json_object(pod, "spec"), "nodeName", json_string(r->node));
	json_object_set_new(make_json_object(meta, "annotations"), CRIU_CONFIG,
			    json_string(criu_config));
	json_object_set_new(c, "image", json_string(r->image));
	json_object_set_new(c, "imagePullPolicy", json_string("Never"));
}

/* Leave nothing half-restored; its traces are in err by then. */
static void discard_restored_pod(struct cryo_kube *k, const struct cryo_restore *r)
{
	const struct cryo_kube_ref ref = { "pods", r->ns, r->pod };
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_kube_delete(k, &ref, 0, ASK_MS, &ignored);
}

static void show_pod_events(struct cryo_kube *k, const struct cryo_restore *r)
{
	cryo_auto(cryo_free) char *events = cryo_kube_events(k, r->ns, "Pod", r->pod);

	for (char *save, *line = strtok_r(events, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		cryo_debug("%s: %s", r->pod, line);
}

/* *last: the pod as it runs, new reference. */
static int create_pod_and_wait(struct cryo_kube *k, const json_t *pod, int64_t limit,
			       struct cryo_restore *r, json_t **last, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", r->ns, r->pod };
	struct cryo_pod_adoption adoption = { 0 };
	int rc = cryo_kube_create(k, pod, r->ns, err);

	if (rc < 0)
		return rc;
	rc = cryo_kube_wait(k, &ref, cryo_pod_adoption_test, &adoption, limit, last, err);
	free(adoption.owner);
	if (rc == 0)
		return 0;
	show_pod_events(k, r);
	discard_restored_pod(k, r);
	return rc;
}

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

	if (cryo_pod_hostname_restore(t, node, pod, r->container, &err) < 0)
		cryo_warn("the new pod has the source's host name: %s", err.msg);
}

/* CRIU does not know that it was; our runc does it again, a stock one does not. */
static void check_read_only_root(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				 const json_t *pod, const struct cryo_restore *r)
{
	const struct cryo_subject s = { .pod = (json_t *)pod, .container = r->container };
	const json_t *c = cryo_pod_container((json_t *)pod, r->container);

	if (cryo_json_bool(c, "securityContext.readOnlyRootFilesystem") &&
	    cryo_settle_is_root_writable(t, node, cryo_subject_runtime_id(&s)))
		cryo_warn(
		    "the root file system of '%s' is not read-only any more, although its pod "
		    "says so: this runc does not restore that",
		    r->container);
}

/* Before anything is made of them, and under the names that the user gave them. */
static int check_key_files(const struct cryo_restore_opts *opts, struct cryo_err *err)
{
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *key = NULL;
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;
	int rc = 0;

	if (opts->key_file)
		rc = cryo_seal_key_load(opts->key_file, &key, err);
	if (rc == 0 && opts->cert_file)
		rc = cryo_seal_cert_load(opts->cert_file, CRYO_SEAL_IDENTIFY, &cert, err);
	return rc;
}

static int check_sealing_secret(const char *name, const struct cryo_str *key,
				const struct cryo_str *cert, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *its_key = cryo_asprintf("tls.key of secret %s", name);
	cryo_auto(cryo_free) char *its_cert = cryo_asprintf("tls.crt of secret %s", name);
	cryo_auto(cryo_seal_key_free) struct cryo_seal_key *k = NULL;
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *c = NULL;
	int rc = cryo_seal_key_parse(its_key, cryo_str_get(key), key->len, &k, err);

	return rc < 0 ? rc
		      : cryo_seal_cert_parse(its_cert, cryo_str_get(cert), cert->len,
					     CRYO_SEAL_IDENTIFY, &c, err);
}

/* From the Secret or the files, whichever was given. */
static int get_sealing_key(struct cryo_kube *k, const struct cryo_restore_opts *opts,
			   const char *ns, struct cryo_str *key, struct cryo_str *cert,
			   struct cryo_err *err)
{
	int rc = 0;

	if (opts->key_secret) {
		rc = cryo_sealing_secret(k, ns, opts->key_secret, "tls.key", key, err);
		if (rc == 0)
			rc = cryo_sealing_secret(k, ns, opts->key_secret, "tls.crt", cert, err);
		if (rc == 0)
			rc = check_sealing_secret(opts->key_secret, key, cert, err);
	}
	if (rc == 0 && opts->key_file)
		rc = cryo_fs_read(opts->key_file, MAX_PEM, key, err);
	if (rc == 0 && opts->cert_file)
		rc = cryo_fs_read(opts->cert_file, MAX_PEM, cert, err);
	return rc;
}

static int deliver_sealing_key(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			       struct cryo_kube *k, const struct cryo_restore_opts *opts,
			       const struct cryo_restore *r, struct cryo_sealing_key *out,
			       struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str key = { 0 }, cert = { 0 };
	int rc;

	cryo_sealing_sweep(t, node);
	rc = get_sealing_key(k, opts, r->ns, &key, &cert, err);

	if (rc == 0)
		rc = cryo_sealing_key_begin(t, node, &key, &cert, out, err);
	if (key.p)
		explicit_bzero(key.p, key.len);
	return rc;
}

/* One restore on its way, from the archive at hand on. */
struct restore_call {
	struct cryo_cluster *t;
	const struct cryo_cluster_node *node;
	struct cryo_kube *k;
	const struct cryo_restore_opts *opts;
	struct cryo_archive archive;
	struct cryo_pod_form form;
	struct base_search base;
	int images_fd; /* no image is swept meanwhile; -1: not held */
	struct cryo_restore *out;
};

/* What CRIU is told: of the archive, of the caller, of the key. Appended. */
static int add_restore_words(const struct restore_call *c, const struct cryo_sealing_key *key,
			     struct cryo_str *out, struct cryo_err *err)
{
	cryo_criu_options_pick_beside(c->archive.criu_options, &c->opts->criu, out);
	cryo_str_add(out, key->words);
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
	const struct cryo_subject s = { .pod = (json_t *)pod, .container = c->out->container };
	const struct cryo_kube_ref ref = { "pods", c->out->ns, c->out->pod };
	cryo_auto(cryo_free) char *how = NULL;

	cryo_ended_look(c->t, c->node, c->k, &ref, cryo_subject_runtime_id(&s), &c->out->ended);
	if (!c->out->ended.ended)
		return;
	how = cryo_ended_show(&c->out->ended);
	cryo_warn("the restored program %s right after the restore", how);
}

static int run_restored_pod(struct restore_call *c, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *running = NULL;
	struct cryo_evidence_restore evidence = { 0 };
	struct cryo_sealing_key key = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str words = { 0 };
	int64_t limit = c->opts->timeout_ms ? c->opts->timeout_ms : DEFAULT_RUN_MS;
	int rc = deliver_sealing_key(c->t, c->node, c->k, c->opts, c->out, &key, err);

	if (rc < 0)
		return rc;
	rc = add_restore_words(c, &key, &words, err);
	if (rc == 0)
		rc = cryo_evidence_restore_begin(c->t, c->node, key.token, get_own_criu_config(c),
						 cryo_str_get(&words), &evidence, err);
	if (rc == 0) {
		adapt_restore_pod(c->form.pod, c->out, evidence.config);
		/* The interposer does it as well; but only this one can tell, and stands on every
		 * stack. */
		cryo_random_reseed_or_warn("the restored pod");
		rc = create_pod_and_wait(c->k, c->form.pod, limit, c->out, &running, err);
	}
	if (rc == 0)
		set_host_name(c->t, c->node, running, c->out);
	if (rc == 0)
		check_read_only_root(c->t, c->node, running, c->out);
	if (rc == 0)
		look_after_restored(c, running);
	cryo_evidence_restore_end(c->t, &evidence, rc < 0 ? err : NULL);
	if (rc < 0)
		cryo_pod_fit_explain(c->form.pod, c->out->container, err);
	cryo_sealing_key_end(&key);
	return rc;
}

/* Its bytes become a layer as they are: containerd would not find a tar in it, and say so
 * obscurely. */
static int check_uncompressed(const char *path, struct cryo_err *err)
{
	static const char magic[][4] = { "\x1f\x8b", "BZh", "\xfd\x37zX", "\x28\xb5\x2f\xfd" };
	static const size_t len[] = { 2, 3, 4, 4 };
	cryo_auto(cryo_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char begin[4];

	if (fd < 0 || pread(fd, begin, sizeof(begin), 0) != (ssize_t)sizeof(begin))
		return cryo_err_sys(err, errno, "cannot read '%s'", path);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(len); i++)
		if (memcmp(begin, magic[i], len[i]) == 0)
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "the archive is compressed: decompress it first");
	return 0;
}

static int check_restore_archive(const struct cryo_archive *a, struct cryo_err *err)
{
	if (a->has_status)
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "the archive has no status.dump (it was made by containerd 2.0): "
			    "containerd does not restore it");
}

static int check_restore_opts(const struct cryo_restore_opts *opts, struct cryo_err *err)
{
	const char *policy = opts->restart_policy;
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };

	if (opts->key_secret && opts->key_file)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "a key from a Secret or from a file, not both");
	if (policy && strcmp(policy, "Never") != 0 && strcmp(policy, "OnFailure") != 0 &&
	    strcmp(policy, "Always") != 0)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "'%s' is not a restart policy (valid values: Never, "
				    "OnFailure, Always)",
				    policy);
	return cryo_criu_options_add(&opts->criu, &lines, err);
}

/* What can be refused before anything is created anywhere. */
static int prepare_restore(struct restore_call *c, struct cryo_err *err)
{
	const struct cryo_restore_opts *o = c->opts;
	const struct cryo_pod_form_opts form = { .archive = &c->archive,
						 .manifest = o->manifest,
						 .source = o->source,
						 .restart_policy = o->restart_policy,
						 .run_init = o->run_init,
						 .sealed = o->key_secret || o->key_file };
	int rc = check_key_files(o, err);

	if (rc == 0)
		rc = check_uncompressed(o->archive, err);
	if (rc == 0)
		rc = check_restore_archive(&c->archive, err);
	if (rc == 0)
		rc = cryo_pod_form_make(&form, &c->form, err);
	if (rc == 0)
		rc = cryo_cluster_kube(c->t, &c->k, err);
	if (rc == 0)
		rc = choose_restore_node(c->t, o, &c->form, &c->base, &c->node, err);
	if (rc < 0)
		return rc;
	c->out->node = cryo_strdup(c->node->name);
	cryo_pod_adoption_avoid(c->k, c->out->ns, c->out->pod, c->form.pod, &c->form.notes);
	show_pod_form(&c->form);
	return 0;
}

static int restore_into_cluster(struct restore_call *c, struct cryo_err *err)
{
	int rc = prepare_restore(c, err);

	if (rc == 0)
		rc = cryo_node_images_hold(c->t, &c->images_fd, err);
	if (rc == 0)
		rc = make_restore_image(c->t, c->node, c->opts, &c->archive, c->out, err);
	if (rc == 0)
		rc = run_restored_pod(c, err);
	return rc;
}

/* A failed restore has no pod; those of before may have gone meanwhile. */
static void end_restore_call(struct restore_call *c, int rc)
{
	if (c->images_fd >= 0)
		close(c->images_fd);
	if (c->k && c->node && ((rc < 0 && c->out->image) || c->base.stale))
		cryo_node_images_sweep(c->t, c->node, c->k);
	cryo_kube_free(c->k);
	cryo_pod_form_release(&c->form);
	cryo_archive_release(&c->archive);
}

int cryo_restore_run(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
		     struct cryo_restore *out, struct cryo_err *err)
{
	struct restore_call c = { .t = t, .opts = opts, .images_fd = -1, .out = out };
	int64_t begin = cryo_now_ms();
	int rc = check_restore_opts(opts, err);

	*out = (struct cryo_restore){ 0 };
	if (rc == 0 && !cryo_cluster_reaches_nodes(t))
		rc = cryo_err_wrap(err, cryo_cluster_find_node(t, NULL, &c.node, err),
				   "restore of '%s'", opts->archive);
	if (rc < 0)
		return rc;
	rc = cryo_archive_load(opts->archive, &c.archive, err);
	c.base.archive = &c.archive;
	*out = (struct cryo_restore){ .pod = cryo_strdup(opts->pod),
				      .container = cryo_strdup(c.archive.container) };
	out->ns = cryo_strdup(opts->ns			      ? opts->ns
			      : c.archive.ns && *c.archive.ns ? c.archive.ns
							      : "default");
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
	free(r->container);
	free(r->node);
	free(r->image);
	*r = (struct cryo_restore){ 0 };
}
