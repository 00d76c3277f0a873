/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a desk: the program and the bundle go to each host by ssh, are checked there by their
 * digests, and the verb is run there. Servers first, one at a time; the first bad node stops it
 * (and has rolled itself back). One connection per host (ControlMaster); words for the remote shell
 * are quoted.
 */
#include "cli/node_cmd.h"

#include "base/event.h"
#include "conf/json.h"
#include "source/data.h"
#include "sys/fs.h"
#include "sys/hash.h"
#include "sys/proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS	 60000
#define COPY_MS	 1800000
#define WORK_MS	 3600000
#define REMOTE	 ".cryopod-node"
#define DRAIN_MS 900000

struct remote {
	const struct node_opts *o;
	const char *host;
	char *control; /* -o ControlPath=… */
	char *name;    /* of the node in Kubernetes */
	bool agent;
};

static void release_remote(struct remote *r)
{
	free(r->control);
	free(r->name);
}
/* A host begins with no '-', so that it cannot become an option. */
static int check_host(const char *host, struct cryo_err *err)
{
	if (*host && *host != '-' && strcspn(host, " \t\n\"'\\$`;&|<>()") == strlen(host))
		return 0;
	return cryo_err_set(err, CRYO_E_USAGE, "--host: cannot be a host: '%s'", host);
}

