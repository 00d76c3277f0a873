/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/criu_options.h"

#include "base/clock.h"
#include "base/event.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/pod_checkpoint.h"
#include "cluster/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct checkpoint_opts {
	const char *ns, *container, *to, *output, *secret, *leave_running, *form;
	const char *kubeconfig, *context;
	int64_t timeout_ms;
	bool encrypt, dry_run, all;
	struct cryo_criu_options criu;
};

static const struct cryo_opt opts_table[] = {
	{ "namespace", 'n', CRYO_OPT_STR, offsetof(struct checkpoint_opts, ns), "NS",
	  "default: \"default\", or that of the context" },
	{ "container", 'c', CRYO_OPT_STR, offsetof(struct checkpoint_opts, container), "NAME",
	  "which one (default: the only one)" },
	{ "all-containers", 0, CRYO_OPT_FLAG, offsetof(struct checkpoint_opts, all), NULL,
	  "all running ones, at one moment if the runtime can" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct checkpoint_opts, timeout_ms), "DURATION",
	  "for the dump (default: the server's), and for the container to run (1m)" },
	{ "leave-running", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, leave_running), "BOOL",
	  "false: the pod is deleted (default: true)" },
	{ "encrypt", 0, CRYO_OPT_FLAG, offsetof(struct checkpoint_opts, encrypt), NULL,
	  "no readable byte of memory in the archive" },
	{ "encryption-secret", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, secret), "NAME",
	  "Secret (kubernetes.io/tls) with the certificate to encrypt for" },
	{ "to", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, to), "FILE",
	  "copy the archive here; with --all-containers a new directory" },
	{ "form", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, form), "FORM",
	  "pods, proxy or kubelet (default: the first available)" },
	{ "dry-run", 0, CRYO_OPT_FLAG, offsetof(struct checkpoint_opts, dry_run), NULL,
	  "only print the request as a curl command" },
	CRYO_CLI_CRIU_OPTIONS(struct checkpoint_opts, criu),
	{ "kubeconfig", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, kubeconfig), "FILE",
	  "of a cluster that cryopod did not start, used through kubectl" },
	{ "context", 0, CRYO_OPT_STR, offsetof(struct checkpoint_opts, context), "NAME",
	  "context of that kubeconfig" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct checkpoint_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_checkpoint_table(const struct cryo_checkpoint *c)
{
	cryo_auto(cryo_free) char *size = cryo_size_show(c->bytes);
	cryo_auto(cryo_free) char *took = cryo_duration_show(c->ms);

	printf("node       %s\ncontainer  %s/%s/%s\narchive    %s\n", c->node, c->ns, c->pod,
	       c->container, c->archive);
	if (c->copy)
		printf("copy       %s\n", c->copy);
	if (c->bytes)
		printf("size       %s%s\n", size, c->sealed ? ", encrypted" : "");
	printf("took       %s (%s)\n", took, cryo_checkpoint_form_name(c->form));
	if (c->deleted)
		printf("pod        is being deleted\n");
}

static void print_checkpoint_result(const struct cryo_checkpoint *c, enum cryo_output output)
{
	if (output == CRYO_OUTPUT_TABLE) {
		print_checkpoint_table(c);
	} else {
		cryo_auto(cryo_json_decref) json_t *j = cryo_checkpoint_json(c);

		cryo_cli_print(j, output);
	}
}

static void print_pod_table(const struct cryo_pod_checkpoint *p)
{
	cryo_auto(cryo_free) char *took = cryo_duration_show(p->ms);

	printf("node       %s\n", p->of[0].node);
	for (size_t i = 0; i < p->n; i++) {
		const struct cryo_checkpoint *c = &p->of[i];
		cryo_auto(cryo_free) char *size = cryo_size_show(c->bytes);

		printf("container  %s/%s/%s\narchive    %s (%s%s)\n", c->ns, c->pod, c->container,
		       c->archive, size, c->sealed ? ", encrypted" : "");
	}
	if (p->copy)
		printf("copy       %s\n", p->copy);
	printf("took       %s (%s)\n", took,
	       p->together ? "all at one moment" : "one after another");
	if (p->deleted)
		printf("pod        is being deleted\n");
}

static int checkpoint_all(struct cryo_cluster *t, const struct cryo_checkpoint_opts *request,
			  enum cryo_output output, struct cryo_err *err)
{
	cryo_auto(cryo_pod_checkpoint_release) struct cryo_pod_checkpoint p = { 0 };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	int rc = cryo_pod_checkpoint_run(t, request, &p, err);

	if (rc < 0)
		return rc;
	if (output == CRYO_OUTPUT_TABLE) {
		print_pod_table(&p);
	} else {
		j = cryo_pod_checkpoint_json(&p);
		cryo_cli_print(j, output);
	}
	return 0;
}

static int parse_leave_running(const char *text, enum cryo_leave_running *out, struct cryo_err *err)
{
	if (!text)
		return 0;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--leave-running: '%s' is neither true nor false", text);
	*out = *text == 't' ? CRYO_LEAVE_RUNNING : CRYO_LEAVE_STOPPED;
	return 0;
}

static int parse_checkpoint_opts(const struct checkpoint_opts *o,
				 struct cryo_checkpoint_opts *request, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str lines = { 0 };
	int rc = parse_leave_running(o->leave_running, &request->leave, err);

	if (rc == 0 && o->form)
		rc = cryo_err_wrap(err, cryo_checkpoint_form_parse(o->form, &request->form, err),
				   "--form");
	if (rc == 0 && o->encrypt != (o->secret != NULL))
		rc = cryo_err_set(err, CRYO_E_USAGE,
				  "--encrypt and --encryption-secret NAME belong together");
	if (rc == 0)
		rc = cryo_criu_options_add(&o->criu, &lines, err);
	if (rc == 0 && o->dry_run && lines.len)
		rc = cryo_err_set(err, CRYO_E_USAGE,
				  "--dry-run: a request cannot carry options for CRIU");
	if (rc == 0 && o->all && (o->container || o->dry_run))
		rc = cryo_err_set(err, CRYO_E_USAGE, "--all-containers and %s exclude each other",
				  o->container ? "--container" : "--dry-run");
	if (rc == 0 && o->dry_run && o->to)
		rc = cryo_err_set(err, CRYO_E_USAGE, "--dry-run and --to exclude each other");
	if (rc == 0 && o->to && !o->all)
		rc = cryo_err_wrap(err, cryo_fs_check_place(o->to, err), "--to");
	/* kubectl would take one that is not there for an empty one, and ask for a server. */
	if (rc == 0 && o->kubeconfig && access(o->kubeconfig, R_OK) < 0)
		rc = cryo_err_as(
		    err, cryo_err_sys(err, errno, "--kubeconfig: cannot open '%s'", o->kubeconfig),
		    CRYO_E_USAGE);
	return rc;
}

static int show_checkpoint_request(struct cryo_cluster *t,
				   const struct cryo_checkpoint_opts *request, bool plugin,
				   struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str line = { 0 };
	int rc = cryo_checkpoint_curl(t, request, &line, err);

	if (rc < 0)
		return rc;
	printf("%s\n", cryo_str_get(&line));
	cryo_info("it works while '%s proxy' runs in another terminal",
		  plugin ? "kubectl" : "cryopod");
	return 0;
}

/* Ours, or whichever kubectl would speak to. */
static int open_checkpoint_cluster(struct cryo_cli *cli, const struct cryo_kubectl *k, bool foreign,
				   struct cryo_checkpoint_opts *request, char **ns,
				   struct cryo_cluster **t, struct cryo_err *err)
{
	int rc;

	if (!foreign)
		return cryo_cli_target(cli, t, err);
	cryo_cluster_attach_once(k, t);
	if (request->ns)
		return 0;
	rc = cryo_kubectl_namespace(k, ns, err);
	request->ns = *ns;
	return rc;
}

static int checkpoint_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			      struct cryo_err *err)
{
	const struct checkpoint_opts *o = opts;
	struct cryo_kubectl k = { .kubeconfig = o->kubeconfig, .context = o->context };
	cryo_auto(cryo_free) char *ns = NULL;
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_checkpoint_release) struct cryo_checkpoint c = { 0 };
	struct cryo_checkpoint_opts request = { .ns = o->ns,
						.pod = args[0],
						.container = o->container,
						.to = o->to,
						.timeout_ms = o->timeout_ms,
						.encryption_secret = o->secret,
						.criu = o->criu };
	bool foreign = cli->plugin || o->kubeconfig || o->context;
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	if (rc == 0)
		rc = parse_checkpoint_opts(o, &request, err);
	if (rc == 0)
		rc = open_checkpoint_cluster(cli, &k, foreign, &request, &ns, &t, err);
	if (rc == 0 && o->dry_run)
		return show_checkpoint_request(t, &request, foreign, err);
	if (rc == 0 && o->all)
		return checkpoint_all(t, &request, output, err);
	if (rc == 0)
		rc = cryo_checkpoint_run(t, &request, &c, err);
	if (rc == 0)
		print_checkpoint_result(&c, output);
	if (rc == 0 && c.ended.ended)
		*exit_code = CRYO_ENDED_EXIT;
	return rc;
}

const struct cryo_cmd cryo_cmd_checkpoint = {
	.name = "checkpoint",
	.usage = "POD",
	.summary = "checkpoint a container of a pod, or all of them",
	.opts = opts_table,
	.size = sizeof(struct checkpoint_opts),
	.min_args = 1,
	.max_args = 1,
	.run = checkpoint_cmd_run,
};
