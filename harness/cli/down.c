/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/event.h"
#include "scenario/many.h"

struct down_opts {
	bool all, keep_image;
	unsigned count;
};

static const struct cryo_opt opts_table[] = {
	{ "all", 0, CRYO_OPT_FLAG, offsetof(struct down_opts, all), NULL, "every cluster" },
	{ "count", 0, CRYO_OPT_COUNT, offsetof(struct down_opts, count), "N",
	  "the clusters of 'up --count N': NAME-1 … NAME-N" },
	{ "keep-image", 0, CRYO_OPT_FLAG, offsetof(struct down_opts, keep_image), NULL,
	  "kind: keep the node image in the engine for the next up" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int take_cluster_down(const char *kind, const char *name, bool keep_image,
			     struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	int rc = cryo_cluster_open(kind, name, &t, err);

	if (rc < 0)
		return rc;
	t->keep_image = keep_image;
	return cryo_cluster_down(t, err);
}

static int take_clusters_down(struct cryo_cli *cli, unsigned n, struct cryo_err *err)
{
	const struct cryo_many_run down = { .kind = cli->target };
	struct cryo_many *all;
	int rc;

	if (n > CRYO_MANY_MOST)
		return cryo_err_set(err, CRYO_E_USAGE, "--count: at most %d", CRYO_MANY_MOST);
	all = cryo_many_names(cli->name, n);
	rc = cryo_many_run_all(&down, all, 0, n, err);
	cryo_many_free(all, n);
	return rc;
}

/* Each by its own record; one that does not go away keeps nobody else up. */
static int take_all_down(bool keep_image, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	int rc = cryo_cluster_list(&names, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < names.n; i++) {
		struct cryo_err why = CRYO_ERR_INIT;
		int one = take_cluster_down(NULL, names.v[i], keep_image, &why);

		if (one == -(int)CRYO_E_INTERRUPTED || (one < 0 && rc == 0)) {
			*err = why;
			rc = one;
		} else if (one < 0) {
			cryo_warn("%s", why.msg);
		}
		if (one == -(int)CRYO_E_INTERRUPTED)
			break;
	}
	return rc;
}

static int down_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			struct cryo_err *err)
{
	const struct down_opts *o = opts;

	(void)args;
	(void)exit_code;
	if (o->all && o->count)
		return cryo_err_set(err, CRYO_E_USAGE, "--all and --count exclude each other");
	if (o->count)
		return take_clusters_down(cli, o->count, err);
	return o->all ? take_all_down(o->keep_image, err)
		      : take_cluster_down(cli->target, cli->name, o->keep_image, err);
}

const struct cryo_cmd cryo_cmd_down = {
	.name = "down",
	.usage = "",
	.summary = "remove a cluster and everything that belongs to it",
	.opts = opts_table,
	.size = sizeof(struct down_opts),
	.run = down_cmd_run,
};
