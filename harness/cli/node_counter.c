/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counter on the node itself: a pod counts, its container is checkpointed through the API
 * server, the pod is deleted and restored from an image of the checkpoint; the logs tell whether
 * the same process went on. Nothing of it stays.
 */
#include "cli/node_cmd.h"

#include "base/clock.h"
#include "conf/json.h"
#include "image/oci.h"
#include "image/tar.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/proc.h"
#include "verify/continuity.h"

#include <string.h>
#include <unistd.h>

#define COUNTER	   "cryopod-libs/counter" /* below bin/ */
#define IMAGE	   "docker.io/library/cryopod-verify:latest"
#define RESTORED   "localhost/checkpoint/cryopod-verify:latest"
#define CONTAINER  "counter"
#define ANNOTATION "org.criu.checkpoint.container.name=" CONTAINER
#define SOCKET	   "/run/k3s/containerd/containerd.sock"
#define ASK_MS	   30000
#define READY_MS   120000
#define COUNT_MS   30000
#define PAUSE_MS   200
#define ENOUGH	   5 /* values before the checkpoint, and after the restore */
#define MAX_LOG	   (4u << 20)

static const char *const pod_names[] = { "cryopod-verify", "cryopod-verify-restored" };

struct counter_run {
	const struct cryo_rke2_node *node;
	const char *kubeconfig;
	char *dir;     /* of our own, for images */
	char *archive; /* of the checkpoint */
	char *before, *copy, *restored;
};

static int run_kubectl_words(const struct counter_run *c, const char *const *words,
			     const char *input, char **out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_proc p = { .input = input,
			       .timeout_ms = cryo_limit_ms(READY_MS + ASK_MS),
			       .capture_max = MAX_LOG };
	int rc;

	cryo_strv_addf(&argv, "%s/bin/kubectl", c->node->data_dir);
	cryo_strv_addl(&argv, "--kubeconfig", c->kubeconfig, "--namespace", "default", NULL);
	cryo_strv_addv(&argv, words);
	p.argv = cryo_strv_get(&argv);
	rc = cryo_proc_run(&p, &res, err);
	if (rc == 0 && out)
		*out = cryo_str_detach(&res.out);
	return rc;
}
#define KUBECTL(c, input, out, err, ...)                                                           \
	run_kubectl_words(c, (const char *const[]){ __VA_ARGS__, NULL }, input, out, err)

static int run_ctr(const struct counter_run *c, const char *verb, const char *what,
		   struct cryo_err *err)
{
	cryo_auto(cryo_free) char *ctr = cryo_asprintf("%s/bin/ctr", c->node->data_dir);
	const char *const argv[] = { ctr,      "--address", SOCKET, "--namespace", "k8s.io",
				     "images", verb,	    what,   NULL };
	struct cryo_proc p = { .argv = argv, .timeout_ms = cryo_limit_ms(ASK_MS) };

	return cryo_proc_run(&p, NULL, err);
}

static int import_image(const struct counter_run *c, struct cryo_oci_image *image,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/image.tar", c->dir);
	int rc = cryo_oci_write(image, path, err);

	if (rc == 0)
		rc = run_ctr(c, "import", path, err);
	unlink(path);
	return rc;
}

static int import_counter(struct counter_run *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *program = cryo_asprintf("%s/bin/" COUNTER, c->node->data_dir);
	const struct cryo_oci_file file = { "counter", program, 0755 };
	const char *const entry[] = { "/counter", NULL };
	struct cryo_oci_image image = {
		.ref = IMAGE, .entrypoint = entry, .file = &file, .n_files = 1
	};

	if (access(program, X_OK) < 0)
		return cryo_err_set(err, CRYO_E_CHECK, "there is no '%s'", program);
	return import_image(c, &image, err);
}

