/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verb.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "cluster/snapshot.h"

#include <stdio.h>

struct opts {
	struct cryo_snapshot_opts save;
	const char *output;
};

static const struct cryo_opt opts_table[] = {
	{ "force", 0, CRYO_OPT_FLAG, offsetof(struct opts, save.force), NULL,
	  "save: replace an existing snapshot" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct opts, save.timeout_ms), "DURATION",
	  "save: time for the cluster to become Ready again (default: 2m)" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct opts, output), "FORMAT",
	  "list: table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int require_snapshot_name(const char *verb, const char *name, struct cryo_err *err)
{
	return name ? 0
		    : cryo_err_set(err, CRYO_E_USAGE,
				   "an argument is missing: cryopod snapshot %s NAME", verb);
}

static int save_snapshot(const struct cryo_cli *cli, const struct opts *o, const char *name,
			 struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	int rc = require_snapshot_name("save", name, err);

	if (rc == 0)
		rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = cryo_snapshot_save(t, name, &o->save, err);
	if (rc == 0)
		cryo_info("new clusters from it: cryopod up --from %s --name CLUSTER", name);
	return rc;
}

static void print_snapshot_table(const json_t *list)
{
	json_t *s;
	size_t i;

	if (json_array_size(list) == 0) {
		printf("no snapshot\n");
		return;
	}
	printf("%-20s %-16s %-12s %8s %10s %5s  %s\n", "SNAPSHOT", "CLUSTER", "STACK", "AGE",
	       "SIZE", "PODS", "USE");
	json_array_foreach(list, i, s) {
		int64_t seconds = cryo_json_int(s, "age", -1);
		cryo_auto(cryo_free) char *age = cryo_duration_show(1000 * seconds);
		cryo_auto(cryo_free) char *size =
		    cryo_size_show((uint64_t)cryo_json_int(s, "bytes", 0));
		const char *stack = cryo_json_str(s, "stack"), *why = cryo_json_str(s, "reason"),
			   *cluster = cryo_json_str(s, "cluster");

		printf("%-20s %-16s %-12s %8s %10s %5zu  %s%s\n", cryo_json_str(s, "name"),
		       cluster ? cluster : "?", stack ? stack : "?", seconds < 0 ? "?" : age, size,
		       json_array_size(cryo_json_at(s, "pods")), why ? "no: " : "yes",
		       why ? why : "");
	}
}

static int list_snapshots(const struct cryo_cli *cli, const struct opts *o, const char *name,
			  struct cryo_err *err)
{
	(void)cli;
	(void)name;
	return cryo_cli_list(o->output, cryo_snapshot_list, print_snapshot_table, err);
}

static int remove_snapshot(const struct cryo_cli *cli, const struct opts *o, const char *name,
			   struct cryo_err *err)
{
	int rc = require_snapshot_name("rm", name, err);

	(void)cli;
	(void)o;
	return rc < 0 ? rc : cryo_snapshot_remove(name, err);
}

static const struct verb {
	struct cryo_verb v;
	int (*run)(const struct cryo_cli *cli, const struct opts *o, const char *name,
		   struct cryo_err *err);
} verbs[] = {
	{ { "save", true, true }, save_snapshot },
	{ { "list", false, true }, list_snapshots },
	{ { "rm", true, true }, remove_snapshot },
};

static int snapshot_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			    struct cryo_err *err)
{
	int i = cryo_cli_verb("snapshot", &verbs[0].v, CRYO_ARRAY_LEN(verbs), sizeof(verbs[0]),
			      args, err);

	(void)exit_code;
	return i < 0 ? i : verbs[i].run(cli, opts, args[1], err);
}

const struct cryo_cmd cryo_cmd_snapshot = {
	.name = "snapshot",
	.usage = "save|list|rm [SNAPSHOT]",
	.summary = "save a cluster with all it contains, list or remove such snapshots",
	.opts = opts_table,
	.size = sizeof(struct opts),
	.min_args = 1,
	.max_args = 2,
	.run = snapshot_cmd_run,
};
