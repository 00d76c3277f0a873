/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

struct down_opts {
	bool all;
};

static const struct cryo_opt opts_table[] = {
	{ "all", 0, CRYO_OPT_FLAG, offsetof(struct down_opts, all), NULL, "every cluster" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int down_one(const char *kind, const char *name, struct cryo_err *err)
{
	cryo_auto(cryo_target_free) struct cryo_target *t = NULL;
	int rc = cryo_target_open(kind, name, &t, err);

	return rc < 0 ? rc : t->ops->down(t, err);
}

static int run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
	       struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	const struct down_opts *o = opts;
	int rc = 0;

	(void)args;
	(void)exit_code;
	if (!o->all)
		return down_one(cli->target, cli->name, err);
	rc = cryo_target_list(&names, err);
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = down_one(cli->target, names.v[i], err);
	return rc;
}

const struct cryo_cmd cryo_cmd_down = {
	.name = "down",
	.usage = "",
	.summary = "remove a cluster and everything that belongs to it",
	.opts = opts_table,
	.size = sizeof(struct down_opts),
	.run = run,
};
