/* SPDX-License-Identifier: Apache-2.0 */
#include "source/stack.h"

#include "source/data.h"
#include "sys/fs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "cryopod.dev/v1alpha1"

struct file {
	char *api_version, *kind;
	const struct cryo_node *metadata, *spec, *components;
};

static const struct cryo_field file_rows[] = {
	{ "apiVersion", CRYO_FIELD_STR, offsetof(struct file, api_version), true },
	{ "kind", CRYO_FIELD_STR, offsetof(struct file, kind), true },
	{ "metadata", CRYO_FIELD_NODE, offsetof(struct file, metadata), true },
	{ "spec", CRYO_FIELD_NODE, offsetof(struct file, spec), true },
	{ 0 },
};

static const struct cryo_field spec_rows[] = {
	{ "components", CRYO_FIELD_NODE, offsetof(struct file, components), true },
	{ 0 },
};

static const struct cryo_field metadata_rows[] = {
	{ "name", CRYO_FIELD_STR, offsetof(struct cryo_stack, name), true },
	{ 0 },
};

struct entry {
	const struct cryo_node *source, *upstream;
	char *recipe, *note, *patches;
	struct cryo_strv programs;
};

static const struct cryo_field entry_rows[] = {
	{ "source", CRYO_FIELD_NODE, offsetof(struct entry, source), true },
	{ "upstream", CRYO_FIELD_NODE, offsetof(struct entry, upstream), false },
	{ "note", CRYO_FIELD_STR, offsetof(struct entry, note), false },
	{ "recipe", CRYO_FIELD_STR, offsetof(struct entry, recipe), false },
	{ "programs", CRYO_FIELD_STRV, offsetof(struct entry, programs), false },
	{ "patches", CRYO_FIELD_STR, offsetof(struct entry, patches), false },
	{ 0 },
};

/* Each appears once: a program named twice would be built twice. */
static int check_programs(const struct cryo_node *n, const struct cryo_strv *programs,
			  struct cryo_err *err)
{
	const struct cryo_node *list = cryo_node_get(n, "programs");

	if (list && programs->n == 0)
		return cryo_node_err(list, err, "'programs' is empty");
	for (size_t i = 0; i < programs->n; i++) {
		if (!cryo_source_is_name(programs->v[i]))
			return cryo_node_err(list->child[i], err,
					     "'%s' is not a valid name of a program",
					     programs->v[i]);
		for (size_t j = 0; j < i; j++)
			if (strcmp(programs->v[i], programs->v[j]) == 0)
				return cryo_node_err(list->child[i], err,
						     "program '%s' is there twice", programs->v[i]);
	}
	return 0;
}

/* Only a repository has a history to compare with. */
static int decode_upstream(const struct cryo_node *n, const char *base, struct cryo_source *out,
			   struct cryo_err *err)
{
	int rc = n ? cryo_source_decode(n, base, out, err) : 0;

	if (rc == 0 && n && out->kind != CRYO_SOURCE_GIT)
		rc = cryo_node_err(n, err, "'upstream' must be a source of kind git");
	return rc;
}

/* Takes the path as written; a relative one is from the file's directory. */
static int take_patches(const struct cryo_node *n, char *patches, const char *base,
			struct cryo_component *c, struct cryo_err *err)
{
	const struct cryo_node *at = cryo_node_get(n, "patches");

	if (!patches)
		return 0;
	c->patches = patches[0] == '/' ? cryo_strdup(patches)
				       : cryo_asprintf("%s/%s", base, patches);
	free(patches);
	if (at->text[0] == '\0')
		return cryo_node_err(at, err, "'patches' is empty");
	if (!cryo_source_takes_patches(&c->source))
		return cryo_node_err(at, err, "such a source cannot be patched");
	return 0;
}

static int decode_component(const struct cryo_node *list, size_t i, const char *base,
			    struct cryo_component *c, struct cryo_err *err)
{
	const struct cryo_node *n = list->child[i];
	struct entry e = { 0 };
	int rc;

	c->name = cryo_strdup(list->key[i]);
	c->line = list->key_line[i];
	rc = cryo_node_decode(n, entry_rows, &e, err);
	c->recipe = e.recipe ? e.recipe : cryo_strdup(c->name);
	c->programs = e.programs;
	c->note = e.note;
	if (rc == 0 && !cryo_source_is_name(c->name))
		rc = cryo_node_err(n, err, "'%s' is not a valid name of a component", c->name);
	if (rc == 0)
		rc = check_programs(n, &c->programs, err);
	if (rc == 0)
		rc = cryo_source_decode(e.source, base, &c->source, err);
	if (rc == 0)
		rc = decode_upstream(e.upstream, base, &c->upstream, err);
	if (rc == 0)
		return take_patches(n, e.patches, base, c, err);
	free(e.patches);
	return rc;
}

static int decode_components(const struct cryo_node *n, struct cryo_stack *s, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *base = cryo_strdup(s->file);
	int rc = 0;

	*strrchr(base, '/') = '\0';
	if (n->kind != CRYO_NODE_MAP || n->n == 0)
		return cryo_node_err(n, err, "'components' must be a map of at least one");
	s->component = cryo_alloc(n->n * sizeof(*s->component));
	for (size_t i = 0; rc == 0 && i < n->n; i++) {
		s->n = i + 1;
		s->component[i].file = s->file;
		rc = decode_component(n, i, base, &s->component[i], err);
	}
	return rc;
}

