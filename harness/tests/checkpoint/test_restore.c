/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restore against a fake node and a fake API server: this file defines the
 * functions of kube/ that it calls, so the linker does not take the real ones.
 */
#include "checkpoint/checkpoint.h"
#include "cluster/kind.h"
#include "tests/scratch.h"

#include "conf/json.h"
#include "image/tar.h"
#include "net/pki.h"
#include "seal/path.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "checkpoint/evidence.h"
#include "checkpoint/nodefile.h"
#include "checkpoint/sealing.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define POD_UID	  "01234567-89ab-cdef-0123-456789abcdef"
#define TOKEN	  "/var/run/secrets/kubernetes.io/serviceaccount"
#define IMAGES	  "REF TYPE DIGEST SIZE\ndocker.io/library/counter:latest x sha256:1 1 kB\n"
#define MOUNT(at) "{\"destination\":\"" at "\",\"type\":\"bind\",\"source\":\"/x\"}"

static char *archive, *manifest;

/* Images that the archives of a test have as well. */
#define CORE   "\x19\x43\x56\x54\x47\x38\x05\x55"
#define ROOT   "\x04\0\0\0\x2a\x02\x52\0"			/* nothing but user 0 */
#define ADMIN  "\x09\0\0\0\x2a\x07\x52\x05\x58\x80\x80\x80\x01" /* CAP_SYS_ADMIN, effective */
#define PSTREE "\x19\x43\x56\x54\x30\x30\x27\x50\x06\0\0\0\x08\x01\x10\x00\x28\x01" /* 1 */
static const char *core;
static size_t core_len;
#define SET_CORE(text) (core = text, core_len = sizeof(text) - 1)

/* What node and server are like; zeroed, the whole story works. */
static struct {
	const char *images; /* answer of `ctr images ls`, NULL: the base image */
	const char *criu_log;
	int load_rc, create_rc, bind_rc, wait_rc;
	json_t *pod; /* the one created */
	char *deleted, *config;
	const char *secret;		   /* the only one there is, JSON; NULL: none */
	struct cryo_str traffic;	   /* "put PATH CONTENT" and "rm PATH" lines */
	struct cryo_str loaded_into, puts; /* names of nodes */
	const char *only;		   /* the node that has the images; NULL: all */
	int rm_rc;
	int64_t limit;
	struct cryo_str images_calls; /* "ls" or "rm REF…" of each */
	unsigned pod_lists;
	const char *pods; /* JSON array of all, NULL: none */
} fake;

void cryo_kube_free(struct cryo_kube *k)
{
	(void)k;
}

int cryo_kube_create_get(struct cryo_kube *k, const json_t *object, const char *ns,
			 json_t **created, struct cryo_err *err)
{
	(void)k;
	(void)ns;
	json_decref(fake.pod);
	fake.pod = json_deep_copy(object);
	*created = json_pack("{s{ss}}", "metadata", "uid", POD_UID);
	cryo_str_add(&fake.traffic, "create\n");
	return fake.create_rc ? cryo_err_set(err, CRYO_E_REMOTE, "pod exists") : 0;
}

int cryo_kube_bind(struct cryo_kube *k, const char *ns, const char *pod, const char *to,
		   struct cryo_err *err)
{
	(void)k;
	cryo_str_addf(&fake.traffic, "bind %s/%s %s\n", ns, pod, to);
	return fake.bind_rc ? cryo_err_set(err, CRYO_E_REMOTE, "forbidden") : 0;
}

int cryo_kube_wait(struct cryo_kube *k, const struct cryo_kube_ref *ref, cryo_kube_test test,
		   void *arg, int64_t timeout_ms, json_t **last, struct cryo_err *err)
{
	(void)k;
	(void)ref;
	(void)test;
	(void)arg;
	fake.limit = timeout_ms;
	if (fake.wait_rc)
		return cryo_err_set(err, CRYO_E_TIMEOUT, "pod does not run");
	*last = json_pack("{s{ss}}", "spec", "nodeName", "n1");
	return 0;
}

int cryo_kube_test_pod_running(const json_t *object, void *arg, char **why, struct cryo_err *err)
{
	(void)object;
	(void)arg;
	(void)why;
	(void)err;
	return 1;
}

char *cryo_kube_events(struct cryo_kube *k, const char *ns, const char *kind, const char *name)
{
	(void)k;
	(void)ns;
	(void)kind;
	(void)name;
	return cryo_strdup("");
}

int cryo_kube_delete(struct cryo_kube *k, const struct cryo_kube_ref *ref, int grace_s,
		     int64_t wait_ms, struct cryo_err *err)
{
	(void)k;
	(void)grace_s;
	(void)wait_ms;
	(void)err;
	fake.deleted = cryo_asprintf("%s/%s", ref->ns, ref->name);
	return 0;
}

int cryo_kube_list(struct cryo_kube *k, const char *resource, const char *ns,
		   const char *label_selector, json_t **items, struct cryo_err *err)
{
	(void)k;
	(void)resource;
	(void)ns;
	(void)label_selector;
	(void)err;
	*items = fake.pods ? json_loads(fake.pods, 0, NULL) : json_array();
	fake.pod_lists++;
	return 0;
}

/* {ctr, --address, SOCKET, -n, k8s.io, images, VERB, …} */
static void note_images_call(const char *const *argv)
{
	bool list = strcmp(argv[6], "ls") == 0;

	cryo_str_add(&fake.images_calls, argv[6]);
	for (const char *const *a = argv + 7; !list && *a; a++)
		cryo_str_addf(&fake.images_calls, " %s", *a);
	cryo_str_add(&fake.images_calls, "; ");
}

int cryo_kube_get(struct cryo_kube *k, const struct cryo_kube_ref *ref, json_t **out,
		  struct cryo_err *err)
{
	(void)k;
	(void)ref;
	*out = NULL;
	return fake.secret ? cryo_json_parse("secret", fake.secret, strlen(fake.secret), out, err)
			   : 0;
}

static int fake_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	(void)t;
	(void)err;
	*out = (struct cryo_kube *)&fake; /* who is asked is not looked into */
	return 0;
}

