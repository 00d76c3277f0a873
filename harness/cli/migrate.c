/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "checkpoint/migrate.h"
#include "conf/json.h"

#include <stdio.h>

struct migrate_opts {
	const char *ns, *container, *node, *as, *manifest, *secret, *output;
	int64_t timeout_ms;
	bool encrypt;
};

static const struct cryo_opt opts_table[] = {
	{ "to-node", 0, CRYO_OPT_STR, offsetof(struct migrate_opts, node), "NAME",
	  "target node (default: another one that is Ready)" },
	{ "namespace", 'n', CRYO_OPT_STR, offsetof(struct migrate_opts, ns), "NS",
	  "default: \"default\"" },
	{ "container", 'c', CRYO_OPT_STR, offsetof(struct migrate_opts, container), "NAME",
	  "which one (default: the only one)" },
	{ "pod", 0, CRYO_OPT_STR, offsetof(struct migrate_opts, as), "NAME",
	  "of the new pod (default: the same)" },
	{ "filename", 'f', CRYO_OPT_STR, offsetof(struct migrate_opts, manifest), "FILE",
	  "manifest of the pod or its workload (default: that of the running pod)" },
	{ "encrypt", 0, CRYO_OPT_FLAG, offsetof(struct migrate_opts, encrypt), NULL,
	  "no readable byte of memory on the way" },
	{ "encryption-secret", 0, CRYO_OPT_STR, offsetof(struct migrate_opts, secret), "NAME",
	  "Secret (kubernetes.io/tls) with certificate and key" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct migrate_opts, timeout_ms), "DURATION",
	  "for the dump and for the restore, each (default: as in those commands)" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct migrate_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_migration_table(const struct cryo_migration *m)
{
	cryo_auto(cryo_free) char *size = cryo_size_show(m->bytes);
	cryo_auto(cryo_free) char *took = cryo_duration_show(m->ms);
	cryo_auto(cryo_free) char *dump = cryo_duration_show(m->checkpoint_ms);
	cryo_auto(cryo_free) char *restore = cryo_duration_show(m->restore_ms);

	printf("pod        %s/%s\ncontainer  %s\nfrom       %s\nto         %s\nsize       %s%s\n"
	       "took       %s (checkpoint %s, restore %s)\n",
	       m->ns, m->pod, m->container, m->from, m->to, size, m->sealed ? ", encrypted" : "",
	       took, dump, restore);
	if (m->judged)
		printf("continuity %s: %s\n", cryo_continuity_reason_name(m->verdict.reason),
		       m->verdict.text);
	else
		printf("continuity not judged: its log has no lines of the counter\n");
}

static void print_migration(const struct cryo_migration *m, enum cryo_output output)
{
	if (output == CRYO_OUTPUT_TABLE) {
		print_migration_table(m);
	} else {
		cryo_auto(cryo_json_decref) json_t *j = cryo_migration_json(m);

		cryo_cli_print(j, output);
	}
}

static int migrate_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_migration_release) struct cryo_migration m = { 0 };
	const struct migrate_opts *o = opts;
	const struct cryo_migrate_opts request = { .ns = o->ns,
						   .pod = args[0],
						   .container = o->container,
						   .to_node = o->node,
						   .as = o->as,
						   .manifest = o->manifest,
						   .secret = o->secret,
						   .timeout_ms = o->timeout_ms };
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)exit_code;
	if (rc == 0 && o->encrypt != (o->secret != NULL))
		rc = cryo_err_set(err, CRYO_E_USAGE,
				  "--encrypt and --encryption-secret NAME belong together");
	if (rc == 0)
		rc = cryo_cli_target(cli, &t, err);
	if (rc == 0)
		rc = cryo_migrate_run(t, &request, &m, err);
	if (rc < 0)
		return rc;
	print_migration(&m, output);
	if (!m.judged || m.verdict.reason == CRYO_CONTINUITY_OK)
		return 0;
	return cryo_err_set(err, CRYO_E_CHECK, "the pod is on node '%s', but did not continue: %s",
			    m.to, m.verdict.text);
}

const struct cryo_cmd cryo_cmd_migrate = {
	.name = "migrate",
	.usage = "POD",
	.summary = "move a running pod to another node",
	.opts = opts_table,
	.size = sizeof(struct migrate_opts),
	.min_args = 1,
	.max_args = 1,
	.run = migrate_cmd_run,
};