static int check_stack_kind(const struct cryo_node *n, const struct file *f, struct cryo_err *err)
{
	if (strcmp(f->kind, "Stack") != 0)
		return cryo_node_err(cryo_node_get(n, "kind"), err, "kind is '%s', not 'Stack'",
				     f->kind);
	if (strcmp(f->api_version, API_VERSION) != 0)
		return cryo_node_err(cryo_node_get(n, "apiVersion"), err,
				     "apiVersion is '%s', this cryopod knows '%s'", f->api_version,
				     API_VERSION);
	return 0;
}

static int decode_stack(const struct cryo_node *n, struct cryo_stack *s, struct cryo_err *err)
{
	struct file f = { 0 };
	int rc = cryo_node_decode(n, file_rows, &f, err);

	if (rc == 0)
		rc = check_stack_kind(n, &f, err);
	if (rc == 0)
		rc = cryo_node_decode(f.metadata, metadata_rows, s, err);
	if (rc == 0)
		rc = cryo_node_decode(f.spec, spec_rows, &f, err);
	if (rc == 0)
		rc = decode_components(f.components, s, err);
	free(f.kind);
	free(f.api_version);
	return rc;
}

void cryo_stack_list_shipped(struct cryo_strv *names)
{
	cryo_auto(cryo_free) char *path = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	const struct dirent *e;
	DIR *d;

	if (cryo_data_path("stacks", &path, &ignored) < 0 || !(d = opendir(path)))
		return;
	while ((e = readdir(d)))
		if (cryo_ends_with(e->d_name, ".yaml"))
			cryo_strv_take(
			    names, cryo_strndup(e->d_name, strlen(e->d_name) - strlen(".yaml")));
	closedir(d);
}

static int find_shipped_stack(const char *name, char **path, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *relative = cryo_asprintf("stacks/%s.yaml", name);
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	const char *near;

	if (cryo_source_is_name(name) && cryo_data_path(relative, path, err) == 0)
		return 0;
	cryo_stack_list_shipped(&names);
	near = cryo_nearest(name, cryo_strv_get(&names));
	if (near)
		return cryo_err_set(err, CRYO_E_CONFIG, "no stack '%s', did you mean '%s'?", name,
				    near);
	return cryo_err_set(err, CRYO_E_CONFIG,
			    "no stack '%s' ships with cryopod (a path has a slash)", name);
}

static int find_stack_file(const char *name_or_path, char **path, struct cryo_err *err)
{
	if (!strchr(name_or_path, '/') && !cryo_ends_with(name_or_path, ".yaml"))
		return find_shipped_stack(name_or_path, path, err);
	*path = realpath(name_or_path, NULL);
	if (!*path)
		return cryo_err_set(err, CRYO_E_CONFIG, "no stack file '%s'", name_or_path);
	return 0;
}

int cryo_stack_load(const char *name_or_path, struct cryo_stack *out, struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack s = { 0 };
	cryo_auto(cryo_yaml_release) struct cryo_yaml y = { 0 };
	int rc = find_stack_file(name_or_path, &s.file, err);

	if (rc == 0)
		rc = cryo_yaml_load(s.file, &y, err);
	if (rc == 0 && y.n != 1)
		rc = cryo_err_set(err, CRYO_E_CONFIG, "%s: holds %zu documents, not one", s.file,
				  y.n);
	if (rc == 0)
		rc = decode_stack(y.doc[0], &s, err);
	if (rc < 0)
		return rc;
	*out = s;
	s = (struct cryo_stack){ 0 };
	return 0;
}

void cryo_stack_release(struct cryo_stack *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->component[i].name);
		free(s->component[i].recipe);
		free(s->component[i].patches);
		cryo_source_release(&s->component[i].source);
		cryo_source_release(&s->component[i].upstream);
		free(s->component[i].note);
		cryo_strv_release(&s->component[i].programs);
	}
	free(s->component);
	free(s->name);
	free(s->file);
	*s = (struct cryo_stack){ 0 };
}

const struct cryo_component *cryo_stack_find(const struct cryo_stack *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->component[i].name, name) == 0)
			return &s->component[i];
	return NULL;
}

int cryo_stack_check_names(const struct cryo_stack *s, const char *const *only,
			   struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *all = NULL;
	const char *near;

	while (only && *only && cryo_stack_find(s, *only))
		only++;
	if (!only || !*only)
		return 0;
	for (size_t i = 0; i < s->n; i++)
		cryo_strv_add(&names, s->component[i].name);
	near = cryo_nearest(*only, cryo_strv_get(&names));
	if (near)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "stack '%s' has no component '%s', did you mean '%s'?", s->name,
				    *only, near);
	all = cryo_strv_join(&names, ", ");
	return cryo_err_set(err, CRYO_E_USAGE, "stack '%s' has no component '%s' (it has: %s)",
			    s->name, *only, all);
}
