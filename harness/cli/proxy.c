/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's API on a port of this machine, for curl: kubectl's proxy, started the right way. */
#include "cli/cli.h"

#include "base/event.h"
#include "cli/kubectl.h"
#include "cluster/kubectl.h"

#include <limits.h>
#include <string.h>

#define TAKEN "address already in use"

struct proxy_opts {
	unsigned port;
};

static const struct cryo_opt opts_table[] = {
	{ "port", 0, CRYO_OPT_UINT, offsetof(struct proxy_opts, port), "PORT",
	  "of 127.0.0.1 (default: 8001)" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void proxy_on_line(const char *line, int stream, void *arg)
{
	const unsigned *port = arg;

	if (stream == 1 && cryo_starts_with(line, "Starting to serve"))
		cryo_info("the API is at http://127.0.0.1:%u, open to everybody on this machine, "
			  "until Ctrl-C",
			  *port);
	else if (!strstr(line, TAKEN))
		cryo_warn("%s", line);
}

/* Only this machine gets in; of the API everything does but a shell in a pod, kubectl's default. */
static int serve_api_proxy(struct cryo_cluster *t, unsigned port, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_free) char *program = NULL;
	struct cryo_proc p = { .on_line = proxy_on_line, .on_line_arg = &port };
	struct cryo_kubectl k = { .kubeconfig = t->kubeconfig };
	int rc = cryo_cli_find_kubectl(t, &program, err);

	if (rc < 0)
		return rc;
	k.program = program;
	cryo_kubectl_argv(&k, &argv);
	cryo_strv_addl(&argv, "proxy", "--address=127.0.0.1", NULL);
	cryo_strv_addf(&argv, "--port=%u", port);
	p.argv = cryo_strv_get(&argv);
	rc = cryo_proc_run(&p, NULL, err);
	/* Ctrl-C is how it ends. */
	if (rc == -CRYO_E_INTERRUPTED) {
		*err = (struct cryo_err)CRYO_ERR_INIT;
		return 0;
	}
	if (rc < 0 && strstr(err->msg, TAKEN))
		return cryo_err_set(err, CRYO_E_SYSTEM,
				    "port %u on 127.0.0.1 is in use: choose another (--port PORT)",
				    port);
	return rc;
}

static int proxy_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	const struct proxy_opts *o = opts;
	unsigned port = o->port ? o->port : CRYO_PROXY_PORT;
	int rc;

	(void)args;
	(void)exit_code;
	if (port > USHRT_MAX)
		return cryo_err_set(err, CRYO_E_USAGE, "--port: %u is not a port", port);
	rc = cryo_cli_target(cli, &t, err);
	return rc < 0 ? rc : serve_api_proxy(t, port, err);
}

const struct cryo_cmd cryo_cmd_proxy = {
	.name = "proxy",
	.usage = "",
	.summary = "serve the cluster's API on localhost, for curl, until Ctrl-C",
	.opts = opts_table,
	.size = sizeof(struct proxy_opts),
	.run = proxy_cmd_run,
};
