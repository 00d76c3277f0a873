/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/node.h"

#include "conf/json.h"
#include "node/parts.h"

#include <stdlib.h>
#include <string.h>

/* Every path a profile has: its word in the record, and where it is if nobody says so. */
static const struct {
	const char *word;
	size_t offset;
	const char *usual;
} path_rows[] = {
	{ "ctr", offsetof(struct cryo_node_paths, ctr), "ctr" },
	{ "socket", offsetof(struct cryo_node_paths, socket), "/run/containerd/containerd.sock" },
	{ "root", offsetof(struct cryo_node_paths, root), "/var/lib/containerd" },
	{ "state", offsetof(struct cryo_node_paths, state), "/run/containerd" },
	{ "bin", offsetof(struct cryo_node_paths, bin), "/usr/local/bin" },
	{ "run", offsetof(struct cryo_node_paths, run), CRYO_NODE_RUN },
	{ "checkpoints", offsetof(struct cryo_node_paths, checkpoints),
	  "/var/lib/kubelet/checkpoints" },
	{ "transfer", offsetof(struct cryo_node_paths, transfer), "/var/tmp" },
};

static char **find_path_slot(struct cryo_node_paths *p, size_t row)
{
	return (char **)((char *)p + path_rows[row].offset);
}

static const char *get_node_path(const struct cryo_node_paths *p, size_t row)
{
	return *(char *const *)((const char *)p + path_rows[row].offset);
}

const char *cryo_node_role_name(enum cryo_node_role role)
{
	return role == CRYO_NODE_WORKER ? "worker" : "control-plane";
}

void cryo_node_paths_default(struct cryo_node_paths *p)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(path_rows); i++)
		if (!*find_path_slot(p, i))
			*find_path_slot(p, i) = cryo_strdup(path_rows[i].usual);
}

json_t *cryo_node_to_record(const struct cryo_cluster_node *n)
{
	json_t *paths = json_object();

	for (size_t i = 0; i < CRYO_ARRAY_LEN(path_rows); i++)
		if (get_node_path(&n->path, i))
			json_object_set_new(paths, path_rows[i].word,
					    json_string(get_node_path(&n->path, i)));
	return json_pack("{ss ss ss* so}", "name", n->name, "role", cryo_node_role_name(n->role),
			 "address", n->address, "paths", paths);
}

static int read_node_path(const json_t *paths, size_t row, struct cryo_cluster_node *out,
			  struct cryo_err *err)
{
	const char *text = cryo_json_str(paths, path_rows[row].word);

	if (!text)
		return 0;
	if (*text != '/' && (path_rows[row].offset != offsetof(struct cryo_node_paths, ctr) ||
			     strchr(text, '/') || !*text))
		return cryo_err_set(err, CRYO_E_CONFIG, "path '%s' of node '%s' is not absolute",
				    path_rows[row].word, out->name);
	*find_path_slot(&out->path, row) = cryo_strdup(text);
	return 0;
}

int cryo_node_from_record(const json_t *j, struct cryo_cluster_node *out, struct cryo_err *err)
{
	const json_t *paths = cryo_json_at(j, "paths");
	const char *name = cryo_json_str(j, "name");
	int rc = 0;

	*out = (struct cryo_cluster_node){ 0 };
	if (!name || !*name)
		return cryo_err_set(err, CRYO_E_CONFIG, "a node has no name");
	out->name = cryo_strdup(name);
	out->address = cryo_strdup(cryo_json_str(j, "address"));
	if (cryo_streq(cryo_json_str(j, "role"), cryo_node_role_name(CRYO_NODE_WORKER)))
		out->role = CRYO_NODE_WORKER;
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(path_rows); i++)
		rc = read_node_path(paths, i, out, err);
	if (rc < 0)
		cryo_node_release(out);
	else
		cryo_node_paths_default(&out->path);
	return rc;
}

void cryo_node_copy(struct cryo_cluster_node *to, const struct cryo_cluster_node *from)
{
	*to = (struct cryo_cluster_node){ .name = cryo_strdup(from->name),
					  .role = from->role,
					  .address = cryo_strdup(from->address) };
	for (size_t i = 0; i < CRYO_ARRAY_LEN(path_rows); i++)
		*find_path_slot(&to->path, i) = cryo_strdup(get_node_path(&from->path, i));
}

void cryo_node_release(struct cryo_cluster_node *n)
{
	free(n->name);
	free(n->address);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(path_rows); i++)
		free(*find_path_slot(&n->path, i));
	*n = (struct cryo_cluster_node){ 0 };
}
