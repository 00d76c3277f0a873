/* SPDX-License-Identifier: Apache-2.0 */
/* Into a running node: API clients, programs, files, images. */
#include "cluster/local/local.h"

#include "net/http.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IMPORT_MS 120000

/* A client that speaks as the cluster's admin, from inside the node's network. */
static int open_admin_client(const struct local *l, unsigned port, struct cryo_kube **out,
			     struct cryo_err *err)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str ca = { 0 }, cert = { 0 }, key = { 0 };
	cryo_auto(cryo_free) char *netns = NULL;
	cryo_auto(cryo_free) char *url = cryo_asprintf("https://127.0.0.1:%u", port);
	cryo_auto(cryo_fd_close) int fd = -1;
	struct cryo_http_opts opts = { .base_url = url, .direct = true };
	int rc = local_running(l, &r, err);

	if (rc == 0)
		rc = local_certs_read(l, "ca.crt", &ca, err);
	if (rc == 0)
		rc = local_certs_read(l, "admin.crt", &cert, err);
	if (rc == 0)
		rc = local_certs_read(l, "admin.key", &key, err);
	if (rc < 0)
		return rc;
	netns = cryo_asprintf("/proc/%d/ns/net", r.init.pid);
	fd = open(netns, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open the node's network");
	opts.ca_pem = ca.p;
	opts.cert_pem = cert.p;
	opts.key_pem = key.p;
	opts.netns_fd = fd;
	*out = cryo_kube_new(&opts);
	return 0;
}

int local_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err)
{
	return open_admin_client((struct local *)t, LOCAL_API_PORT, out, err);
}

static int check_node_name(const struct local *l, const char *node, struct cryo_err *err)
{
	if (!node || strcmp(node, l->node.name) == 0)
		return 0;
	return cryo_err_set(err, CRYO_E_USAGE, "cluster '%s' has no node '%s' (there is: %s)",
			    l->base.name, node, l->node.name);
}

int local_kubelet(struct cryo_cluster *t, const char *node, struct cryo_kube **out,
		  struct cryo_err *err)
{
	struct local *l = (struct local *)t;
	int rc = check_node_name(l, node, err);

	return rc < 0 ? rc : open_admin_client(l, LOCAL_KUBELET_PORT, out, err);
}

int local_exec(struct cryo_cluster *t, const char *node, struct cryo_proc *p,
	       struct cryo_proc_result *res, struct cryo_err *err)
{
	static const char *const env[] = { "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					   "HOME=/root", "KUBECONFIG=/etc/kubernetes/admin.conf",
					   "GODEBUG=multipathtcp=0", NULL };
	cryo_auto(local_record_release) struct local_record r = { 0 };
	struct local *l = (struct local *)t;
	int rc = check_node_name(l, node, err);

	if (rc == 0)
		rc = local_running(l, &r, err);
	if (rc < 0)
		return rc;
	p->enter_pid = r.init.pid;
	if (!p->env)
		p->env = env;
	return cryo_proc_run(p, res, err);
}

/*
 * A path of the node as a path of ours: what it leads to is opened with the
 * node's root as root, so that no link there points at the host.
 */
static int open_path_in_node(const struct local *l, const char *path, uint64_t flags,
			     struct cryo_err *err)
{
	cryo_auto(local_record_release) struct local_record r = { 0 };
	cryo_auto(cryo_fd_close) int root = -1;
	cryo_auto(cryo_free) char *root_path = NULL;
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int rc = local_running(l, &r, err), fd;

	if (rc < 0)
		return rc;
	root_path = cryo_asprintf("/proc/%d/root", r.init.pid);
	root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return cryo_err_sys(err, errno, "cannot open the node's root");
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open '%s' in the node", path);
	return fd;
}

int local_get(struct cryo_cluster *t, const char *node, const char *from, const char *to,
	      struct cryo_err *err)
{
	struct local *l = (struct local *)t;
	cryo_auto(cryo_fd_close) int fd = -1;
	char path[64];
	int rc = check_node_name(l, node, err);

	if (rc < 0)
		return rc;
	fd = open_path_in_node(l, from, O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return cryo_fs_copy(path, to, 0600, err);
}

int local_put(struct cryo_cluster *t, const char *node, const char *from, const char *to,
	      struct cryo_err *err)
{
	struct local *l = (struct local *)t;
	const char *slash = strrchr(to, '/');
	cryo_auto(cryo_fd_close) int dir = -1;
	cryo_auto(cryo_free) char *parent = NULL;
	cryo_auto(cryo_free) char *path = NULL;
	int rc = check_node_name(l, node, err);

	if (rc < 0)
		return rc;
	if (!slash || !slash[1])
		return cryo_err_set(err, CRYO_E_USAGE, "'%s' is no absolute file name", to);
	parent = cryo_strndup(to, slash == to ? 1 : (size_t)(slash - to));
	dir = open_path_in_node(l, parent, O_PATH | O_DIRECTORY, err);
	if (dir < 0)
		return dir;
	path = cryo_asprintf("/proc/self/fd/%d/%s", dir, slash + 1);
	return cryo_fs_copy(from, path, 0600, err);
}

int local_load_image(struct cryo_cluster *t, const char *tar, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *there =
	    cryo_asprintf(LOCAL_STATE "/transfer/%d-image.tar", getpid());
	const char *const import[] = { "ctr", "-n", "k8s.io", "images", "import", there, NULL };
	const char *const discard[] = { "rm", "-f", there, NULL };
	struct cryo_proc p = { .argv = import, .timeout_ms = IMPORT_MS };
	struct cryo_proc rm = { .argv = discard, .timeout_ms = IMPORT_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = local_put(t, NULL, tar, there, err);

	if (rc == 0)
		rc = local_exec(t, NULL, &p, NULL, err);
	local_exec(t, NULL, &rm, NULL, &ignored);
	return cryo_err_wrap(err, rc, "import of '%s'", tar);
}