/* Why a pod is not ready, as its events say. */
static char *ask_why(const struct counter_run *c, const char *pod)
{
	cryo_auto(cryo_free) char *about = cryo_asprintf("involvedObject.name=%s", pod);
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *text = NULL;

	if (KUBECTL(c, NULL, &text, &ignored, "get", "events", "--field-selector", about, "-o",
		    "jsonpath={range .items[?(@.type==\"Warning\")]}{.message}; {end}") < 0 ||
	    !*text) {
		cryo_freep(&text);
		text = cryo_strdup("no event explains why");
	}
	return text;
}

static int wait_for_pod(const struct counter_run *c, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *what = cryo_asprintf("pod/%s", name);
	cryo_auto(cryo_free) char *why = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (KUBECTL(c, NULL, NULL, &ignored, "wait", "--for=condition=Ready", "--timeout=60s",
		    what) == 0)
		return 0;
	why = ask_why(c, name);
	return cryo_err_set(err, CRYO_E_CHECK, "'%s' is not ready: %.400s", name, why);
}

static int create_pod(const struct counter_run *c, const char *name, const char *image,
		      struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_json_decref) json_t *pod = json_pack(
	    "{ss ss s{ss} s{ss ss si sb s[{ss}] s[{ss ss ss s[ss]}]}}", "apiVersion", "v1", "kind",
	    "Pod", "metadata", "name", name, "spec", "nodeName", c->node->name, "restartPolicy",
	    "Never", "terminationGracePeriodSeconds", 1, "automountServiceAccountToken", 0,
	    "tolerations", "operator", "Exists", "containers", "name", CONTAINER, "image", image,
	    "imagePullPolicy", "Never", "args", "--interval", "200ms");
	int rc;

	cryo_json_dump(pod, &text);
	rc = KUBECTL(c, cryo_str_get(&text), NULL, err, "create", "-f", "-");
	return rc < 0 ? rc : wait_for_pod(c, name, err);
}

/* Until it has printed that many lines; *out is replaced. */
static int wait_for_counts(const struct counter_run *c, const char *pod, size_t lines, char **out,
			   struct cryo_err *err)
{
	int64_t until = cryo_now_ms() + cryo_limit_ms(COUNT_MS);
	int rc;

	for (;;) {
		size_t n = 0;

		cryo_freep(out);
		*out = NULL;
		rc = KUBECTL(c, NULL, out, err, "logs", "--timestamps", pod);
		for (const char *at = rc == 0 ? *out : NULL; at && (at = strchr(at, '\n')); at++)
			n++;
		if (rc < 0 || n >= lines)
			return rc;
		if (cryo_now_ms() >= until)
			return cryo_err_set(err, CRYO_E_TIMEOUT, "'%s' printed %zu of %zu lines",
					    pod, n, lines);
		rc = cryo_intr_sleep(PAUSE_MS, err);
		if (rc < 0)
			return rc;
	}
}

/* {"items":["/var/lib/kubelet/checkpoints/checkpoint-….tar"]}; it is a file of this node. */
static int take_checkpoint(struct counter_run *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf(
	    "/api/v1/nodes/%s/proxy/checkpoint/default/%s/" CONTAINER, c->node->name, pod_names[0]);
	cryo_auto(cryo_free) char *answer = NULL;
	cryo_auto(cryo_json_decref) json_t *items = NULL;
	const char *archive;
	int rc = KUBECTL(c, "{}", &answer, err, "create", "--raw", path, "-f", "-");

	if (rc == 0)
		rc = cryo_json_parse("answer of the kubelet", answer, strlen(answer), &items, err);
	if (rc < 0)
		return rc;
	archive = cryo_json_str(items, "items[0]");
	if (!archive || archive[0] != '/' || strstr(archive, "/../") || cryo_fs_size(archive) < 0)
		return cryo_err_set(err, CRYO_E_CHECK, "the kubelet named no archive: %.200s",
				    answer);
	c->archive = cryo_strdup(archive);
	return 0;
}

