/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kind "local": a disposable cluster in namespaces of this machine. This
 * header is for the files of this folder only.
 *
 *   kind.c      the table of functions that make it a kind of cluster
 *   local.c     names and paths
 *   down.c status.c
 *   node/       one node: what is in it, its processes, CRIU for all of it, its pods
 *   template/   clusters that start from a checkpoint of their own kind
 *   up/         from whatever is there to a cluster that is Ready
 *   snapshot/   clusters that people filled
 *   doctor/     what it needs of this machine
 *
 * On the host: <state>/<name>/cluster.json, kubeconfig, pki/, nodes/<node>/
 *   upper, work  the overlay above the shared root file system
 *   root         where init mounts it, in a mount namespace of its own
 *   state        seen in the node as /var/lib/node: etcd, containerd, kubelet, log
 */
#ifndef CRYO_CLUSTER_LOCAL_LOCAL_H
#define CRYO_CLUSTER_LOCAL_LOCAL_H

#include "recipe/build.h"
#include "sys/cgroup.h"
#include "cluster/kind.h"
#include "node/parts.h"

#define LOCAL_STATE	  "/var/lib/node" /* in the node; a real directory of the host, not overlay */
#define LOCAL_PROGRAMS	  "/opt/cryopod" /* in the node: <cache>/builds, read only */
#define LOCAL_SERVICE_NET "10.96.0.0/16"
#define LOCAL_SERVICE_IP  "10.96.0.1"
#define LOCAL_DNS_IP	  "10.96.0.10"
#define LOCAL_DNS_PORT                                                                             \
	10053 /* of the node, behind LOCAL_DNS_IP; a pod of the node's network may want 53 */
#define LOCAL_DOMAIN	   "cluster.local"
#define LOCAL_API_PORT	   6443
#define LOCAL_KUBELET_PORT 10250
/*
 * A directory for FlexVolume drivers that cannot be made: they are off then. Deprecated since
 * Kubernetes 1.23; a watch each in kubelet and controller-manager, of which a user has few.
 */
#define LOCAL_ETCD_RUN	      "/run/etcd" /* its sockets */
#define LOCAL_NO_FLEX_VOLUMES "/proc/no-flex-volumes"
/* The network of the first node, for the set-up of another one: a file descriptor. */
#define LOCAL_FIRST_NETNS_FD 3
#define LOCAL_FIRST_NETNS    "/proc/self/fd/3"
#define LOCAL_MAX_NODES	     16
#define LOCAL_LEAF	     "/services" /* v2: the node's group for processes */
#define LOCAL_BAD_IN_PATH    ",:\\"	 /* they separate the options of an overlay mount */

/* One node. Addresses are inside its own network: equal in every cluster. */
struct local_node {
	char *name;   /* "node1" */
	char *dir;    /* <cluster>/nodes/node1 */
	char *state;  /* <dir>/state */
	char *cgroup; /* "/cryopod/<cluster>/node1" */
	char *ip, *pod_net;
	const char *gateway;
	const json_t *flags; /* local_flags_of(), borrowed of the record; NULL: none */
	bool control;	     /* the first one; the others have no control plane */
	bool services;	     /* it has kube-proxy and DNS: local_has_services() */
};

struct local {
	struct cryo_cluster base;
	char *lock;		 /* path of the lock file */
	char *cgroup;		 /* "/cryopod/<cluster>" */
	struct local_node *node; /* as base.node has them: same order, base.nodes of them */
};

/* cluster.json: written before anything it names can outlive us. */
struct local_record {
	char *boot;	/* boot id: pids of another boot are not valid */
	char *stack;	/* name */
	char *stamp;	/* cryo_build_stamp() */
	json_t *flags;	/* local_flags_of(); NULL: none */
	json_t *builds; /* [{component, source, stamp, dir}] */
	int64_t created_ns;
	unsigned port; /* of the forwarder, 0: none yet */
	bool complete; /* images loaded, Ready seen once: nothing is left to be set up */
	char *from;    /* key of the template it came from; NULL: it started by itself */
	int64_t copy_ms, criu_ms, ready_ms; /* what the restore took, if `from` */
	bool saving;	      /* a snapshot of it is made, or was when we died: its disk is whole */
	bool dumping;	      /* CRIU is dumping it, or was when we died: its state is unknown */
	struct cryo_pid init; /* of the first node; pid 0: not running */
	struct cryo_pid worker[LOCAL_MAX_NODES - 1]; /* of the others, in their order */
	struct cryo_pid forwarder;		     /* pid 0: not running */
};

/* 0 and *out; 1: there is none (or it is of no use); negative: error. */
int local_record_load(const struct local *l, struct local_record *out, struct cryo_err *err);
int local_record_save(const struct local *l, const struct local_record *r, struct cryo_err *err);
void local_record_release(struct local_record *r);
#define local_record_releasep local_record_release
bool local_record_running(const struct local_record *r); /* its first node's init is alive */
/* The init of the node of that index, as it was written down. Borrowed. */
struct cryo_pid *local_record_init(struct local_record *r, size_t node);
/* That of a node that runs; -CRYO_E_CHECK. */
int local_node_init(const struct local *l, const struct local_node *n, struct cryo_pid *out,
		    struct cryo_err *err);