static int fake_exec(struct cryo_cluster *t, const struct cryo_cluster_node *n,
		     const struct cryo_exec *p, struct cryo_proc_result *res, struct cryo_err *err)
{
	const char *last = NULL;
	bool import = false;

	(void)t;
	for (const char *const *a = p->argv; *a; a++) {
		import = import || strcmp(*a, "import") == 0;
		last = *a;
	}
	if (import)
		cryo_str_addf(&fake.loaded_into, "%s ", n->name);
	if (import && fake.load_rc)
		return cryo_err_set(err, CRYO_E_CHILD, "ctr failed");
	if (strcmp(p->argv[0], "rm") == 0 && fake.rm_rc)
		return cryo_err_set(err, CRYO_E_CHILD, "no way to the node");
	if (strcmp(p->argv[0], "rm") == 0 && !cryo_ends_with(last, ".tar"))
		cryo_str_addf(&fake.traffic, "rm %s\n", last);
	for (const char *const *a = p->argv; strcmp(p->argv[0], "find") == 0 && *a; a++)
		cryo_str_addf(&fake.traffic, "%s ", *a);
	if (strcmp(p->argv[0], "ctr") == 0 && !import)
		note_images_call(p->argv);
	if (strcmp(p->argv[0], "ctr") == 0 && !import && res &&
	    (!fake.only || !strcmp(fake.only, n->name)))
		cryo_str_add(&res->out, fake.images ? fake.images : IMAGES);
	return 0;
}

static int fake_get(struct cryo_cluster *t, const struct cryo_cluster_node *n, const char *from,
		    int to, struct cryo_err *err)
{
	(void)t;
	(void)n;
	(void)from;
	if (!fake.criu_log)
		return cryo_err_sys(err, ENOENT, "no log");
	return write(to, fake.criu_log, strlen(fake.criu_log)) < 0;
}

static int fake_put(struct cryo_cluster *t, const struct cryo_cluster_node *n, int from,
		    const char *to, struct cryo_err *err)
{
	char text[4096] = "";
	ssize_t len = pread(from, text, sizeof(text) - 1, 0);

	(void)t;
	(void)err;
	assert_true(len >= 0);
	cryo_str_addf(&fake.puts, "%s ", n->name);
	if (cryo_ends_with(to, ".tar")) {
		assert_true(len > 0);
		return 0;
	}
	cryo_str_addf(&fake.traffic, "put %s %s\n", to, text);
	free(fake.config);
	fake.config = cryo_strdup(to);
	return 0;
}

static const struct cryo_cluster_ops ops = {
	.kind = "fake", .kube = fake_kube, .exec = fake_exec, .get = fake_get, .put = fake_put
};
static struct cryo_cluster_node node[3];
static struct cryo_cluster target = { .ops = &ops, .name = (char *)"x", .node = node, .nodes = 1 };

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	if (scratch_setup(state) < 0)
		return -1;
	target.dir = scratch_dir;
	target.nodes = 1;
	core = NULL;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(node); i++) {
		node[i].name = cryo_asprintf("n%zu", i + 1);
		node[i].role = i ? CRYO_NODE_WORKER : CRYO_NODE_CONTROL_PLANE;
		cryo_node_paths_default(&node[i].path);
	}
	archive = scratch_path("a.tar");
	manifest = scratch_path("pod.yaml");
	return 0;
}

static int teardown(void **state)
{
	json_decref(fake.pod);
	free(fake.deleted);
	free(fake.config);
	cryo_str_release(&fake.traffic);
	cryo_str_release(&fake.loaded_into);
	cryo_str_release(&fake.puts);
	cryo_str_release(&fake.images_calls);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(node); i++)
		cryo_node_release(&node[i]);
	free(archive);
	free(manifest);
	return scratch_teardown(state);
}

/* As containerd writes it, with these bind mounts; status NULL: as containerd 2.0 did. */
static void put_archive_as(const char *seal, const char *mounts, const char *status)
{
	static const char config[] = "{\"rootfsImageName\":\"docker.io/library/counter:latest\"}";
	cryo_auto(cryo_fd_close) int fd = open(archive, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = cryo_tar_writer_new(fd);
	cryo_auto(cryo_free) char *spec = cryo_asprintf(
	    "{\"mounts\":[%s],\"annotations\":{\"io.kubernetes.cri.container-name\":\"main\","
	    "\"io.kubernetes.cri.sandbox-name\":\"p\","
	    "\"io.kubernetes.cri.sandbox-namespace\":\"work\"}}",
	    mounts);
	const char *const member[][2] = { { "checkpoint/inventory.img", "x" },
					  { "config.dump", config },
					  { "spec.dump", spec },
					  { status ? "status.dump" : NULL, status },
					  { seal ? "checkpoint/seal.cms" : NULL, seal } };
	struct cryo_err err = CRYO_ERR_INIT;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(member) && member[i][0]; i++)
		assert_int_equal(cryo_tar_add_data(w, member[i][0], 0600, member[i][1],
						   strlen(member[i][1]), &err),
				 0);
	if (core)
		assert_int_equal(
		    cryo_tar_add_data(w, "checkpoint/core-1.img", 0600, core, core_len, &err), 0);
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

static void put_archive(const char *mounts, const char *status)
{
	put_archive_as(NULL, mounts, status);
}

/* It says so of itself; who opens it looks closer. */
static void put_claiming_archive(void)
{
	put_archive_as("x", MOUNT(TOKEN), "{}");
}

static void add_file_of(struct cryo_tar_writer *w, const char *place, const char *name)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", place, name);
	cryo_auto(cryo_free) char *member = cryo_asprintf("checkpoint/%s", name);
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_tar_add_file(w, member, 0600, path, &err), 0);
}

static void put_image(const char *place, const char *name, const char *data, size_t n)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", place, name);
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_write(path, data, n, 0600, &err), 0);
}

