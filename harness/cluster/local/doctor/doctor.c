/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/doctor/doctor.h"

const struct machine_check_row local_checks[] = {
	{ "root", machine_root },	  { "kernel", machine_kernel },
	{ "overlayfs", machine_overlay }, { "namespaces", machine_namespaces },
	{ "cgroups", machine_cgroups },	  { "capabilities", machine_capabilities },
	{ "loopback", machine_loopback }, { "inotify", machine_inotify },
	{ "memory", machine_memory },	  { "state", machine_state_dir },
	{ "cache", machine_cache_dir },	  { "mmdebstrap", machine_debian },
	{ "git", machine_git },		  { "go", machine_go },
	{ "go with cgo", machine_cgo },	  { "shipped files", machine_shipped },
	{ "built", machine_built },	  { NULL, NULL },
};
