/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in a node and with which flags. The reasons for flags that are not
 * obvious stand beside them.
 */
#include "cluster/local/local.h"

#include "base/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PKI	"/etc/kubernetes/pki"
#define SCANDIR "/run/service" /* in the node */
#define EXEC_MS 10000

/*
 * Over sockets in a directory that only root of the node enters: on a port every pod on the host's
 * network would read and write what the API server keeps. The only member never calls itself, so
 * nothing listens at the peer address that it has to advertise.
 */
#define ETCD_CLIENTS "unix://" LOCAL_ETCD_RUN "/client.sock"
#define ETCD_PEERS   "unix://" LOCAL_ETCD_RUN "/peer.sock"
#define ETCD_NOBODY  "http://127.0.0.1:2380" /* host:port is asked for; nobody listens there */

static void add_etcd_argv(const struct local_node *n, struct cryo_strv *a)
{
	(void)n;
	cryo_strv_addl(a, "etcd", "--name=default", "--data-dir=" LOCAL_STATE "/etcd",
		       "--listen-client-urls=" ETCD_CLIENTS, "--advertise-client-urls=" ETCD_NOBODY,
		       "--listen-peer-urls=" ETCD_PEERS,
		       "--initial-advertise-peer-urls=" ETCD_NOBODY,
		       "--initial-cluster=default=" ETCD_NOBODY,
		       "--unsafe-no-fsync", /* the cluster is disposable */
		       "--log-level=warn", NULL);
}

static void add_apiserver_argv(const struct local_node *n, struct cryo_strv *a)
{
	cryo_strv_addl(
	    a, "kube-apiserver", "--etcd-servers=" ETCD_CLIENTS, "--bind-address=0.0.0.0",
	    "--tls-cert-file=" PKI "/apiserver.crt", "--tls-private-key-file=" PKI "/apiserver.key",
	    "--client-ca-file=" PKI "/ca.crt",
	    "--kubelet-client-certificate=" PKI "/apiserver-kubelet-client.crt",
	    "--kubelet-client-key=" PKI "/apiserver-kubelet-client.key",
	    "--kubelet-certificate-authority=" PKI "/ca.crt",
	    "--kubelet-preferred-address-types=InternalIP", "--authorization-mode=Node,RBAC",
	    "--enable-admission-plugins=NodeRestriction",
	    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
	    "--service-account-key-file=" PKI "/sa.pub",
	    "--service-account-signing-key-file=" PKI "/sa.key",
	    "--service-cluster-ip-range=" LOCAL_SERVICE_NET, "--allow-privileged=true",
	    "--profiling=false", NULL);
	if (!n->services) /* nobody would follow what it writes */
		cryo_strv_add(a, "--endpoint-reconciler-type=none");
	cryo_strv_addf(a, "--secure-port=%d", LOCAL_API_PORT);
	cryo_strv_addf(a, "--advertise-address=%s", n->ip);
}

/*
 * Each signer by itself and not all of them with --cluster-signing-cert-file: an
 * inotify instance less, for the signer of legacy-unknown. No API version that is
 * still served takes a request for that one.
 */
#define SIGNER(name)                                                                               \
	"--cluster-signing-" name "-cert-file=" PKI "/ca.crt",                                     \
	    "--cluster-signing-" name "-key-file=" PKI "/ca.key"

static void add_controller_argv(const struct local_node *n, struct cryo_strv *a)
{
	(void)n;
	cryo_strv_addl(
	    a, "kube-controller-manager", "--kubeconfig=/etc/kubernetes/controller-manager.conf",
	    "--service-account-private-key-file=" PKI "/sa.key", "--root-ca-file=" PKI "/ca.crt",
	    SIGNER("kubelet-serving"), SIGNER("kubelet-client"), SIGNER("kube-apiserver-client"),
	    "--use-service-account-credentials=true",
	    /* at its default rate of 20 requests a second it needs 5 s to get going */
	    "--kube-api-qps=500", "--kube-api-burst=1000",
	    "--leader-elect=false", /* the only one; a lease would not survive a snapshot */
	    "--bind-address=127.0.0.1", "--profiling=false",
	    "--flex-volume-plugin-dir=" LOCAL_NO_FLEX_VOLUMES, NULL);
}

static void add_scheduler_argv(const struct local_node *n, struct cryo_strv *a)
{
	(void)n;
	cryo_strv_addl(a, "kube-scheduler", "--kubeconfig=/etc/kubernetes/scheduler.conf",
		       "--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false",
		       NULL);
}

static void add_containerd_argv(const struct local_node *n, struct cryo_strv *a)
{
	(void)n;
	cryo_strv_addl(a, "containerd", "--config=/etc/containerd/config.toml", NULL);
}