/* The images of one process, `core` or one of root, sealed; beside them what is never sealed. */
static void put_sealed_archive(const char *cert_pem)
{
	cryo_auto(cryo_free) char *src = scratch_path("plain");
	cryo_auto(cryo_free) char *dst = scratch_path("sealed");
	cryo_auto(cryo_free) char *plain = scratch_path("beside.tar");
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;
	cryo_auto(cryo_fd_close) int fd = -1;
	cryo_auto(cryo_tar_writer_free) struct cryo_tar_writer *w = NULL;
	static const char *const beside[] = { "*.dump", NULL };
	struct cryo_seal_writer_opts o = { .threads = 1 };
	struct cryo_err err = CRYO_ERR_INIT;

	if (!core)
		SET_CORE(CORE ROOT);
	assert_int_equal(cryo_fs_mkdirs(src, 0700, &err), 0);
	put_image(src, "inventory.img", "x", 1);
	put_image(src, "pstree.img", PSTREE, sizeof(PSTREE) - 1);
	put_image(src, "core-1.img", core, core_len);
	assert_int_equal(cryo_seal_cert_parse("cert", cert_pem, strlen(cert_pem), CRYO_SEAL_ENCRYPT,
					      &cert, &err),
			 0);
	o.recipient = cert;
	if (cryo_seal_path(src, dst, &o, &err) < 0)
		fail_msg("%s", err.msg);
	put_archive_as(NULL, MOUNT(TOKEN), "{}");
	assert_int_equal(rename(archive, plain), 0);
	fd = open(archive, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	w = cryo_tar_writer_new(fd);
	assert_int_equal(cryo_tar_add_members(w, plain, beside, &err), 0);
	add_file_of(w, dst, "inventory.img");
	add_file_of(w, dst, "pstree.img");
	add_file_of(w, dst, "core-1.img");
	add_file_of(w, dst, "seal.cms");
	assert_int_equal(cryo_tar_finish(w, &err), 0);
}

static void put_manifest(const char *text)
{
	struct cryo_err err = CRYO_ERR_INIT;

	assert_int_equal(cryo_fs_write(manifest, text, strlen(text), 0600, &err), 0);
}

static const char *pod_text(const char *path)
{
	const char *text = cryo_json_str(fake.pod, path);

	return text ? text : "";
}

/* Images that older restores left go. What pages stay is told by a fresh list. */
static void images_of_older_restores(void **state)
{
#define OLD "localhost/checkpoint/main:000000000000 x sha256:0d 1 kB\n"
	struct cryo_restore_opts opts = { .archive = archive,
					  .pod = "q",
					  .restart_policy = "Always" };
	cryo_auto(cryo_free) char *again = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_restore r;

	(void)state;
	put_archive(MOUNT(TOKEN), "{}");
	fake.images = IMAGES OLD "sha256:1d x sha256:1 1 kB\nsha256:2d x sha256:0d 1 kB\n";
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), 0);
	assert_string_equal(cryo_str_get(&fake.images_calls),
			    "ls; ls; rm localhost/checkpoint/main:000000000000 sha256:2d; ");
	again = cryo_asprintf(IMAGES "%s x sha256:3 1 kB\n", r.images.v[0]);
	cryo_restore_release(&r);
	/* The same archive once more: nobody has to be asked for anything. */
	cryo_str_clear(&fake.images_calls);
	fake.images = again;
	fake.pod_lists = 0;
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), 0);
	cryo_restore_release(&r);
	assert_string_equal(cryo_str_get(&fake.images_calls), "ls; ");
	assert_int_equal(fake.pod_lists, 0);
	/* After a failure the node has one more than it had told. */
	cryo_str_clear(&fake.images_calls);
	fake.wait_rc = -CRYO_E_TIMEOUT;
	assert_true(cryo_restore_run(&target, &opts, &r, &err) < 0);
	assert_true(cryo_starts_with(cryo_str_get(&fake.images_calls), "ls; ls; rm "));
}

