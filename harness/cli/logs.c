/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of a node's services: `logs` names them, `logs kubelet` prints one. */
#include "cli/cli.h"

#include "base/event.h"
#include "cluster/collect.h"
#include "cluster/status.h"
#include "sys/intr.h"

#include <stdio.h>

struct logs_opts {
	bool follow, all;
	unsigned tail;
	const char *node, *dir;
};

static const struct cryo_opt opts_table[] = {
	{ "follow", 'f', CRYO_OPT_FLAG, offsetof(struct logs_opts, follow), NULL,
	  "go on as it grows" },
	{ "tail", 0, CRYO_OPT_UINT, offsetof(struct logs_opts, tail), "LINES",
	  "only the last N lines (default: all)" },
	{ "node", 0, CRYO_OPT_STR, offsetof(struct logs_opts, node), "NAME",
	  "node to read from (default: the first)" },
	{ "all", 0, CRYO_OPT_FLAG, offsetof(struct logs_opts, all), NULL,
	  "collect all logs and the state of the cluster in a directory" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct logs_opts, dir), "DIR",
	  "with --all: the directory, which is created" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int list_service_names(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			      struct cryo_strv *names, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	const struct cryo_node_status *known;
	int rc = cryo_cluster_status(t, &s, err);

	if (rc < 0)
		return rc;
	known = cryo_status_find_node(&s, node->name);
	if (!known || known->services == 0)
		return cryo_cluster_not_running(t, err);
	for (size_t i = 0; i < known->services; i++)
		cryo_strv_add(names, known->service[i].name);
	return 0;
}

static int print_service_log(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     const char *service, const struct logs_opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_exec x = { .foreground = true };
	int rc = cryo_cluster_log_argv(t, node, service, o->tail, o->follow, &argv, err);

	if (rc < 0)
		return rc;
	x.argv = cryo_strv_get(&argv);
	cryo_intr_hold();
	rc = cryo_cluster_exec(t, node, &x, &res, err);
	cryo_intr_release();
	/* Ctrl-C is how one stops following. */
	return o->follow && res.signal ? 0 : rc;
}

static int collect_all_logs(struct cryo_cluster *t, const struct logs_opts *o, char **args,
			    struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv missing = { 0 };
	int rc;

	if (!o->dir || args[0] || o->follow || o->tail || o->node)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--all needs -o DIR, and takes nothing else");
	rc = cryo_cluster_collect(t, o->dir, &missing, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < missing.n; i++)
		cryo_warn("missing: %s", missing.v[i]);
	printf("%s\n", o->dir);
	return 0;
}

static int logs_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *list = NULL;
	const struct logs_opts *o = opts;
	const struct cryo_cluster_node *node;
	int rc = cryo_cli_target(cli, &t, err);

	(void)exit_code;
	if (rc == 0 && (o->all || o->dir))
		return collect_all_logs(t, o, args, err);
	if (rc == 0)
		rc = cryo_cluster_find_node(t, o->node, &node, err);
	if (rc == 0)
		rc = list_service_names(t, node, &names, err);
	if (rc < 0)
		return rc;
	list = cryo_strv_join(&names, args[0] ? ", " : "\n");
	if (!args[0]) {
		printf("%s\n", list);
		return 0;
	}
	if (!cryo_strv_has(&names, args[0]))
		return cryo_err_set(err, CRYO_E_USAGE, "no service '%s' (valid values: %s)",
				    args[0], list);
	return print_service_log(t, node, args[0], o, err);
}

const struct cryo_cmd cryo_cmd_logs = {
	.name = "logs",
	.usage = "[SERVICE]",
	.summary = "show the log of a node's service",
	.opts = opts_table,
	.size = sizeof(struct logs_opts),
	.max_args = 1,
	.run = logs_cmd_run,
};
