/* SPDX-License-Identifier: Apache-2.0 */
/* build.json: what was built from what, by what, when. */
#include "recipe/gobuild.h"

#include "base/clock.h"
#include "base/mask.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <stdlib.h>

#define MAX_RECORD (1u << 20)

static json_t *make_string_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

/* Everybody may read the record. */
static json_t *make_masked_address(const char *url)
{
	cryo_auto(cryo_free) char *masked = cryo_strdup(url);

	cryo_mask_addresses(masked);
	return json_string(masked);
}

static json_t *make_source_record(const struct cryo_go_build *g)
{
	const struct cryo_source *src = &g->c->source;

	if (src->kind == CRYO_SOURCE_DIR)
		return json_pack("{s:s}", "dir", src->dir);
	if (src->kind == CRYO_SOURCE_ARCHIVE)
		return json_pack("{s:o, s:s, s:s}", "archive", make_masked_address(src->archive),
				 "sha256", src->sha256, "dir", g->dir);
	if (src->kind != CRYO_SOURCE_MODULE)
		return json_pack("{s:o, s:o, s:o, s:s, s:s}", cryo_source_kind_name(src),
				 make_masked_address(src->git ? src->git : src->superproject),
				 "path", make_string_or_null(src->path), "ref",
				 make_string_or_null(src->ref), "commit", g->commit, "dir", g->dir);
	return json_pack("{s:s, s:s, s:o}", "module", src->module, "version", src->version, "sum",
			 make_string_or_null(g->sum));
}

void cryo_record_patches(const struct cryo_built *b, const char *patched, json_t *source)
{
	const struct cryo_series *s = &b->series;
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", s->patch[i].name,
						      "sha256", s->patch[i].sha256));
	if (s->n > 0) {
		json_object_set(source, "patches", list);
		json_object_set_new(source, "patchedCommit", json_string(patched));
	}
	json_decref(list);
}

/* The Go that is really used there, after all fetching; NULL if it does not say. */
static char *read_go_version(const struct cryo_go_build *g)
{
	static const char *const args[] = { "env", "GOVERSION", NULL };
	struct cryo_go_call call = { .args = args,
				     .cwd = g->dir,
				     .work = g->work,
				     .flags = "-buildvcs=false",
				     .bind = g->dir,
				     .workspace = g->c->source.kind != CRYO_SOURCE_MODULE };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_go_run(&g->tool, &call, &res, &ignored) < 0)
		return NULL;
	while (res.out.len > 0 && res.out.p[res.out.len - 1] == '\n')
		res.out.p[--res.out.len] = '\0';
	return cryo_str_detach(&res.out);
}

static json_t *make_build_record(const struct cryo_go_build *g)
{
	cryo_auto(cryo_free) char *version = read_go_version(g);
	json_t *source = make_source_record(g);

	cryo_record_patches(g->built, g->patched, source);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:s, s:b, s:{}}",
			 "apiVersion", "cryopod.dev/v1alpha1", "kind", "Build", "component",
			 g->c->name, "stamp", g->built->stamp, "recipe", g->recipe->name, "source",
			 source, "go", make_string_or_null(version), "toolchain", g->tool.id,
			 "tags", make_string_or_null(g->recipe->tags), "ldflags", g->ldflags, "cgo",
			 g->recipe->cgo, "programs");
}

int cryo_record_program(const struct cryo_go_build *g, const char *name, const char *package,
			const char *path, int64_t ms, unsigned packages, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *file = cryo_asprintf("%s/build.json", g->built->dir);
	cryo_auto(cryo_free) char *when = cryo_rfc3339(cryo_wall_ns());
	cryo_auto(cryo_json_decref) json_t *record = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char hash[CRYO_HASH_HEX];
	int rc = cryo_hash_file(path, hash, err);

	if (rc < 0)
		return rc;
	/* One that cannot be read is written anew: the programs are what counts. */
	if (cryo_json_load(file, MAX_RECORD, &record, &ignored) < 0 ||
	    !json_is_object(cryo_json_at(record, "programs"))) {
		json_decref(record);
		record = make_build_record(g);
	}
	json_object_set_new(cryo_json_at(record, "programs"), name,
			    json_pack("{s:s, s:s, s:I, s:s, s:I, s:i}", "package", package,
				      "sha256", hash, "size", (json_int_t)cryo_fs_size(path),
				      "builtAt", when, "buildMs", (json_int_t)ms,
				      "compiledPackages", (int)packages));
	cryo_json_dump_pretty(record, &text);
	cryo_str_add(&text, "\n");
	return cryo_fs_write(file, cryo_str_get(&text), text.len, 0644, err);
}
