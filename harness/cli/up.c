/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/builders.h"
#include "cli/cli.h"
#include "scenario/many.h"

#include "base/clock.h"
#include "base/event.h"
#include "git/url.h"

#include <stdio.h>
#include <stdlib.h>

struct up_opts {
	struct cryo_up_opts up;
	struct cryo_cli_fetch fetch;
	struct cryo_opt_list set;
	unsigned count, jobs;
	bool verbose;
	const char *output;
};

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct up_opts, up.stack), "STACK",
	  "name or file (default: upstream)" },
	{ "port", 0, CRYO_OPT_UINT, offsetof(struct up_opts, up.local.port), "PORT",
	  "port on 127.0.0.1 for the API server (default: a free one)" },
	{ "minimal", 0, CRYO_OPT_FLAG, offsetof(struct up_opts, up.local.minimal), NULL,
	  "without Services and DNS: no kube-proxy, no CoreDNS" },
	{ "set", 0, CRYO_OPT_LIST, offsetof(struct up_opts, set), "COMPONENT.FLAG=VALUE",
	  "an extra flag for one of the node's programs: kubelet.v=4" },
	{ "config", 0, CRYO_OPT_STR, offsetof(struct up_opts, up.kind.config), "FILE",
	  "kind: its cluster.yaml; what cryopod needs is added" },
	{ "nodes", 0, CRYO_OPT_COUNT, offsetof(struct up_opts, up.nodes), "N",
	  "a control plane and N-1 workers (default: 1)" },
	{ "engine", 0, CRYO_OPT_STR, offsetof(struct up_opts, up.kind.engine), "NAME",
	  "kind: docker or podman (default: the first that answers)" },
	{ "adopt", 0, CRYO_OPT_STR, offsetof(struct up_opts, up.kind.adopt), "NAME",
	  "kind: take over a cluster that `kind create cluster` made from a cryopod node image" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct up_opts, up.timeout_ms), "DURATION",
	  "time for the node to become Ready (default: 2m)" },
	{ "no-build", 0, CRYO_OPT_FLAG, offsetof(struct up_opts, up.no_build), NULL,
	  "fail if something is not built yet" },
	{ "jobs", 'j', CRYO_OPT_COUNT, offsetof(struct up_opts, jobs), "N",
	  "components built at once (default: one per processor, if memory allows)" },
	CRYO_CLI_FETCH(struct up_opts, fetch),
	{ "cold", 0, CRYO_OPT_FLAG, offsetof(struct up_opts, up.template.cold), NULL,
	  "start cold: neither restore from a template nor make one" },
	{ "from", 0, CRYO_OPT_STR, offsetof(struct up_opts, up.from), "SNAPSHOT",
	  "start a copy of a saved cluster (cryopod snapshot)" },
	{ "count", 0, CRYO_OPT_COUNT, offsetof(struct up_opts, count), "N",
	  "N clusters: NAME-1 … NAME-N" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct up_opts, output), "FORMAT",
	  "with --count: table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int build_missing_parts(const struct cryo_stack *stack, struct cryo_build *b,
			       const struct cryo_fetch_opts *fetch, const void *arg,
			       struct cryo_err *err)
{
	const struct up_opts *o = arg;
	const struct cryo_builders builders = { .fetch = fetch,
						.verbose = o->verbose,
						.jobs = o->jobs };

	return cryo_builders_run(&builders, stack, NULL, b, err);
}

/* It builds what is missing and makes the template that the others come from, in everybody's sight.
 */
static int bring_up_first_cluster(struct cryo_cluster *t, struct cryo_many *m,
				  const struct cryo_up_opts *up, struct cryo_err *err)
{
	int64_t begin = cryo_now_ms();
	int rc = cryo_cluster_up(t, up, err);

	m->ms = cryo_now_ms() - begin;
	if (rc == 0)
		m->memory = cryo_cluster_memory(t);
	return rc;
}

static json_t *describe_up_clusters(const char *kind, const struct cryo_many *all, unsigned n,
				    int64_t ms)
{
	json_t *list = json_array();
	struct cryo_err ignored = CRYO_ERR_INIT;

	for (unsigned i = 0; i < n; i++) {
		cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;

		if (cryo_cluster_open(kind, all[i].name, &t, &ignored) == 0)
			json_array_append_new(list, json_pack("{ss sI sI ss}", "name", t->name,
							      "ms", (json_int_t)all[i].ms, "memory",
							      (json_int_t)all[i].memory,
							      "kubeconfig", t->kubeconfig));
	}
	return json_pack("{sI so}", "ms", (json_int_t)ms, "clusters", list);
}

