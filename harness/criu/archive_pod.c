/* SPDX-License-Identifier: Apache-2.0 */
#include "criu/archive_pod.h"

#include <string.h>

#define MAX_VOLUMES 256
#define MAX_PATH    4096
#define MESSAGE_KEY "io.kubernetes.container.terminationMessagePath"

/* A path may have blanks and any letters, but nothing that moves a terminal's cursor. */
static bool is_harmless_path(const char *path)
{
	const unsigned char *s = (const unsigned char *)path;

	if (strlen(path) > MAX_PATH)
		return false;
	for (; *s; s++)
		if (*s < ' ' || *s == 0x7f || (*s == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f))
			return false;
	return true;
}

static bool is_in_every_pod(const char *at, const char *message_path)
{
	static const char *const known[] = { "/etc/hosts", "/dev/termination-log", "/etc/hostname",
					     "/etc/resolv.conf", "/dev/shm" };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(known); i++)
		if (strcmp(at, known[i]) == 0)
			return true;
	return cryo_streq(at, message_path);
}

/* What the kubelet asked for; the runtime adds what the image calls a volume. */
static bool is_mount_of_pod(const json_t *status, const char *at)
{
	const json_t *mounts = json_object_get(status, "mounts");

	return !json_is_array(mounts) || cryo_json_find(mounts, "container_path", at);
}

static int take_archive_mounts(const json_t *spec, const json_t *status, struct cryo_archive *a,
			       struct cryo_err *err)
{
	const json_t *notes = cryo_json_at(status, "annotations");
	const char *message_path = json_string_value(json_object_get(notes, MESSAGE_KEY));
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(spec, "mounts"), i, m) {
		const char *at = cryo_json_str(m, "destination");

		if (!cryo_streq(cryo_json_str(m, "type"), "bind") || !at)
			continue;
		if (!is_harmless_path(at))
			return cryo_err_set(err, CRYO_E_CONFIG,
					    "spec.dump: the 'destination' of mount %zu is too long "
					    "or has control characters",
					    i);
		if (is_in_every_pod(at, message_path) || a->volumes.n == MAX_VOLUMES)
			continue;
		cryo_strv_add(is_mount_of_pod(status, at) ? &a->volumes : &a->image_volumes, at);
	}
	return 0;
}

void cryo_archive_note_namespace(struct cryo_archive_namespaces *n, const char *member)
{
	if (cryo_starts_with(member, "checkpoint/netns-"))
		n->net = true;
	else if (cryo_starts_with(member, "checkpoint/ipcns-"))
		n->ipc = true;
	else if (strcmp(member, "checkpoint/pidns-1.img") == 0)
		n->node_pid = true;
}

/* containerd names the namespaces of the pod by path, also where they are the node's. */
static void take_archive_namespaces(const json_t *spec, const struct cryo_archive_namespaces *n,
				    struct cryo_archive *a)
{
	const json_t *list = cryo_json_at(spec, "linux.namespaces");
	const char *path = cryo_json_str(cryo_json_find(list, "type", "pid"), "path");
	bool shared = path && *path;

	if (!json_is_array(list))
		return;
	a->host_network = !cryo_json_find(list, "type", "network") || !n->net;
	a->host_ipc = !cryo_json_find(list, "type", "ipc") || !n->ipc;
	a->host_pid = !cryo_json_find(list, "type", "pid") || (shared && n->node_pid);
	a->shared_pid = shared && !a->host_pid;
}

int cryo_archive_take_pod(const json_t *spec, const json_t *status,
			  const struct cryo_archive_namespaces *namespaces, struct cryo_archive *a,
			  struct cryo_err *err)
{
	take_archive_namespaces(spec, namespaces, a);
	a->read_only_root = cryo_json_bool(spec, "root.readonly");
	return take_archive_mounts(spec, status, a, err);
}
