/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/sealing.h"

#include "conf/json.h"
#include "seal/cert.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "checkpoint/nodefile.h"
#include "checkpoint/settle.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define CALL_WAIT_MS 600000
#define LIST_MS	     600000

int cryo_sealing_secret(struct cryo_kube *k, const char *ns, const char *name, const char *key,
			struct cryo_str *out, struct cryo_err *err)
{
	const struct cryo_kube_ref ref = { "secrets", ns, name };
	cryo_auto(cryo_json_decref) json_t *secret = NULL;
	const char *text, *type;
	int rc = cryo_kube_get(k, &ref, &secret, err);

	if (rc < 0)
		return rc;
	if (!secret) {
		cryo_err_set(err, CRYO_E_REMOTE, "no secret '%s' in namespace '%s'", name, ns);
		err->http_code = 404;
		return -(int)CRYO_E_REMOTE;
	}
	type = cryo_json_str(secret, "type");
	if (!cryo_streq(type, "kubernetes.io/tls"))
		return cryo_err_set(err, CRYO_E_CONFIG,
				    "secret '%s' is of type '%s', not kubernetes.io/tls", name,
				    type ? type : "");
	text = json_string_value(json_object_get(json_object_get(secret, "data"), key));
	if (!text || !cryo_base64_decode(text, out))
		return cryo_err_set(err, CRYO_E_CONFIG, "secret '%s' has no '%s'", name, key);
	return 0;
}

/* Names of lock files, and what lies below the node's path.run while they are held. */
static const struct sealing_kind {
	const char *lock, *file;
	const char *endings[5];
	bool calls; /* named after a container, which may have been left frozen */
} kinds[] = {
	{ ".call-", "calls/", { "", ".crt", NULL }, true },
	{ ".key-", "restore-", { ".call", ".key", ".crt", ".log", NULL }, false },
};
#define LOCK_ENDING ".lock"

/* ".call-NODE.ID.lock": a node is swept of its own only. */
static char *name_node_lock(const struct cryo_cluster *t, const struct sealing_kind *k,
			    const struct cryo_cluster_node *node, const char *id)
{
	return cryo_asprintf("%s/%s%s.%s" LOCK_ENDING, t->dir, k->lock, node->name, id);
}

/* The id of a lock of that kind and node; NULL: it is another's. Caller frees. */
static char *read_lock_id(const char *lock_name, const struct sealing_kind *k,
			  const struct cryo_cluster_node *node)
{
	cryo_auto(cryo_free) char *head = cryo_asprintf("%s%s.", k->lock, node->name);
	const char *id = lock_name + strlen(head);
	size_t n;

	if (!cryo_starts_with(lock_name, head) || !cryo_ends_with(id, LOCK_ENDING))
		return NULL;
	n = strlen(id) - strlen(LOCK_ENDING);
	/* Else the name of the node only begins alike. */
	return n > 0 && strcspn(id, ".") == n ? cryo_strndup(id, n) : NULL;
}

static void sweep_sealing_kind(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			       const struct sealing_kind *k, const char *id)
{
	cryo_auto(cryo_free) char *lock = name_node_lock(t, k, node, id);
	struct cryo_err ignored = CRYO_ERR_INIT;
	int fd = -1, rc = 0;

	if (cryo_lock_take(lock, 0, &fd, &ignored) < 0)
		return;
	if (k->calls)
		cryo_settle_container(t, node, id, true);
	for (size_t i = 0; rc == 0 && k->endings[i]; i++) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s/%s%s%s", node->path.run, k->file, id, k->endings[i]);

		rc = cryo_nodefile_remove(t, node, path, &ignored);
	}
	if (rc == 0)
		cryo_lock_remove(lock, &fd);
	else
		cryo_fd_closep(&fd);
}

void cryo_sealing_sweep(struct cryo_cluster *t, const struct cryo_cluster_node *node)
{
	DIR *d = opendir(t->dir);

	for (struct dirent *e; d && (e = readdir(d));)
		for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++) {
			cryo_auto(cryo_free) char *id = read_lock_id(e->d_name, &kinds[i], node);

			if (id)
				sweep_sealing_kind(t, node, &kinds[i], id);
		}
	if (d)
		closedir(d);
}

