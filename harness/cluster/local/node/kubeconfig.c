/* SPDX-License-Identifier: Apache-2.0 */
/* The ways in: of a node's services, and of the cluster's owner. */
#include "cluster/local/local.h"

#include "conf/yaml.h"
#include "sys/fs.h"

#include <stdlib.h>

static json_t *make_kubeconfig(const char *context, const char *server, json_t *cluster,
			       json_t *user)
{
	json_object_set_new(cluster, "server", json_string(server));
	return json_pack("{ss ss s[{ss so}] s[{ss so}] s[{ss s{ss ss}}] ss}", "apiVersion", "v1",
			 "kind", "Config", "clusters", "name", context, "cluster", cluster, "users",
			 "name", context, "user", user, "contexts", "name", context, "context",
			 "cluster", context, "user", context, "current-context", context);
}

/* For a service in the node: names the files, so that no key is copied once more. */
static int write_service_kubeconfig(const struct local_node *n, const char *service,
				    const char *pair, struct cryo_err *err)
{
	cryo_auto(cryo_free) char *path = cryo_asprintf("/etc/kubernetes/%s.conf", service);
	cryo_auto(cryo_free) char *cert = cryo_asprintf("/etc/kubernetes/pki/%s.crt", pair);
	cryo_auto(cryo_free) char *key = cryo_asprintf("/etc/kubernetes/pki/%s.key", pair);
	cryo_auto(cryo_free) char *server =
	    cryo_asprintf("https://%s:%d", n->control ? "127.0.0.1" : n->gateway, LOCAL_API_PORT);
	cryo_auto(cryo_str_release) struct cryo_str text = { 0 };
	json_t *config = make_kubeconfig(
	    "local", server,
	    json_pack("{ss}", "certificate-authority", "/etc/kubernetes/pki/ca.crt"),
	    json_pack("{ss ss}", "client-certificate", cert, "client-key", key));

	cryo_yaml_emit(config, &text);
	json_decref(config);
	return local_node_file(n, path, 0600, &text, err);
}

int local_kubeconfigs_write(const struct local *l, const struct local_node *n, struct cryo_err *err)
{
	const struct {
		const char *service, *user;
		bool everywhere, net;
	} users[] = {
		{ "kubelet", n->name, true, false },
		{ "controller-manager", "controller-manager", false, false },
		{ "scheduler", "scheduler", false, false },
		{ "admin", "admin", false, false },
		{ "kube-proxy", "kube-proxy", true, true },
		{ "coredns", "coredns", false, true },
	};
	int rc = 0;

	(void)l;
	for (size_t i = 0; rc == 0 && i < CRYO_ARRAY_LEN(users); i++)
		if ((n->control || users[i].everywhere) && (n->services || !users[i].net))
			rc = write_service_kubeconfig(n, users[i].service, users[i].user, err);
	return rc;
}

static void set_base64_member(json_t *object, const char *key, const struct cryo_str *pem)
{
	cryo_auto(cryo_free) char *text = cryo_base64(pem->p, pem->len);

	json_object_set_new(object, key, json_string(text));
}

int local_kubeconfig_write(const struct local *l, unsigned port, struct cryo_err *err)
{
	cryo_auto(cryo_str_release) struct cryo_str ca = { 0 }, cert = { 0 }, key = { 0 },
						    text = { 0 };
	cryo_auto(cryo_free) char *context = cryo_asprintf("cryopod-%s", l->base.name);
	cryo_auto(cryo_free) char *server = cryo_asprintf("https://127.0.0.1:%u", port);
	json_t *cluster = json_object(), *user = json_object(), *config;
	int rc = local_certs_read(l, "ca.crt", &ca, err);

	if (rc == 0)
		rc = local_certs_read(l, "admin.crt", &cert, err);
	if (rc == 0)
		rc = local_certs_read(l, "admin.key", &key, err);
	set_base64_member(cluster, "certificate-authority-data", &ca);
	set_base64_member(user, "client-certificate-data", &cert);
	set_base64_member(user, "client-key-data", &key);
	config = make_kubeconfig(context, server, cluster, user);
	cryo_yaml_emit(config, &text);
	json_decref(config);
	return rc < 0 ? rc : cryo_fs_write(l->base.kubeconfig, text.p, text.len, 0600, err);
}
