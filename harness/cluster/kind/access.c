/* SPDX-License-Identifier: Apache-2.0 */
/* Into a running cluster: its API by the kubeconfig, programs in its nodes. */
#include "cluster/kind/kindc.h"

#include "conf/yaml.h"
#include "net/http.h"
#include "sys/fs.h"

#include <string.h>
#include <unistd.h>

static int decode_pem(const json_t *config, const char *path, struct cryo_str *out,
		      struct cryo_err *err)
{
	const char *text = cryo_json_str(config, path);

	if (text && cryo_base64_decode(text, out))
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG, "its kubeconfig has no '%s'", path);
}

static int load_kubeconfig(const struct kindc *c, json_t **out, struct cryo_err *err)
{
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	int rc;

	if (!cryo_fs_exists(c->base.kubeconfig))
		return cryo_cluster_not_running(&c->base, err);
	rc = cryo_yaml_load(c->base.kubeconfig, &y, err);
	if (rc == 0 && y.n == 1)
		*out = cryo_node_to_json(y.doc[0]);
	return rc < 0 || y.n == 1
		   ? rc
		   : cryo_err_set(err, CRYO_E_CONFIG, "'%s' is damaged", c->base.kubeconfig);
}

int kindc_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	const struct kindc *c = (const struct kindc *)t;
	cryo_auto(cryo_str_release) struct cryo_str ca = { 0 }, cert = { 0 }, key = { 0 };
	cryo_auto(cryo_json_decref) json_t *config = NULL;
	struct cryo_http_opts opts = { .netns_fd = -1, .direct = true };
	int rc = load_kubeconfig(c, &config, err);

	if (rc == 0)
		rc = decode_pem(config, "clusters[0].cluster.certificate-authority-data", &ca, err);
	if (rc == 0)
		rc = decode_pem(config, "users[0].user.client-certificate-data", &cert, err);
	if (rc == 0)
		rc = decode_pem(config, "users[0].user.client-key-data", &key, err);
	if (rc < 0)
		return rc;
	opts.base_url = cryo_json_str(config, "clusters[0].cluster.server");
	if (!opts.base_url)
		return cryo_err_set(err, CRYO_E_CONFIG, "its kubeconfig names no server");
	opts.ca_pem = ca.p;
	opts.cert_pem = cert.p;
	opts.key_pem = key.p;
	*out = cryo_kube_new(&opts);
	explicit_bzero(key.p, key.len);
	return 0;
}

static const char *const node_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
	"KUBECONFIG=/etc/kubernetes/admin.conf", NULL
};

/* By the engine, for those who may not enter a namespace themselves. */
static int exec_by_engine(struct kindc *c, const struct cryo_cluster_node *node,
			  const struct cryo_exec *x, struct cryo_proc *p,
			  struct cryo_proc_result *res, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, env = { 0 };
	cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
	int rc = kindc_engine(c, &e, err);

	if (rc < 0)
		return rc;
	cryo_strv_addl(&argv, e.program, "exec", "--interactive", "--privileged", NULL);
	if (x->foreground && isatty(STDIN_FILENO))
		cryo_strv_add(&argv, "--tty");
	if (x->cwd)
		cryo_strv_addl(&argv, "--workdir", x->cwd, NULL);
	for (const char *const *v = node_env; *v; v++)
		cryo_strv_addl(&argv, "--env", *v, NULL);
	cryo_strv_add(&argv, node->name);
	cryo_strv_addv(&argv, x->argv);
	cryo_engine_env(&e, &env);
	p->argv = cryo_strv_get(&argv);
	p->env = cryo_strv_get(&env);
	p->cwd = NULL;
	return cryo_proc_run(p, res, err);
}

int kindc_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
	       const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *err)
{
	struct kindc *c = (struct kindc *)t;
	const struct cryo_pid *init = &c->init[node - t->node];
	struct cryo_proc p = cryo_exec_process(x, node_env);

	if (init->pid <= 0 || !cryo_pid_alive(init))
		return cryo_err_set(err, CRYO_E_CHECK,
				    "node '%s' does not run (cryopod up --name %s starts it)",
				    node->name, t->name);
	if (geteuid() != 0)
		return exec_by_engine(c, node, x, &p, res, err);
	p.enter_pid = init->pid;
	return cryo_proc_run(&p, res, err);
}
