/* SPDX-License-Identifier: Apache-2.0 */
/* What a cluster of any kind can do: asked of its API server, its first node, their programs. */
#include "cluster/kind.h"

#include "cluster/status.h"
#include "conf/json.h"
#include "criu/log.h"
#include "kube/checkpoint.h"
#include "kube/cri.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS	10000
#define NO_CRIU "no criu in the node"

static void allow_ability(struct cryo_cluster_status *s, enum cryo_capability c, const char *how)
{
	s->can[c].there = true;
	s->can[c].how = cryo_strdup(how);
}

static void deny_ability(struct cryo_cluster_status *s, enum cryo_capability c, const char *why_not)
{
	s->can[c].why_not = cryo_strdup(why_not);
}

/* All that a program of the first node prints; NULL: it cannot be run, or fails. Caller frees. */
static char *ask_first_node(struct cryo_cluster *t, const char *const *argv)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (t->nodes == 0 || cryo_cluster_exec(t, t->node, &x, &res, &ignored) < 0)
		return NULL;
	return cryo_str_detach(&res.out);
}

/* "4.1.1"; NULL without CRIU. Caller frees. */
static char *read_criu_version(struct cryo_cluster *t)
{
	static const char *const argv[] = { "criu", "--version", NULL };
	static const char before[] = "Version: ";
	cryo_auto(cryo_free) char *answer = ask_first_node(t, argv);

	if (!answer || !cryo_starts_with(answer, before))
		return NULL;
	return cryo_strndup(answer + strlen(before), strcspn(answer + strlen(before), "\n"));
}

static bool has_interposer(struct cryo_cluster *t)
{
	static const char *const argv[] = { "criu", "--cryopod-version", NULL };
	cryo_auto(cryo_free) char *answer = ask_first_node(t, argv);

	return answer && cryo_starts_with(answer, "cryopod-criu seal/");
}

static bool answers_checkpoints(struct cryo_kube *k, const char *node, struct cryo_err *err)
{
	bool there = false;

	return cryo_checkpoint_probe(k, node, &there, err) == 0 && there;
}

/* The best form of the request; *err tells of what could not be asked. */
static enum cryo_checkpoint_form find_checkpoint_form(struct cryo_cluster *t, struct cryo_err *err)
{
	cryo_auto(cryo_kube_free) struct cryo_kube *api = NULL, *kubelet = NULL;
	bool there = false;

	if (cryo_cluster_kube(t, &api, err) < 0)
		return CRYO_CHECKPOINT_NONE;
	if (cryo_checkpoint_probe_pods(api, &there, err) == 0 && there)
		return CRYO_CHECKPOINT_PODS;
	if (t->nodes == 0)
		return CRYO_CHECKPOINT_NONE;
	if (answers_checkpoints(api, t->node->name, err))
		return CRYO_CHECKPOINT_PROXY;
	if (cryo_cluster_has_kubelet(t) && cryo_cluster_kubelet(t, t->node, &kubelet, err) == 0 &&
	    answers_checkpoints(kubelet, NULL, err))
		return CRYO_CHECKPOINT_KUBELET;
	return CRYO_CHECKPOINT_NONE;
}

static void probe_checkpoint(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	struct cryo_err why = CRYO_ERR_INIT;
	enum cryo_checkpoint_form form = find_checkpoint_form(t, &why);

	if (form == CRYO_CHECKPOINT_NONE)
		deny_ability(s, CRYO_CAN_CHECKPOINT,
			     *why.msg ? why.msg : "no checkpoint route answers");
	else
		allow_ability(s, CRYO_CAN_CHECKPOINT, cryo_checkpoint_form_name(form));
	if (form == CRYO_CHECKPOINT_PODS)
		allow_ability(s, CRYO_CAN_CHECKPOINT_PODS, NULL);
	else
		deny_ability(s, CRYO_CAN_CHECKPOINT_PODS,
			     "its API server has no pods/checkpoint (stock Kubernetes)");
}

