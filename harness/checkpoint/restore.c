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
#include "conf/yaml.h"
#include "image/oci.h"
#include "seal/cert.h"
#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/reseed.h"
#include "checkpoint/evidence.h"
#include "checkpoint/sealing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS	       10000
#define DEFAULT_RUN_MS 60000
#define MAX_PEM	       (1u << 20)
#define TOKEN_MOUNT    "/var/run/secrets/kubernetes.io/serviceaccount"
#define ANNOTATION     "org.criu.checkpoint.container.name"

/* 1: the container runtime there has the image of the container; 0: it has not. */
static int has_base_image(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const struct cryo_archive *a, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *filter = cryo_asprintf("name==%s", a->image_name);
	const char *const argv[] = { node->path.ctr,
				     "--address",
				     node->path.socket,
				     "-n",
				     "k8s.io",
				     "images",
				     "ls",
				     "-q",
				     filter,
				     NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };
	int rc = cryo_cluster_exec(t, node, &x, &res, err);

	return rc < 0 ? rc : res.out.len > 0;
}

/* Without its base image the runtime tries to pull it, and waits long for nothing. */
static int use_named_node(struct cryo_cluster *t, const char *name, const struct cryo_archive *a,
			  const struct cryo_cluster_node **out, struct cryo_err *err)
{
	int rc = cryo_cluster_find_node(t, name, out, err);

	if (rc == 0)
		rc = has_base_image(t, *out, a, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return cryo_err_set(err, CRYO_E_CHECK,
			    "its base image '%s' is not on node '%s' (load it: cryopod image "
			    "--load FILE)",
			    a->image_name, name);
}

/* Workers first: pods seldom belong on a control plane. */
static int search_fitting_node(struct cryo_cluster *t, const struct cryo_archive *a,
			       const struct cryo_cluster_node **out, struct cryo_err *err)
{
	static const enum cryo_node_role order[] = { CRYO_NODE_WORKER, CRYO_NODE_CONTROL_PLANE };
	int rc = cryo_cluster_find_node(t, NULL, out, err);

	for (size_t r = 0; rc == 0 && r < CRYO_ARRAY_LEN(order); r++)
		for (size_t i = 0; rc == 0 && i < t->nodes; i++) {
			*out = &t->node[i];
			if ((*out)->role == order[r])
				rc = has_base_image(t, *out, a, err);
		}
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return cryo_err_set(err, CRYO_E_CHECK,
			    "its base image '%s' is on no node (load it: cryopod image --load "
			    "FILE)",
			    a->image_name);
}

/*
 * Where the pod will run: image, key and CRIU's log are there and nowhere else, so
 * that is not left to the scheduler.
 */
static int choose_restore_node(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
			       const struct cryo_archive *a, const json_t *pod,
			       const struct cryo_cluster_node **out, struct cryo_err *err)
{
	const char *name = opts->node ? opts->node : cryo_json_str(pod, "spec.nodeName");

	return name ? use_named_node(t, name, a, out, err) : search_fitting_node(t, a, out, err);
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

/*
 * A pod that nothing is known of but the archive. It needs the same mounts as the
 * source had: the token of its ServiceAccount can be had, other volumes cannot.
 */
static int make_pod_from_archive(const struct cryo_archive *a, json_t **out, struct cryo_err *err)
{
	bool token = cryo_strv_has(&a->volumes, TOKEN_MOUNT);

	for (size_t i = 0; i < a->volumes.n; i++)
		if (strcmp(a->volumes.v[i], TOKEN_MOUNT) != 0)
			return cryo_err_set(err, CRYO_E_USAGE,
					    "the source pod had a volume at '%s': give its "
					    "manifest (-f FILE)",
					    a->volumes.v[i]);
	*out = json_pack("{ss ss s{ss} s{ss sb si s[{ss}]}}", "apiVersion", "v1", "kind", "Pod",
			 "metadata", "name", "x", "spec", "restartPolicy", "Never",
			 "automountServiceAccountToken", token, "terminationGracePeriodSeconds", 1,
			 "containers", "name", a->container);
	return 0;
}

static int read_pod_manifest(const char *path, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	int rc = cryo_yaml_load(path, &y, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < y.n && !*out; i++) {
		cryo_auto(cryo_json_decref) json_t *j = cryo_node_to_json(y.doc[i]);

		if (cryo_streq(cryo_json_str(j, "kind"), "Pod"))
			*out = json_incref(j);
	}
	if (!*out)
		return cryo_err_set(err, CRYO_E_CONFIG, "%s: no Pod in it", path);
	return 0;
}

/* "kube-api-access-x7k2p": put there by admission, and again for the new pod. */
static void drop_token_volumes(json_t *list)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *name = cryo_json_str(json_array_get(list, i), "name");

		if (name && cryo_starts_with(name, "kube-api-access-"))
			json_array_remove(list, i);
	}
}

/* From a pod as the API server gives it back to what a user would have written. */
static json_t *strip_server_fields(const json_t *pod)
{
	/* Its node stays: what it was checkpointed with is there. */
	static const char *const spec_added[] = { "serviceAccount", "tolerations", "priority",
						  "preemptionPolicy" };
	json_t *spec = json_deep_copy(cryo_json_at(pod, "spec"));
	json_t *labels = json_deep_copy(cryo_json_at(pod, "metadata.labels"));
	json_t *c;
	size_t i;

	for (i = 0; i < CRYO_ARRAY_LEN(spec_added); i++)
		json_object_del(spec, spec_added[i]);
	drop_token_volumes(json_object_get(spec, "volumes"));
	json_array_foreach(json_object_get(spec, "containers"), i, c)
		drop_token_volumes(json_object_get(c, "volumeMounts"));
	return json_pack("{ss ss s{ss so*} so}", "apiVersion", "v1", "kind", "Pod", "metadata",
			 "name", "x", "labels", labels, "spec", spec);
}

