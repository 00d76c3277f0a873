/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/gobuild.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void release_go_build(struct cryo_go_build *g)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (g->work)
		cryo_fs_rmtree(g->work, &ignored);
	cryo_toolchain_release(&g->tool);
	free(g->work);
	free(g->log);
	free(g->dir);
	free(g->source);
	free(g->sum);
	free(g->ldflags);
	free(g->tree);
	cryo_strv_release(&g->staging);
}
#define release_go_buildp release_go_build

static bool is_module_source(const struct cryo_go_build *g)
{
	return g->c->source.kind == CRYO_SOURCE_MODULE;
}

static char *make_package_path(const struct cryo_go_build *g, const char *program)
{
	const char *base = is_module_source(g) ? g->c->source.module : ".", *place;
	struct cryo_str s = { 0 };

	if (g->recipe->main)
		return cryo_strdup(".");
	cryo_str_add(&s, base);
	place = strstr(g->recipe->package, "%s");
	if (place) {
		cryo_str_addn(&s, g->recipe->package, (size_t)(place - g->recipe->package));
		cryo_str_add(&s, program);
	}
	return cryo_str_detach(&s);
}

static int compile_go_package(struct cryo_go_build *g, const char *package, const char *out,
			      struct cryo_build_talk *talk, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };
	struct cryo_go_call call = {
		.cwd = g->dir,
		.work = g->work,
		/* A tree with a vendor directory is built from it, Go's own default. */
		.flags = is_module_source(g) ? "-mod=mod -trimpath -buildvcs=false"
					     : "-trimpath -buildvcs=false",
		.bind = is_module_source(g) ? NULL : g->dir,
		.cgo = g->recipe->cgo,
		.workspace = !is_module_source(g),
		.offline = g->offline,
		.log_path = g->log,
		.on_line = cryo_build_hear,
		.on_line_arg = talk,
	};
	int rc;

	cryo_strv_addl(&args, "build", "-v", NULL);
	if (g->recipe->tags)
		cryo_strv_addf(&args, "-tags=%s", g->recipe->tags);
	cryo_strv_addf(&args, "-ldflags=%s", g->ldflags);
	cryo_strv_addl(&args, "-o", out, package, NULL);
	call.args = cryo_strv_get(&args);
	rc = cryo_go_run(&g->tool, &call, NULL, err);
	return cryo_build_explain(talk, g->log, rc, err);
}

static int build_program(struct cryo_go_build *g, const char *program, struct cryo_build_talk *talk,
			 struct cryo_err *err)
{
	cryo_auto(cryo_free) char *out = cryo_asprintf("%s/%s", g->work, program);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%s", g->built->dir, program);
	cryo_auto(cryo_free) char *package = make_package_path(g, program);
	int64_t start = cryo_now_ms();
	int rc;

	if (access(to, X_OK) == 0)
		return 0;
	cryo_step_note("%s%s", talk->prefix, talk->suffix);
	rc = compile_go_package(g, package, out, talk, err);
	if (rc == 0)
		rc = cryo_record_program(g, program, package, out, cryo_now_ms() - start,
					 talk->packages, err);
	if (rc == 0)
		rc = cryo_build_publish(out, to, err);
	return cryo_err_wrap(err, rc, "%s", program);
}

static int build_programs(struct cryo_go_build *g, struct cryo_err *err)
{
	const char *const *programs = cryo_recipe_programs(g->recipe, g->c);
	size_t n = 0;
	int rc = 0;

	while (programs[n])
		n++;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		cryo_auto(cryo_free) char *prefix =
		    n == 1 ? cryo_strdup(programs[i])
			   : cryo_asprintf("%s (%zu of %zu)", programs[i], i + 1, n);
		cryo_auto(cryo_free) char *suffix =
		    i + 1 == n ? cryo_strdup("") : cryo_asprintf("; next %s", programs[i + 1]);
		cryo_auto(cryo_build_talk_release) struct cryo_build_talk talk = {
			.prefix = prefix, .suffix = suffix
		};

		rc = build_program(g, programs[i], &talk, err);
	}
	return rc;
}

/* What is published beside the programs: whole, by rename, before a plan may find it. */
static int publish_files(struct cryo_go_build *g, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from =
	    cryo_asprintf("%s/%s", g->source ? g->source : g->dir, g->recipe->files);
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s/" CRYO_BUILD_FILES, g->work);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/" CRYO_BUILD_FILES, g->built->dir);
	int rc;

	if (cryo_fs_is_dir(to))
		return 0;
	if (!cryo_fs_is_dir(from))
		return cryo_err_set(err, CRYO_E_PROVISION, "its source has no directory '%s'",
				    g->recipe->files);
	rc = cryo_fs_copy_tree(from, tmp, err);
	if (rc < 0)
		return rc;
	if (rename(tmp, to) < 0)
		return cryo_err_sys(err, errno, "cannot publish '%s'", to);
	return 0;
}

/* The tree as it is built: as `dir`, wherever it came from. */
static int take_source_tree(struct cryo_go_build *g, struct cryo_err *err)
{
	cryo_auto(cryo_tree_release) struct cryo_tree tree = { 0 };
	int rc = cryo_patched_tree(g->built, &tree, g->patched, err);

	if (rc < 0)
		return rc;
	g->dir = cryo_steal(&tree.dir);
	if (g->c->source.kind != CRYO_SOURCE_ARCHIVE)
		memcpy(g->commit, tree.commit, sizeof(g->commit));
	return 0;
}

static char *make_linker_flags(const struct cryo_go_build *g)
{
	struct cryo_source src = g->c->source;
	cryo_auto(cryo_free) char *version = src.version ? NULL
							 : cryo_recipe_version(g->recipe, g->dir);

	if (version)
		src.version = version;
	return cryo_recipe_ldflags(g->recipe, &src, g->commit);
}

static int prepare_module(struct cryo_go_build *g, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = NULL;
	int rc = cryo_module_fetch(g, &dir, err);

	if (rc == 0 && g->built->series.n > 0)
		rc = cryo_patched_module(g, dir, err);
	return rc < 0 ? rc : cryo_module_wrap(g, dir, err);
}

static int prepare_go_build(struct cryo_go_build *g, struct cryo_err *err)
{
	int rc = cryo_toolchain_find(g->recipe->cgo, &g->tool, err);

	/* Before a build root, which takes minutes to make. */
	if (rc == 0 && !is_module_source(g))
		rc = take_source_tree(g, err);
	if (rc == 0 && g->tool.root && !cryo_fs_is_dir(g->tool.root))
		rc = cryo_build_may_fetch(g->built, "the build root with Go is", err);
	if (rc == 0)
		rc = cryo_toolchain_prepare(&g->tool, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(g->built->dir, 0755, err);
	if (rc == 0)
		rc = cryo_build_workdir(g->c, &g->work, err);
	if (rc < 0)
		return rc;
	g->log = cryo_build_log(g->c);
	if (is_module_source(g))
		rc = prepare_module(g, err);
	if (rc == 0)
		g->ldflags = make_linker_flags(g);
	return rc;
}

int cryo_build_go(const struct cryo_recipe *r, const struct cryo_built *built, struct cryo_err *err)
{
	cryo_auto(release_go_build) struct cryo_go_build g = { .recipe = r,
							       .built = built,
							       .c = built->component,
							       .offline = built->fetch &&
									  built->fetch->offline };
	int rc = prepare_go_build(&g, err);

	if (rc == 0 && r->files)
		rc = publish_files(&g, err);
	if (rc == 0)
		rc = build_programs(&g, err);
	/* A directory that holds no program yet is no result. */
	rmdir(built->dir);
	return rc;
}