/* What is known of a component it was made of: "version", "stamp", "dir". NULL: there is none. */
const json_t *local_record_component(const struct local_record *r, const char *name);
/* The root file system it was started with; NULL: not known. Borrowed. */
const char *local_record_rootfs(const struct local_record *r);
/* Is it made from all that Services and names need? Not with `up --minimal`, nor from a stack that
 * has no CoreDNS. */
bool local_has_services(const struct local_record *r);
/* Directory of the CRIU that its stack builds; NULL: it has the root file system's. Borrowed. */
const char *local_record_criu(const struct local_record *r);

/* <cluster>/pki and the first node's pair, once. Whole or not at all. */
int local_certs_make(const struct local *l, struct cryo_err *err);
/* The pair of another node, once, by the CA that is there. */
int local_certs_add_node(const struct local *l, const struct local_node *n, struct cryo_err *err);
/* Have those in <dir>/pki expired? All of a set are made at once; where there is none: no. */
bool local_certs_over(const char *dir);
/* PEM text of one file of <cluster>/pki, appended. */
int local_certs_read(const struct local *l, const char *file, struct cryo_str *out,
		     struct cryo_err *err);

/* Everything in the node's upper directory: certificates, configuration, links to programs. */
int local_config_write(const struct local *l, const struct local_node *n,
		       const struct cryo_build *build, struct cryo_err *err);
/* One file of it; `path` is the node's. */
int local_node_file(const struct local_node *n, const char *path, mode_t mode,
		    const struct cryo_str *s, struct cryo_err *err);
/* Those of its services. */
int local_kubeconfigs_write(const struct local *l, const struct local_node *n,
			    struct cryo_err *err);
/* The host's kubeconfig for that port, 0600. */
int local_kubeconfig_write(const struct local *l, unsigned port, struct cryo_err *err);

struct local_service {
	const char *name;      /* also its program */
	const char *component; /* of the stack: whose version and stamp it has */
	const char *package;   /* of the root file system, where the component is that */
	/* Adds argv. */
	void (*argv)(const struct local_node *n, struct cryo_strv *argv);
	bool waits;	 /* for an API server that is ready: local_services_release() */
	bool net;	 /* only in a node with Services */
	bool everywhere; /* not only in the first node */
};
extern const struct local_service local_services[]; /* ends with a NULL name */
/* s6 service directories below `scandir`. */
int local_services_write(const struct local_node *n, const char *scandir, struct cryo_err *err);

/* -CRYO_E_USAGE: not all are "kubelet.v=2", of those services. NULL-terminated, or NULL.
 */
int local_flags_check(const char *const *set, const struct cryo_strv *services,
		      struct cryo_err *err);
/* As they are recorded: ["kubelet.v=2"]; NULL: none. New reference. */
json_t *local_flags_of(const char *const *set);
/* Those of that service: "--v=2". */
void local_flags_add(const json_t *flags, const char *service, struct cryo_strv *argv);

/* Does a node have it? */
bool local_service_is_in(const struct local_service *s, bool control, bool services);

/* Of kube-proxy and CoreDNS, for the table. */
void local_add_proxy_argv(const struct local_node *n, struct cryo_strv *a);
void local_add_coredns_argv(const struct local_node *n, struct cryo_strv *a);
/* Their files, and the node's resolv.conf. */
int local_net_config(const struct local_node *n, struct cryo_err *err);
/* How kube-proxy can work on that kernel ("6.1.0-9"), `nft` being there or not. */
const char *local_proxy_mode(const char *kernel, bool nft);
/* What the API server has to know before they start: the right to read, and where DNS is. 0; 1:
 * not yet, it is still making its namespaces. */
int local_net_objects(struct local *l, struct cryo_kube *k, struct cryo_err *err);
/* Ask the DNS of the node's Services for the API server's name: kube-proxy, CoreDNS and what they
 * know of the API. 0; 1: no answer yet, *why (static) tells. */
int local_dns_ask(const struct cryo_pid *init, const char **why, struct cryo_err *err);

/* The API server of the node that runs is ready: start those that wait for it. Those that run
 * already are left alone. `services`: local_has_services() of its record. */
int local_services_release(struct local *l, bool services, struct cryo_err *err);

/*
 * Make the node's first process; `first`: that of the first node, for any other one. It waits for
 * local_init_go(); when *go is closed without it (we died), it ends. `rootfs`: lower directory of
 * the overlay.
 */
