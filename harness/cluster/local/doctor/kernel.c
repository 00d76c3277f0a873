/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel must have and must let us do. */
#include "base/clock.h"
#include "sys/cgroup.h"
#include "sys/fs.h"
#include "sys/meminfo.h"
#include "cluster/local/local.h"
#include "cluster/local/doctor/doctor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* close_range(2) */
#define OLDEST_MAJOR 5
#define OLDEST_MINOR 9
/* Measured: a cluster with a pod or two; the linker of the API server. */
#define RUN_BYTES   (1ull << 30)
#define BUILD_BYTES (2ull << 30)

void machine_root(struct machine_look *k, struct cryo_finding *f)
{
	cryo_auto(cryo_free) char *map = machine_proc(k, "self/uid_map");
	unsigned long inside, outside, n;

	if (k->m->uid != 0)
		machine_say(f, CRYO_VERDICT_FAIL,
			    "sudo cryopod doctor, sudo cryopod up (root has a cache and clusters "
			    "of its own)",
			    "you are user %u: a cluster needs root", (unsigned)k->m->uid);
	else if (sscanf(map, "%lu %lu %lu", &inside, &outside, &n) == 3 && n < UINT32_MAX)
		machine_say(f, CRYO_VERDICT_FAIL, "run cryopod outside the rootless container",
			    "root of a user namespace: it cannot make devices or mount overlays");
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "you are root");
}

void machine_kernel(struct machine_look *k, struct cryo_finding *f)
{
	if (cryo_node_version_at_least(k->release, OLDEST_MAJOR, OLDEST_MINOR))
		machine_say(f, CRYO_VERDICT_OK, NULL, "Linux %s", k->release);
	else
		machine_say(f, CRYO_VERDICT_FAIL, "boot a newer kernel",
			    "Linux %s is older than %d.%d", k->release, OLDEST_MAJOR, OLDEST_MINOR);
}

/* Is it there to be loaded by the first mount? */
static bool has_kernel_module(const struct machine_look *k, const char *module)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/%s/modules.dep", k->m->modules, k->release);
	cryo_auto(cryo_str_release) struct cryo_str list = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	return cryo_fs_read(path, 16 << 20, &list, &ignored) == 0 &&
	       strstr(cryo_str_get(&list), module);
}

void machine_overlay(struct machine_look *k, struct cryo_finding *f)
{
	cryo_auto(cryo_free) char *known = machine_proc(k, "filesystems");

	if (strstr(known, "\toverlay\n"))
		machine_say(f, CRYO_VERDICT_OK, NULL, "in the kernel");
	else if (has_kernel_module(k, "/overlay.ko"))
		machine_say(f, CRYO_VERDICT_OK, NULL, "a module, loaded when needed");
	else
		machine_say(f, CRYO_VERDICT_FAIL, "modprobe overlay",
			    "this kernel has no overlay file system");
}

void machine_namespaces(struct machine_look *k, struct cryo_finding *f)
{
	static const char *const kinds[] = { "mnt", "pid", "net", "uts", "ipc", "cgroup" };
	cryo_auto(cryo_strv_release) struct cryo_strv missing = { 0 }, all = { 0 };
	cryo_auto(cryo_free) char *text = NULL;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/self/ns/%s", k->m->proc, kinds[i]);

		cryo_strv_add(cryo_fs_exists(path) ? &all : &missing, kinds[i]);
	}
	text = cryo_strv_join(missing.n ? &missing : &all, ", ");
	if (missing.n)
		machine_say(f, CRYO_VERDICT_FAIL, "boot a kernel that has them",
			    "this kernel has no namespaces for: %s", text);
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "%s", text);
}

/* Is one word of a list that is separated by commas, blanks or the like. */
static bool has_listed_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += n)
		if ((at == list || strchr(", \n", at[-1])) && strchr(", \n", at[n]))
			return true;
	return false;
}

/* All controllers: of v1 those mounted, of v2 those handed down to the root. Caller frees. */
static char *list_controllers(const struct cryo_cgroups *cg)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *path = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cg->v2) {
		path = cryo_asprintf("%s/cgroup.controllers", cg->tree[0].mount);
		if (cryo_fs_read(path, 4096, &text, &ignored) < 0)
			cryo_str_clear(&text);
	}
	for (size_t i = 0; !cg->v2 && i < cryo_cgroups_controlling(cg).n; i++)
		cryo_str_addf(&text, "%s,", cg->tree[i].options);
	return cryo_str_detach(&text);
}

/* Those the kubelet and runc do not start without. */
static char *list_missing_controllers(const struct cryo_cgroups *cg)
{
	static const char *const v1[] = { "cpu",  "cpuacct", "cpuset", "memory",
					  "pids", "devices", "freezer" };
	static const char *const v2[] = { "cpu", "cpuset", "memory", "pids" };
	const char *const *needed = cg->v2 ? v2 : v1;
	size_t n = cg->v2 ? CRYO_ARRAY_LEN(v2) : CRYO_ARRAY_LEN(v1);
	cryo_auto(cryo_free) char *have = list_controllers(cg);
	cryo_auto(cryo_strv_release) struct cryo_strv missing = { 0 };

	for (size_t i = 0; i < n; i++)
		if (!has_listed_word(have, needed[i]))
			cryo_strv_add(&missing, needed[i]);
	return cryo_strv_join(&missing, ", ");
}

static bool is_cgroup_read_only(const struct cryo_cgroups *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (access(cg->tree[i].mount, W_OK) < 0 && errno == EROFS)
			return true;
	return false;
}

