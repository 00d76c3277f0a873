/* SPDX-License-Identifier: Apache-2.0 */
/* The upper layer of a kind node: images/node/README.md says what is in it. */
#include "nodeimage/inside.h"

#include "conf/json.h"
#include "image/walk.h"
#include "node/parts.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS	   20000
#define MAX_CONFIG 65536
#define CONFIG	   "etc/containerd/config.toml"
#define WHITEOUT   ".wh."
#define OPAQUE	   WHITEOUT WHITEOUT ".opq"

/* Where a node looks for them. */
static const struct node_program {
	const char *component, *program, *place;
} node_programs[] = {
	{ "containerd", "containerd", "usr/local/bin/containerd" },
	{ "containerd", "containerd-shim-runc-v2", "usr/local/bin/containerd-shim-runc-v2" },
	{ "containerd", "ctr", "usr/local/bin/ctr" },
	{ "runc", "runc", "usr/local/sbin/runc" },
	{ "kubernetes", "kubelet", "usr/bin/kubelet" },
	{ "kubernetes", "kubeadm", "usr/bin/kubeadm" },
	{ "kubernetes", "kubectl", "usr/bin/kubectl" },
};

/* What the lower layer has and a node must not have: OCI image-spec 1.1, layer.md, "Whiteouts". */
static int add_hidden(struct cryo_layer *l, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv lines = { 0 };
	int rc = nodeimage_lines("hidden", &lines, err);

	for (size_t i = 0; rc == 0 && i < lines.n; i++) {
		const char *slash = strrchr(lines.v[i], '/');
		int dir = (int)(slash - lines.v[i]);
		cryo_auto(cryo_free) char *name =
		    slash[1] ? cryo_asprintf("%.*s/" WHITEOUT "%s", dir, lines.v[i], slash + 1)
			     : cryo_asprintf("%.*s/" OPAQUE, dir, lines.v[i]);

		rc = cryo_layer_data(l, name, 0644, "", 0, err);
	}
	return rc;
}

static int add_links(struct cryo_layer *l, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv lines = { 0 };
	int rc = nodeimage_lines("links", &lines, err);

	for (size_t i = 0; rc == 0 && i < lines.n; i++) {
		char *space = strchr(lines.v[i], ' ');

		if (!space)
			return cryo_err_set(err, CRYO_E_CONFIG, "links: '%s' names no target",
					    lines.v[i]);
		*space = '\0';
		rc = cryo_layer_link(l, lines.v[i], space + 1, err);
	}
	return rc;
}

/* Its one word that depends on the stack: which image sandboxes are made from. */
static int add_containerd_config(const struct cryo_strv *refs, struct cryo_layer *l,
				 struct cryo_err *err)
{
	static const char word[] = "@PAUSE@";
	cryo_auto(cryo_free) char *path = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 }, out = { 0 };
	const char *pause = nodeimage_ref_of(refs, "pause"), *at;
	int rc = cryo_data_path("images/node/containerd.toml", &path, err);

	if (rc == 0)
		rc = cryo_fs_read(path, MAX_CONFIG, &text, err);
	if (rc < 0)
		return rc;
	at = strstr(cryo_str_get(&text), word);
	if (!at || !pause)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' has no %s", path, word);
	cryo_str_addn(&out, text.p, (size_t)(at - text.p));
	cryo_str_add(&out, pause);
	cryo_str_add(&out, at + strlen(word));
	return cryo_layer_data(l, CONFIG, 0644, out.p, out.len, err);
}

static int list_file(const struct cryo_walk_entry *e, void *arg, struct cryo_err *err)
{
	(void)err;
	cryo_strv_add(arg, e->name);
	return 0;
}

static int list_files(const char *dir, struct cryo_strv *names, struct cryo_err *err)
{
	return cryo_walk_tree(dir, list_file, names, err);
}

/* kind's own first, but those that we have ourselves. */
static int add_files(const struct cryo_nodeimage *n, const struct cryo_strv *refs,
		     struct cryo_layer *l, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *kinds = cryo_nodeimage_program(n, "kind", CRYO_BUILD_FILES);
	cryo_auto(cryo_free) char *ours = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv except = { 0 };
	int rc = cryo_data_path("images/node/files", &ours, err);

	if (rc < 0)
		return rc;
	if (!kinds)
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "component 'kind' was built without its files");
	cryo_strv_add(&except, CONFIG);
	rc = list_files(ours, &except, err);
	if (rc == 0)
		rc = cryo_layer_files(l, "", kinds, &except, err);
	if (rc == 0)
		rc = cryo_layer_files(l, "", ours, NULL, err);
	return rc < 0 ? rc : add_containerd_config(refs, l, err);
}

