/* SPDX-License-Identifier: Apache-2.0 */
/* Logs of a node's services: `logs` names them, `logs kubelet` prints one. */
#include "cli/cli.h"

#include "conf/json.h"
#include "sys/intr.h"

#include <stdio.h>

#define ASK_MS 30000

struct logs_opts {
	bool follow;
	unsigned tail;
};

static const struct cryo_opt opts_table[] = {
	{ "follow", 'f', CRYO_OPT_FLAG, offsetof(struct logs_opts, follow), NULL,
	  "go on as it grows" },
	{ "tail", 0, CRYO_OPT_UINT, offsetof(struct logs_opts, tail), "LINES",
	  "only the last ones (default: all)" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int list_service_names(struct cryo_cluster *t, struct cryo_strv *names, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	json_t *s;
	size_t i;
	int rc = t->ops->status(t, &status, err);

	if (rc < 0)
		return rc;
	json_array_foreach(cryo_json_at(status, "nodes[0].services"), i, s)
		cryo_strv_add(names, cryo_json_str(s, "name"));
	if (names->n == 0)
		return cryo_cluster_not_running(t, err);
	return 0;
}

static int print_service_log(struct cryo_cluster *t, const char *service, const struct logs_opts *o,
			     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *file = cryo_asprintf("/var/log/cryopod/%s/current", service);
	cryo_auto(cryo_free) char *lines = o->tail ? cryo_asprintf("%u", o->tail)
						   : cryo_strdup("+1");
	const char *const argv[] = { "tail", "-n", lines, "--", file, NULL };
	const char *const follow[] = { "tail", "-n", lines, "-F", "--", file, NULL };
	struct cryo_proc p = { .argv = o->follow ? follow : argv, .foreground = true };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	int rc;

	cryo_intr_hold();
	rc = t->ops->exec(t, NULL, &p, &res, err);
	cryo_intr_release();
	/* Ctrl-C is how one stops following. */
	return o->follow && res.signal ? 0 : rc;
}

static int logs_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	cryo_auto(cryo_free) char *list = NULL;
	int rc = cryo_cli_target(cli, &t, err);

	(void)exit_code;
	if (rc == 0)
		rc = list_service_names(t, &names, err);
	if (rc < 0)
		return rc;
	list = cryo_strv_join(&names, args[0] ? ", " : "\n");
	if (!args[0]) {
		printf("%s\n", list);
		return 0;
	}
	if (!cryo_strv_has(&names, args[0]))
		return cryo_err_set(err, CRYO_E_USAGE, "no service '%s' (there is: %s)", args[0],
				    list);
	return print_service_log(t, args[0], opts, err);
}

const struct cryo_cmd cryo_cmd_logs = {
	.name = "logs",
	.usage = "[SERVICE]",
	.summary = "log of a node's service",
	.opts = opts_table,
	.size = sizeof(struct logs_opts),
	.max_args = 1,
	.run = logs_cmd_run,
};
