/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/settle.h"

#include "base/event.h"
#include "sys/intr.h"

#include <string.h>
#include <unistd.h>

#define ASK_MS	  8000 /* longer than a dump takes to end (interposer/settle.c) */
#define CTR_MS	  2000 /* a shim that waits for a runc that hangs does not answer */
#define RESUME_MS 1000 /* for containerd to do it itself */
#define LOOK_MS	  100

/* What it says; "" if nothing. Caller frees. */
static char *call_interposer(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     const char *option, const char *id)
{
	const char *const argv[] = { "criu", option, id, NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_cluster_exec(t, node, &x, &res, &ignored) < 0)
		cryo_debug("%s", ignored.msg);
	return cryo_strdup(cryo_str_get(&res.out));
}

static enum cryo_settled ask_interposer(struct cryo_cluster *t,
					const struct cryo_cluster_node *node, const char *option,
					const char *id)
{
	cryo_auto(cryo_free) char *text = call_interposer(t, node, option, id);

	return cryo_starts_with(text, "running")  ? CRYO_SETTLED_RUNS
	       : cryo_starts_with(text, "frozen") ? CRYO_SETTLED_FROZEN
	       : cryo_starts_with(text, "gone")	  ? CRYO_SETTLED_GONE
						  : CRYO_SETTLED_UNKNOWN;
}

bool cryo_settle_is_root_writable(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				  const char *id)
{
	cryo_auto(cryo_free) char *text = *id ? call_interposer(t, node, "--cryopod-root", id)
					      : NULL;

	return text && cryo_starts_with(text, "writable");
}

enum cryo_settled cryo_settle_look(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				   const char *id)
{
	return *id ? ask_interposer(t, node, "--cryopod-look", id) : CRYO_SETTLED_UNKNOWN;
}

static int ask_containerd(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *verb, const char *id, struct cryo_proc_result *res)
{
	const char *const argv[] = { node->path.ctr, "--address", node->path.socket,
				     "--namespace",  "k8s.io",	  "tasks",
				     verb,	     id,	  NULL };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = CTR_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_cluster_exec(t, node, &x, res, &ignored);

	if (rc < 0)
		cryo_debug("%s", ignored.msg);
	return rc;
}

/* Lines "ID PID STATUS". */
bool cryo_settle_is_paused(const char *tasks, const char *id)
{
	const char *line = *id ? strstr(tasks, id) : NULL;
	const char *end = line ? strchrnul(line, '\n') : NULL;
	const char *word = line ? strstr(line, "PAUSED") : NULL;

	return word && word < end;
}

/* To containerd a container is paused when it has paused it, whatever its group says. */
static bool is_paused_task(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			   const char *id)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };

	return ask_containerd(t, node, "list", NULL, &res) == 0 &&
	       cryo_settle_is_paused(cryo_str_get(&res.out), id);
}

/*
 * By containerd, so that it knows. A stock shim only lets go on what is frozen, and would call
 * the container paused for ever; so one that is not is frozen for that moment.
 */
static void resume_paused_task(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			       const char *id, enum cryo_settled state)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };

	if (state == CRYO_SETTLED_RUNS)
		ask_interposer(t, node, "--cryopod-freeze", id);
	ask_containerd(t, node, "resume", id, &res);
	ask_interposer(t, node, "--cryopod-thaw", id);
}

/* Who froze it may let it go on just now. */
static enum cryo_settled await_running(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				       const char *id, enum cryo_settled state)
{
	for (int ms = 0; state == CRYO_SETTLED_FROZEN && ms < RESUME_MS; ms += LOOK_MS) {
		usleep(LOOK_MS * 1000);
		state = ask_interposer(t, node, "--cryopod-look", id);
	}
	return state;
}

static enum cryo_settled settle_held(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				     const char *id, bool end_dump)
{
	enum cryo_settled state =
	    ask_interposer(t, node, end_dump ? "--cryopod-settle" : "--cryopod-look", id);

	state = await_running(t, node, id, state);
	/* Frozen, and not ours to end: somebody else's dump. */
	if (state != CRYO_SETTLED_RUNS && !(state == CRYO_SETTLED_FROZEN && end_dump))
		return state;
	if (is_paused_task(t, node, id))
		resume_paused_task(t, node, id, state);
	else if (state == CRYO_SETTLED_FROZEN)
		ask_interposer(t, node, "--cryopod-thaw", id);
	return ask_interposer(t, node, "--cryopod-look", id);
}

enum cryo_settled cryo_settle_container(struct cryo_cluster *t,
					const struct cryo_cluster_node *node, const char *id,
					bool end_dump)
{
	enum cryo_settled state;

	if (!*id)
		return CRYO_SETTLED_UNKNOWN;
	cryo_intr_hold();
	state = settle_held(t, node, id, end_dump);
	cryo_intr_release();
	if (state == CRYO_SETTLED_FROZEN)
		cryo_warn("the container is still frozen; see 'cryopod logs containerd'");
	return state;
}