static void from_the_archive(void **state)
{
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q" };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_archive(MOUNT(TOKEN), "{}");
	if (cryo_restore_run(&target, &opts, &r, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(r.ns, "default"); /* the archive says "work" */
	assert_string_equal(r.pod, "q");
	assert_int_equal(r.containers.n, 1);
	assert_string_equal(r.containers.v[0], "main");
	assert_string_equal(r.node, "n1");
	assert_true(cryo_starts_with(r.images.v[0], "localhost/checkpoint/main:"));
	assert_string_equal(pod_text("metadata.name"), "q");
	assert_string_equal(pod_text("metadata.namespace"), "default");
	assert_string_equal(pod_text("spec.containers[0].image"), r.images.v[0]);
	assert_string_equal(pod_text("spec.containers[0].imagePullPolicy"), "Never");
	assert_true(cryo_json_bool(fake.pod, "spec.automountServiceAccountToken"));
	assert_string_equal(cryo_str_get(&fake.loaded_into), "n1 ");
	assert_string_equal(pod_text("spec.nodeName"), "n1");
	assert_int_equal(fake.limit, 60000);
	assert_null(fake.deleted);
	/* CRIU is told where to write its log by the file the annotation names */
	assert_string_equal(json_string_value(json_object_get(
				cryo_json_at(fake.pod, "metadata.annotations"), "org.criu.config")),
			    fake.config);
}

/* The text with every % replaced. Caller frees. */
static char *with_name(const char *text, const char *name)
{
	struct cryo_str out = { 0 };

	for (; *text; text++)
		cryo_str_addn(&out, *text == '%' ? name : text, *text == '%' ? strlen(name) : 1);
	return cryo_str_detach(&out);
}

static void make_pair(struct cryo_pki_pair *out)
{
	const struct cryo_pki_spec spec = { .cn = "x", .encrypt = true };
	struct cryo_err err;

	assert_int_equal(cryo_pki_self_signed(&spec, 0, out, &err), 0);
}

/* Caller frees. */
static char *tls_secret(const char *key, const char *cert)
{
	cryo_auto(cryo_free) char *k = cryo_base64(key, strlen(key));
	cryo_auto(cryo_free) char *c = cryo_base64(cert, strlen(cert));

	return cryo_asprintf("{\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.key\":\"%s\","
			     "\"tls.crt\":\"%s\"}}",
			     k, c);
}

/* The key of the Secret is on the node before the pod is created, and gone afterwards. */
static void with_a_key(void **state)
{
	static const char *const order[] = { "put %.key -----BEGIN PRIVATE KEY-----\n",
					     "put %.crt -----BEGIN CERTIFICATE-----\n",
					     "put %.log \n",
					     "put %.conf log-file %.log\nrequire-encryption\n\n",
					     "create\n",
					     "put %.call pod-uid " POD_UID "\n",
					     "require-encryption\n",
					     "tls-key %.key\n",
					     "tls-cert %.crt\n",
					     "bind default/q n1\n",
					     "put %.conf \n",
					     "rm %.log\n",
					     "rm %.call\n",
					     "rm %.key\n",
					     "rm %.crt\n" };
	cryo_auto(cryo_free) char *name = NULL, *locks = NULL, *secret = NULL;
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q", .key_secret = "enc" };
	struct cryo_err err = CRYO_ERR_INIT;
	const char *at;

	(void)state;
	make_pair(&pair);
	put_sealed_archive(pair.cert_pem);
	secret = tls_secret(pair.key_pem, pair.cert_pem);
	fake.secret = secret;
	if (cryo_restore_run(&target, &opts, &r, &err) < 0)
		fail_msg("%s", err.msg);
	name = cryo_strndup(fake.config, strlen(fake.config) - strlen(".conf"));
	assert_true(cryo_starts_with(name, "/run/cryopod/restore-"));
	assert_int_equal(strspn(name + strlen("/run/cryopod/restore-"), "0123456789abcdef"), 32);
	at = cryo_str_get(&fake.traffic);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(order); i++) {
		cryo_auto(cryo_free) char *line = with_name(order[i], name);

		at = strstr(at, line);
		if (!at)
			fail_msg("no '%s' in its place:\n%s", line, cryo_str_get(&fake.traffic));
	}
	/* Nobody has the pod before its key is bound to it. */
	assert_null(cryo_json_at(fake.pod, "spec.nodeName"));
	assert_string_equal(pod_text("spec.schedulerName"), "cryopod");
	locks = cryo_asprintf("%s/.key-n1.%s.lock", scratch_dir,
			      name + strlen("/run/cryopod/restore-"));
	assert_false(cryo_fs_exists(locks));
}

/* A pod that does not get its node is taken back, and the key with it. */
static void with_a_key_and_no_node(void **state)
{
	cryo_auto(cryo_free) char *secret = NULL;
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q", .key_secret = "enc" };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_restore r;

	(void)state;
	make_pair(&pair);
	put_sealed_archive(pair.cert_pem);
	secret = tls_secret(pair.key_pem, pair.cert_pem);
	fake.secret = secret;
	fake.bind_rc = 1;
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -CRYO_E_REMOTE);
	assert_non_null(strstr(err.msg, "pod 'q' to node 'n1': forbidden"));
	assert_string_equal(fake.deleted, "default/q");
	assert_non_null(strstr(cryo_str_get(&fake.traffic), ".call\nrm"));
	assert_non_null(strstr(cryo_str_get(&fake.traffic), ".key\nrm"));
}

/* A pod can name any file of its node to CRIU: no two restores, and nobody, can guess a name. */
static void names_are_not_guessed(void **state)
{
	cryo_auto(cryo_free) char *first = NULL, *second = NULL;
	struct cryo_err err;

	(void)state;
	assert_int_equal(cryo_nodefile_token(&first, &err), 0);
	assert_int_equal(cryo_nodefile_token(&second, &err), 0);
	assert_int_equal(strlen(first), 32);
	assert_string_not_equal(first, second);
}

/* Whoever makes pods could start what an image of a restore holds: it is there while it is needed.
 */
static void images_that_are_needed(void **state)
{
#define OURS "localhost/checkpoint/main:000000000000"
#define POD(policy, status)                                                                        \
	"[{\"spec\":{\"restartPolicy\":\"" policy                                                  \
	"\",\"containers\":[{\"name\":\"main\",\"image\":\"" OURS                                  \
	"\"}]},\"status\":{\"containerStatuses\":[" status "]}}]"
#define STATE(state) "{\"name\":\"main\",\"state\":{\"" state "\":{}}}"
	static const struct {
		const char *what, *pods;
		bool stays;
	} row[] = {
		{ "nobody has it", NULL, false },
		{ "it runs", POD("Never", STATE("running")), false },
		{ "it has ended", POD("Never", STATE("terminated")), false },
		{ "it is about to begin", POD("Never", STATE("waiting")), true },
		{ "nothing is known of it yet", POD("Never", ""), true },
		{ "it begins again", POD("Always", STATE("running")), true },
		{ "perhaps", POD("OnFailure", STATE("running")), true },
		{ "a sidecar begins again",
		  "[{\"spec\":{\"restartPolicy\":\"Never\",\"initContainers\":[{\"name\":\"main\","
		  "\"restartPolicy\":\"Always\",\"image\":\"" OURS "\"}]},\"status\":{"
		  "\"initContainerStatuses\":[" STATE("running") "]}}]",
		  true },
	};

	(void)state;
	put_archive(MOUNT(TOKEN), "{}");
	fake.images = IMAGES OURS " x sha256:3 1 kB\nsha256:2d x sha256:3 1 kB\n";
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
		struct cryo_restore_opts opts = { .archive = archive, .pod = "q" };
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %s\n", row[i].what);
		cryo_str_clear(&fake.images_calls);
		fake.pods = row[i].pods;
		assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), 0);
		assert_string_equal(cryo_str_get(&fake.images_calls),
				    row[i].stays ? "ls; ls; " : "ls; ls; rm " OURS " sha256:2d; ");
	}
	fake.pods = NULL;
}

