/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stand-in as a program: `rke2 --version`, `rke2 server`. Stages, then keeps containerd and the
 * kubelet running as RKE2 does: with the real bin directory first in PATH, the kubelet again five
 * seconds after it ended, and the end of containerd is its own end. What it is told to run comes
 * from /etc/standin: release, containerd.toml, kubelet.yaml, kubelet.conf; `no-imports` if it is an
 * older release.
 */
#include "tests/rke2/standin.h"

#include <signal.h>
#include <sys/wait.h>

#define SOCKET "/run/k3s/containerd/containerd.sock"
#define DATA   "/var/lib/rancher/rke2"

static pid_t containerd_pid, kubelet_pid;

/* Of the programs it was set up with: its minor version counts for an install. */
static const char *release(void)
{
	static struct cryo_str text;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (text.len == 0 && cryo_fs_read("/etc/standin/release", 100, &text, &ignored) < 0)
		return "v1.33.5+rke2r1";
	text.p[strcspn(text.p, "\n")] = '\0';
	return text.p;
}

/* The stop hook of the unit ends both; shims and pods survive. */
static void end_children(int sig)
{
	(void)sig;
	kill(kubelet_pid, SIGKILL);
	kill(containerd_pid, SIGTERM);
	waitpid(containerd_pid, NULL, 0);
	_exit(0);
}

static pid_t start_program(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGTERM, SIG_DFL);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	return pid;
}

static pid_t start_kubelet(void)
{
	return start_program((const char *const[]){ "kubelet", "--config=/etc/standin/kubelet.yaml",
						    "--kubeconfig=/etc/standin/kubelet.conf",
						    "--hostname-override", getenv("STANDIN_NODE"),
						    NULL });
}

static pid_t start_containerd(void)
{
	return start_program((const char *const[]){
	    "containerd", "-c", DATA "/agent/etc/containerd/config.toml", "-a", SOCKET, "--state",
	    "/run/k3s/containerd", "--root", DATA "/agent/containerd", NULL });
}

static int stage_release(struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str base = { 0 };
	int rc = cryo_fs_read("/etc/standin/containerd.toml", 1u << 20, &base, err);
	const struct standin s = { "/etc/rancher/rke2/config.yaml",
				   DATA,
				   "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
				   release(),
				   cryo_str_get(&base),
				   cryo_fs_exists("/etc/standin/no-imports") };
	cryo_auto(standin_result_release) struct standin_result r = { 0 };
	cryo_auto(cryo_free) char *path = NULL;

	if (rc == 0)
		rc = standin_start(&s, &r, err);
	if (rc < 0)
		return rc;
	path = cryo_asprintf(DATA "/data/%s/bin:%s", r.name, getenv("PATH"));
	setenv("PATH", path, 1);
	return 0;
}

static void supervise(void)
{
	int status;

	for (;;) {
		pid_t pid = waitpid(-1, &status, 0);

		if (pid == containerd_pid)
			_exit(1);
		if (pid == kubelet_pid) {
			sleep(5);
			kubelet_pid = start_kubelet();
		}
	}
}

int main(int argc, char **argv)
{
	struct cryo_err err = CRYO_ERR_INIT;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("rke2 version %s (standin)\n", release()) < 0;
	if (argc < 2 || strcmp(argv[1], "server") != 0)
		return fprintf(stderr, "usage: rke2 --version | server\n"), 2;
	if (stage_release(&err) < 0)
		return fprintf(stderr, "rke2: %s\n", err.msg), 1;
	signal(SIGTERM, end_children);
	containerd_pid = start_containerd();
	for (int i = 0; i < 300 && access(SOCKET, F_OK) < 0; i++)
		usleep(100000);
	kubelet_pid = start_kubelet();
	supervise();
}
