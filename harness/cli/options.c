/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/str.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cryo_opt cryo_global_opts[] = {
	{ "name", 0, CRYO_OPT_STR, offsetof(struct cryo_cli, name), "CLUSTER",
	  "name of the cluster (default: $CRYOPOD_NAME or \"default\")" },
	{ "target", 0, CRYO_OPT_STR, offsetof(struct cryo_cli, target), "KIND",
	  "kind of a new cluster (default: local)" },
	{ "color", 0, CRYO_OPT_STR, offsetof(struct cryo_cli, color), "WHEN",
	  "auto, always or never" },
	{ "verbose", 'v', CRYO_OPT_FLAG, offsetof(struct cryo_cli, verbose), NULL,
	  "also show which programs are run" },
	{ "quiet", 'q', CRYO_OPT_FLAG, offsetof(struct cryo_cli, quiet), NULL,
	  "only results, warnings and errors" },
	{ "help", 'h', CRYO_OPT_FLAG, offsetof(struct cryo_cli, help), NULL, "this text" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

/* Where parsing stands. */
struct parse {
	int argc;
	char **argv;
	int at;
	struct cryo_cli *cli;
	const struct cryo_cmd *cmd; /* NULL until its name was read */
	char *opts;
	char **args;
	int n_args;
};

static const struct cryo_opt *find_table_option(const struct cryo_opt *table, const char *name,
						size_t len, char letter)
{
	for (; table && table->name; table++)
		if (name ? strlen(table->name) == len && memcmp(table->name, name, len) == 0
			 : table->letter == letter)
			return table;
	return NULL;
}

/* The option and the struct it is stored in. */
static const struct cryo_opt *find_parsed_option(struct parse *p, const char *name, size_t len,
						 char letter, char **base)
{
	const struct cryo_opt *o = p->cmd ? find_table_option(p->cmd->opts, name, len, letter)
					  : NULL;

	*base = p->opts;
	if (!o) {
		o = find_table_option(cryo_global_opts, name, len, letter);
		*base = (char *)p->cli;
	}
	return o;
}

static int report_unknown_word(const struct parse *p, const char *word, struct cryo_err *err)
{
	struct cryo_strv names = { 0 };
	const char *near;
	int rc;

	for (const struct cryo_opt *o = cryo_global_opts; o->name; o++)
		cryo_strv_addf(&names, "--%s", o->name);
	for (const struct cryo_opt *o = p->cmd ? p->cmd->opts : NULL; o && o->name; o++)
		cryo_strv_addf(&names, "--%s", o->name);
	near = cryo_nearest(word, cryo_strv_get(&names));
	rc = near ? cryo_err_set(err, CRYO_E_USAGE, "no option '%s' (did you mean '%s'?)", word,
				 near)
		  : cryo_err_set(err, CRYO_E_USAGE, "no option '%s' (see cryopod %s%s--help)", word,
				 p->cmd ? p->cmd->name : "", p->cmd ? " " : "");
	cryo_strv_release(&names);
	return rc;
}

static int add_option_to_list(const struct cryo_opt *o, struct cryo_opt_list *list,
			      const char *value, struct cryo_err *err)
{
	if (list->n == CRYO_OPT_LIST_MAX)
		return cryo_err_set(err, CRYO_E_USAGE, "--%s is given more than %d times", o->name,
				    CRYO_OPT_LIST_MAX);
	list->v[list->n++] = value;
	return 0;
}

static int store_option_value(const struct cryo_opt *o, char *base, const char *value,
			      struct cryo_err *err)
{
	void *at = base + o->offset;
	unsigned long n;
	char *end;

	switch (o->kind) {
	case CRYO_OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case CRYO_OPT_STR:
		*(const char **)at = value;
		return 0;
	case CRYO_OPT_UINT:
	case CRYO_OPT_COUNT:
		n = strtoul(value, &end, 10);
		if (!isdigit((unsigned char)*value) || *end || n > INT_MAX)
			return cryo_err_set(err, CRYO_E_USAGE, "--%s: '%s' is not a number",
					    o->name, value);
		if (n == 0 && o->kind == CRYO_OPT_COUNT)
			return cryo_err_set(err, CRYO_E_USAGE, "--%s: at least 1", o->name);
		*(unsigned *)at = (unsigned)n;
		return 0;
	case CRYO_OPT_LIST:
		return add_option_to_list(o, at, value, err);
	case CRYO_OPT_DURATION:
		break;
	}
	n = 0;
	if (cryo_duration_parse(value, at, err) < 0)
		return cryo_err_as(err, cryo_err_wrap(err, -1, "--%s", o->name), CRYO_E_USAGE);
	return 0;
}

/* The option's value: behind '=', or the next word. */
static int take_option_value(struct parse *p, const struct cryo_opt *o, const char *inline_value,
			     const char **value, struct cryo_err *err)
{
	*value = inline_value;
	if (o->kind == CRYO_OPT_FLAG)
		return inline_value
			   ? cryo_err_set(err, CRYO_E_USAGE, "--%s takes no value", o->name)
			   : 0;
	if (inline_value)
		return 0;
	if (p->at + 1 >= p->argc)
		return cryo_err_set(err, CRYO_E_USAGE, "--%s needs a value (%s)", o->name, o->arg);
	*value = p->argv[++p->at];
	return 0;
}

static int parse_long_option(struct parse *p, const char *word, struct cryo_err *err)
{
	size_t len = strcspn(word + 2, "=");
	char *base;
	const struct cryo_opt *o = find_parsed_option(p, word + 2, len, 0, &base);
	const char *value;
	int rc;

	if (!o)
		return report_unknown_word(p, word, err);
	rc = take_option_value(p, o, word[2 + len] ? word + 3 + len : NULL, &value, err);
	return rc < 0 ? rc : store_option_value(o, base, value, err);
}

static int parse_short_options(struct parse *p, const char *word, struct cryo_err *err)
{
	for (const char *c = word + 1; *c; c++) {
		char *base, text[3] = { '-', *c, '\0' };
		const struct cryo_opt *o = find_parsed_option(p, NULL, 0, *c, &base);
		const char *value = NULL;
		int rc;

		if (!o)
			return report_unknown_word(p, text, err);
		rc = take_option_value(p, o, o->kind != CRYO_OPT_FLAG && c[1] ? c + 1 : NULL,
				       &value, err);
		if (rc == 0)
			rc = store_option_value(o, base, value, err);
		if (rc < 0 || o->kind != CRYO_OPT_FLAG)
			return rc;
	}
	return 0;
}

static int choose_command(struct parse *p, const char *word, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };
	const char *near;

	for (const struct cryo_cmd *const *c = p->cli->cmds; *c; c++) {
		if (strcmp((*c)->name, word) == 0) {
			p->cmd = *c;
			p->opts = (*c)->size ? cryo_alloc((*c)->size) : NULL;
			return 0;
		}
		if (!(*c)->hidden)
			cryo_strv_add(&names, (*c)->name);
	}
	near = cryo_nearest(word, cryo_strv_get(&names));
	if (near)
		return cryo_err_set(err, CRYO_E_USAGE, "no command '%s' (did you mean '%s'?)", word,
				    near);
	return cryo_err_set(err, CRYO_E_USAGE, "no command '%s' (see cryopod --help)", word);
}

/* "kubectl -n kube-system get pods": what is not our option belongs to the other program. */
static bool is_foreign_option(struct parse *p, const char *word)
{
	char *base;

	if (!p->cmd || !p->cmd->passes_on)
		return false;
	if (word[1] == '-')
		return !find_parsed_option(p, word + 2, strcspn(word + 2, "="), 0, &base);
	return !find_parsed_option(p, NULL, 0, word[1], &base);
}

static int parse_next_word(struct parse *p, bool *only_args, struct cryo_err *err)
{
	char *word = p->argv[p->at];

	if (word[0] == '-' && word[1] && strcmp(word, "--") != 0 && is_foreign_option(p, word))
		*only_args = true;
	if (!*only_args && strcmp(word, "--") == 0 && p->cmd) {
		*only_args = true;
		return 0;
	}
	if (!*only_args && cryo_starts_with(word, "--") && word[2])
		return parse_long_option(p, word, err);
	if (!*only_args && word[0] == '-' && word[1])
		return parse_short_options(p, word, err);
	if (!p->cmd)
		return choose_command(p, word, err);
	if (p->cmd->passes_on)
		*only_args = true;
	p->args[p->n_args++] = word;
	return 0;
}

const char *cryo_cli_program(const struct cryo_cli *cli)
{
	return cli->plugin ? "kubectl" : "cryopod";
}

static int check_argument_count(const struct parse *p, struct cryo_err *err)
{
	const char *program = cryo_cli_program(p->cli);
	const struct cryo_cmd *c = p->cmd;

	if (p->cli->help || !c)
		return 0;
	if (p->n_args < c->min_args)
		return cryo_err_set(err, CRYO_E_USAGE, "an argument is missing: %s %s %s", program,
				    c->name, c->usage);
	if (c->max_args >= 0 && p->n_args > c->max_args)
		return cryo_err_set(err, CRYO_E_USAGE, "unexpected argument '%s': %s %s%s%s",
				    p->args[c->max_args], program, c->name, *c->usage ? " " : "",
				    c->usage);
	return 0;
}

/* "kubectl checkpoint POD" runs kubectl-checkpoint with what follows. */
static bool is_plugin_program(const char *program)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash ? slash + 1 : program, "kubectl-checkpoint") == 0;
}

int cryo_cli_parse(int argc, char **argv, struct cryo_cli *cli, const struct cryo_cmd **cmd,
		   void **opts, char ***args, struct cryo_err *err)
{
	/* Arguments move to the front of argv: there are never more of them than words read. */
	struct parse p = { .argc = argc, .argv = argv, .at = 1, .cli = cli, .args = argv + 1 };
	bool only_args = false;
	int rc = 0;

	cli->plugin = argc > 0 && is_plugin_program(argv[0]);
	if (cli->plugin)
		rc = choose_command(&p, "checkpoint", err);
	for (; rc == 0 && p.at < argc; p.at++)
		rc = parse_next_word(&p, &only_args, err);
	p.args[p.n_args] = NULL;
	if (rc == 0)
		rc = check_argument_count(&p, err);
	*cmd = p.cmd;
	*opts = p.opts;
	*args = p.args;
	return rc;
}