static int check_sealing_cert(const char *pem, size_t len, struct cryo_err *err)
{
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;

	return cryo_seal_cert_parse("the certificate", pem, len, CRYO_SEAL_ENCRYPT, &cert, err);
}

static int lock_sealed_container(struct cryo_sealing_call *c, const char *id, int64_t wait_ms,
				 struct cryo_err *err)
{
	if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
		return cryo_err_set(err, CRYO_E_REMOTE, "'%s' is not a container ID", id);
	c->lock = name_node_lock(c->target, &kinds[0], c->node, id);
	return cryo_lock_take(c->lock, wait_ms, &c->lock_fd, err);
}

/* The wish itself last: it is what the interposer looks for. */
static int put_sealing_wish(struct cryo_sealing_call *c, const char *id, const char *cert_pem,
			    size_t len, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *config = NULL;
	int rc = cryo_nodefile_dir(c->target, c->node, "calls", err);

	c->config = cryo_asprintf("%s/calls/%s", c->node->path.run, id);
	c->cert = cryo_asprintf("%s.crt", c->config);
	config = cryo_asprintf("encrypt\ntls-cert %s\n", c->cert);
	if (rc == 0)
		rc = cryo_cluster_put_data(c->target, c->node, cert_pem, len, c->cert, err);
	return rc < 0 ? rc
		      : cryo_cluster_put_data(c->target, c->node, config, strlen(config), c->config,
					      err);
}

int cryo_sealing_call_begin(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			    const char *container_id, const char *cert_pem, size_t len,
			    struct cryo_sealing_call *out, struct cryo_err *err)
{
	int rc = cert_pem ? check_sealing_cert(cert_pem, len, err) : 0;

	*out = (struct cryo_sealing_call){ .target = t, .node = node, .lock_fd = -1 };
	if (rc == 0)
		rc = lock_sealed_container(out, container_id, CALL_WAIT_MS, err);
	if (rc == 0 && cert_pem)
		rc = put_sealing_wish(out, container_id, cert_pem, len, err);
	if (rc < 0)
		cryo_sealing_call_end(out);
	return rc;
}

/* A wish that is there already is written anew with them. */
int cryo_sealing_call_options(struct cryo_sealing_call *c, const char *container_id,
			      const char *lines, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *text =
	    cryo_asprintf("%s%s%s%s", c->cert ? "encrypt\ntls-cert " : "", c->cert ? c->cert : "",
			  c->cert ? "\n" : "", lines);
	int rc;

	if (c->lock_fd < 0)
		return cryo_err_set(err, CRYO_E_TIMEOUT,
				    "another checkpoint of this container is in progress");
	rc = cryo_nodefile_dir(c->target, c->node, "calls", err);
	if (!c->config)
		c->config = cryo_asprintf("%s/calls/%s", c->node->path.run, container_id);
	return rc < 0
		   ? rc
		   : cryo_cluster_put_data(c->target, c->node, text, strlen(text), c->config, err);
}

void cryo_sealing_call_try(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			   const char *container_id, struct cryo_sealing_call *out)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	*out = (struct cryo_sealing_call){ .target = t, .node = node, .lock_fd = -1 };
	lock_sealed_container(out, container_id, 0, &ignored);
}

/* *path is gone from the node, or *left says that it may be there still. */
static void remove_sealing_file(struct cryo_cluster *t, const struct cryo_cluster_node *node,
				char **path, bool *left)
{
	struct cryo_err ignored = CRYO_ERR_INIT;

	if (*path && cryo_nodefile_remove(t, node, *path, &ignored) < 0)
		*left = true;
	free(cryo_steal(path));
}

/* While it is there a later sweep looks for what may be left. */
static void end_sealing_lock(char **lock, int *fd, bool left)
{
	if (*lock && *fd >= 0 && !left)
		cryo_lock_remove(*lock, fd);
	cryo_fd_closep(fd);
	free(cryo_steal(lock));
}