static int take_log(struct cryo_tar_reader *r, const struct cryo_tar_entry *e, void *arg,
		    struct cryo_err *err)
{
	struct counter_run *c = arg;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	if (strcmp(e->name, "container.log") != 0)
		return 0;
	if (e->size > MAX_LOG)
		return cryo_err_set(err, CRYO_E_CONFIG, "'container.log' is too large");
	cryo_tar_read_all(r, &text);
	c->copy = cryo_strdup(cryo_str_get(&text));
	return 1;
}

static int restore_counter(struct counter_run *c, struct cryo_err *err)
{
	const char *const annotations[] = { ANNOTATION, NULL };
	struct cryo_oci_image image = { .ref = RESTORED,
					.layer_path = c->archive,
					.annotations = annotations };
	int rc = import_image(c, &image, err);

	return rc < 0 ? rc : create_pod(c, pod_names[1], RESTORED, err);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static int judge_counter(const struct counter_run *c, char **verdict, struct cryo_err *err)
{
	const struct cryo_continuity_logs logs = {
		.before = c->before, .copy = c->copy, .restored = c->restored, .source = ""
	};
	struct cryo_continuity v = { 0 };

	cryo_continuity_judge(&logs, &v);
	if (v.reason != CRYO_CONTINUITY_OK)
		return cryo_err_set(err, CRYO_E_CHECK, "%s", v.text);
	*verdict = cryo_strdup(v.text);
	return 0;
}

static int prove_continuity(struct counter_run *c, char **verdict, struct cryo_err *err)
{
	int rc = import_counter(c, err);

	if (rc == 0)
		rc = create_pod(c, pod_names[0], IMAGE, err);
	if (rc == 0)
		rc = wait_for_counts(c, pod_names[0], ENOUGH, &c->before, err);
	if (rc == 0)
		rc = cryo_err_wrap(err, take_checkpoint(c, err), "checkpoint");
	if (rc == 0)
		rc = cryo_tar_walk(c->archive, take_log, c, err);
	if (rc == 0 && !c->copy)
		rc = cryo_err_set(err, CRYO_E_CHECK, "no 'container.log' in '%s'", c->archive);
	if (rc == 0)
		rc = KUBECTL(c, NULL, NULL, err, "delete", "pod", "--now", pod_names[0]);
	if (rc == 0)
		rc = cryo_err_wrap(err, restore_counter(c, err), "restore");
	if (rc == 0)
		rc = wait_for_counts(c, pod_names[1], count_lines(c->copy) + ENOUGH, &c->restored,
				     err);
	return rc < 0 ? rc : judge_counter(c, verdict, err);
}

/* Also what an earlier run, killed, has left. */
static int clear_counter(struct counter_run *c, struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = KUBECTL(c, NULL, NULL, err, "delete", "pod", "--now", "--ignore-not-found",
			 pod_names[0], pod_names[1]);

	run_ctr(c, "rm", IMAGE, &ignored);
	run_ctr(c, "rm", RESTORED, &ignored);
	if (c->archive)
		unlink(c->archive);
	return rc;
}

int node_counter_verify(char **verdict, struct cryo_err *err)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	struct counter_run c = { .node = &n, .kubeconfig = "/etc/rancher/rke2/rke2.yaml" };
	cryo_auto(cryo_free) char *parent = cryo_rke2_state_dir();
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *const *const owned[] = { &c.dir, &c.archive, &c.before, &c.copy, &c.restored };
	int rc = cryo_rke2_node_look("", &n, err);

	if (rc < 0)
		return rc;
	if (n.role[0] != 's')
		return 1;
	rc = cryo_fs_tmpdir(parent, "verify-", &c.dir, err);
	if (rc == 0)
		rc = clear_counter(&c, err);
	if (rc == 0)
		rc = prove_continuity(&c, verdict, err);
	cryo_intr_hold();
	clear_counter(&c, &ignored);
	cryo_intr_release();
	if (c.dir)
		cryo_fs_rmtree(c.dir, &ignored);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(owned); i++)
		cryo_freep((void *)owned[i]);
	return rc;
}
