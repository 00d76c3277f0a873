/* SPDX-License-Identifier: Apache-2.0 */
/* kind's own program, and what it leaves. */
#include "cluster/kind/kindc.h"

#include "base/clock.h"
#include "base/event.h"
#include "sys/fs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DELETE_MS 60000

/* What kind says: a line for each of its steps, and all of kubeadm's output when that fails. */
struct kind_talk {
	char *error;	/* its own last word */
	char *decisive; /* the line of kubeadm or of a node that tells why */
};

static bool is_decisive(const char *line)
{
	static const char *const pieces[] = { "error execution phase", "[ERROR ", "level=fatal",
					      "The HTTP call equal to", "[kubelet-check] " };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(pieces); i++)
		if (strstr(line, pieces[i]))
			return true;
	return false;
}

/* " ✓ Preparing nodes 📦" and " • Preparing nodes 📦 ..." without what is no text. */
static void note_kind_step(const char *line)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	for (const char *p = line; *p; p++)
		if ((unsigned char)*p >= ' ' && (unsigned char)*p < 0x7f)
			cryo_str_addn(&text, p, 1);
	line = cryo_str_get(&text);
	line += strspn(line, " ");
	if (*line)
		cryo_step_note("%.*s", (int)strcspn(line, "."), line);
}

static void hear_kind(const char *line, int stream, void *arg)
{
	struct kind_talk *talk = arg;

	(void)stream;
	cryo_debug("kind: %s", line);
	if (cryo_starts_with(line, "ERROR: ")) {
		free(talk->error);
		talk->error = cryo_strdup(line + strlen("ERROR: "));
	} else if (is_decisive(line)) {
		free(talk->decisive);
		talk->decisive = cryo_strdup(line);
	} else if ((unsigned char)line[0] == ' ') {
		note_kind_step(line);
	}
}

static int run_kind(const struct kindc *c, const struct cryo_engine *e, const char *kind,
		    const char *config, int64_t limit_ms, struct kind_talk *talk,
		    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *log = cryo_asprintf("%s/kind.log", c->base.dir);
	const char *const argv[] = { kind,	   "create",   "cluster",      "--name",
				     c->kind_name, "--image",  c->image,       "--config",
				     config,	   "--retain", "--kubeconfig", c->base.kubeconfig,
				     NULL };
	cryo_auto(cryo_strv_release) struct cryo_strv env = { 0 };
	struct cryo_proc p = { .argv = argv,
			       .timeout_ms = limit_ms,
			       .log_path = log,
			       .on_line = hear_kind,
			       .on_line_arg = talk };

	cryo_engine_env(e, &env);
	p.env = cryo_strv_get(&env);
	return cryo_proc_run(&p, NULL, err);
}

int kindc_create(struct kindc *c, const struct cryo_engine *e, const char *kind, const char *config,
		 int64_t limit_ms, struct cryo_err *err)
{
	struct kind_talk talk = { 0 };
	int rc;

	unlink(c->base.kubeconfig);
	rc = run_kind(c, e, kind, config, limit_ms, &talk, err);
	if (rc == -(int)CRYO_E_CHILD)
		rc = cryo_err_set(err, CRYO_E_PROVISION, "kind: %s (log: %s/kind.log)",
				  talk.decisive ? talk.decisive
				  : talk.error	? talk.error
						: "no reason given",
				  c->base.dir);
	free(talk.error);
	free(talk.decisive);
	return rc;
}

static int remove_containers(const struct kindc_nodes *nodes, const struct cryo_engine *e,
			     struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv args = { 0 };

	if (nodes->n == 0)
		return 0;
	/* With their anonymous volumes. */
	cryo_strv_addl(&args, "rm", "--force", "--volumes", NULL);
	for (size_t i = 0; i < nodes->n; i++)
		cryo_strv_add(&args, nodes->node[i].name);
	return cryo_engine_call(e, cryo_strv_get(&args), DELETE_MS, NULL, err);
}

/*
 * Nobody else removes them: an engine often leaves the cgroups of a stopped node in
 * the v2 tree beside v1 (hybrid), and a later container of the same name would find
 * them. Only those without a process go.
 */
static void remove_empty_groups(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			cryo_auto(cryo_free) char *below = cryo_asprintf("%s/%s", dir, e->d_name);

			remove_empty_groups(below);
		}
	if (d)
		closedir(d);
	rmdir(dir);
}

static void remove_left_groups(const struct kindc_nodes *nodes)
{
	for (size_t i = 0; i < nodes->n; i++) {
		const char *id = nodes->node[i].id;
		cryo_auto(cryo_free) char *dir =
		    cryo_asprintf("/sys/fs/cgroup/unified/docker/%s", id);

		if (*id && strspn(id, "0123456789abcdef") == strlen(id) && cryo_fs_is_dir(dir))
			remove_empty_groups(dir);
	}
}

int kindc_delete(struct kindc *c, const struct cryo_engine *e, struct cryo_err *err)
{
	cryo_auto(kindc_nodes_release) struct kindc_nodes nodes = { 0 };
	int rc = kindc_list_nodes(c, e, &nodes, err);

	if (rc == 0)
		rc = remove_containers(&nodes, e, err);
	if (rc == 0)
		remove_left_groups(&nodes);
	return rc;
}
