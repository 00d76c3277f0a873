/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/clock.h"
#include "conf/json.h"
#include "criu/archive.h"
#include "criu/contents.h"

#include <stdio.h>

/* What is deeper is no tree of ours. */
#define MAX_DEPTH 32

struct inspect_opts {
	const char *output;
};

static const struct cryo_opt opts_table[] = {
	{ "output", 'o', CRYO_OPT_STR, offsetof(struct inspect_opts, output), "FORMAT",
	  "table, json or yaml" },
	{ NULL, 0, CRYO_OPT_FLAG, 0, NULL, NULL },
};

static bool has_archived_parent(const struct cryo_contents *c, const struct cryo_process *p)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->process[i].pid == p->ppid && &c->process[i] != p)
			return true;
	return false;
}

/* Each once: what the archive calls a tree may be anything. */
static void print_process_tree(const struct cryo_contents *c, size_t at, int depth, bool *seen)
{
	const struct cryo_process *p = &c->process[at];
	cryo_auto(cryo_free) char *size = cryo_size_show(p->page_bytes);

	seen[at] = true;
	printf("%-11s%*s%u %s", depth ? "" : "process", depth * 2, "", p->pid,
	       *p->name ? p->name : "?");
	if (p->threads > 1)
		printf(" (%zu threads)", p->threads);
	if (p->page_bytes > 0)
		printf(", %s", size);
	printf("\n");
	for (size_t i = 0; depth < MAX_DEPTH && i < c->n; i++)
		if (!seen[i] && c->process[i].ppid == p->pid)
			print_process_tree(c, i, depth + 1, seen);
}

static void print_process_trees(const struct cryo_contents *c)
{
	cryo_auto(cryo_free) bool *seen = cryo_alloc(c->n + 1);

	for (size_t i = 0; i < c->n; i++)
		if (!seen[i] && !has_archived_parent(c, &c->process[i]))
			print_process_tree(c, i, 0, seen);
}

static void print_archive_table(const struct cryo_archive *a, const struct cryo_contents *c)
{
	cryo_auto(cryo_free) char *size = cryo_size_show(a->bytes);
	cryo_auto(cryo_free) char *pages = cryo_size_show(c->page_bytes);
	cryo_auto(cryo_free) char *images = cryo_size_show(c->image_bytes);
	cryo_auto(cryo_free) char *rootfs = cryo_size_show(c->rootfs_bytes);
	cryo_auto(cryo_free) char *volumes = cryo_strv_join(&a->volumes, ", ");

	printf("container  %s/%s/%s\nimage      %s\n", *a->ns ? a->ns : "?", *a->pod ? a->pod : "?",
	       a->container, a->image_name);
	printf("runtime    %s\ncreated    %s\n", *a->runtime ? a->runtime : "?",
	       *a->checkpointed ? a->checkpointed : "?");
	printf("archive    %s in %zu members\n", size, a->members);
	printf("memory     %s, with the rest of %zu images %s\n", pages, c->images, images);
	printf("changes    %s of the root file system\n", rootfs);
	if (a->volumes.n)
		printf("volumes    %s\n", volumes);
	printf("encrypted  %s%s%s\n", c->encryption ? "yes (" : "no",
	       c->encryption ? c->encryption : "", c->encryption ? ")" : "");
	if (!a->has_status)
		printf("restore    not by containerd: there is no status.dump\n");
	print_process_trees(c);
}

static json_t *convert_archive_to_json(const struct cryo_archive *a, const struct cryo_contents *c)
{
	json_t *processes = json_array(), *volumes = json_array();

	for (size_t i = 0; i < a->volumes.n; i++)
		json_array_append_new(volumes, json_string(a->volumes.v[i]));
	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(
		    processes,
		    json_pack("{sI sI ss sI sI}", "pid", (json_int_t)c->process[i].pid, "parent",
			      (json_int_t)c->process[i].ppid, "name", c->process[i].name, "threads",
			      (json_int_t)c->process[i].threads, "pageBytes",
			      (json_int_t)c->process[i].page_bytes));
	return json_pack("{ss ss ss ss ss ss sI sI sI sI sI sI so ss? sb so}", "namespace", a->ns,
			 "pod", a->pod, "container", a->container, "image", a->image_name,
			 "runtime", a->runtime, "created", a->checkpointed, "bytes",
			 (json_int_t)a->bytes, "members", (json_int_t)a->members, "images",
			 (json_int_t)c->images, "imageBytes", (json_int_t)c->image_bytes,
			 "pageBytes", (json_int_t)c->page_bytes, "rootfsDiffBytes",
			 (json_int_t)c->rootfs_bytes, "volumes", volumes, "encryption",
			 c->encryption, "hasStatus", a->has_status, "processes", processes);
}

static int inspect_cmd_run(struct cryo_cli *cli, const void *opts, char **args, int *exit_code,
			   struct cryo_err *err)
{
	cryo_auto(cryo_contents_release) struct cryo_contents c = { 0 };
	cryo_auto(cryo_archive_release) struct cryo_archive a = { 0 };
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	const struct inspect_opts *o = opts;
	enum cryo_output output;
	int rc = cryo_cli_output(o->output, &output, err);

	(void)cli;
	(void)exit_code;
	if (rc == 0)
		rc = cryo_archive_load(args[0], &a, err);
	if (rc == 0)
		rc = cryo_contents_load(args[0], &c, err);
	if (rc < 0)
		return rc;
	if (output == CRYO_OUTPUT_TABLE) {
		print_archive_table(&a, &c);
		return 0;
	}
	j = convert_archive_to_json(&a, &c);
	cryo_cli_print(j, output);
	return 0;
}

const struct cryo_cmd cryo_cmd_inspect = {
	.name = "inspect",
	.usage = "ARCHIVE",
	.summary = "what is in a checkpoint archive",
	.opts = opts_table,
	.size = sizeof(struct inspect_opts),
	.min_args = 1,
	.max_args = 1,
	.run = inspect_cmd_run,
};