/* What a killed call left is removed by the next one; what a running one has laid down stays. */
static void killed_calls(void **state)
{
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q" };
	cryo_auto(cryo_free) char *dead_key = scratch_path(".key-n1.0123.lock");
	cryo_auto(cryo_free) char *dead_call = scratch_path(".call-n1.abcd.lock");
	cryo_auto(cryo_free) char *held = scratch_path(".key-n1.4567.lock");
	static const char *const removed[] = {
		"rm /run/cryopod/restore-0123.call\n", "rm /run/cryopod/restore-0123.key\n",
		"rm /run/cryopod/restore-0123.crt\n",  "rm /run/cryopod/restore-0123.log\n",
		"rm /run/cryopod/calls/abcd\n",	       "rm /run/cryopod/calls/abcd.crt\n"
	};
	cryo_auto(cryo_fd_close) int fd = -1;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_archive(MOUNT(TOKEN), "{}");
	assert_int_equal(cryo_fs_write(dead_key, "1", 1, 0600, &err), 0);
	assert_int_equal(cryo_fs_write(dead_call, "1", 1, 0600, &err), 0);
	assert_int_equal(cryo_lock_take(held, 0, &fd, &err), 0);
	if (cryo_restore_run(&target, &opts, &r, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(removed); i++)
		if (!strstr(cryo_str_get(&fake.traffic), removed[i]))
			fail_msg("no '%s'", removed[i]);
	assert_null(strstr(cryo_str_get(&fake.traffic), "4567"));
	assert_false(cryo_fs_exists(dead_key) || cryo_fs_exists(dead_call));
	assert_true(cryo_fs_exists(held));
}

/* A node is swept of its own only, and what could not be removed is not forgotten. */
static void killed_calls_of_many_nodes(void **state)
{
	cryo_auto(cryo_free) char *own = scratch_path(".key-n1.0123.lock");
	cryo_auto(cryo_free) char *others = scratch_path(".key-n2.4567.lock");
	cryo_auto(cryo_free) char *alike = scratch_path(".key-n1.b.89ab.lock");
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	target.nodes = 3;
	assert_int_equal(cryo_fs_write(own, "1", 1, 0600, &err), 0);
	assert_int_equal(cryo_fs_write(others, "1", 1, 0600, &err), 0);
	assert_int_equal(cryo_fs_write(alike, "1", 1, 0600, &err), 0);
	fake.rm_rc = 1;
	cryo_sealing_sweep(&target, &node[0]);
	assert_true(cryo_fs_exists(own));
	fake.rm_rc = 0;
	cryo_sealing_sweep(&target, &node[0]);
	assert_false(cryo_fs_exists(own));
	assert_true(cryo_fs_exists(others) && cryo_fs_exists(alike));
	assert_null(strstr(cryo_str_get(&fake.traffic), "4567"));
	cryo_sealing_sweep(&target, &node[1]);
	assert_false(cryo_fs_exists(others));
}

/* Image, key and pod are on one node: the one that is asked for, the pod's, or one that can. */
static void which_node(void **state)
{
	static const struct {
		const char *wish, *source, *only, *want, *says;
	} row[] = {
		{ NULL, "n1", NULL, "n1", NULL },
		{ NULL, "n3", NULL, "n3", NULL },
		{ "n1", "n3", NULL, "n1", NULL },
		{ NULL, NULL, NULL, "n2", NULL }, /* a worker */
		{ NULL, NULL, "n3", "n3", NULL },
		{ NULL, NULL, "n1", "n1", NULL },
		{ NULL, "n9", NULL, NULL,
		  "cluster 'x' has no node 'n9' (valid values: n1, n2, n3)" },
		{ "n9", "n1", NULL, NULL, "has no node 'n9'" },
		{ NULL, "n2", "n3", NULL, "counter:latest' is not on node 'n2'" },
		{ NULL, NULL, "n9", NULL, "is on no node" },
	};

	(void)state;
	put_archive(MOUNT(TOKEN), "{}");
	target.nodes = 3;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
		cryo_auto(cryo_free) char *source =
		    cryo_asprintf("{\"spec\":{\"nodeName\":\"%s\",\"containers\":[{\"name\":"
				  "\"main\"}]}}",
				  row[i].source);
		struct cryo_restore_opts opts = { .archive = archive,
						  .pod = "q",
						  .node = row[i].wish,
						  .source = row[i].source ? source : NULL };
		struct cryo_err err = CRYO_ERR_INIT;
		int rc;

		print_message("# %zu\n", i);
		fake.only = row[i].only;
		cryo_str_clear(&fake.puts);
		json_decref(fake.pod);
		fake.pod = NULL;
		rc = cryo_restore_run(&target, &opts, &r, &err);
		assert_int_equal(rc == 0, row[i].want != NULL);
		if (rc < 0) {
			assert_non_null(strstr(err.msg, row[i].says));
			assert_int_equal(fake.puts.len, 0);
			continue;
		}
		assert_string_equal(pod_text("spec.nodeName"), row[i].want);
		assert_string_equal(r.node, row[i].want);
		for (const char *at = cryo_str_get(&fake.puts); *at; at += 3)
			assert_memory_equal(at, row[i].want, 2);
	}
}

/* It becomes part of a path, on the node and on this machine. */
static void no_container_id(void **state)
{
	static const char *const row[] = { "", "..", "0123", "../../../../etc/x",
					   "0123456789abcdef0123456789abcdef0123456789abcdef"
					   "0123456789abcde/" };
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	const struct cryo_pki_spec spec = { .cn = "x", .encrypt = true };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	assert_int_equal(cryo_pki_self_signed(&spec, 0, &pair, &err), 0);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_sealing_call call;

		assert_int_equal(cryo_sealing_call_begin(&target, node, row[i], pair.cert_pem,
							 strlen(pair.cert_pem), &call, &err),
				 -CRYO_E_REMOTE);
		assert_int_equal(fake.traffic.len, 0);
	}
}

/* In its own files a container can have anything that is called dump.log; and of two pods that fail
 * at once each gets its own. */
static void evidence_of_containers(void **state)
{
	struct cryo_err err = { .status = CRYO_E_REMOTE, .msg = "it failed" };

	(void)state;
	cryo_evidence_dump(&target, node, "0123abc", 0, &err);
	assert_non_null(strstr(cryo_str_get(&fake.traffic),
			       "( -name rootfs -o -name io.containerd.snapshotter.* ) -prune -o "
			       "-type f -path */0123abc/*dump.log "));
	cryo_str_clear(&fake.traffic);
	cryo_evidence_dump(&target, node, "", 0, &err);
	assert_string_equal(cryo_str_get(&fake.traffic), "");
}

