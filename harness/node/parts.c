/* SPDX-License-Identifier: Apache-2.0 */
#include "node/parts.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

const struct cryo_node_part cryo_node_interposer = { "libexec/cryopod-criu", "criu" };
const struct cryo_node_part cryo_node_preload = { "libexec/criu-preload.so", "criu-preload.so" };

void cryo_node_criu_conf(const char *criu, const char *libraries, const char *run,
			 struct cryo_str *out)
{
	cryo_str_addf(out, "criu %s\n", criu);
	if (libraries)
		cryo_str_addf(out, "libraries %s\n", libraries);
	cryo_str_addf(out, "run %s\n", run);
}

bool cryo_node_version_at_least(const char *version, int major, int minor)
{
	int a = 0, b = 0;

	if (!version || sscanf(version, "%d.%d", &a, &b) < 1)
		return false;
	return a > major || (a == major && b >= minor);
}

bool cryo_node_can_dump_ip_sockets(const char *criu, const char *kernel)
{
	return cryo_node_version_at_least(criu, 4, 2) || !cryo_node_version_at_least(kernel, 6, 16);
}

bool cryo_node_needs_preload(const char *criu)
{
	struct utsname u;

	return uname(&u) < 0 || !cryo_node_can_dump_ip_sockets(criu, u.release) ||
	       prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 0;
}

/*
 * Without the second one the kubelet reads its certificate once and does not watch
 * the file: an inotify instance less. A gate that a version does not know, or knows
 * no more, would be its end.
 */
const char *cryo_node_kubelet_gates(const char *version)
{
	bool known = cryo_node_version_at_least(version, 1, 31) &&
		     !cryo_node_version_at_least(version, 1, 38);

	return known ? "ContainerCheckpoint: true, ReloadKubeletServerCertificateFile: false"
		     : "ContainerCheckpoint: true";
}
