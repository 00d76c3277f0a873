/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/gobuild.h"

#include "base/event.h"
#include "conf/json.h"
#include "source/data.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLAGS "-mod=mod -trimpath -buildvcs=false"

/* Not into the log: pages of JSON would bury what the build says. */
static int read_go_json(struct cryo_go_build *g, const char *const *args, const char *cwd,
			json_t **answer, struct cryo_err *err)
{
	struct cryo_go_call call = {
		.args = args, .cwd = cwd, .work = g->work, .flags = FLAGS, .offline = g->offline
	};
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int rc = cryo_go_run(&g->tool, &call, &res, err);

	if (rc == 0)
		return cryo_json_parse("answer of 'go'", cryo_str_get(&res.out), res.out.len,
				       answer, err);
	/* When it fails it answers with JSON that holds the reason, if it got that far. */
	if (err->status == CRYO_E_CHILD &&
	    cryo_json_parse("", cryo_str_get(&res.out), res.out.len, answer, &ignored) == 0)
		return 0;
	return rc;
}

static int check_module_sum(const struct cryo_go_build *g, struct cryo_err *err)
{
	const struct cryo_source *src = &g->c->source;
	const char *sum = g->sum;

	if (!src->sum || cryo_streq(src->sum, sum))
		return 0;
	return cryo_err_set(
	    err, CRYO_E_PROVISION, "%s:%u: the checksum of %s %s is %s, but the stack requires %s",
	    g->c->file, g->c->line, src->module, src->version, sum ? sum : "unknown", src->sum);
}

/* Go names the file that it asked its proxy for, and quotes the answer: nobody needs that. */
static int report_refused_module(const struct cryo_go_build *g, const char *module,
				 const char *version, const char *problem, struct cryo_err *err)
{
	static const struct {
		const char *piece, *words;
	} row[] = {
		{ ": 404 ", "the module proxy does not serve it (does this version exist?)" },
		{ ": 410 ", "the module proxy does not serve it (does this version exist?)" },
		{ ": 403 ", "the module proxy does not serve it (does this version exist?)" },
		{ "unknown revision", "there is no such version" },
		{ "disabled by GOPROXY=off",
		  "it is not in Go's module cache, and --offline forbids fetching it" },
	};

	cryo_debug("go: %s", problem);
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++)
		if (strstr(problem, row[i].piece))
			return cryo_err_set(err, CRYO_E_PROVISION, "%s:%u: %s %s: %s", g->c->file,
					    g->c->line, module, version, row[i].words);
	return cryo_err_set(err, CRYO_E_PROVISION, "%s:%u: %s", g->c->file, g->c->line, problem);
}

int cryo_module_download(struct cryo_go_build *g, const char *module, const char *version,
			 char **dir, char **sum, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *query = cryo_asprintf("%s@%s", module, version);
	const char *const args[] = { "mod", "download", "-json", query, NULL };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	const char *problem;
	int rc;

	if (!g->offline)
		cryo_step_note("downloading %s %s", module, version);
	rc = read_go_json(g, args, g->work, &j, err);
	if (rc < 0)
		return rc;
	problem = cryo_json_str(j, "Error");
	if (problem)
		return report_refused_module(g, module, version, problem, err);
	if (!cryo_json_str(j, "Dir"))
		return cryo_err_set(err, CRYO_E_PROVISION,
				    "'go mod download' reported no directory");
	*dir = cryo_strdup(cryo_json_str(j, "Dir"));
	*sum = cryo_strdup(cryo_json_str(j, "Sum"));
	return 0;
}

static int copy_module_file(const char *dir, struct cryo_go_build *g, const char *name,
			    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *from = cryo_asprintf("%s/%s", dir, name);
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/%s", g->dir, name);

	return cryo_fs_exists(from) ? cryo_fs_copy(from, to, 0644, err) : 0;
}

/* Our own main instead of the module's. */
static int copy_main_file(struct cryo_go_build *g, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *to = cryo_asprintf("%s/main.go", g->dir);
	cryo_auto(cryo_free) char *from = NULL;
	int rc = cryo_data_path(g->recipe->main, &from, err);

	return rc < 0 ? rc : cryo_fs_copy(from, to, 0644, err);
}

static bool is_local_module_path(const char *path)
{
	return path && (path[0] == '.' || path[0] == '/');
}

char *cryo_staging_version(const struct cryo_source *src)
{
	const char *dot = strchr(src->version, '.');

	return cryo_asprintf("v0%s", dot ? dot : "");
}

static void replace_staging(const struct cryo_go_build *g, const char *path, struct cryo_strv *args)
{
	cryo_auto(cryo_free) char *version = cryo_staging_version(&g->c->source);

	cryo_strv_addf(args, "-replace=%s=%s@%s", path, path, version);
}

static void edit_replaced_modules(const struct cryo_go_build *g, const json_t *mod,
				  struct cryo_strv *args)
{
	size_t i;
	json_t *r;

