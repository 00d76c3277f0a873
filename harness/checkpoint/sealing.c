/* SPDX-License-Identifier: Apache-2.0 */
#include "checkpoint/sealing.h"

#include "conf/json.h"
#include "seal/cert.h"
#include "sys/fs.h"
#include "sys/lock.h"
#include "checkpoint/nodefile.h"

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

/* Names of lock files, and what lies on the node while they are held. */
static const struct kind {
	const char *lock, *file;
	const char *endings[4];
} kinds[] = {
	{ ".call-", CRYO_NODEFILE_DIR "/calls/", { "", ".crt", NULL } },
	{ ".key-", CRYO_NODEFILE_DIR "/restore-", { ".key", ".crt", ".log", NULL } },
};
#define LOCK_ENDING ".lock"

static void sweep_sealing_kind(struct cryo_cluster *t, const char *node, const struct kind *k,
			       const char *lock_name)
{
	cryo_auto(cryo_free) char *lock = cryo_asprintf("%s/%s", t->dir, lock_name);
	const char *name = lock_name + strlen(k->lock);
	int n = (int)(strlen(name) - strlen(LOCK_ENDING)), fd = -1;
	struct cryo_err ignored;

	if (cryo_lock_take(lock, 0, &fd, &ignored) < 0)
		return;
	for (size_t i = 0; k->endings[i]; i++) {
		cryo_auto(cryo_free) char *path =
		    cryo_asprintf("%s%.*s%s", k->file, n, name, k->endings[i]);

		cryo_nodefile_remove(t, node, path);
	}
	cryo_lock_remove(lock, &fd);
}

void cryo_sealing_sweep(struct cryo_cluster *t, const char *node)
{
	DIR *d = opendir(t->dir);

	for (struct dirent *e; d && (e = readdir(d));)
		for (size_t i = 0; i < CRYO_ARRAY_LEN(kinds); i++)
			if (cryo_starts_with(e->d_name, kinds[i].lock) &&
			    cryo_ends_with(e->d_name, LOCK_ENDING))
				sweep_sealing_kind(t, node, &kinds[i], e->d_name);
	if (d)
		closedir(d);
}

static int check_sealing_cert(const char *pem, size_t len, struct cryo_err *err)
{
	cryo_auto(cryo_seal_cert_free) struct cryo_seal_cert *cert = NULL;

	return cryo_seal_cert_parse("the certificate", pem, len, CRYO_SEAL_ENCRYPT, &cert, err);
}

static int lock_sealed_container(struct cryo_sealing_call *c, const char *id, struct cryo_err *err)
{
	if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
		return cryo_err_set(err, CRYO_E_REMOTE, "'%s' is no id of a container", id);
	c->lock = cryo_asprintf("%s/.call-%s" LOCK_ENDING, c->target->dir, id);
	return cryo_lock_take(c->lock, CALL_WAIT_MS, &c->lock_fd, err);
}

int cryo_sealing_call_begin(struct cryo_cluster *t, const char *node, const char *container_id,
			    const char *cert_pem, size_t len, struct cryo_sealing_call *out,
			    struct cryo_err *err)
{
	cryo_auto(cryo_free) char *config = NULL;
	int rc = cert_pem ? check_sealing_cert(cert_pem, len, err) : 0;

	*out = (struct cryo_sealing_call){ .target = t, .lock_fd = -1 };
	if (rc == 0)
		rc = lock_sealed_container(out, container_id, err);
	if (rc < 0)
		cryo_sealing_call_end(out);
	if (rc < 0 || !cert_pem)
		return rc;
	out->node = cryo_strdup(node);
	out->config = cryo_asprintf(CRYO_NODEFILE_DIR "/calls/%s", container_id);
	out->cert = cryo_asprintf("%s.crt", out->config);
	config = cryo_asprintf("encrypt\ntls-cert %s\n", out->cert);
	rc = cryo_nodefile_dir(t, node, CRYO_NODEFILE_DIR "/calls", err);
	if (rc == 0)
		rc = cryo_nodefile_put(t, node, cert_pem, len, out->cert, err);
	/* Last: it is what the interposer looks for. */
	if (rc == 0)
		rc = cryo_nodefile_put(t, node, config, strlen(config), out->config, err);
	if (rc < 0)
		cryo_sealing_call_end(out);
	return rc;
}

