/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules with patches. Series are written against the project's git repository,
 * a module is a part of it: Kubernetes' staging modules are published apart, and
 * those that a series touches are laid where the repository has them. The path of
 * the tree has no say in what is compiled (-trimpath): Go's build cache serves the
 * packages that no patch changed, and those that changed back.
 */
#include "recipe/gobuild.h"

#include "base/event.h"
#include "patches/base.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGING "staging/src/"
#define MINE	"patched-" /* names of trees: others may lie beside them */

/* staging/src/k8s.io/cri-api/pkg/…: k8s.io/cri-api */
static void add_patched_staging(struct cryo_go_build *g, const char *path)
{
	const char *host = path + strlen(STAGING), *name, *end;
	cryo_auto(cryo_free) char *module = NULL;

	if (!g->recipe->staging || !cryo_starts_with(path, STAGING))
		return;
	name = strchr(host, '/');
	end = name ? strchr(name + 1, '/') : NULL;
	if (!end)
		return;
	module = cryo_strndup(host, (size_t)(end - host));
	if (!cryo_strv_has(&g->staging, module))
		cryo_strv_add(&g->staging, module);
}

static int find_staging(struct cryo_go_build *g, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv paths = { 0 };
	int rc = g->recipe->staging ? cryo_series_paths(&g->built->series, &paths, err) : 0;

	for (size_t i = 0; rc == 0 && i < paths.n; i++)
		add_patched_staging(g, paths.v[i]);
	return rc;
}

/* What the base is made of, and one text that tells it from any other. */
struct parts {
	struct cryo_strv dir, at;
	struct cryo_str message;
};

static void release_base_parts(struct parts *p)
{
	cryo_strv_release(&p->dir);
	cryo_strv_release(&p->at);
	cryo_str_release(&p->message);
}
#define release_base_partsp release_base_parts

static void add_module_part(struct parts *p, const char *module, const char *version,
			    const char *dir, const char *sum, const char *at)
{
	cryo_strv_add(&p->dir, dir);
	cryo_strv_add(&p->at, at);
	cryo_str_addf(&p->message, "%s %s\n%s%s\n", module, version, p->dir.n == 1 ? "\n" : "",
		      sum ? sum : "");
}

/* `lenient`: old versions of some are not served any more; whoever wants all can do without. */
static int add_staging_parts(struct cryo_go_build *g, struct parts *p, bool lenient,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *version = cryo_staging_version(&g->c->source);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < g->staging.n; i++) {
		cryo_auto(cryo_free) char *at = cryo_asprintf(STAGING "%s", g->staging.v[i]);
		cryo_auto(cryo_free) char *dir = NULL, *sum = NULL;

		rc = cryo_module_download(g, g->staging.v[i], version, &dir, &sum, err);
		if (rc == 0)
			add_module_part(p, g->staging.v[i], version, dir, sum, at);
		if (rc < 0 && lenient && err->status == CRYO_E_PROVISION) {
			cryo_warn("without %s: %s", g->staging.v[i], err->msg);
			rc = 0;
		}
	}
	return rc;
}

static int find_module_parts(struct cryo_go_build *g, const char *dir, bool whole, struct parts *p,
			     struct cryo_err *err)
{
	int rc = whole ? cryo_module_staging(g, dir, &g->staging, err) : find_staging(g, err);

	if (rc < 0)
		return rc;
	add_module_part(p, g->c->source.module, g->c->source.version, dir, g->sum, "");
	return add_staging_parts(g, p, whole, err);
}

int cryo_patched_base(struct cryo_go_build *g, const char *dir, bool whole, const char *repository,
		      char commit[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(release_base_parts) struct parts p = { 0 };
	cryo_auto(cryo_free) struct cryo_base_part *part = NULL;
	char key[CRYO_HASH_HEX];
	int rc = find_module_parts(g, dir, whole, &p, err);

	if (rc < 0)
		return rc;
	part = cryo_alloc(p.dir.n * sizeof(*part));
	for (size_t i = 0; i < p.dir.n; i++)
		part[i] = (struct cryo_base_part){ p.dir.v[i], p.at.v[i] };
	cryo_hash_bytes(cryo_str_get(&p.message), p.message.len, key);
	if (!g->offline)
		cryo_step_note("taking in %s %s", g->c->source.module, g->c->source.version);
	return cryo_base_commit(repository, key, cryo_str_get(&p.message), part, p.dir.n, commit,
				err);
}

/* Only the tree of the last build stays, for who wants to look into it. */
static void remove_other_trees(const char *trees, const char *tree)
{
	const char *mine = strrchr(tree, '/') + 1;
	struct cryo_err ignored = CRYO_ERR_INIT;
	const struct dirent *e;
	DIR *d = opendir(trees);

	while (d && (e = readdir(d))) {
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", trees, e->d_name);

		if (cryo_starts_with(e->d_name, MINE) && strcmp(e->d_name, mine) != 0)
			cryo_fs_rmtree(path, &ignored);
	}
	if (d)
		closedir(d);
}

int cryo_patched_checkout(const struct cryo_built *b, const char *repository, const char *base,
			  char **dir, char head[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	cryo_auto(cryo_free) char *trees =
	    cryo_cache_path(CRYO_CACHE_TREES "/%s", b->component->name);
	cryo_auto(cryo_free) char *tree = NULL;
	int rc;

	cryo_step_note("applying %zu patch%s", b->series.n, b->series.n == 1 ? "" : "es");
	rc = cryo_series_apply(repository, base, &b->series, head, err);
	if (rc < 0)
		return rc;
	tree = cryo_asprintf("%s/" MINE "%.16s", trees, head);
	rc = cryo_base_checkout(repository, head, tree, err);
	if (rc < 0)
		return rc;
	remove_other_trees(trees, tree);
	*dir = cryo_steal(&tree);
	return 0;
}

int cryo_patched_tree(const struct cryo_built *b, struct cryo_tree *out,
		      char patched[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	const struct cryo_component *c = b->component;
	char *dir;
	int rc = cryo_source_tree(&c->source, c->name, b->fetch, out, err);

	patched[0] = '\0';
	if (rc < 0 || b->series.n == 0)
		return rc;
	rc = cryo_patched_checkout(b, out->dir, out->commit, &dir, patched, err);
	if (rc < 0)
		return rc;
	free(out->dir);
	out->dir = dir;
	return 0;
}

static int make_patched_tree(struct cryo_go_build *g, const char *dir, const char *repository,
			     struct cryo_err *err)
{
	char from[CRYO_COMMIT_HEX];
	int rc = cryo_patched_base(g, dir, false, repository, from, err);

	if (rc == 0)
		rc = cryo_patched_checkout(g->built, repository, from, &g->tree, g->patched, err);
	return rc;
}

char *cryo_patched_repository(const struct cryo_component *c)
{
	return cryo_cache_path(CRYO_CACHE_TREES "/%s/modules.git", c->name);
}

/* A repository that a power cut left with empty objects is no reason to fail: it is only a cache.
 */
int cryo_patched_module(struct cryo_go_build *g, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *repository = cryo_patched_repository(g->c);
	bool was_there = cryo_fs_exists(repository);
	int rc = make_patched_tree(g, dir, repository, err);

	if (rc == 0 || !was_there || err->status != CRYO_E_PROVISION)
		return rc;
	cryo_warn("'%s' is made again: %s", repository, err->msg);
	rc = cryo_fs_rmtree(repository, err);
	return rc < 0 ? rc : make_patched_tree(g, dir, repository, err);
}
