/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files up*.c: one `up` on its way. */
#ifndef CRYO_CLUSTER_LOCAL_UP_UP_H
#define CRYO_CLUSTER_LOCAL_UP_UP_H

#include "cluster/local/local.h"

struct template;
struct template_times;

struct up {
	struct local *l;
	const struct cryo_up_opts *opts;
	struct cryo_stack stack;
	struct cryo_build build;
	struct local_record record;
	int64_t deadline;
	bool fresh; /* there was no such cluster: it may come from a template, and become one */
	char key[CRYO_HASH_HEX]; /* of the template; "" until it is known */
	json_t *inputs;		 /* what the key was made from */
	bool made;		 /* a template, by us */
	json_t *pods;		 /* of the snapshot it came from: they start once more */
};

/* The record's part that tells what it is made from. */
void up_describe(struct up *u);
/* What an init of before left behind goes: its cgroups hold what is left of its processes. */
int up_clear(struct up *u, struct cryo_err *err);
/* Nothing of the cluster is left but its port in our record. */
int up_forget(struct up *u, struct cryo_err *err);
/* The way in from this machine: forwarder and kubeconfig. One that works is left. */
int up_forward(struct up *u, struct cryo_err *err);
/* Gives the last error of all the status that people see. */
int up_verdict(int rc, struct cryo_err *err);
int up_check_space(const struct up *u, struct cryo_err *err);
/* As many as were asked for can be; -CRYO_E_USAGE. */
int up_check_nodes(const struct up *u, struct cryo_err *err);
/* Behind a first node that is Ready: those that are wanted or were there, until they are Ready. */
int up_workers(struct up *u, struct cryo_err *err);
/* What the record says of all nodes, before one is started. */
void up_tell_nodes(struct up *u);
/* A node that runs, in whatever state it is: what is missing until it can be used. */
int up_settle(struct up *u, struct cryo_err *err);
/* A node that was restored: until the API server, the node and its kubelet answer. No events. */
int up_wait_quietly(struct up *u, struct cryo_err *err);

/*
 * 0: the node is restored and Ready. 1: there is no template that fits, or it was
 * of no use; then it is gone, people were told, and nothing of the cluster is left.
 */
int up_from_template(struct up *u, struct cryo_err *err);
/* Is there one that fits, or can none be made? Then nothing has to wait for one. */
bool up_has_template(struct up *u);
/* Record, disk and node of that template or snapshot, u->key, as u->record describes it. */
int up_restore(struct up *u, const struct template *t, struct template_times *times,
	       struct cryo_err *err);
/* Ends the step. */
void up_say_restored(struct up *u, const struct template *t, const struct template_times *times,
		     int64_t total);
/* The snapshot that the options name. No other way: a failure leaves nothing of the cluster. */
int up_from_snapshot(struct up *u, struct cryo_err *err);
bool up_has_snapshot(struct up *u); /* and it fits */
/*
 * After a cold start. 0: the node runs as it did, there is or will be no template.
 * 1: it is dead, and in most cases there is one; nothing of the cluster is left.
 */
int up_make_template(struct up *u, struct cryo_err *err);

#endif
