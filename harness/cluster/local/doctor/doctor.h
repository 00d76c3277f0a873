/* SPDX-License-Identifier: Apache-2.0 */
/* What a local cluster needs of this machine: the checks of doctor_kernel.c and doctor_disk.c. */
#ifndef CRYO_CLUSTER_LOCAL_DOCTOR_DOCTOR_H
#define CRYO_CLUSTER_LOCAL_DOCTOR_DOCTOR_H

#include "cluster/machine_checks.h"

extern const struct machine_check_row local_checks[];

machine_check machine_root, machine_kernel, machine_overlay, machine_namespaces, machine_cgroups,
    machine_capabilities, machine_loopback, machine_inotify, machine_memory;
machine_check machine_state_dir, machine_cache_dir;

/* What a file system with that statfs(2) type is called; *verdict: as upper layer of an overlay.
 * NULL: not known. */
const char *machine_fs_name(unsigned long type, enum cryo_verdict *verdict);

#endif
