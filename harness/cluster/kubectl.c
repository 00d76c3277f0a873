/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/kubectl.h"

#include "net/http.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

/* A login plugin may ask its user something first. */
#define START_MS 60000
#define ASK_MS	 60000

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

int cryo_kubectl_context(const struct cryo_kubectl *k, char **context, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };

	cryo_kubectl_argv(k, &argv);
	cryo_strv_addl(&argv, "config", "current-context", NULL);
	return cryo_proc_output(cryo_strv_get(&argv), ASK_MS, context, err);
}

static void proxy_on_line(const char *line, int stream, void *arg)
{
	struct cryo_kubectl_proxy *p = arg;

	p->serves = p->serves || (stream == 1 && cryo_starts_with(line, "Starting to serve"));
}

static int start_kubectl_proxy(struct cryo_kubectl_proxy *p, const struct cryo_kubectl *k,
			       struct cryo_err *err)
{
	int rc = cryo_fs_tmpdir("/tmp", "cryopod-kubectl-", &p->dir, err);

	if (rc < 0)
		return rc;
	p->socket = cryo_asprintf("%s/socket", p->dir);
	cryo_kubectl_argv(k, &p->argv);
	cryo_strv_add(&p->argv, "proxy");
	cryo_strv_addf(&p->argv, "--unix-socket=%s", p->socket);
	p->proc.argv = cryo_strv_get(&p->argv);
	p->proc.on_line = proxy_on_line;
	p->proc.on_line_arg = p;
	rc = cryo_child_start(&p->proc, &p->child, err);
	return rc < 0 ? rc : cryo_child_await(p->child, &p->serves, START_MS, err);
}

int cryo_kubectl_client(struct cryo_kubectl_proxy *p, const struct cryo_kubectl *k,
			struct cryo_kube **out, struct cryo_err *err)
{
	struct cryo_http_opts opts = { .base_url = "http://localhost",
				       .netns_fd = -1,
				       .direct = true };
	int rc;

	if (!p->serves)
		cryo_kubectl_proxy_end(p);
	rc = p->serves ? 0 : start_kubectl_proxy(p, k, err);
	if (rc < 0)
		return rc;
	opts.unix_path = p->socket;
	*out = cryo_kube_new(&opts);
	return 0;
}

void cryo_kubectl_proxy_end(struct cryo_kubectl_proxy *p)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	cryo_child_end(p->child);
	if (p->dir)
		cryo_fs_rmtree(p->dir, &ignored);
	cryo_strv_release(&p->argv);
	free(p->dir);
	free(p->socket);
	*p = (struct cryo_kubectl_proxy){ 0 };
}
