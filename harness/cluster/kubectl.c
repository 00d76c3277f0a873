/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/kubectl.h"

#include "net/http.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <stdlib.h>
#include <string.h>

/* A login plugin may ask its user something first. */
#define START_MS 60000
#define ASK_MS	 60000

struct kubectl_target {
	struct cryo_cluster base;
	const struct cryo_kubectl *k;
	char *dir, *socket;
	struct cryo_strv argv;
	struct cryo_proc proc;
	struct cryo_child *child;
	bool serves;
};

void cryo_kubectl_argv(const struct cryo_kubectl *k, struct cryo_strv *argv)
{
	cryo_strv_add(argv, k->program ? k->program : "kubectl");
	if (k->kubeconfig)
		cryo_strv_addf(argv, "--kubeconfig=%s", k->kubeconfig);
	if (k->context)
		cryo_strv_addf(argv, "--context=%s", k->context);
}

int cryo_kubectl_namespace(const struct cryo_kubectl *k, char **ns, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	char *text = NULL;
	int rc;

	cryo_kubectl_argv(k, &argv);
	cryo_strv_addl(&argv, "config", "view", "--minify", "--output=jsonpath={..namespace}",
		       NULL);
	rc = cryo_proc_output(cryo_strv_get(&argv), ASK_MS, &text, err);
	if (rc < 0)
		return rc;
	*ns = *text ? text : cryo_strdup("default");
	if (!*text)
		free(text);
	return 0;
}

static void kubectl_on_line(const char *line, int stream, void *arg)
{
	struct kubectl_target *t = arg;

	t->serves = t->serves || (stream == 1 && cryo_starts_with(line, "Starting to serve"));
}

static int start_kubectl_proxy(struct kubectl_target *t, struct cryo_err *err)
{
	int rc = cryo_fs_tmpdir("/tmp", "cryopod-kubectl-", &t->dir, err);

	if (rc < 0)
		return rc;
	t->socket = cryo_asprintf("%s/socket", t->dir);
	cryo_kubectl_argv(t->k, &t->argv);
	cryo_strv_add(&t->argv, "proxy");
	cryo_strv_addf(&t->argv, "--unix-socket=%s", t->socket);
	t->proc.argv = cryo_strv_get(&t->argv);
	t->proc.on_line = kubectl_on_line;
	t->proc.on_line_arg = t;
	rc = cryo_child_start(&t->proc, &t->child, err);
	return rc < 0 ? rc : cryo_child_await(t->child, &t->serves, START_MS, err);
}

static int open_kubectl_kube(struct cryo_cluster *base, struct cryo_kube **out,
			     struct cryo_err *err)
{
	struct kubectl_target *t = (struct kubectl_target *)base;
	struct cryo_http_opts opts = { .base_url = "http://localhost",
				       .netns_fd = -1,
				       .direct = true };
	int rc = t->serves ? 0 : start_kubectl_proxy(t, err);

	if (rc < 0)
		return rc;
	opts.unix_path = t->socket;
	*out = cryo_kube_new(&opts);
	return 0;
}

static void free_kubectl_cluster(struct cryo_cluster *base)
{
	struct kubectl_target *t = (struct kubectl_target *)base;
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_child_end(t->child);
	if (t->dir)
		cryo_fs_rmtree(t->dir, &ignored);
	cryo_strv_release(&t->argv);
	free(t->dir);
	free(t->socket);
	free(t);
}

void cryo_cluster_kubectl(const struct cryo_kubectl *k, struct cryo_cluster **out)
{
	static const struct cryo_cluster_ops ops = { .kind = "kubectl",
						     .kube = open_kubectl_kube,
						     .free = free_kubectl_cluster };
	struct kubectl_target *t = cryo_alloc(sizeof(*t));

	t->base.ops = &ops;
	t->k = k;
	*out = &t->base;
}
