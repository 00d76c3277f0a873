/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/node_pages.h"

#include "criu/pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS 10000

static int ask_node(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		    const char *const *argv, struct cryo_proc_result *res, struct cryo_err *err)
{
	const struct cryo_exec x = { .argv = argv, .timeout_ms = ASK_MS };

	return cryo_cluster_exec(t, node, &x, res, err);
}

bool cryo_node_pages_can(struct cryo_cluster *t, const struct cryo_cluster_node *node)
{
	static const char *const argv[] = { "criu", "--cryopod-version", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;

	return ask_node(t, node, argv, &res, &ignored) == 0 &&
	       strstr(cryo_str_get(&res.out), " pages/1") != NULL;
}

/* ---- what is there ---- */

struct kept {
	char name[CRYO_HASH_HEX];
	uint64_t bytes;
	unsigned long links;
};

/* The next line "NAME BYTES LINKS"; false at the end. Files with other names are skipped. */
static bool next_kept_file(char *text, char **save, struct kept *out)
{
	for (char *line = strtok_r(text, "\n", save); line; line = strtok_r(NULL, "\n", save))
		if (sscanf(line, "%64[0-9a-f] %" SCNu64 " %lu", out->name, &out->bytes,
			   &out->links) == 3)
			return true;
	return false;
}

/* Nothing where the directory is not there. */
static int list_kept_files(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			   struct cryo_proc_result *res, struct cryo_err *err)
{
	static const char *const argv[] = { "find", CRYO_PAGES_DIR "/", "-maxdepth",  "1", "-type",
					    "f",    "-printf",		"%f %s %n\n", NULL };
	int rc = ask_node(t, node, argv, res, err);

	if (rc < 0 && err->status == CRYO_E_CHILD) {
		*err = (struct cryo_err)CRYO_ERR_INIT;
		return 0;
	}
	return rc;
}

void cryo_node_pages_count(struct cryo_cluster *t, struct cryo_cluster_status *s)
{
	if (!s->runs || !cryo_cluster_reaches_nodes(t))
		return;
	s->counted = true;
	for (size_t i = 0; i < s->nodes; i++) {
		cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
		struct cryo_err ignored = CRYO_ERR_INIT;
		const struct cryo_cluster_node *node;
		char *save = NULL;
		struct kept k;

		if (cryo_cluster_find_node(t, s->node[i].name, &node, &ignored) < 0 ||
		    list_kept_files(t, node, &res, &ignored) < 0 || !res.out.p)
			continue;
		for (char *text = res.out.p; next_kept_file(text, &save, &k); text = NULL) {
			s->node[i].pages.files++;
			s->node[i].pages.bytes += (int64_t)k.bytes;
			s->node[i].pages.copied += k.links < 2 ? (int64_t)k.bytes : 0;
		}
	}
}

/* ---- keeping and dropping ---- */

static bool has_kept_copy(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			  const char *name, uint64_t bytes)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *save = NULL;
	struct kept k;

	if (list_kept_files(t, node, &res, &ignored) < 0 || !res.out.p)
		return false;
	for (char *text = res.out.p; next_kept_file(text, &save, &k); text = NULL)
		if (strcmp(k.name, name) == 0 && k.bytes == bytes)
			return true;
	return false;
}

int cryo_node_pages_keep(struct cryo_cluster *t, const struct cryo_cluster_node *node, int from,
			 const char *name, struct cryo_err *err)
{
	static const char *const mkdir[] = {
		"mkdir", "-p", "-m", "0700", "--", CRYO_PAGES_DIR, NULL
	};
	cryo_auto(cryo_free) char *to = cryo_asprintf(CRYO_PAGES_DIR "/%s", name);
	cryo_auto(cryo_free) char *path = cryo_asprintf("/proc/self/fd/%d", from);
	struct stat st;
	int rc = cryo_cluster_link(t, node, from, to, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (fstat(from, &st) == 0 && has_kept_copy(t, node, name, (uint64_t)st.st_size))
		return 0;
	rc = ask_node(t, node, mkdir, NULL, err);
	return rc < 0 ? rc : cryo_cluster_put(t, node, path, to, err);
}

static bool has_prefix(const struct cryo_strv *prefixes, const char *name)
{
	for (size_t i = 0; i < prefixes->n; i++)
		if (*prefixes->v[i] && cryo_starts_with(name, prefixes->v[i]))
			return true;
	return false;
}

int cryo_node_pages_drop(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			 const struct cryo_strv *prefixes, size_t *n, struct cryo_err *err)
{
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	int rc = list_kept_files(t, node, &res, err);
	char *save = NULL;
	struct kept k;

	*n = 0;
	if (rc < 0 || !res.out.p)
		return rc;
	cryo_strv_addl(&argv, "rm", "-f", "--", NULL);
	for (char *text = res.out.p; next_kept_file(text, &save, &k); text = NULL)
		if (!has_prefix(prefixes, k.name)) {
			cryo_strv_addf(&argv, CRYO_PAGES_DIR "/%s", k.name);
			++*n;
		}
	return *n ? ask_node(t, node, cryo_strv_get(&argv), NULL, err) : 0;
}
