/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/local/local.h"

#include "net/pki.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PEM 65536

/* Source of the subjects: Kubernetes "PKI certificates and requirements". */
struct cert {
	const char *file; /* <file>.crt and <file>.key */
	const char *cn, *org;
	bool server, client;
};

static const struct cert certs[] = {
	{ "apiserver", "kube-apiserver", NULL, true, false },
	{ "apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters", false,
	  true },
	{ "admin", "kubernetes-admin", "system:masters", false, true },
	{ "controller-manager", "system:kube-controller-manager", NULL, false, true },
	{ "scheduler", "system:kube-scheduler", NULL, false, true },
	{ "kube-proxy", "system:kube-proxy", NULL, false, true },
	{ "coredns", "system:coredns", NULL, false, true },
};

static int write_pem_file(const char *dir, const char *file, const char *ext, const char *pem,
			  struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/%s.%s", dir, file, ext);

	return cryo_fs_write(path, pem, strlen(pem), 0600, err);
}

static int write_cert_pair(const char *dir, const char *file, const char *cert_ext,
			   const struct cryo_pki_pair *pair, struct cryo_err *err)
{
	int rc = write_pem_file(dir, file, cert_ext, pair->cert_pem, err);

	return rc < 0 ? rc : write_pem_file(dir, file, "key", pair->key_pem, err);
}

static int issue_cert_pair(const struct cryo_pki_pair *ca, const char *dir, const char *file,
			   const struct cryo_pki_spec *spec, struct cryo_err *err)
{
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair pair = { 0 };
	int rc = cryo_pki_issue(ca, spec, &pair, err);

	return rc < 0 ? rc : write_cert_pair(dir, file, "crt", &pair, err);
}

static int issue_cluster_certs(const struct local *l, const struct cryo_pki_pair *ca,
			       const char *dir, struct cryo_err *err)
{
	const char *const dns[] = { "kubernetes",
				    "kubernetes.default",
				    "kubernetes.default.svc",
				    "kubernetes.default.svc.cluster.local",
				    "localhost",
				    l->node->name,
				    NULL };
	const char *const ip[] = { "127.0.0.1", LOCAL_SERVICE_IP, l->node->ip, NULL };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(certs); i++) {
		const struct cert *c = &certs[i];
		struct cryo_pki_spec spec = {
			.cn = c->cn, .org = c->org, .server = c->server, .client = c->client
		};

		if (c->server) {
			spec.dns = dns;
			spec.ip = ip;
		}
		rc = issue_cert_pair(ca, dir, c->file, &spec, err);
	}
	return rc;
}

/* A kubelet shows the same certificate to the API server and to those who call it. */
static int issue_node_cert(const struct local_node *n, const struct cryo_pki_pair *ca,
			   const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *cn = cryo_asprintf("system:node:%s", n->name);
	const char *const dns[] = { n->name, "localhost", NULL };
	const char *const ip[] = { n->ip, "127.0.0.1", NULL };
	struct cryo_pki_spec spec = { .cn = cn,
				      .org = "system:nodes",
				      .dns = dns,
				      .ip = ip,
				      .server = true,
				      .client = true };

	return issue_cert_pair(ca, dir, n->name, &spec, err);
}

static int make_cluster_pki(const struct local *l, const char *dir, struct cryo_err *err)
{
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair ca = { 0 }, sa = { 0 };
	cryo_auto(cryo_free) char *cn = cryo_asprintf("cryopod-%s", l->base.name);
	int rc = cryo_pki_ca(cn, &ca, err);

	if (rc == 0)
		rc = write_cert_pair(dir, "ca", "crt", &ca, err);
	if (rc == 0)
		rc = cryo_pki_keypair(&sa, err);
	if (rc == 0)
		rc = write_cert_pair(dir, "sa", "pub", &sa, err);
	if (rc == 0)
		rc = issue_cluster_certs(l, &ca, dir, err);
	return rc < 0 ? rc : issue_node_cert(l->node, &ca, dir, err);
}

int local_certs_make(const struct local *l, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/pki", l->base.dir);
	cryo_auto(cryo_free) char *tmp = cryo_asprintf("%s/pki.new", l->base.dir);
	int rc;

	if (cryo_fs_is_dir(dir))
		return 0;
	rc = cryo_fs_rmtree(tmp, err);
	if (rc == 0)
		rc = cryo_fs_mkdirs(tmp, 0700, err);
	if (rc == 0)
		rc = make_cluster_pki(l, tmp, err);
	if (rc == 0 && rename(tmp, dir) < 0)
		rc = cryo_err_sys(err, errno, "cannot make '%s'", dir);
	return cryo_err_wrap(err, rc, "certificates");
}

static int load_cluster_ca(const struct local *l, struct cryo_pki_pair *out, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str cert = { 0 }, key = { 0 };
	int rc = local_certs_read(l, "ca.crt", &cert, err);

	if (rc == 0)
		rc = local_certs_read(l, "ca.key", &key, err);
	if (rc < 0)
		return rc;
	out->cert_pem = cryo_str_detach(&cert);
	out->key_pem = cryo_str_detach(&key);
	return 0;
}

int local_certs_add_node(const struct local *l, const struct local_node *n, struct cryo_err *err)
{
	cryo_auto(cryo_pki_pair_release) struct cryo_pki_pair ca = { 0 };
	cryo_auto(cryo_free) char *dir = cryo_asprintf("%s/pki", l->base.dir);
	cryo_auto(cryo_free) char *cert = cryo_asprintf("%s/%s.crt", dir, n->name);
	cryo_auto(cryo_free) char *key = cryo_asprintf("%s/%s.key", dir, n->name);
	int rc;

	/* The key is written last. */
	if (cryo_fs_exists(cert) && cryo_fs_exists(key))
		return 0;
	rc = load_cluster_ca(l, &ca, err);
	if (rc == 0)
		rc = issue_node_cert(n, &ca, dir, err);
	return cryo_err_wrap(err, rc, "certificate of node '%s'", n->name);
}

bool local_certs_over(const char *dir)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/pki/apiserver.crt", dir);
	cryo_auto(cryo_str_release) struct cryo_str pem = { 0 };
	struct cryo_err ignored = CRYO_ERR_INIT;
	int64_t left;

	return cryo_fs_read(path, MAX_PEM, &pem, &ignored) == 0 &&
	       cryo_pki_expires_in(cryo_str_get(&pem), &left, &ignored) == 0 && left <= 0;
}

int local_certs_read(const struct local *l, const char *file, struct cryo_str *out,
		     struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("%s/pki/%s", l->base.dir, file);

	return cryo_fs_read(path, MAX_PEM, out, err);
}
