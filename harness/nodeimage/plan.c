/* SPDX-License-Identifier: Apache-2.0 */
#include "nodeimage/inside.h"

#include "image/oci.h"
#include "node/parts.h"
#include "recipe/users.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS	 20000
#define MAX_LIST 65536

/* kubeadm starts a cluster with them, whatever else the stack wants. */
static const char *const kubernetes_needed[] = {
	"kubelet",	  "kubeadm",   "kubectl", "kube-apiserver", "kube-controller-manager",
	"kube-scheduler", "kube-proxy"
};

static int add_kubernetes_programs(struct cryo_stack *s, struct cryo_err *err)
{
	struct cryo_component *c = (struct cryo_component *)cryo_stack_find(s, "kubernetes");

	if (!c)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "%s: a node image needs a component 'kubernetes'", s->file);
	if (c->programs.n == 0)
		return 0;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(kubernetes_needed); i++)
		if (!cryo_strv_has(&c->programs, kubernetes_needed[i]))
			cryo_strv_add(&c->programs, kubernetes_needed[i]);
	return 0;
}

/* What the stack does not have itself. */
static int plan_extra(struct cryo_nodeimage *n, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv only = { 0 };

	for (size_t i = 0; i < n->extra.n; i++) {
		const char *name = n->extra.component[i].name;
		bool is_base = strcmp(name, "kind-base") == 0;

		if (!cryo_stack_find(&n->stack, name) && !(n->onto && is_base))
			cryo_strv_add(&only, name);
	}
	return only.n == 0 ? 0 : cryo_build_plan(&n->extra, cryo_strv_get(&only), &n->more, err);
}

int cryo_nodeimage_plan(const char *stack, const char *onto, struct cryo_nodeimage *out,
			struct cryo_err *err)
{
	cryo_auto(cryo_nodeimage_release) struct cryo_nodeimage n = { .onto = cryo_strdup(onto) };
	cryo_auto(cryo_free) char *extra = NULL;
	int rc = cryo_stack_load(stack ? stack : "upstream", &n.stack, err);

	if (rc == 0)
		rc = add_kubernetes_programs(&n.stack, err);
	if (rc == 0)
		rc = cryo_data_path("images/node/kind.yaml", &extra, err);
	if (rc == 0)
		rc = cryo_stack_load(extra, &n.extra, err);
	if (rc == 0)
		rc = cryo_build_plan_nodes(&n.stack, &n.build, err);
	if (rc == 0)
		rc = plan_extra(&n, err);
	if (rc < 0)
		return rc;
	*out = n;
	n = (struct cryo_nodeimage){ 0 };
	return 0;
}

size_t cryo_nodeimage_missing(const struct cryo_nodeimage *n)
{
	size_t missing = 0;

	for (size_t i = 0; i < n->build.n; i++)
		missing += !n->build.item[i].up_to_date;
	for (size_t i = 0; i < n->more.n; i++)
		missing += !n->more.item[i].up_to_date;
	return missing;
}

static const struct cryo_built *find_built(const struct cryo_nodeimage *n, const char *component)
{
	const struct cryo_built *b = cryo_build_find(&n->build, component);

	return b ? b : cryo_build_find(&n->more, component);
}

char *cryo_nodeimage_program(const struct cryo_nodeimage *n, const char *component,
			     const char *program)
{
	const struct cryo_built *b = find_built(n, component);
	cryo_auto(cryo_free) char *path = b ? cryo_asprintf("%s/%s", b->dir, program) : NULL;

	return path && cryo_fs_exists(path) ? cryo_steal(&path) : NULL;
}

/* Of a tree nobody may have named it: the program knows. */
static int find_version(struct cryo_nodeimage *n, struct cryo_err *err)
{
	const struct cryo_component *c = cryo_stack_find(&n->stack, "kubernetes");
	cryo_auto(cryo_free) char *kubelet = cryo_nodeimage_program(n, "kubernetes", "kubelet");
	const char *const argv[] = { kubelet ? kubelet : "kubelet", "--version", NULL };
	cryo_auto(cryo_free) char *answer = NULL;
	const char *v;
	int rc;

	free(n->version);
	n->version = cryo_strdup(c->source.version);
	if (n->version)
		return 0;
	rc = cryo_proc_output(argv, ASK_MS, &answer, err);
	if (rc < 0)
		return rc;
	v = strrchr(answer, ' ');
	if (!v || v[1] != 'v')
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "the kubelet does not report its version: '%s'", answer);
	n->version = cryo_strdup(v + 1);
	return 0;
}