void cryo_sealing_call_withdraw(struct cryo_sealing_call *c)
{
	remove_sealing_file(c->target, c->node, &c->config, &c->left);
	remove_sealing_file(c->target, c->node, &c->cert, &c->left);
}

void cryo_sealing_call_end(struct cryo_sealing_call *c)
{
	cryo_sealing_call_withdraw(c);
	if (c->lock)
		end_sealing_lock(&c->lock, &c->lock_fd, c->left);
	*c = (struct cryo_sealing_call){ .lock_fd = -1 };
}

static int put_key_in_node(struct cryo_sealing_key *k, const struct cryo_str *pem,
			   struct cryo_err *err)
{
	int rc;

	k->lock = name_node_lock(k->target, &kinds[1], k->node, k->token);
	rc = cryo_lock_take(k->lock, 0, &k->lock_fd, err);
	if (rc == 0)
		rc = cryo_nodefile_dir(k->target, k->node, NULL, err);
	if (rc < 0)
		return rc;
	k->key = cryo_asprintf("%s/restore-%s.key", k->node->path.run, k->token);
	return cryo_cluster_put_data(k->target, k->node, pem->p, pem->len, k->key, err);
}

int cryo_sealing_key_begin(struct cryo_cluster *t, const struct cryo_cluster_node *node,
			   const struct cryo_str *key_pem, const struct cryo_str *cert_pem,
			   struct cryo_sealing_key *out, struct cryo_err *err)
{
	int rc;

	*out = (struct cryo_sealing_key){ .target = t, .node = node, .lock_fd = -1 };
	rc = cryo_nodefile_token(&out->token, err);
	if (rc == 0 && key_pem->len > 0)
		rc = put_key_in_node(out, key_pem, err);
	if (rc == 0 && cert_pem->len > 0) {
		out->cert = cryo_asprintf("%s/restore-%s.crt", node->path.run, out->token);
		rc = cryo_cluster_put_data(t, node, cert_pem->p, cert_pem->len, out->cert, err);
	}
	if (rc < 0)
		cryo_sealing_key_end(out);
	return rc;
}

int cryo_sealing_key_bind(struct cryo_sealing_key *k, const char *pod_uid, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };

	if (!k->key)
		return 0;
	k->call = cryo_asprintf("%s/restore-%s.call", k->node->path.run, k->token);
	cryo_str_addf(&text, "pod-uid %s\n" CRYO_SEALING_KEY_WORDS "tls-key %s\n", pod_uid, k->key);
	if (k->cert)
		cryo_str_addf(&text, "tls-cert %s\n", k->cert);
	return cryo_cluster_put_data(k->target, k->node, text.p, text.len, k->call, err);
}

void cryo_sealing_key_end(struct cryo_sealing_key *k)
{
	bool left = false;

	remove_sealing_file(k->target, k->node, &k->call, &left);
	remove_sealing_file(k->target, k->node, &k->key, &left);
	remove_sealing_file(k->target, k->node, &k->cert, &left);
	if (k->lock)
		end_sealing_lock(&k->lock, &k->lock_fd, left);
	free(k->token);
	*k = (struct cryo_sealing_key){ .lock_fd = -1 };
}

static void sealing_on_member_line(const char *line, int stream, void *arg)
{
	/* Ours, or that of a CRIU that encrypts by itself. */
	if (stream == 1 && (strcmp(line, "checkpoint/seal.cms") == 0 ||
			    strcmp(line, "checkpoint/cipher.img") == 0))
		*(bool *)arg = true;
}

int cryo_sealing_check(struct cryo_cluster *t, const struct cryo_cluster_node *node,
		       const char *archive, struct cryo_err *err)
{
	/* Colons in the name are no host. */
	const char *const argv[] = { "tar", "--force-local", "-tf", archive, NULL };
	bool found = false;
	const struct cryo_exec x = { .argv = argv,
				     .timeout_ms = LIST_MS,
				     .on_line = sealing_on_member_line,
				     .on_line_arg = &found };
	int rc = cryo_cluster_exec(t, node, &x, NULL, err);

	return rc < 0 ? rc : found;
}
