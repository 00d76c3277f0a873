/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/event.h"
#include "image/builtin.h"
#include "sys/fs.h"
#include "sys/hash.h"

#include <stdio.h>
#include <unistd.h>

struct image_opts {
	const char *to, *load;
};

static const struct cryo_opt opts_table[] = {
	{ "to", 0, CRYO_OPT_STR, offsetof(struct image_opts, to), "FILE",
	  "where to write it (default: NAME.tar)" },
	{ "load", 0, CRYO_OPT_STR, offsetof(struct image_opts, load), "FILE",
	  "load this OCI layout tar into the cluster instead" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static int load_image_file(struct cryo_cli *cli, const char *file, struct cryo_err *err)
{
	cryo_auto(cryo_cluster_free) struct cryo_cluster *t = NULL;
	int rc = cryo_cli_target(cli, &t, err);

	if (rc == 0)
		rc = cryo_cluster_load_image(t, NULL, file, err);
	if (rc == 0)
		cryo_info("'%s' is in cluster '%s'", file, t->name);
	return rc;
}

static int list_builtin_images(void)
{
	for (const struct cryo_builtin *b = cryo_builtins; b->name; b++)
		printf("%-8s %s\n", b->name, b->ref);
	return 0;
}

static int image_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			 struct cryo_err *err)
{
	const struct image_opts *o = opts;
	cryo_auto(cryo_free) char *own = NULL;
	char digest[CRYO_HASH_HEX];
	const char *to;
	int rc;

	(void)exit_code;
	if (o->load)
		return load_image_file(cli, o->load, err);
	if (!args[0])
		return list_builtin_images();
	own = cryo_asprintf("%s.tar", args[0]);
	to = o->to ? o->to : own;
	rc = cryo_fs_check_place(to, err);
	if (rc == 0)
		rc = cryo_image_builtin(args[0], to, err);
	if (rc == 0)
		rc = cryo_hash_file(to, digest, err);
	if (rc == 0)
		printf("%s  %s  sha256:%s\n", to, cryo_builtin_find(args[0])->ref, digest);
	return rc;
}

const struct cryo_cmd cryo_cmd_image = {
	.name = "image",
	.usage = "[NAME]",
	.summary = "write an image that ships with cryopod, or load one into the cluster",
	.opts = opts_table,
	.size = sizeof(struct image_opts),
	.max_args = 1,
	.run = image_cmd_run,
};