static void print_up_clusters(const struct cryo_many *all, unsigned n, int64_t ms)
{
	cryo_auto(cryo_free) char *took = cryo_duration_show(ms);
	cryo_auto(cryo_free) char *sum = NULL;
	uint64_t bytes = 0;

	printf("%-24s %10s %10s\n", "CLUSTER", "UP AFTER", "MEMORY");
	for (unsigned i = 0; i < n; i++) {
		cryo_auto(cryo_free) char *time = cryo_duration_show(all[i].ms);
		uint64_t mine = all[i].memory > 0 ? (uint64_t)all[i].memory : 0;
		cryo_auto(cryo_free) char *memory = cryo_size_show(mine);

		bytes += mine;
		printf("%-24s %10s %10s\n", all[i].name, time, memory);
	}
	sum = cryo_size_show(bytes);
	printf("%-24s %10s %10s\n", "all", took, sum);
}

/* All at once, or the first one alone where it makes what the others need. */
static int bring_up_clusters(const struct cryo_many_run *run, struct cryo_many *all, unsigned n,
			     struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *first = NULL;
	int rc = cryo_cluster_open(run->kind, all[0].name, &first, err);
	unsigned from = 0;

	if (rc == 0 && !cryo_cluster_prepared(first, run->up)) {
		rc = bring_up_first_cluster(first, &all[0], run->up, err);
		from = 1;
	}
	return rc < 0 || from == n ? rc : cryo_many_run_all(run, all, from, n, err);
}

static int run_up_for_many(struct cryo_cli *cli, const struct up_opts *o, struct cryo_err *err)
{
	const struct cryo_many_run run = { .kind = cli->target, .up = &o->up };
	struct cryo_many *all;
	enum cryo_output output;
	int64_t begin = cryo_now_ms();
	int rc = cryo_cli_output(o->output, &output, err);

	if (rc < 0)
		return rc;
	if (o->count > CRYO_MANY_MOST || o->up.local.port)
		return cryo_err_set(err, CRYO_E_USAGE,
				    o->up.local.port ? "--port and --count exclude each other"
						     : "--count: at most %d",
				    CRYO_MANY_MOST);
	all = cryo_many_names(cli->name, o->count);
	rc = bring_up_clusters(&run, all, o->count, err);
	if (rc == 0 && output == CRYO_OUTPUT_TABLE) {
		print_up_clusters(all, o->count, cryo_now_ms() - begin);
	} else if (rc == 0) {
		json_t *j = describe_up_clusters(cli->target, all, o->count, cryo_now_ms() - begin);

		cryo_cli_print(j, output);
		json_decref(j);
	}
	cryo_many_free(all, o->count);
	return rc;
}

static int up_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
		      struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	struct up_opts own = *(const struct up_opts *)opts, *o = &own;
	int rc = 0;

	o->up.offline = o->fetch.offline;
	o->up.mirrors = o->fetch.mirrors.v;
	o->up.local.set = o->set.v;
	o->verbose = cli->verbose;
	o->up.build = build_missing_parts;
	o->up.build_arg = o;
	(void)args;
	(void)exit_code;
	if (o->up.local.port > 65535)
		return cryo_err_set(err, CRYO_E_USAGE, "--port: %u is above 65535",
				    o->up.local.port);
	if (o->up.from &&
	    (o->up.stack || o->up.template.cold || o->up.local.minimal || o->set.v[0]))
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--from has its own stack and memory: "
				    "neither --stack nor --cold, --minimal or --set");
	rc = cryo_url_check_mirrors(o->up.mirrors, err);
	if (rc == 0 && o->count)
		return run_up_for_many(cli, o, err);
	if (rc == 0)
		rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = cryo_cluster_up(t, &o->up, err);
	if (rc == 0)
		cryo_info("cluster '%s' is up: export KUBECONFIG=%s", t->name, t->kubeconfig);
	return rc;
}

const struct cryo_cmd cryo_cmd_up = {
	.name = "up",
	.usage = "",
	.summary = "start a cluster (build what is missing first)",
	.opts = opts_table,
	.size = sizeof(struct up_opts),
	.run = up_cmd_run,
};
