/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verb.h"

#include "base/clock.h"
#include "base/event.h"
#include "cache/cache.h"
#include "conf/json.h"

#include <stdio.h>

struct opts {
	struct cryo_cache_opts prune;
	const char *output;
};

static const struct cryo_opt opts_table[] = {
	{ "dry-run", 0, CRYO_OPT_FLAG, offsetof(struct opts, prune.dry_run), NULL,
	  "prune: only show what would be removed" },
	{ "older-than", 0, CRYO_OPT_DURATION, offsetof(struct opts, prune.older_ms), "AGE",
	  "prune: only what has not been used for this long (7d)" },
	{ "all", 0, CRYO_OPT_FLAG, offsetof(struct opts, prune.all), NULL,
	  "prune: also what could be useful again" },
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static void print_cache_rows(const json_t *all)
{
	int width = cryo_cli_width(all, "name", "NAME");
	json_t *one;
	size_t i;

	printf("%-10s  %-*s  %9s  %6s  %s\n", "KIND", width, "NAME", "SIZE", "IDLE", "USED BY");
	json_array_foreach((json_t *)all, i, one) {
		cryo_auto(cryo_free) char *size =
		    cryo_size_show((uint64_t)cryo_json_int(one, "bytes", 0));
		cryo_auto(cryo_free) char *idle = cryo_age_show(cryo_json_int(one, "idle", 0));
		const char *users = cryo_json_str(one, "users");
		cryo_auto(cryo_free) char *shown = cryo_cli_clean(users ? users : "nobody");

		printf("%-10s  %-*s  %9s  %6s  %s\n", cryo_json_str(one, "kind"), width,
		       cryo_json_str(one, "name"), size, idle, shown);
	}
}

static char *sum_cache_bytes(const json_t *all, bool only_unused)
{
	uint64_t bytes = 0;
	json_t *one;
	size_t i;

	json_array_foreach((json_t *)all, i, one)
		if (!only_unused || !cryo_json_str(one, "users"))
			bytes += (uint64_t)cryo_json_int(one, "bytes", 0);
	return cryo_size_show(bytes);
}

static void print_cache_list(const json_t *all)
{
	cryo_auto(cryo_free) char *total = sum_cache_bytes(all, false),
				  *unused = sum_cache_bytes(all, true);

	if (json_array_size(all) == 0) {
		printf("the cache is empty\n");
		return;
	}
	print_cache_rows(all);
	cryo_info("%s, of which %s unused (cryopod cache prune)", total, unused);
}

static int list_cache_items(const struct opts *o, struct cryo_err *err)
{
	if (o->prune.all || o->prune.dry_run || o->prune.older_ms)
		return cryo_err_set(err, CRYO_E_USAGE,
				    "--all, --dry-run and --older-than are for 'cache prune'");
	return cryo_cli_list(o->output, cryo_cache_list, print_cache_list, err);
}

static int prune_cache_items(const struct opts *o, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *removed = NULL;
	cryo_auto(cryo_free) char *bytes = NULL;
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	if (rc < 0)
		return rc;
	rc = cryo_cache_prune(&o->prune, &removed, err);
	bytes = sum_cache_bytes(removed, false);
	if (output != CRYO_OUTPUT_TABLE)
		cryo_cli_print(removed, output);
	else if (json_array_size(removed) > 0)
		print_cache_rows(removed);
	else if (rc == 0)
		printf("nothing to remove\n");
	if (rc == 0 && json_array_size(removed) > 0)
		cryo_info("%s%s removed", bytes, o->prune.dry_run ? " would be" : "");
	return rc;
}

static const struct verb {
	struct cryo_verb v;
	int (*run)(const struct opts *o, struct cryo_err *err);
} verbs[] = {
	{ { "list", false, false }, list_cache_items },
	{ { "prune", false, false }, prune_cache_items },
};

static int cache_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	int i =
	    cryo_cli_verb("cache", &verbs[0].v, CRYO_ARRAY_LEN(verbs), sizeof(verbs[0]), args, err);

	(void)cli;
	(void)exit_code;
	return i < 0 ? i : verbs[i].run(opts, err);
}

const struct cryo_cmd cryo_cmd_cache = {
	.name = "cache",
	.usage = "list|prune",
	.summary = "show what is cached and what uses it, remove the rest",
	.opts = opts_table,
	.size = sizeof(struct opts),
	.min_args = 1,
	.max_args = 2,
	.run = cache_cmd_run,
};
