/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion for the shells (completions/): `internal-complete -- WORD…` prints
 * what the last word may become, the words before it being what follows "cryopod".
 * One candidate per line, "VALUE" or "VALUE<tab>DESCRIPTION"; the line ":files"
 * means that paths fit, too. All comes from the tables of commands and options:
 * the placeholder of a value ("STACK") says what belongs there. Silent and
 * successful whatever fails: a shell is waiting.
 */
#include "cli/cli.h"

#include "base/str.h"
#include "cluster/snapshot.h"
#include "cluster/status.h"
#include "cluster/template.h"
#include "conf/json.h"
#include "image/builtin.h"
#include "source/stack.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words before the last one, read. */
struct line {
	const struct cryo_cmd *const *cmds;
	const struct cryo_cmd *cmd;	 /* NULL: none yet */
	const struct cryo_opt *open_opt; /* the last word is its value */
	int n_args;
	const char *first_arg;
	const char *name, *stack; /* of the cluster; of the stack */
	bool only_args;
};

static void print_candidate(const char *value, const char *prefix, const char *typed,
			    const char *description)
{
	if (!cryo_starts_with(value, typed))
		return;
	printf(description ? "%s%s\t%s\n" : "%s%s\n", prefix, value, description);
}

static void print_candidates(const struct cryo_strv *values, const char *prefix, const char *typed)
{
	for (size_t i = 0; i < values->n; i++)
		print_candidate(values->v[i], prefix, typed, NULL);
}

static void add_words(struct cryo_strv *out, const char *words)
{
	while (*words) {
		size_t len = strcspn(words, " ");

		cryo_strv_take(out, cryo_strndup(words, len));
		words += len + strspn(words + len, " ");
	}
}

/* --- what a placeholder stands for --- */

static void add_cluster_names(const struct line *l, struct cryo_strv *out)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	(void)l;
	cryo_cluster_list(out, &ignored);
}

static void add_stack_names(const struct line *l, struct cryo_strv *out)
{
	(void)l;
	cryo_stack_list_shipped(out);
}

static void add_listed_names(int (*get)(json_t **all, struct cryo_err *err), const char *key,
			     struct cryo_strv *out)
{
	cryo_auto(cryo_json_decref) json_t *all = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	json_t *one;
	size_t i;

	if (get(&all, &ignored) < 0)
		return;
	json_array_foreach(all, i, one)
		if (cryo_json_str(one, key))
			cryo_strv_add(out, cryo_json_str(one, key));
}

static void add_snapshot_names(const struct line *l, struct cryo_strv *out)
{
	(void)l;
	add_listed_names(cryo_snapshot_list, "name", out);
}

static void add_template_keys(const struct line *l, struct cryo_strv *out)
{
	(void)l;
	add_listed_names(cryo_template_list, "key", out);
}

static void add_component_names(const struct line *l, struct cryo_strv *out)
{
	cryo_auto(cryo_stack_release) struct cryo_stack stack = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_stack_load(l->stack ? l->stack : "upstream", &stack, &ignored) < 0)
		return;
	for (size_t i = 0; i < stack.n; i++)
		cryo_strv_add(out, stack.component[i].name);
}

static void add_service_names(const struct line *l, struct cryo_strv *out)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	cryo_auto(cryo_cluster_status_release) struct cryo_cluster_status s = { 0 };
	struct cryo_cli cli = { .name = l->name };
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (cryo_cli_target(&cli, &t, &ignored) < 0 || cryo_cluster_status(t, &s, &ignored) < 0)
		return;
	for (size_t i = 0; s.nodes && i < s.node->services; i++)
		cryo_strv_add(out, s.node->service[i].name);
}

static void add_command_names(const struct line *l, struct cryo_strv *out)
{
	for (const struct cryo_cmd *const *c = l->cmds; *c; c++)
		if (!(*c)->hidden)
			cryo_strv_add(out, (*c)->name);
}

static void add_image_names(const struct line *l, struct cryo_strv *out)
{
	(void)l;
	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++)
		cryo_strv_add(out, b->name);
}

