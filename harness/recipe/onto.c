/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/onto.h"

#include "recipe/gobuild.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <stdlib.h>
#include <string.h>

static void release_onto_build(struct cryo_go_build *g)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (g->work)
		cryo_fs_rmtree(g->work, &ignored);
	cryo_toolchain_release(&g->tool);
	cryo_strv_release(&g->staging);
	free(g->work);
	free(g->sum);
}
#define release_onto_buildp release_onto_build

/* Not where builds work: one of the same component may be under way. */
static int prepare_onto_build(struct cryo_go_build *g, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *parent = cryo_cache_path(CRYO_CACHE_WORK);
	int rc = cryo_recipe_find(g->c, &g->recipe, err);

	if (rc == 0)
		rc = cryo_toolchain_find(false, &g->tool, err);
	if (rc == 0)
		rc = cryo_toolchain_prepare(&g->tool, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(parent, 0700, err);
	return rc < 0 ? rc : cryo_fs_tmpdir(parent, "onto-", &g->work, err);
}

static int prepare_module_onto(const struct cryo_component *c, const struct cryo_series *s,
			       const struct cryo_onto_opts *o, char **repository,
			       char commit[CRYO_COMMIT_HEX], struct cryo_err *err)
{
	struct cryo_component other = *c;
	struct cryo_built built = { .component = &other, .series = *s };
	cryo_auto(release_onto_build) struct cryo_go_build g = { .built = &built,
								 .c = &other,
								 .offline = o->offline };
	cryo_auto(cryo_free) char *dir = NULL, *in = cryo_patched_repository(c);
	int rc = prepare_onto_build(&g, err);

	if (o->version) {
		other.source.version = (char *)o->version;
		other.source.sum = NULL;
	}
	if (rc == 0)
		rc = cryo_module_download(&g, c->source.module, other.source.version, &dir, &g.sum,
					  err);
	if (rc == 0 && other.source.sum && !cryo_streq(other.source.sum, g.sum))
		rc = cryo_err_set(err, CRYO_E_PROVISION,
				  "%s:%u: the checksum of %s %s is %s, but the stack requires %s",
				  c->file, c->line, c->source.module, other.source.version,
				  g.sum ? g.sum : "unknown", other.source.sum);
	if (rc == 0)
		rc = cryo_patched_base(&g, dir, o->whole, in, commit, err);
	if (rc == 0)
		*repository = cryo_steal(&in);
	return rc;
}

int cryo_onto(const struct cryo_component *c, const struct cryo_series *s,
	      const struct cryo_onto_opts *o, char **repository, char commit[CRYO_COMMIT_HEX],
	      struct cryo_err *err)
{
	cryo_auto(cryo_tree_release) struct cryo_tree tree = { 0 };
	struct cryo_fetch_opts fetch = { .offline = o->offline, .mirrors = o->mirrors };
	int rc;

	if (o->version && !cryo_source_is_version(o->version))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "'%s' is not an exact version such as v1.2.3", o->version);
	if (c->source.kind == CRYO_SOURCE_MODULE)
		return prepare_module_onto(c, s, o, repository, commit, err);
	if (o->version)
		return cryo_err_set(
		    err, CRYO_E_CONFIG,
		    "component '%s' is not a Go module: it has no version to choose", c->name);
	rc = cryo_source_tree(&c->source, c->name, &fetch, &tree, err);
	if (rc < 0)
		return rc;
	memcpy(commit, tree.commit, CRYO_COMMIT_HEX);
	*repository = cryo_steal(&tree.dir);
	return 0;
}
