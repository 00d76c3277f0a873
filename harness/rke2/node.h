/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an RKE2 node is: its role, release, configuration, data directories and the processes that
 * run from them. Only reads. (Paths: RKE2 1.31 to 1.36, pkg/rke2 and install.sh.)
 */
#ifndef CRYO_RKE2_NODE_H
#define CRYO_RKE2_NODE_H

#include "rke2/config.h"

#include <sys/types.h>

#define CRYO_RKE2_DATA_DIR "/var/lib/rancher/rke2"
#define CRYO_RKE2_DROPIN   "99-cryopod.yaml"

/* A process that RKE2 or a shim runs. */
struct cryo_rke2_process {
	pid_t pid;
	char *name; /* last part of its first argument: "kubelet" */
	char *exe;  /* /proc/PID/exe, with " (deleted)" where it is */
	char *id;   /* of a shim: its sandbox; else NULL */
};

/* Another part of <data-dir>/data. */
struct cryo_rke2_data {
	char *name;
	char *ref;     /* what its marker says, or "" */
	bool complete; /* bin, charts and the marker are there: RKE2 does not extract it again */
};

struct cryo_rke2_node {
	char *root;	   /* "" or where the file system of the node begins, for tests */
	const char *role;  /* "server" or "agent" */
	char *unit;	   /* "rke2-server" */
	char *program;	   /* the rke2 that the service runs, or NULL */
	char *release;	   /* "v1.33.5+rke2r1", or NULL: the program did not say */
	char *config_file; /* of the service, also when it is named by RKE2_CONFIG_FILE */
	char *data_dir;
	char *name; /* of the node in Kubernetes */
	pid_t pid;  /* of the service, 0: it is not running */
	struct cryo_rke2_config config;
	json_t *fixed; /* key: text, what command line and environment say: they win over files */
	char *current; /* the name below data/ that `bin` leads to, or NULL */
	char *bin;     /* its absolute path, or NULL */
	struct cryo_rke2_data *data;
	size_t n_data;
	struct cryo_rke2_process *process; /* containerd, kubelet and shims */
	size_t n_processes;
	struct cryo_strv shims;	    /* paths of the shims that sandboxes were started with */
	struct cryo_strv pods;	    /* whose sandboxes these are: "NAMESPACE/NAME", or "?" */
	struct cryo_strv sandboxes; /* their IDs */
};

/*
 * `root`: "" for this machine.
 * -CRYO_E_UNFIT: this is not an RKE2 node (and what it is instead); -CRYO_E_CONFIG: its
 * configuration cannot be read.
 */
int cryo_rke2_node_look(const char *root, struct cryo_rke2_node *out, struct cryo_err *err);
void cryo_rke2_node_release(struct cryo_rke2_node *n);
#define cryo_rke2_node_releasep cryo_rke2_node_release

const struct cryo_rke2_data *cryo_rke2_node_data(const struct cryo_rke2_node *n, const char *name);
/* How many sandboxes were started with a shim of that data directory. */
size_t cryo_rke2_node_sandboxes(const struct cryo_rke2_node *n, const char *name);
/*
 * Does sandbox i run with another shim than a new one would? After a swap it has the path of the
 * new one, but its file is gone.
 */
bool cryo_rke2_node_shim_is_old(const struct cryo_rke2_node *n, size_t i);
/* The value that wins: command line, environment, files. NULL: none. Borrowed. */
const char *cryo_rke2_node_setting(const struct cryo_rke2_node *n, const char *key);

/* Inside of rke2/: the service and the processes; called by cryo_rke2_node_look. */
int rke2_find_service(struct cryo_rke2_node *n, struct cryo_err *err);
void rke2_find_processes(struct cryo_rke2_node *n);

#endif
