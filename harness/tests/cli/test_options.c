/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines against a table of commands of our own. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_WORDS 12

struct fake_opts {
	bool all, force;
	const char *output;
	unsigned port, count;
	int64_t timeout_ms;
};

static const struct cryo_opt opts_table[] = {
	{ "all", 'a', CRYO_OPT_FLAG, offsetof(struct fake_opts, all), NULL, "" },
	{ "force", 'f', CRYO_OPT_FLAG, offsetof(struct fake_opts, force), NULL, "" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct fake_opts, output), "FORMAT", "" },
	{ "port", 'p', CRYO_OPT_UINT, offsetof(struct fake_opts, port), "PORT", "" },
	{ "count", 0, CRYO_OPT_COUNT, offsetof(struct fake_opts, count), "N", "" },
	{ "timeout", 0, CRYO_OPT_DURATION, offsetof(struct fake_opts, timeout_ms), "DURATION", "" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static const struct cryo_cmd start = {
	.name = "start", .usage = "", .opts = opts_table, .size = sizeof(struct fake_opts)
};
static const struct cryo_cmd take = { .name = "take",
				      .usage = "POD [FILE]",
				      .opts = opts_table,
				      .size = sizeof(struct fake_opts),
				      .min_args = 1,
				      .max_args = 2 };
static const struct cryo_cmd many = { .name = "many", .usage = "WORD…", .max_args = -1 };
static const struct cryo_cmd inside = {
	.name = "inside", .usage = "PROGRAM…", .min_args = 1, .max_args = -1, .passes_on = true
};
static const struct cryo_cmd secret = { .name = "secret", .usage = "", .hidden = true };

static const struct cryo_cmd *const cmds[] = { &start, &take, &many, &inside, &secret, NULL };

/* One parsed line. */
struct parsed {
	char *words;
	char *argv[MAX_WORDS + 2];
	struct cryo_cli cli;
	const struct cryo_cmd *cmd;
	struct fake_opts *opts;
	char **args;
	struct cryo_err err;
};

/* Words of `line` are separated by one blank each: two in a row are an empty word. */
static int parse(const char *line, struct parsed *p)
{
	char *rest, *word;
	void *opts = NULL;
	int argc = 1, rc;

	*p = (struct parsed){ .words = cryo_strdup(line), .argv = { "cryopod" }, .cli.cmds = cmds };
	rest = *line ? p->words : NULL;
	while ((word = strsep(&rest, " ")) && argc <= MAX_WORDS)
		p->argv[argc++] = word;
	rc = cryo_cli_parse(argc, p->argv, &p->cli, &p->cmd, &opts, &p->args, &p->err);
	p->opts = opts;
	return rc;
}

static void release(struct parsed *p)
{
	free(p->words);
	free(p->opts);
}

static char *joined(char **args)
{
	cryo_auto(cryo_strv_release) struct cryo_strv list = { 0 };

	cryo_strv_addv(&list, (const char *const *)args);
	return cryo_strv_join(&list, "|");
}

static void good(void **state)
{
	static const struct {
		const char *line;
		const struct cryo_cmd *cmd;
		struct fake_opts opts;
		struct cryo_cli cli;
		const char *args;
	} row[] = {
		{ "", NULL, { 0 }, { 0 }, "" },
		{ "start", &start, { 0 }, { 0 }, "" },
		{ "secret", &secret, { 0 }, { 0 }, "" },
		{ "--name x start", &start, { 0 }, { .name = "x" }, "" },
		{ "start --name x", &start, { 0 }, { .name = "x" }, "" },
		{ "start --name=x=y", &start, { 0 }, { .name = "x=y" }, "" },
		{ "start --name=", &start, { 0 }, { .name = "" }, "" },
		{ "start --output  --all", &start, { .output = "", .all = true }, { 0 }, "" },
		{ "start --output a --output b", &start, { .output = "b" }, { 0 }, "" },
		{ "start -o json", &start, { .output = "json" }, { 0 }, "" },
		{ "start -ojson", &start, { .output = "json" }, { 0 }, "" },
		{ "start -o -f", &start, { .output = "-f" }, { 0 }, "" },
		{ "start -af", &start, { .all = true, .force = true }, { 0 }, "" },
		{ "start -afp80", &start, { .all = true, .force = true, .port = 80 }, { 0 }, "" },
		{ "start -vap 80", &start, { .all = true, .port = 80 }, { .verbose = true }, "" },
		{ "start --port 0", &start, { 0 }, { 0 }, "" },
		{ "start --port=2147483647", &start, { .port = 2147483647 }, { 0 }, "" },
		{ "start --timeout 1m30s", &start, { .timeout_ms = 90000 }, { 0 }, "" },
		{ "-q take a", &take, { 0 }, { .quiet = true }, "a" },
		{ "take a -f b", &take, { .force = true }, { 0 }, "a|b" },
		{ "take -- -f --all", &take, { 0 }, { 0 }, "-f|--all" },
		{ "take -", &take, { 0 }, { 0 }, "-" },
		{ "take a -- --", &take, { 0 }, { 0 }, "a|--" },
		{ "many", &many, { 0 }, { 0 }, "" },
		{ "many a b c d", &many, { 0 }, { 0 }, "a|b|c|d" },
		{ "inside ls -l --all", &inside, { 0 }, { 0 }, "ls|-l|--all" },
		{ "inside -v ls -v", &inside, { 0 }, { .verbose = true }, "ls|-v" },
		{ "inside --name x ls -- y", &inside, { 0 }, { .name = "x" }, "ls|--|y" },
		{ "inside -- --name x", &inside, { 0 }, { 0 }, "--name|x" },
		{ "inside -n x get", &inside, { 0 }, { 0 }, "-n|x|get" },
		{ "inside --namespace=x get", &inside, { 0 }, { 0 }, "--namespace=x|get" },
		{ "take --help", &take, { 0 }, { .help = true }, "" },
		{ "-h", NULL, { 0 }, { .help = true }, "" },
		{ "start a b c -h", &start, { 0 }, { .help = true }, "a|b|c" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		cryo_auto(cryo_free) char *args = NULL;
		struct parsed p;

		print_message("# %s\n", row[i].line);
		if (parse(row[i].line, &p) < 0)
			fail_msg("%s", p.err.msg);
		args = joined(p.args);
		assert_ptr_equal(p.cmd, row[i].cmd);
		assert_string_equal(args, row[i].args);
		assert_true(cryo_streq(p.cli.name, row[i].cli.name));
		assert_int_equal(p.cli.verbose, row[i].cli.verbose);
		assert_int_equal(p.cli.quiet, row[i].cli.quiet);
		assert_int_equal(p.cli.help, row[i].cli.help);
		if (p.opts) {
			assert_int_equal(p.opts->all, row[i].opts.all);
			assert_int_equal(p.opts->force, row[i].opts.force);
			assert_int_equal(p.opts->port, row[i].opts.port);
			assert_int_equal(p.opts->timeout_ms, row[i].opts.timeout_ms);
			assert_true(cryo_streq(p.opts->output, row[i].opts.output));
		}
		release(&p);
	}
}

static void bad(void **state)
{
	static const struct {
		const char *line, *says;
	} row[] = {
		{ "stat", "no command 'stat' (did you mean 'start'?)" },
		{ "nothing", "no command 'nothing' (see cryopod --help)" },
		{ "secre", "no command 'secre' (see cryopod --help)" },
		{ "start --prot 1", "no option '--prot' (did you mean '--port'?)" },
		{ "start --colour=x", "(did you mean '--color'?)" },
		{ "--port 1 start", "no option '--port' (see cryopod --help)" },
		{ "start --nonsense", "no option '--nonsense' (see cryopod start --help)" },
		{ "start --por 1", "no option '--por' (did you mean '--port'?)" },
		{ "start -z", "no option '-z' (see cryopod start --help)" },
		{ "start -afz", "no option '-z'" },
		{ "-- start", "no option '--'" },
		{ "start --port", "--port needs a value (PORT)" },
		{ "start -p", "--port needs a value (PORT)" },
		{ "start --port=", "--port: '' is not a number" },
		{ "start --port 1x", "--port: '1x' is not a number" },
		{ "start --port -1", "--port: '-1' is not a number" },
		{ "start --count 0", "--count: at least 1" },
		{ "start --count -1", "--count: '-1' is not a number" },
		{ "start --port +1", "--port: '+1' is not a number" },
		{ "start --port 2147483648", "is not a number" },
		{ "start --port 99999999999999999999", "is not a number" },
		{ "start --timeout 5", "--timeout: '5' is not a duration" },
		{ "start --timeout=", "--timeout: " },
		{ "start --all=yes", "--all takes no value" },
		{ "start x", "unexpected argument 'x': cryopod start" },
		{ "take", "an argument is missing: cryopod take POD [FILE]" },
		{ "take a b c", "unexpected argument 'c': cryopod take POD [FILE]" },
		{ "inside", "an argument is missing: cryopod inside PROGRAM…" },
		{ "inside --", "an argument is missing" },
	};

	(void)state;
	for (size_t i = 0; i < CRYO_ARRAY_LEN(row); i++) {
		struct parsed p;

		print_message("# %s\n", row[i].line);
		assert_int_equal(parse(row[i].line, &p), -CRYO_E_USAGE);
		if (!strstr(p.err.msg, row[i].says))
			fail_msg("%s", p.err.msg);
		release(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good), cmocka_unit_test(bad) };

	return cmocka_run_group_tests(tests, NULL, NULL) ? EXIT_FAILURE : EXIT_SUCCESS;
}
