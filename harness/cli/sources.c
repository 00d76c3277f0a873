/* SPDX-License-Identifier: Apache-2.0 */
/* cryopod sources: the trees of a stack. Its verbs are rows of a table. */
#include "cli/cli.h"

#include "base/event.h"
#include "recipe/users.h"
#include "cli/sources.h"
#include "conf/json.h"
#include "source/stack.h"
#include "source/status.h"
#include "git/url.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <stdio.h>
#include <string.h>

struct sources_opts {
	const char *stack, *output, *version;
	bool update, force, history;
	struct cryo_cli_fetch fetch;
};

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct sources_opts, stack), "STACK",
	  "name or file (default: upstream)" },
	CRYO_CLI_FETCH(struct sources_opts, fetch),
	{ "update", 0, CRYO_OPT_FLAG, offsetof(struct sources_opts, update), NULL,
	  "follow branches to where they are now" },
	{ "history", 0, CRYO_OPT_FLAG, offsetof(struct sources_opts, history), NULL,
	  "fetch whole histories, of upstream too" },
	{ "force", 0, CRYO_OPT_FLAG, offsetof(struct sources_opts, force), NULL,
	  "make trees anew that were changed by hand" },
	{ "version", 0, CRYO_OPT_STR, offsetof(struct sources_opts, version), "VERSION",
	  "status, patch: on this version of the Go module" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct sources_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/* What a verb works on. */
struct sources {
	const struct sources_opts *o;
	const char *const *only; /* names of components; empty: all */
	struct cryo_stack stack;
	enum cryo_output output;
	json_t *result; /* an array, one object per component */
	bool said_no;	/* a series does not apply */
	int in_use;	/* lock: nobody prunes the sources meanwhile */
};

static bool is_wanted_component(const struct sources *s, const char *name)
{
	const char *const *only = s->only;

	if (!*only)
		return true;
	while (*only && strcmp(*only, name) != 0)
		only++;
	return *only != NULL;
}

/* --- sync --- */

static int sync_component_tree(const struct cryo_component *c, const struct cryo_fetch_opts *fetch,
			       struct cryo_tree *tree, struct cryo_err *err)
{
	int rc = cryo_source_tree(&c->source, c->name, fetch, tree, err);

	if (rc == 0 && fetch->history)
		rc = cryo_source_sync_upstream(c, fetch, err);
	return rc;
}

static int sync_component(struct sources *s, const struct cryo_component *c, struct cryo_err *err)
{
	struct cryo_fetch_opts fetch = { .offline = s->o->fetch.offline,
					 .update = s->o->update,
					 .force = s->o->force,
					 .history = s->o->history,
					 .mirrors = s->o->fetch.mirrors.v };
	cryo_auto(cryo_tree_release) struct cryo_tree tree = { 0 };
	cryo_auto(cryo_free) char *shown = cryo_source_show(&c->source);
	int rc;

	cryo_step_begin("source %s", c->name);
	if (!cryo_source_has_tree(&c->source)) {
		cryo_step_skip("%s: its own tool fetches it", shown);
		return 0;
	}
	rc = sync_component_tree(c, &fetch, &tree, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		return cryo_err_wrap(err, rc, "%s:%u: source '%s'", c->file, c->line, c->name);
	}
	if (tree.made)
		cryo_step_ok("%s", shown);
	else
		cryo_step_same("%s", shown);
	if (c->note)
		cryo_info("note on %s: %s", c->name, c->note);
	json_array_append_new(s->result,
			      json_pack("{s:s, s:s, s:s, s:b}", "component", c->name, "commit",
					tree.commit, "dir", tree.dir, "made", tree.made));
	return 0;
}

static void print_sync_table(const json_t *all)
{
	int width = cryo_cli_width(all, "component", "");
	json_t *r;
	size_t i;

	json_array_foreach((json_t *)all, i, r)
		printf("%-*s  %.12s  %s\n", width, cryo_json_str(r, "component"),
		       cryo_json_str(r, "commit"), cryo_json_str(r, "dir"));
}

/* --- status --- */

static int add_component_status(struct sources *s, const struct cryo_component *c,
				struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *one = NULL;
	cryo_auto(cryo_free) char *reason = NULL;
	json_t *patches = NULL;
	bool fits = true;
	int rc = cryo_source_status(c, &one, err);

	if (rc == 0)
		rc = cryo_sources_patches(c, s->o->version, s->o->fetch.offline, &patches, &reason,
					  &fits, err);
	if (rc < 0)
		return rc;
	json_object_set_new(one, "patches", patches ? patches : json_null());
	json_object_set_new(one, "patchesOn",
			    s->o->version ? json_string(s->o->version) : json_null());
	json_object_set_new(one, "patchesReason", reason ? json_string(reason) : json_null());
	json_array_append(s->result, one);
	s->said_no = s->said_no || !fits;
	return 0;
}

static void print_base_status(const json_t *base)
{
	if (cryo_json_str(base, "reason"))
		printf("  upstream     %s\n", cryo_json_str(base, "reason"));
	else if (json_is_object(base))
		printf("  upstream     base %.12s, %ld ahead, %ld behind\n",
		       cryo_json_str(base, "commit"), (long)cryo_json_int(base, "ahead", 0),
		       (long)cryo_json_int(base, "behind", 0));
}

/* pinned <-> checked out */
static void print_tree_status(const json_t *r)
{
	const char *state = cryo_json_str(r, "state"), *dir = cryo_json_str(r, "dir");
	const char *first = cryo_json_str(r, "firstChanged");
	cryo_auto(cryo_free) char *shown = cryo_cli_clean(first ? first : "HEAD");
	const json_t *others = json_object_get(r, "others");

	if (strcmp(state, "clean") == 0)
		printf("  checked out  %s\n", dir);
	else if (strcmp(state, "changed") == 0)
		printf("  CHANGED      %ld file(s), '%s' first: %s\n",
		       (long)cryo_json_int(r, "changed", 0), shown, dir);
	else if (strcmp(state, "foreign") == 0)
		printf("  IN THE WAY   not from cryopod, move it away: %s\n", dir);
	else if (strcmp(state, "none") != 0)
		printf("  checked out  no (cryopod sources sync)\n");
	if (json_array_size(others) > 0)
		printf("  besides      %zu tree(s) of other commits\n", json_array_size(others));
}

static void print_component_status(const json_t *r)
{
	const char *commit = cryo_json_str(r, "commit"), *note = cryo_json_str(r, "note");

	printf("%s: %s %s\n", cryo_json_str(r, "component"), cryo_json_str(r, "kind"),
	       cryo_json_str(r, "source"));
	if (strcmp(cryo_json_str(r, "state"), "none") != 0)
		printf("  commit       %s\n", commit ? commit : "not known yet");
	print_tree_status(r);
	print_base_status(json_object_get(r, "base"));
	if (note)
		printf("  note         %s\n", note);
	cryo_sources_print_patches(json_object_get(r, "patches"), cryo_json_str(r, "patchesOn"));
	if (cryo_json_str(r, "patchesReason"))
		printf("  patches      not tried: %s\n", cryo_json_str(r, "patchesReason"));
}

static void print_sources_status(const json_t *all)
{
	json_t *r;
	size_t i;

	json_array_foreach((json_t *)all, i, r)
		print_component_status(r);
}

/* --- the table --- */

static const struct verb {
	const char *name;
	int (*one)(struct sources *s, const struct cryo_component *c, struct cryo_err *err);
	void (*print)(const json_t *all); /* lines or paragraphs for people */
	bool fetches;			  /* repositories, that is */
	/* instead: COMPONENT [DIR] */
	int (*on_tree)(const struct cryo_component *c, const struct cryo_sources_tree *t,
		       struct cryo_err *err);
} verbs[] = {
	{ "sync", sync_component, print_sync_table, true, NULL },
	{ "status", add_component_status, print_sources_status, false, NULL },
	{ "patch", NULL, NULL, true, cryo_sources_patch },
	{ "refresh", NULL, NULL, false, cryo_sources_refresh },
};

/* Without a verb it is status: that changes nothing. */
static const struct verb *choose_sources_verb(char ***args)
{
	for (size_t i = 0; **args && i < CRYO_ARRAY_LEN(verbs); i++) {
		if (strcmp(**args, verbs[i].name) == 0) {
			++*args;
			return &verbs[i];
		}
	}
	return &verbs[1];
}

/* An option that would change nothing is a misunderstanding. */
static int check_mirrors(const struct sources *s, const struct verb *verb, struct cryo_err *err)
{
	if (!verb->fetches && s->o->fetch.mirrors.n > 0)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "sources %s asks no server: --mirror is for sync and patch",
				    verb->name);
	return cryo_url_check_mirrors(s->o->fetch.mirrors.v, err);
}

