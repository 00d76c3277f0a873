/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a fork to PID 1 of a node. The order matters: the cgroup is entered before
 * its namespace is made (its root is where we stand then); everything that needs
 * the host's paths comes before the change of root; the session is made in the
 * new pid namespace and the standard streams are files of the node, because a
 * later CRIU dump of the node refuses anything else (specs: snapshot boot).
 */
#include "cluster/local/local.h"

#include "sys/fs.h"
#include "sys/places.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETUP_MS 30000

struct setup {
	const struct local *l;
	const struct local_node *node;
	const char *rootfs;
	const struct cryo_pid *first; /* of another node: the first one's init */
	int first_net;		      /* and its network; -1 */
	char *root;		      /* where the overlay is mounted before the change of root */
	struct cryo_cgroups cg;
};

static int mount_init_path(const char *src, const char *at, const char *type, unsigned long flags,
			   const char *data, struct cryo_err *err)
{
	if (mount(src, at, type, flags, data) < 0)
		return cryo_err_sys(err, errno, "cannot mount %s at '%s'", type ? type : "a bind",
				    at);
	return 0;
}

static int mount_below_root(const struct setup *s, const char *src, const char *at,
			    const char *type, unsigned long flags, const char *data,
			    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *full = cryo_asprintf("%s%s", s->root, at);
	int rc = cryo_fs_mkdirs(full, 0755, err);

	return rc < 0 ? rc : mount_init_path(src, full, type, flags, data, err);
}

/* While the machine's processes can still be seen. */
static int find_first_network(struct setup *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = NULL;

	if (!s->first)
		return 0;
	path = cryo_asprintf("/proc/%d/ns/net", s->first->pid);
	s->first_net = open(path, O_RDONLY | O_CLOEXEC);
	return s->first_net < 0 ? cryo_err_sys(err, errno, "cannot open '%s'", path) : 0;
}

/* In the child that becomes `ip`. */
static void hand_over_first_network(const struct setup *s)
{
	if (s->first_net == LOCAL_FIRST_NETNS_FD)
		fcntl(s->first_net, F_SETFD, 0);
	else if (s->first_net >= 0)
		dup2(s->first_net, LOCAL_FIRST_NETNS_FD);
}

static int enter_own_cgroup(struct setup *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *leaf = cryo_asprintf("%s" LOCAL_LEAF, s->node->cgroup);
	int rc;

	if (unshare(CLONE_NEWCGROUP) < 0)
		return cryo_err_sys(err, errno, "cannot make a cgroup namespace");
	if (!s->cg.v2)
		return 0;
	/* v2: a group that hands controllers down may not hold processes itself. */
	rc = cryo_cgroup_make(&s->cg, leaf, err);
	if (rc == 0)
		rc = cryo_cgroup_enter(&s->cg, leaf, getpid(), err);
	return rc < 0 ? rc : cryo_cgroup_delegate(&s->cg, s->node->cgroup, err);
}

char *local_overlay_options(const struct local_node *n, const char *rootfs)
{
	return cryo_asprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", rootfs, n->dir,
			     n->dir);
}

static int mount_root_overlay(struct setup *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *data = local_overlay_options(s->node, s->rootfs);
	int rc = mount_init_path(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL, err);

	if (rc == 0)
		rc = cryo_fs_mkdirs(s->root, 0755, err);
	if (rc == 0)
		rc = mount_init_path("overlay", s->root, "overlay", 0, data, err);
	return rc;
}

static int mount_host_directories(struct setup *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *builds = cryo_cache_path(CRYO_CACHE_BUILDS);
	cryo_auto(cryo_free) char *programs = cryo_asprintf("%s" LOCAL_PROGRAMS, s->root);
	int rc = mount_below_root(s, s->node->state, LOCAL_STATE, NULL, MS_BIND, NULL, err);

	if (rc == 0)
		rc = mount_below_root(s, builds, LOCAL_PROGRAMS, NULL, MS_BIND, NULL, err);
	if (rc == 0)
		rc = mount_init_path(NULL, programs, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL,
				     err);
	return rc;
}

static int make_dev_node(const struct setup *s, const char *name, unsigned major_no,
			 unsigned minor_no, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/dev/%s", s->root, name);

	if (mknod(path, S_IFCHR | 0666, makedev(major_no, minor_no)) < 0 || chmod(path, 0666) < 0)
		return cryo_err_sys(err, errno, "cannot make device '/dev/%s'", name);
	return 0;
}

