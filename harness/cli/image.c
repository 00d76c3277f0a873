/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/event.h"
#include "engine/engine.h"
#include "image/builtin.h"
#include "image/names.h"
#include "nodeimage/nodeimage.h"
#include "nodeimage/packed.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct image_opts {
	const char *to, *kind, *stack, *onto, *engine, *packages;
	struct cryo_opt_list words;
	struct cryo_cli_fetch fetch;
	bool load, force;
};

static const struct cryo_opt opts_table[] = {
	{ "to", 'o', CRYO_OPT_STR, offsetof(struct image_opts, to), "FILE",
	  "where to write it (default: IMAGE.tar)" },
	{ "load", 0, CRYO_OPT_FLAG, offsetof(struct image_opts, load), NULL,
	  "load FILE, an OCI layout tar, into the cluster; a node image: into the engine" },
	{ "force", 0, CRYO_OPT_FLAG, offsetof(struct image_opts, force), NULL,
	  "allow replacing an image of cryopod's own" },
	{ "for", 0, CRYO_OPT_STR, offsetof(struct image_opts, kind), "KIND",
	  "kind of cluster that a node image is for (valid values: kind)" },
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct image_opts, stack), "STACK",
	  "node image: name or file (default: upstream)" },
	{ "onto", 0, CRYO_OPT_STR, offsetof(struct image_opts, onto), "FILE",
	  "add our layer to this node image (docker save) instead of to Debian" },
	{ "engine", 0, CRYO_OPT_STR, offsetof(struct image_opts, engine), "ENGINE",
	  "docker or podman (default: the first that answers)" },
	{ "debian", 0, CRYO_OPT_STR, offsetof(struct image_opts, packages), "PACKAGE[,…]",
	  "build: what the image contains" },
	{ "cmd", 0, CRYO_OPT_LIST, offsetof(struct image_opts, words), "WORD",
	  "build: a word of the command that the image runs" },
	CRYO_CLI_FETCH(struct image_opts, fetch),
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/*
 * Every pod of the cluster runs in `pause`, and scenarios count with `counter`: other images of
 * these names are seldom meant. The ones we make ourselves are no others.
 */
static int check_image_names(const char *file, const struct cryo_strv *names, struct cryo_err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct cryo_builtin *b = cryo_builtin_of_ref(names->v[i]);
		int rc = b ? cryo_image_is_builtin(b, file, err) : 1;

		if (rc < 0)
			return rc;
		if (rc == 0)
			return cryo_err_set(err, CRYO_E_USAGE,
					    "'%s' would replace '%s', which cryopod itself uses "
					    "(--force overrides this)",
					    file, names->v[i]);
	}
	return 0;
}

static int load_image_file(struct cryo_cli *cli, const char *file, bool force, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_image_names(file, &names, err);

	if (rc == 0 && !force)
		rc = check_image_names(file, &names, err);
	if (rc == 0)
		rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = cryo_cluster_load_image(t, NULL, file, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < names.n; i++)
		cryo_info("'%s' is in cluster '%s'", names.v[i], t->name);
	return 0;
}

static int list_builtin_images(void)
{
	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++)
		printf("%-8s %s\n", b->name, b->ref);
	printf("%-8s %s:…\n", "node", CRYO_NODEIMAGE_NAME);
	return 0;
}

static int load_node_image(const char *ref, const char *path, const char *engine,
			   struct cryo_err *err)
{
	cryo_auto(cryo_engine_release) struct cryo_engine e = { 0 };
	int rc = cryo_engine_find(engine, &e, err);

