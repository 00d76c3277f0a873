/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "cluster/machine.h"

#include <stdio.h>
#include <unistd.h>

struct doctor_opts {
	const char *stack, *output;
};

static const struct cryo_opt opts_table[] = {
	{ "stack", 0, CRYO_OPT_STR, offsetof(struct doctor_opts, stack), "STACK",
	  "stack to check for: name or file (default: upstream)" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct doctor_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_machine_table(const struct cryo_machine *m)
{
	size_t failed = cryo_machine_count(m, CRYO_VERDICT_FAIL);

	for (size_t i = 0; i < m->n; i++) {
		const struct cryo_finding *f = &m->finding[i];
		bool bad = f->verdict == CRYO_VERDICT_FAIL;

		printf("%-4s  %-14s %s\n", bad ? "FAIL" : cryo_verdict_name(f->verdict), f->check,
		       f->detail);
		if (f->fix)
			printf("%22s-> %s\n", "", f->fix);
	}
	if (failed == 0)
		printf("\nThis machine is ready.\n");
	else
		printf("\nThis machine is not ready: %zu of %zu checks failed.\n", failed, m->n);
}

static int doctor_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	cryo_auto(cryo_machine_release) struct cryo_machine m = CRYO_MACHINE_INIT;
	const struct doctor_opts *o = opts;
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)args;
	m.kind = cli->target;
	if (o->stack)
		m.stack = o->stack;
	if (rc == 0)
		rc = cryo_machine_check(&m, err);
	if (rc < 0)
		return rc;
	if (output == CRYO_OUTPUT_TABLE) {
		print_machine_table(&m);
	} else {
		cryo_auto(cryo_json_decref) json_t *j = cryo_machine_json(&m);

		cryo_cli_print(j, output);
	}
	if (cryo_machine_count(&m, CRYO_VERDICT_FAIL) > 0)
		*exit_code = cryo_err_exit_code(&(struct cryo_err){ .status = CRYO_E_UNFIT });
	return 0;
}

const struct cryo_cmd cryo_cmd_doctor = {
	.name = "doctor",
	.usage = "",
	.summary = "check this machine, and say how to fix what it lacks",
	.opts = opts_table,
	.size = sizeof(struct doctor_opts),
	.run = doctor_cmd_run,
};