static int make_dev_link(const struct setup *s, const char *name, const char *target,
			 struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/dev/%s", s->root, name);

	if (symlink(target, path) < 0)
		return cryo_err_sys(err, errno, "cannot make '/dev/%s'", name);
	return 0;
}

static int make_dev_tree(struct setup *s, struct cryo_err *err)
{
	static const struct {
		const char *name;
		unsigned major_no, minor_no;
	} node[] = { { "null", 1, 3 },	 { "zero", 1, 5 },    { "full", 1, 7 },
		     { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 } };
	/* The real /dev/kmsg would be held open by the kubelet, and is the host's. */
	static const char *const link[][2] = { { "kmsg", "null" },
					       { "ptmx", "pts/ptmx" },
					       { "fd", "/proc/self/fd" },
					       { "stdin", "/proc/self/fd/0" },
					       { "stdout", "/proc/self/fd/1" },
					       { "stderr", "/proc/self/fd/2" } };
	int rc = mount_below_root(s, "tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755", err);

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(node); i++)
		rc = make_dev_node(s, node[i].name, node[i].major_no, node[i].minor_no, err);
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(link); i++)
		rc = make_dev_link(s, link[i][0], link[i][1], err);
	if (rc == 0)
		rc = mount_below_root(s, "tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
				      "mode=1777", err);
	return rc < 0 ? rc
		      : mount_below_root(s, "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
					 "newinstance,ptmxmode=0666,mode=620,gid=5", err);
}

static int mount_node_system(struct setup *s, struct cryo_err *err)
{
	int rc = mount_below_root(s, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
				  NULL, err);

	if (rc == 0)
		rc = mount_below_root(s, "sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
				      NULL, err);
	if (rc == 0)
		rc = mount_below_root(s, "tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755",
				      err);
	if (rc == 0)
		rc = mount_below_root(s, "tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
				      "mode=1777", err);
	return rc;
}

static int mount_node_cgroups(struct setup *s, struct cryo_err *err)
{
	const struct cryo_cgroups cg = cryo_cgroups_controlling(&s->cg);
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	int rc = 0;

	if (cg.v2)
		return mount_below_root(s, "cgroup", "/sys/fs/cgroup", "cgroup2", flags, NULL, err);
	rc = mount_below_root(s, "tmpfs", "/sys/fs/cgroup", "tmpfs", flags, "mode=755", err);
	for (size_t i = 0; rc == 0 && i < cg.n; i++) {
		const struct cryo_cgroup_tree *t = &cg.tree[i];
		cryo_auto(cryo_free) char *at =
		    cryo_asprintf("/sys/fs/cgroup%s", strrchr(t->mount, '/'));

		rc = mount_below_root(s, "cgroup", at, "cgroup", flags, t->options, err);
	}
	return rc;
}

/*
 * Kernel settings that are the host's and that a kubelet or somebody's pod would
 * change. Not all of /proc/sys: CRIU restores those that belong to namespaces
 * (kernel/hostname, kernel/sem …), and pods have their network's.
 */
static int protect_host_settings(struct setup *s, struct cryo_err *err)
{
	static const char *const paths[] = { "/proc/sys/vm", "/proc/sys/kernel/keys",
					     "/proc/sys/kernel/core_pattern",
					     "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(paths); i++) {
		cryo_auto(cryo_free) char *at = cryo_asprintf("%s%s", s->root, paths[i]);

		if (!cryo_fs_exists(at))
			continue;
		rc = mount_init_path(at, at, NULL, MS_BIND, NULL, err);
		if (rc == 0)
			rc = mount_init_path(NULL, at, NULL,
					     MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID |
						 MS_NODEV | MS_NOEXEC,
					     NULL, err);
	}
	return rc;
}

/*
 * A kubelet insists on these: it writes what is not so, and ends if it cannot.
 * What it reads are files of the node; the host keeps its own.
 */
static int mount_node_tunables(struct setup *s, struct cryo_err *err)
{
	static const struct {
		const char *path, *value;
	} wanted[] = { { "vm/overcommit_memory", "1\n" },
		       { "vm/panic_on_oom", "0\n" },
		       { "kernel/panic", "10\n" },
		       { "kernel/panic_on_oops", "1\n" },
		       { "kernel/keys/root_maxkeys", "1000000\n" },
		       { "kernel/keys/root_maxbytes", "25000000\n" } };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(wanted); i++) {
		const char *value = wanted[i].value;
		cryo_auto(cryo_free) char *at =
		    cryo_asprintf("%s/proc/sys/%s", s->root, wanted[i].path);
		cryo_auto(cryo_free) char *file =
		    cryo_asprintf("%s/run/tunables/%s", s->root, wanted[i].path);

		if (!cryo_fs_exists(at))
			continue;
		rc = cryo_fs_mkparents(file, 0755, err);
		if (rc == 0)
			rc = cryo_fs_write(file, value, strlen(value), 0444, err);
		if (rc == 0)
			rc = mount_init_path(file, at, NULL, MS_BIND, NULL, err);
	}
	return rc;
}

