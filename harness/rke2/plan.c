/* SPDX-License-Identifier: Apache-2.0 */
#include "rke2/plan.h"

#include "conf/json.h"
#include "node/parts.h"
#include "rke2/digest.h"
#include "rke2/ref.h"
#include "rke2/runtime.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GATE "feature-gates=ContainerCheckpoint=true"
/* Not /run/cryopod: the node may be a machine where cryopod has clusters of its own. */
#define RUN	  "/run/cryopod-node"
#define LIBRARIES "cryopod-libs" /* below bin/: the real CRIU and what it is linked with */

struct planned {
	const struct cryo_rke2_node *node;
	const struct cryo_rke2_build *build;
	bool swap;
	json_t *plan, *steps, *back;
	char *ref, *into, *dir, *bin; /* dir: absolute, of `into` */
	char *image_ref;	      /* of the API server; NULL: the release's own */
};

static void name_build(const struct cryo_rke2_build *b, char id[CRYO_HASH_HEX])
{
	cryo_auto(cryo_hash_free) struct cryo_hash *h = cryo_hash_new();

	for (size_t i = 0; i < b->n; i++) {
		cryo_hash_item(h, b->product[i].name);
		cryo_hash_item(h, b->product[i].sha256);
	}
	cryo_hash_hex(h, id);
	id[12] = '\0';
}

static json_t *pack_products(const struct cryo_rke2_build *b)
{
	json_t *all = json_array();

	for (size_t i = 0; i < b->n; i++) {
		const struct cryo_rke2_product *p = &b->product[i];

		json_array_append_new(all, json_pack("{ss ss ss sI sb}", "name", p->name, "source",
						     p->source, "sha256", p->sha256, "bytes",
						     (json_int_t)p->bytes, "image", p->image));
	}
	return all;
}

/* {sha256, mode, uid, gid} of what is there, or null. */
static json_t *describe_file(const char *path)
{
	char digest[CRYO_HASH_HEX];
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
	    cryo_rke2_digest(path, digest, &ignored) < 0)
		return json_null();
	return json_pack("{ss si si si}", "sha256", digest, "mode", (int)(st.st_mode & 07777),
			 "uid", (int)st.st_uid, "gid", (int)st.st_gid);
}

/* Directories above it that are not there yet, the uppermost first. */
static json_t *list_missing_dirs(const char *path)
{
	json_t *all = json_array();

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		cryo_auto(cryo_free) char *dir = cryo_strndup(path, (size_t)(slash - path));

		if (!cryo_fs_exists(dir))
			json_array_append_new(all, json_string(dir));
	}
	return all;
}

static size_t add_step(struct planned *p, json_t *step)
{
	json_array_append_new(p->steps, step);
	return json_array_size(p->steps) - 1;
}

static void add_back(struct planned *p, const char *kind, size_t of)
{
	json_array_append_new(p->back, json_pack("{ss si}", "kind", kind, "of", (int)of));
}

static size_t add_file(struct planned *p, const char *path, mode_t mode, const char *content)
{
	char digest[CRYO_HASH_HEX];

	cryo_hash_bytes(content, strlen(content), digest);
	return add_step(p, json_pack("{ss ss si ss ss so so}", "kind", "file", "path", path, "mode",
				     (int)mode, "sha256", digest, "content", content, "before",
				     describe_file(path), "newDirs", list_missing_dirs(path)));
}

static void add_list(struct cryo_str *s, const char *key, const char *value)
{
	cryo_str_addf(s, "%s+:\n  - %s\n", key, value);
}

static char *write_dropin(const struct planned *p)
{
	bool server = p->node->role[0] == 's';
	struct cryo_str s = { 0 };

	cryo_str_addf(&s,
		      "# Made by `cryopod node install`; `cryopod node rollback` removes it.\n");
	if (!p->swap)
		cryo_str_addf(&s, "runtime-image: %s\n", p->ref);
	if (p->image_ref)
		cryo_str_addf(&s, "kube-apiserver-image: %s\n", p->image_ref);
	add_list(&s, "kubelet-arg", GATE);
	if (server) {
		add_list(&s, "kube-apiserver-arg", GATE);
		add_list(&s, "kube-controller-manager-arg", GATE);
	}
	return cryo_str_detach(&s);
}

static const struct cryo_rke2_product *find_product(const struct cryo_rke2_build *b,
						    const char *name)
{
	for (size_t i = 0; i < b->n; i++)
		if (!b->product[i].image && strcmp(b->product[i].name, name) == 0)
			return &b->product[i];
	return NULL;
}

