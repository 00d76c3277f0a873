/* SPDX-License-Identifier: Apache-2.0 */
/* cryopod sources patch, refresh, and what status says of patches. */
#include "cli/sources.h"

#include "base/event.h"
#include "recipe/onto.h"
#include "cli/cli.h"
#include "conf/json.h"
#include "patches/workbench.h"
#include "sys/fs.h"
#include "sys/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- status --- */

static const char *const states[] = { [CRYO_FITS] = "applies",
				      [CRYO_FITS_MOVED] = "moved",
				      [CRYO_FITS_MERGED] = "merged",
				      [CRYO_FIT_CONTAINED] = "contained",
				      [CRYO_FIT_CONFLICT] = "conflict" };

static json_t *describe_series_fit(const struct cryo_series *s, const struct cryo_applied *how,
				   bool *fits)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct cryo_applied *a = &how[i];
		json_t *one = json_pack("{s:s, s:s, s:s}", "name", s->patch[i].name, "subject",
					a->subject, "state", states[a->kind]);

		if (a->kind == CRYO_FITS_MOVED)
			json_object_set_new(one, "lines", json_integer(a->offset));
		if (a->kind == CRYO_FIT_CONFLICT) {
			json_object_set_new(one, "where", json_string(a->where));
			json_object_set_new(one, "why", json_string(a->why));
			json_object_set_new(one, "line", json_integer(a->line));
		}
		if (a->kind == CRYO_FIT_CONFLICT || a->kind == CRYO_FIT_CONTAINED)
			*fits = false;
		json_array_append_new(list, one);
	}
	return list;
}

static int try_patch_series(const struct cryo_series *s, const char *repository, const char *base,
			    json_t **out, bool *fits, struct cryo_err *err)
{
	struct cryo_applied *how = cryo_alloc(s->n * sizeof(*how));
	char head[CRYO_COMMIT_HEX];
	int rc = cryo_series_try(repository, base, s, how, head, err);

	if (rc == 0)
		*out = describe_series_fit(s, how, fits);
	cryo_applied_release(how, s->n);
	free(how);
	return rc;
}

int cryo_sources_patches(const struct cryo_component *c, const char *version, bool offline,
			 json_t **out, char **reason, bool *fits, struct cryo_err *err)
{
	const struct cryo_onto_opts o = { .version = version, .offline = offline || !version };
	cryo_auto(cryo_series_release) struct cryo_series s = { 0 };
	cryo_auto(cryo_free) char *repository = NULL;
	char base[CRYO_COMMIT_HEX];
	int rc;

	*out = NULL;
	if (!c->patches)
		return 0;
	rc = cryo_series_load(c->patches, &s, err);
	if (rc < 0)
		return cryo_err_wrap(err, rc, "%s:%u: component '%s'", c->file, c->line, c->name);
	rc = cryo_onto(c, &s, &o, &repository, base, err);
	if (rc < 0 && !version && err->status != CRYO_E_CONFIG &&
	    err->status != CRYO_E_INTERRUPTED) {
		*reason = cryo_strdup(err->msg);
		return 0;
	}
	return rc < 0 ? rc : try_patch_series(&s, repository, base, out, fits, err);
}

static void print_patch_fit(const json_t *p, int width)
{
	const char *state = cryo_json_str(p, "state");
	long lines = (long)cryo_json_int(p, "lines", 0);
	const char *why = cryo_json_str(p, "why");
	/* It quotes lines of the source. */
	cryo_auto(cryo_free) char *shown = cryo_cli_clean(why ? why : "");

	printf("    %-*s  ", width, cryo_json_str(p, "name"));
	if (strcmp(state, "moved") == 0)
		printf("applies, %ld line%s %s\n", labs(lines), labs(lines) == 1 ? "" : "s",
		       lines < 0 ? "up" : "down");
	else if (strcmp(state, "merged") == 0)
		printf("applies by a three-way merge\n");
	else if (strcmp(state, "contained") == 0)
		printf("CONTAINED: the source has these changes already\n");
	else if (strcmp(state, "conflict") == 0)
		printf("CONFLICT\n      %s: %s\n", cryo_json_str(p, "where"), shown);
	else
		printf("%s\n", state);
}

