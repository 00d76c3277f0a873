/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verb.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "cluster/template.h"

#include <stdio.h>
#include <string.h>

struct template_opts {
	const char *stack, *output;
};

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct template_opts, stack), "STACK",
	  "make: name or file (default: upstream)" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct template_opts, output), "FORMAT",
	  "list: table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_template_table(const json_t *list)
{
	json_t *t;
	size_t i;

	if (json_array_size(list) == 0) {
		printf("no template\n");
		return;
	}
	printf("%-14s %-16s %10s %10s  %s\n", "TEMPLATE", "STACK", "AGE", "SIZE", "USE");
	json_array_foreach(list, i, t) {
		cryo_auto(cryo_free) char *age =
		    cryo_duration_show(1000 * cryo_json_int(t, "age", 0));
		cryo_auto(cryo_free) char *size =
		    cryo_size_show((uint64_t)cryo_json_int(t, "bytes", 0));
		const char *stack = cryo_json_str(t, "stack"), *why = cryo_json_str(t, "reason");

		printf("%-14.12s %-16s %10s %10s  %s%s\n", cryo_json_str(t, "key"),
		       stack ? stack : "?", age, size, why ? "no: " : "yes", why ? why : "");
	}
}

static int list_templates(const struct cryo_cli *cli, const struct template_opts *o,
			  const char *arg, struct cryo_err *err)
{
	(void)cli;
	(void)arg;
	return cryo_cli_list(o->output, cryo_template_list, print_template_table, err);
}

static int make_missing_template(const struct cryo_cli *cli, const struct template_opts *o,
				 const char *arg, struct cryo_err *err)
{
	(void)arg;
	return cryo_template_make(cli->target, o->stack, err);
}

static int remove_templates(const struct cryo_cli *cli, const struct template_opts *o,
			    const char *key, struct cryo_err *err)
{
	size_t n;
	int rc = cryo_template_remove(key, &n, err);

	(void)cli;
	(void)o;
	if (rc < 0)
		return rc;
	if (n == 0 && key)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "no template '%s' (see cryopod template list)", key);
	cryo_info("%zu template%s removed", n, n == 1 ? "" : "s");
	return 0;
}

static const struct verb {
	struct cryo_verb v;
	int (*run)(const struct cryo_cli *cli, const struct template_opts *o, const char *arg,
		   struct cryo_err *err);
} verbs[] = {
	{ { "list", false, false }, list_templates },
	{ { "make", false, true }, make_missing_template },
	{ { "rm", true, true }, remove_templates },
};

static int template_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			    struct cryo_err *err)
{
	int i = cryo_cli_verb("template", &verbs[0].v, CRYO_ARRAY_LEN(verbs), sizeof(verbs[0]),
			      args, err);

	(void)exit_code;
	return i < 0 ? i : verbs[i].run(cli, opts, args[1], err);
}

const struct cryo_cmd cryo_cmd_template = {
	.name = "template",
	.usage = "list|make|rm [KEY]",
	.summary = "list, make or remove what new clusters are restored from",
	.opts = opts_table,
	.size = sizeof(struct template_opts),
	.min_args = 1,
	.max_args = 2,
	.run = template_cmd_run,
};
