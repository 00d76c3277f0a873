/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/ended.h"

#include "checkpoint/settle.h"
#include "conf/json.h"

#include <string.h>
#include <unistd.h>

#define TELL_MS 5000 /* the kubelet looks once a second */
#define LOOK_MS 200

static bool read_terminated(const json_t *state, const char *id, int *exit_code)
{
	const char *its = cryo_json_str(state, "terminated.containerID");

	if (!its || !cryo_ends_with(its, id))
		return false;
	*exit_code = (int)cryo_json_int(state, "terminated.exitCode", -1);
	return true;
}

/* Also of one that was started again meanwhile. */
bool cryo_ended_read(const json_t *pod, const char *id, int *exit_code)
{
	static const char *const list[] = { "status.containerStatuses",
					    "status.initContainerStatuses",
					    "status.ephemeralContainerStatuses" };
	json_t *s;
	size_t i;

	for (size_t l = 0; *id && l < CRYO_ARRAY_LEN(list); l++)
		json_array_foreach(cryo_json_at(pod, list[l]), i, s)
			if (read_terminated(json_object_get(s, "state"), id, exit_code) ||
			    read_terminated(json_object_get(s, "lastState"), id, exit_code))
				return true;
	return false;
}

static int await_exit_code(struct cryo_kube *k, const struct cryo_kube_ref *pod, const char *id)
{
	int code = -1;

	for (int ms = 0; ms < TELL_MS; ms += LOOK_MS) {
		cryo_auto(cryo_json_decref) json_t *now = NULL;
		struct cryo_err ignored = CRYO_ERR_INIT;

		if (cryo_kube_get(k, pod, &now, &ignored) < 0 || !now ||
		    cryo_ended_read(now, id, &code))
			break;
		usleep(LOOK_MS * 1000);
	}
	return code;
}

void cryo_ended_look(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		     struct cryo_kube *k, const struct cryo_kube_ref *pod, const char *id,
		     struct cryo_ended *out)
{
	*out = (struct cryo_ended){ .exit_code = -1 };
	if (cryo_settle_look(t, node, id) != CRYO_SETTLED_GONE)
		return;
	out->ended = true;
	out->exit_code = await_exit_code(k, pod, id);
}

char *cryo_ended_show(const struct cryo_ended *e)
{
	return e->exit_code < 0 ? cryo_strdup("ended")
				: cryo_asprintf("ended with %d", e->exit_code);
}