void machine_cgroups(struct machine_look *k, struct cryo_finding *f)
{
	cryo_auto(cryo_cgroups_release) struct cryo_cgroups cg = { 0 };
	cryo_auto(cryo_free) char *mounts = machine_proc(k, "self/mountinfo");
	cryo_auto(cryo_free) char *missing = NULL;
	struct cryo_err err = CRYO_ERR_INIT;
	const char *kind;

	if (cryo_cgroups_parse(mounts, &cg, &err) < 0) {
		machine_say(f, CRYO_VERDICT_FAIL,
			    "mount -t cgroup2 cgroup2 /sys/fs/cgroup, if nothing is mounted there",
			    "%s", err.msg);
		return;
	}
	kind = cg.v2 ? "v2" : strstr(mounts, " - cgroup2 ") ? "v1 (hybrid)" : "v1";
	missing = list_missing_controllers(&cg);
	if (*missing)
		machine_say(f, CRYO_VERDICT_FAIL,
			    "boot a kernel that has them, or with cgroup_enable=memory",
			    "%s, but without the controllers: %s", kind, missing);
	else if (is_cgroup_read_only(&cg))
		machine_say(f, CRYO_VERDICT_FAIL,
			    "run cryopod outside the container, or in a privileged one",
			    "%s, but mounted read-only", kind);
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "%s, with all controllers", kind);
}

/* What is left out of the bounding set cannot be had, not even by root. */
void machine_capabilities(struct machine_look *k, struct cryo_finding *f)
{
	static const struct {
		const char *name;
		unsigned bit;
	} needed[] = { { "chown", CAP_CHOWN },		 { "dac_override", CAP_DAC_OVERRIDE },
		       { "fowner", CAP_FOWNER },	 { "kill", CAP_KILL },
		       { "setgid", CAP_SETGID },	 { "setuid", CAP_SETUID },
		       { "setpcap", CAP_SETPCAP },	 { "net_admin", CAP_NET_ADMIN },
		       { "sys_chroot", CAP_SYS_CHROOT }, { "sys_ptrace", CAP_SYS_PTRACE },
		       { "sys_admin", CAP_SYS_ADMIN },	 { "mknod", CAP_MKNOD } };
	cryo_auto(cryo_free) char *status = machine_proc(k, "self/status");
	const char *line = strstr(status, "CapBnd:");
	unsigned long long set = line ? strtoull(line + strlen("CapBnd:"), NULL, 16) : 0;
	cryo_auto(cryo_strv_release) struct cryo_strv missing = { 0 };
	cryo_auto(cryo_free) char *text = NULL;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(needed); i++)
		if (!(set >> needed[i].bit & 1))
			cryo_strv_add(&missing, needed[i].name);
	text = cryo_strv_join(&missing, ", ");
	if (missing.n)
		machine_say(f, CRYO_VERDICT_FAIL,
			    "run cryopod outside the container, or in a privileged one",
			    "root lacks: %s", text);
	else if (!(set >> CAP_SYS_RESOURCE & 1))
		machine_say(f, CRYO_VERDICT_NOTE, NULL,
			    "no CAP_SYS_RESOURCE: pods are not protected from the out-of-memory "
			    "killer, and a restored process gets no higher hard limits (ulimit -H) "
			    "than the node has");
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "all required ones");
}

void machine_loopback(struct machine_look *k, struct cryo_finding *f)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *addr = (struct sockaddr *)&at;
	cryo_auto(cryo_fd_close) int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cryo_auto(cryo_fd_close) int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(at);

	(void)k;
	if (server < 0 || client < 0 || bind(server, addr, len) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, addr, &len) < 0 || connect(client, addr, len) < 0)
		machine_say(f, CRYO_VERDICT_FAIL, "ip link set lo up",
			    "no connection to 127.0.0.1: %s", strerror(errno));
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "127.0.0.1 has free ports");
}

void machine_inotify(struct machine_look *k, struct cryo_finding *f)
{
	const unsigned most = 4 * LOCAL_INOTIFY;
	unsigned n = local_inotify_free(most);

	(void)k;
	if (n >= LOCAL_INOTIFY)
		machine_say(f, CRYO_VERDICT_OK, NULL, "instances for %s%u cluster%s are free",
			    n == most ? "at least " : "", n / LOCAL_INOTIFY,
			    n / LOCAL_INOTIFY == 1 ? "" : "s");
	else
		machine_say(f, CRYO_VERDICT_FAIL, "sysctl -w fs.inotify.max_user_instances=1024",
			    "%u instances are free, a cluster needs %u", n, LOCAL_INOTIFY);
}

void machine_memory(struct machine_look *k, struct cryo_finding *f)
{
	cryo_auto(cryo_free) char *text = machine_proc(k, "meminfo");
	uint64_t have =
	    cryo_meminfo_bytes(text, "MemAvailable:") + cryo_meminfo_bytes(text, "SwapFree:");
	uint64_t need = k->complete ? RUN_BYTES : BUILD_BYTES;
	cryo_auto(cryo_free) char *shown = cryo_size_show(have);
	cryo_auto(cryo_free) char *wanted = cryo_size_show(need);

	if (have < need)
		machine_say(f, CRYO_VERDICT_NOTE, "stop a large process",
			    "%s available, less than the %s that %s may need", shown, wanted,
			    k->complete ? "a cluster" : "a build");
	else
		machine_say(f, CRYO_VERDICT_OK, NULL, "%s available", shown);
}