/*
 * In a chroot our root is not that of the mount namespace, a pivot would leave it
 * so, and CRIU refuses containers in such a place ("has another root than
 * mntns"). Entering the namespace we are in gives us its root.
 */
static int leave_chroot(struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (own < 0 || setns(own, CLONE_NEWNS) < 0)
		return cryo_err_sys(err, errno, "cannot enter the root of the mount namespace");
	return 0;
}

int local_pivot(const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_fd_close) int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (root < 0)
		return cryo_err_sys(err, errno, "cannot open '%s'", path);
	rc = leave_chroot(err);
	if (rc < 0)
		return rc;
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return cryo_err_sys(err, errno, "cannot change root to '%s'", path);
	return 0;
}

static int pivot_to_node_root(struct setup *s, struct cryo_err *err)
{
	int rc = local_pivot(s->root, err);

	if (rc < 0)
		return rc;
	/* Volumes of pods are mounted by the kubelet and must be seen by containers. */
	return mount_init_path(NULL, "/", NULL, MS_REC | MS_SHARED, NULL, err);
}

static int set_node_identity(struct setup *s, struct cryo_err *err)
{
	if (sethostname(s->node->name, strlen(s->node->name)) < 0)
		return cryo_err_sys(err, errno, "cannot set the host name");
	if (setsid() < 0)
		return cryo_err_sys(err, errno, "cannot make a session");
	return 0;
}

/* In the node already; its `ip` speaks netlink for us. */
static int set_node_network(struct setup *s, struct cryo_err *err)
{
	pid_t pid = fork();
	int wstatus;

	if (pid == 0) {
		hand_over_first_network(s);
		execl("/usr/sbin/ip", "ip", "-batch", "/etc/cryopod/network", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &wstatus, 0) < 0)
		return cryo_err_sys(err, errno, "cannot run 'ip'");
	if (wstatus != 0)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "'ip -batch /etc/cryopod/network' failed (status %d)", wstatus);
	return 0;
}

static int make_service_directories(struct setup *s, struct cryo_err *err)
{
	static const char *const dirs[] = { LOCAL_STATE "/log",	     LOCAL_STATE "/etcd",
					    LOCAL_STATE "/kubelet",  LOCAL_STATE "/containerd",
					    LOCAL_STATE "/transfer", LOCAL_STATE "/pages",
					    LOCAL_ETCD_RUN };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(dirs); i++)
		rc = cryo_fs_mkdirs(dirs[i], 0700, err);
	return rc < 0 ? rc : local_services_write(s->node, "/run/service", err);
}

static int redirect_init_streams(struct setup *s, struct cryo_err *err)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(LOCAL_STATE "/log/init.log", O_WRONLY | O_CREAT | O_APPEND, 0600);

	(void)s;
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		return cryo_err_sys(err, errno, "cannot open the node's log");
	return 0;
}

static const struct {
	const char *what;
	int (*run)(struct setup *s, struct cryo_err *err);
} steps[] = {
	{ "network of the first node", find_first_network },
	{ "cgroup", enter_own_cgroup },
	{ "root file system", mount_root_overlay },
	{ "directories", mount_host_directories },
	{ "system mounts", mount_node_system },
	{ "devices", make_dev_tree },
	{ "cgroup mounts", mount_node_cgroups },
	{ "protection of the host", protect_host_settings },
	{ "kernel settings", mount_node_tunables },
	{ "change of root", pivot_to_node_root },
	{ "identity", set_node_identity },
	{ "network", set_node_network },
	{ "services", make_service_directories },
	{ "log", redirect_init_streams },
};

static int run_init_steps(struct setup *s, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(steps); i++)
		rc = cryo_err_wrap(err, steps[i].run(s, err), "%s", steps[i].what);
	return rc;
}

/* Leave nothing of ours open in the node but the two pipes. */
static void close_other_fds(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;

	if (low > 3)
		syscall(SYS_close_range, 3, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0U, 0);
}

