/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/systemd.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "rke2/digest.h"
#include "rke2/node.h"
#include "sys/fs.h"
#include "sys/intr.h"
#include "sys/proc.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS	 15000
#define PAUSE_MS 1000
#define MAX_TAIL (1u << 20)

static bool unit_is_active(void *arg, const char *unit)
{
	const char *const argv[] = { "systemctl", "is-active", "--quiet", unit, NULL };
	struct cryo_proc p = { .argv = argv, .timeout_ms = ASK_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;

	(void)arg;
	return cryo_proc_run(&p, NULL, &ignored) == 0;
}

static int restart_service(void *arg, const char *unit, struct cryo_err *err)
{
	const struct cryo_rke2_limits *l = arg;
	const char *const argv[] = { "systemctl", "restart", unit, NULL };
	struct cryo_proc p = { .argv = argv, .timeout_ms = l->restart_ms };

	cryo_step_note("restart of %s", unit);
	return cryo_err_wrap(err, cryo_proc_run(&p, NULL, err), "restart of '%s'", unit);
}

/* "" when all is well, else what is missing. */
static void check_processes(const struct cryo_rke2_node *n, const json_t *plan, bool ours,
			    struct cryo_str *why)
{
	static const char *const wanted[] = { "containerd", "kubelet" };
	json_t *product;
	size_t at;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(wanted); i++) {
		const char *want = NULL;
		char now[CRYO_HASH_HEX] = "";

		json_array_foreach(json_object_get(plan, "products"), at, product)
			if (cryo_streq(cryo_json_str(product, "name"), wanted[i]))
				want = cryo_json_str(product, "sha256");
		for (size_t k = 0; k < n->n_processes; k++) {
			cryo_auto(cryo_free) char *exe =
			    cryo_asprintf("%s/proc/%d/exe", n->root, (int)n->process[k].pid);
			struct cryo_err ignored = CRYO_ERR_INIT;

			if (strcmp(n->process[k].name, wanted[i]) == 0)
				cryo_rke2_digest(exe, now, &ignored);
		}
		if (!*now)
			cryo_str_addf(why, "%s is not running", wanted[i]);
		else if (want && ours != (strcmp(now, want) == 0))
			cryo_str_addf(why, "the running %s is %s", wanted[i],
				      ours ? "not ours" : "still ours");
		if (why->len)
			return;
	}
}

static int ask_kubectl(const struct cryo_rke2_node *n, const char *config, const char *const *words,
		       char **out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };

	cryo_strv_addf(&argv, "%s/bin/kubectl", n->data_dir);
	cryo_strv_addl(&argv, "--kubeconfig", config, "--request-timeout=5s", NULL);
	cryo_strv_addv(&argv, words);
	return cryo_proc_output(cryo_strv_get(&argv), ASK_MS, out, err);
}

static void check_api(const struct cryo_rke2_node *n, struct cryo_str *why)
{
	bool server = n->role[0] == 's';
	cryo_auto(cryo_free) char *config =
	    server ? cryo_asprintf("%s/etc/rancher/rke2/rke2.yaml", n->root)
		   : cryo_asprintf("%s/agent/kubelet.kubeconfig", n->data_dir);
	const char *const readyz[] = { "get", "--raw=/readyz", NULL };
	const char *const node[] = { "get",
				     "node",
				     n->name,
				     "-o",
				     "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}",
				     NULL };
	cryo_auto(cryo_free) char *text = NULL, *state = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	if (!cryo_fs_exists(config))
		return;
	if (server && ask_kubectl(n, config, readyz, &text, &err) < 0)
		cryo_str_addf(why, "the API server does not answer: %s", err.msg);
	else if (ask_kubectl(n, config, node, &state, &err) < 0)
		cryo_str_addf(why, "cannot query node '%s': %s", n->name, err.msg);
	else if (strcmp(state, "True") != 0)
		cryo_str_addf(why, "node '%s' is not Ready", n->name);
}

static void check_node(const char *root, const json_t *plan, bool ours, struct cryo_str *why)
{
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_str_clear(why);
	if (cryo_rke2_node_look(root, &n, &err) < 0) {
		cryo_str_add(why, err.msg);
		return;
	}
	check_processes(&n, plan, ours, why);
	if (why->len == 0)
		check_api(&n, why);
}

static int wait_for_node(void *arg, const json_t *plan, bool ours, struct cryo_err *err)
{
	const struct cryo_rke2_limits *l = arg;
	int64_t until = cryo_now_ms() + l->ready_ms;
	cryo_auto(cryo_str_release) struct cryo_str why = { 0 };
	int rc;

	for (;;) {
		check_node(l->root, plan, ours, &why);
		if (why.len == 0)
			return 0;
		if (cryo_now_ms() >= until)
			return cryo_err_set(err, CRYO_E_TIMEOUT,
					    "the node did not become ready in time: %s",
					    cryo_str_get(&why));
		cryo_step_note("%s", cryo_str_get(&why));
		rc = cryo_intr_sleep(PAUSE_MS, err);
		if (rc < 0)
			return rc;
	}
}

/* The end of a log, under the last two parts of its path. */
static void copy_tail(const char *path, const char *dir)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%s", dir, strrchr(path, '/') + 1);
	struct cryo_err ignored = CRYO_ERR_INIT;
	size_t skip;

	if (cryo_fs_read_regular(path, 256u << 20, &text, &ignored) < 0)
		return;
	skip = text.len > MAX_TAIL ? text.len - MAX_TAIL : 0;
	cryo_fs_write(to, cryo_str_get(&text) + skip, text.len - skip, 0600, &ignored);
}

static void copy_pod_logs(const char *root, const char *dir)
{
	cryo_auto(cryo_free) char *pattern = cryo_asprintf(
	    "%s/var/log/pods/kube-system_kube-apiserver-*/kube-apiserver/*.log", root);
	glob_t g = { 0 };

	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++)
			copy_tail(g.gl_pathv[i], dir);
	globfree(&g);
}

static void collect_node_logs(void *arg, const json_t *plan, const char *dir)
{
	const struct cryo_rke2_limits *l = arg;
	const char *data = cryo_json_str(plan, "node.dataDir");
	const char *const argv[] = { "journalctl", "--no-pager", "-n",
				     "5000",	   "-u",	 cryo_json_str(plan, "node.unit"),
				     NULL };
	cryo_auto(cryo_free) char *kubelet = cryo_asprintf("%s/agent/logs/kubelet.log", data);
	cryo_auto(cryo_free) char *containerd =
	    cryo_asprintf("%s/agent/containerd/containerd.log", data);
	cryo_auto(cryo_free) char *unit = cryo_asprintf("%s/journal.log", dir);
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_proc_output(argv, ASK_MS, &text, &ignored) == 0)
		cryo_fs_write(unit, text, strlen(text), 0600, &ignored);
	copy_tail(kubelet, dir);
	copy_tail(containerd, dir);
	copy_pod_logs(l->root, dir);
}

void cryo_rke2_systemd(struct cryo_rke2_limits *limits, struct cryo_rke2_service *out)
{
	*out = (struct cryo_rke2_service){ unit_is_active, restart_service, wait_for_node,
					   collect_node_logs, limits };
}