	json_array_foreach(cryo_json_at(mod, "Replace"), i, r) {
		const char *path = cryo_json_str(r, "Old.Path");
		const char *version = cryo_json_str(r, "Old.Version");

		if (!path || !is_local_module_path(cryo_json_str(r, "New.Path")))
			continue;
		cryo_strv_addf(args, "-dropreplace=%s%s%s", path, version ? "@" : "",
			       version ? version : "");
		if (g->recipe->staging && strstr(cryo_json_str(r, "New.Path"), "/staging/"))
			replace_staging(g, path, args);
	}
}

/* Newer Kubernetes names its staging modules in go.work; in go.mod they have no version. */
static bool is_staging_module(const json_t *required)
{
	const char *path = cryo_json_str(required, "Path");

	return path && cryo_starts_with(path, "k8s.io/") &&
	       cryo_streq(cryo_json_str(required, "Version"), "v0.0.0");
}

static void edit_required_modules(const struct cryo_go_build *g, const json_t *mod,
				  struct cryo_strv *args)
{
	size_t i;
	json_t *r;

	json_array_foreach(cryo_json_at(mod, "Require"), i, r)
		if (g->recipe->staging && is_staging_module(r))
			replace_staging(g, cryo_json_str(r, "Path"), args);
}

static void add_string_once(struct cryo_strv *list, const char *s)
{
	if (!cryo_strv_has(list, s))
		cryo_strv_add(list, s);
}

int cryo_module_staging(struct cryo_go_build *g, const char *dir, struct cryo_strv *out,
			struct cryo_err *err)
{
	static const char *const show[] = { "mod", "edit", "-json", NULL };
	cryo_auto(cryo_json_decref) json_t *mod = NULL;
	size_t i;
	json_t *r;
	int rc = g->recipe->staging ? read_go_json(g, show, dir, &mod, err) : 0;

	if (rc < 0 || !mod)
		return rc;
	json_array_foreach(cryo_json_at(mod, "Replace"), i, r)
		if (is_local_module_path(cryo_json_str(r, "New.Path")) &&
		    cryo_json_str(r, "Old.Path") &&
		    strstr(cryo_json_str(r, "New.Path"), "/staging/"))
			add_string_once(out, cryo_json_str(r, "Old.Path"));
	json_array_foreach(cryo_json_at(mod, "Require"), i, r)
		if (is_staging_module(r))
			add_string_once(out, cryo_json_str(r, "Path"));
	return 0;
}

/* Behind the others: the last one counts. */
static void edit_patched_modules(const struct cryo_go_build *g, struct cryo_strv *args)
{
	if (!g->tree)
		return;
	cryo_strv_addf(args, "-replace=%s=%s", g->c->source.module, g->tree);
	for (size_t i = 0; i < g->staging.n; i++)
		cryo_strv_addf(args, "-replace=%s=%s/staging/src/%s", g->staging.v[i], g->tree,
			       g->staging.v[i]);
}

static int edit_module_file(struct cryo_go_build *g, struct cryo_err *err)
{
	static const char *const show[] = { "mod", "edit", "-json", NULL };
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };
	cryo_auto(cryo_json_decref) json_t *mod = NULL;
	struct cryo_go_call call = { .cwd = g->dir,
				     .work = g->work,
				     .flags = FLAGS,
				     .log_path = g->log,
				     .offline = g->offline };
	int rc = read_go_json(g, show, g->dir, &mod, err);

	if (rc < 0)
		return rc;
	cryo_strv_addl(&args, "mod", "edit", NULL);
	cryo_strv_addf(&args, "-module=cryopod.dev/build/%s", g->c->name);
	cryo_strv_addf(&args, "-require=%s@%s", g->c->source.module, g->c->source.version);
	edit_replaced_modules(g, mod, &args);
	edit_required_modules(g, mod, &args);
	edit_patched_modules(g, &args);
	call.args = cryo_strv_get(&args);
	return cryo_go_run(&g->tool, &call, NULL, err);
}

int cryo_module_fetch(struct cryo_go_build *g, char **dir, struct cryo_err *err)
{
	const struct cryo_source *src = &g->c->source;
	int rc = cryo_module_download(g, src->module, src->version, dir, &g->sum, err);

	return rc < 0 ? rc : check_module_sum(g, err);
}

int cryo_module_wrap(struct cryo_go_build *g, const char *dir, struct cryo_err *err)
{
	int rc;

	g->dir = cryo_asprintf("%s/module", g->work);
	g->source = cryo_strdup(g->tree ? g->tree : dir);
	rc = cryo_fs_mkdirs(g->dir, 0700, err);
	if (rc == 0)
		rc = copy_module_file(g->source, g, "go.mod", err);
	if (rc == 0)
		rc = copy_module_file(g->source, g, "go.sum", err);
	if (rc == 0 && g->recipe->main)
		rc = copy_main_file(g, err);
	if (rc == 0)
		rc = edit_module_file(g, err);
	return rc;
}