#define TASK "/run/containerd/io.containerd.runtime.v2.task/k8s.io/f4"
static void evidence_that_is_named(void **state)
{
	static const struct {
		const char *text, *path;
	} row[] = {
		/* As it comes from containerd 2.3.7 through Kubernetes 1.37.2. */
		{ "checkpointing of default/r07/app failed (rpc error: code = Unknown desc = "
		  "checkpointing container \"f4\" failed: /usr/local/bin/runc did not terminate "
		  "successfully: exit status 1: criu failed: type DUMP errno 0 path= " TASK
		  "/criu-dump.log)",
		  TASK "/criu-dump.log" },
		{ "log file: " TASK "/work/dump.log: unknown", TASK "/work/dump.log" },
		{ "see its dump.log: path=" TASK "/dump.log", TASK "/dump.log" },
		{ "'/var/lib/containerd/io.containerd.grpc.v1.cri/containers/f4/dump.log'",
		  "/var/lib/containerd/io.containerd.grpc.v1.cri/containers/f4/dump.log" },
		{ "path= /etc/dump.log", NULL },
		{ "path= /run/containerd/../../etc/dump.log", NULL },
		{ "path= " TASK "/rootfs/tmp/dump.log", NULL },
		{ "path= /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/7/dump.log",
		  NULL },
		{ "see its dump.log", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *path = cryo_evidence_named_log(node, row[i].text);

		print_message("# %s\n", row[i].text);
		if (row[i].path)
			assert_string_equal(path, row[i].path);
		else
			assert_null(path);
	}
	/* Then nothing is searched for. */
	fake.criu_log = "Error (a.c:1): the line";
	{
		struct cryo_err err = { .status = CRYO_E_REMOTE, .msg = "path= " TASK "/dump.log" };

		cryo_evidence_dump(&target, node, "f4", 0, &err);
		assert_string_equal(err.msg,
				    "CRIU: Error (a.c:1): the line; path= " TASK "/dump.log");
		assert_string_equal(cryo_str_get(&fake.traffic), "");
	}
}

static void with_a_bad_secret(void **state)
{
	static const struct {
		const char *secret, *says;
	} row[] = { { NULL, "no secret 'enc' in namespace 'default'" },
		    { "{\"type\":\"Opaque\",\"data\":{}}", "not kubernetes.io/tls" },
		    { "{\"data\":{}}", "not kubernetes.io/tls" },
		    { "{\"type\":\"kubernetes.io/tls\"}", "has no 'tls.key'" },
		    { "{\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.key\":\"?\"}}",
		      "has no 'tls.key'" } };

	(void)state;
	put_claiming_archive();
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_restore_opts opts = { .archive = archive,
						  .pod = "q",
						  .key_secret = "enc" };
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_restore r;

		fake.secret = row[i].secret;
		assert_true(cryo_restore_run(&target, &opts, &r, &err) < 0);
		if (!strstr(err.msg, row[i].says))
			fail_msg("%s", err.msg);
		assert_null(fake.pod);
	}
}

static void key_refused(const struct cryo_restore_opts *opts, const char *says)
{
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_restore r;

	assert_int_equal(cryo_restore_run(&target, opts, &r, &err), -CRYO_E_CONFIG);
	print_message("# %s\n", err.msg);
	assert_non_null(strstr(err.msg, says));
	assert_null(strstr(err.msg, "/run/cryopod"));
	assert_null(fake.pod);
	assert_int_equal(fake.traffic.len, 0);
}

/* Who names a key does not want what somebody else put in the place of a sealed one. */
static void key_for_a_plain_one(void **state)
{
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	cryo_auto(cryo_free) char *secret = NULL;
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q", .key_secret = "enc" };
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_restore r;

	(void)state;
	put_archive(MOUNT(TOKEN), "{}");
	make_pair(&pair);
	secret = tls_secret(pair.key_pem, pair.cert_pem);
	fake.secret = secret;
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -CRYO_E_TAMPER);
	assert_non_null(strstr(err.msg, "the archive is not sealed"));
	assert_null(fake.pod);
	assert_int_equal(fake.traffic.len, 0);
}

/* What its images say that it may do, whatever its new pod says: nothing is created. */
static void more_than_its_pod(void **state)
{
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q" };
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	cryo_auto(cryo_restore_release) struct cryo_restore again = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	SET_CORE(CORE ADMIN);
	put_archive(MOUNT(TOKEN), "{}");
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "its process 1 has the capabilities SYS_ADMIN"));
	assert_null(fake.pod);
	assert_int_equal(fake.traffic.len + fake.loaded_into.len, 0);
	opts.allow_privileges = true;
	if (cryo_restore_run(&target, &opts, &r, &err) < 0)
		fail_msg("%s", err.msg);
	opts.allow_privileges = false;
	opts.manifest = manifest;
	put_manifest("kind: Pod\nspec: {containers: [{name: main, securityContext: {capabilities: "
		     "{add: [SYS_ADMIN]}}}]}\n");
	if (cryo_restore_run(&target, &opts, &again, &err) < 0)
		fail_msg("%s", err.msg);
}

/* The same where nobody reads them without the key; and where nobody has it, nobody knows. */
static void more_than_its_pod_sealed(void **state)
{
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 }, other = { 0 };
	cryo_auto(cryo_free) char *secret = NULL, *wrong = NULL;
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q", .key_secret = "enc" };
	struct cryo_restore r;
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	SET_CORE(CORE ADMIN);
	make_pair(&pair);
	make_pair(&other);
	put_sealed_archive(pair.cert_pem);
	secret = tls_secret(pair.key_pem, pair.cert_pem);
	wrong = tls_secret(other.key_pem, other.cert_pem);
	fake.secret = secret;
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "its process 1 has the capabilities SYS_ADMIN"));
	fake.secret = wrong;
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "key"));
	opts.key_secret = NULL;
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -CRYO_E_CONFIG);
	assert_non_null(strstr(err.msg, "so what its processes may do is not known"));
	assert_null(fake.pod);
	assert_int_equal(fake.traffic.len + fake.loaded_into.len, 0);
}

