/* SPDX-License-Identifier: Apache-2.0 */
/* The cluster's API for curl, on a socket of its owner or on a port of this machine: kubectl's
 * proxy, started the right way. */
#include "cli/cli.h"

#include "base/event.h"
#include "cli/kubectl.h"
#include "cluster/kubectl.h"
#include "sys/fs.h"

#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TAKEN "address already in use"

struct proxy_opts {
	unsigned port;
};

static const struct cryo_opt opts_table[] = {
	{ "port", 0, CRYO_OPT_UINT, offsetof(struct proxy_opts, port), "PORT",
	  "serve on PORT of 127.0.0.1, to every user of this machine" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/* Where it listens: one of the two. */
struct proxy_place {
	const char *socket;
	unsigned port;
};

static void proxy_on_line(const char *line, int stream, void *arg)
{
	const struct proxy_place *at = arg;

	if (stream != 1 || !cryo_starts_with(line, "Starting to serve")) {
		if (!strstr(line, TAKEN))
			cryo_warn("%s", line);
	} else if (at->port) {
		cryo_info("the API is at http://127.0.0.1:%u, open to everybody on this machine, "
			  "until Ctrl-C",
			  at->port);
	} else {
		cryo_info("the API is there until Ctrl-C: curl --unix-socket %s http://localhost/",
			  at->socket);
	}
}

/* kubectl replaces an existing socket, even that of a running proxy. A socket without a listener is
 * what a killed proxy left behind. */
static int check_socket_free(const char *socket_path, struct cryo_err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	cryo_auto(cryo_fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(socket_path) >= sizeof(a.sun_path))
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "'%s' is too long for a socket: use a port (--port PORT)",
				    socket_path);
	memcpy(a.sun_path, socket_path, strlen(socket_path) + 1);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0)
		return 0;
	return cryo_err_set(err, CRYO_E_SYSTEM, "a proxy of this cluster already listens on '%s'",
			    socket_path);
}

/* Of the API everything does but a shell in a pod, kubectl's default. */
static int serve_api_proxy(struct cryo_cluster *t, const struct proxy_place *at,
			   struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_free) char *program = NULL;
	struct cryo_proc p = { .on_line = proxy_on_line, .on_line_arg = (void *)at };
	struct cryo_kubectl k = { .kubeconfig = t->kubeconfig };
	int rc = cryo_cli_find_kubectl(t, &program, err);

	if (rc < 0)
		return rc;
	k.program = program;
	cryo_kubectl_argv(&k, &argv);
	cryo_strv_add(&argv, "proxy");
	if (at->port)
		cryo_strv_addf(&argv, "--port=%u", at->port);
	else
		cryo_strv_addf(&argv, "--unix-socket=%s", at->socket);
	p.argv = cryo_strv_get(&argv);
	rc = cryo_proc_run(&p, NULL, err);
	/* Ctrl-C is how it ends. */
	if (rc == -CRYO_E_INTERRUPTED) {
		*err = (struct cryo_err)CRYO_ERR_INIT;
		return 0;
	}
	if (rc < 0 && at->port && strstr(err->msg, TAKEN))
		return cryo_err_set(err, CRYO_E_SYSTEM,
				    "port %u on 127.0.0.1 is in use: choose another (--port PORT)",
				    at->port);
	return rc;
}

/* In the cluster's directory, which only its owner can enter. */
static int serve_on_socket(struct cryo_cluster *t, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *socket = cryo_cluster_proxy_socket(t);
	int rc;

	if (!socket)
		return cryo_err_set(err, CRYO_E_UNFIT,
				    "cluster '%s' has no directory for a socket: use a port "
				    "(--port PORT)",
				    t->name);
	rc = check_socket_free(socket, err);
	if (rc < 0)
		return rc;
	rc = serve_api_proxy(t, &(struct proxy_place){ .socket = socket }, err);
	unlink(socket);
	return rc;
}

static int proxy_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	const struct proxy_opts *o = opts;
	int rc;

	(void)args;
	(void)exit_code;
	if (o->port > USHRT_MAX)
		return cryo_err_set(err, CRYO_E_USAGE, "--port: %u is not a port", o->port);
	rc = cryo_cli_target(cli, &t, err);
	if (rc < 0)
		return rc;
	return o->port ? serve_api_proxy(t, &(struct proxy_place){ .port = o->port }, err)
		       : serve_on_socket(t, err);
}

const struct cryo_cmd cryo_cmd_proxy = {
	.name = "proxy",
	.usage = "",
	.summary = "serve the cluster's API for curl, until Ctrl-C",
	.opts = opts_table,
	.size = sizeof(struct proxy_opts),
	.run = proxy_cmd_run,
};