/* From now on its sources are in use (`cryopod cache`). */
static int load_sources_stack(struct sources *s, const struct verb *verb, struct cryo_err *err)
{
	int rc = cryo_users_join(&s->in_use, err);

	if (rc == 0)
		rc = cryo_stack_load(s->o->stack ? s->o->stack : "upstream", &s->stack, err);
	if (rc == 0 && verb->fetches)
		cryo_users_note_stack(&s->stack, NULL);
	return rc;
}

static int work_on_components(struct sources *s, const struct verb *verb, struct cryo_err *err)
{
	int rc = load_sources_stack(s, verb, err);

	if (rc == 0)
		rc = cryo_stack_check_names(&s->stack, s->only, err);
	for (size_t i = 0; rc == 0 && i < s->stack.n; i++) {
		rc = cryo_intr_check(err);
		if (rc == 0 && is_wanted_component(s, s->stack.component[i].name))
			rc = verb->one(s, &s->stack.component[i], err);
	}
	return rc;
}

static int work_on_single_tree(struct sources *s, const struct verb *verb, struct cryo_err *err)
{
	const char *const *args = s->only;
	const char *const name[] = { args[0], NULL };
	struct cryo_sources_tree tree;
	int rc;

	if (!args[0] || (args[1] && args[2]))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "sources %s wants a component, and a directory if you like",
				    verb->name);
	rc = load_sources_stack(s, verb, err);
	if (rc == 0)
		rc = cryo_stack_check_names(&s->stack, name, err);
	if (rc < 0)
		return rc;
	tree = (struct cryo_sources_tree){ .dir = args[1],
					   .version = s->o->version,
					   .stack = s->o->stack,
					   .offline = s->o->fetch.offline,
					   .mirrors = s->o->fetch.mirrors.v };
	return verb->on_tree(cryo_stack_find(&s->stack, args[0]), &tree, err);
}