static int add_programs(const struct cryo_nodeimage *n, struct cryo_layer *l, struct cryo_err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(node_programs); i++) {
		const struct node_program *p = &node_programs[i];
		cryo_auto(cryo_free) char *path =
		    cryo_nodeimage_program(n, p->component, p->program);

		if (!path)
			return cryo_err_set(err, CRYO_E_PROVISION,
					    "component '%s' has no program '%s'", p->component,
					    p->program);
		rc = cryo_layer_file(l, p->place, 0755, path, err);
	}
	return rc;
}

/* As in every node: what runc calls is the interposer, and that calls the real one. */
static int add_criu(const struct cryo_nodeimage *n, struct cryo_layer *l, struct cryo_err *err)
{
	const struct cryo_node_part *const shipped[] = { &cryo_node_interposer,
							 &cryo_node_preload };
	cryo_auto(cryo_str_release) struct cryo_str conf = { 0 };
	const struct cryo_built *b = cryo_build_find(&n->build, "criu");
	int rc = b ? cryo_layer_files(l, "opt/cryopod/criu", b->dir, NULL, err) : 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(shipped); i++) {
		cryo_auto(cryo_free) char *place =
		    cryo_asprintf("usr/local/bin/%s", shipped[i]->as);
		cryo_auto(cryo_free) char *path = NULL;

		rc = cryo_data_path(shipped[i]->from, &path, err);
		if (rc == 0)
			rc = cryo_layer_file(l, place, 0755, path, err);
	}
	if (rc < 0)
		return rc;
	cryo_node_criu_conf(b ? "/opt/cryopod/criu/criu" : "/usr/sbin/criu", NULL, CRYO_NODE_RUN,
			    &conf);
	return cryo_layer_data(l, CRYO_NODE_CRIU_CONF + 1, 0644, conf.p, conf.len, err);
}

/*
 * The runtime's own default without limits, as kind makes it; but without kind's hook: the files
 * that it binds into each container are none of CRIU's, which then refuses the dump.
 */
static int add_runtime_spec(const struct cryo_nodeimage *n, struct cryo_layer *l,
			    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *ctr = cryo_nodeimage_program(n, "containerd", "ctr");
	const char *const argv[] = { ctr ? ctr : "ctr", "oci", "spec", NULL };
	cryo_auto(cryo_free) char *answer = NULL;
	cryo_auto(cryo_json_decref) json_t *spec = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	int rc = cryo_proc_output(argv, ASK_MS, &answer, err);

	if (rc == 0)
		rc =
		    cryo_json_parse("answer of 'ctr oci spec'", answer, strlen(answer), &spec, err);
	if (rc < 0)
		return rc;
	json_object_del(cryo_json_at(spec, "process"), "rlimits");
	cryo_json_dump_pretty(spec, &text);
	return cryo_layer_data(l, "etc/containerd/cri-base.json", 0644, text.p, text.len, err);
}

static int add_pieces(const struct cryo_nodeimage *n, const char *lower, const char *work,
		      struct cryo_layer *l, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv refs = { 0 };
	int rc = nodeimage_refs(n, &refs, err);

	if (rc == 0 && !n->onto)
		rc = add_hidden(l, err);
	if (rc == 0)
		rc = add_files(n, &refs, l, err);
	if (rc == 0)
		rc = add_links(l, err);
	if (rc == 0)
		rc = add_programs(n, l, err);
	if (rc == 0)
		rc = add_criu(n, l, err);
	if (rc == 0)
		rc = add_runtime_spec(n, l, err);
	if (rc == 0)
		rc = cryo_layer_dir(l, "etc/kubernetes/manifests", 0755, err);
	/* One line, or kind refuses it. */
	if (rc == 0)
		rc = cryo_layer_data(l, "kind/version", 0644, n->version, strlen(n->version), err);
	return rc < 0 ? rc : nodeimage_add_images(n, &refs, lower, work, l, err);
}

int nodeimage_write_top(const struct cryo_nodeimage *n, const char *lower, const char *work,
			const char *path, struct cryo_err *err)
{
	cryo_auto(cryo_layer_free) struct cryo_layer *l = NULL;
	int rc = cryo_layer_new(path, &l, err);

	if (rc == 0)
		rc = add_pieces(n, lower, work, l, err);
	return rc < 0 ? rc : cryo_layer_finish(l, err);
}
