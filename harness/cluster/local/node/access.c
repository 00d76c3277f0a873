/* SPDX-License-Identifier: Apache-2.0 */
/* Into a running node: API clients, programs, files, images. */
#include "cluster/local/local.h"

#include "net/http.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A client that speaks as the cluster's admin, from inside the node's network. */
static int open_admin_client(const struct local *l, const struct local_node *n, unsigned port,
			     struct cryo_kube **out, struct cryo_err *err)
{
	struct cryo_pid init;
	cryo_auto(cryo_str_release) struct cryo_str ca = { 0 }, cert = { 0 }, key = { 0 };
	cryo_auto(cryo_free) char *netns = NULL;
	cryo_auto(cryo_free) char *url = cryo_asprintf("https://127.0.0.1:%u", port);
	cryo_auto(cryo_fd_close) int fd = -1;
	struct cryo_http_opts opts = { .base_url = url, .direct = true };
	int rc = local_node_init(l, n, &init, err);

	if (rc == 0)
		rc = local_certs_read(l, "ca.crt", &ca, err);
	if (rc == 0)
		rc = local_certs_read(l, "admin.crt", &cert, err);
	if (rc == 0)
		rc = local_certs_read(l, "admin.key", &key, err);
	if (rc < 0)
		return rc;
	netns = cryo_asprintf("/proc/%d/ns/net", init.pid);
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
	const struct local *l = (struct local *)t;

	return open_admin_client(l, l->node, LOCAL_API_PORT, out, err);
}

int local_kubelet(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		  struct cryo_kube **out, struct cryo_err *err)
{
	const struct local *l = (struct local *)t;

	return open_admin_client(l, local_find_node(l, node), LOCAL_KUBELET_PORT, out, err);
}

int local_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
	       const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *err)
{
	static const char *const env[] = { "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					   "HOME=/root", "KUBECONFIG=/etc/kubernetes/admin.conf",
					   "GODEBUG=multipathtcp=0", NULL };
	const struct local *l = (struct local *)t;
	struct cryo_proc p = cryo_exec_process(x, env);
	struct cryo_pid init;
	int rc = local_node_init(l, local_find_node(l, node), &init, err);

	if (rc < 0)
		return rc;
	p.enter_pid = init.pid;
	return cryo_proc_run(&p, res, err);
}

int local_run(const struct local *l, const struct local_node *n, const char *const *argv,
	      int64_t limit_ms, struct cryo_proc_result *res, struct cryo_err *err)
{
	const struct cryo_exec x = { .argv = argv, .timeout_ms = limit_ms };
	struct cryo_cluster *t = (struct cryo_cluster *)&l->base;

	return local_exec(t, &t->node[n - l->node], &x, res, err);
}

int local_runtime_socket(struct cryo_cluster *t, const struct cryo_cluster_node *node, char **path,
			 struct cryo_err *err)
{
	const struct local *l = (struct local *)t;
	struct cryo_pid init;
	int rc = local_node_init(l, local_find_node(l, node), &init, err);

	if (rc == 0)
		*path = cryo_asprintf("/proc/%d/root%s", init.pid, node->path.socket);
	return rc;
}

void local_log_argv(const struct cryo_cluster_node *node, const char *service, unsigned tail,
		    bool follow, struct cryo_strv *argv)
{
	(void)node;
	cryo_strv_addl(argv, "tail", "-n", NULL);
	if (tail)
		cryo_strv_addf(argv, "%u", tail);
	else
		cryo_strv_add(argv, "+1");
	if (follow)
		cryo_strv_add(argv, "-F");
	cryo_strv_add(argv, "--");
	cryo_strv_addf(argv, "/var/log/cryopod/%s/current", service);
}

/*
 * A path of the node as a path of ours: what it leads to is opened with the
 * node's root as root, so that no link there points at the host.
 */
static int open_path_in_node(const struct local *l, const struct local_node *n, const char *path,
			     uint64_t flags, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int root = -1;
	cryo_auto(cryo_free) char *root_path = NULL;
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	struct cryo_pid init;
	int rc = local_node_init(l, n, &init, err), fd;

	if (rc < 0)
		return rc;
	root_path = cryo_asprintf("/proc/%d/root", init.pid);
	root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return cryo_err_sys(err, errno, "cannot open the node's root");
	fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd < 0)
		return cryo_err_sys(err, errno, "cannot open '%s' in the node", path);
	return fd;
}

int local_get(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
	      int to, struct cryo_err *err)
{
	const struct local *l = (struct local *)t;
	cryo_auto(cryo_fd_close) int fd = open_path_in_node(l, local_find_node(l, node), from,
							    O_RDONLY | O_NONBLOCK | O_NOCTTY, err);

	return fd < 0 ? fd : cryo_fs_copy_fd(fd, to, from, err);
}

/* The place below the node's state as a path of this machine; NULL: it is elsewhere. */
static char *find_state_place(const struct local *l, const struct local_node *n, const char *to)
{
	const char *slash = strrchr(to, '/');
	cryo_auto(cryo_free) char *parent = cryo_strndup(to, (size_t)(slash - to));
	cryo_auto(cryo_free) char *link = NULL;
	cryo_auto(cryo_fd_close) int dir = -1;
	struct cryo_err ignored = CRYO_ERR_INIT;
	char there[4096];
	ssize_t len;

	dir = open_path_in_node(l, n, parent, O_PATH | O_DIRECTORY, &ignored);
	if (dir < 0)
		return NULL;
	link = cryo_asprintf("/proc/self/fd/%d", dir);
	len = readlink(link, there, sizeof(there) - 1);
	if (len <= 0)
		return NULL;
	there[len] = '\0';
	if (!cryo_starts_with(there, LOCAL_STATE "/"))
		return NULL;
	return cryo_asprintf("%s%s%s", n->state, there + strlen(LOCAL_STATE), slash);
}

/* Both have to be on one mount, so the node's file is named as this machine has it. */
int local_link(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
	       const char *to, struct cryo_err *err)
{
	const struct local *l = (struct local *)t;
	cryo_auto(cryo_free) char *place = find_state_place(l, local_find_node(l, node), to);

	return place ? cryo_fs_link(from, place, false, err) : 0;
}

int local_link_out(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		   const char *to, struct cryo_err *err)
{
	const struct local *l = (struct local *)t;
	cryo_auto(cryo_free) char *place = find_state_place(l, local_find_node(l, node), from);
	cryo_auto(cryo_fd_close) int fd =
	    place ? open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077))
		return 0;
	return cryo_fs_link(fd, to, true, err);
}

int local_put(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
	      const char *to, struct cryo_err *err)
{
	const char *slash = strrchr(to, '/');
	cryo_auto(cryo_free) char *parent =
	    cryo_strndup(to, slash == to ? 1 : (size_t)(slash - to));
	cryo_auto(cryo_fs_draft_release) struct cryo_fs_draft draft = CRYO_FS_DRAFT_INIT;
	cryo_auto(cryo_fd_close) int dir = -1;
	cryo_auto(cryo_free) char *path = NULL;
	const struct local *l = (struct local *)t;
	int rc;

	dir = open_path_in_node(l, local_find_node(l, node), parent, O_PATH | O_DIRECTORY, err);
	if (dir < 0)
		return dir;
	path = cryo_asprintf("/proc/self/fd/%d/%s", dir, slash + 1);
	rc = cryo_fs_draft_open(path, 0600, &draft, err);
	if (rc == 0)
		rc = cryo_fs_copy_fd(from, draft.fd, to, err);
	return rc < 0 ? rc : cryo_fs_draft_publish(&draft, err);
}
