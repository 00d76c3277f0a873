/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/private.h"

#include "base/clock.h"
#include "conf/json.h"
#include "sys/cgroup.h"
#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/intr.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define START_MS 30000
#define POLL_MS	 50
#define GRACE_MS 15000
#define MAX_LOG	 (16u << 20)

/* Paths below its directory, and its control group. */
struct place {
	char *dir, *socket, *log, *pid, *config, *runtime, *data, *exec, *group;
};

static void release_place(struct place *p)
{
	free(p->dir);
	free(p->socket);
	free(p->log);
	free(p->pid);
	free(p->config);
	free(p->runtime);
	free(p->data);
	free(p->exec);
	free(p->group);
}
#define release_placep release_place

/* Two directories are two daemons: the group has the directory's hash in its name. */
static struct place find_place(const char *dir)
{
	char hex[CRYO_HASH_HEX];

	cryo_hash_bytes(dir, strlen(dir), hex);
	return (struct place){
		.dir = cryo_strdup(dir),
		.socket = cryo_asprintf("%s/docker.sock", dir),
		.log = cryo_asprintf("%s/dockerd.log", dir),
		.pid = cryo_asprintf("%s/daemon.pid", dir),
		.config = cryo_asprintf("%s/daemon.json", dir),
		.runtime = cryo_asprintf("%s/" CRYO_PRIVATE_RUNTIME, dir),
		.data = cryo_asprintf("%s/data", dir),
		.exec = cryo_asprintf("%s/exec", dir),
		.group = cryo_asprintf("/cryopod/engine-%.8s", hex),
	};
}

static struct cryo_pid read_pid(const struct place *p)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	unsigned long long start = 0;
	int pid = 0;

	if (cryo_fs_read(p->pid, 128, &text, &ignored) < 0 ||
	    sscanf(cryo_str_get(&text), "%d %llu", &pid, &start) != 2)
		return (struct cryo_pid){ 0 };
	return (struct cryo_pid){ pid, start };
}

static struct cryo_pid read_daemon_pid(const char *dir)
{
	cryo_auto(release_place) struct place p = find_place(dir);
	struct cryo_pid pid = read_pid(&p);

	return pid.pid > 0 && cryo_pid_alive(&pid) ? pid : (struct cryo_pid){ 0 };
}

static int make_files(const struct place *p, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_json_decref)
	    json_t *config = json_pack("{s{s{ss}} ss}", "runtimes", CRYO_PRIVATE_RUNTIME, "path",
				       p->runtime, "default-runtime", CRYO_PRIVATE_RUNTIME);
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int rc = cryo_fs_mkdirs(p->dir, 0700, err);

	if (rc < 0)
		return rc;
	if (n < 0)
		return cryo_err_sys(err, errno, "cannot find this program");
	self[n] = '\0';
	unlink(p->runtime);
	if (symlink(self, p->runtime) < 0)
		return cryo_err_sys(err, errno, "cannot link '%s'", p->runtime);
	cryo_json_dump_pretty(config, &text);
	return cryo_fs_write(p->config, text.p, text.len, 0600, err);
}

/* The network namespace of its own has nothing but this. */
static int raise_loopback(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	cryo_auto(cryo_fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &r);
}

static void attach_streams(const char *log)
{
	int null = open("/dev/null", O_RDONLY);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
}

static _Noreturn void become_daemon(const struct place *p, const char *program, int go)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	sigset_t none;
	char word;

	cryo_strv_addl(&argv, program, "--config-file", p->config, "--data-root", p->data,
		       "--exec-root", p->exec, "--pidfile", NULL);
	cryo_strv_addf(&argv, "%s/dockerd.pid", p->exec);
	cryo_strv_add(&argv, "--host");
	cryo_strv_addf(&argv, "unix://%s", p->socket);
	cryo_strv_add(&argv, "--cgroup-parent");
	cryo_strv_addf(&argv, "%s/nodes", p->group);
	cryo_strv_addl(&argv, "--oom-score-adjust", "0", NULL);
	/* End of file: who started us is gone, and nobody knows of us. */
	if (read(go, &word, 1) != 1)
		_exit(1);
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	attach_streams(p->log);
	/* Slave: what is mounted on the machine later is seen, what it mounts is not. */
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 || raise_loopback() < 0 ||
	    chdir("/") < 0) {
		perror("level=fatal msg=namespaces");
		_exit(1);
	}
	unsetenv("DOCKER_HOST");
	unsetenv("NOTIFY_SOCKET");
	execv(program, (char *const *)cryo_strv_get(&argv));
	_exit(127);
}

static int record_pid(const struct place *p, pid_t pid, struct cryo_pid *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = NULL;
	int rc = cryo_pid_of(pid, out, err);

	if (rc < 0)
		return rc;
	text = cryo_asprintf("%d %llu\n", pid, (unsigned long long)out->start_time);
	return cryo_fs_write(p->pid, text, strlen(text), 0600, err);
}