/* For those who may not reach the runtime themselves. */
static int ask_crictl(struct cryo_cluster *t, enum cryo_cri_restore *out)
{
	static const char *const argv[] = { "crictl", "info", NULL };
	cryo_auto(cryo_free) char *answer = ask_first_node(t, argv);
	cryo_auto(cryo_json_decref) json_t *info = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!answer ||
	    cryo_json_parse("answer of crictl", answer, strlen(answer), &info, &ignored) < 0)
		return -1;
	*out = cryo_cri_restore_option(json_object_get(info, "config"));
	return 0;
}

/* NULL: the runtime restores from images; else why not. Caller frees. */
static char *explain_no_restore(struct cryo_cluster *t, const char *socket, const char *no_socket)
{
	enum cryo_cri_restore ability;
	struct cryo_err err = CRYO_ERR_INIT;

	if (!socket && ask_crictl(t, &ability) < 0)
		return cryo_strdup(no_socket);
	if (socket && cryo_cri_restore_ability(socket, &ability, &err) < 0)
		return cryo_strdup(err.msg);
	if (ability == CRYO_CRI_RESTORE_ON)
		return NULL;
	return cryo_strdup(ability == CRYO_CRI_RESTORE_OFF
			       ? "containerd's configuration forbids it "
				 "(enable_experimental_restore_via_create)"
			       : "this containerd cannot restore from images");
}

static void probe_restore(struct cryo_cluster *t, const char *socket, const char *no_socket,
			  struct cryo_cluster_status *s)
{
	cryo_auto(cryo_free) char *why = explain_no_restore(t, socket, no_socket);

	if (why)
		deny_ability(s, CRYO_CAN_RESTORE, why);
	else
		allow_ability(s, CRYO_CAN_RESTORE, "image");
}

static void probe_pod_at_once(const char *socket, const char *no_socket,
			      struct cryo_cluster_status *s)
{
	struct cryo_err err = CRYO_ERR_INIT;
	bool there = false;

	if (!socket)
		deny_ability(s, CRYO_CAN_POD_AT_ONCE, no_socket);
	else if (cryo_cri_has_pod_checkpoint(socket, &there, &err) < 0)
		deny_ability(s, CRYO_CAN_POD_AT_ONCE, err.msg);
	else if (!there)
		deny_ability(s, CRYO_CAN_POD_AT_ONCE, "this containerd has no CheckpointPod");
	else
		allow_ability(s, CRYO_CAN_POD_AT_ONCE, NULL);
}

/* It is asked what it can do: neither its version nor its configuration alone tells. */
static void probe_runtime(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	cryo_auto(cryo_free) char *socket = NULL;
	struct cryo_err err = CRYO_ERR_INIT;

	cryo_cluster_runtime_socket(t, t->node, &socket, &err);
	probe_pod_at_once(socket, err.msg, s);
	probe_restore(t, socket, err.msg, s);
}

/* What the interposer found out by a dump: "yes", or CRIU's reason. NULL: it could not be tried.
 * Caller frees. */
static char *try_socket_dump(struct cryo_cluster *t)
{
	static const char *const argv[] = { "criu", "--cryopod-probe-sockets", NULL };
	cryo_auto(cryo_free) char *answer = ask_first_node(t, argv);
	char *line;

	if (!answer)
		return NULL;
	if (cryo_starts_with(answer, "yes"))
		return cryo_strdup("yes");
	line = cryo_criu_log_decisive(answer);
	return line ? line : cryo_strdup("a process with an IP socket cannot be dumped");
}

/* "<boot> <stamp> yes", or why not. NULL: not known yet. Caller frees. */
static char *read_known_sockets(const char *file, const char *head)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (!cryo_fs_exists(file) || cryo_fs_read(file, 4096, &text, &ignored) < 0 ||
	    !cryo_starts_with(cryo_str_get(&text), head))
		return NULL;
	return cryo_strdup(text.p + strlen(head));
}

