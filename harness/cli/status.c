/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/event.h"
#include "checkpoint/node_pages.h"
#include "cluster/status.h"
#include "conf/json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct status_opts {
	const char *output;
	bool all;
};

static const struct cryo_opt opts_table[] = {
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct status_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ "all", 0, CRYO_OPT_FLAG, offsetof(struct status_opts, all), NULL, "every cluster" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int get_cluster_status(struct cryo_cluster *t, struct cryo_cluster_status *out,
			      struct cryo_err *err)
{
	int rc = cryo_cluster_status(t, out, err);

	if (rc < 0)
		return rc;
	cryo_cluster_probe(t, out);
	cryo_node_pages_count(t, out);
	return 0;
}

static void print_cluster_status(const struct cryo_cluster_status *s)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_status_to_text(s, &text);
	fputs(cryo_str_get(&text), stdout);
}

/* As a row of `list`, or printed if that is NULL. */
static int show_cluster_status(const char *name, json_t *list, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	int rc = cryo_cluster_open(NULL, name, &t, err);

	if (rc == 0)
		rc = get_cluster_status(t, &s, err);
	if (rc < 0)
		return rc;
	if (list)
		json_array_append_new(list, cryo_status_to_json(&s));
	else
		print_cluster_status(&s);
	return 0;
}

static int show_cluster_statuses(enum cryo_output output, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *list = output == CRYO_OUTPUT_TABLE ? NULL
									       : json_array();
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_cluster_list(&names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = show_cluster_status(names.v[i], list, err);
	if (rc < 0)
		return rc;
	if (list)
		cryo_cli_print(list, output);
	else if (names.n == 0)
		printf("no cluster\n");
	return 0;
}

static int status_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	const struct status_opts *o = opts;
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)args;
	if (rc < 0)
		return rc;
	if (o->all)
		return show_cluster_statuses(output, err);
	rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = get_cluster_status(t, &s, err);
	if (rc < 0)
		return rc;
	j = cryo_status_to_json(&s);
	if (output == CRYO_OUTPUT_TABLE)
		print_cluster_status(&s);
	else
		cryo_cli_print(j, output);
	/* For scripts: a cluster that does not run is a "no". */
	if (strcmp(s.state, "running") != 0)
		*exit_code = 1;
	if (*exit_code && geteuid() != 0)
		cryo_info("clusters of root are shown to root: sudo cryopod status");
	return 0;
}

const struct cryo_cmd cryo_cmd_status = {
	.name = "status",
	.usage = "",
	.summary = "show what runs, since when, from which build, and what it can do",
	.opts = opts_table,
	.size = sizeof(struct status_opts),
	.run = status_cmd_run,
};