static int launch(const struct place *p, const char *program, struct cryo_pid *out,
		  struct cryo_err *err)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_free) char *group = cryo_asprintf("%s/daemon", p->group);
	int go[2], rc = cryo_cgroups_find(&cg, err);
	pid_t pid;

	if (rc == 0)
		rc = cryo_cgroup_make(&cg, group, err);
	if (rc < 0)
		return rc;
	if (pipe2(go, O_CLOEXEC) < 0)
		return cryo_err_sys(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		become_daemon(p, program, go[0]);
	}
	close(go[0]);
	rc = pid < 0 ? cryo_err_sys(err, errno, "cannot start '%s'", program)
		     : cryo_cgroup_enter(&cg, group, pid, err);
	if (rc == 0)
		rc = record_pid(p, pid, out, err);
	if (rc == 0 && write(go[1], "g", 1) != 1)
		rc = cryo_err_sys(err, errno, "cannot start '%s'", program);
	close(go[1]);
	return rc;
}

/* The last line of its log that is an error. */
static char *decisive_line(const struct place *p)
{
	cryo_auto(cryo_str_release) struct cryo_str log = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *best = NULL, *line, *rest;

	if (cryo_fs_read(p->log, MAX_LOG, &log, &ignored) < 0)
		return NULL;
	rest = log.p;
	while ((line = strsep(&rest, "\n")))
		if (strstr(line, "level=error") || strstr(line, "level=fatal") ||
		    cryo_starts_with(line, "failed to"))
			best = line;
	return cryo_strdup(best);
}

static int wait_for_answer(const struct place *p, const struct cryo_pid *pid, struct cryo_engine *e,
			   struct cryo_err *err)
{
	static const char *const args[] = { "version", "--format", "{{.Server.Version}}", NULL };
	int64_t end = cryo_now_ms() + cryo_limit_ms(START_MS);
	struct cryo_err last = CRYO_ERR_INIT;
	cryo_auto(cryo_free) char *why = NULL;
	int rc;

	while (cryo_pid_alive(pid) && cryo_now_ms() < end) {
		if (cryo_fs_exists(p->socket) && cryo_engine_ask(e, args, &e->version, &last) == 0)
			return 0;
		rc = cryo_intr_sleep(POLL_MS, err);
		if (rc < 0)
			return rc;
	}
	why = decisive_line(p);
	return cryo_err_set(err, CRYO_E_PROVISION, "a private docker daemon did not start: %s (%s)",
			    why ? why : "no reason in its log", p->log);
}

static struct cryo_engine engine_at(const struct place *p)
{
	return (struct cryo_engine){ .name = cryo_strdup("docker"),
				     .program = cryo_fs_which("docker"),
				     .socket = cryo_strdup(p->socket) };
}

char *cryo_private_socket(const char *dir)
{
	cryo_auto(release_place) struct place p = find_place(dir);

	return read_daemon_pid(dir).pid == 0 ? NULL : cryo_steal(&p.socket);
}

int cryo_private_find(const char *dir, struct cryo_engine *out, struct cryo_err *err)
{
	static const char *const args[] = { "version", "--format", "{{.Server.Version}}", NULL };
	cryo_auto(release_place) struct place p = find_place(dir);
	cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
	int rc;

	if (read_daemon_pid(dir).pid == 0)
		return 1;
	e = engine_at(&p);
	if (!e.program)
		return cryo_err_set(err, CRYO_E_UNFIT, "no program 'docker'");
	rc = cryo_engine_ask(&e, args, &e.version, err);
	if (rc < 0)
		return rc;
	*out = e;
	e = (struct cryo_engine){ 0 };
	return 0;
}

int cryo_private_start(const char *dir, struct cryo_engine *out, struct cryo_err *err)
{
	cryo_auto(release_place) struct place p = find_place(dir);
	cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
	cryo_auto(cryo_free) char *program = cryo_fs_which("dockerd");
	struct cryo_pid pid;
	int rc = cryo_private_find(dir, out, err);

	if (rc <= 0)
		return rc;
	if (geteuid() != 0)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "the engine's daemon lacks CAP_SYS_RESOURCE, and starting a "
				    "private one needs root");
	if (!program)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "no program 'dockerd' (Debian package docker.io)");
	/* What an earlier one left, if it was killed. */
	rc = cryo_private_end(dir, true, err);
	if (rc == 0)
		rc = make_files(&p, err);
	if (rc == 0)
		rc = launch(&p, program, &pid, err);
	if (rc < 0)
		return rc;
	e = engine_at(&p);
	rc = e.program ? wait_for_answer(&p, &pid, &e, err)
		       : cryo_err_set(err, CRYO_E_UNFIT, "no program 'docker'");
	if (rc < 0)
		return rc;
	*out = e;
	e = (struct cryo_engine){ 0 };
	return 0;
}

int cryo_private_end(const char *dir, bool keep, struct cryo_err *err)
{
	cryo_auto(release_place) struct place p = find_place(dir);
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	struct cryo_pid pid = read_pid(&p);
	int rc = cryo_cgroups_find(&cg, err);

	if (rc == 0 && pid.pid > 0)
		rc = cryo_pid_end(&pid, GRACE_MS, err);
	if (rc == 0)
		rc = cryo_cgroup_remove(&cg, p.group, err);
	if (rc < 0)
		return rc;
	unlink(p.socket);
	unlink(p.pid);
	rc = cryo_fs_rmtree(keep ? p.exec : dir, err);
	return cryo_err_wrap(err, rc, "private docker daemon");
}
