/* SPDX-License-Identifier: Apache-2.0 */
/* Into a running cluster: its API by the kubeconfig, programs in its nodes. */
#include "cluster/kind/kindc.h"

#include "conf/yaml.h"
#include "net/http.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
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

/* A client that speaks as the cluster's admin; what `opts` says of the way goes first. */
static int open_admin_client(const struct kindc *c, struct cryo_http_opts *opts,
			     struct cryo_kube **out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str ca = { 0 }, cert = { 0 }, key = { 0 };
	cryo_auto(cryo_json_decref) json_t *config = NULL;
	int rc = load_kubeconfig(c, &config, err);

	if (rc == 0)
		rc = decode_pem(config, "clusters[0].cluster.certificate-authority-data", &ca, err);
	if (rc == 0)
		rc = decode_pem(config, "users[0].user.client-certificate-data", &cert, err);
	if (rc == 0)
		rc = decode_pem(config, "users[0].user.client-key-data", &key, err);
	if (rc < 0)
		return rc;
	if (!opts->base_url)
		opts->base_url = cryo_json_str(config, "clusters[0].cluster.server");
	if (!opts->base_url)
		return cryo_err_set(err, CRYO_E_CONFIG, "its kubeconfig names no server");
	opts->ca_pem = ca.p;
	opts->cert_pem = cert.p;
	opts->key_pem = key.p;
	*out = cryo_kube_new(opts);
	explicit_bzero(key.p, key.len);
	return 0;
}

int kindc_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	struct cryo_http_opts opts = { .netns_fd = -1, .direct = true };

	return open_admin_client((const struct kindc *)t, &opts, out, err);
}

static int find_node_init(const struct kindc *c, const struct cryo_cluster_node *node,
			  const struct cryo_pid **out, struct cryo_err *err)
{
	*out = &c->init[node - c->base.node];
	if ((*out)->pid > 0 && cryo_pid_alive(*out))
		return 0;
	return cryo_err_set(err, CRYO_E_CHECK,
			    "node '%s' is not running (start it: cryopod up --name %s)", node->name,
			    c->base.name);
}

/* From inside the node's network: no port of a kubelet is published. kubeadm lets each kubelet sign
 * its certificate itself, so there is nothing to check it with. */
int kindc_kubelet(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		  struct cryo_kube **out, struct cryo_err *err)
{
	const struct kindc *c = (const struct kindc *)t;
	struct cryo_http_opts opts = { .base_url = "https://127.0.0.1:10250",
				       .direct = true,
				       .insecure = true };
	cryo_auto(cryo_fd_close) int fd = -1;
	cryo_auto(cryo_free) char *path = NULL;
	const struct cryo_pid *init;
	int rc = find_node_init(c, node, &init, err);

	if (rc < 0)
		return rc;
	path = cryo_asprintf("/proc/%d/ns/net", init->pid);
	opts.netns_fd = fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open the network of node '%s'", node->name);
	return open_admin_client(c, &opts, out, err);
}

/* Seen through the node's first process, which only root may look at. */
int kindc_runtime_socket(struct cryo_cluster *t, const struct cryo_cluster_node *node, char **path,
			 struct cryo_err *err)
{
	const struct cryo_pid *init;
	int rc = find_node_init((const struct kindc *)t, node, &init, err);

	if (rc < 0)
		return rc;
	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "only root reaches its container runtime: use sudo");
	*path = cryo_asprintf("/proc/%d/root%s", init->pid, node->path.socket);
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
	struct cryo_proc p = cryo_exec_process(x, node_env);
	const struct cryo_pid *init;
	int rc = find_node_init(c, node, &init, err);

	if (rc < 0)
		return rc;
	if (geteuid() != 0)
		return exec_by_engine(c, node, x, &p, res, err);
	p.enter_pid = init->pid;
	return cryo_proc_run(&p, res, err);
}