void cryo_sealing_call_withdraw(struct cryo_sealing_call *c)
{
	if (c->config)
		cryo_nodefile_remove(c->target, c->node, c->config);
	if (c->cert)
		cryo_nodefile_remove(c->target, c->node, c->cert);
	free(cryo_steal(&c->config));
	free(cryo_steal(&c->cert));
}

void cryo_sealing_call_end(struct cryo_sealing_call *c)
{
	cryo_sealing_call_withdraw(c);
	if (c->lock && c->lock_fd >= 0)
		cryo_lock_remove(c->lock, &c->lock_fd);
	free(c->node);
	free(c->lock);
	*c = (struct cryo_sealing_call){ .lock_fd = -1 };
}

static int put_key_in_node(struct cryo_sealing_key *k, const struct cryo_str *pem,
			   struct cryo_err *err)
{
	int rc;

	k->lock = cryo_asprintf("%s/.key-%s" LOCK_ENDING, k->target->dir, k->token);
	rc = cryo_lock_take(k->lock, 0, &k->lock_fd, err);
	if (rc == 0)
		rc = cryo_nodefile_dir(k->target, NULL, CRYO_NODEFILE_DIR, err);
	if (rc < 0)
		return rc;
	k->key = cryo_asprintf(CRYO_NODEFILE_DIR "/restore-%s.key", k->token);
	return cryo_nodefile_put(k->target, NULL, pem->p, pem->len, k->key, err);
}

int cryo_sealing_key_begin(struct cryo_cluster *t, const struct cryo_str *key_pem,
			   const struct cryo_str *cert_pem, struct cryo_sealing_key *out,
			   struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str words = { 0 };
	int rc;

	*out = (struct cryo_sealing_key){ .target = t, .lock_fd = -1 };
	rc = cryo_nodefile_token(&out->token, err);
	if (rc == 0 && key_pem->len > 0) {
		rc = put_key_in_node(out, key_pem, err);
		cryo_str_addf(&words, "tls-key %s\n", out->key ? out->key : "");
	}
	if (rc == 0 && cert_pem->len > 0) {
		out->cert = cryo_asprintf(CRYO_NODEFILE_DIR "/restore-%s.crt", out->token);
		cryo_str_addf(&words, "tls-cert %s\n", out->cert);
		rc = cryo_nodefile_put(t, NULL, cert_pem->p, cert_pem->len, out->cert, err);
	}
	out->words = cryo_str_detach(&words);
	if (rc < 0)
		cryo_sealing_key_end(out);
	return rc;
}

void cryo_sealing_key_end(struct cryo_sealing_key *k)
{
	if (k->key)
		cryo_nodefile_remove(k->target, NULL, k->key);
	if (k->cert)
		cryo_nodefile_remove(k->target, NULL, k->cert);
	if (k->lock && k->lock_fd >= 0)
		cryo_lock_remove(k->lock, &k->lock_fd);
	free(k->token);
	free(k->key);
	free(k->cert);
	free(k->lock);
	free(k->words);
	*k = (struct cryo_sealing_key){ .lock_fd = -1 };
}

static void sealing_on_member_line(const char *line, int stream, void *arg)
{
	/* Ours, or that of a CRIU that encrypts by itself. */
	if (stream == 1 && (strcmp(line, "checkpoint/seal.cms") == 0 ||
			    strcmp(line, "checkpoint/cipher.img") == 0))
		*(bool *)arg = true;
}

int cryo_sealing_check(struct cryo_cluster *t, const char *node, const char *archive,
		       struct cryo_err *err)
{
	/* Colons in the name are no host. */
	const char *const argv[] = { "tar", "--force-local", "-tf", archive, NULL };
	bool found = false;
	struct cryo_proc p = { .argv = argv,
			       .timeout_ms = LIST_MS,
			       .on_line = sealing_on_member_line,
			       .on_line_arg = &found };
	int rc = t->ops->exec(t, node, &p, NULL, err);

	return rc < 0 ? rc : found;
}
