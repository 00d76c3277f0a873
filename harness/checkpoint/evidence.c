/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/evidence.h"

#include "criu/log.h"
#include "sys/fs.h"
#include "checkpoint/nodefile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIND_MS	  10000
#define RUNC_CONF "/etc/criu/runc.conf" /* runc names it to CRIU where a pod names none */
#define DUMP_LOG  "dump.log" /* or criu-dump.log, where containerd keeps one of a failure */
#define MAX_LOG	  (64u << 20)
/* Bytes of a message. */
#define MAX_LINE  300
#define MAX_FRONT 360 /* what is put in front of it later */

/* A server's answer names it, and what is read there is shown: only a log of the runtime itself. */
static bool is_runtime_log(const struct cryo_cluster_node *node, const char *path)
{
	cryo_auto(cryo_free) char *root = cryo_asprintf("%s/", node->path.root);
	cryo_auto(cryo_free) char *state = cryo_asprintf("%s/", node->path.state);

	return (cryo_starts_with(path, root) || cryo_starts_with(path, state)) &&
	       !strstr(path, "/../") && !strstr(path, "/rootfs/") &&
	       !strstr(path, "/io.containerd.snapshotter.");
}

char *cryo_evidence_named_log(const struct cryo_cluster_node *node, const char *text)
{
	for (const char *at = text; (at = strstr(at, DUMP_LOG)); at++) {
		const char *end = at + strlen(DUMP_LOG), *begin = at;
		cryo_auto(cryo_free) char *path = NULL;

		while (begin > text && !strchr(" \"'=()", begin[-1]))
			begin--;
		path = cryo_strndup(begin, (size_t)(end - begin));
		if (is_runtime_log(node, path))
			return cryo_steal(&path);
	}
	return NULL;
}

/*
 * Where the answer names none: the newest log of this container (its id is a directory's name
 * there) below containerd's directories, but not where the files of containers are, who could
 * make one up; NULL if there is none. Caller frees.
 */
static char *find_container_log(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				const char *id, int64_t since_ns)
{
	cryo_auto(cryo_free) char *after = cryo_asprintf("@%" PRId64, since_ns / 1000000000);
	cryo_auto(cryo_free) char *of_it = cryo_asprintf("*/%s/*" DUMP_LOG, id);
	/* Where they are links, what these lead to. */
	cryo_auto(cryo_free) char *root = cryo_asprintf("%s/", node->path.root);
	cryo_auto(cryo_free) char *state = cryo_asprintf("%s/", node->path.state);
	const char *const argv[] = { "find",	root,	    state,
				     "(",	"-name",    "rootfs",
				     "-o",	"-name",    "io.containerd.snapshotter.*",
				     ")",	"-prune",   "-o",
				     "-type",	"f",	    "-path",
				     of_it,	"-newermt", after,
				     "-printf", "%T@ %p\n", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = FIND_MS };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *best = NULL, *save = NULL;
	double best_time = 0;

	/* Directories vanish while find walks: its exit code says nothing. */
	if (*id)
		cryo_cluster_exec(t, node, &x, &res, &ignored);
	for (char *l = res.out.p ? strtok_r(res.out.p, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save)) {
		char *path;
		double at = strtod(l, &path);

		if (*path == ' ' && at > best_time) {
			best_time = at;
			best = path + 1;
		}
	}
	return cryo_strdup(best);
}

static char *read_decisive_line(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				const char *path)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	cryo_auto(cryo_free) char *dir = NULL;
	cryo_auto(cryo_free) char *copy = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *line = NULL;

	if (cryo_cluster_tmpdir(t, ".evidence-", &dir, &ignored) < 0)
		return NULL;
	copy = cryo_asprintf("%s/log", dir);
	if (cryo_cluster_get(t, node, path, copy, &ignored) == 0 &&
	    cryo_fs_read(copy, MAX_LOG, &text, &ignored) == 0)
		line = cryo_criu_log_decisive(cryo_str_get(&text));
	cryo_fs_rmtree(dir, &ignored);
	return line;
}