	if (rc == 0)
		rc = cryo_engine_has_image(&e, ref, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("load into %s", e.name);
	if (rc == 1) {
		cryo_step_same("%s", ref);
		return 0;
	}
	rc = cryo_engine_load(&e, path, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else
		cryo_step_ok("%s", ref);
	return rc;
}

static int write_node_image(const struct cryo_nodeimage *n, const char *from, const char *to,
			    struct cryo_err *err)
{
	char digest[CRYO_HASH_HEX];
	int rc = cryo_fs_copy(from, to, 0644, err);

	if (rc == 0)
		rc = cryo_hash_file(to, digest, err);
	if (rc == 0)
		printf("%s  %s  sha256:%s\n", to, n->ref, digest);
	return rc;
}

static int make_node_image(const struct image_opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_nodeimage_release) struct cryo_nodeimage n = { 0 };
	cryo_auto(cryo_free) char *path = NULL;
	cryo_auto(cryo_fd_close) int hold = -1;
	struct cryo_fetch_opts fetch = { .offline = o->fetch.offline,
					 .mirrors = o->fetch.mirrors.v };
	const char *to = o->to ? o->to : "node.tar";
	int rc = o->load ? 0 : cryo_fs_check_place(to, err);

	if (rc == 0 && !cryo_streq(o->kind, "kind"))
		rc = cryo_err_set(err, CRYO_E_USAGE,
				  "a node image is for a kind of cluster: --for kind");
	if (rc == 0)
		rc = cryo_nodeimage_plan(o->stack, o->onto, &n, err);
	if (rc == 0)
		rc = cryo_nodeimage_build(&n, &fetch, err);
	if (rc == 0)
		rc = cryo_nodeimage_make(&n, &path, &hold, err);
	if (rc < 0)
		return rc;
	return o->load ? load_node_image(n.ref, path, o->engine, err)
		       : write_node_image(&n, path, to, err);
}

/* Into the cluster at once, or a file. */
static int build_packed_image(struct cryo_cli *cli, const struct image_opts *o, const char *name,
			      struct cryo_err *err)
{
	struct cryo_fetch_opts fetch = { .offline = o->fetch.offline,
					 .mirrors = o->fetch.mirrors.v };
	const struct cryo_packed_opts p = {
		.name = name, .packages = o->packages, .words = o->words.v, .fetch = &fetch
	};
	cryo_auto(cryo_free) char *own = cryo_asprintf("%s.tar", name);
	cryo_auto(cryo_free) char *ref = cryo_packed_ref(name);
	const char *to = o->to ? o->to : own;
	char digest[CRYO_HASH_HEX];
	int rc = o->packages
		     ? cryo_fs_check_place(to, err)
		     : cryo_err_set(err, CRYO_E_USAGE, "no packages are given: --debian PACKAGE,…");

	if (rc == 0)
		rc = cryo_packed_write(&p, to, err);
	if (rc == 0 && o->load)
		rc = load_image_file(cli, to, o->force, err);
	if (rc == 0)
		rc = cryo_hash_file(to, digest, err);
	if (rc == 0)
		printf("%s  %s  sha256:%s\n", to, ref, digest);
	return rc;
}

static int image_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	const struct image_opts *o = opts;
	cryo_auto(cryo_free) char *own = NULL;
	char digest[CRYO_HASH_HEX];
	const char *to;
	int rc;

	(void)exit_code;
	if (args[0] && strcmp(args[0], "node") == 0)
		return make_node_image(o, err);
	if (args[0] && args[1])
		return strcmp(args[0], "build") == 0
			   ? build_packed_image(cli, o, args[1], err)
			   : cryo_err_set(err, CRYO_E_USAGE, "'%s': only 'build' takes a name",
					  args[1]);
	if (o->load && !args[0])
		return cryo_err_set(err, CRYO_E_USAGE, "--load needs a file");
	if (o->load)
		return load_image_file(cli, args[0], o->force, err);
	if (!args[0])
		return list_builtin_images();
	own = cryo_asprintf("%s.tar", args[0]);
	to = o->to ? o->to : own;
	rc = cryo_fs_check_place(to, err);
	if (rc == 0)
		rc = cryo_image_builtin(args[0], to, err);
	if (rc == 0)
		rc = cryo_hash_file(to, digest, err);
	if (rc == 0)
		printf("%s  %s  sha256:%s\n", to, cryo_builtin_find(args[0])->ref, digest);
	return rc;
}

const struct cryo_cmd cryo_cmd_image = {
	.name = "image",
	.usage = "[IMAGE|FILE|build NAME]",
	.summary = "write an image that ships with cryopod, build one, or load one into a cluster",
	.opts = opts_table,
	.size = sizeof(struct image_opts),
	.max_args = 2,
	.run = image_cmd_run,
};
