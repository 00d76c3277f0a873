/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `cryopod node`. */
#ifndef CRYO_CLI_NODE_CMD_H
#define CRYO_CLI_NODE_CMD_H

#include "cli/cli.h"
#include "rke2/install.h"

struct node_opts {
	const char *method, *stack, *bundle, *output, *image, *trust;
	struct cryo_opt_list hosts;
	int64_t limit_ms;
	bool force, keep, restart_pods, all, drain, sudo, plain;
};

/* A build from --bundle or --stack; what a bundle was unpacked into is gone at the release. */
struct node_source {
	struct cryo_rke2_build build;
	char *dir;
};
int node_source_open(const struct node_opts *o, bool unpack, struct node_source *s,
		     struct cryo_err *err);
void node_source_release(struct node_source *s);
#define node_source_releasep node_source_release

/* FILE.cms beside a bundle is a signature of one of these certificates, or -CRYO_E_TAMPER. */
int cli_bundle_trust(const char *bundle, const char *trust, struct cryo_err *err);

int node_cmd_plan(const struct node_opts *o, int *exit_code, struct cryo_err *err);
int node_cmd_install(const struct node_opts *o, int *exit_code, struct cryo_err *err);
int node_cmd_status(const struct node_opts *o, int *exit_code, struct cryo_err *err);
int node_cmd_verify(const struct node_opts *o, int *exit_code, struct cryo_err *err);
int node_cmd_rollback(const struct node_opts *o, int *exit_code, struct cryo_err *err);
int node_cmd_fleet(const struct node_opts *o, int *exit_code, struct cryo_err *err);
int node_cmd_manifest(const struct node_opts *o, int *exit_code, struct cryo_err *err);
/* Deletes the pods of this node that a controller starts again, and names the others. */
int node_pods_restart(struct cryo_err *err);
/*
 * Checkpoint and restore of a counter on this node; *verdict in words, caller frees. 1: this is an
 * agent, which may create no pods. -CRYO_E_CHECK: it did not go on.
 */
int node_counter_verify(char **verdict, struct cryo_err *err);
/* `verb` on each of --host, by ssh. */
int node_cmd_remote(const struct node_opts *o, const char *verb, int *exit_code,
		    struct cryo_err *err);

#endif
