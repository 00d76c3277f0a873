/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command is a const object in its own file; commands.c has the table of them.
 * Help, option parsing and argument counts come from it. A command parses,
 * calls downward and reports; what is worth a unit test lives below.
 */
#ifndef CRYO_CLI_CLI_H
#define CRYO_CLI_CLI_H

#include "base/err.h"
#include "cluster/cluster.h"

struct cryo_cmd;

/* Options that every command has. */
struct cryo_cli {
	const struct cryo_cmd *const
	    *cmds;	    /* of this program; NULL-terminated, in the order of help */
	const char *name;   /* of the cluster: --name, $CRYOPOD_NAME, "default" */
	const char *target; /* kind: --target; NULL: local */
	const char *color;  /* auto, always, never */
	bool verbose, quiet, help;
	bool plugin; /* called as kubectl-checkpoint: there is one command, and kubectl's cluster */
};

enum cryo_opt_kind {
	CRYO_OPT_FLAG,	   /* bool */
	CRYO_OPT_STR,	   /* const char *, borrowed from argv */
	CRYO_OPT_UINT,	   /* unsigned */
	CRYO_OPT_COUNT,	   /* unsigned, at least 1: 0 is that nothing was said */
	CRYO_OPT_DURATION, /* int64_t, ms */
	CRYO_OPT_LIST,	   /* struct cryo_opt_list: may be given more than once */
};

#define CRYO_OPT_LIST_MAX 32
struct cryo_opt_list {
	unsigned n;
	const char *v[CRYO_OPT_LIST_MAX + 1]; /* borrowed from argv, NULL-terminated */
};

struct cryo_opt {
	const char *name; /* without the dashes; NULL ends the table */
	char letter;	  /* 0: none */
	enum cryo_opt_kind kind;
	size_t offset;	 /* in the command's options struct */
	const char *arg; /* "DURATION", NULL for flags */
	const char *help;
};

/* What every command has that may have to fetch sources: a member of its options, two rows. */
struct cryo_cli_fetch {
	bool offline;
	struct cryo_opt_list mirrors;
};
#define CRYO_CLI_FETCH(type, member)                                                               \
	{ "offline",	 0,                                                                        \
	  CRYO_OPT_FLAG, offsetof(type, member.offline),                                           \
	  NULL,		 "fetch nothing: only what is in the cache" },                             \
	{                                                                                          \
		"mirror", 0, CRYO_OPT_LIST, offsetof(type, member.mirrors), "PREFIX=TO",           \
		    "fetch from TO what has an address beginning with PREFIX"                      \
	}

struct cryo_cmd {
	const char *name;
	const char *usage; /* what follows the options: "POD"; "" for nothing */
	const char *summary;
	const struct cryo_opt *opts; /* NULL: none of its own */
	size_t size;		     /* of the options struct, zeroed before parsing */
	int min_args, max_args;	     /* max -1: any number */
	/* From the first argument, or option that is not ours, on all is for another program. */
	bool passes_on;
	bool hidden;
	/* args: NULL-terminated. May set *exit_code when it succeeded in telling a "no". */
	int (*run)(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
		   struct cryo_err *err);
};

#define CRYO_CLI_SUMMARY "build, run and prove container checkpoint/restore on Kubernetes"

/* The table, for main() alone: everybody else has it from struct cryo_cli. */
extern const struct cryo_cmd *const cryo_cmds[];
extern const struct cryo_opt cryo_global_opts[];
/* What we are when engine/private.h calls us by the name of a runtime; NULL in the program for
 * nodes. */
extern int (*const cryo_cli_runtime)(int argc, char **argv);

/*
 * Parses argv[1…] (global options also before the command). On success *cmd is
 * set, or NULL with cli->help for the general help; *opts (owned, may be NULL)
 * and *args (borrowed tail of argv, permuted). As kubectl's plugin (argv[0]), the
 * command is given.
 */
int cryo_cli_parse(int argc, char **argv, struct cryo_cli *cli, const struct cryo_cmd **cmd,
		   void **opts, char ***args, struct cryo_err *err);
/* What people call us by: "cryopod", or "kubectl" as its plugin. */
const char *cryo_cli_program(const struct cryo_cli *cli);
/* To stdout; NULL: the general help. */
void cryo_cli_help(const struct cryo_cli *cli, const struct cryo_cmd *cmd);

/* The target the global options name. */
int cryo_cli_target(const struct cryo_cli *cli, struct cryo_cluster **out, struct cryo_err *err);

enum cryo_output { CRYO_OUTPUT_TABLE, CRYO_OUTPUT_JSON, CRYO_OUTPUT_YAML };
/* Text of -o/--output; NULL: table. */
int cryo_cli_output(const char *text, enum cryo_output *out, struct cryo_err *err);
/* For a table: what comes from a tree or a server does not speak to the terminal; caller frees. */
char *cryo_cli_clean(const char *text);
/* Width of a column: the longest text that these objects have there, at least that of its head. */
int cryo_cli_width(const json_t *all, const char *key, const char *head);
/* JSON or YAML to stdout. */
void cryo_cli_print(const json_t *j, enum cryo_output output);
/* All of a kind, in the form of `output` (as for cryo_cli_output). */
int cryo_cli_list(const char *output, int (*get)(json_t **all, struct cryo_err *err),
		  void (*print_table)(const json_t *all), struct cryo_err *err);

extern const struct cryo_cmd cryo_cmd_attach, cryo_cmd_bench, cryo_cmd_build, cryo_cmd_builder,
    cryo_cmd_bundle, cryo_cmd_cache, cryo_cmd_checkpoint, cryo_cmd_cluster, cryo_cmd_complete,
    cryo_cmd_doctor, cryo_cmd_down, cryo_cmd_forward, cryo_cmd_help, cryo_cmd_image,
    cryo_cmd_inspect, cryo_cmd_keygen, cryo_cmd_kubectl, cryo_cmd_logs, cryo_cmd_manual,
    cryo_cmd_migrate, cryo_cmd_node, cryo_cmd_proxy, cryo_cmd_restore, cryo_cmd_scenario,
    cryo_cmd_seal, cryo_cmd_shell, cryo_cmd_snapshot, cryo_cmd_sources, cryo_cmd_stacks,
    cryo_cmd_status, cryo_cmd_template, cryo_cmd_test, cryo_cmd_unseal, cryo_cmd_up,
    cryo_cmd_version;

#endif
