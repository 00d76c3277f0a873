/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `cryopod node` on the node itself. */
#include "cli/node_cmd.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READY_MS   600000 /* first start of a release: up to ten minutes */
#define RESTART_MS 900000
#define KUBECTL_MS 120000

static int need_root(const char *verb, struct cryo_err *err)
{
	return geteuid() == 0 ? 0
			      : cryo_err_set(err, CRYO_E_UNFIT,
					     "this needs root (sudo cryopod node %s)", verb);
}

/* What is installed already is rolled back before another build. */
static void note_state(json_t *plan)
{
	cryo_auto(cryo_rke2_journal_release) struct cryo_rke2_journal j = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_rke2_journal_load(&j, &ignored) < 0 || j.state == CRYO_RKE2_ORIGINAL)
		return;
	rke2_add_note(plan, "the node is '%s': another build is rolled back first",
		      cryo_rke2_state_name(j.state));
}

int node_cmd_plan(const struct node_opts *o, int *exit_code, struct cryo_err *err)
{
	cryo_auto(node_source_release) struct node_source source = { 0 };
	cryo_auto(cryo_rke2_node_release) struct cryo_rke2_node n = { 0 };
	cryo_auto(cryo_json_decref) json_t *plan = NULL;
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	if (rc == 0)
		rc = cryo_rke2_node_look("", &n, err);
	if (rc == 0)
		rc = node_source_open(o, false, &source, err);
	if (rc == 0)
		rc = cryo_rke2_plan(&n, &source.build,
				    o->method ? o->method : CRYO_RKE2_RUNTIME_IMAGE, &plan, err);
	if (rc < 0)
		return rc;
	note_state(plan);
	if (json_array_size(json_object_get(plan, "obstacles")))
		*exit_code = 1;
	if (output != CRYO_OUTPUT_TABLE) {
		cryo_cli_print(plan, output);
		return 0;
	}
	cryo_rke2_plan_show(plan, &text);
	fputs(cryo_str_get(&text), stdout);
	return 0;
}

static void set_limits(const struct node_opts *o, struct cryo_rke2_limits *l)
{
	*l = (struct cryo_rke2_limits){ .restart_ms = cryo_limit_ms(RESTART_MS),
					.ready_ms = o->limit_ms ? o->limit_ms
								: cryo_limit_ms(READY_MS),
					.root = "" };
}

int node_cmd_install(const struct node_opts *o, int *exit_code, struct cryo_err *err)
{
	cryo_auto(node_source_release) struct node_source source = { 0 };
	struct cryo_rke2_limits limits;
	struct cryo_rke2_service service;
	const struct cryo_rke2_opts opts = { .root = "",
					     .method = o->method,
					     .force = o->force,
					     .keep = o->keep,
					     .service = &service };
	int rc = need_root("install", err);

	(void)exit_code;
	set_limits(o, &limits);
	cryo_rke2_systemd(&limits, &service);
	if (rc == 0)
		rc = node_source_open(o, true, &source, err);
	if (rc < 0)
		return rc;
	cryo_step_begin("install");
	rc = cryo_rke2_install(&opts, &source.build, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else if (rc == 1)
		cryo_step_same("stack %s, Kubernetes %s", source.build.stack, source.build.version);
	else
		cryo_step_ok("stack %s, Kubernetes %s", source.build.stack, source.build.version);
	return rc < 0 || !o->restart_pods ? (rc < 0 ? rc : 0) : node_pods_restart(err);
}

int node_cmd_rollback(const struct node_opts *o, int *exit_code, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *left = NULL;
	struct cryo_rke2_limits limits;
	struct cryo_rke2_service service;
	const struct cryo_rke2_opts opts = { .root = "", .force = o->force, .service = &service };
	int rc = need_root("rollback", err);

	(void)exit_code;
	if (rc < 0)
		return rc;
	set_limits(o, &limits);
	cryo_rke2_systemd(&limits, &service);
	cryo_step_begin("rollback");
	rc = cryo_rke2_rollback(&opts, &left, err);
	if (rc < 0)
		cryo_step_fail("%s", err->msg);
	else if (rc == 1)
		cryo_step_same("nothing is installed by cryopod");
	else
		cryo_step_ok("%s", "");
	if (rc >= 0 && left)
		cryo_info("pods still run from '%s': RKE2 removes it once they are gone", left);
	return rc < 0 ? rc : 0;
}

static void print_running(const json_t *running)
{
	json_t *p;
	size_t i;

	json_array_foreach(running, i, p)
		printf("%s%s (pid %lld)", i ? ", " : "", cryo_json_str(p, "what"),
		       (long long)cryo_json_int(p, "pid", 0));
	printf("%s\n", json_array_size(running) ? "" : "-");
}

static void print_status_table(const json_t *s)
{
	const char *release = cryo_json_str(s, "node.release");
	json_t *item;
	size_t i;

	printf("%s: %s %s, RKE2 %s%s%s%s%s\n", cryo_json_str(s, "state"),
	       cryo_json_str(s, "node.role"), cryo_json_str(s, "node.name"),
	       release ? release : "of unknown release", cryo_json_str(s, "method") ? ", " : "",
	       cryo_json_str(s, "method") ? cryo_json_str(s, "method") : "",
	       cryo_json_str(s, "build.version") ? ", Kubernetes " : "",
	       cryo_json_str(s, "build.version") ? cryo_json_str(s, "build.version") : "");
	printf("%-26s %-9s %s\n", "PROGRAM", "DISK", "RUNNING");
	json_array_foreach(json_object_get(s, "programs"), i, item) {
		printf("%-26s %-9s ", cryo_json_str(item, "name"), cryo_json_str(item, "disk"));
		print_running(json_object_get(item, "running"));
	}
	json_array_foreach(json_object_get(s, "changes"), i, item)
		printf("changed: %s (%s)\n", cryo_json_str(item, "path"),
		       cryo_json_str(item, "what"));
	json_array_foreach(json_object_get(s, "notes"), i, item)
		printf("note: %s\n", json_string_value(item));
}

/* Of every node, as the pods of `node manifest` have written it down. */
static int print_all_nodes(struct cryo_err *err)
{
	const char *const argv[] = { "kubectl",
				     "get",
				     "nodes",
				     "-o",
				     "custom-columns=NODE:.metadata.name,CRYOPOD:.metadata."
				     "annotations.cryopod\\.dev/state,"
				     "BUILD:.metadata.annotations.cryopod\\.dev/build,"
				     "MESSAGE:.metadata.annotations.cryopod\\.dev/message",
				     NULL };
	cryo_auto(cryo_free) char *text = NULL;
	int rc = cryo_proc_output(argv, KUBECTL_MS, &text, err);

	if (rc == 0)
		printf("%s\n", text);
	return rc;
}

int node_cmd_status(const struct node_opts *o, int *exit_code, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)exit_code;
	if (rc == 0 && o->all)
		return print_all_nodes(err);
	if (rc == 0)
		rc = need_root("status", err);
	if (rc == 0)
		rc = cryo_rke2_status("", &status, err);
	if (rc < 0)
		return rc;
	if (output == CRYO_OUTPUT_TABLE)
		print_status_table(status);
	else
		cryo_cli_print(status, output);
	return 0;
}