static void reset_signal_handlers(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become_node_init(struct setup *s, int go, int status)
{
	static const char *const argv[] = { "s6-svscan", "/run/service", NULL };
	static const char *const env[] = {
		"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
		/*
		 * Half of what the API server holds is garbage at Go's default. A restore has to
		 * read it: 40 MB and some 60 ms less; a cold start takes no more time with it.
		 */
		"GOGC=50",
		/*
		 * What CRIU cannot dump or restore: multipath TCP sockets, with which Go >= 1.24
		 * listens; cpu.max of the own cgroup, which Go >= 1.25 keeps open and which is
		 * not there yet (v2) while a node is restored.
		 */
		"GODEBUG=multipathtcp=0,containermaxprocs=0", NULL
	};
	struct cryo_err err = CRYO_ERR_INIT;
	char word;

	close_other_fds(go, status);
	reset_signal_handlers();
	/* End of file: whoever started us is gone and nobody knows of us. */
	if (read(go, &word, 1) != 1)
		_exit(1);
	close(go);
	umask(022);
	/* Under `nice cryopod up` pods would have it for ever, and those of later clusters as well,
	 * by way of the template. */
	setpriority(PRIO_PROCESS, 0, 0);
	if (run_init_steps(s, &err) == 0) {
		execve("/usr/bin/s6-svscan", (char *const *)argv, (char *const *)env);
		cryo_err_sys(&err, errno, "cannot run '/usr/bin/s6-svscan'");
	}
	if (write(status, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(1);
}

static int check_overlay_paths(const struct setup *s, struct cryo_err *err)
{
	const char *const path[] = { s->rootfs, s->node->dir };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(path); i++)
		if (strpbrk(path[i], LOCAL_BAD_IN_PATH))
			return cryo_err_set(
			    err, CRYO_E_UNFIT,
			    "'%s' contains a comma, colon or backslash: overlayfs cannot use it",
			    path[i]);
	return 0;
}

static int start_node_init(struct setup *s, struct local_init *out, struct cryo_err *err)
{
	unsigned long flags = SIGCHLD | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
			      CLONE_NEWNET;
	int go[2], status[2], rc;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	if (pipe2(status, O_CLOEXEC) < 0) {
		close(go[0]);
		close(go[1]);
		return cryo_err_sys(err, errno, "cannot make a pipe");
	}
	pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
	if (pid == 0)
		become_node_init(s, go[0], status[1]);
	close(go[0]);
	close(status[1]);
	out->go = go[1];
	out->status = status[0];
	if (pid < 0)
		return cryo_err_sys(err, errno, "cannot make namespaces");
	rc = cryo_pid_of(pid, &out->pid, err);
	return rc < 0 ? rc : cryo_cgroup_enter(&s->cg, s->node->cgroup, pid, err);
}

int local_init_start(const struct local *l, const struct local_node *n, const char *rootfs,
		     const struct cryo_pid *first, struct local_init *out, struct cryo_err *err)
{
	struct setup s = { .l = l, .node = n, .rootfs = rootfs, .first = first, .first_net = -1 };
	int rc;

	*out = (struct local_init){ .go = -1, .status = -1 };
	s.root = cryo_asprintf("%s/root", n->dir);
	rc = check_overlay_paths(&s, err);
	if (rc == 0)
		rc = cryo_cgroups_find(&s.cg, err);
	if (rc == 0)
		rc = cryo_cgroup_make(&s.cg, n->cgroup, err);
	if (rc == 0)
		rc = start_node_init(&s, out, err);
	cryo_cgroups_release(&s.cg);
	free(s.root);
	return cryo_err_wrap(err, rc, "node '%s'", n->name);
}

int local_init_go(struct local_init *i, struct cryo_err *err)
{
	struct pollfd p = { i->status, POLLIN, 0 };
	struct cryo_err theirs;

	if (write(i->go, "g", 1) != 1)
		return cryo_err_sys(err, errno, "cannot start the node");
	cryo_fd_closep(&i->go);
	if (poll(&p, 1, SETUP_MS) <= 0)
		return cryo_err_set(err, CRYO_E_TIMEOUT, "setting up the node took too long");
	if (read(i->status, &theirs, sizeof(theirs)) == (ssize_t)sizeof(theirs)) {
		theirs.msg[sizeof(theirs.msg) - 1] = '\0';
		cryo_err_set(err, CRYO_E_PROVISION, "cannot set up the node: %s", theirs.msg);
		return -(int)CRYO_E_PROVISION;
	}
	return 0;
}

void local_init_release(struct local_init *i)
{
	cryo_fd_closep(&i->go);
	cryo_fd_closep(&i->status);
}
