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

/* fork-encrypted: what is, what is not, and what that is worth */
static void print_forked(const struct cryo_forked *f)
{
	const char *const *weak = cryo_forked_weaknesses();

	printf("           fork-encrypted: %zu images", f->encrypted);
	if (f->key_bits)
		printf(", for an RSA key of %u bits", f->key_bits);
	printf("%s\n", f->key_bits ? "" : ", but its cipher.img cannot be read");
	for (size_t i = 0; i < f->plain.n; i++)
		printf("NOT        %s\n", f->plain.v[i]);
	for (size_t i = 0; i < f->clear.n; i++)
		printf("in clear   %s\n", f->clear.v[i]);
	if (f->padding)
		printf("weak       padding shows memory of the dumping CRIU, with it half of the "
		       "token\n");
	for (; *weak; weak++)
		printf("weak       %s\n", *weak);
}

static json_t *convert_strv_to_json(const struct cryo_strv *sv)
{
	json_t *list = json_array();

	for (size_t i = 0; i < sv->n; i++)
		json_array_append_new(list, json_string(sv->v[i]));
	return list;
}

static json_t *convert_forked_to_json(const struct cryo_forked *f)
{
	json_t *weak = json_array();

	for (const char *const *w = cryo_forked_weaknesses(); *w; w++)
		json_array_append_new(weak, json_string(*w));
	return json_pack("{si sI so so sb so}", "keyBits", (int)f->key_bits, "encrypted",
			 (json_int_t)f->encrypted, "plain", convert_strv_to_json(&f->plain),
			 "clear", convert_strv_to_json(&f->clear), "padding", f->padding,
			 "weaknesses", weak);
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
	if (cryo_streq(c->encryption, "criu"))
		print_forked(&c->forked);
	if (!a->has_status)
		printf("restore    not by containerd: there is no status.dump\n");
	print_process_trees(c);
}

static json_t *convert_archive_to_json(const struct cryo_archive *a, const struct cryo_contents *c)
{
	json_t *processes = json_array();

	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(
		    processes,
		    json_pack("{sI sI ss sI sI}", "pid", (json_int_t)c->process[i].pid, "parent",
			      (json_int_t)c->process[i].ppid, "name", c->process[i].name, "threads",
			      (json_int_t)c->process[i].threads, "pageBytes",
			      (json_int_t)c->process[i].page_bytes));
	return json_pack(
	    "{ss ss ss ss ss ss sI sI sI sI sI sI so ss? sb so}", "namespace", a->ns, "pod", a->pod,
	    "container", a->container, "image", a->image_name, "runtime", a->runtime, "created",
	    a->checkpointed, "bytes", (json_int_t)a->bytes, "members", (json_int_t)a->members,
	    "images", (json_int_t)c->images, "imageBytes", (json_int_t)c->image_bytes, "pageBytes",
	    (json_int_t)c->page_bytes, "rootfsDiffBytes", (json_int_t)c->rootfs_bytes, "volumes",
	    convert_strv_to_json(&a->volumes), "encryption", c->encryption, "hasStatus",
	    a->has_status, "processes", processes);
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
	if (cryo_streq(c.encryption, "criu"))
		json_object_set_new(j, "forkEncrypted", convert_forked_to_json(&c.forked));
	cryo_cli_print(j, output);
	return 0;
}

const struct cryo_cmd cryo_cmd_inspect = {
	.name = "inspect",
	.usage = "ARCHIVE",
	.summary = "show what is in a checkpoint archive",
	.opts = opts_table,
	.size = sizeof(struct inspect_opts),
	.min_args = 1,
	.max_args = 1,
	.run = inspect_cmd_run,
};