/* What the interposer is told, and what somebody has told it before. */
static char *write_criu_conf(const struct planned *p, const char *path)
{
	struct cryo_str s = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str old = { 0 };
	cryo_auto(cryo_free) char *libraries = cryo_asprintf("%s/" LIBRARIES, p->bin);
	cryo_auto(cryo_free) char *criu = cryo_asprintf("%s/criu", libraries);
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *save = NULL, *line;

	cryo_node_criu_conf(criu, libraries, RUN, &s);
	if (cryo_fs_read_regular(path, 1u << 20, &old, &ignored) < 0 || !old.p)
		return cryo_str_detach(&s);
	for (line = strtok_r(old.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!cryo_starts_with(line, "criu ") && !cryo_starts_with(line, "libraries ") &&
		    !cryo_starts_with(line, "run "))
			cryo_str_addf(&s, "%s\n", line);
	return cryo_str_detach(&s);
}

static char *kept_path(const struct planned *p)
{
	return cryo_asprintf("%s/data/" CRYO_RKE2_KEPT "%s", p->node->data_dir, p->node->current);
}

static size_t plan_keep(struct planned *p)
{
	cryo_auto(cryo_free) char *from =
	    cryo_asprintf("%s/data/%s", p->node->data_dir, p->node->current);
	cryo_auto(cryo_free) char *to = kept_path(p);

	return add_step(p, json_pack("{ss ss ss}", "kind", "keep", "from", from, "to", to));
}

static size_t plan_stage(struct planned *p)
{
	cryo_auto(cryo_free) char *base = kept_path(p);

	return add_step(p, json_pack("{ss ss ss ss}", "kind", "stage", "base", base, "to", p->dir,
				     "ref", p->ref));
}

/* What the programs of ours replace; null where there is none of that name. */
static size_t plan_swap(struct planned *p)
{
	json_t *before = json_object();

	for (size_t i = 0; i < p->build->n; i++) {
		const struct cryo_rke2_product *x = &p->build->product[i];
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", p->bin, x->name);

		if (!x->image)
			json_object_set_new(before, x->name, describe_file(path));
	}
	return add_step(p,
			json_pack("{ss ss so}", "kind", "swap", "dir", p->bin, "before", before));
}

static size_t plan_image(struct planned *p)
{
	cryo_auto(cryo_free) char *path =
	    cryo_asprintf("%s/agent/images/cryopod-kube-apiserver-%s.tar", p->node->data_dir,
			  strrchr(p->image_ref, ':') + 1);

	return add_step(p, json_pack("{ss ss ss so}", "kind", "image", "path", path, "ref",
				     p->image_ref, "newDirs", list_missing_dirs(path)));
}

/* For containerd; *first is the step of the first of them. */
static size_t plan_runtime(struct planned *p, size_t *first)
{
	cryo_auto(rke2_runtime_release) struct rke2_runtime r = { 0 };

	if (!find_product(p->build, "containerd"))
		return 0;
	rke2_runtime_find(p->node, &r);
	*first = json_array_size(p->steps);
	for (size_t i = 0; i < r.n; i++)
		add_file(p, r.file[i].path, 0644, r.file[i].content);
	if (r.template)
		rke2_add_obstacle(
		    p->plan, true, "begin it with: imports = [\"" RKE2_RUNTIME_CONF "\"]",
		    "the containerd template '%s' drops our settings: nothing could be "
		    "restored on this node",
		    r.template);
	if (r.unknown)
		rke2_add_note(p->plan,
			      "'%s' does not exist yet: containerd cannot restore until you start "
			      "the service and install again",
			      r.unknown);
	return r.n;
}

/*
 * What makes RKE2 use our programs comes last: until then a start of RKE2 finds all as it was.
 * On the way back it goes first, but not before the original is there again.
 */
static void plan_steps(struct planned *p)
{
	cryo_auto(cryo_free) char *conf = cryo_asprintf("%s" CRYO_NODE_CRIU_CONF, p->node->root);
	cryo_auto(cryo_free) char *dropin =
	    cryo_asprintf("%s.d/" CRYO_RKE2_DROPIN, p->node->config_file);
	cryo_auto(cryo_free) char *text = write_dropin(p);
	bool image = p->image_ref && !p->build->apiserver_image;
	size_t keep = p->swap ? 0 : plan_keep(p), stage = p->swap ? 0 : plan_stage(p);
	size_t at_image = image ? plan_image(p) : 0, at_conf = 0, at_dropin, at_swap = 0;
	size_t at_runtime = 0, runtimes = plan_runtime(p, &at_runtime);
	bool criu = find_product(p->build, "criu") != NULL;

	if (criu) {
		cryo_auto(cryo_free) char *words = write_criu_conf(p, conf);

		at_conf = add_file(p, conf, 0644, words);
	}
	if (p->swap)
		at_swap = plan_swap(p);
	at_dropin = add_file(p, dropin, 0600, text);
	add_step(p, json_pack("{ss ss}", "kind", "restart", "unit", p->node->unit));
	if (p->swap)
		add_back(p, "unswap", at_swap);
	else
		add_back(p, "give-back", keep);
	add_back(p, "unfile", at_dropin);
	while (runtimes > 0)
		add_back(p, "unfile", at_runtime + --runtimes);
	if (!p->swap)
		add_back(p, "give-back", keep);
	if (criu)
		add_back(p, "unfile", at_conf);
	if (image)
		add_back(p, "unimage", at_image);
	add_back(p, "restart", json_array_size(p->steps) - 1);
	if (!p->swap) {
		add_back(p, "unstage", stage);
		add_back(p, "unkeep", keep);
	}
	json_object_set_new(p->plan, "config", json_string(text));
	json_object_set_new(p->plan, "configFile", json_string(dropin));
}

static bool has_image(const struct cryo_rke2_build *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->product[i].image)
			return true;
	return false;
}