static const struct placeholder {
	const char *name;
	const char *command; /* only there; NULL: everywhere */
	void (*add)(const struct line *l, struct cryo_strv *out);
	const char *words; /* fixed ones */
	bool files;
} placeholders[] = {
	{ "CLUSTER", NULL, add_cluster_names, NULL, false },
	{ "STACK", NULL, add_stack_names, NULL, true },
	{ "SNAPSHOT", NULL, add_snapshot_names, NULL, false },
	{ "KEY", NULL, add_template_keys, NULL, false },
	{ "COMPONENT", NULL, add_component_names, NULL, false },
	{ "SERVICE", NULL, add_service_names, NULL, false },
	{ "COMMAND", NULL, add_command_names, NULL, false },
	{ "IMAGE", "image", add_image_names, NULL, true },
	{ "FORMAT", "test", NULL, "summary tap junit json", false },
	{ "FORMAT", NULL, NULL, "table json yaml", false },
	{ "KIND", "image", NULL, "kind", false },
	{ "KIND", "bundle", NULL, "rke2", false },
	{ "KIND", NULL, NULL, "local kind attached", false },
	{ "ENGINE", NULL, NULL, "docker podman", false },
	{ "WHEN", NULL, NULL, "auto always never", false },
	{ "BOOL", NULL, NULL, "true false", false },
	{ "FORM", NULL, NULL, "pods proxy kubelet", false },
	{ "CURVE", NULL, NULL, "P-256", false },
	{ "FILE", NULL, NULL, NULL, true },
	{ "DIR", NULL, NULL, NULL, true },
	{ "ARCHIVE", NULL, NULL, NULL, true },
	{ "SRC", NULL, NULL, NULL, true },
	{ "DST", NULL, NULL, NULL, true },
};

static const struct placeholder *find_placeholder(const struct line *l, const char *name)
{
	for (size_t i = 0; i < CRYO_ARRAY_LEN(placeholders); i++) {
		const struct placeholder *p = &placeholders[i];

		if (strcmp(p->name, name) == 0 &&
		    (!p->command || (l->cmd && strcmp(l->cmd->name, p->command) == 0)))
			return p;
	}
	return NULL;
}

static void complete_placeholder(const struct line *l, const char *name, const char *prefix,
				 const char *typed)
{
	cryo_auto(cryo_strv_release) struct cryo_strv values = { 0 };
	const struct placeholder *p = find_placeholder(l, name);

	if (!p)
		return;
	if (p->add)
		p->add(l, &values);
	if (p->words)
		add_words(&values, p->words);
	print_candidates(&values, prefix, typed);
	if (p->files)
		printf(":files\n");
}

/* --- the words of the line --- */

static const struct cryo_opt *find_line_option(const struct line *l, const char *word)
{
	const struct cryo_opt *tables[] = { l->cmd ? l->cmd->opts : NULL, cryo_global_opts };
	size_t len = strcspn(word + 2, "=");

	for (size_t i = 0; i < CRYO_ARRAY_LEN(tables); i++)
		for (const struct cryo_opt *o = tables[i]; o && o->name; o++)
			if (word[1] == '-'
				? strlen(o->name) == len && memcmp(o->name, word + 2, len) == 0
				: o->letter == word[1])
				return o;
	return NULL;
}

static void note_option_value(struct line *l, const struct cryo_opt *o, const char *value)
{
	if (strcmp(o->name, "stack") == 0)
		l->stack = value;
	if (strcmp(o->name, "name") == 0)
		l->name = value;
}

static void read_line_argument(struct line *l, const char *word)
{
	if (l->cmd) {
		if (l->n_args++ == 0)
			l->first_arg = word;
		l->only_args = l->only_args || l->cmd->passes_on;
		return;
	}
	for (const struct cryo_cmd *const *c = l->cmds; *c; c++)
		if (strcmp((*c)->name, word) == 0)
			l->cmd = *c;
}