static void ssh_words(const struct remote *r, const char *program, struct cryo_strv *argv)
{
	cryo_strv_addl(argv, program, "-o", "ControlMaster=auto", "-o", r->control, "-o",
		       "ControlPersist=60", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", NULL);
}

/* argv on the host: sshd hands one line to a shell, so each word is quoted for it. */
static int run_remote(const struct remote *r, const char *const *words, int64_t limit_ms, bool show,
		      char **out, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	cryo_auto(cryo_str_release) struct cryo_str line = { 0 };
	cryo_auto(cryo_proc_result_release) struct cryo_proc_result res = { 0 };
	struct cryo_proc p = { .timeout_ms = limit_ms };
	int rc;

	if (r->o->sudo)
		cryo_str_add(&line, "sudo -n ");
	for (; *words; words++) {
		cryo_str_add_quoted(&line, *words);
		cryo_str_add(&line, " ");
	}
	ssh_words(r, "ssh", &argv);
	cryo_strv_addl(&argv, "--", r->host, cryo_str_get(&line), NULL);
	p.argv = cryo_strv_get(&argv);
	rc = cryo_proc_run(&p, &res, err);
	if (show)
		fputs(cryo_str_get(&res.out), stdout);
	if (out)
		*out = cryo_strdup(cryo_str_get(&res.out));
	return cryo_err_wrap(err, rc, "%s", r->host);
}

static int check_digest(const struct remote *r, const char *path, const char *digest,
			struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text = NULL;
	int rc = run_remote(r, (const char *const[]){ "sha256sum", "--", path, NULL }, ASK_MS,
			    false, &text, err);

	if (rc < 0)
		return rc;
	return strncmp(text, digest, CRYO_HASH_HEX - 1) == 0
		   ? 0
		   : cryo_err_set(err, CRYO_E_TAMPER, "%s: '%s' was damaged in transfer", r->host,
				  path);
}

/* What is there already with the same digest is not sent again. */
static int send_file(const struct remote *r, const char *from, const char *to, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv argv = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	char digest[CRYO_HASH_HEX];
	struct cryo_proc p = { .timeout_ms = COPY_MS };
	int rc = cryo_hash_file(from, digest, err);

	if (rc < 0 || check_digest(r, to, digest, &ignored) == 0)
		return rc;
	ssh_words(r, "scp", &argv);
	cryo_strv_addl(&argv, "-q", "-p", "--", from, NULL);
	cryo_strv_addf(&argv, "%s:%s", r->host, to);
	p.argv = cryo_strv_get(&argv);
	cryo_step_note("%s to %s", from, r->host);
	rc = cryo_err_wrap(err, cryo_proc_run(&p, NULL, err), "%s", r->host);
	return rc < 0 ? rc : check_digest(r, to, digest, err);
}

static int prepare_host(struct remote *r, struct cryo_err *err)
{
	const struct remote plain = { .o = &(const struct node_opts){ 0 },
				      .host = r->host,
				      .control = r->control };
	cryo_auto(cryo_free) char *local = NULL;
	cryo_auto(cryo_free) char *bundle = NULL;
	int rc = cryo_data_path("libexec/cryopod-node", &local, err);

	if (rc < 0)
		return cryo_err_wrap(err, rc, "make node first");
	rc = run_remote(&plain, (const char *const[]){ "mkdir", "-p", "-m", "700", REMOTE, NULL },
			ASK_MS, false, NULL, err);
	if (rc == 0)
		rc = send_file(&plain, local, REMOTE "/cryopod", err);
	if (rc == 0 && r->o->bundle)
		rc = send_file(&plain, r->o->bundle, REMOTE "/bundle.tar.gz", err);
	return rc;
}

static void add_words(const struct node_opts *o, const char *verb, struct cryo_strv *words)
{
	cryo_strv_addl(words, REMOTE "/cryopod", "node", verb, NULL);
	if (o->bundle)
		cryo_strv_addl(words, "--bundle", REMOTE "/bundle.tar.gz", NULL);
	if (o->method)
		cryo_strv_addl(words, "--method", o->method, NULL);
	if (o->image)
		cryo_strv_addl(words, "--apiserver-image", o->image, NULL);
	if (o->force)
		cryo_strv_add(words, "--force");
	if (o->keep)
		cryo_strv_add(words, "--keep");
	if (o->restart_pods)
		cryo_strv_add(words, "--restart-pods");
	if (o->output)
		cryo_strv_addl(words, "--output", o->output, NULL);
	if (o->limit_ms)
		cryo_strv_addl(words, "--limit", NULL);
	if (o->limit_ms)
		cryo_strv_addf(words, "%lldms", (long long)o->limit_ms);
}

/* Role and name of the node, as its own status tells. */
static int ask_node(struct remote *r, struct cryo_err *err)
{
	const char *const argv[] = {
		REMOTE "/cryopod", "node", "status", "--output", "json", NULL
	};
	cryo_auto(cryo_free) char *text = NULL;
	cryo_auto(cryo_json_decref) json_t *status = NULL;
	int rc = run_remote(r, argv, ASK_MS, false, &text, err);

	if (rc == 0)
		rc = cryo_json_parse("status of the node", text, strlen(text), &status, err);
	if (rc < 0)
		return rc;
	r->agent = cryo_streq(cryo_json_str(status, "node.role"), "agent");
	r->name = cryo_strdup(cryo_json_str(status, "node.name"));
	return r->name ? 0 : cryo_err_set(err, CRYO_E_CONFIG, "%s: the node has no name", r->host);
}

static int run_kubectl(const struct remote *r, const char *verb, struct cryo_err *err)
{
	const char *const drain[] = {
		"kubectl", "drain", r->name, "--ignore-daemonsets", "--delete-emptydir-data", NULL
	};
	const char *const plain[] = { "kubectl", verb, r->name, NULL };
	struct cryo_proc p = { .argv = strcmp(verb, "drain") == 0 ? drain : plain,
			       .timeout_ms = DRAIN_MS };

	return cryo_err_wrap(err, cryo_proc_run(&p, NULL, err), "%s", r->host);
}

static bool changes_node(const char *verb)
{
	return strcmp(verb, "install") == 0 || strcmp(verb, "rollback") == 0;
}

static int work_on_host(struct remote *r, const char *verb, struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv words = { 0 };
	bool drain = r->o->drain && changes_node(verb);
	int rc = drain ? run_kubectl(r, "drain", err) : 0;

	if (rc < 0)
		return rc;
	add_words(r->o, verb, &words);
	rc = run_remote(r, cryo_strv_get(&words), WORK_MS, true, NULL, err);
	/* A node that went wrong stays cordoned for whoever looks at it. */
	return rc < 0 || !drain ? rc : run_kubectl(r, "uncordon", err);
}

static int open_remote(struct remote *r, const struct node_opts *o, const char *host,
		       const char *dir, size_t number, struct cryo_err *err)
{
	int rc = check_host(host, err);

	r->o = o;
	r->host = host;
	r->control = cryo_asprintf("ControlPath=%s/%zu", dir, number);
	if (rc == 0)
		rc = prepare_host(r, err);
	return rc < 0 ? rc : ask_node(r, err);
}

/* A step for each host, servers before agents. */
static int work_on_all(struct remote *r, size_t n, const char *verb, struct cryo_err *err)
{
	for (int agents = 0; agents < 2; agents++) {
		for (size_t i = 0; i < n; i++) {
			int rc;

			if (r[i].agent != (agents == 1))
				continue;
			cryo_step_begin("%s %s", verb, r[i].host);
			rc = work_on_host(&r[i], verb, err);
			if (rc < 0) {
				cryo_step_fail("%s", err->msg);
				return rc;
			}
			cryo_step_ok("%s %s", r[i].agent ? "agent" : "server", r[i].name);
		}
	}
	return 0;
}

/* --host a,b --host c */
static void split_hosts(const struct node_opts *o, struct cryo_strv *hosts)
{
	for (unsigned i = 0; i < o->hosts.n; i++) {
		const char *at = o->hosts.v[i];

		while (*at) {
			size_t n = strcspn(at, ",");

			if (n)
				cryo_strv_take(hosts, cryo_strndup(at, n));
			at += n + (at[n] == ',');
		}
	}
}

int node_cmd_remote(const struct node_opts *o, const char *verb, int *exit_code,
		    struct cryo_err *err)
{
	cryo_auto(cryo_strv_release) struct cryo_strv hosts = { 0 };
	cryo_auto(cryo_free) char *dir = NULL;
	struct cryo_err ignored = CRYO_ERR_INIT;
	struct remote *r;
	int rc;

	(void)exit_code;
	if (!o->bundle && (strcmp(verb, "install") == 0 || strcmp(verb, "plan") == 0))
		return cryo_err_set(err, CRYO_E_USAGE, "node %s: --host needs --bundle", verb);
	split_hosts(o, &hosts);
	rc = cryo_fs_tmpdir("/tmp", "cryopod-ssh-", &dir, err);
	if (rc < 0)
		return rc;
	r = cryo_alloc((hosts.n + 1) * sizeof(*r));
	for (size_t i = 0; i < hosts.n && rc == 0; i++)
		rc = open_remote(&r[i], o, hosts.v[i], dir, i, err);
	if (rc == 0)
		rc = work_on_all(r, hosts.n, verb, err);
	for (size_t i = 0; i < hosts.n; i++)
		release_remote(&r[i]);
	free(r);
	cryo_fs_rmtree(dir, &ignored);
	return rc;
}
