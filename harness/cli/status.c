/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/event.h"
#include "checkpoint/node_pages.h"
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

static void print_capability(const json_t *capabilities, const char *name)
{
	const json_t *value = json_object_get(capabilities, name);
	const char *reason = cryo_json_str(json_object_get(capabilities, "reasons"), name);

	printf("  %-12s %s", name,
	       json_is_string(value) ? json_string_value(value)
	       : json_is_true(value) ? "yes"
				     : "no");
	printf(reason ? " (%s)\n" : "\n", reason);
}

static void print_service(const json_t *s)
{
	cryo_auto(cryo_free) char *since =
	    cryo_duration_show(1000 * cryo_json_int(s, "seconds", 0));
	const char *version = cryo_json_str(s, "version"), *stamp = cryo_json_str(s, "stamp");

	printf("  %-24s %-5s %6ld  %-10s  %-16s %.12s\n", cryo_json_str(s, "name"),
	       cryo_json_bool(s, "up") ? "up" : "DOWN", (long)cryo_json_int(s, "pid", 0), since,
	       version ? version : "?", stamp ? stamp : "");
}

/* Of a node whose services are not ours. */
static void print_api_node(const json_t *node)
{
	const char *version = cryo_json_str(node, "version"),
		   *runtime = cryo_json_str(node, "runtime");

	printf("\nnode %s (%s): %s, kubelet %s, %s\n", cryo_json_str(node, "name"),
	       cryo_json_str(node, "role"), cryo_json_bool(node, "ready") ? "Ready" : "NOT READY",
	       version ? version : "?", runtime ? runtime : "?");
}

static void print_node_status(const json_t *node)
{
	json_t *s, *services = json_object_get(node, "services");
	size_t i;

	if (!services) {
		print_api_node(node);
		return;
	}
	printf("\nnode %s (pid %ld)\n  %-24s %-5s %6s  %-10s  %-16s %s\n",
	       cryo_json_str(node, "name"), (long)cryo_json_int(node, "pid", 0), "SERVICE", "STATE",
	       "PID", "FOR", "VERSION", "BUILD");
	json_array_foreach(services, i, s)
		print_service(s);
}

static void print_cluster_origin(const json_t *j)
{
	const char *template = cryo_json_str(j, "template");
	const char *snapshot = cryo_json_str(j, "snapshot");
	const char *stack = cryo_json_str(j, "stack"), *stamp = cryo_json_str(j, "stamp");

	if (!stack)
		return;
	printf("  stack       %s (%.12s), since %s\n", stack, stamp ? stamp : "",
	       cryo_json_str(j, "created"));
	if (template)
		printf("  origin      template %.12s\n", template);
	else if (snapshot)
		printf("  origin      snapshot '%s'\n", snapshot);
	else if (cryo_json_str(j, "origin"))
		printf("  origin      %s\n", cryo_json_str(j, "origin"));
}

static void print_api_access(const json_t *j)
{
	const char *kubeconfig = cryo_json_str(j, "kubeconfig"),
		   *context = cryo_json_str(j, "context"), *reason = cryo_json_str(j, "reason");

	if (kubeconfig)
		printf("  kubeconfig  %s\n", kubeconfig);
	if (context)
		printf("  context     %s\n", context);
	if (reason)
		printf("  API server  %s\n", reason);
	if (!cryo_json_at(j, "port"))
		return;
	if (cryo_json_int(j, "forwarder", 0))
		printf("  API server  https://127.0.0.1:%ld\n", (long)cryo_json_int(j, "port", 0));
	else
		printf("  API server  cannot be reached (cryopod up)\n");
}

static void print_kept_pages(const json_t *list)
{
	json_t *node;
	size_t i;

	if (json_array_size(list) > 0)
		printf("\nkept for restored pods\n");
	json_array_foreach(list, i, node) {
		int64_t bytes = cryo_json_int(node, "bytes", 0);
		int64_t copied = cryo_json_int(node, "copied", 0);
		cryo_auto(cryo_free) char *all = cryo_size_show((uint64_t)bytes);
		cryo_auto(cryo_free) char *own = cryo_size_show((uint64_t)copied);

		printf("  %-12s %ld archives, %s, of which %s are nowhere else\n",
		       cryo_json_str(node, "node"), (long)cryo_json_int(node, "files", 0), all,
		       own);
	}
}

static void print_cluster_status(const json_t *j)
{
	static const char *const capability[] = { "checkpoint", "restore", "encryption",
						  "ip-sockets", "criu" };
	const json_t *capabilities = json_object_get(j, "capabilities");
	const char *kind = cryo_json_str(j, "target");
	json_t *node;
	size_t i;

	printf("cluster %s: %s%s%s\n", cryo_json_str(j, "name"), cryo_json_str(j, "state"),
	       cryo_streq(kind, "local") ? "" : ", ", cryo_streq(kind, "local") ? "" : kind);
	print_cluster_origin(j);
	print_api_access(j);
	json_array_foreach(json_object_get(j, "nodes"), i, node)
		print_node_status(node);
	print_kept_pages(json_object_get(j, "pages"));
	if (capabilities)
		printf("\ncapabilities\n");
	for (i = 0; capabilities && i < CRYO_ARRAY_LEN(capability); i++)
		print_capability(capabilities, capability[i]);
}

/* With what is kept for its restored pods. */
static int get_cluster_status(struct cryo_cluster *t, json_t **out, struct cryo_err *err)
{
	int rc = cryo_cluster_status(t, out, err);

	if (rc == 0 && cryo_cluster_reaches_nodes(t) &&
	    cryo_streq(cryo_json_str(*out, "state"), "running"))
		json_object_set_new(*out, "pages", cryo_node_pages_json(t));
	return rc;
}

static int get_cluster_statuses(json_t *list, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_cluster_list(&names, err);

	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
		json_t *one = NULL;

		rc = cryo_cluster_open(NULL, names.v[i], &t, err);
		if (rc == 0)
			rc = get_cluster_status(t, &one, err);
		if (rc == 0)
			json_array_append_new(list, one);
	}
	return rc;
}

static int show_cluster_statuses(enum cryo_output output, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *list = json_array();
	json_t *j;
	size_t i;
	int rc = get_cluster_statuses(list, err);

	if (rc < 0)
		return rc;
	if (output != CRYO_OUTPUT_TABLE)
		cryo_cli_print(list, output);
	else if (json_array_size(list) == 0)
		printf("no cluster\n");
	else
		json_array_foreach(list, i, j)
			print_cluster_status(j);
	return 0;
}

static int status_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
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
		rc = get_cluster_status(t, &j, err);
	if (rc < 0)
		return rc;
	if (output == CRYO_OUTPUT_TABLE)
		print_cluster_status(j);
	else
		cryo_cli_print(j, output);
	/* For scripts: a cluster that does not run is a "no". */
	if (!cryo_streq(cryo_json_str(j, "state"), "running"))
		*exit_code = 1;
	if (*exit_code && geteuid() != 0)
		cryo_info("clusters of root are shown to root: sudo cryopod status");
	return 0;
}

const struct cryo_cmd cryo_cmd_status = {
	.name = "status",
	.usage = "",
	.summary = "what runs, since when, from which build, what it can do",
	.opts = opts_table,
	.size = sizeof(struct status_opts),
	.run = status_cmd_run,
};