static void name_places(struct planned *p, const char *id)
{
	const char *version = p->build->version ? p->build->version : "v0";
	cryo_auto(cryo_free) char *tag = cryo_asprintf("%s-cryopod-%s", version, id);
	struct cryo_err ignored = CRYO_ERR_INIT;

	for (char *c = tag; *c; c++)
		if (*c == '+')
			*c = '-';
	p->ref = cryo_asprintf(CRYO_RKE2_OUR_IMAGE "%s", tag);
	if (p->swap || cryo_rke2_data_name(p->ref, &p->into, &ignored) < 0)
		p->into = cryo_strdup(p->node->current ? p->node->current : "");
	p->dir = cryo_asprintf("%s/data/%s", p->node->data_dir, p->into);
	p->bin = cryo_asprintf("%s/bin", p->dir);
	if (p->node->role[0] != 's')
		return;
	if (p->build->apiserver_image)
		p->image_ref = cryo_strdup(p->build->apiserver_image);
	else if (has_image(p->build))
		p->image_ref = cryo_asprintf("docker.io/cryopod/kube-apiserver:%s", tag);
}

static void release_planned(struct planned *p)
{
	free(p->ref);
	free(p->into);
	free(p->dir);
	free(p->bin);
	free(p->image_ref);
}

/* Ours once, the image's once more while it is made; the original once. */
static void count_bytes(struct planned *p)
{
	cryo_auto(cryo_free) char *original = cryo_asprintf(
	    "%s/data/%s", p->node->data_dir, p->node->current ? p->node->current : "?");
	uint64_t bytes = 0, available = 0;
	struct cryo_err ignored = CRYO_ERR_INIT;

	for (size_t i = 0; i < p->build->n; i++)
		bytes += p->build->product[i].bytes * (p->build->product[i].image ? 2 : 1);
	bytes += cryo_fs_disk(original) * (p->swap ? 1 : 2);
	if (cryo_fs_free_bytes(p->node->data_dir, &available, &ignored) < 0)
		available = 0;
	json_object_set_new(p->plan, "bytes", json_integer((json_int_t)bytes));
	json_object_set_new(p->plan, "free", json_integer((json_int_t)available));
}

static json_t *pack_node(const struct cryo_rke2_node *n)
{
	return json_pack("{ss ss ss* ss ss* ss ss ss*}", "root", n->root, "role", n->role,
			 "release", n->release, "unit", n->unit, "name", n->name, "dataDir",
			 n->data_dir, "configFile", n->config_file, "current", n->current);
}

static void pack_plan(struct planned *p, const char *method, const char *id)
{
	p->steps = json_array();
	p->back = json_array();
	p->plan = json_pack(
	    "{ss so s{ss ss ss} ss ss ss so so so so so so}", "method", method, "node",
	    pack_node(p->node), "build", "stack", p->build->stack ? p->build->stack : "", "version",
	    p->build->version ? p->build->version : "", "id", id, "ref", p->ref, "into", p->into,
	    "bin", p->bin, "products", pack_products(p->build), "steps", p->steps, "back", p->back,
	    "restarts", json_pack("[s]", p->node->unit), "obstacles", json_array(), "notes",
	    json_array());
}

int cryo_rke2_plan(const struct cryo_rke2_node *n, const struct cryo_rke2_build *b,
		   const char *method, json_t **out, struct cryo_err *err)
{
	struct planned p = { .node = n, .build = b, .swap = strcmp(method, CRYO_RKE2_SWAP) == 0 };
	char id[CRYO_HASH_HEX];

	if (!p.swap && strcmp(method, CRYO_RKE2_RUNTIME_IMAGE) != 0)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "unknown method '%s' (valid values: runtime-image, swap)",
				    method);
	name_build(b, id);
	name_places(&p, id);
	pack_plan(&p, method, id);
	if (n->current)
		plan_steps(&p);
	count_bytes(&p);
	rke2_find_obstacles(n, b, p.plan);
	release_planned(&p);
	*out = p.plan;
	return 0;
}

int cryo_rke2_plan_check(const json_t *plan, bool force, struct cryo_err *err)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(plan, "obstacles"), i, o)
		if (!force || !cryo_json_bool(o, "force"))
			return cryo_err_set(err, CRYO_E_UNFIT, "%s (%s)", cryo_json_str(o, "what"),
					    cryo_json_str(o, "fix"));
	return 0;
}