static void add_kubelet_argv(const struct local_node *n, struct cryo_strv *a)
{
	cryo_strv_addl(a, "kubelet", "--config=/etc/kubernetes/kubelet.yaml",
		       "--kubeconfig=/etc/kubernetes/kubelet.conf",
		       "--root-dir=" LOCAL_STATE "/kubelet",
		       "--cert-dir=" LOCAL_STATE "/kubelet/pki", NULL);
	cryo_strv_addf(a, "--hostname-override=%s", n->name);
	cryo_strv_addf(a, "--node-ip=%s", n->ip);
}

const struct local_service local_services[] = {
	{ "etcd", "node", "etcd-server", add_etcd_argv, false, false, false },
	{ "kube-apiserver", "kubernetes", NULL, add_apiserver_argv, false, false, false },
	{ "containerd", "containerd", NULL, add_containerd_argv, false, false, true },
	{ "kubelet", "kubernetes", NULL, add_kubelet_argv, false, false, true },
	/*
	 * An API server that never ran answers "forbidden" until it has made its roles, and who
	 * asks too early does so again only after one to three seconds.
	 */
	{ "kube-controller-manager", "kubernetes", NULL, add_controller_argv, true, false, false },
	{ "kube-scheduler", "kubernetes", NULL, add_scheduler_argv, true, false, false },
	{ "kube-proxy", "kubernetes", NULL, local_add_proxy_argv, true, true, true },
	{ "coredns", "coredns", NULL, local_add_coredns_argv, true, true, false },
	{ NULL, NULL, NULL, NULL, false, false, false },
};

bool local_service_is_in(const struct local_service *s, bool control, bool services)
{
	return (services || !s->net) && (control || s->everywhere);
}

/* A word for execlineb: in double quotes, with its two special characters escaped. */
static void add_execline_word(struct cryo_str *s, const char *word)
{
	cryo_str_add(s, " \"");
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			cryo_str_add(s, "\\");
		cryo_str_addn(s, word, 1);
	}
	cryo_str_add(s, "\"");
}

static int write_service_script(const char *dir, const struct cryo_str *script,
				struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/run", dir);
	int rc = cryo_fs_mkdirs(dir, 0755, err);

	return rc < 0 ? rc : cryo_fs_write(path, script->p, script->len, 0755, err);
}

static int write_service_dir(const struct local_node *n, const struct local_service *s,
			     const char *scandir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", scandir, s->name);
	cryo_auto(cryo_free) char *log_dir = cryo_asprintf("%s/log", dir);
	cryo_auto(cryo_free) char *down = cryo_asprintf("%s/down", dir); /* a word of s6 */
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str run = { 0 }, log = { 0 };
	int rc;

	s->argv(n, &argv);
	local_flags_add(n->flags, s->name, &argv);
	cryo_str_add(&run, "#!/usr/bin/execlineb -P\n/usr/lib/execline/bin/fdmove -c 2 1\n");
	for (size_t i = 0; i < argv.n; i++)
		add_execline_word(&run, argv.v[i]);
	cryo_str_add(&run, "\n");
	/* At most three old files of 5 MB: a cluster may run for weeks. */
	cryo_str_addf(&log, "#!/usr/bin/execlineb -P\ns6-log -b n3 s5000000 %s/log/%s\n",
		      LOCAL_STATE, s->name);
	rc = write_service_script(dir, &run, err);
	if (rc == 0 && s->waits && n->control)
		rc = cryo_fs_write(down, "", 0, 0644, err);
	return rc < 0 ? rc : write_service_script(log_dir, &log, err);
}

static int run_service_command(struct local *l, const char *const *argv, struct cryo_err *err)
{
	return local_run(l, l->node, argv, cryo_limit_ms(EXEC_MS), NULL, err);
}

int local_services_release(struct local *l, bool services, struct cryo_err *err)
{
	/* Else a supervisor that is killed would come back without its service. */
	cryo_auto(cryo_strv_release) struct cryo_strv forget = { 0 };
	int rc = 0;

	cryo_strv_addl(&forget, "rm", "-f", NULL);
	for (const struct local_service *s = local_services; rc == 0 && s->name; s++) {
		cryo_auto(cryo_free) char *dir = cryo_asprintf(SCANDIR "/%s", s->name);
		const char *const up[] = { "s6-svc", "-u", dir, NULL };

		if (!s->waits || !local_service_is_in(s, true, services))
			continue;
		cryo_strv_addf(&forget, "%s/down", dir);
		rc = run_service_command(l, up, err);
	}
	if (rc == 0)
		rc = run_service_command(l, cryo_strv_get(&forget), err);
	return cryo_err_wrap(err, rc, "services");
}

int local_services_write(const struct local_node *n, const char *scandir, struct cryo_err *err)
{
	int rc = 0;

	for (const struct local_service *s = local_services; rc == 0 && s->name; s++)
		if (local_service_is_in(s, n->control, n->services))
			rc = write_service_dir(n, s, scandir, err);
	return cryo_err_wrap(err, rc, "services");
}
