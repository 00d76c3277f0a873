/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Man pages (mdoc). What people write stands in man/NAME.mdoc: the date, then the
 * sections from DESCRIPTION on. NAME, SYNOPSIS and the options come from the
 * tables of the commands, so they cannot disagree with them.
 */
#include "cli/cli.h"

#include "base/str.h"
#include "sys/fs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_PAGE      (1u << 20)
#define OPTIONS_MARK  ".\\\" options\n"
#define COMMANDS_MARK ".\\\" commands\n"
#define ELLIPSIS      "\xe2\x80\xa6"
#define GENERAL_PAGE  "cryopod"

/* Text of a table as roff: nothing in it is a request or an escape. */
static void print_roff_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		printf("\\&");
	for (; *text; text++) {
		if (strncmp(text, ELLIPSIS, strlen(ELLIPSIS)) == 0) {
			printf("...");
			text += strlen(ELLIPSIS) - 1;
		} else if (*text == '\\')
			printf("\\e");
		else
			putchar(*text);
	}
}

/* "[sync | status] [COMPONENT…]": what is typed as it stands is bold, what stands for it italic. */
static void print_usage_line(const char *usage)
{
	while (*usage) {
		size_t len = strcspn(usage, "[]|. ");
		size_t word = 0;

		while (word < len && (isalnum((unsigned char)usage[word]) || usage[word] == '-'))
			word++;
		if (word > 0) {
			printf("\\f%c%.*s\\fR", isupper((unsigned char)*usage) ? 'I' : 'B',
			       (int)word, usage);
			usage += word;
		} else if (strncmp(usage, ELLIPSIS, strlen(ELLIPSIS)) == 0) {
			printf(" ...");
			usage += strlen(ELLIPSIS);
		} else
			putchar(*usage++);
	}
}

static void print_manual_options(const struct cryo_opt *o)
{
	printf(".Bl -tag -width Ds\n");
	for (; o && o->name; o++) {
		printf(".It ");
		if (o->letter)
			printf("Fl %c , ", o->letter);
		printf("Fl -%s", o->name);
		if (o->arg) {
			printf(" Ar ");
			print_roff_text(o->arg);
		}
		putchar('\n');
		print_roff_text(o->help);
		putchar('\n');
	}
	printf(".El\n");
}

static void print_manual_commands(const struct cryo_cli *cli)
{
	printf(".Bl -tag -width Ds\n");
	for (const struct cryo_cmd *const *c = cli->cmds; *c; c++) {
		if ((*c)->hidden)
			continue;
		printf(".It Xr cryopod-%s 1\n", (*c)->name);
		print_roff_text((*c)->summary);
		putchar('\n');
	}
	printf(".El\n");
}

static void print_manual_title(const struct cryo_cmd *cmd)
{
	printf(".Dt CRYOPOD%s", cmd ? "-" : "");
	for (const char *p = cmd ? cmd->name : ""; *p; p++)
		putchar(toupper((unsigned char)*p));
	printf(" 1\n.Os\n.Sh NAME\n.Nm cryopod%s%s\n.Nd ", cmd ? "-" : "", cmd ? cmd->name : "");
	print_roff_text(cmd ? cmd->summary : CRYO_CLI_SUMMARY);
	printf("\n.Sh SYNOPSIS\n.Nm cryopod\n");
	if (!cmd) {
		printf(".Op Ar OPTION ...\n.Ar COMMAND\n.Op Ar ARGUMENT ...\n");
		return;
	}
	printf(".Cm %s\n.Op Ar OPTION ...\n", cmd->name);
	print_usage_line(cmd->usage);
	printf(*cmd->usage ? "\n" : "");
}

static int print_manual_page(const struct cryo_cli *cli, const struct cryo_cmd *cmd,
			     const char *text, const char *file, struct cryo_err *err)
{
	const char *body = strchr(text, '\n');
	const struct cryo_opt *opts = cmd ? cmd->opts : cryo_global_opts;
	const char *at = strstr(text, OPTIONS_MARK), *list = strstr(text, COMMANDS_MARK);

	if (!cryo_starts_with(text, ".Dd ") || !body)
		return cryo_err_set(err, CRYO_E_CONFIG, "'%s' does not start with .Dd", file);
	if (opts ? !at : !!at)
		return cryo_err_set(err, CRYO_E_CONFIG,
				    opts ? "'%s' lacks the place of the options"
					 : "'%s' has a place for options: the command has none",
				    file);
	printf("%.*s", (int)(body + 1 - text), text);
	print_manual_title(cmd);
	body++;
	if (list) {
		printf("%.*s", (int)(list - body), body);
		print_manual_commands(cli);
		body = list + strlen(COMMANDS_MARK);
	}
	if (at) {
		printf("%.*s", (int)(at - body), body);
		print_manual_options(opts);
		body = at + strlen(OPTIONS_MARK);
	}
	printf("%s", body);
	return 0;
}

/* "cryopod-up" names the command up, "cryopod" none. */
static int find_page_command(const struct cryo_cli *cli, const char *page,
			     const struct cryo_cmd **cmd, struct cryo_err *err)
{
	*cmd = NULL;
	if (strcmp(page, GENERAL_PAGE) == 0)
		return 0;
	for (const struct cryo_cmd *const *c = cli->cmds; *c; c++)
		if (!(*c)->hidden && cryo_starts_with(page, GENERAL_PAGE "-") &&
		    strcmp((*c)->name, page + strlen(GENERAL_PAGE "-")) == 0) {
			*cmd = *c;
			return 0;
		}
	return cryo_err_set(err, CRYO_E_USAGE, "no command has the page '%s'", page);
}

static void list_manual_pages(const struct cryo_cli *cli)
{
	printf("%s\n", GENERAL_PAGE);
	for (const struct cryo_cmd *const *c = cli->cmds; *c; c++)
		if (!(*c)->hidden)
			printf("%s-%s\n", GENERAL_PAGE, (*c)->name);
}

static int manual_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			  struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	const struct cryo_cmd *cmd;
	int rc;

	(void)opts;
	(void)exit_code;
	if (!args[0]) {
		list_manual_pages(cli);
		return 0;
	}
	if (!args[1])
		return cryo_err_set(err, CRYO_E_USAGE, "an argument is missing: FILE");
	rc = find_page_command(cli, args[0], &cmd, err);
	if (rc == 0)
		rc = cryo_fs_read(args[1], MAX_PAGE, &text, err);
	return rc < 0 ? rc : print_manual_page(cli, cmd, cryo_str_get(&text), args[1], err);
}

const struct cryo_cmd cryo_cmd_manual = {
	.name = "internal-manual",
	.usage = "[PAGE FILE]",
	.summary = "a man page from the tables and its hand-written part; or all names of pages",
	.max_args = 2,
	.hidden = true,
	.run = manual_cmd_run,
};