void cryo_sources_print_patches(const json_t *patches, const char *version)
{
	int width = cryo_cli_width(patches, "name", "");
	const json_t *p;
	size_t i;

	if (json_is_array(patches))
		printf("  patches      %zu%s%s\n", json_array_size(patches), version ? " on " : "",
		       version ? version : "");
	json_array_foreach(patches, i, p)
		print_patch_fit(p, width);
}

/* --- patch and refresh --- */

static char *make_patching_path(const struct cryo_component *c, const char *dir)
{
	char *path = dir ? cryo_strdup(dir) : cryo_cache_path(CRYO_CACHE_PATCHING "/%s", c->name);
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	return path;
}

static int check_component_patches(const struct cryo_component *c, struct cryo_err *err)
{
	if (c->patches)
		return 0;
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "%s:%u: component '%s' names no directory: add 'patches: DIR' "
			    "(relative to this file) to it",
			    c->file, c->line, c->name);
}

static void tell_patching_steps(const struct cryo_series *s, size_t applied, const char *why,
				const char *at, const struct cryo_component *c,
				const struct cryo_sources_tree *t)
{
	if (applied < s->n) {
		cryo_warn("patch %s does not go on: %s", s->patch[applied].name, why);
		cryo_info("%zu of %zu patches are commits there; the next one by hand:", applied,
			  s->n);
		cryo_info("  git -C %s am -3 %s", at, s->patch[applied].path);
	}
	cryo_info("one commit per patch on top of the tag 'base': commit, amend, rebase -i base; "
		  "then:");
	cryo_info("  cryopod sources refresh%s%s %s%s%s", t->stack ? " --stack " : "",
		  t->stack ? t->stack : "", c->name, t->dir ? " " : "", t->dir ? t->dir : "");
}

int cryo_sources_patch(const struct cryo_component *c, const struct cryo_sources_tree *t,
		       struct cryo_err *err)
{
	const struct cryo_onto_opts o = {
		.version = t->version, .whole = true, .offline = t->offline, .mirrors = t->mirrors
	};
	cryo_auto(cryo_series_release) struct cryo_series s = { 0 };
	cryo_auto(cryo_free) char *at = make_patching_path(c, t->dir), *repository = NULL,
				  *why = NULL;
	char base[CRYO_COMMIT_HEX];
	size_t applied = 0;
	int rc = check_component_patches(c, err);

	if (rc == 0)
		rc = cryo_series_load_any(c->patches, &s, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("tree of %s with %zu patch%s", c->name, s.n, s.n == 1 ? "" : "es");
	rc = cryo_onto(c, &s, &o, &repository, base, err);
	if (rc == 0)
		rc = cryo_fs_mkparents(at, 0755, err);
	if (rc == 0)
		rc = cryo_workbench_open(at, repository, base, &s, &applied, &why, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		return rc;
	}
	cryo_step_ok("%s", at);
	tell_patching_steps(&s, applied, why, at, c, t);
	printf("%s\n", at);
	return 0;
}

int cryo_sources_refresh(const struct cryo_component *c, const struct cryo_sources_tree *t,
			 struct cryo_err *err)
{
	cryo_auto(cryo_workbench_changes_release) struct cryo_workbench_changes changes = { 0 };
	cryo_auto(cryo_free) char *at = make_patching_path(c, t->dir);
	int rc = check_component_patches(c, err);

	if (rc == 0 && t->version)
		rc = cryo_err_set(err, CRYO_E_USAGE, "--version is not for 'sources refresh'");
	if (rc == 0)
		rc = cryo_workbench_refresh(at, c->patches, &changes, err);
	for (size_t i = 0; i < changes.n; i++)
		printf("%-8s %s\n", changes.v[i].what, changes.v[i].name);
	return rc;
}
