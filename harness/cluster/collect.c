/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/collect.h"

#include "base/clock.h"
#include "cluster/status.h"
#include "conf/json.h"
#include "sys/fs.h"
#include "sys/intr.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIVE_MS  5000
#define SOURCE_MS 20000

struct collection {
	struct cryo_cluster *t;
	const char *dir;
	struct cryo_strv *missing;
	struct cryo_cluster_status status; /* empty: it could not be had */
};

static void note_missing(struct collection *c, const char *what, const struct cryo_err *why)
{
	cryo_strv_addf(c->missing, "%s: %s", what, why->msg);
}

/* Some programs say no because of one of many files: what there is of it counts. */
static void collect_output(struct collection *c, const struct cryo_cluster_node *n,
			   const char *file, const char *const *argv, const char *input)
{
	cryo_auto(cryo_free) char *what = cryo_asprintf("%s/%s", n->name, file);
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", c->dir, what);
	cryo_auto(cryo_fd_close) int fd =
	    open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	const struct cryo_exec x = {
		.argv = argv, .input = input, .out_fd = fd, .timeout_ms = cryo_limit_ms(SOURCE_MS)
	};
	struct cryo_err why = CRYO_ERR_INIT;
	int rc = fd < 0 ? cryo_err_sys(&why, errno, "cannot write '%s'", path)
			: cryo_cluster_exec(c->t, n, &x, NULL, &why);

	if (rc == 0 || (rc == -(int)CRYO_E_CHILD && cryo_fs_size(path) > 0))
		return;
	note_missing(c, what, &why);
}

static void collect_service(struct collection *c, const struct cryo_cluster_node *n,
			    const char *service)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_free) char *file = cryo_asprintf("%s.log", service);
	struct cryo_err why = CRYO_ERR_INIT;

	if (cryo_cluster_log_argv(c->t, n, service, 0, false, &argv, &why) == 0)
		collect_output(c, n, file, cryo_strv_get(&argv), NULL);
	else
		note_missing(c, file, &why);
}

/* As the status knows them; every node has these two. */
static void collect_services(struct collection *c, const struct cryo_cluster_node *n)
{
	const struct cryo_node_status *known = cryo_status_find_node(&c->status, n->name);
	cryo_auto(cryo_strv_release) struct cryo_strv names = { 0 };

	cryo_strv_addl(&names, "containerd", "kubelet", NULL);
	for (size_t i = 0; known && i < known->services; i++)
		if (!cryo_strv_has(&names, known->service[i].name))
			cryo_strv_add(&names, known->service[i].name);
	for (size_t i = 0; i < names.n; i++)
		collect_service(c, n, names.v[i]);
}

static void collect_criu_logs(struct collection *c, const struct cryo_cluster_node *n)
{
	const char *const find[] = { "find", n->path.state, n->path.run, "-type",
				     "f",    "-name",	    "*.log",	 NULL };
	static const char *const tar[] = { "tar", "-C", "/", "-cf", "-", "-T", "-", NULL };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	const struct cryo_exec x = { .argv = find, .timeout_ms = cryo_limit_ms(SOURCE_MS) };
	struct cryo_err ignored = CRYO_ERR_INIT;

	/* A directory that is not there yet holds none. */
	cryo_cluster_exec(c->t, n, &x, &res, &ignored);
	if (res.out.len > 0)
		collect_output(c, n, "criu.tar", tar, cryo_str_get(&res.out));
}

static void collect_versions(struct collection *c, const struct cryo_cluster_node *n)
{
	static const char *const ask[][3] = { { "uname", "-a", NULL },
					      { "containerd", "--version", NULL },
					      { "runc", "--version", NULL },
					      { "criu", "--version", NULL },
					      { "kubelet", "--version", NULL } };

	for (size_t i = 0; i < CRYO_ARRAY_LEN(ask); i++)
		collect_output(c, n, "versions.txt", ask[i], NULL);
}

