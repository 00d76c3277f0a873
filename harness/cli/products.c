/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/products.h"
#include "cli/version.h"

#include "conf/json.h"
#include "node/parts.h"
#include "recipe/build.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <string.h>
#include <unistd.h>

#define LIBRARIES "cryopod-libs/"
#define LIST_MS	  10000

/* Which program of which component goes where; `in_image`: its path in the API server's image. */
static const struct product_row {
	const char *component, *program, *in_image;
	bool in_bin;
} product_rows[] = {
	{ "kubernetes", "kubelet", NULL, true },
	{ "kubernetes", "kubectl", "usr/local/bin/kubectl", true },
	{ "kubernetes", "kube-apiserver", "usr/local/bin/kube-apiserver", false },
	{ "containerd", "containerd", NULL, true },
	{ "containerd", "containerd-shim-runc-v2", NULL, true },
	{ "containerd", "ctr", NULL, true },
	{ "runc", "runc", NULL, true },
};

static const struct {
	const char *component, *licence;
} licences[] = {
	{ "kubernetes", "Apache-2.0" }, { "containerd", "Apache-2.0" }, { "runc", "Apache-2.0" },
	{ "criu", "GPL-2.0-only" },	{ "cryopod", "Apache-2.0" },
};

static const char *licence_of(const char *component)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(licences); i++)
		if (strcmp(licences[i].component, component) == 0)
			return licences[i].licence;
	return "NOASSERTION";
}

static json_t *load_record(const struct cryo_built *b)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/build.json", b->dir);
	struct cryo_err ignored = CRYO_ERR_INIT;
	json_t *record = NULL;

	return cryo_json_load(path, 4u << 20, &record, &ignored) < 0 ? json_object() : record;
}

static const struct cryo_built *find_built(const struct cryo_build *build, const char *name,
					   const char *stack, struct cryo_err *err)
{
	const struct cryo_built *b = cryo_build_find(build, name);

	if (b && b->up_to_date)
		return b;
	cryo_err_set(err, CRYO_E_PROVISION,
		     b ? "%s of stack '%s' is not built (cryopod build --stack %s)"
		       : "there is no component '%s' in stack '%s'",
		     name, stack, stack);
	return NULL;
}

static int add_program(struct cryo_rke2_build *out, const struct product_row *row,
		       const struct cryo_built *b, const json_t *record, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *source = cryo_asprintf("%s/%s", b->dir, row->program);
	const json_t *programs = json_object_get(record, "programs");
	const char *digest = cryo_json_str(json_object_get(programs, row->program), "sha256");
	int rc = 0;

	if (row->in_bin)
		rc = cryo_rke2_build_add(out, row->program, source, digest, false, err);
	if (rc == 0 && row->in_image)
		rc = cryo_rke2_build_add(out, row->in_image, source, digest, true, err);
	return rc;
}

static void add_component(json_t *components, const struct cryo_built *b, const json_t *record)
{
	const char *name = b->component->name;
	const json_t *source = json_object_get(record, "source");
	const char *version = cryo_json_str(source, "version");
	json_t *patches = json_object_get(source, "patches");

	/* The record of an archive does not say it. */
	if (!version)
		version = b->component->source.version;
	json_array_append_new(components, json_pack("{ss ss* sO* ss sO*}", "name", name, "version",
						    version, "source", source, "licence",
						    licence_of(name), "patches", patches));
}

static int add_components(struct cryo_rke2_build *out, const struct cryo_build *build,
			  json_t *components, struct cryo_err *err)
{
	const char *last = "";

	for (size_t i = 0; i < CRYO_ARRAY_LEN(product_rows); i++) {
		const struct product_row *row = &product_rows[i];
		const struct cryo_built *b = find_built(build, row->component, out->stack, err);
		cryo_auto(cryo_json_decref) json_t *record = b ? load_record(b) : NULL;
		int rc = b ? add_program(out, row, b, record, err) : -(int)err->status;

		if (rc < 0)
			return rc;
		if (strcmp(last, row->component) != 0)
			add_component(components, b, record);
		last = row->component;
		if (strcmp(row->component, "kubernetes") == 0 && !out->version)
			out->version = cryo_strdup(b->component->source.version);
	}
	return 0;
}

/* "	libnl-3.so.200 => /tree/usr/lib/…/libnl-3.so.200 (0x…)"; the loader alike, as itself */
static int add_library(struct cryo_rke2_build *out, char *line, struct cryo_err *err)
{
	char *arrow = strstr(line, "=> "), *path = strchr(arrow ? arrow : line, '/');
	char *end = path ? strstr(path, " (0x") : NULL;
	cryo_auto(cryo_free) char *name = NULL;

	if (!end)
		return 0;
	*end = '\0';
	name = cryo_asprintf(LIBRARIES "%s", strrchr(path, '/') + 1);
	return cryo_rke2_build_add(out, name, path, NULL, false, err);
}