/*
 * The meaning first: the runtime's own text is long. What has none is CRIU's own word. All of it
 * is made to fit, with what callers put in front: what is cut are names.
 */
static void add_evidence_line(struct cryo_err *err, char *line)
{
	cryo_auto(cryo_free) char *text = cryo_strdup(err->msg);
	/* Of a quoted line the names are somebody's, and behind CRIU's own one it has no say. */
	const char *meaning = cryo_criu_log_explain(line ? line : text);
	size_t room = sizeof(err->msg) - MAX_FRONT - (meaning ? strlen(meaning) : 0);
	int code = err->http_code;

	if (line) {
		cryo_cut_middle(line, MAX_LINE);
		cryo_cut_middle(text, room - strlen(line));
	}
	cryo_err_set(err, err->status, "%s%s%s%s%s%s", meaning ? meaning : "", meaning ? ": " : "",
		     line ? "CRIU: " : "", line ? line : "", line ? "; " : "", text);
	err->http_code = code;
}

void cryo_evidence_dump(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			const char *id, int64_t since_ns, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_evidence_named_log(node, err->msg);
	cryo_auto(cryo_free) char *line = NULL;

	if (!path)
		path = find_container_log(t, node, id, since_ns);
	line = path ? read_decisive_line(t, node, path) : NULL;
	add_evidence_line(err, line);
}

/*
 * The words of a configuration of CRIU on the node, but for where its log goes, which is said by
 * us; "" where there is none. Caller frees.
 */
static char *read_node_words(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			     const char *path)
{
	const char *const argv[] = { "cat", "--", path, NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = FIND_MS };
	struct cryo_str words = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char *save = NULL;

	if (cryo_cluster_exec(t, node, &x, &res, &ignored) < 0 || !res.out.p)
		return cryo_strdup("");
	for (char *l = strtok_r(res.out.p, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (!cryo_starts_with(l + strspn(l, " \t"), "log-file"))
			cryo_str_addf(&words, "%s\n", l);
	return words.p ? cryo_str_detach(&words) : cryo_strdup("");
}

int cryo_evidence_restore_begin(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				const char *token, const char *instead_of, const char *words,
				struct cryo_evidence_restore *e, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = NULL;
	int rc = cryo_nodefile_dir(t, node, NULL, err);

	e->node = node;
	e->config = cryo_asprintf("%s/restore-%s.conf", node->path.run, token);
	e->log = cryo_asprintf("%s/restore-%s.log", node->path.run, token);
	e->node_words = read_node_words(t, node, instead_of ? instead_of : RUNC_CONF);
	text = cryo_asprintf("%slog-file %s\n%s", e->node_words, e->log, words);
	/* The interposer only writes to a log that is there. */
	if (rc == 0)
		rc = cryo_cluster_put_data(t, node, "", 0, e->log, err);
	return rc < 0 ? rc : cryo_cluster_put_data(t, node, text, strlen(text), e->config, err);
}

void cryo_evidence_restore_end(struct cryo_cluster *t, struct cryo_evidence_restore *e,
			       struct cryo_err *err)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (err) {
		cryo_auto(cryo_free) char *line = read_decisive_line(t, e->node, e->log);

		add_evidence_line(err, line);
	}
	/* A pod that failed is gone; one that runs keeps the annotation that names the file. */
	if (err)
		cryo_nodefile_remove(t, e->node, e->config, &ignored);
	else
		cryo_cluster_put_data(t, e->node, e->node_words, strlen(e->node_words), e->config,
				      &ignored);
	cryo_nodefile_remove(t, e->node, e->log, &ignored);
	free(e->config);
	free(e->node_words);
	free(e->log);
	*e = (struct cryo_evidence_restore){ 0 };
}