static int choose_restore_pod(const struct cryo_restore_opts *opts, const struct cryo_archive *a,
			      json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *source = NULL;
	int rc;

	if (opts->manifest)
		return read_pod_manifest(opts->manifest, out, err);
	if (!opts->source)
		return make_pod_from_archive(a, out, err);
	rc = cryo_json_parse("source pod", opts->source, strlen(opts->source), &source, err);
	if (rc == 0)
		*out = strip_server_fields(source);
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
static int adapt_restore_pod(json_t *pod, const struct cryo_restore *r, const char *criu_config,
			     struct cryo_err *err)
{
	json_t *meta = make_json_object(pod, "metadata"), *c;
	bool found = false;
	size_t i;

	json_object_set_new(meta, "name", json_string(r->pod));
	json_object_set_new(meta, "namespace", json_string(r->ns));
	json_object_set_new(make_json_object(pod, "spec"), "nodeName", json_string(r->node));
	json_object_set_new(make_json_object(meta, "annotations"), "org.criu.config",
			    json_string(criu_config));
	json_array_foreach(cryo_json_at(pod, "spec.containers"), i, c) {
		if (!cryo_streq(cryo_json_str(c, "name"), r->container))
			continue;
		json_object_set_new(c, "image", json_string(r->image));
		json_object_set_new(c, "imagePullPolicy", json_string("Never"));
		found = true;
	}
	if (!found)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "the pod has no container '%s', which the archive is of",
				    r->container);
	return 0;
}

/* Leave nothing half-restored; its traces are in err by then. */
static void discard_restored_pod(struct cryo_kube *k, const struct cryo_restore *r)
{
	const struct cryo_kube_ref ref = { "pods", r->ns, r->pod };
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_kube_delete(k, &ref, 0, ASK_MS, &ignored);
}

static int create_pod_and_wait(struct cryo_kube *k, const json_t *pod, int64_t limit,
			       struct cryo_restore *r, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "pods", r->ns, r->pod };
	cryo_auto(cryo_json_decref) json_t *last = NULL;
	cryo_auto(cryo_free) char *events = NULL;
	int rc = cryo_kube_create(k, pod, r->ns, err);

	if (rc < 0)
		return rc;
	rc = cryo_kube_wait(k, &ref, cryo_kube_test_pod_running, NULL, limit, &last, err);
	if (rc == 0)
		return 0;
	events = cryo_kube_events(k, r->ns, "Pod", r->pod);
	for (char *save, *line = strtok_r(events, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		cryo_debug("%s: %s", r->pod, line);
	discard_restored_pod(k, r);
	return rc;
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

static int run_restored_pod(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const struct cryo_restore_opts *opts, json_t *pod,
			    struct cryo_restore *r, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	struct cryo_evidence_restore evidence = { 0 };
	struct cryo_sealing_key key = { 0 };
	int64_t limit = opts->timeout_ms ? opts->timeout_ms : DEFAULT_RUN_MS;
	int rc = cryo_cluster_kube(t, &k, err);

	if (rc == 0)
		rc = deliver_sealing_key(t, node, k, opts, r, &key, err);
	if (rc < 0)
		return rc;
	rc = cryo_evidence_restore_begin(t, node, key.token, key.words, &evidence, err);
	if (rc == 0)
		rc = adapt_restore_pod(pod, r, evidence.config, err);
	/* The interposer does it as well; but only this one can tell, and stands on every stack. */
	if (rc == 0)
		cryo_random_reseed_or_warn("the restored pod");
	if (rc == 0)
		rc = create_pod_and_wait(k, pod, limit, r, err);
	cryo_evidence_restore_end(t, &evidence, rc < 0 ? err : NULL);
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

int cryo_restore_run(struct cryo_cluster *t, const struct cryo_restore_opts *opts,
		     struct cryo_restore *out, struct cryo_err *err)
{
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	cryo_auto(cryo_json_decref) json_t *pod = NULL;
	const struct cryo_cluster_node *node = NULL;
	int64_t begin = cryo_now_ms();
	int rc;

	if (opts->key_secret && opts->key_file)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "a key from a Secret or from a file, not both");
	if (!cryo_cluster_reaches_nodes(t))
		return cryo_err_wrap(err, cryo_cluster_find_node(t, NULL, &node, err),
				     "restore of '%s'", opts->archive);
	rc = cryo_archive_load(opts->archive, &a, err);
	*out = (struct cryo_restore){ .pod = cryo_strdup(opts->pod),
				      .container = cryo_strdup(a.container) };
	out->ns = cryo_strdup(opts->ns ? opts->ns : a.ns && *a.ns ? a.ns : "default");
	if (rc == 0)
		rc = check_key_files(opts, err);
	if (rc == 0)
		rc = check_uncompressed(opts->archive, err);
	if (rc == 0)
		rc = check_restore_archive(&a, err);
	if (rc == 0)
		rc = choose_restore_pod(opts, &a, &pod, err);
	if (rc == 0)
		rc = choose_restore_node(t, opts, &a, pod, &node, err);
	if (rc == 0) {
		out->node = cryo_strdup(node->name);
		rc = make_restore_image(t, node, opts, &a, out, err);
	}
	if (rc == 0)
		rc = run_restored_pod(t, node, opts, pod, out, err);
	out->ms = cryo_now_ms() - begin;
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