static char *find_in_tree(const char *tree, const char *const *names)
{
	for (; *names; names++) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", tree, *names);

		if (access(path, X_OK) == 0)
			return cryo_steal(&path);
	}
	return NULL;
}

/* What CRIU is linked with comes from the node's root file system, as the host may be any. */
static int add_libraries(struct cryo_rke2_build *out, const char *tree, const char *criu,
			 struct cryo_err *err)
{
	static const char *const loaders[] = { "usr/lib64/ld-linux-x86-64.so.2",
					       "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
					       "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
					       NULL };
	cryo_auto(cryo_free) char *loader = find_in_tree(tree, loaders);
	cryo_auto(cryo_free) char *paths =
	    cryo_asprintf("%s/usr/lib/x86_64-linux-gnu:%s/usr/lib/aarch64-linux-gnu:%s/usr/lib",
			  tree, tree, tree);
	const char *const argv[] = { loader, "--library-path", paths, "--list", criu, NULL };
	cryo_auto(cryo_free) char *text = NULL;
	char *save = NULL, *line;
	int rc;

	if (!loader)
		return cryo_err_set(err, CRYO_E_PROVISION, "there is no C library in '%s'", tree);
	rc = cryo_proc_output(argv, LIST_MS, &text, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "libraries of '%s'", criu);
	for (line = strtok_r(text, "\n", &save); line && rc == 0;
	     line = strtok_r(NULL, "\n", &save))
		rc = add_library(out, line, err);
	return rc;
}

/* Of Debian's package, as the list beside the root file system has it: "criu 4.1.1-1". */
static char *read_package_version(const char *tree, const char *package)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s.packages", tree);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	size_t len = strlen(package);
	char *save = NULL, *line;

	if (cryo_fs_read_regular(path, 1u << 20, &text, &ignored) < 0 || !text.p)
		return NULL;
	for (line = strtok_r(text.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (cryo_starts_with(line, package) && line[len] == ' ')
			return cryo_strdup(line + len + 1);
	return NULL;
}

static int add_criu(struct cryo_rke2_build *out, const struct cryo_build *build, json_t *components,
		    struct cryo_err *err)
{
	const struct cryo_built *node = find_built(build, "node", out->stack, err);
	const struct cryo_built *own = cryo_build_find(build, "criu");
	cryo_auto(cryo_free) char *criu = NULL, *version = NULL;
	cryo_auto(cryo_json_decref) json_t *record = NULL;
	int rc;

	if (!node)
		return -(int)err->status;
	if (own) {
		own = find_built(build, "criu", out->stack, err);
		if (!own)
			return -(int)err->status;
		record = load_record(own);
		add_component(components, own, record);
	} else {
		version = read_package_version(node->dir, "criu");
		json_array_append_new(components,
				      json_pack("{ss ss* ss}", "name", "criu", "version", version,
						"licence", licence_of("criu")));
	}
	criu = own ? cryo_asprintf("%s/criu", own->dir)
		   : cryo_asprintf("%s/usr/sbin/criu", node->dir);
	rc = cryo_rke2_build_add(out, LIBRARIES "criu", criu, NULL, false, err);
	return rc < 0 ? rc : add_libraries(out, node->dir, criu, err);
}

/* What `node verify` checkpoints. */
static int add_counter(struct cryo_rke2_build *out, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = NULL;
	int rc = cryo_data_path("libexec/counter", &path, err);

	return rc < 0 ? rc : cryo_rke2_build_add(out, LIBRARIES "counter", path, NULL, false, err);
}

static int add_interposer(struct cryo_rke2_build *out, json_t *components, struct cryo_err *err)
{
	const struct cryo_node_part *const file[] = { &cryo_node_interposer, &cryo_node_preload };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(file); i++) {
		cryo_auto(cryo_free) char *path = NULL;
		int rc = cryo_data_path(file[i]->from, &path, err);

		if (rc == 0)
			rc = cryo_rke2_build_add(out, file[i]->as, path, NULL, false, err);
		if (rc < 0)
			return rc;
	}
	json_array_append_new(components,
			      json_pack("{ss ss ss}", "name", "cryopod", "version", CRYOPOD_VERSION,
					"licence", licence_of("cryopod")));
	return 0;
}

int cryo_cli_products(const char *stack, struct cryo_rke2_build *b, json_t **components,
		      struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack s = { 0 };
	cryo_auto(cryo_build_release) struct cryo_build build = { 0 };
	cryo_auto(cryo_json_decref) json_t *all = json_array();
	int rc = cryo_stack_load(stack ? stack : "upstream", &s, err);

	if (rc == 0)
		rc = cryo_build_plan_nodes(&s, &build, err);
	if (rc < 0)
		return rc;
	b->stack = cryo_strdup(s.name);
	rc = add_components(b, &build, all, err);
	if (rc == 0)
		rc = add_criu(b, &build, all, err);
	if (rc == 0)
		rc = add_interposer(b, all, err);
	if (rc == 0)
		rc = add_counter(b, err);
	if (rc == 0 && components)
		*components = json_incref(all);
	return rc;
}