static int hash_shipped(struct cryo_hash *h, struct cryo_err *err)
{
	const char *const shipped[] = { cryo_node_interposer.from, cryo_node_preload.from,
					"libexec/pause" };
	cryo_auto(cryo_free) char *dir = NULL;
	char hex[CRYO_HASH_HEX];
	int rc = cryo_data_path("images/node", &dir, err);

	if (rc == 0)
		rc = cryo_hash_tree(dir, hex, err);
	if (rc == 0)
		cryo_hash_item(h, hex);
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(shipped); i++) {
		cryo_auto(cryo_free) char *path = NULL;

		rc = cryo_data_path(shipped[i], &path, err);
		if (rc == 0)
			rc = cryo_hash_file(path, hex, err);
		if (rc == 0)
			cryo_hash_item(h, hex);
	}
	return rc;
}

static int make_key(struct cryo_nodeimage *n, struct cryo_err *err)
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();
	char stamp[CRYO_HASH_HEX], hex[CRYO_HASH_HEX];
	int rc;

	cryo_hash_item(h, NODEIMAGE_REVISION);
	cryo_hash_item(h, cryo_oci_arch());
	cryo_build_stamp(&n->build, stamp);
	cryo_hash_item(h, stamp);
	cryo_build_stamp(&n->more, stamp);
	cryo_hash_item(h, stamp);
	rc = hash_shipped(h, err);
	if (rc == 0 && n->onto) {
		rc = cryo_hash_file(n->onto, hex, err);
		cryo_hash_item(h, hex);
	}
	cryo_hash_hex(h, n->key);
	return rc;
}

/* A tag has no '+'. */
static char *make_ref(const struct cryo_nodeimage *n)
{
	char *ref =
	    cryo_asprintf(CRYO_NODEIMAGE_NAME ":%s-%s-%.12s", n->version, n->stack.name, n->key);

	for (char *p = ref; *p; p++)
		if (*p == '+')
			*p = '_';
	return ref;
}

int cryo_nodeimage_build(struct cryo_nodeimage *n, const struct cryo_fetch_opts *fetch,
			 struct cryo_err *err)
{
	int rc = cryo_build_run(&n->build, fetch, err);

	if (rc == 0)
		rc = cryo_build_run(&n->more, fetch, err);
	if (rc == 0)
		rc = find_version(n, err);

	if (rc == 0)
		rc = make_key(n, err);
	if (rc < 0)
		return rc;
	cryo_users_note_stack(&n->stack, &n->build);
	cryo_users_note_stack(&n->extra, &n->more);
	free(n->ref);
	n->ref = make_ref(n);
	return 0;
}

void cryo_nodeimage_release(struct cryo_nodeimage *n)
{
	cryo_build_release(&n->build);
	cryo_build_release(&n->more);
	cryo_stack_release(&n->stack);
	cryo_stack_release(&n->extra);
	free(n->version);
	free(n->ref);
	free(n->onto);
	*n = (struct cryo_nodeimage){ 0 };
}

int nodeimage_lines(const char *file, struct cryo_strv *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *relative = cryo_asprintf("images/node/%s", file);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *path = NULL;
	char *line, *rest;
	int rc = cryo_data_path(relative, &path, err);

	if (rc == 0)
		rc = cryo_fs_read_regular(path, MAX_LIST, &text, err);
	if (rc < 0)
		return rc;
	rest = text.p;
	while ((line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			cryo_strv_add(out, line);
	return 0;
}

int nodeimage_refs(const struct cryo_nodeimage *n, struct cryo_strv *refs, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *kubeadm = cryo_nodeimage_program(n, "kubernetes", "kubeadm");
	const char *const argv[] = { kubeadm ? kubeadm : "kubeadm", "config",	"images", "list",
				     "--kubernetes-version",	    n->version, NULL };
	cryo_auto(cryo_free) char *answer = NULL;
	char *line, *rest;
	int rc = cryo_proc_output(argv, ASK_MS, &answer, err);

	if (rc < 0)
		return rc;
	rest = answer;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			cryo_strv_add(refs, line);
	return 0;
}

const char *nodeimage_ref_of(const struct cryo_strv *refs, const char *program)
{
	cryo_auto(cryo_free) char *end = cryo_asprintf("/%s:", program);

	for (size_t i = 0; i < refs->n; i++)
		if (strstr(refs->v[i], end))
			return refs->v[i];
	return NULL;
}
