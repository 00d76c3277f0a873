/* SPDX-License-Identifier: Apache-2.0 */
/* `stacks check`: what is newer than a stack, and whether its series fit there. */
#include "cli/cli.h"
#include "cli/sources.h"
#include "cli/verb.h"

#include "base/event.h"
#include "conf/json.h"
#include "recipe/newest.h"
#include "archives/debian.h"
#include "source/source.h"
#include "source/stack.h"
#include "sys/intr.h"

#include <stdio.h>
#include <string.h>

struct stacks_opts {
	const char *output;
};

static const struct cryo_opt opts_table[] = {
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct stacks_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/* "path/file.go:123" of the first patch that does not fit; NULL: all do. Borrowed. */
static const char *find_first_conflict(const json_t *patches)
{
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)patches, i, one)
		if (cryo_json_str(one, "where"))
			return cryo_json_str(one, "where");
	return NULL;
}

/* How the series takes to that version: "fits", "conflicts …", "no series". */
static int try_newer_version(const struct cryo_component *c, const char *version, json_t *row,
			     bool *fits, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *patches = NULL;
	cryo_auto(cryo_free) char *reason = NULL;
	const char *where;
	int rc;

	if (!c->patches) {
		json_object_set_new(row, "series", json_string("no series"));
		return 0;
	}
	rc = cryo_sources_patches(c, version, false, &patches, &reason, fits, err);
	if (rc < 0)
		return rc;
	where = find_first_conflict(patches);
	json_object_set_new(
	    row, "series",
	    *fits ? json_string("fits")
		  : json_sprintf("conflicts%s%s", where ? " in " : "", where ? where : ""));
	json_object_set(row, "patches", patches);
	return 0;
}

/* One row for the same line (v2.3.x) and one for what is newer than that. */
static int check_newer_version(const struct cryo_component *c, const char *newest, json_t *all,
			       bool *all_fit, struct cryo_err *err)
{
	const char *here = c->source.version;
	bool newer = newest && cryo_version_compare(newest, here) > 0, fits = true;
	json_t *row = json_pack("{ss ss ss? sb}", "component", c->name, "here", here, "newest",
				newest ? newest : here, "newer", newer);
	int rc = 0;

	json_array_append_new(all, row);
	if (!newer) {
		json_object_set_new(row, "series", json_string("-"));
		return 0;
	}
	cryo_step_begin("%s %s", c->name, newest);
	rc = try_newer_version(c, newest, row, &fits, err);
	if (rc < 0) {
		cryo_step_fail("%s", err->msg);
		return rc;
	}
	cryo_step_ok("%s", cryo_json_str(row, "series"));
	*all_fit = *all_fit && fits;
	return 0;
}

/* None: nobody tells, as of a git repository or a directory. */
static int list_versions(const struct cryo_source *s, struct cryo_strv *out, struct cryo_err *err)
{
	if (s->kind == CRYO_SOURCE_MODULE)
		return cryo_module_versions(s->module, out, err);
	if (s->kind == CRYO_SOURCE_ARCHIVE && s->version && cryo_debian_is_address(s->archive))
		return cryo_debian_versions(s->archive, s->version, out, err);
	return 0;
}

static int check_component_versions(const struct cryo_component *c, json_t *all, bool *all_fit,
				    struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv versions = { 0 };
	cryo_auto(cryo_free) char *line = NULL;
	const char *patch, *newest;
	int rc;

	rc = list_versions(&c->source, &versions, err);
	if (rc < 0 || versions.n == 0)
		return rc;
	line = cryo_version_line(c->source.version);
	patch = cryo_newest_version(&versions, line);
	newest = cryo_newest_version(&versions, "");
	rc = check_newer_version(c, patch, all, all_fit, err);
	if (rc < 0 || !newest || cryo_streq(newest, patch))
		return rc;
	return check_newer_version(c, newest, all, all_fit, err);
}

static void print_stack_check(const json_t *all)
{
	int width = cryo_cli_width(all, "component", "COMPONENT");
	json_t *row;
	size_t i;

	printf("%-*s  %-9s  %-9s  %s\n", width, "COMPONENT", "HERE", "NEWEST", "SERIES");
	json_array_foreach((json_t *)all, i, row) {
		cryo_auto(cryo_free) char *series = cryo_cli_clean(cryo_json_str(row, "series"));

		printf("%-*s  %-9s  %-9s  %s\n", width, cryo_json_str(row, "component"),
		       cryo_json_str(row, "here"), cryo_json_str(row, "newest"), series);
	}
}

static int check_stack(const char *name, json_t *all, bool *all_fit, struct cryo_err *err)
{
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	int rc = cryo_stack_load(name, &stack, err);

	for (size_t i = 0; rc == 0 && i < stack.n; i++) {
		rc = cryo_intr_check(err);
		if (rc == 0)
			rc = check_component_versions(&stack.component[i], all, all_fit, err);
	}
	return rc;
}

static int stacks_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	static const struct cryo_verb verbs[] = { { "check", true, false } };
	const struct stacks_opts *o = opts;
	cryo_auto(cryo_json_decref) json_t *all = json_array();
	enum cryo_output output;
	bool all_fit = true;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)cli;
	if (rc == 0)
		rc = cryo_cli_verb("stacks", verbs, CRYO_ARRAY_LEN(verbs), sizeof(*verbs), args,
				   err);
	if (rc >= 0)
		rc = check_stack(args[1] ? args[1] : "upstream", all, &all_fit, err);
	if (rc < 0)
		return rc;
	if (output == CRYO_OUTPUT_TABLE)
		print_stack_check(all);
	else
		cryo_cli_print(all, output);
	if (!all_fit)
		*exit_code = 1;
	return 0;
}

const struct cryo_cmd cryo_cmd_stacks = {
	.name = "stacks",
	.usage = "check [STACK]",
	.summary = "show newer versions of a stack's components, and whether its patches apply",
	.opts = opts_table,
	.size = sizeof(struct stacks_opts),
	.min_args = 1,
	.max_args = 2,
	.run = stacks_cmd_run,
};