static bool is_node_alive(struct collection *c, const struct cryo_cluster_node *n)
{
	static const char *const argv[] = { "true", NULL };
	const struct cryo_exec x = { .argv = argv, .timeout_ms = cryo_limit_ms(ALIVE_MS) };
	struct cryo_err why = CRYO_ERR_INIT;

	if (cryo_cluster_exec(c->t, n, &x, NULL, &why) == 0)
		return true;
	note_missing(c, n->name, &why);
	return false;
}

static int collect_node(struct collection *c, const struct cryo_cluster_node *n,
			struct cryo_err *err)
{
	static const char *const pods[] = { "tar", "-C", "/var/log", "-cf", "-", "pods", NULL };
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/%s", c->dir, n->name);
	int rc;

	if (!is_node_alive(c, n))
		return cryo_intr_check(err);
	rc = cryo_fs_mkdirs(dir, 0700, err);
	if (rc < 0)
		return rc;
	collect_services(c, n);
	collect_output(c, n, "pods.tar", pods, NULL);
	collect_criu_logs(c, n);
	collect_versions(c, n);
	return cryo_intr_check(err);
}

static int write_collected(struct collection *c, const char *file, const json_t *j,
			   struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s", c->dir, file);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	cryo_json_dump_pretty(j, &text);
	return cryo_fs_write(path, cryo_str_get(&text), text.len, 0600, err);
}

static void collect_objects(struct collection *c)
{
	static const char *const lists[][2] = { { "nodes.json", "/api/v1/nodes" },
						{ "pods.json", "/api/v1/pods" },
						{ "events.json", "/api/v1/events" } };
	cryo_auto(cryo_kube_free) struct cryo_kube *k = NULL;
	struct cryo_err why = CRYO_ERR_INIT;
	int rc = cryo_cluster_kube(c->t, &k, &why);

	if (rc < 0) {
		note_missing(c, "API server", &why);
		return;
	}
	for (size_t i = 0; i < CRYO_ARRAY_LEN(lists); i++) {
		cryo_auto(cryo_json_decref) json_t *list = NULL;

		rc = cryo_kube_raw(k, "GET", lists[i][1], NULL, cryo_limit_ms(ALIVE_MS), &list,
				   &why);
		if (rc == 0)
			rc = write_collected(c, lists[i][0], list, &why);
		if (rc < 0)
			note_missing(c, lists[i][0], &why);
	}
}

static int write_status(struct collection *c, struct cryo_err *err)
{
	cryo_auto(cryo_json_decref) json_t *j = NULL;
	int rc = cryo_cluster_status(c->t, &c->status, err);

	if (rc < 0)
		return rc;
	cryo_cluster_probe(c->t, &c->status);
	j = cryo_status_to_json(&c->status);
	return write_collected(c, "status.json", j, err);
}

static void collect_status(struct collection *c)
{
	struct cryo_err why = CRYO_ERR_INIT;

	if (write_status(c, &why) < 0)
		note_missing(c, "status.json", &why);
}

static int write_missing(struct collection *c, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/missing.txt", c->dir);
	cryo_auto(cryo_free) char *text = cryo_strv_join(c->missing, "\n");

	return c->missing->n == 0 ? 0 : cryo_fs_write(path, text, strlen(text), 0600, err);
}

int cryo_cluster_collect(struct cryo_cluster *t, const char *dir, struct cryo_strv *missing,
			 struct cryo_err *err)
{
	struct collection c = { .t = t, .dir = dir, .missing = missing };
	int rc = 0;

	if (mkdir(dir, 0700) < 0)
		return errno == EEXIST ? cryo_err_set(err, CRYO_E_USAGE, "'%s' already exists", dir)
				       : cryo_err_sys(err, errno, "cannot make '%s'", dir);
	collect_status(&c);
	collect_objects(&c);
	for (size_t i = 0; rc == 0 && i < t->nodes; i++)
		rc = collect_node(&c, &t->node[i], err);
	cryo_cluster_status_release(&c.status);
	return rc < 0 ? rc : write_missing(&c, err);
}
