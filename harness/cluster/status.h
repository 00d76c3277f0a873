/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster is, what runs in it and what it can do: looked at, not remembered. A
 * kind fills in what it knows (ops->status); what a cluster can do is found out in one
 * way for all kinds. There is one form for people and one for programs
 * (docs/architecture.md, "status").
 */
#ifndef CRYO_CLUSTER_STATUS_H
#define CRYO_CLUSTER_STATUS_H

#include "base/str.h"
#include "cluster/node.h"

#include <jansson.h>
#include <sys/types.h>

struct cryo_cluster;

struct cryo_service_status {
	char *name; /* owned, as all strings here that are not const */
	bool up;
	int64_t pid;	 /* -1: it does not run */
	int64_t seconds; /* that it has been up or down */
	char *version, *stamp;
};

struct cryo_node_status {
	char *name;
	enum cryo_node_role role;
	/* All that an API server tells, of a node whose services are not ours. */
	struct {
		bool only; /* nothing else is known of it */
		bool ready;
		char *kubelet, *runtime; /* versions */
	} api;
	int64_t pid; /* of its init; 0: it does not run */
	struct cryo_service_status *service;
	size_t services;
	struct {
		int64_t files, bytes; /* archives of restored pods that it keeps */
		int64_t copied;	      /* bytes of them that are nowhere else */
	} pages;		      /* if `counted` */
};

enum cryo_capability {
	CRYO_CAN_CHECKPOINT,
	CRYO_CAN_CHECKPOINT_PODS,
	CRYO_CAN_POD_AT_ONCE,
	CRYO_CAN_RESTORE,
	CRYO_CAN_ENCRYPT,
	CRYO_CAN_DUMP_SOCKETS,
	CRYO_CAN_RUN_CRIU,
	CRYO_CAN_ACCESS_NODES,
	CRYO_CAN_SEVERAL_NODES,
	CRYO_CAPABILITIES
};

struct cryo_ability {
	bool there;
	char *how;     /* if it is, and there are ways to tell apart: "pods" */
	char *why_not; /* one line */
};

struct cryo_cluster_status {
	char *name;
	const char *kind;
	const char *state; /* "running", "stopped" …: cryo_cluster_state() */
	char *reason;	   /* why it cannot be asked */
	char *kubeconfig, *context;
	bool made; /* by us: the next four */
	char *stack, *stamp;
	json_t *builds; /* of its record; NULL: none */
	int64_t created_ns;
	const char *origin; /* "cold", "template", "snapshot"; NULL: its kind knows only one */
	char *from;	    /* key of that template, name of that snapshot */
	int64_t copy_ms, criu_ms, ready_ms; /* what its restore took, if `from` */
	struct {
		char *cluster; /* as kind calls it; NULL: its nodes are in no engine */
		char *image, *name;
		bool private;
		char *socket; /* of a private one that runs */
	} engine;
	struct {
		bool there; /* it is reached by one */
		unsigned port;
		int64_t pid; /* 0: it does not run */
	} forwarder;
	bool runs;	/* what follows is known */
	int64_t memory; /* bytes that its processes hold for themselves; -1: not known */
	struct cryo_node_status *node;
	size_t nodes;
	bool counted; /* pages of its nodes: cryo_node_pages_count() */
	bool probed;  /* cryo_cluster_probe() */
	struct cryo_ability can[CRYO_CAPABILITIES];
};

/* All but what it can do. Works in every state; `out` needs no release after a failure. */
int cryo_cluster_status(struct cryo_cluster *t, struct cryo_cluster_status *out,
			struct cryo_err *err);
/* What it can do, if it runs: asked of its API server, its first node and their programs. */
void cryo_cluster_probe(struct cryo_cluster *t, struct cryo_cluster_status *s);
void cryo_cluster_status_release(struct cryo_cluster_status *s);
#define cryo_cluster_status_releasep cryo_cluster_status_release

/* For kinds, as they fill one in. The name is copied. */
struct cryo_node_status *cryo_status_add_node(struct cryo_cluster_status *s,
					      const struct cryo_cluster_node *n);
struct cryo_service_status *cryo_status_add_service(struct cryo_node_status *n, const char *name);

/* The node of that name; NULL: it is not known. Borrowed. */
const struct cryo_node_status *cryo_status_find_node(const struct cryo_cluster_status *s,
						     const char *name);

/* By its word in statuses and in a scenario's `needs`, "pods-checkpoint"; NULL: there is none such.
 * Borrowed. */
const struct cryo_ability *cryo_status_ability(const struct cryo_cluster_status *s,
					       const char *name);

/* New reference. */
json_t *cryo_status_to_json(const struct cryo_cluster_status *s);
/* For people: lines, appended. */
void cryo_status_to_text(const struct cryo_cluster_status *s, struct cryo_str *out);

#endif
