/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API server has to know of CoreDNS: its right to read, and where it
 * listens. kube-proxy's role and binding are the API server's own.
 */
#include "cluster/local/local.h"

#include <jansson.h>

#define ROLE "system:coredns"

static json_t *make_dns_role(void)
{
	return json_pack("{ss ss s{ss} s[{s[s] s[sss] s[ss]}{s[s] s[s] s[ss]}]}", "apiVersion",
			 "rbac.authorization.k8s.io/v1", "kind", "ClusterRole", "metadata", "name",
			 ROLE, "rules", "apiGroups", "", "resources", "services", "namespaces",
			 "pods", "verbs", "list", "watch", "apiGroups", "discovery.k8s.io",
			 "resources", "endpointslices", "verbs", "list", "watch");
}

static json_t *make_dns_binding(void)
{
	return json_pack("{ss ss s{ss} s{ss ss ss} s[{ss ss ss}]}", "apiVersion",
			 "rbac.authorization.k8s.io/v1", "kind", "ClusterRoleBinding", "metadata",
			 "name", ROLE, "roleRef", "apiGroup", "rbac.authorization.k8s.io", "kind",
			 "ClusterRole", "name", ROLE, "subjects", "apiGroup",
			 "rbac.authorization.k8s.io", "kind", "User", "name", ROLE);
}

/* Name and labels are those that every cluster has: programs look for them. */
static json_t *make_dns_service(void)
{
	return json_pack("{ss ss s{ss ss s{ss ss ss}} s{ss s[{ss ss si si}{ss ss si si}]}}",
			 "apiVersion", "v1", "kind", "Service", "metadata", "name", "kube-dns",
			 "namespace", "kube-system", "labels", "k8s-app", "kube-dns",
			 "kubernetes.io/name", "CoreDNS", "kubernetes.io/cluster-service", "true",
			 "spec", "clusterIP", LOCAL_DNS_IP, "ports", "name", "dns", "protocol",
			 "UDP", "port", 53, "targetPort", LOCAL_DNS_PORT, "name", "dns-tcp",
			 "protocol", "TCP", "port", 53, "targetPort", LOCAL_DNS_PORT);
}

/* No pods: the Service has no selector, and what is behind it is said by us. */
static json_t *make_dns_endpoints(const struct local_node *n)
{
	return json_pack("{ss ss s{ss ss s{ss ss}} ss s[{s[s] s{sb} ss}] s[{ss ss si}{ss ss si}]}",
			 "apiVersion", "discovery.k8s.io/v1", "kind", "EndpointSlice", "metadata",
			 "name", "kube-dns", "namespace", "kube-system", "labels",
			 "kubernetes.io/service-name", "kube-dns",
			 "endpointslice.kubernetes.io/managed-by", "cryopod", "addressType", "IPv4",
			 "endpoints", "addresses", n->ip, "conditions", "ready", 1, "nodeName",
			 n->name, "ports", "name", "dns", "protocol", "UDP", "port", LOCAL_DNS_PORT,
			 "name", "dns-tcp", "protocol", "TCP", "port", LOCAL_DNS_PORT);
}

int local_net_objects(struct local *l, struct cryo_kube *k, struct cryo_err *err)
{
	json_t *object[] = { make_dns_role(), make_dns_binding(), make_dns_service(),
			     make_dns_endpoints(l->node) };
	struct cryo_err why = CRYO_ERR_INIT;
	enum cryo_kube_change change;
	int rc = 0;

	for (size_t i = 0; i < CRYO_ARRAY_LEN(object); i++) {
		if (rc == 0)
			rc = cryo_kube_apply(k, object[i], NULL, &change, &why);
		json_decref(object[i]);
	}
	/* The API server makes its namespaces after it called itself ready. */
	if (rc < 0 && why.http_code == 404)
		return 1;
	if (rc < 0)
		*err = why;
	return cryo_err_wrap(err, rc, "DNS");
}