static int sources_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	const struct verb *verb = choose_sources_verb(&args);
	cryo_auto(cryo_json_decref) json_t *result = json_array();
	struct sources s = {
		.o = opts, .only = (const char *const *)args, .result = result, .in_use = -1
	};
	int rc = cryo_cli_output(s.o->output, &s.output, err);

	(void)cli;
	if (rc == 0)
		rc = check_mirrors(&s, verb, err);
	if (rc == 0)
		rc = verb->on_tree ? work_on_single_tree(&s, verb, err)
				   : work_on_components(&s, verb, err);
	if (rc == 0 && s.said_no)
		*exit_code = 1;
	if (rc == 0 && verb->on_tree)
		; /* it has told what it did */
	else if (rc == 0 && s.output != CRYO_OUTPUT_TABLE)
		cryo_cli_print(result, s.output);
	else if (rc == 0)
		verb->print(result);
	cryo_stack_release(&s.stack);
	cryo_fd_closep(&s.in_use);
	return rc;
}

const struct cryo_cmd cryo_cmd_sources = {
	.name = "sources",
	.usage = "[sync | status] [COMPONENT…] | patch | refresh COMPONENT [DIR]",
	.summary = "source trees of a stack: fetch, show, work on their patches",
	.opts = opts_table,
	.size = sizeof(struct sources_opts),
	.max_args = -1,
	.run = sources_cmd_run,
};