/*
 * "yes", or why not; NULL: it could not be tried. Tried once for each boot and
 * build: it is a dump, after all. Caller frees.
 */
static char *find_socket_answer(struct cryo_cluster *t, const struct cryo_cluster_status *s)
{
	cryo_auto(cryo_free) char *file = cryo_asprintf("%s/ip-sockets", t->dir ? t->dir : "");
	cryo_auto(cryo_free) char *boot = cryo_boot_id();
	cryo_auto(cryo_free) char *head = cryo_asprintf("%s %s ", boot, s->stamp ? s->stamp : "?");
	cryo_auto(cryo_free) char *text = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *answer = t->dir ? read_known_sockets(file, head) : NULL;

	if (answer)
		return answer;
	answer = try_socket_dump(t);
	if (!answer || !t->dir)
		return answer;
	text = cryo_asprintf("%s%s", head, answer);
	cryo_fs_write(file, text, strlen(text), 0600, &ignored);
	return answer;
}

static void probe_interposer(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	cryo_auto(cryo_free) char *answer = NULL;

	if (!has_interposer(t)) {
		deny_ability(s, CRYO_CAN_ENCRYPT, "no interposer (cryopod-criu) in the node");
		deny_ability(s, CRYO_CAN_DUMP_SOCKETS, "no interposer in the node to try it");
		return;
	}
	allow_ability(s, CRYO_CAN_ENCRYPT, "seal");
	answer = find_socket_answer(t, s);
	if (cryo_streq(answer, "yes"))
		allow_ability(s, CRYO_CAN_DUMP_SOCKETS, NULL);
	else
		deny_ability(s, CRYO_CAN_DUMP_SOCKETS, answer ? answer : "it could not be tried");
}

/* Without it nothing is checkpointed, whatever answers. */
static void probe_without_criu(struct cryo_cluster_status *s)
{
	static const enum cryo_capability needs[] = { CRYO_CAN_CHECKPOINT, CRYO_CAN_CHECKPOINT_PODS,
						      CRYO_CAN_POD_AT_ONCE, CRYO_CAN_RESTORE,
						      CRYO_CAN_DUMP_SOCKETS };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(needs); i++)
		deny_ability(s, needs[i], NO_CRIU);
	deny_ability(s, CRYO_CAN_ENCRYPT, "no interposer (cryopod-criu) in the node");
}

static void probe_nodes(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	cryo_auto(cryo_free) char *criu = read_criu_version(t);

	allow_ability(s, CRYO_CAN_ACCESS_NODES, NULL);
	if (!criu) {
		probe_without_criu(s);
		return;
	}
	allow_ability(s, CRYO_CAN_RUN_CRIU, criu);
	probe_checkpoint(t, s);
	probe_runtime(t, s);
	probe_interposer(t, s);
}

/* Nothing of what takes a look into a node. */
static void probe_api_alone(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	static const enum cryo_capability beyond[] = { CRYO_CAN_POD_AT_ONCE, CRYO_CAN_RESTORE,
						       CRYO_CAN_ENCRYPT, CRYO_CAN_DUMP_SOCKETS,
						       CRYO_CAN_ACCESS_NODES };
	const struct cryo_cluster_node *none;
	struct cryo_err why = CRYO_ERR_INIT;

	probe_checkpoint(t, s);
	cryo_cluster_find_node(t, NULL, &none, &why);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(beyond); i++)
		deny_ability(s, beyond[i], why.msg);
}

void cryo_cluster_probe(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	if (!s->runs || s->probed)
		return;
	s->probed = true;
	if (cryo_cluster_reaches_nodes(t))
		probe_nodes(t, s);
	else
		probe_api_alone(t, s);
	if (t->nodes > 1)
		allow_ability(s, CRYO_CAN_SEVERAL_NODES, NULL);
	else
		deny_ability(s, CRYO_CAN_SEVERAL_NODES,
			     t->nodes ? "it has one node" : "its nodes are out of reach");
}
