/* SPDX-License-Identifier: Apache-2.0 */
/* Into a cluster by hand: shell and kubectl. */
#include "cli/cli.h"

#include "base/str.h"
#include "cli/kubectl.h"
#include "cluster/status.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <unistd.h>

/* Runs with our streams; its exit code becomes ours. */
static int adopt_child_exit_code(int rc, const struct cryo_proc_result *res, int *exit_code,
				 struct cryo_err *err)
{
	if (rc == -(int)CRYO_E_CHILD) {
		*exit_code = res->exit_code;
		*err = (struct cryo_err)CRYO_ERR_INIT;
		return 0;
	}
	return rc;
}

struct shell_opts {
	const char *node;
};

static const struct cryo_opt shell_opts_table[] = {
	{ "node", 0, CRYO_OPT_STR, offsetof(struct shell_opts, node), "NAME",
	  "node to run it in (default: the first)" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int shell_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	static const char *const bash[] = { "bash", "-l", NULL };
	const struct shell_opts *o = opts;
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = args[0] ? (const char *const *)args : bash,
				     .foreground = true,
				     .cwd = "/root" };
	const struct cryo_cluster_node *node;
	int rc = cryo_cli_target(cli, &t, err);

	if (rc == 0)
		rc = cryo_cluster_find_node(t, o->node, &node, err);
	if (rc < 0)
		return rc;
	cryo_intr_hold();
	rc = cryo_cluster_exec(t, node, &x, &res, err);
	cryo_intr_release();
	return adopt_child_exit_code(rc, &res, exit_code, err);
}

static char *find_built_kubectl(const json_t *builds)
{
	json_t *b;
	size_t i;

	json_array_foreach((json_t *)builds, i, b) {
		const char *dir = cryo_json_str(b, "dir");
		cryo_auto(cryo_free) char *path = cryo_asprintf("%s/kubectl", dir ? dir : "");

		if (access(path, X_OK) == 0)
			return cryo_steal(&path);
	}
	return NULL;
}

int cryo_cli_find_kubectl(struct cryo_cluster *t, char **program, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	int rc;

	if (!cryo_fs_exists(t->kubeconfig))
		return cryo_cluster_not_running(t, err);
	rc = cryo_cluster_status(t, &s, err);
	if (rc < 0)
		return rc;
	*program = find_built_kubectl(s.builds);
	if (!*program)
		*program = cryo_fs_which("kubectl");
	return *program
		   ? 0
		   : cryo_err_set(err, CRYO_E_UNFIT, "no kubectl: it is neither built nor in PATH");
}

static int kubectl_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 }, env = { 0 };
	cryo_auto(cryo_free) char *program = NULL;
	struct cryo_proc p = { .foreground = true };
	int rc = cryo_cli_target(cli, &t, err);

	(void)opts;
	if (rc == 0)
		rc = cryo_cli_find_kubectl(t, &program, err);
	if (rc < 0)
		return rc;
	cryo_strv_add(&argv, program);
	cryo_strv_addv(&argv, (const char *const *)args);
	cryo_strv_addf(&env, "KUBECONFIG=%s", t->kubeconfig);
	p.argv = cryo_strv_get(&argv);
	p.env = cryo_strv_get(&env);
	cryo_intr_hold();
	rc = cryo_proc_run(&p, &res, err);
	cryo_intr_release();
	return adopt_child_exit_code(rc, &res, exit_code, err);
}

const struct cryo_cmd cryo_cmd_shell = {
	.name = "shell",
	.usage = "[PROGRAM [ARGUMENT…]]",
	.summary = "run a shell or one program in a node",
	.opts = shell_opts_table,
	.size = sizeof(struct shell_opts),
	.max_args = -1,
	.passes_on = true,
	.run = shell_cmd_run,
};

const struct cryo_cmd cryo_cmd_kubectl = {
	.name = "kubectl",
	.usage = "ARGUMENT…",
	.summary = "run kubectl with the cluster's kubeconfig",
	.min_args = 1,
	.max_args = -1,
	.passes_on = true,
	.run = kubectl_cmd_run,
};