/* Named as the user named it, before anything of it is on the node. */
static void what_is_no_key(void **state)
{
	cryo_auto(cryo_free) char *garbage = scratch_path("garbage");
	cryo_auto(cryo_free) char *key = scratch_path("key");
	cryo_auto(cryo_free) char *no_key = NULL, *no_cert = NULL;
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	struct cryo_restore_opts file = { .archive = archive, .pod = "q", .key_file = garbage };
	struct cryo_restore_opts secret = { .archive = archive, .pod = "q", .key_secret = "enc" };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_claiming_archive();
	make_pair(&pair);
	assert_int_equal(cryo_fs_write(garbage, "what?\n", 6, 0600, &err), 0);
	assert_int_equal(cryo_fs_write(key, pair.key_pem, strlen(pair.key_pem), 0600, &err), 0);
	key_refused(&file, garbage);
	file.key_file = key;
	file.cert_file = garbage;
	key_refused(&file, garbage);
	no_key = tls_secret("what?", pair.cert_pem);
	fake.secret = no_key;
	key_refused(&secret, "tls.key of secret enc");
	no_cert = tls_secret(pair.key_pem, "what?");
	fake.secret = no_cert;
	key_refused(&secret, "tls.crt of secret enc");
	fake.secret = NULL;
}

/* From a manifest: only what must differ does. */
static void from_a_manifest(void **state)
{
	static const char *const text[] = {
		"kind: Namespace\nmetadata: {name: n}\n---\nkind: Pod\n"
		"metadata: {name: p, labels: {app: x}, annotations: {a: b}}\n"
		"spec:\n  volumes: [{name: v, emptyDir: {}}]\n"
		"  containers: [{name: side, image: s}, {name: main, image: m, "
		"volumeMounts: [{name: v, mountPath: /data}]}]\n",
		"kind: Pod\nspec: {containers: [{name: side, image: s}, {name: main, "
		"volumeMounts: [{name: v, mountPath: /data}]}]}\n",
		"kind: Pod\nmetadata:\n  annotations:\n"
		"spec: {containers: [{name: side, image: s}, {name: main, "
		"volumeMounts: [{name: v, mountPath: /data}]}]}\n",
	};

	(void)state;
	put_archive(MOUNT("/data"), "{}");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(text); i++) {
		cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
		struct cryo_restore_opts opts = { .archive = archive,
						  .pod = "q",
						  .ns = "own",
						  .manifest = manifest,
						  .timeout_ms = 5000 };
		struct cryo_err err = CRYO_ERR_INIT;

		print_message("# %zu\n", i);
		put_manifest(text[i]);
		if (cryo_restore_run(&target, &opts, &r, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(pod_text("metadata.name"), "q");
		assert_string_equal(pod_text("metadata.namespace"), "own");
		assert_string_equal(pod_text("spec.containers[0].image"), "s");
		assert_string_equal(pod_text("spec.containers[1].image"), r.images.v[0]);
		assert_int_equal(fake.limit, 5000);
		if (i == 0) {
			assert_string_equal(pod_text("metadata.labels.app"), "x");
			assert_string_equal(pod_text("metadata.annotations.a"), "b");
			assert_string_equal(pod_text("spec.volumes[0].name"), "v");
		}
		json_decref(fake.pod);
		fake.pod = NULL;
	}
}

/* From the pod as it was: without what the server and admission had added. */
static void from_the_source_pod(void **state)
{
	static const char source[] =
	    "{\"metadata\":{\"name\":\"p\",\"uid\":\"u\",\"labels\":{\"app\":\"x\"}},"
	    "\"spec\":{\"nodeName\":\"n1\",\"priority\":0,\"tolerations\":[],"
	    "\"serviceAccount\":\"default\",\"serviceAccountName\":\"default\","
	    "\"volumes\":[{\"name\":\"kube-api-access-x7k2p\"},{\"name\":\"data\"}],"
	    "\"containers\":[{\"name\":\"main\",\"image\":\"m\",\"volumeMounts\":["
	    "{\"name\":\"data\",\"mountPath\":\"/data\"},{\"name\":\"kube-api-access-x7k2p\","
	    "\"mountPath\":\"" TOKEN "\"}]}]},"
	    "\"status\":{\"phase\":\"Running\"}}";
	cryo_auto(cryo_restore_release) struct cryo_restore r = { 0 };
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q", .source = source };
	struct cryo_err err = CRYO_ERR_INIT;

	(void)state;
	put_archive(MOUNT("/data"), "{}");
	if (cryo_restore_run(&target, &opts, &r, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(pod_text("metadata.labels.app"), "x");
	assert_string_equal(pod_text("spec.serviceAccountName"), "default");
	assert_null(cryo_json_at(fake.pod, "metadata.uid"));
	assert_string_equal(pod_text("spec.nodeName"), "n1");
	assert_null(cryo_json_at(fake.pod, "spec.priority"));
	assert_null(cryo_json_at(fake.pod, "status"));
	assert_int_equal(json_array_size(cryo_json_at(fake.pod, "spec.volumes")), 1);
	assert_string_equal(pod_text("spec.containers[0].volumeMounts[0].name"), "data");
	assert_null(cryo_json_at(fake.pod, "spec.containers[0].volumeMounts[1]"));
}

/* Refused before anything is created. */
static void refused(void **state)
{
	static const struct {
		const char *name, *mounts, *status, *manifest, *source, *images;
		enum cryo_status rc;
		const char *says;
	} row[] = {
		{ "containerd 2.0", "", NULL, NULL, NULL, NULL, CRYO_E_CONFIG,
		  "no status.dump (it was made by containerd 2.0)" },
		{ "a volume", MOUNT("/data"), "{}", NULL, NULL, NULL, CRYO_E_USAGE,
		  "had a volume at '/data': give its manifest (-f FILE)" },
		{ "a volume less", MOUNT("/data"), "{}",
		  "kind: Pod\nspec: {containers: [{name: main}]}\n", NULL, NULL, CRYO_E_CONFIG,
		  "had a volume at '/data'" },
		{ "a volume more", "", "{}",
		  "kind: Pod\nspec: {containers: [{name: main, volumeMounts: [{mountPath: "
		  "/x}]}]}\n",
		  NULL, NULL, CRYO_E_CONFIG, "has a volume at '/x'" },
		{ "no base image", "", "{}", NULL, NULL, "", CRYO_E_CHECK,
		  "base image 'docker.io/library/counter:latest' is on no node" },
		{ "no pod in it", "", "{}", "kind: Service\n", NULL, NULL, CRYO_E_CONFIG,
		  "contains neither a Pod nor" },
		{ "empty manifest", "", "{}", "", NULL, NULL, CRYO_E_CONFIG,
		  "contains neither a Pod nor" },
		{ "no YAML", "", "{}", "kind: {\n", NULL, NULL, CRYO_E_CONFIG, "pod.yaml:" },
		{ "another container", "", "{}", "kind: Pod\nspec: {containers: [{name: x}]}\n",
		  NULL, NULL, CRYO_E_CONFIG, "has no container 'main'" },
		{ "no containers", "", "{}", "kind: Pod\nspec: 5\n", NULL, NULL, CRYO_E_CONFIG,
		  "contains neither a Pod nor" },
		{ "a list for a pod", "", "{}", "[kind, Pod]\n", NULL, NULL, CRYO_E_CONFIG,
		  "contains neither a Pod nor" },
		{ "damaged source", "", "{}", NULL, "{", NULL, CRYO_E_CONFIG, "source pod" },
		{ "source without spec", "", "{}", NULL, "{}", NULL, CRYO_E_CONFIG, "" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct cryo_restore_opts opts = { .archive = archive,
						  .pod = "q",
						  .manifest = row[i].manifest ? manifest : NULL,
						  .source = row[i].source };
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_restore r;

		print_message("# %s\n", row[i].name);
		put_archive(row[i].mounts, row[i].status);
		if (row[i].manifest)
			put_manifest(row[i].manifest);
		fake.images = row[i].images;
		assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -(int)row[i].rc);
		if (!strstr(err.msg, row[i].says))
			fail_msg("%s", err.msg);
		assert_true(cryo_starts_with(err.msg, "restore of '"));
		assert_null(fake.pod);
		assert_null(r.pod);
	}
}

/* Whoever looks into it can read it, but containerd would find no tar in the layer. */
static void compressed(void **state)
{
	cryo_auto(cryo_free) char *packed = cryo_asprintf("%s.gz", archive);
	const char *const argv[] = { "gzip", "-f", archive, NULL };
	struct cryo_restore_opts opts = { .archive = packed, .pod = "q" };
	struct cryo_proc p = CRYO_PROC_INIT;
	struct cryo_err err = CRYO_ERR_INIT;
	struct cryo_restore r;

	(void)state;
	put_archive("", "{}");
	p.argv = argv;
	assert_int_equal(cryo_proc_run(&p, NULL, &err), 0);
	assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -CRYO_E_CONFIG);
	assert_true(cryo_ends_with(err.msg, "the archive is compressed: decompress it first"));
	assert_null(fake.pod);
	unlink(packed);
}

/* Half-way: the pod is taken back, CRIU's decisive line is told, no scratch files are left. */
static void failures(void **state)
{
	static const struct {
		const char *name;
		int load_rc, create_rc, wait_rc;
		const char *criu_log;
		enum cryo_status rc;
		const char *says;
		bool deleted;
	} row[] = {
		{ "import", 1, 0, 0, NULL, CRYO_E_CHILD, "ctr failed", false },
		{ "create", 0, 1, 0, NULL, CRYO_E_REMOTE, "pod exists", false },
		{ "wait", 0, 0, 1, NULL, CRYO_E_TIMEOUT, "pod does not run", true },
		{ "criu", 0, 0, 1, "(00.1) Error (criu/x.c:1): send_fds failed (-22)\n",
		  CRYO_E_TIMEOUT,
		  "CRIU cannot dump io_uring: CRIU: Error (criu/x.c:1): send_fds failed (-22); pod "
		  "does not run",
		  true },
	};
	struct cryo_restore_opts opts = { .archive = archive, .pod = "q" };

	(void)state;
	put_archive("", "{}");
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *lock = NULL;
		struct cryo_err err = CRYO_ERR_INIT;
		struct cryo_restore r;

		print_message("# %s\n", row[i].name);
		fake.load_rc = row[i].load_rc;
		fake.create_rc = row[i].create_rc;
		fake.wait_rc = row[i].wait_rc;
		fake.criu_log = row[i].criu_log;
		assert_int_equal(cryo_restore_run(&target, &opts, &r, &err), -(int)row[i].rc);
		if (!strstr(err.msg, row[i].says))
			fail_msg("%s", err.msg);
		assert_int_equal(fake.deleted != NULL, row[i].deleted);
		if (fake.deleted)
			assert_string_equal(fake.deleted, "default/q");
		free(fake.deleted);
		fake.deleted = NULL;
		json_decref(fake.pod);
		fake.pod = NULL;
		assert_int_equal(unlink(archive), 0);
		lock = scratch_path(".images.lock");
		unlink(lock);
		assert_int_equal(rmdir(scratch_dir), 0); /* nothing else was in it */
		assert_int_equal(cryo_fs_mkdirs(scratch_dir, 0700, &err), 0);
		put_archive("", "{}");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(from_the_archive, setup, teardown),
		cmocka_unit_test_setup_teardown(images_of_older_restores, setup, teardown),
		cmocka_unit_test_setup_teardown(images_that_are_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(with_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(with_a_key_and_no_node, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_not_guessed, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_calls_of_many_nodes, setup, teardown),
		cmocka_unit_test_setup_teardown(which_node, setup, teardown),
		cmocka_unit_test_setup_teardown(no_container_id, setup, teardown),
		cmocka_unit_test_setup_teardown(evidence_of_containers, setup, teardown),
		cmocka_unit_test_setup_teardown(evidence_that_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(with_a_bad_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(key_for_a_plain_one, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_its_pod, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_its_pod_sealed, setup, teardown),
		cmocka_unit_test_setup_teardown(from_a_manifest, setup, teardown),
		cmocka_unit_test_setup_teardown(from_the_source_pod, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(compressed, setup, teardown),
		cmocka_unit_test_setup_teardown(failures, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
