/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/record.h"

#include "conf/json.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RECORD (1u << 20)
#define MAX_NODES  256

char *cryo_record_path(const char *state, const char *name)
{
	return cryo_asprintf("%s/%s/cluster.json", state ? state : cryo_dir_state(), name);
}

char *cryo_record_lock(const char *name)
{
	return cryo_run_path("%s.lock", name);
}

char *cryo_record_kubeconfig(const char *name)
{
	return cryo_state_path("%s/kubeconfig", name);
}

static int read_record_nodes(const json_t *list, struct cryo_record *out, struct cryo_err *err)
{
	size_t n = json_array_size(list);
	int rc = 0;

	if (n > MAX_NODES)
		return cryo_err_set(err, CRYO_E_CONFIG, "it has %zu nodes", n);
	out->node = n ? cryo_alloc(n * sizeof(*out->node)) : NULL;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = cryo_node_from_record(json_array_get(list, i), &out->node[i], err);
		out->nodes += rc == 0;
	}
	return rc;
}

/* Borrowed until it is kept; NULL if that is not an object. */
static json_t *keep_record_object(const json_t *j, const char *key)
{
	json_t *object = json_object_get(j, key);

	return json_is_object(object) ? json_incref(object) : NULL;
}

int cryo_record_load(const char *path, struct cryo_record *out, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	struct cryo_err why = CRYO_ERR_INIT;
	int rc = cryo_json_load(path, MAX_RECORD, &j, &why);

	*out = (struct cryo_record){ 0 };
	if (rc < 0 && (why.sys_errno == ENOENT || why.sys_errno == ENOTDIR))
		return 1;
	if (rc < 0) {
		*err = why;
		return rc;
	}
	out->kind = cryo_strdup(cryo_json_str(j, "kind"));
	out->stack = cryo_strdup(cryo_json_str(j, "stack"));
	out->stamp = cryo_strdup(cryo_json_str(j, "stamp"));
	out->builds = json_incref(json_object_get(j, "builds"));
	out->created_ns = cryo_json_int(j, "createdNs", 0);
	out->config = keep_record_object(j, "config");
	out->own = keep_record_object(j, "own");
	rc = read_record_nodes(json_object_get(j, "nodes"), out, err);
	if (rc < 0)
		cryo_record_release(out);
	return rc;
}

int cryo_record_save(const char *path, const struct cryo_record *r, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	json_t *nodes = json_array();
	cryo_auto(cryo_json_decref) json_t *j = json_pack(
	    "{ss* ss* ss* sO* sI so sO* sO*}", "kind", r->kind, "stack", r->stack, "stamp",
	    r->stamp, "builds", r->builds, "createdNs", (json_int_t)r->created_ns, "nodes", nodes,
	    "config", r->config, "own", r->own);

	for (size_t i = 0; i < r->nodes; i++)
		json_array_append_new(nodes, cryo_node_to_record(&r->node[i]));
	cryo_json_dump_pretty(j, &text);
	return cryo_fs_write(path, text.p, text.len, 0600, err);
}

void cryo_record_release(struct cryo_record *r)
{
	free(r->kind);
	free(r->stack);
	free(r->stamp);
	json_decref(r->builds);
	for (size_t i = 0; i < r->nodes; i++)
		cryo_node_release(&r->node[i]);
	free(r->node);
	json_decref(r->config);
	json_decref(r->own);
	*r = (struct cryo_record){ 0 };
}