static void read_line_word(struct line *l, const char *word)
{
	const struct cryo_opt *o = l->open_opt;

	if (o) {
		note_option_value(l, o, word);
		l->open_opt = NULL;
		return;
	}
	if (l->only_args || word[0] != '-' || !word[1]) {
		read_line_argument(l, word);
		return;
	}
	if (strcmp(word, "--") == 0) {
		l->only_args = true;
		return;
	}
	o = find_line_option(l, word);
	if (!o || o->kind == CRYO_OPT_FLAG)
		return;
	if (word[1] == '-' && strchr(word, '='))
		note_option_value(l, o, strchr(word, '=') + 1);
	else if (word[1] == '-' || !word[2])
		l->open_opt = o;
}

/* --- the last word --- */

static void complete_option_name(const struct line *l, const char *typed)
{
	const struct cryo_opt *tables[] = { l->cmd ? l->cmd->opts : NULL, cryo_global_opts };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(tables); i++)
		for (const struct cryo_opt *o = tables[i]; o && o->name; o++) {
			cryo_auto(cryo_free) char *word = cryo_asprintf("--%s", o->name);

			print_candidate(word, "", typed, o->help);
		}
}

static void complete_command(const struct line *l, const char *typed)
{
	for (const struct cryo_cmd *const *c = l->cmds; *c; c++)
		if (!(*c)->hidden)
			print_candidate((*c)->name, "", typed, (*c)->summary);
}

/* The words of a usage that are verbs ("list"), or those that are placeholders ("KEY"). */
static void read_usage_words(const char *usage, bool verbs, struct cryo_strv *out)
{
	while (*usage) {
		size_t len = strspn(usage, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

		if (len > 0 && verbs == (bool)islower((unsigned char)*usage))
			cryo_strv_take(out, cryo_strndup(usage, len));
		usage += len ? len : 1;
	}
}

static void complete_argument(const struct line *l, const char *typed)
{
	cryo_auto(cryo_strv_release) struct cryo_strv verbs = { 0 }, places = { 0 };
	int at = l->n_args;

	read_usage_words(l->cmd->usage, true, &verbs);
	read_usage_words(l->cmd->usage, false, &places);
	if (verbs.n > 0 && at-- == 0) {
		print_candidates(&verbs, "", typed);
		return;
	}
	if (places.n == 0 || (l->cmd->max_args >= 0 && l->n_args >= l->cmd->max_args))
		return;
	if (l->first_arg && strcmp(l->first_arg, "list") == 0)
		return;
	complete_placeholder(l, places.v[(size_t)at < places.n ? (size_t)at : places.n - 1], "",
			     typed);
}

static void complete_last_word(const struct line *l, const char *typed)
{
	const char *value = strchr(typed, '=');
	const struct cryo_opt *o;

	if (l->open_opt) {
		complete_placeholder(l, l->open_opt->arg, "", typed);
		return;
	}
	if (!l->only_args && cryo_starts_with(typed, "--") && value) {
		cryo_auto(cryo_free) char *prefix =
		    cryo_strndup(typed, (size_t)(value + 1 - typed));

		o = find_line_option(l, typed);
		if (o && o->arg)
			complete_placeholder(l, o->arg, prefix, value + 1);
		return;
	}
	if (!l->only_args && typed[0] == '-')
		complete_option_name(l, typed);
	else if (!l->cmd)
		complete_command(l, typed);
	else
		complete_argument(l, typed);
}

static int complete_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			    struct cryo_err *err)
{
	struct line l = { .cmds = cli->cmds, .name = cli->name };

	(void)opts;
	(void)exit_code;
	(void)err;
	for (; args[1]; args++)
		read_line_word(&l, args[0]);
	complete_last_word(&l, args[0]);
	return 0;
}

const struct cryo_cmd cryo_cmd_complete = {
	.name = "internal-complete",
	.usage = "WORD…",
	.summary = "what the last word may become (called by the shells' completion)",
	.min_args = 1,
	.max_args = -1,
	.hidden = true,
	.run = complete_cmd_run,
};