struct local_init {
	struct cryo_pid pid;
	int go;	    /* owned */
	int status; /* owned: errors of the set-up arrive here, end of file when s6 runs */
};
int local_init_start(const struct local *l, const struct local_node *n, const char *rootfs,
		     const struct cryo_pid *first, struct local_init *out, struct cryo_err *err);
/* Let it go on and wait until s6 has taken over. */
int local_init_go(struct local_init *i, struct cryo_err *err);
void local_init_release(struct local_init *i);
/* Options of the mount of the node's root. Caller frees. */
char *local_overlay_options(const struct local_node *n, const char *rootfs);
/* Make the mount at `root` the root of this process' own mount namespace, and leave the old one. */
int local_pivot(const char *root, struct cryo_err *err);
#define local_init_releasep local_init_release

/*
 * The forwarder: a process of its own (`cryopod internal-forward`), ends with
 * the node. *port 0: any free one, then set. -CRYO_E_UNFIT: the port is taken.
 */
int local_forward_main(unsigned port);			      /* cluster/forward.h */
int local_forward_check(unsigned port, struct cryo_err *err); /* is it free? */
int local_forward_start(const struct local *l, const struct cryo_pid *init, unsigned *port,
			struct cryo_pid *out, struct cryo_err *err);

#define LOCAL_INOTIFY 13u /* inotify instances a node takes, and CRIU one more */
/* How many this user could still have, at most `most`. */
unsigned local_inotify_free(unsigned most);
/* -CRYO_E_UNFIT: not enough for one more node. */
int local_check_inotify(struct cryo_err *err);
/* Did it fail because the kernel took memory back? Then -CRYO_E_UNFIT, and that is said. */
int local_blame_memory(const struct local_node *n, int rc, struct cryo_err *err);

/* The node that is meant; a node of another cluster is a bug. */
const struct local_node *local_find_node(const struct local *l, const struct cryo_cluster_node *n);
/* As many nodes, those that are there first: what is known of them before anything is done. */
void local_set_nodes(struct local *l, size_t n);
/* All of them run: packets of nodes and pods find their way between them. Again: changes nothing.
 */
int local_link_nodes(const struct local *l, struct cryo_err *err);
/* A program in a node: words as cryo_cluster_exec. */
int local_run(const struct local *l, const struct local_node *n, const char *const *argv,
	      int64_t limit_ms, struct cryo_proc_result *res, struct cryo_err *err);

/* Before a dump of the node: rules of iptables become files of its state … */
int local_rules_put_away(const struct local *l, struct cryo_err *err);
/* … and rules again, if there are any, in a node that was restored or was not dumped after all.
 * What cannot be brought back is a warning. */
void local_rules_bring_back(const struct local *l);
/* What makes the tables empty that iptables-save printed, for iptables-restore; appended. */
void local_rules_nothing(const char *saved, struct cryo_str *out);

bool local_prepared(struct cryo_cluster *t, const struct cryo_up_opts *opts);
int local_up(struct cryo_cluster *t, const struct cryo_up_opts *opts, struct cryo_err *err);
int local_down(struct cryo_cluster *t, struct cryo_err *err);
const char *local_state(struct cryo_cluster *t);
int local_status(struct cryo_cluster *t, struct cryo_cluster_status *s, struct cryo_err *err);
int local_kube(struct cryo_cluster *t, struct cryo_kube **out, struct cryo_err *err);
int local_kubelet(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		  struct cryo_kube **out, struct cryo_err *err);
int local_exec(struct cryo_cluster *t, const struct cryo_cluster_node *node,
	       const struct cryo_exec *x, struct cryo_proc_result *res, struct cryo_err *err);
int local_get(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
	      int to, struct cryo_err *err);
int local_put(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
	      const char *to, struct cryo_err *err);
int local_link_out(struct cryo_cluster *t, const struct cryo_cluster_node *node, const char *from,
		   const char *to, struct cryo_err *err);
int local_link(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
	       const char *to, struct cryo_err *err);
int local_runtime_socket(struct cryo_cluster *t, const struct cryo_cluster_node *node, char **path,
			 struct cryo_err *err);
void local_log_argv(const struct cryo_cluster_node *node, const char *service, unsigned tail,
		    bool follow, struct cryo_strv *argv);
int64_t local_memory(struct cryo_cluster *t);
int local_open(const struct cryo_record *r, struct cryo_cluster *t, struct cryo_err *err);
void local_release(struct cryo_cluster *t);

/* Version of a package of a root file system; NULL if it is not in there. Caller frees. */
char *local_package_version(const char *rootfs, const char *package);
/*
 * Version of a node's CRIU, "4.2.1": of the component `criu`, if its stack has one (`built`;
 * `version` may be NULL), else of the package. NULL: not known. Caller frees.
 */
char *local_criu_version(bool built, const char *version, const char *rootfs);

/* The record of a cluster that runs; -CRYO_E_CHECK "cluster 'x' does not run (cryopod up --name
 * x)". */
int local_running(const struct local *l, struct local_record *out, struct cryo_err *err);

#endif
